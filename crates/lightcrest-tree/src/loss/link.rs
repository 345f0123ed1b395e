//! From raw scores to predictions.

use serde::{Deserialize, Serialize};

/// How raw scores become predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// The score itself.
    Identity,
    /// eᶠ.
    Exponential,
    /// 1 / (1 + e⁻ᶠ): the probability of the second class.
    Logistic,
    /// eᶠ over their sum: probabilities of classes.
    Softmax,
    /// The score within \[0, 1\]: the probability of the second class.
    Probability,
    /// Scores of at least 0 over their sum: probabilities of classes.
    Shares,
}

impl Link {
    /// Turns the scores of a row into predictions, in place.
    pub fn apply(self, scores: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::Exponential => scores.iter_mut().for_each(|f| *f = f.exp()),
            Self::Logistic => scores.iter_mut().for_each(|f| *f = 1.0 / (1.0 + (-*f).exp())),
            Self::Probability => scores.iter_mut().for_each(|f| *f = f.clamp(0.0, 1.0)),
            Self::Softmax => {
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                scores.iter_mut().for_each(|f| *f = (*f - largest).exp());
                normalise(scores);
            }
            Self::Shares => {
                scores.iter_mut().for_each(|f| *f = f.max(0.0));
                normalise(scores);
            }
        }
    }
}

/// Divides by the sum; equal shares where it is 0.
fn normalise(scores: &mut [f64]) {
    let sum: f64 = scores.iter().sum();
    let equal = 1.0 / scores.len() as f64;
    scores.iter_mut().for_each(|f| *f = if sum > 0.0 { *f / sum } else { equal });
}

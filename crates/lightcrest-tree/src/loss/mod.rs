//! What is minimised: losses with their derivatives in the raw score, the score to begin with, and how scores
//! become predictions.
//!
//! | loss | ℓ(y, F) | g | h | begins at | prediction |
//! |---|---|---|---|---|---|
//! | squared | (F - y)² / 2 | F - y | 1 | mean | F |
//! | Huber | (F - y)² / 2 if \|F - y\| ≤ δ, else δ (\|F - y\| - δ/2) | F - y within ±δ | 1 | mean | F |
//! | Poisson | eᶠ - y F | eᶠ - y | eᶠ⁺⁰·⁷ | log mean | eᶠ |
//! | quantile | max(τ (y - F), (τ - 1) (y - F)) | 1\[F ≥ y\] - τ | 1 | quantile | F |
//! | logistic | log(1 + eᶠ) - y F | p - y | p (1 - p) | log odds | p = 1 / (1 + e⁻ᶠ) |
//! | softmax | -log p_y | p_k - 1\[y = k\] | K/(K - 1) p_k (1 - p_k) | log shares | p = softmax(F) |
//!
//! Sources: Friedman 2001 (sections 4.1 to 4.6; leaves of a quantile are renewed by line search, algorithm
//! 3); the factor of softmax's hessian is Friedman's (K - 1)/K (algorithm 6); Poisson's hessian is enlarged
//! against steps that are too long, as LightGBM's `poisson_max_delta_step`. In a forest, classes are learned
//! by the squared error of their indicators.

mod link;
mod quantile;

use serde::{Deserialize, Serialize};

use crate::{Mode, TreeError};

pub use link::Link;
use quantile::quantile;

/// Added to F in Poisson's hessian.
const POISSON_STEP: f64 = 0.7;

/// Shares of classes and means of counts stay above it where a logarithm is taken.
const SMALL: f64 = 1e-15;

/// Targets beyond it would leave the range of f32 gradients.
const LARGE: f64 = 1e30;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Loss {
    /// Half the squared error: predicts the mean.
    Squared,
    /// Squared up to an error of `delta`, absolute beyond: less moved by outliers.
    Huber {
        /// δ > 0, in the target's unit.
        delta: f64,
    },
    /// Of counts: targets are at least 0, predictions above.
    Poisson,
    /// Predicts a quantile.
    Quantile {
        /// τ in (0, 1).
        level: f64,
    },
    /// Two classes: targets are 0 or 1.
    Logistic,
    /// Several classes: targets are 0, 1, ..., `classes` - 1.
    Softmax {
        /// K ≥ 2.
        classes: usize,
    },
}

/// Targets and weights of rows.
#[derive(Clone, Copy)]
pub(crate) struct Targets<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) weights: Option<&'a [f32]>,
}

impl Targets<'_> {
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| f64::from(weights[row]))
    }

    fn mean(&self, rows: &[u32], value: impl Fn(f64) -> f64) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for &row in rows {
            let (row, weight) = (row as usize, self.weight(row as usize));
            sum += weight * value(self.values[row]);
            total += weight;
        }
        sum / total
    }
}

impl Loss {
    /// Whether targets are classes.
    #[must_use]
    pub fn is_classification(&self) -> bool {
        matches!(self, Self::Logistic | Self::Softmax { .. })
    }

    /// Raw scores of a row: trees of a round.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self {
            Self::Softmax { classes } => *classes,
            _ => 1,
        }
    }

    /// How raw scores become predictions.
    pub(crate) fn link(&self, mode: Mode) -> Link {
        match (self, mode) {
            (Self::Logistic, Mode::Boosting) => Link::Logistic,
            (Self::Softmax { .. }, Mode::Boosting) => Link::Softmax,
            (Self::Poisson, Mode::Boosting) => Link::Exponential,
            (Self::Logistic, Mode::Forest) => Link::Probability,
            (Self::Softmax { .. }, Mode::Forest) => Link::Shares,
            _ => Link::Identity,
        }
    }

    pub(crate) fn check(&self) -> Result<(), TreeError> {
        let error = |name, value, needs| Err(TreeError::Setting { name, value, needs });
        match *self {
            Self::Huber { delta } if !(delta > 0.0 && delta.is_finite()) => {
                error("delta", delta, "finite and above 0")
            }
            Self::Quantile { level } if !(level > 0.0 && level < 1.0) => {
                error("level", level, "above 0 and below 1")
            }
            Self::Softmax { classes } if !(2..=65_535).contains(&classes) => {
                error("classes", classes as f64, "in 2..=65535")
            }
            _ => Ok(()),
        }
    }

    /// Refuses targets that the loss is not defined for.
    pub(crate) fn check_targets(&self, targets: &[f64], rows: &[u32]) -> Result<(), TreeError> {
        let needs = match self {
            Self::Logistic => "0 or 1",
            Self::Softmax { .. } => "a whole number from 0 to the number of classes - 1",
            Self::Poisson => "in 0..=1e30",
            _ => "in -1e30..=1e30",
        };
        let fits = |value: f64| match *self {
            Self::Logistic => value == 0.0 || value == 1.0,
            Self::Softmax { classes } => value >= 0.0 && value < classes as f64 && value.fract() == 0.0,
            Self::Poisson => (0.0..=LARGE).contains(&value),
            _ => value.abs() <= LARGE,
        };
        match rows.iter().map(|&row| row as usize).find(|row| !fits(targets[*row])) {
            Some(row) => Err(TreeError::Target { row, value: targets[row], needs }),
            None => Ok(()),
        }
    }

    /// The score to begin with, one an output.
    pub(crate) fn base(&self, mode: Mode, targets: &Targets<'_>, rows: &[u32]) -> Vec<f64> {
        let mean = || targets.mean(rows, |value| value);
        let share = |class: usize| targets.mean(rows, |value| f64::from(value == class as f64));
        match (self, mode) {
            (Self::Quantile { level }, _) => vec![quantile(targets, rows, |row| targets.values[row], *level)],
            (Self::Poisson, Mode::Boosting) => vec![mean().max(SMALL).ln()],
            (Self::Logistic, Mode::Boosting) => {
                let share = mean().clamp(SMALL, 1.0 - SMALL);
                vec![(share / (1.0 - share)).ln()]
            }
            (Self::Softmax { classes }, Mode::Boosting) => {
                (0..*classes).map(|class| share(class).max(SMALL).ln()).collect()
            }
            (Self::Softmax { classes }, Mode::Forest) => (0..*classes).map(share).collect(),
            _ => vec![mean()],
        }
    }

    /// g and h of every output at the scores (n x K) of some rows, times the rows' weights.
    pub(crate) fn derivatives(
        &self,
        mode: Mode,
        scores: &[f64],
        targets: &Targets<'_>,
        rows: &[u32],
        out: &mut [Vec<[f32; 2]>],
    ) {
        for out in out.iter_mut() {
            out.clear();
        }
        if let Self::Softmax { classes } = *self {
            return softmax_derivatives(classes, mode, scores, targets, rows, out);
        }
        let each = |derive: &dyn Fn(f64, f64) -> [f64; 2], out: &mut Vec<[f32; 2]>| {
            out.extend(rows.iter().map(|&row| {
                let row = row as usize;
                let [g, h] = derive(scores[row], targets.values[row]);
                let weight = targets.weight(row);
                [(g * weight) as f32, (h * weight) as f32]
            }));
        };
        let out = &mut out[0];
        match (*self, mode) {
            (Self::Huber { delta }, _) => each(&|f, y| [(f - y).clamp(-delta, delta), 1.0], out),
            (Self::Quantile { level }, _) => each(&|f, y| [f64::from(f >= y) - level, 1.0], out),
            (Self::Poisson, Mode::Boosting) => {
                each(&|f, y| [f.exp() - y, (f + POISSON_STEP).exp()], out);
            }
            (Self::Logistic, Mode::Boosting) => {
                each(
                    &|f, y| {
                        let p = 1.0 / (1.0 + (-f).exp());
                        [p - y, p * (1.0 - p)]
                    },
                    out,
                );
            }
            _ => each(&|f, y| [f - y, 1.0], out),
        }
    }

    /// The value of a leaf found by line search instead of Newton's step, where the hessian says nothing.
    pub(crate) fn renewed(
        &self,
        score: impl Fn(usize) -> f64,
        targets: &Targets<'_>,
        rows: &[u32],
    ) -> Option<f64> {
        match self {
            Self::Quantile { level } if !rows.is_empty() => {
                Some(quantile(targets, rows, |row| targets.values[row] - score(row), *level))
            }
            _ => None,
        }
    }

    /// The mean loss over rows, by their weights, at raw scores (n x K). Classes: the log loss.
    pub(crate) fn mean(&self, mode: Mode, scores: &[f64], targets: &Targets<'_>, rows: &[u32]) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        let outputs = self.outputs();
        let mut buffer = vec![0.0; outputs];
        for &row in rows {
            let row = row as usize;
            let weight = targets.weight(row);
            let of_row = &scores[row * outputs..(row + 1) * outputs];
            sum += weight * self.value(mode, of_row, targets.values[row], &mut buffer);
            total += weight;
        }
        sum / total
    }

    /// ℓ of one row; `buffer` has K places.
    fn value(&self, mode: Mode, scores: &[f64], y: f64, buffer: &mut [f64]) -> f64 {
        let f = scores[0];
        match (*self, mode) {
            (Self::Squared, _) | (Self::Poisson, Mode::Forest) => 0.5 * (f - y).powi(2),
            (Self::Huber { delta }, _) => {
                let error = (f - y).abs();
                if error <= delta { 0.5 * error * error } else { delta * (error - 0.5 * delta) }
            }
            (Self::Poisson, Mode::Boosting) => f.exp() - y * f,
            (Self::Quantile { level }, _) => (level * (y - f)).max((level - 1.0) * (y - f)),
            // log(1 + e^F) - y F without overflow.
            (Self::Logistic, Mode::Boosting) => f.max(0.0) - y * f + (-f.abs()).exp().ln_1p(),
            (Self::Logistic, Mode::Forest) => {
                let p = f.clamp(SMALL, 1.0 - SMALL);
                -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
            }
            (Self::Softmax { .. }, _) => {
                buffer.copy_from_slice(scores);
                self.link(mode).apply(buffer);
                -buffer[y as usize].max(SMALL).ln()
            }
        }
    }
}

fn softmax_derivatives(
    classes: usize,
    mode: Mode,
    scores: &[f64],
    targets: &Targets<'_>,
    rows: &[u32],
    out: &mut [Vec<[f32; 2]>],
) {
    let factor = classes as f64 / (classes - 1) as f64;
    let mut p = vec![0.0; classes];
    for &row in rows {
        let row = row as usize;
        let weight = targets.weight(row);
        p.copy_from_slice(&scores[row * classes..(row + 1) * classes]);
        if mode == Mode::Boosting {
            Link::Softmax.apply(&mut p);
        }
        for (class, (&p, out)) in p.iter().zip(out.iter_mut()).enumerate() {
            let y = f64::from(targets.values[row] == class as f64);
            let h = if mode == Mode::Boosting { factor * p * (1.0 - p) } else { 1.0 };
            out.push([((p - y) * weight) as f32, (h * weight) as f32]);
        }
    }
}

#[cfg(test)]
#[path = "test.rs"]
mod tests;

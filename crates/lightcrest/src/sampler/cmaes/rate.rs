//! How much of each step is taken: less where steps contradict each other, as they do on objectives with
//! noise or many hills.
//!
//! Nomura, Akimoto, Ono 2023, *CMA-ES with Learning Rate Adaptation*, GECCO, algorithm 1 with its constants.
//!
//! | symbol | meaning |
//! |---|---|
//! | `rate` | η: the share of a step that is taken |
//! | `mean`, `square` | ℰ, 𝒱: moving averages of steps and of their squared lengths, in local coordinates |

use faer::Mat;

const ALPHA: f64 = 1.4;
const GAMMA: f64 = 0.1;
const BETA_MEAN: f64 = 0.1;
const BETA_COVARIANCE: f64 = 0.03;

/// One rate with what it goes by.
#[derive(Debug, Clone)]
struct Rate {
    beta: f64,
    rate: f64,
    /// The share of the step before.
    previous: f64,
    mean: Vec<f64>,
    square: f64,
}

impl Rate {
    fn new(beta: f64, dimensions: usize) -> Self {
        Self { beta, rate: 1.0, previous: 1.0, mean: vec![0.0; dimensions], square: 0.0 }
    }

    /// Adapts to a step in local coordinates.
    fn adapt(&mut self, step: &[f64]) {
        let beta = self.beta;
        self.mean.iter_mut().zip(step).for_each(|(mean, x)| *mean += beta * (x - *mean));
        self.square += beta * (step.iter().map(|x| x * x).sum::<f64>() - self.square);
        let length: f64 = self.mean.iter().map(|x| x * x).sum();
        let signal = length - beta / (2.0 - beta) * self.square;
        let ratio = signal / (self.square - length).max(f64::MIN_POSITIVE);
        let towards = (ratio / (ALPHA * self.rate) - 1.0).clamp(-1.0, 1.0);
        if towards.is_finite() {
            self.rate = (self.rate * ((GAMMA * self.rate).min(beta) * towards).exp()).min(1.0);
        }
    }
}

/// The rates of the mean and of the covariance.
#[derive(Debug, Clone)]
pub(super) struct Rates {
    mean: Rate,
    covariance: Rate,
}

impl Rates {
    pub(super) fn new(d: usize) -> Self {
        Self { mean: Rate::new(BETA_MEAN, d), covariance: Rate::new(BETA_COVARIANCE, d * d) }
    }

    /// The mean and the covariance after as much of a step as is taken, and by what the step-size is
    /// multiplied beside. `whiten` is Σ^(-1/2) of the old covariance.
    ///
    /// # Shapes
    /// Means (d), covariances (d, d).
    pub(super) fn adapt(
        &mut self,
        old_mean: &[f64],
        new_mean: &[f64],
        old: &Mat<f64>,
        new: &Mat<f64>,
        whiten: &dyn Fn(&[f64]) -> Vec<f64>,
    ) -> (Vec<f64>, Mat<f64>, f64) {
        let d = old_mean.len();
        let step: Vec<f64> = new_mean.iter().zip(old_mean).map(|(new, old)| new - old).collect();
        self.mean.adapt(&whiten(&step));
        // Σ^(-1/2) ΔΣ Σ^(-1/2) / √2, column by column and then row by row: it is symmetric.
        let columns: Vec<Vec<f64>> =
            (0..d).map(|j| whiten(&(0..d).map(|i| new[(i, j)] - old[(i, j)]).collect::<Vec<_>>())).collect();
        let rows = (0..d).map(|i| whiten(&columns.iter().map(|column| column[i]).collect::<Vec<_>>()));
        let local: Vec<f64> = rows.flatten().map(|x| x / 2f64.sqrt()).collect();
        self.covariance.adapt(&local);
        let (a, b) = (self.mean.rate, self.covariance.rate);
        let mean = old_mean.iter().zip(&step).map(|(old, step)| old + a * step).collect();
        let covariance = Mat::from_fn(d, d, |i, j| old[(i, j)] + b * (new[(i, j)] - old[(i, j)]));
        // Shorter steps of the mean are made up for: equation 17, with the rate before and after.
        let correction = self.correct();
        (mean, covariance, correction)
    }

    /// How many times as long as before the steps must be, since the mean takes less or more of them.
    fn correct(&mut self) -> f64 {
        let before = self.mean.previous;
        self.mean.previous = self.mean.rate;
        before / self.mean.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps that agree are taken as they are; steps that contradict each other less and less.
    #[test]
    fn a_rate_falls_with_the_signal() {
        let (mut steady, mut torn) = (Rate::new(BETA_MEAN, 1), Rate::new(BETA_MEAN, 1));
        for k in 0..200 {
            steady.adapt(&[1.0]);
            torn.adapt(&[if k % 2 == 0 { 1.0 } else { -1.0 }]);
        }
        assert_eq!(steady.rate, 1.0);
        assert!(torn.rate < 0.2, "{torn:?}");
    }
}

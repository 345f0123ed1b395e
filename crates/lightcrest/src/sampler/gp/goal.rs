//! What is maximised: from the posterior of each objective to one number.
//!
//! All values here are oriented (larger is better) and transformed as the surrogates see them. Objectives
//! that are known exactly enter with their values, the others with mean and standard deviation.

use super::hypervolume_improvement::HypervolumeImprovement;
use lightcrest_gp::acquisition::{log_ei, log_ei_slopes, log_pi, log_pi_slopes, ucb};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1};

/// The posterior of one objective at one configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Marginal {
    /// Known without an evaluation.
    Exact(f64),
    /// Predicted.
    Normal { mean: f64, sigma: f64 },
}

impl Marginal {
    fn optimistic(self, kappa: f64) -> f64 {
        match self {
            Self::Exact(value) => value,
            Self::Normal { mean, sigma } => ucb(mean, sigma, kappa),
        }
    }

    fn normal(self) -> (f64, f64) {
        match self {
            Self::Exact(value) => (value, 0.0),
            Self::Normal { mean, sigma } => (mean, sigma),
        }
    }
}

/// Derivatives of the goal in the mean and the standard deviation of one objective.
pub(super) type Slopes = (f64, f64);

/// The number to maximise.
#[derive(Debug, Clone)]
pub(super) enum Goal {
    /// One objective, upper confidence bound.
    Ucb { kappa: f64 },
    /// One objective, logarithm of the expected improvement over `best`.
    LogEi { best: f64 },
    /// One objective, logarithm of the probability of improvement over `best`.
    LogPi { best: f64 },
    /// Several objectives: augmented Chebyshev distance to the ideal point, of optimistic values (Knowles
    /// 2006, ParEGO, eq. 2; with confidence bounds, Paria et al. 2020, arXiv 1805.12168): -max_m w_m (1 -
    /// v_m) - 0.05 Σ_m w_m (1 - v_m), v_m = (u_m - nadir_m) / range_m.
    Chebyshev { weights: Vec<f64>, nadir: Vec<f64>, range: Vec<f64>, kappa: f64 },
    /// Several objectives, logarithm of the expected hypervolume improvement.
    LogHypervolumeImprovement(HypervolumeImprovement),
    /// Nothing satisfies the constraints yet: their terms alone count.
    Feasibility,
}

impl Goal {
    /// Whether the value is a logarithm, so that probabilities join it as sums.
    pub(super) fn is_logarithm(&self) -> bool {
        matches!(
            self,
            Self::LogEi { .. } | Self::LogPi { .. } | Self::LogHypervolumeImprovement(_) | Self::Feasibility
        )
    }

    /// The value, and its slopes for each objective.
    pub(super) fn value(&self, marginals: &[Marginal]) -> (f64, Vec<Slopes>) {
        match self {
            Self::Ucb { kappa } => (marginals[0].optimistic(*kappa), vec![(1.0, *kappa)]),
            Self::LogEi { best } => {
                let (mean, sigma) = marginals[0].normal();
                (log_ei(mean, sigma, *best), vec![log_ei_slopes(mean, sigma, *best)])
            }
            Self::LogPi { best } => {
                let (mean, sigma) = marginals[0].normal();
                (log_pi(mean, sigma, *best), vec![log_pi_slopes(mean, sigma, *best)])
            }
            Self::Chebyshev { weights, nadir, range, kappa } => {
                let loss = |m: usize| {
                    let v = (marginals[m].optimistic(*kappa) - nadir[m]) / range[m];
                    weights[m] * (1.0 - v)
                };
                let losses: Vec<f64> = (0..marginals.len()).map(loss).collect();
                let worst = (0..losses.len()).fold(0, |w, m| if losses[m] > losses[w] { m } else { w });
                let value = -losses[worst] - 0.05 * losses.iter().sum::<f64>();
                let slope = |m: usize| weights[m] / range[m] * (0.05 + f64::from(m == worst));
                (value, (0..marginals.len()).map(|m| (slope(m), slope(m) * kappa)).collect())
            }
            Self::LogHypervolumeImprovement(improvement) => improvement.log_improvement(marginals),
            Self::Feasibility => (0.0, vec![(0.0, 0.0); marginals.len()]),
        }
    }
}

/// Weights drawn uniformly from the simplex.
pub(super) fn simplex(m: usize, rng: &mut impl Rng) -> Vec<f64> {
    let draws: Vec<f64> = (0..m).map(|_| Exp1.sample(rng)).map(|e: f64| e.max(1e-12)).collect();
    let sum: f64 = draws.iter().sum();
    let weights: Vec<f64> = draws.iter().map(|d| d / sum).collect();
    // The exact corners would ignore an objective altogether.
    let even = rng.random_range(0.0..0.05);
    weights.iter().map(|w| (1.0 - even) * w + even / m as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_finite_differences() {
        let front = [vec![1.0, 3.0], vec![2.0, 2.0], vec![3.0, 1.0]];
        let goals = [
            Goal::LogHypervolumeImprovement(HypervolumeImprovement::new(&front, &[0.0, 0.0])),
            Goal::Chebyshev {
                weights: vec![0.3, 0.7],
                nadir: vec![0.0, 0.5],
                range: vec![2.0, 3.0],
                kappa: 1.5,
            },
        ];
        for goal in goals {
            let at =
                |mean: f64, sigma: f64| goal.value(&[Marginal::Exact(2.2), Marginal::Normal { mean, sigma }]);
            let (_, slopes) = at(0.7, 0.4);
            let e = 1e-6;
            let mean = (at(0.7 + e, 0.4).0 - at(0.7 - e, 0.4).0) / (2.0 * e);
            let sigma = (at(0.7, 0.4 + e).0 - at(0.7, 0.4 - e).0) / (2.0 * e);
            assert!((slopes[1].0 - mean).abs() < 1e-5 && (slopes[1].1 - sigma).abs() < 1e-5);
        }
    }

    #[test]
    fn optimism_and_a_better_exact_value_both_help() {
        let goal =
            Goal::Chebyshev { weights: vec![0.5; 2], nadir: vec![0.0; 2], range: vec![1.0; 2], kappa: 2.0 };
        let at = |exact: f64, sigma: f64| {
            goal.value(&[Marginal::Exact(exact), Marginal::Normal { mean: 0.5, sigma }]).0
        };
        assert!(at(0.6, 0.1) > at(0.5, 0.1) && at(0.6, 0.2) > at(0.6, 0.1));
    }
}

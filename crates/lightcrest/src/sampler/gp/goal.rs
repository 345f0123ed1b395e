//! What is maximised: from what is believed of each objective to one number.
//!
//! All values here are oriented (larger is better) and transformed as the surrogates see them. Objectives that are known exactly
//! enter with their values, the others with mean and standard deviation.

use lightcrest_gp::acquisition::{log_ei, log_ei_slopes, ucb};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1};

/// What is believed of one objective at one configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Belief {
    /// Known without an evaluation.
    Exact(f64),
    /// Predicted.
    Normal { mean: f64, sigma: f64 },
}

impl Belief {
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
    /// Several objectives: augmented Chebyshev distance to the ideal point, of optimistic values (Knowles 2006, ParEGO, eq. 2; with
    /// confidence bounds, Paria et al. 2020, arXiv 1805.12168): -max_m w_m (1 - v_m) - 0.05 Σ_m w_m (1 - v_m), v_m = (u_m - nadir_m) / range_m.
    Chebyshev { weights: Vec<f64>, nadir: Vec<f64>, range: Vec<f64>, kappa: f64 },
    /// Two objectives, one of them exact: logarithm of the expected hypervolume improvement, in closed form. A configuration with
    /// exact value e adds Σ_k width_k E[(f - level_k)⁺]: one expected improvement for each strip of the front below e.
    LogVolume { uncertain: usize, strips: Strips },
}

/// The staircase of a front in two objectives, cut along the exact one.
#[derive(Debug, Clone)]
pub(super) struct Strips {
    /// (lower end, upper end, level to exceed), lower ends ascending; the last reaches to infinity.
    strips: Vec<(f64, f64, f64)>,
}

impl Strips {
    /// Of points (exact, uncertain) above a reference.
    pub(super) fn new(points: &[(f64, f64)], reference: (f64, f64)) -> Self {
        let mut ends: Vec<f64> = points.iter().map(|p| p.0).filter(|e| *e > reference.0).collect();
        ends.push(reference.0);
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let level = |end: f64| {
            let reached = points.iter().filter(|p| p.0 > end).map(|p| p.1);
            reached.fold(reference.1, f64::max)
        };
        let upper = |k: usize| ends.get(k + 1).copied().unwrap_or(f64::INFINITY);
        Self { strips: (0..ends.len()).map(|k| (ends[k], upper(k), level(ends[k]))).collect() }
    }

    /// Log of the expected volume that (exact, N(mean, sigma²)) adds, and its slopes.
    fn log_volume(&self, exact: f64, mean: f64, sigma: f64) -> (f64, Slopes) {
        let below = self.strips.iter().filter(|strip| exact > strip.0);
        let terms: Vec<(f64, f64)> =
            below.map(|s| ((exact.min(s.1) - s.0).ln() + log_ei(mean, sigma, s.2), s.2)).collect();
        let top = terms.iter().map(|t| t.0).fold(f64::NEG_INFINITY, f64::max);
        if top == f64::NEG_INFINITY {
            // Worse than the reference: nothing to gain, the less so the farther away.
            let distance = self.strips.first().map_or(0.0, |s| s.0 - exact);
            return (-1e12 * (1.0 + distance), (0.0, 0.0));
        }
        let sum: f64 = terms.iter().map(|t| (t.0 - top).exp()).sum();
        let mut slopes = (0.0, 0.0);
        for (log, level) in &terms {
            let share = (log - top).exp() / sum;
            let (m, s) = log_ei_slopes(mean, sigma, *level);
            slopes = (slopes.0 + share * m, slopes.1 + share * s);
        }
        (top + sum.ln(), slopes)
    }
}

impl Goal {
    /// The value, and its slopes for each objective.
    pub(super) fn value(&self, beliefs: &[Belief]) -> (f64, Vec<Slopes>) {
        let none = || vec![(0.0, 0.0); beliefs.len()];
        match self {
            Self::Ucb { kappa } => (beliefs[0].optimistic(*kappa), vec![(1.0, *kappa)]),
            Self::LogEi { best } => {
                let (mean, sigma) = beliefs[0].normal();
                (log_ei(mean, sigma, *best), vec![log_ei_slopes(mean, sigma, *best)])
            }
            Self::Chebyshev { weights, nadir, range, kappa } => {
                let loss = |m: usize| {
                    let v = (beliefs[m].optimistic(*kappa) - nadir[m]) / range[m];
                    weights[m] * (1.0 - v)
                };
                let losses: Vec<f64> = (0..beliefs.len()).map(loss).collect();
                let worst = (0..losses.len()).fold(0, |w, m| if losses[m] > losses[w] { m } else { w });
                let value = -losses[worst] - 0.05 * losses.iter().sum::<f64>();
                let slope = |m: usize| weights[m] / range[m] * (0.05 + f64::from(m == worst));
                (value, (0..beliefs.len()).map(|m| (slope(m), slope(m) * kappa)).collect())
            }
            Self::LogVolume { uncertain, strips } => {
                let (mean, sigma) = beliefs[*uncertain].normal();
                let (exact, _) = beliefs[1 - uncertain].normal();
                let (value, slopes) = strips.log_volume(exact, mean, sigma);
                let mut all = none();
                all[*uncertain] = slopes;
                (value, all)
            }
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
    fn without_doubt_the_volume_is_that_of_the_staircase() {
        let strips = Strips::new(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)], (0.0, 0.0));
        // (2.5, 2.5) adds [0,1] x nothing, [1,2] x [2,2.5] and [2,2.5] x [1,2.5].
        let (log, _) = strips.log_volume(2.5, 2.5, 0.0);
        assert!((log.exp() - (0.5 + 0.75)).abs() < 1e-6, "{}", log.exp());
        // Beyond the front's end the strip above has the reference as its level.
        let (log, _) = strips.log_volume(4.0, 0.5, 0.0);
        assert!((log.exp() - 0.5).abs() < 1e-6, "{}", log.exp());
        assert!(strips.log_volume(-1.0, 9.0, 1.0).0 < -1e11);
    }

    #[test]
    fn slopes_are_those_of_finite_differences() {
        let strips = Strips::new(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)], (0.0, 0.0));
        let goals = [
            Goal::LogVolume { uncertain: 1, strips },
            Goal::Chebyshev {
                weights: vec![0.3, 0.7],
                nadir: vec![0.0, 0.5],
                range: vec![2.0, 3.0],
                kappa: 1.5,
            },
        ];
        for goal in goals {
            let at =
                |mean: f64, sigma: f64| goal.value(&[Belief::Exact(2.2), Belief::Normal { mean, sigma }]);
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
            goal.value(&[Belief::Exact(exact), Belief::Normal { mean: 0.5, sigma }]).0
        };
        assert!(at(0.6, 0.1) > at(0.5, 0.1) && at(0.6, 0.2) > at(0.6, 0.1));
    }
}

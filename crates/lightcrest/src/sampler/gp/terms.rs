//! What joins the goal: constraints that only an evaluation can tell, and the time that a trial takes. Each
//! has a Gaussian process of its own.
//!
//! | term | joins a logarithmic goal as | joins another as | source |
//! |---|---|---|---|
//! | constraint | log P(satisfied) | -10 times the violation that the mean predicts, in standard deviations | Gardner et al. 2014 (ICML, "Bayesian optimization with inequality constraints"), eq. 6 |
//! | time | -log(predicted seconds) | | Snoek et al. 2012 (arXiv 1206.2944), sec. 3.2 |

use super::extrapolation::moments;
use super::goal::Slopes;
use super::observation::Observed;
use super::surrogate::{Cache, Guide, Surrogate, internal, surrogate};
use crate::history::FrozenTrial;
use crate::sampler::SamplerError;
use crate::space::encode::Encoded;
use lightcrest_gp::acquisition::{log_pi, log_pi_slopes};
use lightcrest_gp::transform::{Outliers, transform};
use lightcrest_gp::{Kernel, Rows};

/// How much goal a predicted violation of one standard deviation costs.
const PENALTY: f64 = 10.0;
/// Sizes beyond so many times the lower quartile are no part of the median.
const ABSURD: f64 = 1e4;
/// The largest excess that is told apart, in median sizes.
const LARGEST: f64 = 1e3;

/// How a predicted quantity changes the goal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// log P(v >= bound).
    Probability { bound: f64 },
    /// -10 (bound - μ)⁺.
    Penalty { bound: f64 },
    /// -deviation μ: v is the standardised logarithm of the seconds.
    Price { deviation: f64 },
}

impl Rule {
    /// The amount that joins the goal, and its slopes in mean and standard deviation.
    pub(super) fn value(self, mean: f64, sigma: f64) -> (f64, Slopes) {
        match self {
            Self::Probability { bound } => (log_pi(mean, sigma, bound), log_pi_slopes(mean, sigma, bound)),
            Self::Penalty { bound } => {
                let short = bound - mean;
                if short > 0.0 { (-PENALTY * short, (PENALTY, 0.0)) } else { (0.0, (0.0, 0.0)) }
            }
            Self::Price { deviation } => (-deviation * mean, (-deviation, 0.0)),
        }
    }
}

/// One predicted quantity and what it does to the goal.
pub(super) struct Term {
    pub(super) posterior: Surrogate,
    pub(super) rule: Rule,
}

/// The evaluated trials that terms learn from.
pub(super) struct Evidence<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) trials: &'a [&'a FrozenTrial],
    pub(super) encoded: &'a [Encoded],
    /// How many trials come before the last checkpoint.
    pub(super) checkpoint: usize,
    /// What is being evaluated.
    pub(super) pending_rows: &'a Rows,
}

impl Evidence<'_> {
    /// A Gaussian process on values, some of them missing; none where they do not differ.
    fn posterior(
        &self,
        values: &[Option<f64>],
        cache: &mut Cache,
    ) -> Result<Option<Surrogate>, SamplerError> {
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        if moments(known.iter().copied()).1 <= 0.0 {
            return Ok(None);
        }
        let observe = |values: &[Option<f64>]| Observed::measured(values.to_vec());
        let (first, all) = (observe(&values[..self.checkpoint]), observe(values));
        let mut posterior =
            surrogate(self.kernel, self.encoded, &first, &all, Guide::from(Outliers::Keep), cache, None)?;
        if !self.pending_rows.is_empty() {
            posterior.fantasise(self.pending_rows)?;
        }
        Ok(Some(posterior))
    }

    /// One term for each constraint whose values differ: a probability where the goal is a logarithm, a
    /// penalty elsewhere.
    pub(super) fn constraints(
        &self,
        logarithm: bool,
        caches: &mut Vec<Cache>,
    ) -> Result<Vec<Term>, SamplerError> {
        let Some(newest) = self.trials.iter().rev().find(|trial| !trial.constraints.is_empty()) else {
            return Ok(Vec::new());
        };
        caches.resize_with(newest.constraints.len(), Cache::default);
        let mut terms = Vec::new();
        for ((name, _), cache) in newest.constraints.iter().zip(caches) {
            let excess = |trial: &&FrozenTrial| {
                let found = trial.constraints.iter().find(|(other, _)| other == name);
                found.map(|(_, excess)| *excess).filter(|excess| !excess.is_nan())
            };
            let slack = slack(&self.trials.iter().map(excess).collect::<Vec<_>>());
            if let Some(posterior) = self.posterior(&slack, cache)? {
                let bound = bound(&slack.iter().flatten().copied().collect::<Vec<_>>())?;
                let rule = if logarithm { Rule::Probability { bound } } else { Rule::Penalty { bound } };
                terms.push(Term { posterior, rule });
            }
        }
        Ok(terms)
    }

    /// The term of the seconds that a trial takes.
    pub(super) fn price(&self, cache: &mut Cache) -> Result<Option<Term>, SamplerError> {
        let seconds = |trial: &&FrozenTrial| Some((trial.duration_ms()? as f64).max(1.0).ln());
        let values: Vec<Option<f64>> = self.trials.iter().map(seconds).collect();
        let (_, deviation) = moments(values.iter().flatten().copied());
        let posterior = self.posterior(&values, cache)?;
        Ok(posterior.map(|posterior| Term { posterior, rule: Rule::Price { deviation } }))
    }
}

/// Excess over a bound as slack, larger is better, 0 at the bound: -asinh(excess / its median size), cut off
/// at a thousand times that size, so that huge and infinite violations do not hide where the bound lies.
/// Absurd sizes, such as 1e300 beside 2, are no sizes.
fn slack(excess: &[Option<f64>]) -> Vec<Option<f64>> {
    let sizes = excess.iter().flatten().map(|v| v.abs()).filter(|v| *v > 0.0 && v.is_finite());
    let mut sizes: Vec<f64> = sizes.collect();
    sizes.sort_by(f64::total_cmp);
    if let Some(&usual) = sizes.get(sizes.len() / 4) {
        sizes.retain(|size| *size <= ABSURD * usual);
    }
    let size = sizes.get(sizes.len() / 2).copied().unwrap_or(1.0);
    excess.iter().map(|v| v.map(|v| -(v / size).clamp(-LARGEST, LARGEST).asinh())).collect()
}

/// Where the bound, a slack of 0, lies among the transformed values: on the line through the values around
/// it, or through the first and the last.
fn bound(slack: &[f64]) -> Result<f64, SamplerError> {
    let z = transform(slack, Outliers::Keep).map_err(internal)?;
    let mut pairs: Vec<(f64, f64)> = slack.iter().copied().zip(z).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (at, last) = (pairs.partition_point(|pair| pair.0 < 0.0), pairs.len() - 1);
    let (a, b) = if at == 0 || at > last { (pairs[0], pairs[last]) } else { (pairs[at - 1], pairs[at]) };
    Ok(a.1 - a.0 * (b.1 - a.1) / (b.0 - a.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_finite_differences() {
        let rules =
            [Rule::Probability { bound: 0.4 }, Rule::Penalty { bound: 1.5 }, Rule::Price { deviation: 0.7 }];
        for rule in rules {
            for (mean, sigma) in [(0.1, 0.3), (-3.0, 0.5), (2.0, 0.2)] {
                let (_, slopes) = rule.value(mean, sigma);
                let e = 1e-6;
                let by_mean = (rule.value(mean + e, sigma).0 - rule.value(mean - e, sigma).0) / (2.0 * e);
                let by_sigma = (rule.value(mean, sigma + e).0 - rule.value(mean, sigma - e).0) / (2.0 * e);
                assert!((slopes.0 - by_mean).abs() < 1e-4 * by_mean.abs().max(1.0), "{rule:?} {mean}");
                assert!((slopes.1 - by_sigma).abs() < 1e-4 * by_sigma.abs().max(1.0), "{rule:?} {mean}");
            }
        }
    }

    #[test]
    fn slack_keeps_the_bound_and_the_order() {
        let found = slack(&[Some(1e300), Some(2.0), Some(0.0), None, Some(-1e-3)]);
        assert!(found[0] < found[1] && found[1] < found[2] && found[2] == Some(0.0) && found[2] < found[4]);
        assert!(found[3].is_none() && found.iter().flatten().all(|v| v.is_finite()));
    }

    #[test]
    fn absurd_and_infinite_violations_leave_the_others_apart() {
        let usual = [Some(2.0), Some(1.0), Some(-1.0), Some(-2.0)];
        for absurd in [1e15, 1e300, 1.7e308, f64::INFINITY] {
            let mut excess = usual.to_vec();
            excess.extend([Some(absurd); 6]);
            let found: Vec<f64> = slack(&excess).into_iter().flatten().collect();
            assert_eq!(found[..4], slack(&usual).into_iter().flatten().collect::<Vec<_>>()[..]);
            assert!(found[4..].iter().all(|v| *v < found[0] && *v > -9.0), "{found:?}");
        }
    }
}

//! Pruners stop trials early, by what they report on the way.
//!
//! Trials of several objectives can be stopped too. A report holds values of the objectives that only an
//! evaluation can tell; what is known beforehand (MACs, parameters) is taken from the trial itself. Together
//! they make a point for every trial and step, and trials are ranked by Pareto dominance: see
//! [`SuccessiveHalving`].
//!
//! | pruner | a trial stops when |
//! |---|---|
//! | [`SuccessiveHalving`] | it is not in the best third of those that reached a rung (1, 3, 9, ... steps) |
//! | [`HyperbandPruner`] | the same, in one of several groups whose first rungs are early or late |
//! | [`PercentilePruner`], [`MedianPruner`] | the complete trials had more at the same step |
//! | [`WilcoxonPruner`] | it is significantly behind the best trial over the instances (folds, seeds) that both reported |
//! | [`ThresholdPruner`] | it leaves the bounds of what can still become something |
//! | [`PatientPruner`] | it has not improved for a while, and another pruner would stop it |

mod halving;
mod hyperband;
mod median;
mod none;
mod patient;
mod percentile;
mod signed_rank;
mod threshold;
mod wilcoxon;

pub use halving::{HalvingConfig, MinResource, SuccessiveHalving};
pub use hyperband::{HyperbandConfig, HyperbandPruner, MaxResource};
pub use median::{MedianConfig, MedianPruner};
pub use none::NoPruner;
pub use patient::{PatientConfig, PatientPruner};
pub use percentile::{PercentileConfig, PercentilePruner};
pub use threshold::{ThresholdConfig, ThresholdPruner};
pub use wilcoxon::{WilcoxonConfig, WilcoxonPruner};

use crate::history::{FrozenTrial, History};

/// Decides whether a running trial is worth going on with.
///
/// # Contract
/// Called right after a report, once for each, with the trial as it is in the history. The answer depends on
/// the arguments only, so that resumed runs and several processes agree. A trial without reports is never
/// stopped. Calls come from any thread.
pub trait Pruner: Send + Sync {
    /// The name, as a person would write it in a spec: `none`, `halving`, `median`, ...
    fn name(&self) -> &'static str;

    /// Whether the trial should stop at its last report.
    fn should_prune(&self, history: &History, trial: &FrozenTrial) -> bool;
}

/// A pruner that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PrunerError {
    /// A setting is below what makes sense.
    #[error("`{name}` must be at least {least}, but got {value}")]
    TooSmall {
        /// The setting.
        name: &'static str,
        /// The smallest value that works.
        least: u64,
        /// The value that was given.
        value: u64,
    },
    /// A setting is outside the range where it has a meaning.
    #[error("`{name}` must be in [{low}, {high}], but got {value}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// The smallest value that works.
        low: f64,
        /// The largest value that works.
        high: f64,
        /// The value that was given.
        value: f64,
    },
    /// A threshold pruner without a bound would stop nothing.
    #[error("a threshold pruner needs `lower`, `upper` or both")]
    NoThreshold,
    /// No value is between the bounds.
    #[error("`lower <= upper` must hold, but got lower = {lower}, upper = {upper}")]
    ThresholdOrder {
        /// The lower bound.
        lower: f64,
        /// The upper bound.
        upper: f64,
    },
}

impl PrunerError {
    fn at_least(name: &'static str, least: u64, value: u64) -> Result<(), Self> {
        if value < least { Err(Self::TooSmall { name, least, value }) } else { Ok(()) }
    }

    fn within(name: &'static str, (low, high): (f64, f64), value: f64) -> Result<(), Self> {
        // Written so that NaN is outside.
        if value >= low && value <= high {
            return Ok(());
        }
        Err(Self::OutOfRange { name, low, high, value })
    }
}

/// Whether a decision is due at the last report: it is the first one in its interval, counted from the end of
/// the warm-up.
fn is_due(trial: &FrozenTrial, warmup_steps: u64, interval_steps: u64) -> bool {
    let Some(((step, _), earlier)) = trial.reports.split_last() else { return false };
    if *step < warmup_steps {
        return false;
    }
    let interval = |step: u64| (step - warmup_steps) / interval_steps.max(1);
    earlier.last().is_none_or(|(last, _)| *last < warmup_steps || interval(*last) < interval(*step))
}

/// The point that a trial shows at a report: the objectives that the report tells and those that were known
/// before the trial began, such that larger is better and NaN is worst. The objectives that neither tells are
/// left out.
///
/// `told` is how many values each report holds; trials can only be compared at the same number.
pub(crate) fn point(history: &History, trial: &FrozenTrial, values: &[f64], told: usize) -> Vec<f64> {
    let mut values = values.iter().take(told);
    let mut point = Vec::with_capacity(history.objectives().len());
    for (i, objective) in history.objectives().iter().enumerate() {
        let value = trial.known.get(i).copied().flatten().or_else(|| values.next().copied());
        if let Some(value) = value {
            let value = objective.direction.orient(value);
            // What is not a number is worse than all that is.
            point.push(if value.is_nan() { f64::NEG_INFINITY } else { value });
        }
    }
    point
}

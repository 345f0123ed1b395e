//! Pruners stop trials early, by what they report on the way.
//!
//! Trials of several objectives can be stopped too. A report holds values of the objectives that only an evaluation
//! can tell; what is known beforehand (MACs, parameters) is taken from the trial itself. Together they make a point
//! for every trial and step, and trials are ranked by Pareto dominance: see [`SuccessiveHalving`].

mod halving;
mod median;
mod none;

pub use halving::{HalvingConfig, MinResource, SuccessiveHalving};
pub use median::{MedianConfig, MedianPruner};
pub use none::NoPruner;

use crate::history::{FrozenTrial, History};

/// Decides whether a running trial is worth going on with.
///
/// # Contract
/// Called right after a report, once for each, with the trial as it is in the history. The answer depends on the
/// arguments only, so that resumed runs and several processes agree. A trial without reports is never stopped. Calls
/// come from any thread.
pub trait Pruner: Send + Sync {
    /// The name, as a person would write it in a spec: `none`, `halving`, `median`.
    fn name(&self) -> &'static str;

    /// Whether the trial should stop at its last report.
    fn should_prune(&self, history: &History, trial: &FrozenTrial) -> bool;
}

/// A pruner that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
}

/// The point that a trial shows at a report: the objectives that the report tells and those that were known before
/// the trial began, such that larger is better and NaN is worst. The objectives that neither tells are left out.
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

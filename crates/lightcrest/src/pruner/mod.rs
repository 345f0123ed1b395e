//! Pruners stop trials early, by what they report on the way.
//!
//! Trials of several objectives can be stopped too. A report holds values of the objectives that only an evaluation
//! can tell; what is known beforehand (MACs, parameters) is taken from the trial itself. Together they make a point
//! for every trial and step, and trials are ranked by Pareto dominance.

mod none;

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

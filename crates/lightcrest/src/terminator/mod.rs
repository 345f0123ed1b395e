//! Ends a study before its budget is spent: when going on is not expected to pay.
//!
//! | name | terminator | ends when |
//! |---|---|---|
//! | `stagnation` | [`Stagnation`] | so many trials brought nothing new |
//! | `regret_bound` | [`RegretBound`] | the optimum is hardly better than the best trial, with high probability |

mod regret_bound;
mod stagnation;

pub use regret_bound::RegretBound;
pub use stagnation::Stagnation;

use crate::objective::ObjectiveInfo;
use crate::sampler::{Context, SamplerError};

/// Says when a study has come to its end.
///
/// # Contract
/// - The verdict is a function of the context: what a terminator keeps between calls may make it faster, not
///   different.
/// - It is asked after each trial that finished; calls come one at a time, from any thread.
pub trait Terminator: Send {
    /// The name, as the table of this module has it.
    fn name(&self) -> &'static str;

    /// Why it cannot judge studies of these objectives; checked once, when the study is made.
    fn objection(&self, objectives: &[ObjectiveInfo]) -> Option<String> {
        let _ = objectives;
        None
    }

    /// Why the study should end now; `None` to go on.
    ///
    /// # Errors
    /// If the model that the verdict needs breaks down.
    fn verdict(&mut self, context: &Context<'_>) -> Result<Option<String>, SamplerError>;
}

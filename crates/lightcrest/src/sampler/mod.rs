//! Samplers propose the next configuration from the history.

mod auto;
mod gp;
mod random;

pub use auto::AutoSampler;
pub use gp::{Acquisition, Conditional, GpConfig, GpSampler, Outliers, Reports};
pub use random::{RandomSampler, draw};

use crate::history::History;
use crate::objective::{ObjectiveInfo, Preview};
use crate::space::{Configuration, Space};
use rand_chacha::ChaCha8Rng;

/// All that a proposal may depend on, beside the random numbers.
pub struct Context<'a> {
    /// The number that the trial will have.
    pub number: u64,
    /// What may vary.
    pub space: &'a Space,
    /// The objectives, in the order of a trial's values.
    pub objectives: &'a [ObjectiveInfo],
    /// All trials so far: running ones too, with what they reported.
    pub history: &'a History,
    /// What is known of a configuration before it is evaluated. Costs up to tens of microseconds.
    pub preview: &'a dyn Fn(&Configuration) -> Preview,
}

/// Proposes configurations.
///
/// # Contract
/// - A proposal is [valid](Space::validate) and its preview shows no violation. Where a preview gives exact values
///   of objectives, a sampler uses them rather than a prediction.
/// - A proposal depends on the context and on `rng` only. What a sampler keeps between calls may make it faster,
///   not different: one that is rebuilt proposes the same, so that resumed runs and several processes agree.
/// - It must cope with anything in the history: failed and pruned trials, configurations proposed by someone
///   else, equal values, huge values.
/// - Calls come one at a time, from any thread.
pub trait Sampler: Send {
    /// The name, as a person would write it in a spec: `auto`, `random`, `gp`.
    fn name(&self) -> &'static str;

    /// What it can do; checked once, when the study is made.
    fn capabilities(&self) -> Capabilities;

    /// The configuration to try next.
    ///
    /// # Errors
    /// [`SamplerError::EmptyFeasibleSpace`] if every configuration seems to break a `before` constraint.
    fn propose(&mut self, context: &Context<'_>, rng: &mut ChaCha8Rng)
    -> Result<Configuration, SamplerError>;
}

/// What a sampler can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// More than one objective.
    pub several_objectives: bool,
    /// Spaces with conditional parameters.
    pub conditions: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self { several_objectives: true, conditions: true };
}

/// Why there is no proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// Nothing that was drawn satisfies the `before` constraints.
    #[error("no feasible configuration among {draws} random ones: {}", list(.reasons))]
    EmptyFeasibleSpace {
        /// How many were tried.
        draws: usize,
        /// The most frequent reasons, each by an example, with how often it was met.
        reasons: Vec<(String, usize)>,
    },
    /// The sampler itself broke down.
    #[error("sampler `{sampler}` failed: {reason}")]
    Internal {
        /// Which one.
        sampler: &'static str,
        /// What happened.
        reason: String,
    },
}

fn list(reasons: &[(String, usize)]) -> String {
    let each = reasons.iter().map(|(reason, count)| format!("{reason} (or the like, {count} times)"));
    each.collect::<Vec<_>>().join("; ")
}

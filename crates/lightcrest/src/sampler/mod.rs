//! Samplers propose the next configuration from the history.
//!
//! | name | sampler | for |
//! |---|---|---|
//! | `auto` | [`AutoSampler`] | everything: chooses by space and objectives |
//! | `gp` | [`GpSampler`] | few and costly trials |
//! | `tpe` | [`TpeSampler`] | many trials, conditional spaces, little time a proposal |
//! | `cmaes` | [`CmaEsSampler`] | many trials on numbers that depend on each other; one objective |
//! | `nsga2`, `nsga3` | [`NsgaIISampler`], [`NsgaIIISampler`] | several objectives and thousands of trials |
//! | `evolution` | [`EvolutionSampler`] | architectures: many choices, many trials |
//! | `qmc` | [`QmcSampler`] | covering a space evenly |
//! | `grid`, `brute_force` | [`GridSampler`], [`BruteForceSampler`] | trying everything once |
//! | `partial_fixed` | [`PartialFixedSampler`] | another sampler on a part of the space |
//! | `random` | [`RandomSampler`] | comparison |

mod admission;
mod auto;
mod brute_force;
mod cmaes;
mod enumerate;
mod evolution;
mod gp;
mod grid;
mod nsga;
mod partial_fixed;
mod qmc;
mod random;
mod tpe;

pub use auto::AutoSampler;
pub use brute_force::BruteForceSampler;
pub use cmaes::{CmaEsConfig, CmaEsSampler};
pub use evolution::{EvolutionConfig, EvolutionSampler};
pub use gp::{Acquisition, Conditional, Estimate, GpConfig, GpSampler, Landscape, Outliers, Reports};
pub use grid::{GridConfig, GridSampler};
pub use nsga::{Crossover, CrossoverConstants, NsgaConfig, NsgaIIISampler, NsgaIISampler};
pub use partial_fixed::PartialFixedSampler;
pub use qmc::{QmcConfig, QmcSampler, QmcType};
pub use random::{RandomSampler, draw};
pub use tpe::{TpeConfig, TpeSampler};

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
    /// All trials so far: running ones too, with what they reported. Those that other workers are just
    /// proposing for are [reserved](crate::history::FrozenTrial::is_reserved): they have no configuration
    /// yet, and say nothing.
    pub history: &'a History,
    /// What is known of a configuration before it is evaluated. Costs up to tens of microseconds.
    pub preview: &'a dyn Fn(&Configuration) -> Preview,
}

/// Proposes configurations.
///
/// # Contract
/// - A proposal is [valid](Space::validate), with all bounds and constraints of the space, and its preview
///   shows no violation. Where a preview gives exact values of objectives, a sampler uses them rather than a
///   prediction.
/// - A proposal depends on the context and on `rng` only. What a sampler keeps between calls may make it
///   faster, not different: one that is rebuilt proposes the same, so that resumed runs and several processes
///   agree.
/// - It must cope with anything in the history: failed and pruned trials, configurations proposed by someone
///   else, equal values, huge values.
/// - Calls come one at a time, from any thread.
pub trait Sampler: Send {
    /// The name, as the table of this module has it.
    fn name(&self) -> &'static str;

    /// What it can do; checked once, when the study is made.
    fn capabilities(&self) -> Capabilities;

    /// Whether a proposal takes microseconds, or must not be computed while other processes take trials: then
    /// it is computed while the study is locked, and anew where another process was faster. Others are
    /// computed while the study goes on, for a number that is reserved.
    fn is_cheap(&self) -> bool {
        false
    }

    /// Whether it makes use of what a study knows from earlier ones ([`History::memory`]).
    fn learns(&self) -> bool {
        false
    }

    /// The configuration to try next.
    ///
    /// # Errors
    /// [`SamplerError::EmptyFeasibleSpace`] if every configuration seems to break a `before` constraint,
    /// [`SamplerError::Exhausted`] if there is nothing left.
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
    /// Spaces with infinitely many configurations: with floats that have no step.
    pub continuous: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self { several_objectives: true, conditions: true, continuous: true };
}

/// Why there is no proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// Nothing that was drawn satisfies the `before` constraints.
    #[error("no feasible configuration among {draws}: {}", list(.reasons))]
    EmptyFeasibleSpace {
        /// How many were tried.
        draws: usize,
        /// The most frequent reasons, each by an example, with how often it was met.
        reasons: Vec<(String, usize)>,
    },
    /// All there is to propose was proposed: the end of a study, not a failure.
    #[error("all {configurations} configurations of sampler `{sampler}` have been tried")]
    Exhausted {
        /// Which one.
        sampler: &'static str,
        /// How many there are, without those that break a `before` constraint.
        configurations: usize,
    },
    /// What the sampler was given does not fit the study.
    #[error("sampler `{sampler}` cannot work on this study: {reason}")]
    Unfit {
        /// Which one.
        sampler: &'static str,
        /// What does not fit.
        reason: String,
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

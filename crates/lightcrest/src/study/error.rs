//! What can go wrong with a study.

use crate::history::TrialState;
use crate::sampler::SamplerError;
use crate::space::{SpaceError, Value};
use crate::storage::StorageError;

/// Why a study cannot be made or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// A study was described without anything to optimise.
    #[error("a study needs at least one objective")]
    NoObjectives,
    /// Two objectives of a study have the same name.
    #[error("objective names must differ, but `{name}` is there twice")]
    DuplicateObjective {
        /// The name.
        name: String,
    },
    /// The sampler lacks a [capability](crate::sampler::Capabilities) that the study needs: take another one.
    #[error("sampler `{sampler}` cannot handle {what}")]
    Unsupported {
        /// The name of the sampler.
        sampler: &'static str,
        /// What it cannot handle, with an example.
        what: String,
    },
    /// The terminator cannot judge such studies: take another one.
    #[error("terminator `{terminator}` cannot judge {what}")]
    UnsupportedTerminator {
        /// The name of the terminator.
        terminator: &'static str,
        /// What it cannot judge.
        what: String,
    },
    /// The study has no trial of this number, as far as it has been read.
    #[error("trial {number} does not exist")]
    UnknownTrial {
        /// The number.
        number: u64,
    },
    /// Only running trials report, ask for parameters and are told; this one has ended, or has not begun.
    #[error("trial {number} is {state}, not running")]
    NotRunning {
        /// The number of the trial.
        number: u64,
        /// The state in which it is.
        state: TrialState,
    },
    /// A study was to learn from earlier ones, but what it has tried was proposed without them: make a new
    /// one.
    #[error("a study learns from earlier ones before its first trial, but this one has {trials}")]
    LearnsTooLate {
        /// How many trials it has.
        trials: u64,
    },
    /// A trial was added as complete, but without values.
    #[error("a complete trial needs values, but the one that is added has none")]
    AddedWithoutValues,
    /// A trial was added to a study that discovers its space, with a value for which its
    /// [suggestions](crate::history::FrozenTrial::suggestions) have no domain.
    #[error("parameter `{name}` has the value {value}, but the trial does not say what it was asked for")]
    AddedWithoutDomain {
        /// The name of the parameter.
        name: String,
        /// Its value.
        value: Value,
    },
    /// A constraint of a running trial was set to NaN, which is neither satisfied nor broken.
    #[error(
        "constraint `{name}` of trial {number} is NaN, but must be a number that is at most 0 where it is satisfied"
    )]
    NanConstraint {
        /// The number of the trial.
        number: u64,
        /// The name of the constraint.
        name: String,
    },
    /// An evaluation gave more or fewer values than the study has objectives.
    #[error("trial {number} gave {found} values, but the study has {expected} objectives")]
    WrongValueCount {
        /// The number of the trial.
        number: u64,
        /// How many objectives the study has.
        expected: usize,
        /// How many values there are.
        found: usize,
    },
    /// A domain, a value or a configuration that cannot be.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The sampler, or the model of a terminator, finds nothing or breaks down.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// The storage refuses.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

//! What can go wrong with a study.

use crate::history::TrialState;
use crate::sampler::SamplerError;
use crate::space::{SpaceError, Value};
use crate::storage::StorageError;

/// Why a study cannot be made or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum StudyError {
    #[error("a study needs at least one objective")]
    NoObjectives,
    #[error("objective names must differ, but `{name}` is there twice")]
    DuplicateObjective { name: String },
    #[error("sampler `{sampler}` cannot handle {what}")]
    Unsupported { sampler: &'static str, what: String },
    #[error("terminator `{terminator}` cannot judge {what}")]
    UnsupportedTerminator { terminator: &'static str, what: String },
    #[error("trial {number} does not exist")]
    UnknownTrial { number: u64 },
    #[error("trial {number} is {state}, not running")]
    NotRunning { number: u64, state: TrialState },
    #[error("a complete trial needs values, but the one that is added has none")]
    AddedWithoutValues,
    #[error("parameter `{name}` has the value {value}, but the trial does not say what it was asked for")]
    AddedWithoutDomain { name: String, value: Value },
    #[error(
        "constraint `{name}` of trial {number} is NaN, but must be a number that is at most 0 where it is satisfied"
    )]
    NanConstraint { number: u64, name: String },
    #[error("trial {number} gave {found} values, but the study has {expected} objectives")]
    WrongValueCount { number: u64, expected: usize, found: usize },
    #[error(transparent)]
    Space(#[from] SpaceError),
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

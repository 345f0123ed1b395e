//! Where the trials of a study live.

mod memory;
mod sqlite;

pub use memory::MemoryStorage;
pub use sqlite::SqliteStorage;

use crate::history::{FrozenTrial, History, TrialState};
use crate::objective::ObjectiveInfo;
use crate::space::{Constraint, Discovery, Space};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What a study is: fixed when it is made, stored beside its trials, compared when it is opened again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The name of the study.
    pub name: String,
    /// What may vary. If it is discovered, what is known of it so far: stored empty, and found again from the trials.
    pub space: Space,
    /// Whether the space is discovered from what the objective asks for.
    pub discovered: bool,
    /// What is optimised, in the order of a trial's values.
    pub objectives: Vec<ObjectiveInfo>,
    /// What all random numbers derive from.
    pub seed: u64,
    /// Everything else that must stay the same for trials to be comparable (data, training), as text. What may
    /// change between runs, such as the number of trials or of workers, is left out.
    pub spec: String,
    /// The version of the engine that made the study.
    pub engine: String,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub created: u64,
}

impl Definition {
    /// What makes the two different studies, in words; `None` if they are the same. Engine and time do not count, and of the
    /// tests of constraints only the names do: code cannot be compared.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.name != other.name {
            return Some(format!("its name is `{}`, not `{}`", self.name, other.name));
        }
        let names = |objectives: &[ObjectiveInfo]| {
            let words = objectives.iter().map(|o| format!("{:?} {}", o.direction, o.name).to_lowercase());
            words.collect::<Vec<_>>().join(", ")
        };
        if self.objectives != other.objectives {
            let (ours, theirs) = (names(&self.objectives), names(&other.objectives));
            return Some(format!("its objectives are {ours}, not {theirs}"));
        }
        if self.discovered != other.discovered {
            let word = |discovered| if discovered { "discovered" } else { "declared" };
            return Some(format!("its space is {}, not {}", word(self.discovered), word(other.discovered)));
        }
        let difference = if self.discovered { None } else { self.space_difference(other) };
        if difference.is_some() {
            return difference;
        }
        if self.seed != other.seed {
            return Some(format!("its seed is {}, not {}", self.seed, other.seed));
        }
        if self.spec != other.spec {
            let (mut ours, mut theirs) = (self.spec.lines(), other.spec.lines());
            loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => return Some("its spec has other line ends".to_owned()),
                    (a, b) if a == b => {}
                    (Some(a), Some(b)) => {
                        return Some(format!("its spec says `{}`, not `{}`", a.trim(), b.trim()));
                    }
                    (Some(a), None) => return Some(format!("its spec also says `{}`", a.trim())),
                    (None, Some(b)) => return Some(format!("its spec does not say `{}`", b.trim())),
                }
            }
        }
        None
    }

    fn space_difference(&self, other: &Self) -> Option<String> {
        for parameter in self.space.parameters() {
            match other.space.get(&parameter.name) {
                None => {
                    return Some(format!("it has a parameter `{}`, which is not asked for", parameter.name));
                }
                Some(theirs) if theirs.domain != parameter.domain => {
                    let (name, ours) = (&parameter.name, &parameter.domain);
                    return Some(format!("its parameter `{name}` is {ours}, not {}", theirs.domain));
                }
                Some(theirs) if theirs.when != parameter.when => {
                    return Some(format!("its parameter `{}` has other conditions", parameter.name));
                }
                Some(theirs)
                    if theirs.at_least != parameter.at_least || theirs.at_most != parameter.at_most =>
                {
                    return Some(format!("its parameter `{}` has other bounds", parameter.name));
                }
                Some(_) => {}
            }
        }
        if let Some(new) = other.space.parameters().iter().find(|p| self.space.get(&p.name).is_none()) {
            return Some(format!("it has no parameter `{}`", new.name));
        }
        let (ours, theirs) = (self.space.constraints(), other.space.constraints());
        let more = |all: &[Constraint], others: &[Constraint]| {
            all.iter().find(|constraint| !others.contains(constraint)).map(Constraint::name)
        };
        if let Some(name) = more(ours, theirs) {
            return Some(format!("it has a constraint `{name}`, which is not asked for or is another one"));
        }
        if let Some(name) = more(theirs, ours) {
            return Some(format!("it has no constraint `{name}`"));
        }
        if ours != theirs {
            return Some("its constraints are in another order".to_owned());
        }
        if self.space != other.space {
            return Some("its parameters are in another order".to_owned());
        }
        None
    }
}

/// The trials that changed since some moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// As they are now, by number.
    pub trials: Vec<FrozenTrial>,
    /// The moment to ask from the next time.
    pub revision: u64,
}

/// Keeps one study.
///
/// # Contract
/// - **Whole or not at all.** Each call that writes is one transaction. When it fails, the storage is as it was before,
///   and works again once the cause is gone (a full disk, a lock).
/// - **Durable.** When a call returns, what it wrote survives the sudden death of the process. A storage that keeps
///   less (memory) says so.
/// - **Numbers have no gaps.** [`create`](Self::create) takes the next number only; whoever comes second for the same
///   number gets [`StorageError::NumberTaken`] and asks again.
/// - **One winner.** [`update`](Self::update) names the state that it found; if the trial is in another one by now,
///   nothing is written and the error says so. A finished trial never changes.
/// - **Revisions.** Every write raises the revision by one, and [`changes`](Self::changes) tells everything since, whoever
///   wrote it.
/// - **Abandoned trials.** [`open`](Self::open) puts trials that were left running by processes which are gone back to
///   waiting, without their reports, unless the storage says that they may be told from elsewhere.
/// - **Threads.** Calls on one handle come one at a time, from any thread. Several handles, also in several
///   processes, may share a study if the storage allows it.
///
/// [`testing::storage`](crate::testing::storage) checks all of this.
pub trait Storage: Send {
    /// The study that is kept here, if there is one yet. Writes nothing.
    ///
    /// # Errors
    /// If it cannot be read.
    fn definition(&mut self) -> Result<Option<Definition>, StorageError>;

    /// Makes the study, or opens it if it is here. Returns the stored definition.
    ///
    /// # Errors
    /// [`StorageError::OtherStudy`] if a study of another definition is kept here; nothing is written then.
    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError>;

    /// Adds a trial with the next number; the revision that this made.
    ///
    /// # Errors
    /// [`StorageError::NumberTaken`] if the number is not the next.
    fn create(&mut self, trial: &FrozenTrial) -> Result<u64, StorageError>;

    /// Replaces a trial that is in the state `from`; the revision that this made.
    ///
    /// # Errors
    /// [`StorageError::StateConflict`] if it is not, [`StorageError::UnknownTrial`] if there is no such trial.
    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError>;

    /// The trials that were written after the revision; 0 for all.
    ///
    /// # Errors
    /// If they cannot be read.
    fn changes(&mut self, since: u64) -> Result<Changes, StorageError>;
}

/// Reads a whole study without opening it for work; if its space is discovered, with what its trials show of it.
///
/// # Errors
/// [`StorageError::NoStudy`] if none is kept there.
pub fn load(storage: &mut dyn Storage) -> Result<(Definition, History), StorageError> {
    let mut definition = storage.definition()?.ok_or(StorageError::NoStudy)?;
    let mut history = History::new(definition.objectives.clone());
    for trial in storage.changes(0)?.trials {
        history.put(trial);
    }
    if definition.discovered {
        let sightings = history.trials().iter().filter_map(FrozenTrial::sighting);
        definition.space = Discovery::new().infer(sightings);
    }
    Ok((definition, history))
}

/// Why a storage cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum StorageError {
    #[error("the stored study is another one: {difference}")]
    OtherStudy { difference: String },
    #[error("there is no study in it yet")]
    NoStudy,
    #[error("the next trial is number {next}, but number {number} was to be created")]
    NumberTaken { number: u64, next: u64 },
    #[error("trial {number} does not exist")]
    UnknownTrial { number: u64 },
    #[error("trial {number} is {found}, but it should be {expected}")]
    StateConflict { number: u64, expected: TrialState, found: TrialState },
    #[error("{} does not exist", .path.display())]
    Missing { path: PathBuf },
    #[error("{} is not a database", .path.display())]
    NotADatabase { path: PathBuf },
    #[error("{} is a database of another program (application id {application_id:#010x})", .path.display())]
    OtherProgram { path: PathBuf, application_id: i32 },
    #[error("{} has schema version {found}, but this program knows versions up to {supported}: use a newer one", .path.display())]
    NewerSchema { path: PathBuf, found: i64, supported: i64 },
    #[error("no space left on the disk for {}: what was stored is whole; free some space and run again", .path.display())]
    DiskFull { path: PathBuf },
    #[error("{} is damaged: {what}", .path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("cannot access {}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the database {} refuses", .path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

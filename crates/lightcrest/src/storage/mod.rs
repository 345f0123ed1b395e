//! Where the trials of a study live.

mod memory;
mod sqlite;

pub use memory::MemoryStorage;
pub use sqlite::SqliteStorage;

use crate::history::{FrozenTrial, History, TrialState};
use crate::memory::Memory;
use crate::objective::ObjectiveInfo;
use crate::space::{Constraint, Discovery, Space};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// What a study is: fixed when it is made, stored beside its trials, compared when it is opened again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The name of the study.
    pub name: String,
    /// What may vary. If it is discovered, what is known of it so far: stored empty, and found again from the
    /// trials.
    pub space: Space,
    /// Whether the space is discovered from what the objective asks for.
    pub discovered: bool,
    /// What is optimised, in the order of a trial's values.
    pub objectives: Vec<ObjectiveInfo>,
    /// What all random numbers derive from.
    pub seed: u64,
    /// Everything else that must stay the same for trials to be comparable (data, training), as text. What
    /// may change between runs, such as the number of trials or of workers, is left out.
    pub spec: String,
    /// The version of the engine that made the study.
    pub engine: String,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub created: u64,
}

impl Definition {
    /// What makes the two different studies, in words; `None` if they are the same. Engine and time do not
    /// count, and of the tests of constraints only the names do: code cannot be compared.
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
/// - **Whole or not at all.** Each call that writes is one transaction. When it fails, the storage is as it
///   was before, and works again once the cause is gone (a full disk, a lock).
/// - **Durable.** When a call returns, what it wrote survives the sudden death of the process. A storage that
///   keeps less (memory) says so.
/// - **Numbers have no gaps.** [`create`](Self::create) takes the next number only; whoever comes second for
///   the same number gets [`StorageError::NumberTaken`] and asks again.
/// - **One winner.** [`update`](Self::update) names the state that it found; if the trial is in another one
///   by now, nothing is written and the error says so. A finished trial never changes.
/// - **Revisions.** Every write raises the revision by one, and [`changes`](Self::changes) tells everything
///   since, whoever wrote it.
/// - **Abandoned trials.** [`open`](Self::open) puts trials that were left running by processes which are
///   gone back to waiting, without their reports, unless the storage says that they may be told from
///   elsewhere. One that was only [reserved](FrozenTrial::is_reserved) then waits without a configuration.
/// - **Makers at once.** Several handles that [`make`](Self::make) or [`open`](Self::open) the same new study
///   at once all find it: whoever comes while it is being made waits.
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

    /// Makes the study, where there is none yet: of several that try at once, one.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if there is one already, whatever its definition.
    fn make(&mut self, definition: &Definition) -> Result<(), StorageError>;

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
    /// [`StorageError::StateConflict`] if it is not, [`StorageError::UnknownTrial`] if there is no such
    /// trial.
    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError>;

    /// The trials that were written after the revision; 0 for all.
    ///
    /// # Errors
    /// If they cannot be read.
    fn changes(&mut self, since: u64) -> Result<Changes, StorageError>;

    /// Takes back the [reservation](FrozenTrial::is_reserved) of the last number. `false`, and nothing is
    /// written: a later trial is there, or this one is no reservation.
    ///
    /// # Errors
    /// If it cannot be written.
    fn withdraw(&mut self, number: u64) -> Result<bool, StorageError>;

    /// What the study learns from; empty unless it was [given](Self::remember) something.
    ///
    /// # Errors
    /// If it cannot be read.
    fn memory(&mut self) -> Result<Memory, StorageError>;

    /// Keeps what the study learns from, unless it has a memory or trials already; what it has then. A write:
    /// it raises the revision.
    ///
    /// # Errors
    /// If it cannot be written.
    fn remember(&mut self, memory: &Memory) -> Result<Memory, StorageError>;

    /// Where it keeps the study, for messages: a file, or a word.
    fn place(&self) -> PathBuf;
}

/// Reads a whole study without opening it for work; if its space is discovered, with what its trials show of
/// it.
///
/// # Errors
/// [`StorageError::NoStudy`] if none is kept there, [`StorageError::Damaged`] if trials are missing or do not
/// fit the study.
pub fn load(storage: &mut dyn Storage) -> Result<(Definition, History), StorageError> {
    let mut definition = storage.definition()?.ok_or(StorageError::NoStudy)?;
    let mut history = History::new(definition.objectives.clone());
    history.remember(Arc::new(storage.memory()?));
    for trial in storage.changes(0)?.trials {
        take(storage, &mut history, trial)?;
    }
    if definition.discovered {
        let sightings = history.trials().iter().filter_map(FrozenTrial::sighting);
        definition.space = Discovery::new().infer(sightings);
    }
    Ok((definition, history))
}

/// Takes a stored trial into a history, if it can be one of that study. What reads trials relies on this
/// check: the storage may be a file that anything may have happened to.
pub(crate) fn take(
    storage: &dyn Storage,
    history: &mut History,
    trial: FrozenTrial,
) -> Result<(), StorageError> {
    let damaged = |what| StorageError::Damaged { path: storage.place(), what };
    let flaw = flaw(&trial, history.objectives().len());
    if let Some(flaw) = flaw {
        return Err(damaged(format!("trial {} {flaw}", trial.number)));
    }
    history.take(trial).map_err(|gap| damaged(gap.to_string()))
}

/// What keeps a stored trial from being one of a study of so many objectives.
fn flaw(trial: &FrozenTrial, objectives: usize) -> Option<String> {
    let (complete, several) = (trial.state == TrialState::Complete, |n| if n == 1 { "" } else { "s" });
    match &trial.values {
        None if complete => return Some("is complete, but has no values".to_owned()),
        Some(values) if values.len() != objectives => {
            let (n, s, os) = (values.len(), several(values.len()), several(objectives));
            return Some(format!("has {n} value{s}, but the study has {objectives} objective{os}"));
        }
        Some(values) if values.iter().any(|value| value.is_nan()) => {
            return Some("has a value that is no number".to_owned());
        }
        _ => {}
    }
    let known = trial.known.len();
    (known != 0 && known != objectives)
        .then(|| format!("knows {known} objective{}, but the study has {objectives}", several(known)))
}

/// Why a storage cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The study that is kept there differs from the one that was to be opened. Give the same definition, or
    /// another place.
    #[error("the stored study is another one: {difference}")]
    OtherStudy {
        /// The first difference, in words.
        difference: String,
    },
    /// A study was to be made, but one of that name is there already. Open it, or take another name.
    #[error("there is a study `{name}` already")]
    Exists {
        /// Its name.
        name: String,
    },
    /// A study was to be read, but none was made there yet.
    #[error("there is no study in it yet")]
    NoStudy,
    /// Somebody else took the number first, or it would leave a gap. Take over the
    /// [changes](Storage::changes) and try the next one.
    #[error("the next trial is number {next}, but number {number} was to be created")]
    NumberTaken {
        /// The number that was to be created.
        number: u64,
        /// The number that is free.
        next: u64,
    },
    /// A trial was to be changed that was never made.
    #[error("trial {number} does not exist")]
    UnknownTrial {
        /// Its number.
        number: u64,
    },
    /// Somebody else changed the trial first: it ended, or runs elsewhere. What was to be written is not.
    #[error("trial {number} is {found}, but it should be {expected}")]
    StateConflict {
        /// The number of the trial.
        number: u64,
        /// The state from which it was to be changed.
        expected: TrialState,
        /// The state in which it is.
        found: TrialState,
    },
    /// A file was to be read that does not exist.
    #[error("{} does not exist", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else than a SQLite database, and left as it is.
    #[error("{} is not a database", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a SQLite database, but none of Lightcrest's, and left as it is.
    #[error("{} is a database of another program (application id {application_id:#010x})", .path.display())]
    OtherProgram {
        /// The file.
        path: PathBuf,
        /// What SQLite's `PRAGMA application_id` says of it.
        application_id: i32,
    },
    /// A newer version of Lightcrest wrote the file: use that one.
    #[error("{} has schema version {found}, but this program knows versions up to {supported}: use a newer one", .path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: i64,
        /// The newest version that this program knows.
        supported: i64,
    },
    /// What was to be written is not, and all before it is whole: free some space and run again.
    #[error("no space left on the disk for {}: what was stored is whole; free some space and run again", .path.display())]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// What is stored contradicts itself: something else changed it, or the disk lost a part. Nothing is
    /// guessed in its place.
    #[error(
        "{} is damaged: {what}; go back to a copy of it, or begin a new study in another place", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// The operating system refuses a file beside the database.
    #[error("cannot access {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Another process has held the database for longer than this one waits.
    #[error("the database {} is locked by another process, also after {waited_s} s", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long it was waited for, in seconds.
        waited_s: u64,
    },
    /// Another process holds the database, and whoever waited for it was called off.
    #[error("the database {} is locked by another process, and the wait for it was called off", .path.display())]
    CalledOff {
        /// The file.
        path: PathBuf,
    },
    /// Anything else that SQLite refuses.
    #[error("the database {} refuses", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

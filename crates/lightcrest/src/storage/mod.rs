//! Where the trials of a study live.
//!
//! A [`Storage`] keeps one study, a [`Catalog`] knows the studies of one database. [`open_url`] finds the
//! catalog that a URL names.

mod codec;
mod copy;
mod definition;
mod error;
mod memory;
mod number;
pub mod optuna;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod url;

pub use copy::{copy, copy_with};
pub use definition::Definition;
pub use error::{Cause, StorageError};
pub use memory::MemoryStorage;
#[cfg(feature = "postgres")]
pub use postgres::PostgresCatalog;
pub use sqlite::{SqliteCatalog, SqliteStorage};
pub use url::{CallOff, absolute, open_url, without_password};

use crate::history::{FrozenTrial, History, TrialState};
use crate::memory::Memory;
use crate::space::Discovery;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A report of a running trial, as it came after the trial was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The number of the trial.
    pub number: u64,
    /// In which of its [attempts](FrozenTrial::attempt) it was reported.
    pub attempt: u64,
    /// The step.
    pub step: u64,
    /// What was reported: see [`FrozenTrial::reports`].
    pub values: Vec<f64>,
}

/// What changed since some moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// The trials that were written, as they are now with all their reports, by number.
    pub trials: Vec<FrozenTrial>,
    /// The reports of others since then.
    pub reports: Vec<Report>,
    /// The moment to ask from the next time.
    pub revision: u64,
    /// Whether this is everything, and what was seen before may never have been: a server that crashed has
    /// lost what it had not acknowledged. Whoever follows begins anew.
    pub fresh: bool,
}

impl Changes {
    /// Adds reports that were read beside the trials: each to its trial, if that is here and in the same run.
    pub(crate) fn add_reports(&mut self, reports: impl IntoIterator<Item = Report>) {
        let places: HashMap<u64, usize> =
            self.trials.iter().enumerate().map(|(i, trial)| (trial.number, i)).collect();
        for report in reports {
            match places.get(&report.number) {
                None => self.reports.push(report),
                Some(i) if self.trials[*i].attempt == report.attempt => {
                    self.trials[*i].add_report(report.step, report.values);
                }
                Some(_) => {}
            }
        }
    }
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
/// - **Claims.** A running trial is of the run that its [claim](FrozenTrial::claim) names. Whoever writes to
///   it names that run; if it is another one by now, nothing is written: [`StorageError::LeaseLost`].
/// - **Abandoned trials.** [`reclaim`](Self::reclaim) puts leased trials whose process is gone back to
///   waiting, without what they had done. Trials that are not leased stay, whoever is gone: they may be told
///   from elsewhere.
/// - **Revisions.** Every write raises the revision by one, and [`changes`](Self::changes) tells everything
///   since, whoever wrote it.
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

    /// Replaces a trial that is in the state `from`, and if it runs, in the run that the new one claims; the
    /// revision that this made. Reports of a trial that goes on running are left as they are:
    /// [`report`](Self::report) keeps them.
    ///
    /// # Errors
    /// [`StorageError::StateConflict`] if it is in another state, [`StorageError::LeaseLost`] if it is in
    /// another run, [`StorageError::UnknownTrial`] if there is no such trial.
    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError>;

    /// Keeps a report of a running trial; the revision that this made. Of a step that was reported before,
    /// the first report stands.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    fn report(&mut self, trial: &FrozenTrial, step: u64, values: &[f64]) -> Result<u64, StorageError>;

    /// As [`update`](Self::update) of a running trial that goes on so, or with a report as
    /// [`report`](Self::report), but nobody waits for it where that takes long. `None`: it is on its way, and
    /// what this handle asks for or writes later comes after it. If it is refused, what is sent next of that
    /// run says so. What cannot be written while the trial runs is not lost as long as the process lives: a
    /// trial that ends is written with all its reports.
    ///
    /// # Errors
    /// As there.
    fn send(
        &mut self,
        trial: &FrozenTrial,
        report: Option<(u64, &[f64])>,
    ) -> Result<Option<u64>, StorageError> {
        match report {
            None => self.update(trial, TrialState::Running),
            Some((step, values)) => self.report(trial, step, values),
        }
        .map(Some)
    }

    /// Up to which revision, from that one on, there is nothing but what this handle [sent](Self::send).
    fn passed(&self, revision: u64) -> u64 {
        revision
    }

    /// What was written after the revision; 0 for everything.
    ///
    /// # Errors
    /// If it cannot be read.
    fn changes(&mut self, since: u64) -> Result<Changes, StorageError>;

    /// Takes back the [reservation](FrozenTrial::is_reserved) of the last number. `false`, and nothing is
    /// written: a later trial is there, or this one is no reservation of that run.
    ///
    /// # Errors
    /// If it cannot be written.
    fn withdraw(&mut self, reserved: &FrozenTrial) -> Result<bool, StorageError>;

    /// The leased trials whose process is gone, by number. Writes nothing; cheap where there are none.
    ///
    /// # Errors
    /// If it cannot be read.
    fn abandoned(&mut self) -> Result<Vec<u64>, StorageError>;

    /// Puts leased trials whose process is gone back to waiting; one that was begun more than `retries` times
    /// beside the first fails. How many there were. Cheap where there are none.
    ///
    /// # Errors
    /// If it cannot be read or written.
    fn reclaim(&mut self, retries: u64) -> Result<usize, StorageError>;

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

    /// What was kept with the study by [`set_attribute`](Self::set_attribute).
    ///
    /// # Errors
    /// [`StorageError::NoStudy`] if there is none.
    fn attributes(&mut self) -> Result<BTreeMap<String, Json>, StorageError>;

    /// Keeps something with the study, in place of what had that name.
    ///
    /// # Errors
    /// [`StorageError::NoStudy`] if there is none.
    fn set_attribute(&mut self, name: &str, value: Json) -> Result<(), StorageError>;

    /// Deletes the study with its trials.
    ///
    /// # Errors
    /// [`StorageError::NoStudy`] if there is none.
    fn delete(&mut self) -> Result<(), StorageError>;

    /// Where it keeps the study, for messages: a file, a URL without its password, or a word.
    fn place(&self) -> String;
}

/// The studies of one database, told apart by their names.
pub trait Catalog: Send {
    /// The names of the studies, in the order in which they were made.
    ///
    /// # Errors
    /// If they cannot be read.
    fn names(&mut self) -> Result<Vec<String>, StorageError> {
        Ok(self.studies()?.into_iter().map(|(_, name)| name).collect())
    }

    /// The studies in the order in which they were made: what the database numbers each by, and no other one
    /// before or after it, and its name.
    ///
    /// # Errors
    /// If they cannot be read.
    fn studies(&mut self) -> Result<Vec<(i64, String)>, StorageError>;

    /// What there is to say of each study without reading its trials, in the order of
    /// [`names`](Self::names). Nothing is made.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if the database is a file that does not exist; if it cannot be read.
    fn summaries(&mut self) -> Result<Vec<Summary>, StorageError>;

    /// The storage of the study of this name, to look at: nothing is made or written.
    ///
    /// # Errors
    /// As [`summaries`](Self::summaries); whether there is such a study says the storage.
    fn look(&mut self, name: &str) -> Result<Box<dyn Storage>, StorageError>;

    /// The storage of the study of this name, whether there is one yet or not.
    ///
    /// # Errors
    /// If the database cannot be opened.
    fn study(&mut self, name: &str) -> Result<Box<dyn Storage>, StorageError>;

    /// Gives a study another name.
    ///
    /// # Errors
    /// [`StorageError::NoStudy`] if there is none of the first name, [`StorageError::Exists`] if there is one
    /// of the second.
    fn rename(&mut self, name: &str, new: &str) -> Result<(), StorageError>;

    /// The database, for messages.
    fn place(&self) -> String;
}

/// A study of a [`Catalog`] in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub created: u64,
    /// How many trials it has in each state; states without trials are left out.
    pub trials: Vec<(TrialState, u64)>,
}

impl Summary {
    /// How many trials it has in a state.
    pub fn count(&self, state: TrialState) -> u64 {
        self.trials.iter().find(|(other, _)| *other == state).map_or(0, |(_, count)| *count)
    }

    /// How many trials it has.
    pub fn total(&self) -> u64 {
        self.trials.iter().map(|(_, count)| count).sum()
    }

    /// From rows of name, creation, state and count, those of one study together; the state is missing where
    /// there are no trials.
    fn gather(
        place: &str,
        rows: impl IntoIterator<Item = (String, i64, Option<String>, i64)>,
    ) -> Result<Vec<Self>, StorageError> {
        let mut all: Vec<Self> = Vec::new();
        for (name, created, state, count) in rows {
            if all.last().is_none_or(|last| last.name != name) {
                all.push(Self { name, created: created as u64, trials: Vec::new() });
            }
            if let (Some(last), Some(state)) = (all.last_mut(), state) {
                last.trials.push((codec::state(place, &state)?, count as u64));
            }
        }
        Ok(all)
    }
}

/// Whether who has one token, or none, may write to a trial that is found in a state and the run of another.
pub(crate) fn check_run(
    (number, own): (u64, Option<u64>),
    from: TrialState,
    found: TrialState,
    token: Option<u64>,
) -> Result<(), StorageError> {
    let other = from == TrialState::Running && own != token;
    if other && (found == TrialState::Running || own.is_some()) {
        return Err(StorageError::LeaseLost { number });
    }
    match found == from {
        true => Ok(()),
        false => Err(StorageError::StateConflict { number, expected: from, found }),
    }
}

/// Gives up the run of a trial whose worker is gone: it waits again, with the attributes with which it waited
/// before, or fails, if it was begun more than `retries` times beside the first.
pub(crate) fn give_up(
    trial: &mut FrozenTrial,
    given: BTreeMap<String, Json>,
    retries: u64,
    discovered: bool,
) {
    let attempts = trial.attempt;
    if attempts <= retries {
        trial.reset();
        trial.attempt = attempts;
        trial.attributes = given;
        trial.claim = None;
        return;
    }
    let times = if attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
    trial.state = TrialState::Failed;
    trial.reason = Some(format!("its worker vanished {times}"));
    trial.finished = Some(now_after(trial));
    trial.claim = None;
    if discovered {
        trial.keep_suggested();
    }
}

/// Milliseconds since 1970, by this machine's clock.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

/// [`now`], and not before a trial began by the clock of whoever began it.
pub(crate) fn now_after(trial: &FrozenTrial) -> u64 {
    now().max(trial.started.unwrap_or(0))
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
    let damaged = |what| StorageError::Damaged { place: storage.place(), what };
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

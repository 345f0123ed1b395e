//! What is on its way to the server: reports that nobody waits for.
//!
//! A report changes nothing for whoever makes it: it is sent at once, and the objective goes on. What gathers
//! while the server is busy goes together. If the trial ends before its last reports were sent, they are
//! written with its end, which has them all.

use super::session::Session;
use super::write::{self, Before, Reports, Run, Written};
use crate::history::{FrozenTrial, TrialState};
use crate::storage::StorageError;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is to be written of one run.
struct Note {
    run: Run,
    /// The trial as it is.
    whole: Option<Written>,
    reports: Reports,
}

impl Note {
    /// Writes it.
    ///
    /// # Errors
    /// [`StorageError::LeaseLost`] and the like if the run is over; if the server refuses, or is away.
    fn write(&self, session: &mut Session, study: i64) -> Result<u64, StorageError> {
        let Self { run, whole, reports } = self;
        let written = match whole {
            Some(whole) => {
                let before = Before { state: TrialState::Running, token: run.token, over: false };
                write::update(session, study, whole, before, reports, false)?
            }
            None => write::report(session, study, *run, reports)?,
        };
        written.ok_or_else(|| write::conflict(session, study, *run, TrialState::Running))
    }
}

#[derive(Default)]
struct Contents {
    /// One for each run, in the order in which they came.
    notes: Vec<Note>,
    /// Whether the thread of the connection was told to send them.
    called: bool,
    /// What could not be written, until whoever reports next is told.
    failed: Vec<(Run, StorageError)>,
    /// The revisions that were made so on the connection of that number: a server that crashed gives others
    /// the same ones again.
    connection: u64,
    revisions: BTreeSet<u64>,
}

impl Contents {
    fn add(&mut self, note: Note) {
        match self.notes.iter_mut().find(|other| other.run == note.run) {
            Some(other) => {
                other.whole = note.whole.or(other.whole.take());
                other.reports.extend(note.reports);
            }
            None => self.notes.push(note),
        }
    }

    fn made(&mut self, connection: u64, revision: u64) {
        if self.connection != connection {
            self.connection = connection;
            self.revisions.clear();
        }
        self.revisions.insert(revision);
    }
}

/// The reports of one handle that are on their way.
#[derive(Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<Contents>>);

impl Outbox {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes something that is to be written of a run; whether the thread must be told to [send](Self::send).
    ///
    /// # Errors
    /// If what was taken of that run before could not be written.
    pub(super) fn put(
        &self,
        run: Run,
        whole: Option<Written>,
        reports: Reports,
    ) -> Result<bool, StorageError> {
        let mut contents = self.contents();
        if let Some(i) = contents.failed.iter().position(|(failed, _)| *failed == run) {
            return Err(contents.failed.swap_remove(i).1);
        }
        contents.add(Note { run, whole, reports });
        Ok(!std::mem::replace(&mut contents.called, true))
    }

    /// Writes what is there. What cannot be written now is written with what comes next.
    pub(super) fn send(&self, session: &mut Session, study: i64) {
        let mut notes = {
            let mut contents = self.contents();
            contents.called = false;
            std::mem::take(&mut contents.notes).into_iter()
        };
        while let Some(note) = notes.next() {
            match note.write(session, study) {
                Ok(revision) => self.contents().made(session.count, revision),
                Err(error) => {
                    let over = matches!(
                        error,
                        StorageError::LeaseLost { .. }
                            | StorageError::UnknownTrial { .. }
                            | StorageError::StateConflict { .. }
                    );
                    let mut contents = self.contents();
                    contents.failed.push((note.run, error));
                    if over {
                        continue;
                    }
                    let newer = std::mem::take(&mut contents.notes);
                    [note].into_iter().chain(notes).chain(newer).for_each(|note| contents.add(note));
                    return;
                }
            }
        }
    }

    /// Takes out what a write of the whole trial makes needless: the trial as it was, and if its run ends,
    /// the reports that it has.
    pub(super) fn overtake(&self, trial: &FrozenTrial) {
        let (run, mut contents) = (Run::of(trial), self.contents());
        for note in contents.notes.iter_mut().filter(|note| note.run == run) {
            note.whole = None;
            match trial.state {
                TrialState::Running => {}
                TrialState::Waiting => note.reports = Reports::default(),
                _ => note.reports.remove(&trial.reports),
            }
        }
        contents.notes.retain(|note| note.whole.is_some() || !note.reports.is_empty());
        if trial.state != TrialState::Running {
            contents.failed.retain(|(failed, _)| *failed != run);
        }
    }

    /// Up to which revision, from one on that a connection gave, there is nothing but what was written from
    /// here.
    pub(super) fn passed(&self, connection: u64, revision: u64) -> u64 {
        let contents = self.contents();
        if contents.connection != connection {
            return revision;
        }
        let own = contents.revisions.range(revision + 1..);
        own.zip(revision + 1..)
            .take_while(|(own, next)| *own == next)
            .last()
            .map_or(revision, |(own, _)| *own)
    }

    /// Everything up to that revision was read.
    pub(super) fn read(&self, revision: u64) {
        let mut contents = self.contents();
        contents.revisions = contents.revisions.split_off(&(revision + 1));
    }
}

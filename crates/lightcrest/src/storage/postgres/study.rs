//! One study of a database.

use super::connection::Server;
use super::failure::unreachable;
use super::outbox::Outbox;
use super::read::{TRIAL, read, read_changes};
use super::session::Session;
use super::write::{self, Before, Reports, Run, Written};
use super::{is_made, make_tables};
use crate::history::{FrozenTrial, TrialState};
use crate::memory::Memory;
use crate::storage::codec::{Common, json, parse};
use crate::storage::{CallOff, Changes, Definition, Storage, StorageError, give_up};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use tokio_postgres::Row;

/// Those of them that nobody works on. A lease that ends far in the future is one of a clock that was set
/// back.
const ABANDONED: &str = "SELECT number FROM lightcrest.trial WHERE study = $1 AND state = 'running'
    AND (lease < clock_timestamp() OR lease > clock_timestamp() + make_interval(secs => 2 * lease_seconds))
    ORDER BY number";

/// Keeps a study in a database of PostgreSQL.
pub(super) struct PostgresStorage {
    server: Arc<Server>,
    call_off: Option<CallOff>,
    name: String,
    study: Option<i64>,
    /// The runs that this handle has leases of.
    held: HashSet<i64>,
    /// The connection of which the last changes came.
    seen: u64,
    outbox: Outbox,
}

impl PostgresStorage {
    pub(super) fn new(server: Arc<Server>, name: &str, call_off: Option<CallOff>) -> Self {
        let (held, outbox) = (HashSet::new(), Outbox::default());
        Self { server, call_off, name: name.to_owned(), study: None, held, seen: 0, outbox }
    }

    /// After a fork the handle is one of the child.
    fn here(&mut self) {
        if self.server.process != std::process::id() {
            let server = Server::of(&self.server.target);
            // The thread of the other one is in the parent.
            std::mem::forget(std::mem::replace(&mut self.server, server));
            // What it was about to send is its own; and it may be in the middle of that.
            std::mem::forget(std::mem::take(&mut self.outbox));
            self.held.clear();
            self.seen = 0;
        }
    }

    fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.here();
        self.server.call(self.call_off.as_ref(), work)
    }

    /// The study's row.
    fn id(&mut self) -> Result<i64, StorageError> {
        if self.study.is_none() {
            let name = self.name.clone();
            self.study = self.call(move |session| {
                if !is_made(session)? {
                    return Ok(None);
                }
                let rows = session.query("SELECT id FROM lightcrest.study WHERE name = $1", &[&name])?;
                Ok(rows.first().map(|row| row.get(0)))
            })?;
        }
        self.study.ok_or(StorageError::NoStudy)
    }

    fn written(&self, trial: &FrozenTrial) -> Written {
        Written::of(trial, self.server.target.lease.as_secs_f64())
    }

    /// Adds the study, unless it is there; whether it was added.
    fn insert(&mut self, definition: &Definition) -> Result<bool, StorageError> {
        let d = definition.clone();
        let (space, objectives) = (json(&d.space), json(&d.objectives));
        self.call(move |session| {
            make_tables(session)?;
            let sql = "INSERT INTO lightcrest.study (name, space, objectives, seed, spec, engine, created, discovered)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING RETURNING id";
            let (seed, created) = (d.seed as i64, d.created as i64);
            let rows = session.query(
                sql,
                &[&d.name, &space, &objectives, &seed, &d.spec, &d.engine, &created, &d.discovered],
            )?;
            Ok(rows.len() == 1)
        })
    }

    /// Renews the lease of a trial that runs here, and of one that does not any longer no more.
    fn hold(&mut self, trial: &FrozenTrial) {
        let Some(claim) = trial.claim.filter(|claim| claim.leased) else { return };
        let token = claim.token as i64;
        match trial.state {
            TrialState::Running => {
                self.held.insert(token);
                self.server.heart.hold(token);
            }
            _ => {
                self.held.remove(&token);
                self.server.heart.release(token);
            }
        }
    }

    /// Takes a trial from a worker that is gone; whether it still had it.
    fn take_back(&mut self, number: i64, retries: u64) -> Result<bool, StorageError> {
        let (study, place) = (self.id()?, self.server.place.clone());
        let discovered = "SELECT discovered FROM lightcrest.study WHERE id = $1";
        let row = self.call(move |session| {
            let discovered = session.query(discovered, &[&study])?;
            let mut rows = session.query(TRIAL, &[&study, &number])?;
            let discovered = discovered.first().ok_or(StorageError::NoStudy)?.get::<_, bool>(0);
            let read = |row: Row| {
                Ok((read(&place, &row, &mut Common::default())?, row.get::<_, String>(15), discovered))
            };
            rows.pop().map(read).transpose()
        })?;
        let Some((mut trial, given, discovered)) = row else { return Ok(false) };
        if trial.state != TrialState::Running {
            return Ok(false);
        }
        let token = trial.claim.map(|claim| claim.token as i64);
        let given = parse(&self.server.place, "trial.given", &given)?;
        give_up(&mut trial, given, retries, discovered);
        // Its reports stay where it fails.
        let written = Written { steps: Arc::default(), ..self.written(&trial) };
        let before = Before { state: TrialState::Running, token, over: true };
        let taken = self
            .call(move |session| write::update(session, study, &written, before, &Reports::default(), false));
        match taken {
            Ok(revision) => Ok(revision.is_some()),
            Err(StorageError::LeaseLost { .. } | StorageError::StateConflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Storage for PostgresStorage {
    fn definition(&mut self) -> Result<Option<Definition>, StorageError> {
        self.study = None; // it may have been deleted
        let study = match self.id() {
            Ok(study) => study,
            Err(StorageError::NoStudy) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.call(move |session| {
            let sql = "SELECT name, space, objectives, seed, spec, engine, created, discovered FROM lightcrest.study
                       WHERE id = $1";
            let rows = session.query(sql, &[&study])?;
            let Some(row) = rows.first() else { return Ok(None) };
            let place = session.place();
            Ok(Some(Definition {
                name: row.get(0),
                space: parse(place, "study.space", row.get(1))?,
                objectives: parse(place, "study.objectives", row.get(2))?,
                seed: row.get::<_, i64>(3) as u64,
                spec: row.get(4),
                engine: row.get(5),
                created: row.get::<_, i64>(6) as u64,
                discovered: row.get(7),
            }))
        })
    }

    fn make(&mut self, definition: &Definition) -> Result<(), StorageError> {
        if self.definition()?.is_none() && self.insert(definition)? {
            return Ok(());
        }
        Err(StorageError::Exists { name: definition.name.clone() })
    }

    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError> {
        let stored = match self.definition()? {
            Some(stored) => stored,
            None => {
                self.insert(definition)?;
                self.definition()?.ok_or(StorageError::NoStudy)?
            }
        };
        match stored.difference(definition) {
            Some(difference) => Err(StorageError::OtherStudy { difference }),
            None => Ok(stored),
        }
    }

    fn create(&mut self, trial: &FrozenTrial) -> Result<u64, StorageError> {
        let study = self.id()?;
        // It did not wait before.
        let w = Written { given: "{}".to_owned(), ..self.written(trial) };
        // A trial that waits was wished for by somebody; one that runs has done nothing yet.
        let durable = trial.state != TrialState::Running;
        let made = self.call(move |session| {
            let made = (getrandom::u64().map_err(|error| unreachable(session.place(), error.to_string()))?
                >> 1) as i64;
            write::create(session, study, &w, made, durable)
        })?;
        self.hold(trial);
        Ok(made)
    }

    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError> {
        let (study, written, run) = (self.id()?, self.written(trial), Run::of(trial));
        let before = Before { state: from, token: run.token, over: false };
        let durable = trial.state.is_finished();
        if from == TrialState::Running {
            self.outbox.overtake(trial);
        }
        let updated = self.call(move |session| {
            let updated = write::update(session, study, &written, before, &Reports::default(), durable)?;
            updated.ok_or_else(|| write::conflict(session, study, run, from))
        });
        if matches!(updated, Ok(_) | Err(StorageError::StateConflict { .. })) {
            self.hold(trial);
        }
        if matches!(updated, Err(StorageError::LeaseLost { .. })) {
            self.hold(&FrozenTrial { state: TrialState::Waiting, ..trial.clone() });
        }
        updated
    }

    fn report(&mut self, trial: &FrozenTrial, step: u64, values: &[f64]) -> Result<u64, StorageError> {
        let (study, run, reports) = (self.id()?, Run::of(trial), Reports::one(step, values));
        self.call(move |session| {
            let kept = write::report(session, study, run, &reports)?;
            kept.ok_or_else(|| write::conflict(session, study, run, TrialState::Running))
        })
    }

    fn send(
        &mut self,
        trial: &FrozenTrial,
        report: Option<(u64, &[f64])>,
    ) -> Result<Option<u64>, StorageError> {
        self.here();
        // Of a trial without a lease what was reported counts whatever becomes of this process; and one that
        // may be somebody else's by now must be asked about.
        let sure = |token: u64| self.server.heart.is_sure(token as i64);
        if !trial.claim.is_some_and(|claim| claim.leased && sure(claim.token)) {
            return match report {
                None => self.update(trial, TrialState::Running),
                Some((step, values)) => self.report(trial, step, values),
            }
            .map(Some);
        }
        let study = self.id()?;
        let whole = report.is_none().then(|| self.written(trial));
        let reports = report.map_or_else(Reports::default, |(step, values)| Reports::one(step, values));
        if self.outbox.put(Run::of(trial), whole, reports)? {
            let outbox = self.outbox.clone();
            self.server.tell(move |session| outbox.send(session, study));
        }
        Ok(None)
    }

    fn passed(&self, revision: u64) -> u64 {
        self.outbox.passed(self.seen, revision)
    }

    fn changes(&mut self, since: u64) -> Result<Changes, StorageError> {
        let (study, seen) = (self.id()?, self.seen);
        let (changes, connection) = self.call(move |session| {
            loop {
                let connection = session.current()?;
                // Of another connection than before: a server that crashed may have lost what was seen.
                let fresh = seen != connection && since > 0;
                let changes = read_changes(session, study, if fresh { 0 } else { since })?;
                if session.count == connection {
                    return Ok((Changes { fresh, ..changes }, connection));
                }
            }
        })?;
        self.seen = connection;
        self.outbox.read(changes.revision);
        Ok(changes)
    }

    fn withdraw(&mut self, reserved: &FrozenTrial) -> Result<bool, StorageError> {
        let (study, number) = (self.id()?, reserved.number as i64);
        let token = reserved.claim.map(|claim| claim.token as i64);
        let withdrawn = self.call(move |session| {
            let sql = "WITH s AS (UPDATE lightcrest.study SET revision = revision + 1, next = next - 1
                           WHERE id = $1 AND next = $2::bigint + 1 AND EXISTS (SELECT 1 FROM lightcrest.trial
                               WHERE study = $1 AND number = $2 AND state = 'running' AND started IS NULL
                                   AND token IS NOT DISTINCT FROM $3)
                           RETURNING id)
                       DELETE FROM lightcrest.trial USING s WHERE study = s.id AND number = $2 RETURNING number";
            Ok(session.query(sql, &[&study, &number, &token])?.len() == 1)
        })?;
        if withdrawn {
            self.hold(&FrozenTrial { state: TrialState::Waiting, ..reserved.clone() });
        }
        Ok(withdrawn)
    }

    fn abandoned(&mut self) -> Result<Vec<u64>, StorageError> {
        let study = self.id()?;
        self.call(move |session| {
            let rows = session.query(ABANDONED, &[&study])?;
            Ok(rows.iter().map(|row| row.get::<_, i64>(0) as u64).collect())
        })
    }

    fn reclaim(&mut self, retries: u64) -> Result<usize, StorageError> {
        let mut taken = 0;
        for number in self.abandoned()? {
            taken += usize::from(self.take_back(number as i64, retries)?);
        }
        Ok(taken)
    }

    fn memory(&mut self) -> Result<Memory, StorageError> {
        let study = self.id()?;
        self.call(move |session| {
            let rows = session.query("SELECT memory FROM lightcrest.study WHERE id = $1", &[&study])?;
            let text: Option<String> = rows.first().ok_or(StorageError::NoStudy)?.get(0);
            text.map_or_else(|| Ok(Memory::default()), |text| parse(session.place(), "study.memory", &text))
        })
    }

    fn remember(&mut self, memory: &Memory) -> Result<Memory, StorageError> {
        let (study, text) = (self.id()?, json(memory));
        self.call(move |session| {
            let sql = "UPDATE lightcrest.study SET revision = revision + 1,
                           memory = CASE WHEN memory IS NULL AND next = 0 THEN $2 ELSE memory END
                       WHERE id = $1";
            session.query(sql, &[&study, &text]).map(drop)
        })?;
        self.memory()
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, Json>, StorageError> {
        self.study = None;
        let study = self.id()?;
        self.call(move |session| {
            let rows = session.query("SELECT attributes FROM lightcrest.study WHERE id = $1", &[&study])?;
            let text: String = rows.first().ok_or(StorageError::NoStudy)?.get(0);
            parse(session.place(), "study.attributes", &text)
        })
    }

    fn set_attribute(&mut self, name: &str, value: Json) -> Result<(), StorageError> {
        loop {
            let attributes = self.attributes()?;
            let (study, before) = (self.id()?, json(&attributes));
            let mut attributes = attributes;
            attributes.insert(name.to_owned(), value.clone());
            let after = json(&attributes);
            // Somebody else may set another one in the same moment.
            let sql = "UPDATE lightcrest.study SET attributes = $3 WHERE id = $1 AND attributes IN ($2, $3) RETURNING id";
            let set =
                self.call(move |session| Ok(session.query(sql, &[&study, &before, &after])?.len() == 1))?;
            if set {
                return Ok(());
            }
        }
    }

    fn delete(&mut self) -> Result<(), StorageError> {
        self.study = None;
        let study = self.id()?;
        self.call(move |session| {
            session.query_long("DELETE FROM lightcrest.study WHERE id = $1", &[&study]).map(drop)
        })?;
        self.study = None;
        Ok(())
    }

    fn place(&self) -> String {
        self.server.place.clone()
    }
}

impl Drop for PostgresStorage {
    fn drop(&mut self) {
        if self.server.process != std::process::id() {
            return;
        }
        let tokens: Vec<i64> = self.held.drain().collect();
        tokens.iter().for_each(|token| self.server.heart.release(*token));
        if !tokens.is_empty() {
            // Nobody works on them any more: others need not wait for the leases to end.
            self.server.tell(move |session| {
                let sql = "UPDATE lightcrest.trial SET lease = clock_timestamp() - interval '1 second'
                           WHERE token = ANY($1) AND state = 'running' AND lease IS NOT NULL";
                session.once(sql, &[&tokens]).ok();
            });
        }
    }
}

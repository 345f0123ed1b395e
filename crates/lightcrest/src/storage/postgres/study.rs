//! One study of a database.

use super::connection::{Failure, PATIENCE, Server, Session, refused, unreachable};
use super::{is_made, make_tables};
use crate::history::{FrozenTrial, TrialState};
use crate::memory::Memory;
use crate::storage::codec::{self, TrialNumbers, TrialText, json, parse};
use crate::storage::{CallOff, Changes, Definition, Report, Storage, StorageError, check_run, give_up};
use postgres::Row;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

/// Adds a trial, if its number is the next.
const CREATE: &str = "WITH quiet AS (SELECT set_config('synchronous_commit', 'off', true)),
    s AS (UPDATE lightcrest.study SET revision = revision + 1, next = next + 1 FROM quiet
          WHERE id = $1 AND next = $2 RETURNING revision)
    INSERT INTO lightcrest.trial (study, number, state, configuration, known, objective_values, reports, constraints,
        attributes, suggestions, reason, started, finished, attempt, token, lease, lease_seconds, given, made, revision)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
        clock_timestamp() + make_interval(secs => $16), $16, $17, $18, s.revision FROM s RETURNING revision";

/// Replaces a trial that is in a state and a run; one that is taken from a dead worker only while its lease
/// is over.
const UPDATE: &str = "WITH quiet AS (SELECT set_config('synchronous_commit', 'off', true)),
    t AS (SELECT number FROM lightcrest.trial WHERE study = $1 AND number = $2 AND state = $18
              AND (state <> 'running' OR token IS NOT DISTINCT FROM $19)
              AND (NOT $20 OR lease < clock_timestamp()
                   OR lease > clock_timestamp() + make_interval(secs => 2 * lease_seconds))
          FOR UPDATE),
    s AS (UPDATE lightcrest.study SET revision = revision + 1 FROM quiet, t WHERE id = $1 RETURNING revision),
    gone AS (DELETE FROM lightcrest.report r USING s WHERE r.study = $1 AND r.number = $2
                 AND ($3 = 'waiting' OR ($3 <> 'running' AND r.step = ANY($21)))),
    u AS (UPDATE lightcrest.trial SET state = $3, configuration = $4, known = $5, objective_values = $6,
        reports = CASE WHEN $18 = 'running' AND $3 = 'running' THEN reports ELSE $7 END,
        constraints = $8, attributes = $9, suggestions = $10, reason = $11, started = $12, finished = $13, attempt = $14,
        token = $15,
        lease = CASE WHEN $18 = 'running' AND $3 = 'running' THEN lease
                     ELSE clock_timestamp() + make_interval(secs => $16) END,
        lease_seconds = CASE WHEN $18 = 'running' AND $3 = 'running' THEN lease_seconds ELSE $16 END,
        given = CASE WHEN $18 = 'running' AND $3 = 'running' THEN given ELSE $17 END, revision = s.revision
    FROM s WHERE study = $1 AND number = $2)
    SELECT revision FROM s";

/// Keeps a report of a running trial.
const REPORT: &str = "WITH quiet AS (SELECT set_config('synchronous_commit', 'off', true)),
    t AS (SELECT number FROM lightcrest.trial WHERE study = $1 AND number = $2 AND state = 'running'
              AND token IS NOT DISTINCT FROM $3 FOR UPDATE),
    s AS (UPDATE lightcrest.study SET revision = revision + 1 FROM quiet, t WHERE id = $1 RETURNING revision),
    i AS (INSERT INTO lightcrest.report (study, number, attempt, step, report_values, revision)
          SELECT $1, $2, $4, $5, $6, s.revision FROM s ON CONFLICT DO NOTHING)
    SELECT revision FROM s";

const TRIAL: &str =
    "SELECT number, state, configuration, known, objective_values, reports, constraints, attributes, reason,
        started, finished, suggestions, attempt, token, lease IS NOT NULL, given
    FROM lightcrest.trial WHERE study = $1 AND number = $2";

const TRIALS: &str =
    "SELECT number, state, configuration, known, objective_values, reports, constraints, attributes, reason,
        started, finished, suggestions, attempt, token, lease IS NOT NULL, given
    FROM lightcrest.trial WHERE study = $1 AND revision > $2 ORDER BY number";

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
    /// The client of which the last changes came.
    seen: u64,
}

/// What is written of a trial, so that the thread of the connection can have it.
#[derive(Clone)]
struct Written {
    number: i64,
    state: &'static str,
    text: Arc<TrialText>,
    reason: Option<String>,
    started: Option<i64>,
    finished: Option<i64>,
    attempt: i64,
    token: Option<i64>,
    lease: Option<f64>,
    given: String,
    steps: Arc<Vec<i64>>,
}

/// What a trial must be for it.
#[derive(Clone, Copy)]
struct Before {
    state: TrialState,
    token: Option<i64>,
    /// Only if its lease is over.
    over: bool,
}

impl PostgresStorage {
    pub(super) fn new(server: Arc<Server>, name: &str, call_off: Option<CallOff>) -> Self {
        Self { server, call_off, name: name.to_owned(), study: None, held: HashSet::new(), seen: 0 }
    }

    /// After a fork the handle is one of the child.
    fn here(&mut self) {
        if self.server.process != std::process::id() {
            let server = Server::of(&self.server.target);
            // The thread of the other one is in the parent.
            std::mem::forget(std::mem::replace(&mut self.server, server));
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

    /// How long leases last, in seconds.
    fn lease(&self) -> f64 {
        self.server.target.lease.as_secs_f64()
    }

    fn written(&self, trial: &FrozenTrial) -> Written {
        let ms = |time: Option<u64>| time.map(|ms| ms as i64);
        let waits = trial.state == TrialState::Waiting;
        let claim = trial.claim.filter(|_| !waits);
        let leased = claim.is_some_and(|claim| claim.leased);
        let begins = trial.state == TrialState::Running && !trial.attributes.is_empty();
        Written {
            number: trial.number as i64,
            state: trial.state.as_str(),
            text: Arc::new(TrialText::of(trial)),
            // PostgreSQL has no character 0 in texts.
            reason: trial.reason.as_ref().map(|reason| reason.replace('\0', "\u{fffd}")),
            started: ms(trial.started),
            finished: ms(trial.finished),
            attempt: trial.attempt as i64,
            token: claim.map(|claim| claim.token as i64),
            lease: leased.then_some(self.lease()),
            given: if begins { json(&trial.attributes) } else { "{}".to_owned() },
            steps: Arc::new(trial.reports.iter().map(|(step, _)| *step as i64).collect()),
        }
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
            let read = |row: Row| Ok((read(&place, &row)?, row.get::<_, String>(15), discovered));
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
        let taken = self.call(move |session| update(session, study, &written, before, false));
        match taken {
            Ok(revision) => Ok(revision.is_some()),
            Err(StorageError::LeaseLost { .. } | StorageError::StateConflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Does a write until it is known to be done: `attempt` is told whether an earlier attempt may have been.
/// `None`: it cannot be done, since what is there is something else.
fn settle(
    session: &mut Session,
    durable: bool,
    mut attempt: impl FnMut(&mut Session, bool) -> Result<Result<Option<u64>, Failure>, StorageError>,
) -> Result<Option<u64>, StorageError> {
    let (begun, mut uncertain) = (Instant::now(), false);
    loop {
        let client = session.current()?;
        match attempt(session, uncertain)? {
            Ok(Some(revision)) => {
                if !durable || session.flush(client)? {
                    return Ok(Some(revision));
                }
                uncertain = true;
            }
            Ok(None) => return Ok(None),
            Err(Failure::Refused(error)) => return Err(refused(session.place(), error)),
            Err(Failure::Again(error) | Failure::Lost(error)) if begun.elapsed() > PATIENCE => {
                return Err(unreachable(session.place(), error));
            }
            Err(Failure::Again(_)) => session.pause(),
            Err(Failure::Lost(_)) => {
                session.forget();
                uncertain = true;
            }
        }
    }
}

fn revision(rows: &[Row]) -> Option<u64> {
    rows.first().map(|row| row.get::<_, i64>(0) as u64)
}

/// Replaces a trial. `None`: it is not what it must be before.
fn update(
    session: &mut Session,
    study: i64,
    w: &Written,
    before: Before,
    durable: bool,
) -> Result<Option<u64>, StorageError> {
    let (from, text) = (before.state.as_str(), &w.text);
    settle(session, durable, |session, uncertain| {
        if uncertain {
            let rows = session.query(
                "SELECT revision, state, token, finished, attempt FROM lightcrest.trial WHERE study = $1 AND number = $2",
                &[&study, &w.number],
            )?;
            let done = rows.first().filter(|row| {
                let same = row.get::<_, &str>(1) == w.state && row.get::<_, Option<i64>>(2) == w.token;
                let times = row.get::<_, Option<i64>>(3) == w.finished && row.get::<_, i64>(4) == w.attempt;
                // One that goes on is written again.
                same && times && from != w.state
            });
            if let Some(row) = done {
                return Ok(Ok(Some(row.get::<_, i64>(0) as u64)));
            }
        }
        let rows = session.once(
            UPDATE,
            &[
                &study,
                &w.number,
                &w.state,
                &text.configuration,
                &text.known,
                &text.values,
                &text.reports,
                &text.constraints,
                &text.attributes,
                &text.suggestions,
                &w.reason,
                &w.started,
                &w.finished,
                &w.attempt,
                &w.token,
                &w.lease,
                &w.given,
                &from,
                &before.token,
                &before.over,
                &*w.steps,
            ],
        )?;
        Ok(rows.map(|rows| revision(&rows)))
    })
}

/// Why a trial cannot be written to.
fn conflict(session: &mut Session, study: i64, trial: &FrozenTrial, from: TrialState) -> StorageError {
    let number = trial.number;
    let find = "SELECT state, token FROM lightcrest.trial WHERE study = $1 AND number = $2";
    let rows = match session.query(find, &[&study, &(number as i64)]) {
        Ok(rows) => rows,
        Err(error) => return error,
    };
    let Some(row) = rows.first() else { return StorageError::UnknownTrial { number } };
    let checked = codec::state(session.place(), row.get(0)).and_then(|found| {
        check_run(trial, from, found, row.get::<_, Option<i64>>(1).map(|token| token as u64))?;
        Ok(found)
    });
    match checked {
        // It became so in between: whoever tries again is right.
        Ok(found) => StorageError::StateConflict { number, expected: from, found },
        Err(error) => error,
    }
}

fn read(place: &str, row: &Row) -> Result<FrozenTrial, StorageError> {
    let numbers = TrialNumbers {
        number: row.get(0),
        state: row.get(1),
        reason: row.get(8),
        started: row.get(9),
        finished: row.get(10),
        attempt: row.get(12),
        token: row.get(13),
        leased: row.get(14),
    };
    let text = TrialText {
        configuration: row.get(2),
        known: row.get(3),
        values: row.get(4),
        reports: row.get(5),
        constraints: row.get(6),
        attributes: row.get(7),
        suggestions: row.get(11),
    };
    codec::trial(place, numbers, text)
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
        let exists = || StorageError::Exists { name: definition.name.clone() };
        if self.definition()?.is_some() {
            return Err(exists());
        }
        let d = definition.clone();
        let (space, objectives) = (json(&d.space), json(&d.objectives));
        let made = self.call(move |session| {
            make_tables(session)?;
            let sql = "INSERT INTO lightcrest.study (name, space, objectives, seed, spec, engine, created, discovered)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING RETURNING id";
            let (seed, created) = (d.seed as i64, d.created as i64);
            let rows = session.query(
                sql,
                &[&d.name, &space, &objectives, &seed, &d.spec, &d.engine, &created, &d.discovered],
            )?;
            Ok(rows.len() == 1)
        })?;
        if made { Ok(()) } else { Err(exists()) }
    }

    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError> {
        match self.make(definition) {
            Ok(()) | Err(StorageError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
        let stored = self.definition()?.ok_or(StorageError::NoStudy)?;
        match stored.difference(definition) {
            Some(difference) => Err(StorageError::OtherStudy { difference }),
            None => Ok(stored),
        }
    }

    fn create(&mut self, trial: &FrozenTrial) -> Result<u64, StorageError> {
        let (study, number) = (self.id()?, trial.number);
        // It did not wait before.
        let w = Written { given: "{}".to_owned(), ..self.written(trial) };
        // A trial that waits was wished for by somebody; one that runs has done nothing yet.
        let durable = trial.state != TrialState::Running;
        let made = self.call(move |session| {
            let made = (getrandom::u64().map_err(|error| unreachable(session.place(), error.to_string()))? >> 1) as i64;
            let text = Arc::clone(&w.text);
            let created = settle(session, durable, |session, uncertain| {
                if uncertain {
                    let sql = "SELECT revision FROM lightcrest.trial WHERE study = $1 AND number = $2 AND made = $3";
                    let rows = session.query(sql, &[&study, &w.number, &made])?;
                    if let Some(revision) = revision(&rows) {
                        return Ok(Ok(Some(revision)));
                    }
                }
                let rows = session.once(
                    CREATE,
                    &[
                        &study,
                        &w.number,
                        &w.state,
                        &text.configuration,
                        &text.known,
                        &text.values,
                        &text.reports,
                        &text.constraints,
                        &text.attributes,
                        &text.suggestions,
                        &w.reason,
                        &w.started,
                        &w.finished,
                        &w.attempt,
                        &w.token,
                        &w.lease,
                        &w.given,
                        &made,
                    ],
                )?;
                Ok(rows.map(|rows| revision(&rows)))
            })?;
            if let Some(revision) = created {
                return Ok(revision);
            }
            let rows = session.query("SELECT next FROM lightcrest.study WHERE id = $1", &[&study])?;
            let next = revision(&rows).ok_or(StorageError::NoStudy)?;
            Err(StorageError::NumberTaken { number, next })
        })?;
        self.hold(trial);
        Ok(made)
    }

    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError> {
        let (study, written, whole) = (self.id()?, self.written(trial), trial.clone());
        let before = Before { state: from, token: trial.claim.map(|claim| claim.token as i64), over: false };
        let durable = trial.state.is_finished();
        let updated = self.call(move |session| match update(session, study, &written, before, durable)? {
            Some(revision) => Ok(revision),
            None => Err(conflict(session, study, &whole, from)),
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
        let (study, text, whole) = (self.id()?, codec::report(values), trial.clone());
        let numbers = (trial.number as i64, trial.attempt as i64, step as i64);
        let token = trial.claim.map(|claim| claim.token as i64);
        self.call(move |session| {
            let (number, attempt, step) = numbers;
            let kept = settle(session, false, |session, _| {
                let rows = session.once(REPORT, &[&study, &number, &token, &attempt, &step, &text])?;
                Ok(rows.map(|rows| revision(&rows)))
            })?;
            kept.ok_or_else(|| conflict(session, study, &whole, TrialState::Running))
        })
    }

    fn changes(&mut self, since: u64) -> Result<Changes, StorageError> {
        let (study, seen) = (self.id()?, self.seen);
        let (changes, client) = self.call(move |session| {
            let find = "SELECT revision FROM lightcrest.study WHERE id = $1";
            loop {
                let client = session.current()?;
                // Of another client than the last time: a server that crashed may have lost what was seen.
                let fresh = seen != client && since > 0;
                let since = if fresh { 0 } else { since };
                let now = revision(&session.query(find, &[&study])?).ok_or(StorageError::NoStudy)?;
                let mut changes = Changes { revision: now, fresh, ..Changes::default() };
                if now != since || fresh {
                    read_changes(session, study, since, &mut changes)?;
                }
                if session.count == client {
                    return Ok((changes, client));
                }
            }
        })?;
        self.seen = client;
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
            session.query("DELETE FROM lightcrest.study WHERE id = $1", &[&study]).map(drop)
        })?;
        self.study = None;
        Ok(())
    }

    fn place(&self) -> String {
        self.server.place.clone()
    }
}

/// Reads the trials and reports that were written since.
fn read_changes(
    session: &mut Session,
    study: i64,
    since: u64,
    changes: &mut Changes,
) -> Result<(), StorageError> {
    let place = session.place().to_owned();
    let since = since as i64;
    for row in session.query(TRIALS, &[&study, &since])? {
        changes.trials.push(read(&place, &row)?);
    }
    let places: HashMap<u64, usize> =
        changes.trials.iter().enumerate().map(|(i, trial)| (trial.number, i)).collect();
    let open = |trial: &&FrozenTrial| trial.state == TrialState::Running || since > 0;
    let numbers: Vec<i64> = changes.trials.iter().filter(open).map(|trial| trial.number as i64).collect();
    let sql = "SELECT number, attempt, step, report_values FROM lightcrest.report
               WHERE study = $1 AND (revision > $2 OR number = ANY($3))";
    for row in session.query(sql, &[&study, &since, &numbers])? {
        let number = |column: usize| row.get::<_, i64>(column) as u64;
        let values = codec::read_report(&place, row.get(3))?;
        let report = Report { number: number(0), attempt: number(1), step: number(2), values };
        match places.get(&report.number) {
            None => changes.reports.push(report),
            Some(i) if changes.trials[*i].attempt == report.attempt => {
                changes.trials[*i].add_report(report.step, report.values);
            }
            Some(_) => {}
        }
    }
    Ok(())
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

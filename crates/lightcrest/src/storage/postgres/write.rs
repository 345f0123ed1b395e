//! Writes of a trial: each one statement, done until it is known to be done.

use super::failure::Failure;
use super::session::{Parameters, Session};
use crate::history::{FrozenTrial, TrialState};
use crate::storage::codec::{self, TrialNumbers, TrialText};
use crate::storage::{StorageError, check_run};
use std::sync::Arc;
use std::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

// Each takes the lock of the study's row, and gives it back without waiting for the disk; who needs to waits
// afterwards, alone.

/// Adds a trial, if its number is the next; else says which is.
const CREATE: &str = "WITH s AS (UPDATE lightcrest.study SET revision = revision + 1, next = next + 1
          WHERE id = $1 AND next = $2 AND set_config('synchronous_commit', 'off', true) = 'off' RETURNING revision),
    i AS (INSERT INTO lightcrest.trial (study, number, state, configuration, known, objective_values, reports, constraints,
        attributes, suggestions, reason, started, finished, attempt, token, lease, lease_seconds, given, made, revision)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
        clock_timestamp() + make_interval(secs => $16), $16, $17, $18, s.revision FROM s)
    SELECT revision, NULL FROM s
    UNION ALL SELECT NULL, CASE next WHEN $2 THEN next + 1 ELSE next END FROM lightcrest.study
        WHERE id = $1 AND NOT EXISTS (SELECT FROM s)";

/// Replaces a trial that is in a state and a run, and keeps reports of it; one that is taken from a dead
/// worker only while its lease is over.
const UPDATE: &str = "WITH t AS (SELECT number FROM lightcrest.trial WHERE study = $1 AND number = $2 AND state = $18
              AND (state <> 'running' OR token IS NOT DISTINCT FROM $19)
              AND (NOT $20 OR lease < clock_timestamp()
                   OR lease > clock_timestamp() + make_interval(secs => 2 * lease_seconds))
          FOR UPDATE),
    s AS (UPDATE lightcrest.study SET revision = revision + 1 FROM t
          WHERE id = $1 AND set_config('synchronous_commit', 'off', true) = 'off' RETURNING revision),
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
    FROM s WHERE study = $1 AND number = $2),
    i AS (INSERT INTO lightcrest.report (study, number, attempt, step, report_values, revision)
          SELECT $1, $2, $14, step, report_values, s.revision
          FROM s, unnest($22::bigint[], $23::text[]) AS new (step, report_values) ON CONFLICT DO NOTHING)
    SELECT revision FROM s";

/// Keeps reports of a running trial.
const REPORT: &str =
    "WITH t AS (SELECT number FROM lightcrest.trial WHERE study = $1 AND number = $2 AND state = 'running'
              AND token IS NOT DISTINCT FROM $3 FOR UPDATE),
    s AS (UPDATE lightcrest.study SET revision = revision + 1 FROM t
          WHERE id = $1 AND set_config('synchronous_commit', 'off', true) = 'off' RETURNING revision),
    i AS (INSERT INTO lightcrest.report (study, number, attempt, step, report_values, revision)
          SELECT $1, $2, $4, step, report_values, s.revision
          FROM s, unnest($5::bigint[], $6::text[]) AS new (step, report_values) ON CONFLICT DO NOTHING)
    SELECT revision FROM s";

/// What is written of a trial, so that the thread of the connection can have it.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) numbers: TrialNumbers,
    pub(super) text: Arc<TrialText>,
    /// How long its lease lasts, in seconds.
    pub(super) lease: Option<f64>,
    pub(super) given: String,
    /// Of which reports the row holds the values.
    pub(super) steps: Arc<Vec<i64>>,
}

impl Written {
    /// `lease`: how long leases last, in seconds.
    pub(super) fn of(trial: &FrozenTrial, lease: f64) -> Self {
        let mut numbers = TrialNumbers::of(trial);
        // PostgreSQL has no character 0 in texts.
        numbers.reason = numbers.reason.map(|reason| reason.replace('\0', "\u{fffd}"));
        Self {
            lease: numbers.leased.then_some(lease),
            numbers,
            text: Arc::new(TrialText::of(trial)),
            given: codec::given(trial),
            steps: Arc::new(trial.reports.iter().map(|(step, _)| *step as i64).collect()),
        }
    }

    /// What [`CREATE`] and [`UPDATE`] are both told: $1 to $17.
    fn parameters<'a>(&'a self, study: &'a i64) -> Vec<&'a (dyn ToSql + Sync)> {
        let (text, n) = (&*self.text, &self.numbers);
        vec![
            study,
            &n.number,
            &n.state,
            &text.configuration,
            &text.known,
            &text.values,
            &text.reports,
            &text.constraints,
            &text.attributes,
            &text.suggestions,
            &n.reason,
            &n.started,
            &n.finished,
            &n.attempt,
            &n.token,
            &self.lease,
            &self.given,
        ]
    }
}

/// Which run of which trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) number: i64,
    pub(super) attempt: i64,
    pub(super) token: Option<i64>,
}

impl Run {
    pub(super) fn of(trial: &FrozenTrial) -> Self {
        let token = trial.claim.map(|claim| claim.token as i64);
        Self { number: trial.number as i64, attempt: trial.attempt as i64, token }
    }
}

/// Reports of one run.
#[derive(Debug, Clone, Default)]
pub(super) struct Reports {
    steps: Vec<i64>,
    /// The values of each step, as text.
    values: Vec<String>,
}

impl Reports {
    pub(super) fn one(step: u64, values: &[f64]) -> Self {
        Self { steps: vec![step as i64], values: vec![codec::report(values)] }
    }

    pub(super) fn extend(&mut self, later: Self) {
        self.steps.extend(later.steps);
        self.values.extend(later.values);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Takes those out of which the steps are among others.
    pub(super) fn remove(&mut self, others: &[(u64, Vec<f64>)]) {
        let is_other = |step: i64| others.binary_search_by_key(&(step as u64), |(other, _)| *other).is_ok();
        let all = std::mem::take(self);
        let (steps, values) =
            all.steps.into_iter().zip(all.values).filter(|(step, _)| !is_other(*step)).unzip();
        *self = Self { steps, values };
    }
}

/// What a trial must be for it.
#[derive(Clone, Copy)]
pub(super) struct Before {
    pub(super) state: TrialState,
    pub(super) token: Option<i64>,
    /// Only if its lease is over.
    pub(super) over: bool,
}

/// Does a write until it is known to be done. `proof`: the revision that an earlier attempt made, if one was
/// done; `made`: that of the rows that the write gives. `None`: it cannot be done, since what is there is
/// something else.
fn settle(
    session: &mut Session,
    durable: bool,
    (sql, parameters): (&'static str, Parameters<'_>),
    mut proof: impl FnMut(&mut Session) -> Result<Option<u64>, StorageError>,
    mut made: impl FnMut(&[Row]) -> Option<u64>,
) -> Result<Option<u64>, StorageError> {
    let (begun, mut uncertain) = (Instant::now(), false);
    loop {
        let connection = session.current()?;
        let mut done = if uncertain { proof(session)? } else { None };
        if done.is_none() {
            match session.write(sql, parameters, durable)? {
                Ok((rows, flushed)) => {
                    done = made(&rows);
                    if done.is_some() && (flushed || !durable) {
                        return Ok(done);
                    }
                    // What was asked for by a connection that is lost may be done only now.
                    if done.is_none() && uncertain {
                        done = proof(session)?;
                    }
                    if done.is_none() {
                        return Ok(None);
                    }
                }
                Err(failure) => {
                    uncertain |= matches!(failure, Failure::Lost(_));
                    session.recover(failure, begun)?;
                    continue;
                }
            }
        }
        if !durable || session.flush(connection)? {
            return Ok(done);
        }
        uncertain = true;
    }
}

pub(super) fn revision(rows: &[Row]) -> Option<u64> {
    rows.first().map(|row| row.get::<_, i64>(0) as u64)
}

/// Adds a trial; `made` tells it from what others add.
///
/// # Errors
/// [`StorageError::NumberTaken`] if its number is not the next.
pub(super) fn create(
    session: &mut Session,
    study: i64,
    w: &Written,
    made: i64,
    durable: bool,
) -> Result<u64, StorageError> {
    let n = &w.numbers;
    let mut next = None;
    let mut parameters = w.parameters(&study);
    parameters.push(&made);
    let proof = |session: &mut Session| {
        let sql = "SELECT revision FROM lightcrest.trial WHERE study = $1 AND number = $2 AND made = $3";
        Ok(revision(&session.query(sql, &[&study, &n.number, &made])?))
    };
    let created = settle(session, durable, (CREATE, &parameters), proof, |rows| {
        let row = rows.first()?;
        next = row.get::<_, Option<i64>>(1);
        row.get::<_, Option<i64>>(0).map(|revision| revision as u64)
    })?;
    match (created, next) {
        (Some(revision), _) => Ok(revision),
        (None, Some(next)) => Err(StorageError::NumberTaken { number: n.number as u64, next: next as u64 }),
        (None, None) => Err(StorageError::NoStudy),
    }
}

/// Replaces a trial, and keeps reports of it if it goes on running. `None`: it is not what it must be before.
pub(super) fn update(
    session: &mut Session,
    study: i64,
    w: &Written,
    before: Before,
    reports: &Reports,
    durable: bool,
) -> Result<Option<u64>, StorageError> {
    let (from, n) = (before.state.as_str(), &w.numbers);
    let mut parameters = w.parameters(&study);
    parameters.extend([&from as &(dyn ToSql + Sync), &before.token, &before.over, &*w.steps]);
    parameters.extend([&reports.steps as &(dyn ToSql + Sync), &reports.values]);
    let proof = |session: &mut Session| {
        let rows = session.query(
            "SELECT revision, state, token, finished, attempt FROM lightcrest.trial WHERE study = $1 AND number = $2",
            &[&study, &n.number],
        )?;
        let done = rows.first().filter(|row| {
            let same = row.get::<_, &str>(1) == n.state && row.get::<_, Option<i64>>(2) == n.token;
            let times = row.get::<_, Option<i64>>(3) == n.finished && row.get::<_, i64>(4) == n.attempt;
            // One that goes on is written again.
            same && times && from != n.state
        });
        Ok(done.map(|row| row.get::<_, i64>(0) as u64))
    };
    settle(session, durable, (UPDATE, &parameters), proof, revision)
}

/// Keeps reports of a running trial. `None`: it is not running, or another run of it.
pub(super) fn report(
    session: &mut Session,
    study: i64,
    run: Run,
    reports: &Reports,
) -> Result<Option<u64>, StorageError> {
    let Run { number, attempt, token } = run;
    let parameters: [&(dyn ToSql + Sync); 6] =
        [&study, &number, &token, &attempt, &reports.steps, &reports.values];
    // The first report of a step stands: it may be kept again.
    settle(session, false, (REPORT, &parameters), |_| Ok(None), revision)
}

/// Why a run cannot be written to.
pub(super) fn conflict(session: &mut Session, study: i64, run: Run, from: TrialState) -> StorageError {
    let number = run.number as u64;
    let find = "SELECT state, token FROM lightcrest.trial WHERE study = $1 AND number = $2";
    let rows = match session.query(find, &[&study, &run.number]) {
        Ok(rows) => rows,
        Err(error) => return error,
    };
    let Some(row) = rows.first() else { return StorageError::UnknownTrial { number } };
    let checked = codec::state(session.place(), row.get(0)).and_then(|found| {
        let token = |token: Option<i64>| token.map(|token| token as u64);
        check_run((number, token(run.token)), from, found, token(row.get(1)))?;
        Ok(found)
    });
    match checked {
        // It became so in between: whoever tries again is right.
        Ok(found) => StorageError::StateConflict { number, expected: from, found },
        Err(error) => error,
    }
}

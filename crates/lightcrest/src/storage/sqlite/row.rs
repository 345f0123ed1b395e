//! Trials as rows of SQLite.

use super::refused;
use crate::history::{FrozenTrial, TrialState};
use crate::storage::StorageError;
use crate::storage::codec::{Common, TrialNumbers, TrialText, trial};
use rusqlite::{Row, ToSql, Transaction, params};

/// The columns that [`read`] reads, in a database of the newest schema.
pub(super) const COLUMNS: &str =
    "number, state, configuration, known, objective_values, reports, constraints, attributes,
    reason, started, finished, suggestions, attempt, token, owner IS NOT NULL";

/// Adds a trial, if its number is the next.
const INSERT: &str = "INSERT INTO trial (study, number, state, configuration, known, objective_values, reports,
        constraints, attributes, reason, started, finished, revision, suggestions, attempt, token, owner, given)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18
    WHERE ?2 = (SELECT coalesce(max(number) + 1, 0) FROM trial WHERE study = ?1)";

/// Replaces a trial that is in a state and, if it runs, in a run.
const REPLACE: &str =
    "UPDATE trial SET state = ?3, configuration = ?4, known = ?5, objective_values = ?6, reports = ?7,
        constraints = ?8, attributes = ?9, reason = ?10, started = ?11, finished = ?12, revision = ?13,
        suggestions = ?14, attempt = ?15, token = ?16, owner = ?17, given = ?18
    WHERE study = ?1 AND number = ?2 AND state = ?19 AND (state <> 'running' OR token IS ?20)";

/// Replaces what changes of a trial while it runs.
const GO_ON: &str =
    "UPDATE trial SET configuration = ?3, known = ?4, constraints = ?5, attributes = ?6, started = ?7,
        revision = ?8, suggestions = ?9
    WHERE study = ?1 AND number = ?2 AND state = 'running' AND token IS ?10";

/// How a trial is to be written.
pub(super) enum Kind {
    /// As a new one.
    Insert,
    /// In place of one in a state and, if it runs, in the run of this token.
    Replace(TrialState, Option<i64>),
}

/// The token of the run that a trial says it is of.
pub(super) fn token(trial: &FrozenTrial) -> Option<i64> {
    trial.claim.map(|claim| claim.token as i64)
}

/// Writes a whole trial, if what is there is what `kind` says; whether it is. `owner`: the worker that runs
/// it, if that is to be known; `given`: the attributes with which it waited.
pub(super) fn write(
    transaction: &Transaction<'_>,
    kind: &Kind,
    (study, revision): (i64, i64),
    trial: &FrozenTrial,
    owner: Option<i64>,
    given: &str,
) -> rusqlite::Result<bool> {
    let (text, numbers) = (TrialText::of(trial), TrialNumbers::of(trial));
    let mut parameters: Vec<&dyn ToSql> = vec![
        &study,
        &numbers.number,
        &numbers.state,
        &text.configuration,
        &text.known,
        &text.values,
        &text.reports,
        &text.constraints,
        &text.attributes,
        &numbers.reason,
        &numbers.started,
        &numbers.finished,
        &revision,
        &text.suggestions,
        &numbers.attempt,
        &numbers.token,
        &owner,
        &given,
    ];
    let before;
    let sql = match kind {
        Kind::Insert => INSERT,
        Kind::Replace(state, token) => {
            before = state.as_str();
            parameters.extend([&before as &dyn ToSql, token]);
            REPLACE
        }
    };
    Ok(transaction.prepare_cached(sql)?.execute(&*parameters)? == 1)
}

/// Writes what changes of a trial while it runs, if it is in that run; whether it is.
pub(super) fn go_on(
    transaction: &Transaction<'_>,
    (study, revision): (i64, i64),
    trial: &FrozenTrial,
) -> rusqlite::Result<bool> {
    let text = TrialText::without_reports(trial);
    let written = transaction.prepare_cached(GO_ON)?.execute(params![
        study,
        trial.number as i64,
        text.configuration,
        text.known,
        text.constraints,
        text.attributes,
        trial.started.map(|ms| ms as i64),
        revision,
        text.suggestions,
        token(trial),
    ])?;
    Ok(written == 1)
}

/// What [`write`] wrote.
pub(super) fn read(place: &str, row: &Row<'_>, common: &mut Common) -> Result<FrozenTrial, StorageError> {
    let columns = || -> rusqlite::Result<_> {
        let numbers = TrialNumbers {
            number: row.get(0)?,
            state: row.get(1)?,
            reason: row.get(8)?,
            started: row.get(9)?,
            finished: row.get(10)?,
            attempt: row.get(12)?,
            token: row.get(13)?,
            leased: row.get(14)?,
        };
        let text = TrialText {
            configuration: row.get(2)?,
            known: row.get(3)?,
            values: row.get(4)?,
            reports: row.get(5)?,
            constraints: row.get(6)?,
            attributes: row.get(7)?,
            suggestions: row.get(11)?,
        };
        Ok((numbers, text))
    };
    let (numbers, text) = columns().map_err(|source| refused(place, source))?;
    trial(place, numbers, text, common)
}

/// The first row that a query gives, as one value.
pub(super) fn first<T: rusqlite::types::FromSql>(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&dyn ToSql],
) -> rusqlite::Result<Option<T>> {
    use rusqlite::OptionalExtension;
    transaction.prepare_cached(sql)?.query_row(parameters, |row| row.get(0)).optional()
}

//! A trial as a row: what has parts is JSON.

use super::number::{Number, unwrapped, wrapped};
use super::refused;
use crate::history::{FrozenTrial, TrialState};
use crate::storage::StorageError;
use rusqlite::{Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

pub(super) fn write_trial(
    transaction: &Transaction<'_>,
    sql: &str,
    study: i64,
    trial: &FrozenTrial,
    revision: i64,
) -> rusqlite::Result<usize> {
    transaction.prepare_cached(sql)?.execute(params![
        study,
        trial.number as i64,
        trial.state.as_str(),
        json(&trial.configuration),
        json(&trial.known),
        trial.values.as_ref().map(|values| json(&wrapped(values))),
        json(&trial.reports.iter().map(|(step, values)| (step, wrapped(values))).collect::<Vec<_>>()),
        json(&trial.constraints.iter().map(|(name, excess)| (name, Number(*excess))).collect::<Vec<_>>()),
        json(&trial.attributes),
        trial.reason,
        trial.started.map(|ms| ms as i64),
        trial.finished.map(|ms| ms as i64),
        revision,
        json(&trial.suggestions),
    ])
}

pub(super) fn read_trial(path: &Path, row: &Row<'_>) -> Result<FrozenTrial, StorageError> {
    let refused = |source| refused(path, source);
    let text = |column: usize| row.get::<_, String>(column).map_err(refused);
    let time = |column: usize| row.get::<_, Option<i64>>(column).map_err(refused);
    let values = row.get::<_, Option<String>>(4).map_err(refused)?;
    Ok(FrozenTrial {
        number: row.get::<_, i64>(0).map_err(refused)? as u64,
        state: state(path, &text(1)?)?,
        configuration: parse(path, "trial.configuration", &text(2)?)?,
        suggestions: parse(path, "trial.suggestions", &text(11)?)?,
        known: parse(path, "trial.known", &text(3)?)?,
        values: values
            .map(|values| parse(path, "trial.objective_values", &values).map(unwrapped))
            .transpose()?,
        reports: parse::<Vec<(u64, Vec<Number>)>>(path, "trial.reports", &text(5)?)?
            .into_iter()
            .map(|(step, values)| (step, unwrapped(values)))
            .collect(),
        constraints: parse::<Vec<(String, Number)>>(path, "trial.constraints", &text(6)?)?
            .into_iter()
            .map(|(name, excess)| (name, excess.0))
            .collect(),
        attributes: parse(path, "trial.attributes", &text(7)?)?,
        reason: row.get(8).map_err(refused)?,
        started: time(9)?.map(|ms| ms as u64),
        finished: time(10)?.map(|ms| ms as u64),
    })
}

pub(super) fn state(path: &Path, word: &str) -> Result<TrialState, StorageError> {
    use TrialState::{Complete, Failed, Pruned, Running, Waiting};
    let found = [Waiting, Running, Complete, Pruned, Failed].into_iter().find(|state| state.as_str() == word);
    let what = || format!("`{word}` is no state of a trial");
    found.ok_or_else(|| StorageError::Damaged { path: path.to_owned(), what: what() })
}

pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value)
        .expect("strings, numbers, lists and maps with string keys can be written as JSON")
}

pub(super) fn parse<T: DeserializeOwned>(path: &Path, column: &str, text: &str) -> Result<T, StorageError> {
    let damaged = |error| StorageError::Damaged { path: path.to_owned(), what: format!("{column}: {error}") };
    serde_json::from_str(text).map_err(damaged)
}

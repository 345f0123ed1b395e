//! A trial in columns, for every database: what has parts is JSON.

use super::number::{Number, unwrapped, wrapped};
use super::{Cause, StorageError};
use crate::history::{Claim, FrozenTrial, TrialState};
use crate::space::{Configuration, Suggestions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What the columns of a trial hold, as text.
pub(super) struct TrialText {
    pub(super) configuration: String,
    pub(super) suggestions: String,
    pub(super) known: String,
    pub(super) values: Option<String>,
    pub(super) reports: String,
    pub(super) constraints: String,
    pub(super) attributes: String,
}

impl TrialText {
    pub(super) fn of(trial: &FrozenTrial) -> Self {
        let reports: Vec<_> = trial.reports.iter().map(|(step, values)| (step, wrapped(values))).collect();
        Self { reports: json(&reports), ..Self::without_reports(trial) }
    }

    /// As of a trial that reported nothing.
    pub(super) fn without_reports(trial: &FrozenTrial) -> Self {
        let constraints: Vec<_> =
            trial.constraints.iter().map(|(name, excess)| (name, Number(*excess))).collect();
        Self {
            configuration: json(&trial.configuration),
            suggestions: json(&trial.suggestions),
            known: json(&trial.known),
            values: trial.values.as_ref().map(|values| json(&wrapped(values))),
            reports: "[]".to_owned(),
            constraints: json(&constraints),
            attributes: json(&trial.attributes),
        }
    }
}

/// The columns of a trial that are no JSON.
#[derive(Clone)]
pub(super) struct TrialNumbers {
    pub(super) number: i64,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) started: Option<i64>,
    pub(super) finished: Option<i64>,
    pub(super) attempt: i64,
    pub(super) token: Option<i64>,
    pub(super) leased: bool,
}

impl TrialNumbers {
    pub(super) fn of(trial: &FrozenTrial) -> Self {
        // What waits is of no run.
        let claim = trial.claim.filter(|_| trial.state != TrialState::Waiting);
        Self {
            number: trial.number as i64,
            state: trial.state.as_str().to_owned(),
            reason: trial.reason.clone(),
            started: trial.started.map(|ms| ms as i64),
            finished: trial.finished.map(|ms| ms as i64),
            attempt: trial.attempt as i64,
            token: claim.map(|claim| claim.token as i64),
            leased: claim.is_some_and(|claim| claim.leased),
        }
    }
}

/// The attributes with which a trial waited, of one that begins to run.
pub(super) fn given(trial: &FrozenTrial) -> String {
    match trial.state {
        TrialState::Running if !trial.attributes.is_empty() => json(&trial.attributes),
        _ => "{}".to_owned(),
    }
}

/// What trials that are read one after the other mostly have in common, so that they share it: names, and
/// what their objective asked for.
#[derive(Default)]
pub(super) struct Common {
    names: HashSet<Arc<str>>,
    suggestions: HashMap<String, Suggestions>,
}

impl Common {
    /// Where each trial asks for something else, nothing is gained by remembering all of it.
    const MOST: usize = 256;

    fn suggestions(&mut self, place: &str, text: String) -> Result<Suggestions, StorageError> {
        if let Some(known) = self.suggestions.get(&text) {
            return Ok(known.clone());
        }
        let suggestions: Suggestions = parse(place, "trial.suggestions", &text)?;
        if self.suggestions.len() < Self::MOST {
            self.suggestions.insert(text, suggestions.clone());
        }
        Ok(suggestions)
    }

    fn configuration(&mut self, place: &str, text: &str) -> Result<Configuration, StorageError> {
        let mut configuration: Configuration = parse(place, "trial.configuration", text)?;
        configuration.share_names(&mut self.names);
        Ok(configuration)
    }
}

/// The trial that the columns stand for.
///
/// # Errors
/// [`StorageError::Damaged`] if they do not stand for one.
pub(super) fn trial(
    place: &str,
    numbers: TrialNumbers,
    text: TrialText,
    common: &mut Common,
) -> Result<FrozenTrial, StorageError> {
    let reports: Vec<(u64, Vec<Number>)> = parse(place, "trial.reports", &text.reports)?;
    let constraints: Vec<(String, Number)> = parse(place, "trial.constraints", &text.constraints)?;
    let values = text.values.map(|values| parse(place, "trial.objective_values", &values).map(unwrapped));
    Ok(FrozenTrial {
        number: numbers.number as u64,
        state: state(place, &numbers.state)?,
        configuration: common.configuration(place, &text.configuration)?,
        suggestions: common.suggestions(place, text.suggestions)?,
        known: parse(place, "trial.known", &text.known)?,
        values: values.transpose()?,
        reports: reports.into_iter().map(|(step, values)| (step, unwrapped(values))).collect(),
        constraints: constraints.into_iter().map(|(name, excess)| (name, excess.0)).collect(),
        attributes: parse(place, "trial.attributes", &text.attributes)?,
        reason: numbers.reason,
        started: numbers.started.map(|ms| ms as u64),
        finished: numbers.finished.map(|ms| ms as u64),
        attempt: numbers.attempt as u64,
        claim: numbers.token.map(|token| Claim { token: token as u64, leased: numbers.leased }),
    })
}

/// The values of one report, as text.
pub(super) fn report(values: &[f64]) -> String {
    json(&wrapped(values))
}

/// What [`report`] wrote.
pub(super) fn read_report(place: &str, text: &str) -> Result<Vec<f64>, StorageError> {
    parse(place, "report.report_values", text).map(unwrapped)
}

pub(super) fn state(place: &str, word: &str) -> Result<TrialState, StorageError> {
    use TrialState::{Complete, Failed, Pruned, Running, Waiting};
    let found = [Waiting, Running, Complete, Pruned, Failed].into_iter().find(|state| state.as_str() == word);
    let what = || format!("`{word}` is no state of a trial");
    found.ok_or_else(|| StorageError::Damaged { place: place.to_owned(), what: what() })
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value)
        .expect("strings, numbers, lists and maps with string keys can be written as JSON")
}

pub(super) fn parse<T: DeserializeOwned>(place: &str, column: &str, text: &str) -> Result<T, StorageError> {
    let damaged =
        |error| StorageError::Damaged { place: place.to_owned(), what: format!("{column}: {error}") };
    serde_json::from_str(text).map_err(damaged)
}

/// Anything that a database refuses.
pub(super) fn refused(place: &str, source: impl Into<Cause>) -> StorageError {
    StorageError::Refused { place: place.to_owned(), source: source.into() }
}

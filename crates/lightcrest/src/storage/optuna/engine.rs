//! Between studies of Optuna and those of the engine, in the form in which the Python package keeps what only
//! it knows of (`lightcrest/_trials.py`): whoever opens a study there finds what Optuna would have said.
//!
//! | of Optuna | here |
//! |---|---|
//! | user attributes of a study | attributes `user:NAME` |
//! | system attributes of a study | attributes `system:NAME` |
//! | user attributes of a trial | attributes |
//! | system attributes of a trial | in the attribute `lightcrest:system` |
//! | `constraints`, a list, and `constraints:NAME` | constraints `0`, `1`, ... and `NAME` |
//! | what is enqueued, `fixed_params` | the configuration of a trial that waits |
//! | distributions of a trial | what it asked for; of one that waits, `given` in `lightcrest:system` |
//! | microseconds | `us` in `lightcrest:system`, what is beyond the millisecond |
//! | `lightcrest:reason` of a trial, where we wrote it | why it was pruned or failed |
//! | `study:metric_names`, where we wrote it | names of objectives |

use super::record::{OptunaStudy, Parameter, Trial};
use super::{distribution, json as words};
use crate::history::{FrozenTrial, TrialState};
use crate::objective::ObjectiveInfo;
use crate::space::{Configuration, Space, Suggestions};
use crate::storage::{Definition, Storage, StorageError, now};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, HashMap};

/// The attribute of a trial that holds its system attributes.
const SYSTEM: &str = "lightcrest:system";
/// Among them, what a trial that waits had before it asks.
const GIVEN: &str = "given";
/// And what times have beyond the millisecond.
const MICROSECONDS: &str = "us";
/// And, in Optuna's own tables, why a trial was pruned or failed.
const REASON: &str = "lightcrest:reason";
const CONSTRAINTS: &str = "constraints";
const CONSTRAINT: &str = "constraints:";
const FIXED: &str = "fixed_params";
const VALUES: &str = "values";
const METRIC_NAMES: &str = "study:metric_names";

/// The objectives of studies that are made from Python.
fn objective_names(count: usize) -> Vec<String> {
    match count {
        1 => vec!["value".to_owned()],
        _ => (0..count).map(|i| format!("value_{i}")).collect(),
    }
}

impl OptunaStudy {
    /// Keeps the study in a storage that has none of that name yet, under the name `name`; the number of
    /// trials. What runs goes on running there until it is told: nobody is given it.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if there is one already; if the storage cannot be written. What was kept
    /// until then is deleted again.
    pub fn keep(&self, to: &mut dyn Storage, name: &str) -> Result<u64, StorageError> {
        let objectives = objective_names(self.directions.len()).into_iter().zip(&self.directions);
        let begun = self.trials.iter().filter_map(|trial| trial.started).min();
        let definition = Definition {
            name: name.to_owned(),
            space: Space::empty(),
            discovered: true,
            objectives: objectives.map(|(name, d)| ObjectiveInfo { name, direction: *d }).collect(),
            seed: getrandom::u64().map_err(|error| StorageError::Refused {
                place: to.place(),
                source: error.to_string().into(),
            })?,
            spec: String::new(),
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            created: begun.map_or_else(now, |us| (us / 1000).max(0) as u64),
        };
        to.make(&definition)?;
        let fill = |to: &mut dyn Storage| {
            to.open(&definition)?;
            for (kind, entries) in [("user", &self.user), ("system", &self.system)] {
                for (key, value) in entries {
                    to.set_attribute(&format!("{kind}:{key}"), value.clone())?;
                }
            }
            for (number, trial) in (0..).zip(&self.trials) {
                to.create(&taken(number, trial))?;
            }
            Ok(self.trials.len() as u64)
        };
        fill(to).inspect_err(|_| {
            // The first error is what counts.
            to.delete().ok();
        })
    }

    /// The study that a storage holds, as it is at one moment.
    ///
    /// # Errors
    /// [`StorageError::NoStudy`]; if it cannot be read.
    pub fn of(storage: &mut dyn Storage) -> Result<Self, StorageError> {
        let definition = storage.definition()?.ok_or(StorageError::NoStudy)?;
        let (memory, attributes, changes) = (storage.memory()?, storage.attributes()?, storage.changes(0)?);
        let mut study = Self {
            name: definition.name.clone(),
            directions: definition.objectives.iter().map(|objective| objective.direction).collect(),
            user: Map::new(),
            system: Map::new(),
            trials: Vec::with_capacity(changes.trials.len()),
            remarks: Vec::new(),
        };
        for (key, value) in attributes {
            match key.split_once(':') {
                Some(("user", rest)) => study.user.insert(rest.to_owned(), value),
                Some(("system", rest)) => study.system.insert(rest.to_owned(), value),
                _ => study.user.insert(key, value),
            };
        }
        let names: Vec<&str> =
            definition.objectives.iter().map(|objective| objective.name.as_str()).collect();
        if names != objective_names(names.len()) {
            study.system.entry(METRIC_NAMES).or_insert_with(|| json!(names));
        }
        let (mut several, mut strange, mut foreign) = (0, 0, 0);
        let space = (!definition.discovered).then_some(&definition.space);
        for trial in changes.trials {
            several += usize::from(trial.reports.iter().any(|(_, values)| values.len() != 1));
            let (given, asked) = given(trial, space, names.len());
            foreign += usize::from(given.parameters.iter().any(|p| distribution::is_foreign(&p.value)));
            strange += usize::from(given.parameters.len() < asked);
            study.trials.push(given);
        }
        study.remark(several, "reports of several values at once have no place in Optuna, and are left out");
        study.remark(strange, "parameters whose values no distribution of Optuna has are left out");
        study.remark(foreign, "choices that are objects of Python are written as texts");
        if !memory.sources().is_empty() {
            let what = "what it learns from earlier studies has no place in Optuna, and is left out";
            study.remarks.push(format!("`{}`: {what}", study.name));
        }
        Ok(study)
    }
}

/// A trial of Optuna's as one of the engine's.
fn taken(number: u64, trial: &Trial) -> FrozenTrial {
    let mut system = trial.system.clone();
    system.retain(|key, _| !key.starts_with(CONSTRAINT));
    let listed = trial.system.get(CONSTRAINTS).and_then(Json::as_array).into_iter().flatten().enumerate();
    let listed = listed.map(|(i, value)| (i.to_string(), value));
    let named = trial
        .system
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(CONSTRAINT)?.to_owned(), value)));
    let mut constraints: Vec<(String, f64)> = Vec::new();
    for (name, value) in listed.chain(named) {
        if let Some(value) = words::as_number(value) {
            constraints.retain(|(known, _)| *known != name);
            constraints.push((name, value));
        }
    }
    let mut configuration = Configuration::new();
    for Parameter { name, value, .. } in &trial.parameters {
        configuration.set(name.as_str(), value.clone());
    }
    let (mut suggestions, mut values) = (Suggestions::new(), None);
    match trial.state {
        TrialState::Waiting => {
            for (name, object) in system.get(FIXED).and_then(Json::as_object).into_iter().flatten() {
                let value = distribution::value(name, object, &mut HashMap::new());
                configuration.set(name.as_str(), value);
            }
            let entry = |p: &Parameter| {
                json!([p.name, distribution::write(&p.domain), p.number().map(words::number)])
            };
            if !trial.parameters.is_empty() {
                system.insert(GIVEN.to_owned(), trial.parameters.iter().map(entry).collect());
            }
        }
        _ => {
            for Parameter { name, domain, .. } in &trial.parameters {
                suggestions.set(name.as_str(), domain.clone());
            }
        }
    }
    let (mut state, mut reason) = (trial.state, None);
    if let Some(Json::String(why)) = system.remove(REASON) {
        reason = Some(why);
    }
    match (state, &trial.values) {
        (TrialState::Complete, Some(all)) if all.iter().all(|value| !value.is_nan()) => {
            values = Some(all.clone())
        }
        (TrialState::Complete, _) => {
            state = TrialState::Failed;
            reason = Some("it was complete, but without all of its values".to_owned());
        }
        (TrialState::Pruned, all) => {
            let last = trial.reports.last().map(|(_, value)| vec![*value]);
            // NaN is unlike itself, as it is in Python.
            if *all != last {
                let listed =
                    all.as_ref().map(|all| all.iter().copied().map(words::number).collect::<Vec<_>>());
                system.insert(VALUES.to_owned(), json!(listed));
            }
        }
        _ => {}
    }
    let more = |at: Option<i64>| at.map_or(0, |us| us.rem_euclid(1000));
    let beyond = [more(trial.started), more(trial.finished)];
    if beyond != [0, 0] {
        system.insert(MICROSECONDS.to_owned(), json!(beyond));
    }
    let mut attributes: BTreeMap<String, Json> = trial.user.clone().into_iter().collect();
    if !system.is_empty() {
        attributes.insert(SYSTEM.to_owned(), system.into());
    }
    let ms = |us: i64| us.div_euclid(1000).max(0) as u64;
    let mut started = trial.started.map(ms);
    if state == TrialState::Running {
        // What runs has begun; only a number that is reserved has not.
        started = started.or_else(|| Some(now()));
    }
    FrozenTrial {
        state,
        suggestions,
        values,
        reports: trial.reports.iter().map(|(step, value)| (*step, vec![*value])).collect(),
        constraints,
        attributes,
        reason,
        started,
        finished: trial.finished.map(ms),
        ..FrozenTrial::waiting(number, configuration)
    }
}

/// A trial of the engine's as one of Optuna's, and how many parameters it should have. `space`: where it is
/// declared.
fn given(mut trial: FrozenTrial, space: Option<&Space>, objectives: usize) -> (Trial, usize) {
    let mut system = match trial.attributes.remove(SYSTEM) {
        Some(Json::Object(system)) => system,
        _ => Map::new(),
    };
    let listed = system.get(CONSTRAINTS).and_then(Json::as_array).map_or(0, Vec::len);
    for (name, value) in &trial.constraints {
        if name.parse::<usize>().map_or(true, |place| place >= listed || place.to_string() != *name) {
            system.insert(format!("{CONSTRAINT}{name}"), words::number(*value));
        }
    }
    let mut parameters = Vec::new();
    let mut asked = 0;
    let mut add = |name: &str, domain: &crate::space::Domain| {
        let Some(value) = trial.configuration.get(name) else { return };
        asked += 1;
        let parameter = Parameter { name: name.to_owned(), value: value.clone(), domain: domain.clone() };
        if parameter.number().is_some() {
            parameters.push(parameter);
        }
    };
    match (trial.state, space) {
        (TrialState::Waiting, _) => {}
        (_, None) => trial.suggestions.iter().for_each(|(name, domain)| add(name, domain)),
        (_, Some(space)) => space.parameters().iter().for_each(|p| add(&p.name, &p.domain)),
    }
    for entry in system.remove(GIVEN).as_ref().and_then(Json::as_array).into_iter().flatten() {
        let (name, text) = (entry[0].as_str().unwrap_or_default(), entry[1].as_str().unwrap_or_default());
        let known = parameters.iter().any(|p: &Parameter| p.name == name);
        let read = words::as_number(&entry[2]).and_then(|number| Parameter::read(name, number, text).ok());
        parameters.extend(read.filter(|_| !known));
    }
    let fixed = || {
        trial.configuration.iter().filter(|(name, _)| !parameters.iter().any(|p: &Parameter| p.name == *name))
    };
    if trial.state == TrialState::Waiting && fixed().next().is_some() && !system.contains_key(FIXED) {
        system.insert(FIXED.to_owned(), distribution::objects(fixed()));
    }
    let last = trial.reports.last().and_then(|(_, values)| <[f64; 1]>::try_from(values.as_slice()).ok());
    let values = match trial.state {
        TrialState::Pruned => match system.remove(VALUES) {
            Some(Json::Array(all)) => all.iter().map(words::as_number).collect(),
            Some(_) => None,
            None => last.filter(|[value]| objectives == 1 && !value.is_nan()).map(Vec::from),
        },
        TrialState::Complete => trial.values,
        _ => None,
    };
    let beyond = system.remove(MICROSECONDS);
    let more = |i: usize| beyond.as_ref().and_then(|both| both.get(i)?.as_i64()).unwrap_or(0);
    let us = |ms: Option<u64>, i: usize| ms.map(|ms| ms as i64 * 1000 + more(i));
    if let Some(reason) = trial.reason {
        system.insert(REASON.to_owned(), json!(reason));
    }
    let reports = trial.reports.iter().filter(|(_, values)| values.len() == 1);
    let reports = reports.map(|(step, values)| (*step, values[0])).collect();
    let made = Trial {
        state: trial.state,
        values,
        started: us(trial.started, 0),
        finished: us(trial.finished, 1),
        parameters,
        reports,
        user: trial.attributes.into_iter().collect(),
        system,
    };
    (made, asked)
}

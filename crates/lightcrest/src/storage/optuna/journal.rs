//! Journals of Optuna: files with one entry a line, as JSON, of which all together make the studies.
//!
//! | `op_code` | what an entry does |
//! |---|---|
//! | 0, 1 | makes a study, deletes one |
//! | 2, 3 | sets a user or system attribute of a study |
//! | 4 | makes a trial: a running one, or one with all that it has |
//! | 5, 6, 7 | sets a parameter, the state with the values, a report of a trial |
//! | 8, 9 | sets a user or system attribute of a trial |
//! | 10 | says which trials whoever wrote it need not read again |
//!
//! Ids count from 0 over the file. An entry that asks for what cannot be (a study or a trial that is not
//! there, a change of a trial that has ended) is as if it were not there: two processes may have tried the
//! same. A last line without an end was not written to its end, and does not count.

use super::moment::{self, Zone};
use super::record::{OptunaStudy, Parameter, STATES, Trial, place};
use super::{distribution, json};
use crate::history::TrialState;
use crate::objective::Direction;
use crate::space::Domain;
use crate::storage::StorageError;
use serde_json::{Map, Value as Json, json};
use std::io::Write;
use std::path::Path;

/// The number of a direction.
fn number(direction: Direction) -> i64 {
    match direction {
        Direction::Minimize => 1,
        Direction::Maximize => 2,
    }
}

/// The studies of a file, or the one of a name.
///
/// # Errors
/// If the file is no journal, or cannot be read.
pub(super) fn read(path: &Path, name: Option<&str>, zone: Zone) -> Result<Vec<OptunaStudy>, StorageError> {
    let place = path.display().to_string();
    let strange = |what: String| StorageError::Strange { place: place.clone(), what };
    let bytes = std::fs::read(path).map_err(|source| StorageError::Io { place: place.clone(), source })?;
    let neither = "neither a SQLite file nor a journal (an entry of JSON a line)";
    let mut replay = Replay { zone, ..Replay::default() };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole == 0 && !bytes.is_empty() {
        return Err(strange(format!("it is {neither}")));
    }
    for (i, line) in bytes[..whole].split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let text = std::str::from_utf8(line).unwrap_or_default();
        let entry = json::read(text);
        let entry = entry.ok().filter(Json::is_object).ok_or_else(|| match i {
            0 => strange(format!("it is {neither}")),
            _ => strange(format!("line {} is no entry of a journal (JSON)", i + 1)),
        })?;
        replay.apply(&entry, text).map_err(|what| strange(format!("line {}: {what}", i + 1)))?;
    }
    let mut studies = Vec::new();
    for (id, study) in replay.studies.into_iter().enumerate() {
        let Some(mut study) = study.filter(|study| name.is_none_or(|name| name == study.name)) else {
            continue;
        };
        study.trials =
            replay.trials.iter().filter(|(of, _)| *of == id).map(|(_, trial)| trial.clone()).collect();
        studies.push(study);
    }
    Ok(studies)
}

/// What the entries so far have made.
#[derive(Default)]
struct Replay {
    zone: Zone,
    /// By id; `None` where one was deleted.
    studies: Vec<Option<OptunaStudy>>,
    /// By id, each with the id of its study.
    trials: Vec<(usize, Trial)>,
}

impl Replay {
    /// # Errors
    /// If it is an entry of a kind that is not known, or a part of it cannot be read.
    fn apply(&mut self, entry: &Json, text: &str) -> Result<(), String> {
        let kind = entry.get("op_code").and_then(Json::as_u64);
        match kind {
            Some(0) => self.make_study(entry),
            Some(1) => {
                if let Some(study) = id(entry, "study_id").and_then(|id| self.studies.get_mut(id)) {
                    *study = None;
                }
                Ok(())
            }
            Some(kind @ (2 | 3)) => {
                let study = id(entry, "study_id").and_then(|id| self.studies.get_mut(id)?.as_mut());
                if let Some(study) = study {
                    let (kept, key) = if kind == 2 {
                        (&mut study.user, "user_attr")
                    } else {
                        (&mut study.system, "system_attr")
                    };
                    extend(kept, entry.get(key));
                }
                Ok(())
            }
            Some(4) => self.make_trial(entry, text),
            Some(kind @ 5..=9) => self.change(kind, entry),
            Some(10) => Ok(()),
            _ => Err(format!("the op_code {} is not known", entry.get("op_code").unwrap_or(&Json::Null))),
        }
    }

    fn make_study(&mut self, entry: &Json) -> Result<(), String> {
        let name = entry.get("study_name").and_then(Json::as_str).ok_or("`study_name` is missing")?;
        if self.studies.iter().flatten().any(|study| study.name == name) {
            return Ok(());
        }
        let listed = entry.get("directions").and_then(Json::as_array).ok_or("`directions` is missing")?;
        let direction = |found: &Json| match found.as_i64() {
            Some(1) => Ok(Direction::Minimize),
            Some(2) => Ok(Direction::Maximize),
            _ => Err(format!("study `{name}` has no direction: open it with Optuna and give it one")),
        };
        let directions = listed.iter().map(direction).collect::<Result<_, _>>()?;
        self.studies.push(Some(OptunaStudy {
            name: name.to_owned(),
            directions,
            user: Map::new(),
            system: Map::new(),
            trials: Vec::new(),
            remarks: Vec::new(),
        }));
        Ok(())
    }

    fn make_trial(&mut self, entry: &Json, text: &str) -> Result<(), String> {
        let Some(study) = id(entry, "study_id").filter(|id| matches!(self.studies.get(*id), Some(Some(_))))
        else {
            return Ok(());
        };
        let mut trial = Trial::new(state(entry)?.unwrap_or(TrialState::Running));
        trial.started = self.time(entry, "datetime_start")?;
        trial.finished = self.time(entry, "datetime_complete")?;
        trial.values = values(entry);
        let distributions = entry.get("distributions").and_then(Json::as_object);
        let parameters = entry.get("params").and_then(Json::as_object).filter(|all| !all.is_empty());
        if let Some(parameters) = parameters {
            // In the order in which they were asked for.
            let names = json::keys(text).into_iter().find(|(key, _)| key == "params");
            for name in names.map_or_else(Vec::new, |(_, names)| names) {
                let text = distributions.and_then(|all| all.get(&name)?.as_str()).unwrap_or_default();
                let number = parameters.get(&name).and_then(json::as_number).unwrap_or(f64::NAN);
                trial.parameters.push(Parameter::read(&name, number, text)?);
            }
        }
        for (step, value) in entry.get("intermediate_values").and_then(Json::as_object).into_iter().flatten()
        {
            let step = step.parse().map_err(|_| format!("`{step}` is no step"))?;
            trial.report(step, json::as_number(value).unwrap_or(f64::NAN));
        }
        extend(&mut trial.user, entry.get("user_attrs"));
        extend(&mut trial.system, entry.get("system_attrs"));
        self.trials.push((study, trial));
        Ok(())
    }

    fn change(&mut self, kind: u64, entry: &Json) -> Result<(), String> {
        let Some(id) = id(entry, "trial_id").filter(|id| *id < self.trials.len()) else { return Ok(()) };
        if self.trials[id].1.state.is_finished() {
            return Ok(());
        }
        let (start, end) = (self.time(entry, "datetime_start")?, self.time(entry, "datetime_complete")?);
        if kind == 5 {
            return self.set_parameter(id, entry);
        }
        let trial = &mut self.trials[id].1;
        match kind {
            6 => {
                let Some(state) = state(entry)? else { return Ok(()) };
                if state == TrialState::Running {
                    if trial.state == TrialState::Running {
                        return Ok(());
                    }
                    trial.started = start;
                }
                if state.is_finished() {
                    trial.finished = end;
                }
                trial.state = state;
                trial.values = values(entry).or_else(|| trial.values.take());
            }
            7 => {
                let step = entry.get("step").and_then(Json::as_u64).ok_or("`step` is no whole number")?;
                let value = entry.get("intermediate_value").and_then(json::as_number);
                trial.report(step, value.unwrap_or(f64::NAN));
            }
            8 => extend(&mut trial.user, entry.get("user_attr")),
            _ => extend(&mut trial.system, entry.get("system_attr")),
        }
        Ok(())
    }

    /// Sets a parameter, unless another trial of the study was asked for what does not go with it.
    fn set_parameter(&mut self, id: usize, entry: &Json) -> Result<(), String> {
        let text = |key: &str| entry.get(key).and_then(Json::as_str);
        let (name, distribution) =
            (text("param_name").ok_or("`param_name` is missing")?, text("distribution"));
        let number = entry.get("param_value_internal").and_then(json::as_number).unwrap_or(f64::NAN);
        let parameter = Parameter::read(name, number, distribution.unwrap_or_default())?;
        let study = self.trials[id].0;
        let siblings = self.trials.iter().filter(|(of, _)| *of == study);
        let mut others = siblings.filter_map(|(_, trial)| trial.parameters.iter().find(|p| p.name == name));
        if others.next().is_some_and(|other| !go_together(&other.domain, &parameter.domain)) {
            return Ok(());
        }
        let parameters = &mut self.trials[id].1.parameters;
        match parameters.iter_mut().find(|known| known.name == name) {
            Some(known) => *known = parameter,
            None => parameters.push(parameter),
        }
        Ok(())
    }

    fn time(&self, entry: &Json, key: &str) -> Result<Option<i64>, String> {
        let Some(text) = entry.get(key).and_then(Json::as_str) else { return Ok(None) };
        moment::read(text, self.zone).map(Some).ok_or_else(|| format!("`{key}` is no time: {text}"))
    }
}

/// Whether one study may ask for both.
fn go_together(a: &Domain, b: &Domain) -> bool {
    match (a, b) {
        (Domain::Float { log: a, .. }, Domain::Float { log: b, .. }) => a == b,
        (Domain::Int { log: a, .. }, Domain::Int { log: b, .. }) => a == b,
        (Domain::Categorical { .. }, Domain::Categorical { .. }) => a == b,
        _ => false,
    }
}

fn id(entry: &Json, key: &str) -> Option<usize> {
    usize::try_from(entry.get(key)?.as_u64()?).ok()
}

fn extend(kept: &mut Map<String, Json>, entries: Option<&Json>) {
    if let Some(entries) = entries.and_then(Json::as_object) {
        kept.extend(entries.clone());
    }
}

fn state(entry: &Json) -> Result<Option<TrialState>, String> {
    let Some(found) = entry.get("state").filter(|state| !state.is_null()) else { return Ok(None) };
    let state = found.as_u64().and_then(|place| STATES.get(usize::try_from(place).ok()?));
    state.map(|(_, state)| Some(*state)).ok_or_else(|| format!("{found} is no state"))
}

fn values(entry: &Json) -> Option<Vec<f64>> {
    match (entry.get("values").and_then(Json::as_array), entry.get("value").filter(|value| !value.is_null()))
    {
        (Some(all), _) => all.iter().map(json::as_number).collect(),
        (None, Some(one)) => json::as_number(one).map(|one| vec![one]),
        (None, None) => None,
    }
}

/// Writes studies into a new file.
///
/// # Errors
/// If there is a file already, or it cannot be written.
pub(super) fn write(path: &Path, studies: &[OptunaStudy]) -> Result<(), StorageError> {
    let failed = |source| StorageError::Io { place: path.display().to_string(), source };
    let mut out = std::io::BufWriter::new(super::new_file(path)?);
    let fill = |out: &mut std::io::BufWriter<std::fs::File>| {
        for (id, study) in studies.iter().enumerate() {
            for entry in entries(id, study) {
                writeln!(out, "{entry}")?;
            }
        }
        out.flush()?;
        out.get_ref().sync_all()
    };
    fill(&mut out).map_err(|source| {
        // What is only a part is of no use.
        std::fs::remove_file(path).ok();
        failed(source)
    })
}

/// The entries that make a study.
fn entries(id: usize, study: &OptunaStudy) -> impl Iterator<Item = String> {
    let entry = |kind: u64, parts: Vec<(&str, String)>| {
        let first = [("op_code", kind.to_string()), ("worker_id", json::write(&json!("lightcrest")))];
        json::object(first.into_iter().chain(parts))
    };
    let directions: Vec<i64> = study.directions.iter().map(|direction| number(*direction)).collect();
    let first = entry(
        0,
        vec![("study_name", json::write(&json!(study.name))), ("directions", json!(directions).to_string())],
    );
    let attribute = move |kind: u64, name: &'static str, (key, value): (&String, &Json)| {
        let value = json::object([(key.as_str(), json::write(value))].into_iter());
        entry(kind, vec![("study_id", id.to_string()), (name, value)])
    };
    let user = study.user.iter().map(move |found| attribute(2, "user_attr", found));
    let system = study.system.iter().map(move |found| attribute(3, "system_attr", found));
    let many = study.directions.len() > 1;
    let trials = study.trials.iter().map(move |trial| {
        let text = |found: Option<String>| found.unwrap_or_else(|| "null".to_owned());
        let number = |x: f64| json::write(&json::number(x));
        let time = |at: i64| json!(moment::write_utc(at)).to_string();
        let numbers = trial.parameters.iter().map(|p| (p.name.as_str(), text(p.number().map(number))));
        let distribution = |p: &Parameter| json!(distribution::write(&p.domain)).to_string();
        let distributions = trial.parameters.iter().map(|p| (p.name.as_str(), distribution(p)));
        let steps: Vec<String> = trial.reports.iter().map(|(step, _)| step.to_string()).collect();
        let reports =
            steps.iter().zip(&trial.reports).map(|(step, (_, value))| (step.as_str(), number(*value)));
        let values = || trial.values.iter().flatten().copied().map(number).collect::<Vec<_>>();
        let (one, all) = match trial.values.is_some() {
            true if many => (None, Some(format!("[{}]", values().join(", ")))),
            true => (values().pop(), None),
            false => (None, None),
        };
        let mut parts = vec![
            ("study_id", id.to_string()),
            ("state", place(trial.state).to_string()),
            ("value", text(one)),
            ("values", text(all)),
            ("datetime_start", text(trial.started.map(time))),
            ("params", json::object(numbers)),
            ("distributions", json::object(distributions)),
            ("intermediate_values", json::object(reports)),
            ("user_attrs", json::write(&trial.user.clone().into())),
            ("system_attrs", json::write(&trial.system.clone().into())),
        ];
        parts.extend(trial.finished.map(|at| ("datetime_complete", time(at))));
        entry(4, parts)
    });
    [first].into_iter().chain(user).chain(system).chain(trials)
}

//! The trials of a study, one a line, for other programs: everything that is kept of them, numbers in full.
//!
//! | column of the table | what it is |
//! |---|---|
//! | `number`, `state` | of the trial |
//! | the objectives, by their names | values; empty unless the trial is complete |
//! | `parameter:NAME` | of the configuration; empty where it is inactive |
//! | `constraint:NAME` | value minus bound: at most 0 is satisfied |
//! | `attribute:NAME` | a text as it is, anything else as JSON |
//! | `started`, `finished` | UTC, as ISO 8601, to the millisecond |
//! | `reason` | why it was pruned or failed |
//!
//! As JSON lines a trial is an object; it has the reports besides, and numbers that JSON has no word for are
//! `"NaN"`, `"inf"` and `"-inf"`. A Parquet file has the columns of the table, and the reports.

use std::collections::BTreeSet;
use std::io::{self, Write};

use lightcrest::history::FrozenTrial;
use lightcrest::space::Value;
use serde_json::{Map, Value as Json, json};

use crate::csv::{cell, line};
use crate::view::View;

/// What the trials have beside what all have: the names, each once.
pub(crate) struct Columns<'a> {
    pub(crate) parameters: Vec<&'a str>,
    pub(crate) constraints: Vec<&'a str>,
    pub(crate) attributes: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(view: &'a View) -> Self {
        let trials = view.history.trials();
        let names = |of: fn(&FrozenTrial) -> Vec<&str>| -> Vec<&'a str> {
            trials.iter().flat_map(of).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let constraints = names(|trial| trial.constraints.iter().map(|(name, _)| name.as_str()).collect());
        let attributes = names(|trial| trial.attributes.keys().map(String::as_str).collect());
        // The space of the study first; what single trials had besides comes after it.
        let mut parameters: Vec<&str> =
            view.definition.space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
        let known: BTreeSet<&str> = parameters.iter().copied().collect();
        let others = names(|trial| trial.configuration.iter().map(|(name, _)| name).collect());
        parameters.extend(others.into_iter().filter(|name| !known.contains(name)));
        Self { parameters, constraints, attributes }
    }
}

/// Writes the trials as a table, RFC 4180.
///
/// # Errors
/// If it cannot be written.
pub fn trials_csv(view: &View, out: &mut impl Write) -> io::Result<()> {
    let Columns { parameters, constraints, attributes } = Columns::of(view);
    let objectives = view.definition.objectives.iter().map(|objective| objective.name.clone());
    let prefixed = |kind: &str, names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("{kind}:{name}")).collect()
    };
    let header = ["number", "state"].map(str::to_owned).into_iter().chain(objectives);
    let header = header
        .chain(prefixed("parameter", &parameters))
        .chain(prefixed("constraint", &constraints))
        .chain(prefixed("attribute", &attributes))
        .chain(["started", "finished", "reason"].map(str::to_owned));
    out.write_all(line(header).as_bytes())?;
    for trial in view.history.trials() {
        let mut cells = vec![trial.number.to_string(), trial.state.to_string()];
        for i in 0..view.definition.objectives.len() {
            cells.push(trial.values.as_ref().map_or_else(String::new, |values| values[i].to_string()));
        }
        cells.extend(
            parameters.iter().map(|name| trial.configuration.get(name).map_or_else(String::new, cell)),
        );
        cells.extend(constraints.iter().map(|name| {
            let found = trial.constraints.iter().find(|(known, _)| known == name);
            found.map_or_else(String::new, |(_, excess)| excess.to_string())
        }));
        cells
            .extend(attributes.iter().map(|name| trial.attributes.get(*name).map_or_else(String::new, text)));
        cells.extend([trial.started, trial.finished].map(|ms| ms.map_or_else(String::new, moment)));
        cells.push(trial.reason.clone().unwrap_or_default());
        out.write_all(line(cells.into_iter()).as_bytes())?;
    }
    Ok(())
}

/// Writes the trials as JSON, an object a line.
///
/// # Errors
/// If it cannot be written.
pub fn trials_jsonl(view: &View, out: &mut impl Write) -> io::Result<()> {
    let objectives = &view.definition.objectives;
    for trial in view.history.trials() {
        let values = trial.values.as_ref().map(|values| -> Map<String, Json> {
            objectives
                .iter()
                .zip(values)
                .map(|(objective, value)| (objective.name.clone(), number(*value)))
                .collect()
        });
        let parameters: Map<String, Json> =
            trial.configuration.iter().map(|(name, value)| (name.to_owned(), plain(value))).collect();
        let constraints: Map<String, Json> =
            trial.constraints.iter().map(|(name, excess)| (name.clone(), number(*excess))).collect();
        let object = json!({
            "number": trial.number,
            "state": trial.state.as_str(),
            "values": values,
            "parameters": parameters,
            "reports": reports(trial),
            "constraints": constraints,
            "attributes": trial.attributes,
            "started": trial.started.map(moment),
            "finished": trial.finished.map(moment),
            "reason": trial.reason,
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

/// A trial's reports as JSON: `[[step, [value]]]`.
pub(crate) fn reports(trial: &FrozenTrial) -> Json {
    let report = |(step, values): &(u64, Vec<f64>)| {
        json!([step, values.iter().copied().map(number).collect::<Vec<_>>()])
    };
    trial.reports.iter().map(report).collect()
}

/// An attribute in a cell.
pub(crate) fn text(attribute: &Json) -> String {
    match attribute {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn number(number: f64) -> Json {
    if number.is_finite() { json!(number) } else { Json::String(number.to_string()) }
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Float(x) => number(*x),
        other => serde_json::to_value(other).unwrap_or(Json::Null),
    }
}

/// Milliseconds since 1970 as ISO 8601, by Hinnant's *chrono-compatible low-level date algorithms*
/// (`civil_from_days`).
pub fn moment(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    let z = days + 719_468; // days since 0000-03-01
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153; // March is 0
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use lightcrest::history::TrialState;
    use serde_json::from_str;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(moment(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(moment(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(moment(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(moment(1_709_251_200_000), "2024-03-01T00:00:00.000Z");
        assert_eq!(moment(4_107_542_399_000), "2100-02-28T23:59:59.000Z");
        assert_eq!(moment(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn every_trial_is_a_line_and_nothing_is_lost() {
        let mut view = testing::view();
        let mut odd = view.history.trials()[0].clone();
        odd.number = view.history.len() as u64;
        odd.values = Some(vec![f64::INFINITY; view.definition.objectives.len()]);
        odd.constraints = vec![("macs".into(), -0.5)];
        odd.attributes = [("note".into(), json!("a, \"b\"\n")), ("list".into(), json!([1, null]))].into();
        odd.reports = vec![(2, vec![f64::NAN])];
        view.history.put(odd.clone());
        view.history.put(FrozenTrial::waiting(odd.number + 1, odd.configuration.clone()));

        let mut csv = Vec::new();
        trials_csv(&view, &mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        let header = csv.lines().next().unwrap();
        assert!(
            header.starts_with("number,state,validation_accuracy,macs,parameter:learning_rate,"),
            "{header}"
        );
        assert!(
            csv.contains("\"a, \"\"b\"\"\n\"") && csv.contains("\"[1,null]\"") && csv.contains(",inf,"),
            "{csv}"
        );

        let mut lines = Vec::new();
        trials_jsonl(&view, &mut lines).unwrap();
        let text = String::from_utf8(lines).unwrap();
        let trials: Vec<Json> = text.lines().map(|line| from_str(line).unwrap()).collect();
        assert_eq!(trials.len(), view.history.len());
        let last = &trials[odd.number as usize];
        assert_eq!(last["values"]["macs"], "inf");
        assert_eq!(last["reports"], json!([[2, ["NaN"]]]));
        assert_eq!(last["constraints"]["macs"], -0.5);
        assert_eq!(last["attributes"]["list"], json!([1, null]));
        assert_eq!(last["parameters"]["learning_rate"], odd.configuration.get_f64("learning_rate").unwrap());
        let waiting = &trials[odd.number as usize + 1];
        assert_eq!(
            (waiting["state"].as_str(), &waiting["values"]),
            (Some(TrialState::Waiting.as_str()), &Json::Null)
        );
    }
}

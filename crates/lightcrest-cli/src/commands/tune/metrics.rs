//! What the JSON lines of a command say.
//!
//! A line is an object of metrics by name. With `step` it is a report on the way; without, it is a result. A later line counts more than an
//! earlier one, a result more than a report: a command that only reports ends with its last values.

use std::collections::BTreeMap;

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest_spec::ConstraintSpec;
use serde_json::Value as Json;

/// The key that makes a line a report.
const STEP: &str = "step";

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    step: Option<Json>,
    metrics: BTreeMap<String, Json>,
}

/// A report as the study takes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) step: u64,
    /// Values of the first few objectives.
    pub(super) values: Vec<f64>,
}

/// What the lines of a trial have said so far.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    reported: BTreeMap<String, Json>,
    results: BTreeMap<String, Json>,
}

impl Line {
    /// Reads a line; none when it is no JSON object. `NaN` and `Infinity`, which Python writes, are words here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parsed = serde_json::from_str(text).or_else(|_| serde_json::from_str(&quoted(text)));
        let Ok(Json::Object(object)) = parsed else { return None };
        let mut metrics: BTreeMap<String, Json> = object.into_iter().collect();
        let step = metrics.remove(STEP);
        Some(Self { step, metrics })
    }
}

impl Metrics {
    /// Takes a line in. A report holds the objectives in their order as far as they are known by then, from this line or from results
    /// that came before it; there is none when the line itself has none of them.
    ///
    /// # Errors
    /// A step or an objective that is no number.
    pub(super) fn add(&mut self, line: Line, objectives: &[ObjectiveInfo]) -> Result<Option<Report>, String> {
        let Line { step, metrics } = line;
        let Some(step) = step else {
            self.results.extend(metrics);
            return Ok(None);
        };
        let step =
            whole(&step).ok_or_else(|| format!("`step` must be a whole number, 0 or more, but is {step}"))?;
        let known = |info: &ObjectiveInfo| metrics.get(&info.name).or_else(|| self.results.get(&info.name));
        let values = objectives.iter().map_while(known).zip(objectives);
        let values: Result<Vec<f64>, String> = values
            .map(|(value, info)| number(&info.name, value).map_err(|e| format!("{e}, at step {step}")))
            .collect();
        let values = values?;
        let fresh = objectives[..values.len()].iter().any(|info| metrics.contains_key(&info.name));
        self.reported.extend(metrics);
        Ok(fresh.then_some(Report { step, values }))
    }

    fn get(&self, name: &str) -> Option<&Json> {
        self.results.get(name).or_else(|| self.reported.get(name))
    }

    /// Everything that is a number.
    pub(super) fn numbers(&self) -> BTreeMap<String, f64> {
        let all = self.reported.iter().chain(&self.results);
        all.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
    }

    /// What the study takes of a command that has ended well.
    ///
    /// # Errors
    /// The first objective or constraint that has no number.
    pub(super) fn evaluation(
        &self,
        objectives: &[ObjectiveInfo],
        constraints: &[ConstraintSpec],
    ) -> Result<Evaluation, String> {
        let value = |name: &str| match self.get(name) {
            Some(value) => number(name, value),
            None => Err(self.missing(name)),
        };
        let values = objectives.iter().map(|info| value(&info.name)).collect::<Result<_, _>>()?;
        let excess = |constraint: &ConstraintSpec| {
            Ok((constraint.metric.clone(), constraint.excess(value(&constraint.metric)?)))
        };
        let constraints = constraints.iter().map(excess).collect::<Result<_, String>>()?;
        let attributes = self.numbers().into_iter().map(|(name, value)| (name, value.into())).collect();
        Ok(Evaluation { values, constraints, attributes })
    }

    fn missing(&self, name: &str) -> String {
        let mut seen: Vec<&str> =
            self.reported.keys().chain(self.results.keys()).map(String::as_str).collect();
        seen.sort_unstable();
        seen.dedup();
        match seen.is_empty() {
            true => format!("it wrote no `{name}`: no JSON line at all"),
            false => format!("it wrote no `{name}`, but {}", seen.join(", ")),
        }
    }
}

fn number(name: &str, value: &Json) -> Result<f64, String> {
    let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value
        .as_f64()
        .filter(|value| value.is_finite())
        .ok_or_else(|| format!("`{name}` is {}, which is no number", text()))
}

/// A step; `3.0` is one too.
fn whole(value: &Json) -> Option<u64> {
    let float = || value.as_f64().filter(|x| x.fract() == 0.0 && (0.0..9e15).contains(x)).map(|x| x as u64);
    value.as_u64().or_else(float)
}

/// The text with `NaN`, `Infinity` and `-Infinity` in quotes where they stand outside of strings.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let (mut inside, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| rest.starts_with(word));
        if let (false, Some(word)) = (inside, word) {
            out.extend(["\"", word, "\""]);
            rest = &rest[word.len()..];
            continue;
        }
        match c {
            '"' if !escaped => inside = !inside,
            _ => {}
        }
        escaped = inside && c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objectives() -> Vec<ObjectiveInfo> {
        vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("size")]
    }

    fn add(metrics: &mut Metrics, text: &str) -> Result<Option<Report>, String> {
        metrics.add(Line::parse(text).unwrap(), &objectives())
    }

    #[test]
    fn results_count_more_than_reports_and_later_ones_more_than_earlier_ones() {
        let mut metrics = Metrics::default();
        assert_eq!(add(&mut metrics, r#"{"size": 10}"#), Ok(None));
        let report = add(&mut metrics, r#"{"step": 1, "accuracy": 0.5, "note": "slow"}"#).unwrap().unwrap();
        assert_eq!((report.step, report.values), (1, vec![0.5, 10.0]));
        assert_eq!(add(&mut metrics, r#"{"step": 2, "loss": 3}"#), Ok(None));
        add(&mut metrics, r#"{"step": 3.0, "accuracy": 0.7, "size": 1}"#).unwrap();
        let values = |metrics: &Metrics| metrics.evaluation(&objectives(), &[]).unwrap().values;
        assert_eq!(values(&metrics), [0.7, 10.0]);
        add(&mut metrics, r#"{"accuracy": 0.6}"#).unwrap();
        assert_eq!(values(&metrics), [0.6, 10.0]);
        assert_eq!(metrics.numbers()["loss"], 3.0);
    }

    #[test]
    fn only_the_first_objectives_that_are_known_are_reported() {
        let mut metrics = Metrics::default();
        let report = add(&mut metrics, r#"{"step": 0, "accuracy": 0.5}"#).unwrap().unwrap();
        assert_eq!((report.step, report.values), (0, vec![0.5]));
        assert_eq!(add(&mut metrics, r#"{"step": 1, "size": 4}"#), Ok(None));
    }

    #[test]
    fn what_is_no_number_is_named() {
        let mut metrics = Metrics::default();
        let error = |text: &str, metrics: &mut Metrics| add(metrics, text).unwrap_err();
        assert_eq!(
            error(r#"{"step": 2, "accuracy": NaN}"#, &mut metrics),
            "`accuracy` is NaN, which is no number, at step 2"
        );
        assert!(error(r#"{"step": 1.5, "accuracy": 1}"#, &mut metrics).contains("whole number"));
        assert!(error(r#"{"step": -1, "accuracy": 1}"#, &mut metrics).contains("but is -1"));
        let end = |metrics: &Metrics| metrics.evaluation(&objectives(), &[]).unwrap_err();
        assert_eq!(end(&metrics), "it wrote no `accuracy`: no JSON line at all");
        add(&mut metrics, r#"{"acuracy": 1, "size": -Infinity}"#).unwrap();
        assert_eq!(end(&metrics), "it wrote no `accuracy`, but acuracy, size");
        add(&mut metrics, r#"{"accuracy": true}"#).unwrap();
        assert_eq!(end(&metrics), "`accuracy` is true, which is no number");
        add(&mut metrics, r#"{"accuracy": 1}"#).unwrap();
        assert_eq!(end(&metrics), "`size` is -Infinity, which is no number");
    }

    #[test]
    fn other_lines_are_no_metrics() {
        for text in ["{", "{}x", "{accuracy: 1}", "{1}"] {
            assert_eq!(Line::parse(text), None, "{text}");
        }
        let line = Line::parse(r#"{"a": "NaN \" NaN", "b": NaN}"#).unwrap();
        assert_eq!(line.metrics["a"], "NaN \" NaN");
        assert_eq!(line.metrics["b"], "NaN");
    }
}

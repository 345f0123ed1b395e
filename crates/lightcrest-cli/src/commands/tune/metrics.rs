//! What the JSON lines of a command say.
//!
//! A line is an object of metrics by name. With `step` it is a report on the way; without, it is a result. A
//! later line counts more than an earlier one, a result more than a report: a command that only reports ends
//! with its last values. A line that cannot be read makes what earlier ones have said doubtful, and no
//! doubtful value is a result.

use std::collections::BTreeMap;

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest_spec::ConstraintSpec;

use super::line::Said;
use super::value::{Line, Value};

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Standard output.
    Output,
    /// The file of metrics.
    File,
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
    output: Told,
    file: Told,
    /// How many lines there were.
    lines: u64,
    /// The last step that was passed on.
    step: Option<u64>,
    /// The file was begun anew: what was reported before may stand there again.
    again: bool,
}

/// What one source has said.
#[derive(Debug, Default)]
struct Told {
    reported: BTreeMap<String, Entry>,
    results: BTreeMap<String, Entry>,
    /// The last line that cannot be read: its number, and why.
    unreadable: Option<(u64, String)>,
    /// The last that may have been meant as one; why it is none.
    no_json: Option<String>,
}

/// A value and the number of its line.
#[derive(Debug, Clone)]
struct Entry {
    value: Value,
    line: u64,
}

impl Metrics {
    /// Takes in what was said. A report holds the objectives in their order as far as they are known by then,
    /// from this line or from results that came before it; there is none when the line itself has none of
    /// them.
    ///
    /// # Errors
    /// A step or an objective that is no number.
    pub(super) fn add(
        &mut self,
        said: Said,
        source: Source,
        objectives: &[ObjectiveInfo],
    ) -> Result<Option<Report>, String> {
        self.lines += 1;
        let line = self.lines;
        let told = self.told(source);
        let Line { step, metrics } = match said {
            Said::Metrics(line) => line,
            Said::Unreadable(why) => {
                told.unreadable = Some((line, why));
                return Ok(None);
            }
            Said::NoJson(why) => {
                told.no_json = Some(why);
                return Ok(None);
            }
        };
        let entries = |metrics: BTreeMap<String, Value>| {
            metrics.into_iter().map(move |(name, value)| (name, Entry { value, line }))
        };
        let Some(step) = step else {
            told.results.extend(entries(metrics));
            return Ok(None);
        };
        let step = step.step()?;
        let values = self.report(&metrics, step, objectives)?;
        let fresh = objectives[..values.len()].iter().any(|info| metrics.contains_key(&info.name));
        self.told(source).reported.extend(entries(metrics));
        let told_before = source == Source::File && self.again && self.step.is_some_and(|last| step <= last);
        if !fresh || told_before {
            return Ok(None);
        }
        self.step = self.step.max(Some(step));
        Ok(Some(Report { step, values }))
    }

    /// The objectives in their order as far as they are known.
    fn report(
        &self,
        metrics: &BTreeMap<String, Value>,
        step: u64,
        objectives: &[ObjectiveInfo],
    ) -> Result<Vec<f64>, String> {
        let known =
            |info: &ObjectiveInfo| metrics.get(&info.name).or_else(|| Some(&self.result(&info.name)?.value));
        let values = objectives.iter().map_while(known).zip(objectives);
        values
            .map(|(value, info)| value.number(&info.name).map_err(|e| format!("{e}, at step {step}")))
            .collect()
    }

    /// The file is begun anew: what it said before no longer counts.
    pub(super) fn begin_file_anew(&mut self) {
        self.file = Told::default();
        self.again = true;
    }

    fn told(&mut self, source: Source) -> &mut Told {
        match source {
            Source::Output => &mut self.output,
            Source::File => &mut self.file,
        }
    }

    fn result(&self, name: &str) -> Option<&Entry> {
        later(self.output.results.get(name), self.file.results.get(name))
    }

    fn get(&self, name: &str) -> Option<&Entry> {
        let reported = || later(self.output.reported.get(name), self.file.reported.get(name));
        self.result(name).or_else(reported)
    }

    /// Everything that is a number.
    pub(super) fn numbers(&self) -> BTreeMap<String, f64> {
        let number = |name: &String| Some((name.clone(), self.get(name)?.value.number(name).ok()?));
        self.names().filter_map(number).collect()
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        let maps = [&self.output.reported, &self.output.results, &self.file.reported, &self.file.results];
        maps.into_iter().flat_map(BTreeMap::keys)
    }

    /// What the study takes of a command that has ended well.
    ///
    /// # Errors
    /// The first objective or constraint that has no number, or one that a later line may have changed.
    pub(super) fn evaluation(
        &self,
        objectives: &[ObjectiveInfo],
        constraints: &[ConstraintSpec],
    ) -> Result<Evaluation, String> {
        let value = |name: &str| {
            let entry = self.get(name).ok_or_else(|| self.missing(name))?;
            let number = entry.value.number(name)?;
            match self.unreadable().filter(|(line, _)| *line > entry.line) {
                Some((_, why)) => Err(format!("`{name}` may be out of date: {why}")),
                None => Ok(number),
            }
        };
        let values = objectives.iter().map(|info| value(&info.name)).collect::<Result<_, _>>()?;
        let excess = |constraint: &ConstraintSpec| {
            Ok((constraint.metric.clone(), constraint.excess(value(&constraint.metric)?)))
        };
        let constraints = constraints.iter().map(excess).collect::<Result<_, String>>()?;
        let attributes = self.numbers().into_iter().map(|(name, value)| (name, value.into())).collect();
        Ok(Evaluation { values, constraints, attributes })
    }

    /// The last line that cannot be read, and why.
    fn unreadable(&self) -> Option<&(u64, String)> {
        let both = [&self.output, &self.file].into_iter().filter_map(|told| told.unreadable.as_ref());
        both.max_by_key(|(line, _)| *line)
    }

    fn missing(&self, name: &str) -> String {
        let mut seen: Vec<&str> = self.names().map(String::as_str).collect();
        seen.sort_unstable();
        seen.dedup();
        let no_json = || self.file.no_json.as_ref().or(self.output.no_json.as_ref());
        let cause = self.unreadable().map(|(_, why)| why).or_else(no_json);
        let cause = cause.map_or_else(String::new, |why| format!("; {why}"));
        match seen.is_empty() {
            true if !cause.is_empty() => format!("it wrote no `{name}`{cause}"),
            true => format!("it wrote no `{name}`: no JSON line at all"),
            false => format!("it wrote no `{name}`, but {}{cause}", seen.join(", ")),
        }
    }
}

fn later<'a>(one: Option<&'a Entry>, other: Option<&'a Entry>) -> Option<&'a Entry> {
    one.into_iter().chain(other).max_by_key(|entry| entry.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tune::line::Reader;

    fn objectives() -> Vec<ObjectiveInfo> {
        vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("size")]
    }

    fn add_from(source: Source, metrics: &mut Metrics, text: &str) -> Result<Option<Report>, String> {
        let mut said = Vec::new();
        let mut reader = Reader::default();
        reader.add(text.as_bytes(), |one| said.push(one));
        reader.end(|one| said.push(one));
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        metrics.add(said.remove(0), source, &objectives())
    }

    fn add(metrics: &mut Metrics, text: &str) -> Result<Option<Report>, String> {
        add_from(Source::Output, metrics, text)
    }

    fn values(metrics: &Metrics) -> Result<Vec<f64>, String> {
        metrics.evaluation(&objectives(), &[]).map(|evaluation| evaluation.values)
    }

    #[test]
    fn results_count_more_than_reports_and_later_ones_more_than_earlier_ones() {
        let mut metrics = Metrics::default();
        assert_eq!(add(&mut metrics, r#"{"size": 10}"#), Ok(None));
        let report = add(&mut metrics, r#"{"step": 1, "accuracy": 0.5, "note": "slow"}"#).unwrap().unwrap();
        assert_eq!((report.step, report.values), (1, vec![0.5, 10.0]));
        assert_eq!(add(&mut metrics, r#"{"step": 2, "loss": 3}"#), Ok(None));
        add(&mut metrics, r#"{"step": 3.0, "accuracy": 0.7, "size": 1}"#).unwrap();
        assert_eq!(values(&metrics).unwrap(), [0.7, 10.0]);
        add(&mut metrics, r#"{"accuracy": 0.6}"#).unwrap();
        assert_eq!(values(&metrics).unwrap(), [0.6, 10.0]);
        add_from(Source::File, &mut metrics, r#"{"accuracy": 0.65}"#).unwrap();
        assert_eq!(values(&metrics).unwrap(), [0.65, 10.0]);
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
        let end = |metrics: &Metrics| values(metrics).unwrap_err();
        assert_eq!(end(&metrics), "it wrote no `accuracy`: no JSON line at all");
        add(&mut metrics, r#"{"acuracy": 1, "size": -Infinity}"#).unwrap();
        assert_eq!(end(&metrics), "it wrote no `accuracy`, but acuracy, size");
        add(&mut metrics, r#"{"accuracy": true}"#).unwrap();
        assert_eq!(end(&metrics), "`accuracy` is true, which is no number");
        add(&mut metrics, r#"{"accuracy": -1e400}"#).unwrap();
        assert_eq!(end(&metrics), "`accuracy` is -1e400, which is beyond the numbers of 64 bits");
        add(&mut metrics, r#"{"accuracy": [1]}"#).unwrap();
        assert_eq!(end(&metrics), "`accuracy` is a list, which is no number");
        add(&mut metrics, r#"{"accuracy": 1}"#).unwrap();
        assert_eq!(end(&metrics), "`size` is -Infinity, which is no number");
    }

    #[test]
    fn a_line_that_cannot_be_read_makes_earlier_values_doubtful() {
        let mut metrics = Metrics::default();
        add(&mut metrics, "{'accuracy': 1}").unwrap();
        let error = values(&metrics).unwrap_err();
        assert!(error.starts_with("it wrote no `accuracy`; `{'accuracy': 1}` is no JSON"), "{error}");
        add(&mut metrics, r#"{"accuracy": 1, "size": 2}"#).unwrap();
        assert_eq!(values(&metrics).unwrap(), [1.0, 2.0], "noise is no doubt");
        add(&mut metrics, "{\n\"accuracy\": 2,\n").unwrap();
        let error = values(&metrics).unwrap_err();
        assert!(error.starts_with("`accuracy` may be out of date: the object over several lines"), "{error}");
        add(&mut metrics, r#"{"accuracy": 3, "size": 4}"#).unwrap();
        assert_eq!(values(&metrics).unwrap(), [3.0, 4.0]);
    }

    #[test]
    fn a_file_that_is_begun_anew_counts_as_it_is() {
        let mut metrics = Metrics::default();
        let file = |metrics: &mut Metrics, text: &str| add_from(Source::File, metrics, text).unwrap();
        add(&mut metrics, r#"{"size": 1}"#).unwrap();
        assert!(file(&mut metrics, r#"{"step": 1, "accuracy": 0.5}"#).is_some());
        file(&mut metrics, r#"{"size": 2}"#);
        metrics.begin_file_anew();
        assert_eq!(file(&mut metrics, r#"{"step": 1, "accuracy": 0.5}"#), None, "it was reported before");
        assert_eq!(values(&metrics).unwrap(), [0.5, 1.0]);
        assert!(file(&mut metrics, r#"{"step": 2, "accuracy": 0.6}"#).is_some());
        metrics.begin_file_anew();
        assert!(values(&metrics).unwrap_err().starts_with("it wrote no `accuracy`"));
    }
}

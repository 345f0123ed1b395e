//! The end of a fit: the models of the front are made, looked at once on the test part and written.
//!
//! A model whose folder is complete is left as it is: going on costs nothing, and the test part is looked at
//! once for each model.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use lightcrest::Study;
use lightcrest::history::FrozenTrial;
use lightcrest::objective::TrialError;
use lightcrest_report::{ColumnImportance, Confusion, Learning, Reliability};
use lightcrest_table::diagnosis::{self, Diagnosis, Importance, diagnose};
use lightcrest_table::fit::too_late;
use lightcrest_table::metric::Metric;
use lightcrest_table::predict::scores;
use lightcrest_table::search::{Effort, LearningCurve, Made, TableObjective, latency};
use lightcrest_table::spec::{ModelSpec, model_spec};

use super::clock::Clock;
use crate::error::CliError;
use crate::run::{ModelCard, RunError, RunFolder, write_file};
use crate::spec_file::FitFile;

type Cause = Box<dyn Error + Send + Sync>;

/// What is needed to write the models.
pub(super) struct Finish<'a> {
    /// The spec of the search.
    pub(super) file: &'a FitFile,
    /// What is used of the table.
    pub(super) effort: Effort,
    pub(super) study: &'a Study,
    pub(super) folder: &'a RunFolder,
}

impl Finish<'_> {
    /// Writes the models that are not there yet and removes those that have left the front; returns what the
    /// user should know of them.
    ///
    /// # Errors
    /// The first failure.
    pub(super) fn run(&self, objective: &mut TableObjective, clock: &Clock) -> Result<Vec<String>, CliError> {
        let mut front = self.study.front();
        for number in self.folder.models()? {
            if !front.iter().any(|trial| trial.number == number) {
                self.folder.forget_model(number)?;
            }
        }
        let mut missing = Vec::new();
        for trial in front.drain(..) {
            if ModelCard::read(&self.folder.model(trial.number))?.is_none() {
                missing.push(trial);
            }
        }
        let (mut notes, mut looking) = (Vec::new(), clock.looking());
        let seed = |number| self.study.trial_seed(number);
        let late = objective.deliver(&missing, &seed, &clock.models(), &mut |objective, trial, found| {
            let written = match found {
                Ok(made) => self.write(objective, trial, &made, &mut looking),
                Err(TrialError::Failed { reason }) => {
                    Ok(Some(format!("trial {} has no model: {reason}", trial.number)))
                }
                Err(error) => Err(error.into()),
            };
            notes.extend(written.map_err(|source| CliError::Model { trial: trial.number, source })?);
            Ok::<(), CliError>(())
        })?;
        notes.extend(too_late(&late).map(|text| format!("{text}, or the same command again makes them")));
        Ok(notes)
    }

    /// Writes a model; returns what the user should know of it.
    fn write(
        &self,
        objective: &TableObjective,
        trial: &FrozenTrial,
        made: &Made,
        looking: &mut Option<Duration>,
    ) -> Result<Option<String>, Cause> {
        let folder = self.folder.model(trial.number);
        let seed = self.study.trial_seed(trial.number);
        let problem = objective.problem();
        let (splits, table) = (&problem.splits, problem.table());
        let mut metrics = BTreeMap::new();
        let targets: Vec<f64> = splits.test.iter().map(|row| problem.targets[*row as usize]).collect();
        let predictions = made.judge.predict_rows(table, &splits.test);
        for (metric, value) in scores(&made.judge, &predictions, &targets) {
            metrics.insert(format!("test_{}", metric.name()), value);
        }
        if !problem.is_copy.is_empty() {
            let once: Vec<u32> =
                splits.test.iter().copied().filter(|row| !problem.is_copy[*row as usize]).collect();
            let targets: Vec<f64> = once.iter().map(|row| problem.targets[*row as usize]).collect();
            for (metric, value) in scores(&made.judge, &made.judge.predict_rows(table, &once), &targets) {
                metrics.insert(format!("test_{}_without_copies", metric.name()), value);
            }
        }
        let clusters: Vec<u64> = splits.test.iter().map(|row| splits.clusters[*row as usize]).collect();
        let (metric, threshold) = (problem.metric, made.judge.after.threshold);
        let error = metric.standard_error(&predictions, problem.classes, &targets, threshold, &clusters);
        metrics.extend(error.map(|error| ("test_standard_error".to_owned(), error)));
        let curve = objective.learning_curve(trial, seed);
        let expected = objective.expected(trial, curve.as_ref());
        metrics.extend(expected.map(|score| (format!("expected_{}", metric.name()), score)));
        let times = latency(&made.model, table, &splits.learn);
        metrics.insert("model_bytes".into(), made.bytes.len() as f64);
        metrics.insert("latency_alone_us".into(), times.alone_us);
        metrics.insert("latency_batch_us".into(), times.batch_us);
        metrics.insert("columns_needed".into(), made.model.columns_needed() as f64);
        fs::create_dir_all(&folder).map_err(|source| RunError::Write { path: folder.clone(), source })?;
        write_file(&folder.join("model.lightcrest"), &made.bytes)?;
        let (onnx, note) = match lightcrest_table::export::onnx(&made.model) {
            Ok(bytes) => (Some(bytes), None),
            Err(error) => (None, Some(format!("trial {} has no model.onnx: {error}", trial.number))),
        };
        if let Some(onnx) = &onnx {
            write_file(&folder.join("model.onnx"), onnx)?;
        }
        let name = format!("{}-trial-{:04}", self.study.definition().name, trial.number);
        let model = ModelSpec {
            configuration: trial.configuration.clone(),
            seed: objective.seed(seed),
            members: TableObjective::members(trial),
        };
        let config = model_spec(self.file.text(), &name, &model, self.effort)?;
        write_file(&folder.join("config.toml"), self.file.rewritten(&config, &folder).as_bytes())?;
        let begun = Instant::now();
        // Half of the time that is left for that, as others follow; the first ones matter most.
        let most = looking.map_or(usize::MAX, |left| (0.5e6 * left.as_secs_f64() / times.batch_us) as usize);
        let found = diagnose(&made.judge, metric, table, &splits.test, &predictions, &targets, most);
        *looking = looking.map(|left| left.saturating_sub(begun.elapsed()));
        let card = ModelCard {
            files: ModelCard::fitted(onnx.is_some()),
            data: self.study.definition().name.clone(),
            classes: problem.schema().classes().to_vec(),
            input: format!("{} columns", made.model.columns_needed()),
            metrics,
            images: None,
            engine: None,
            refit: None,
            layers: Vec::new(),
            diagnosis: Some(shown(found, made, metric, curve)),
        };
        card.write(&folder)?;
        Ok(note)
    }
}

/// For the report.
fn shown(
    found: Diagnosis,
    made: &Made,
    metric: Metric,
    curve: Option<LearningCurve>,
) -> lightcrest_report::Diagnosis {
    let classes = made.judge.schema.classes();
    let column =
        |it: Importance| ColumnImportance { column: it.column, loss: it.loss, deviation: it.deviation };
    let bin = |it: diagnosis::Reliability| Reliability {
        predicted: it.predicted,
        observed: it.observed,
        rows: it.rows,
    };
    lightcrest_report::Diagnosis {
        rows: found.rows,
        reliability: found.reliability.into_iter().map(bin).collect(),
        reliability_of: if classes.len() == 2 { classes[1].clone() } else { String::new() },
        confusion: found.confusion.map(|it| Confusion { classes: it.classes, counts: it.counts }),
        predicted: found.predicted,
        metric: lightcrest_report::metric::label(metric.name()),
        importance: found.importance.into_iter().map(column).collect(),
        learning: curve.map(|it| Learning { measured: it.measured, continued: it.continued }),
    }
}

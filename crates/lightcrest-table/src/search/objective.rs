//! One trial: a model a fold, and if nothing so far is better in everything, models of all rows.
//!
//! After each fold the trial reports, so that the pruner may end it. Calibration, threshold and the factor of
//! a logarithm come from the predictions of rows that were not learnt from. A trial that is on the front
//! makes two models with the same settings: one of all rows but the test part, which the test is looked at
//! with, and one of all rows, which is delivered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use lightcrest::history::{FrozenTrial, History};
use lightcrest::objective::{self, Evaluation, ObjectiveInfo, TrialError};
use lightcrest::pareto::Archive;
use lightcrest::{Configuration, Objective, Trial};
use lightcrest_tree::{BinningConfig, Dataset};

use super::{Problem, latency};
use crate::Task;
use crate::algorithm::{self, Algorithm, FitError, Fitted, Setting, Training};
use crate::error::TableError;
use crate::feature::{Encoding, Fit, Preparer};
use crate::metric::Metric;
use crate::pipeline::{After, Pipeline};
use crate::split::mix;
use crate::table::Values;

/// More features than this are screened by a shallow model first.
const MANY_FEATURES: usize = 400;

/// Rows that a temperature is found on, at most.
const CALIBRATION_ROWS: usize = 5000;

/// Bounds that every model must keep.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Bytes of the model's file.
    pub bytes: Option<u64>,
    /// Microseconds of one row alone.
    pub latency_us: Option<f64>,
}

/// The models of a trial.
#[derive(Debug, Clone)]
pub struct Made {
    /// Of all rows but the test part.
    pub judge: Pipeline,
    /// Of all rows.
    pub model: Pipeline,
}

impl Made {
    /// Both in one file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let model = self.model.to_bytes();
        let mut bytes = (model.len() as u64).to_le_bytes().to_vec();
        bytes.extend(model);
        bytes.extend(self.judge.to_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// As [`Pipeline::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TableError> {
        let cut = || TableError::Model("it was cut off".into());
        let (length, rest) = bytes.split_at_checked(8).ok_or_else(cut)?;
        let length =
            usize::try_from(u64::from_le_bytes(length.try_into().map_err(|_| cut())?)).map_err(|_| cut())?;
        let (model, judge) = rest.split_at_checked(length).ok_or_else(cut)?;
        Ok(Self { judge: Pipeline::from_bytes(judge)?, model: Pipeline::from_bytes(model)? })
    }
}

/// Which rows a model is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Fold(usize),
    Learn,
    All,
}

/// Features of some rows, and which of them are learnt from.
struct Prepared {
    preparer: Preparer,
    data: Dataset,
    /// The row of `data` of each of the table's.
    place: Vec<u32>,
    /// One for each row of `data`.
    targets: Vec<f64>,
}

/// The objective of `fit`.
pub struct TableObjective {
    problem: Problem,
    infos: Vec<ObjectiveInfo>,
    limits: Limits,
    threads: usize,
    stop: Arc<AtomicBool>,
    deadline: Option<Instant>,
    /// The seed of every trial, where one model is made again.
    seed: Option<u64>,
    cache: Mutex<HashMap<(Encoding, Part), Arc<Prepared>>>,
    front: Mutex<Archive<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: impl std::fmt::Display) -> TrialError {
    TrialError::Failed { reason: error.to_string() }
}

impl From<FitError> for TrialError {
    fn from(error: FitError) -> Self {
        match error {
            FitError::Stopped => Self::Interrupted,
            FitError::Tree(error) => failed(error),
        }
    }
}

/// What a trial's folds tell.
struct Judged {
    score: f64,
    standard_error: f64,
    bytes: f64,
    columns: f64,
    rounds: usize,
    after: After,
    latency_us: Option<f64>,
}

impl TableObjective {
    /// Trials of a problem on so many threads.
    pub fn new(problem: Problem, limits: Limits, threads: usize) -> Self {
        let infos = Self::infos(problem.metric);
        let (cache, front) = (Mutex::default(), Mutex::default());
        Self {
            problem,
            infos,
            limits,
            threads,
            stop: Arc::default(),
            deadline: None,
            seed: None,
            cache,
            front,
        }
    }

    /// What is optimised: the metric on rows that were not learnt from, and the size of the model.
    pub fn infos(metric: Metric) -> Vec<ObjectiveInfo> {
        let name = format!("validation_{}", metric.name());
        let first =
            if metric.is_maximized() { ObjectiveInfo::maximize(name) } else { ObjectiveInfo::minimize(name) };
        vec![first, ObjectiveInfo::minimize("model_bytes")]
    }

    /// Goes on with a history.
    pub fn resume(&self, history: &History) {
        let mut front = lock(&self.front);
        for trial in history.front() {
            if let Some(point) = history.oriented(trial) {
                front.insert(point.to_vec(), ());
            }
        }
    }

    /// When trainings give up: when the flag is set, or after a moment.
    pub fn end_by(&mut self, stop: Arc<AtomicBool>, deadline: Option<Instant>) {
        (self.stop, self.deadline) = (stop, deadline);
    }

    /// Gives every trial the same seed.
    pub fn fix_seed(&mut self, seed: Option<u64>) {
        self.seed = seed;
    }

    /// The seed of a trial, as a spec can hold it.
    pub fn seed(&self, trial: u64) -> u64 {
        self.seed.unwrap_or(trial & i64::MAX as u64)
    }

    /// The table and what is learnt.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    fn ends(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Evaluates a trial; its models come along unless another trial is better in everything.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub fn run(&self, trial: &mut Trial<'_>) -> Result<(Evaluation, Option<Made>), TrialError> {
        let setting = Setting::of(trial.configuration());
        let judged = self.judge(trial, &setting)?;
        let mut constraints = Vec::new();
        if let Some(most) = self.limits.bytes {
            constraints.push(("model_bytes".to_owned(), judged.bytes - most as f64));
        }
        if let (Some(most), Some(latency)) = (self.limits.latency_us, judged.latency_us) {
            constraints.push(("latency_us".to_owned(), latency - most));
        }
        let mut values = vec![judged.score, judged.bytes];
        let mut columns = judged.columns;
        let feasible = |constraints: &[(String, f64)]| constraints.iter().all(|(_, excess)| *excess <= 0.0);
        let point = objective::orient(&self.infos, &values);
        let mut made = None;
        if feasible(&constraints) && !lock(&self.front).dominates(&point) {
            let models = self.make(&setting, judged.rounds, judged.after, self.seed(trial.seed()))?;
            // The size is that of the file.
            values[1] = models.model.to_bytes().len() as f64;
            columns = models.model.columns_needed() as f64;
            if let (Some(most), Some(bound)) = (self.limits.bytes, constraints.first_mut()) {
                bound.1 = values[1] - most as f64;
            }
            made = Some(models);
        }
        if feasible(&constraints) {
            lock(&self.front).insert(objective::orient(&self.infos, &values), ());
        }
        let mut evaluation = Evaluation { values, constraints, ..Evaluation::default() };
        let mut keep = |name: &str, value: serde_json::Value| {
            evaluation.attributes.insert(name.to_owned(), value);
        };
        keep("standard_error", judged.standard_error.into());
        keep("columns_needed", columns.into());
        keep("rounds", judged.rounds.into());
        keep("after", serde_json::to_value(judged.after).unwrap_or_default());
        Ok((evaluation, made))
    }

    /// The models of a trial that ended, made again: the same bytes.
    ///
    /// # Errors
    /// [`TrialError::Interrupted`] if time is up.
    pub fn remake(&self, trial: &FrozenTrial, seed: u64) -> Result<Made, TrialError> {
        let setting = Setting::of(&trial.configuration);
        let rounds = trial.attributes.get("rounds").and_then(serde_json::Value::as_u64).unwrap_or(1) as usize;
        let after = trial.attributes.get("after").cloned().unwrap_or_default();
        let after = serde_json::from_value(after).unwrap_or_default();
        self.make(&setting, rounds, after, self.seed(seed))
    }

    fn make(&self, setting: &Setting, rounds: usize, after: After, seed: u64) -> Result<Made, TrialError> {
        let mut setting = setting.clone();
        setting.rounds = Some(rounds);
        let one = |part| -> Result<Pipeline, TrialError> {
            let (fitted, preparer, ..) = self.train(&setting, part, seed)?;
            Ok(self.pipeline(fitted, preparer, after))
        };
        Ok(Made { judge: one(Part::Learn)?, model: one(Part::All)? })
    }

    fn pipeline(&self, fitted: Fitted, preparer: Preparer, after: After) -> Pipeline {
        Pipeline { schema: self.problem.schema().clone(), preparer, fitted, after }.slim()
    }

    /// Fold after fold.
    fn judge(&self, trial: &mut Trial<'_>, setting: &Setting) -> Result<Judged, TrialError> {
        let problem = &self.problem;
        let (folds, k) = (&problem.splits.folds, problem.classes);
        let mut parts: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        let (mut rounds, mut bytes, mut columns, mut latency_us) = (Vec::new(), Vec::new(), Vec::new(), None);
        for (fold, rows) in folds.iter().enumerate() {
            let (fitted, preparer, mut predictions, count) =
                self.train(setting, Part::Fold(fold), self.seed(trial.seed()))?;
            let pipeline =
                self.pipeline(fitted, preparer, After { log: setting.log_target(), ..After::default() });
            if fold == 0 && self.limits.latency_us.is_some() {
                latency_us = Some(latency(&pipeline, problem.table(), &rows.validation).alone_us);
            }
            predictions.chunks_exact_mut(k).for_each(|row| pipeline.after.apply(problem.task(), row));
            let targets: Vec<f64> =
                rows.validation.iter().map(|row| problem.targets[*row as usize]).collect();
            parts.push((predictions, targets));
            rounds.push(count as f64);
            bytes.push(pipeline.to_bytes().len() as f64);
            columns.push(pipeline.columns_needed() as f64);
            if fold + 1 < folds.len()
                && setting.algorithm != Algorithm::Constant
                && let Some(score) = mean(&self.scores(&parts, &After::default()))
            {
                trial.report_values(fold as u64 + 1, &[score, mean(&bytes).unwrap_or(0.0)])?;
                trial.check()?;
            }
        }
        let after = self.after(&parts, setting);
        // The logarithm is taken back already: only its factor is left.
        let rest = After { log: false, ..after };
        if after.log {
            parts
                .iter_mut()
                .for_each(|(predictions, _)| predictions.iter_mut().for_each(|p| *p *= after.factor));
        }
        let scores = self.scores(&parts, &rest);
        let score = mean(&scores)
            .ok_or_else(|| failed("the metric is not defined in any fold: a class is missing"))?;
        let spread = scores.iter().map(|it| (it - score).powi(2)).sum::<f64>();
        let n = scores.len() as f64;
        let standard_error = if n > 1.0 { (spread / (n - 1.0) / n).sqrt() } else { 0.0 };
        // More rows bear more rounds.
        let grow = if setting.algorithm == Algorithm::Boosting { 1.1 } else { 1.0 };
        let rounds = (mean(&rounds).unwrap_or(1.0) * grow).round().max(1.0) as usize;
        let (bytes, columns) = (mean(&bytes).unwrap_or(0.0), mean(&columns).unwrap_or(0.0));
        Ok(Judged { score, standard_error, bytes, columns, rounds, after, latency_us })
    }

    /// The metric of each fold where it is defined.
    fn scores(&self, parts: &[(Vec<f64>, Vec<f64>)], after: &After) -> Vec<f64> {
        let k = self.problem.classes;
        let score = |(predictions, targets): &(Vec<f64>, Vec<f64>)| {
            let mut predictions = predictions.clone();
            predictions.chunks_exact_mut(k).for_each(|row| after.apply(self.problem.task(), row));
            self.problem.metric.score(&predictions, k, targets, after.threshold)
        };
        parts.iter().filter_map(score).collect()
    }

    /// What is done to predictions, by those of rows that were not learnt from.
    fn after(&self, parts: &[(Vec<f64>, Vec<f64>)], setting: &Setting) -> After {
        let mut after = After { log: setting.log_target(), ..After::default() };
        let k = self.problem.classes;
        let predictions: Vec<f64> =
            parts.iter().flat_map(|(predictions, _)| predictions.iter().copied()).collect();
        let targets: Vec<f64> = parts.iter().flat_map(|(_, targets)| targets.iter().copied()).collect();
        match self.problem.task() {
            Task::Regression if after.log => {
                // Duan 1983, *Smearing estimate*: the mean of the exponential is not that of the logarithm.
                let factor = targets.iter().sum::<f64>() / predictions.iter().sum::<f64>();
                after.factor = if factor.is_finite() { factor.clamp(0.5, 2.0) } else { 1.0 };
            }
            Task::Regression => {}
            Task::Classification => {
                if setting.algorithm != Algorithm::Constant {
                    after.temperature = temperature(&predictions, k, &targets);
                }
                if k == 2 && self.problem.metric.needs_labels() {
                    let mut calibrated = predictions;
                    calibrated.chunks_exact_mut(k).for_each(|row| after.apply(Task::Classification, row));
                    after.threshold = threshold(self.problem.metric, &calibrated, &targets);
                }
            }
        }
        after
    }

    /// Trains on a part: the model, its preparation, predictions of the rows that judge it, rounds.
    fn train(
        &self,
        setting: &Setting,
        part: Part,
        seed: u64,
    ) -> Result<(Fitted, Preparer, Vec<f64>, usize), TrialError> {
        let problem = &self.problem;
        let (train, validation) = self.rows(part);
        let stop = || self.ends();
        let learns = setting.algorithm != Algorithm::Constant;
        let prepared = if learns { Some(self.prepared(setting.encoding(), part)?) } else { None };
        let place = |rows: &[u32]| -> Vec<u32> {
            match &prepared {
                Some(prepared) => rows.iter().map(|row| prepared.place[*row as usize]).collect(),
                None => rows.to_vec(),
            }
        };
        let mut targets = prepared.as_ref().map_or_else(|| problem.targets.clone(), |it| it.targets.clone());
        if setting.log_target() {
            targets.iter_mut().for_each(|y| *y = y.max(f64::MIN_POSITIVE).ln());
        }
        let training = Training {
            data: prepared.as_ref().map(|prepared| &prepared.data),
            targets: &targets,
            rows: &place(&train),
            validation: &place(&validation),
            task: problem.task(),
            classes: problem.classes,
            // A part has a seed of its own, the same for every trial with the trial's seed.
            seed: mix(seed ^ part.number()),
            threads: self.threads,
        };
        let outcome = algorithm::fit(&training, setting, &stop)?;
        let preparer = prepared.map_or_else(Preparer::default, |prepared| prepared.preparer.clone());
        Ok((outcome.fitted, preparer, outcome.validation, outcome.rounds))
    }

    fn rows(&self, part: Part) -> (Vec<u32>, Vec<u32>) {
        let splits = &self.problem.splits;
        match part {
            Part::Fold(fold) => (splits.folds[fold].train.clone(), splits.folds[fold].validation.clone()),
            Part::Learn => (splits.learn.clone(), Vec::new()),
            Part::All => ((0..self.problem.table().rows as u32).collect(), Vec::new()),
        }
    }

    /// The features of a part. What does not look at targets is shared by all folds.
    fn prepared(&self, encoding: Encoding, part: Part) -> Result<Arc<Prepared>, TrialError> {
        let key = (encoding, if self.is_shared(encoding) && part != Part::All { Part::Learn } else { part });
        if let Some(found) = lock(&self.cache).get(&key) {
            return Ok(Arc::clone(found));
        }
        if self.ends() {
            return Err(TrialError::Interrupted);
        }
        let made = Arc::new(self.prepare(encoding, key.1)?);
        lock(&self.cache).insert(key, Arc::clone(&made));
        Ok(made)
    }

    /// Whether nothing that is learnt of the columns depends on targets.
    fn is_shared(&self, encoding: Encoding) -> bool {
        let table = self.problem.table();
        let text = table.values.iter().any(|values| matches!(values, Values::Text(_)));
        encoding == Encoding::Levels && !text && table.values.len() <= MANY_FEATURES
    }

    fn prepare(&self, encoding: Encoding, part: Part) -> Result<Prepared, TrialError> {
        let problem = &self.problem;
        let (train, validation) = self.rows(part);
        let fit = Fit {
            schema: problem.schema(),
            table: problem.table(),
            rows: &train,
            targets: &problem.targets,
            classes: problem.classes,
            inner: &problem.splits.inner,
            ordered: problem.splits.ordered,
            encoding,
        };
        let mut preparer = Preparer::fit(&fit);
        let rows: Vec<u32> = train.iter().chain(&validation).copied().collect();
        let targets: Vec<f64> = rows.iter().map(|row| problem.targets[*row as usize]).collect();
        let mut data = bins(&preparer, &fit, &validation)?;
        if data.columns() > MANY_FEATURES {
            let used = self.screen(&data, &targets, train.len())?;
            preparer.retain(&used);
            data = bins(&preparer, &fit, &validation)?;
        }
        let mut place = vec![u32::MAX; problem.table().rows];
        rows.iter().zip(0..).for_each(|(row, at)| place[*row as usize] = at);
        Ok(Prepared { preparer, data, place, targets })
    }

    /// The features that a shallow model asks for.
    fn screen(&self, data: &Dataset, targets: &[f64], train: usize) -> Result<Vec<bool>, TrialError> {
        let mut configuration = Configuration::new();
        let values = [("rounds", 60.0), ("learning_rate", 0.2), ("leaves", 8.0), ("column_fraction", 0.5)];
        configuration.set("algorithm", "boosting");
        values.iter().for_each(|(name, value)| configuration.set(format!("boosting.{name}"), *value));
        configuration.set("boosting.min_rows", (train as f64 / 50.0).clamp(2.0, 20.0));
        let rows: Vec<u32> = (0..train as u32).collect();
        let training = Training {
            data: Some(data),
            targets,
            rows: &rows,
            validation: &[],
            task: self.problem.task(),
            classes: self.problem.classes,
            seed: self.problem.seed,
            threads: self.threads,
        };
        let outcome = algorithm::fit(&training, &Setting::of(&configuration), &|| self.ends())?;
        let used = outcome.fitted.used(data.columns());
        Ok(if used.iter().any(|used| *used) { used } else { vec![true; data.columns()] })
    }
}

impl Part {
    fn number(self) -> u64 {
        match self {
            Self::Fold(fold) => fold as u64 + 2,
            Self::Learn => 0,
            Self::All => 1,
        }
    }
}

/// The rows of a fit and those that judge it, binned.
fn bins(preparer: &Preparer, fit: &Fit<'_>, validation: &[u32]) -> Result<Dataset, TrialError> {
    use crate::feature::Feature;
    let mut matrix = preparer.transform_training(fit);
    if !validation.is_empty() {
        let judged = preparer.transform(fit.table, validation);
        for (feature, more) in matrix.features.iter_mut().zip(judged.features) {
            match (feature, more) {
                (Feature::Number(values), Feature::Number(more)) => values.extend(more),
                (Feature::Codes(codes), Feature::Codes(more)) => codes.extend(more),
                _ => {}
            }
        }
    }
    Dataset::new(&matrix.columns(), &BinningConfig::default()).map_err(failed)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The temperature of least log loss (Guo et al. 2017, *On calibration of modern neural networks*), by golden
/// section over its logarithm; 1 where that gains nothing to speak of.
fn temperature(predictions: &[f64], k: usize, targets: &[f64]) -> f64 {
    // One number needs no more rows than these.
    let step = targets.len().div_ceil(CALIBRATION_ROWS).max(1);
    let rows = predictions.chunks_exact(k).step_by(step);
    let (predictions, targets): (Vec<f64>, Vec<f64>) =
        (rows.flatten().copied().collect(), targets.iter().step_by(step).copied().collect());
    let loss = |log: f64| {
        let after = After { temperature: log.exp(), ..After::default() };
        let mut rows = predictions.clone();
        rows.chunks_exact_mut(k).for_each(|row| after.apply(Task::Classification, row));
        Metric::LogLoss.score(&rows, k, &targets, 0.5).unwrap_or(f64::INFINITY)
    };
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-1.2, 1.2);
    for _ in 0..18 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(a) < loss(b) { high = b } else { low = a }
    }
    let found = (low + high) / 2.0;
    if loss(found) < loss(0.0) * 0.9995 { found.exp() } else { 1.0 }
}

/// The threshold by which the metric is best, halfway between two probabilities; among equals the one nearest
/// to one half.
fn threshold(metric: Metric, predictions: &[f64], targets: &[f64]) -> f64 {
    let mut seen: Vec<f64> = predictions.chunks_exact(2).map(|row| row[1]).collect();
    seen.sort_by(f64::total_cmp);
    seen.dedup();
    let steps = seen.len().min(100);
    let middle = |i: usize| {
        let at = i * (seen.len() - 1) / steps.max(1);
        (seen[at] + seen[(at + 1).min(seen.len() - 1)]) / 2.0
    };
    let mut candidates: Vec<f64> = (0..steps).map(middle).chain([0.5]).collect();
    candidates.sort_by(|a, b| (a - 0.5).abs().total_cmp(&(b - 0.5).abs()));
    let score =
        |threshold: f64| metric.score(predictions, 2, targets, threshold).unwrap_or(f64::NEG_INFINITY);
    let mut best = (f64::NEG_INFINITY, 0.5);
    for candidate in candidates {
        let found = score(candidate);
        if found > best.0 {
            best = (found, candidate);
        }
    }
    best.1
}

impl Objective for TableObjective {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.infos
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
        self.run(trial).map(|(evaluation, _)| evaluation)
    }
}

//! One trial: a model a fold, and if nothing so far is better in everything, models of all rows.
//!
//! After each fold the trial reports, so that the pruner may end it. Calibration, threshold and the factor of
//! a logarithm come from the predictions of rows that were not learnt from. A trial that is on the front
//! makes two models with the same settings: one of all rows but the test part, which the test is looked at
//! with, and one of all rows, which is delivered. An ensemble is made of models of earlier trials, with what
//! their folds predicted.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use lightcrest::history::{FrozenTrial, History};
use lightcrest::objective::{self, Evaluation, ObjectiveInfo, TrialError};
use lightcrest::pareto::Archive;
use lightcrest::{Objective, Trial};

use super::Problem;
use super::ensemble::{Candidate, EnsembleMember, Pool};
use super::honest::{self, Record};
use super::judge::Judged;
use super::made::Made;
use super::trainer::{Part, Trained, Trainer, lock};
use crate::algorithm::{Algorithm, Setting};
use crate::error::TableError;
use crate::metric::Metric;
use crate::pipeline::{After, Pipeline};

/// Bounds that every model must keep.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Bytes of the model's file.
    pub bytes: Option<u64>,
    /// Microseconds of one row alone.
    pub latency_us: Option<f64>,
}

/// The objective of `fit`.
pub struct TableObjective {
    pub(super) trainer: Trainer,
    infos: Vec<ObjectiveInfo>,
    pub(super) limits: Limits,
    /// The seed of every trial, and the members of an ensemble, where one model is made again.
    seed: Option<u64>,
    pub(super) members: Vec<EnsembleMember>,
    front: Mutex<Archive<()>>,
    pub(super) pool: Mutex<Pool>,
    records: Mutex<Vec<Record>>,
}

impl TableObjective {
    /// Trials of a problem on so many threads.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub fn new(problem: Problem, limits: Limits, threads: usize) -> Result<Self, TableError> {
        let infos = Self::infos(problem.metric);
        let trainer = Trainer::new(problem, threads)
            .map_err(|error| TableError::Unfit(format!("{threads} threads cannot be started: {error}")))?;
        let (front, pool, records) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { trainer, infos, limits, seed: None, members: Vec::new(), front, pool, records })
    }

    /// What is optimised: the metric on rows that were not learnt from, and the size of the model.
    pub fn infos(metric: Metric) -> Vec<ObjectiveInfo> {
        let name = format!("validation_{}", metric.name());
        let first =
            if metric.is_maximized() { ObjectiveInfo::maximize(name) } else { ObjectiveInfo::minimize(name) };
        vec![first, ObjectiveInfo::minimize("model_bytes")]
    }

    /// Goes on with a history; `seed` gives the seed of each of its trials.
    pub fn resume(&self, history: &History, seed: &dyn Fn(u64) -> u64) {
        let mut front = lock(&self.front);
        for trial in history.front() {
            if let Some(point) = history.oriented(trial) {
                front.insert(point.to_vec(), ());
            }
        }
        for trial in history.complete() {
            let setting = Setting::of(&trial.configuration);
            let (Some(point), Some(values)) = (history.oriented(trial), &trial.values) else { continue };
            let number = |name: &str| trial.attributes.get(name).and_then(serde_json::Value::as_f64);
            if number("columns_needed").is_some_and(|columns| columns >= 1.0) {
                let (rounds, after) = known(trial);
                let configuration = trial.configuration.clone();
                let seed = self.seed(seed(trial.number));
                let member = EnsembleMember { picks: 0, seed, configuration, rounds, after };
                let latency_us = number("latency_us");
                self.offer(&setting, member, point[0], values[1], latency_us, None);
            }
        }
    }

    /// When trainings give up: when the flag is set, or after a moment.
    pub fn end_by(&mut self, stop: Arc<AtomicBool>, deadline: Option<Instant>) {
        self.trainer.end_by(stop, deadline);
    }

    /// Makes one model again: gives every trial the same seed, and an ensemble its members.
    pub fn fix(&mut self, seed: u64, members: Vec<EnsembleMember>) {
        (self.seed, self.members) = (Some(seed), members);
    }

    /// The seed of a trial, as a spec can hold it.
    pub fn seed(&self, trial: u64) -> u64 {
        self.seed.unwrap_or(trial & i64::MAX as u64)
    }

    /// The table and what is learnt.
    pub fn problem(&self) -> &Problem {
        &self.trainer.problem
    }

    /// Evaluates a trial; its models come along unless another trial is better in everything.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub fn run(&self, trial: &mut Trial<'_>) -> Result<(Evaluation, Option<Made>), TrialError> {
        let (setting, seed) = (Setting::of(trial.configuration()), self.seed(trial.seed()));
        let judged = match setting.algorithm {
            Algorithm::Ensemble => self.join(&setting)?,
            _ => self.judge(&setting, seed, &mut |folds, score, bytes| {
                trial.report_values(folds as u64, &[score, bytes])?;
                trial.check()
            })?,
        };
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
            let models = match judged.members.is_empty() {
                true => self.make(&setting, judged.rounds, judged.after, seed)?,
                false => self.make_ensemble(&judged.members, judged.after)?,
            };
            // The size is that of the file.
            values[1] = models.bytes.len() as f64;
            columns = models.model.columns_needed() as f64;
            if let (Some(most), Some(bound)) = (self.limits.bytes, constraints.first_mut()) {
                bound.1 = values[1] - most as f64;
            }
            made = Some(models);
        }
        let point = objective::orient(&self.infos, &values);
        if feasible(&constraints) {
            lock(&self.front).insert(point.clone(), ());
            self.record(trial.number(), values[1], &judged);
        }
        let mut evaluation = Evaluation { values, constraints, ..Evaluation::default() };
        let mut keep = |name: &str, value: serde_json::Value| {
            evaluation.attributes.insert(name.to_owned(), value);
        };
        keep("standard_error", judged.standard_error.into());
        keep("columns_needed", columns.into());
        keep("rounds", judged.rounds.into());
        keep("after", serde_json::to_value(judged.after).unwrap_or_default());
        if let Some(latency) = judged.latency_us {
            keep("latency_us", latency.into());
        }
        if !judged.members.is_empty() {
            keep("members", serde_json::to_value(&judged.members).unwrap_or_default());
        }
        if columns >= 1.0 {
            let configuration = trial.configuration().clone();
            let (rounds, after) = (judged.rounds, judged.after);
            let member = EnsembleMember { picks: 0, seed, configuration, rounds, after };
            let bytes = evaluation.values[1];
            let predictions = Some(judged.predictions);
            self.offer(&setting, member, point[0], bytes, judged.latency_us, predictions);
        }
        Ok((evaluation, made))
    }

    /// A model that ensembles may pick; others cannot be members.
    fn offer(
        &self,
        setting: &Setting,
        member: EnsembleMember,
        score: f64,
        bytes: f64,
        latency_us: Option<f64>,
        predictions: Option<Vec<f64>>,
    ) {
        if !matches!(setting.algorithm, Algorithm::Ensemble | Algorithm::Constant) && score.is_finite() {
            let predictions = predictions.map(Arc::new);
            lock(&self.pool).add(Candidate { member, score, bytes, latency_us, predictions });
        }
    }

    /// Keeps what tells how good the best of many may be expected to be.
    fn record(&self, trial: u64, bytes: f64, judged: &Judged) {
        let (metric, outputs) = (self.problem().metric, self.problem().classes);
        let (predictions, threshold) = (&judged.predictions, judged.after.threshold);
        let rows = match metric.losses(predictions, outputs, &self.judged_targets(), threshold) {
            Some(losses) => losses,
            // By its own threshold, so that all are judged by one half.
            None if metric.needs_labels() && outputs == 2 => {
                let label = |row: &[f64]| f64::from(u8::from(row[1] >= threshold));
                predictions.chunks_exact(2).flat_map(|row| [1.0 - label(row), label(row)]).collect()
            }
            None => predictions.clone(),
        };
        let rows = rows.iter().map(|value| *value as f32).collect();
        lock(&self.records).push(Record { trial, bytes, rows });
    }

    /// What the model of a trial of this process may be expected to score, though it was chosen as the best
    /// of its size.
    pub fn expected(&self, trial: u64) -> Option<f64> {
        let records = lock(&self.records);
        let own = records.iter().find(|record| record.trial == trial)?;
        let others: Vec<&Record> = records.iter().filter(|record| record.bytes <= own.bytes).collect();
        let rows = honest::Rows {
            metric: self.problem().metric,
            outputs: self.problem().classes,
            targets: &self.judged_targets(),
            clusters: &self.judged_clusters(),
            seed: self.problem().seed,
        };
        honest::expected(rows, &others)
    }

    /// The models of a trial that ended, made again: the same bytes.
    ///
    /// # Errors
    /// [`TrialError::Interrupted`] if time is up.
    pub fn remake(&self, trial: &FrozenTrial, seed: u64) -> Result<Made, TrialError> {
        let (rounds, after) = known(trial);
        let members = Self::members(trial);
        if members.is_empty() {
            return self.make(&Setting::of(&trial.configuration), rounds, after, self.seed(seed));
        }
        self.make_ensemble(&members, after)
    }

    /// The members of a trial that is an ensemble; none of others.
    pub fn members(trial: &FrozenTrial) -> Vec<EnsembleMember> {
        let found = trial.attributes.get("members").cloned();
        found.and_then(|members| serde_json::from_value(members).ok()).unwrap_or_default()
    }

    pub(super) fn make(
        &self,
        setting: &Setting,
        rounds: usize,
        after: After,
        seed: u64,
    ) -> Result<Made, TrialError> {
        let mut setting = setting.clone();
        setting.rounds = Some(rounds);
        let one =
            |part| self.trainer.train(&setting, part, seed).map(|trained| self.pipeline(trained, after));
        Ok(Made::new(one(Part::Learn)?, one(Part::All)?))
    }

    pub(super) fn pipeline(&self, trained: Trained, after: After) -> Pipeline {
        let Trained { fitted, preparer, .. } = trained;
        Pipeline::single(self.problem().schema().clone(), preparer, fitted, after).slim()
    }
}

/// Rounds of a trial that ended, and what is done to its predictions.
fn known(trial: &FrozenTrial) -> (usize, After) {
    let rounds = trial.attributes.get("rounds").and_then(serde_json::Value::as_u64).unwrap_or(1) as usize;
    let after = trial.attributes.get("after").cloned().unwrap_or_default();
    (rounds, serde_json::from_value(after).unwrap_or_default())
}

impl Objective for TableObjective {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.infos
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
        self.run(trial).map(|(evaluation, _)| evaluation)
    }
}

//! One trial: a model a fold.
//!
//! After each fold the trial reports, so that the pruner may end it. Calibration, threshold and the factor of
//! a logarithm come from the predictions of rows that were not learnt from, and so does the size: a model of
//! all rows is as large as that of a fold, with more rounds. The models of the front are made when the search
//! is over ([`deliver`](super::deliver)). An ensemble is made of models of earlier trials, with what their
//! folds predicted.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use lightcrest::history::{FrozenTrial, History};
use lightcrest::objective::{self, Evaluation, ObjectiveInfo, TrialError};
use lightcrest::pareto::{Archive, dominates};
use lightcrest::{Configuration, Objective, Trial};

use super::Problem;
use super::deliver::{Due, Models, Standing, seconds_together};
use super::ensemble::{Candidate, EnsembleMember, Picked, Pool};
use super::growth::{Fractions, LearningCurve};
use super::honest::{self, Record};
use super::judge::{Folds, Judged};
use super::trainer::{Trained, Trainer, lock};
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
    /// The front so far, with what its models will need.
    pub(super) front: Mutex<Archive<Standing>>,
    pub(super) pool: Mutex<Pool>,
    records: Mutex<Vec<Record>>,
    /// What trials may be expected to score, with how many records that was found by.
    expected: Mutex<HashMap<u64, (usize, f64)>>,
    pub(super) models: Mutex<Models>,
    /// Predictions of models of fractions of the first fold's rows: several ensembles may share them.
    pub(super) fractions: Mutex<Fractions>,
    /// What all rows add to the scores of models that are no ensembles.
    pub(super) gains: Mutex<HashMap<String, f64>>,
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
        Ok(Self {
            trainer,
            infos,
            limits,
            seed: None,
            members: Vec::new(),
            front: Mutex::default(),
            pool: Mutex::default(),
            records: Mutex::default(),
            expected: Mutex::default(),
            models: Mutex::default(),
            fractions: Mutex::default(),
            gains: Mutex::default(),
        })
    }

    /// What is optimised: the metric on rows that were not learnt from, and the size of the model.
    pub fn infos(metric: Metric) -> Vec<ObjectiveInfo> {
        let name = format!("validation_{}", metric.name());
        let first =
            if metric.is_maximized() { ObjectiveInfo::maximize(name) } else { ObjectiveInfo::minimize(name) };
        vec![first, ObjectiveInfo::minimize("model_bytes")]
    }

    /// Goes on with a history; `seed` gives the seed of each of its trials, `delivered` are those whose
    /// models were made already.
    pub fn resume(&self, history: &History, seed: &dyn Fn(u64) -> u64, delivered: &BTreeSet<u64>) {
        let number =
            |trial: &FrozenTrial, name: &str| trial.attributes.get(name).and_then(serde_json::Value::as_f64);
        let mut seconds = HashMap::new();
        for trial in history.complete() {
            let setting = Setting::of(&trial.configuration);
            let (Some(point), Some(values)) = (history.oriented(trial), &trial.values) else { continue };
            let seed = self.seed(seed(trial.number));
            let due = Due::new(&trial.configuration, seed, number(trial, "seconds").unwrap_or(0.0));
            seconds.insert(due.model, due.seconds);
            if number(trial, "columns_needed").is_some_and(|columns| columns >= 1.0) {
                let (rounds, after) = known(trial);
                let configuration = trial.configuration.clone();
                let member = EnsembleMember { picks: 0, seed, configuration, rounds, after };
                let candidate = Candidate {
                    member,
                    score: point[0],
                    bytes: values[1],
                    latency_us: number(trial, "latency_us"),
                    seconds: due.seconds,
                    folds: None,
                };
                self.offer(&setting, candidate);
            }
        }
        let mut front = lock(&self.front);
        for trial in history.front() {
            let Some(point) = history.oriented(trial) else { continue };
            let due = |configuration: &Configuration, seed: u64| {
                let due = Due::new(configuration, seed, 0.0);
                Due { seconds: seconds.get(&due.model).copied().unwrap_or(0.0), ..due }
            };
            let members = Self::members(trial);
            let due = match &members[..] {
                _ if delivered.contains(&trial.number) => Vec::new(),
                [] => vec![due(&trial.configuration, self.seed(seed(trial.number)))],
                members => members.iter().map(|it| due(&it.configuration, it.seed)).collect(),
            };
            front.insert(point.to_vec(), Standing { trial: trial.number, due, look: 0.0, first_fold: None });
        }
        self.trainer.keep_for_delivery(Some(seconds_together(front.items())));
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

    /// Takes a trial up into the front, unless another one is better in everything.
    ///
    /// # Errors
    /// [`TrialError::Pruned`] if there is no time left to make its models beside those of the others; the
    /// best so far comes before them.
    fn stand(&self, point: &[f64], standing: Standing, folds: Option<&Arc<Folds>>) -> Result<(), TrialError> {
        let mut front = lock(&self.front);
        if front.dominates(point) {
            return Ok(());
        }
        let others = front.points().zip(front.items()).filter(|(other, _)| !dominates(point, other));
        let seconds = seconds_together(others.map(|(_, other)| other).chain([&standing]));
        // The first one is there whatever happens.
        if !front.is_empty() && !self.trainer.has_time_for(seconds) {
            let is_best = front.points().all(|other| other[0] < point[0]);
            if !is_best || !self.trainer.has_time_for(seconds_together([&standing].into_iter())) {
                return Err(TrialError::Pruned { reason: "no time is left to make its models".into() });
            }
        }
        let mut models = lock(&self.models);
        if let ([due], Some(folds), 1) = (&standing.due[..], folds, self.problem().splits.folds.len()) {
            models.keep(&due.model, folds);
        }
        front.insert(point.to_vec(), standing);
        models.retain(front.items());
        self.trainer.keep_for_delivery(Some(seconds));
        Ok(())
    }

    /// A model that ensembles may pick; others cannot be members.
    fn offer(&self, setting: &Setting, candidate: Candidate) {
        if !matches!(setting.algorithm, Algorithm::Ensemble | Algorithm::Constant)
            && candidate.score.is_finite()
        {
            lock(&self.pool).add(candidate);
        }
    }

    /// Keeps what tells how good the best of many may be expected to be.
    fn record(&self, trial: u64, bytes: f64, judged: &Judged) {
        let (metric, outputs) = (self.problem().metric, self.problem().classes);
        let (predictions, threshold) = (&judged.folds.predictions, judged.after.threshold);
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
    /// of its size, and though its folds learnt from fewer rows. Where there was no time for the curve of an
    /// ensemble, its members tell.
    pub fn expected(&self, trial: &FrozenTrial, curve: Option<&LearningCurve>) -> Option<f64> {
        let gain = curve.map(LearningCurve::gain).or_else(|| self.gain_of_members(trial))?;
        Some(self.expected_of_best(trial.number)? + gain)
    }

    fn expected_of_best(&self, trial: u64) -> Option<f64> {
        let records = lock(&self.records);
        let mut known = lock(&self.expected);
        // All of the front at once, which takes as long as one of them.
        if known.get(&trial).is_none_or(|(count, _)| *count != records.len()) {
            let rows = honest::Rows {
                metric: self.problem().metric,
                outputs: self.problem().classes,
                targets: &self.judged_targets(),
                clusters: &self.judged_clusters(),
                seed: self.problem().seed,
            };
            let wanted: Vec<u64> = lock(&self.front).items().map(|it| it.trial).chain([trial]).collect();
            let found = honest::expected(rows, &records, &wanted);
            *known = found.into_iter().map(|(trial, score)| (trial, (records.len(), score))).collect();
        }
        known.get(&trial).map(|(_, score)| *score)
    }

    /// The members of a trial that is an ensemble; none of others.
    pub fn members(trial: &FrozenTrial) -> Vec<EnsembleMember> {
        let found = trial.attributes.get("members").cloned();
        found.and_then(|members| serde_json::from_value(members).ok()).unwrap_or_default()
    }

    pub(super) fn pipeline(&self, trained: Trained, after: After) -> Pipeline {
        let Trained { fitted, preparer, .. } = trained;
        Pipeline::single(self.problem().schema().clone(), preparer, fitted, after).slim()
    }
}

/// Rounds of a trial that ended, and what is done to its predictions.
pub(super) fn known(trial: &FrozenTrial) -> (usize, After) {
    let rounds = trial.attributes.get("rounds").and_then(serde_json::Value::as_u64).unwrap_or(1) as usize;
    let after = trial.attributes.get("after").cloned().unwrap_or_default();
    (rounds, serde_json::from_value(after).unwrap_or_default())
}

impl Objective for TableObjective {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.infos
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
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
        let values = vec![judged.score, judged.bytes];
        let point = objective::orient(&self.infos, &values);
        if !judged.members.is_empty() && lock(&self.front).contains(&point) {
            return Err(TrialError::Pruned {
                reason: "the same models as those of an earlier ensemble".into(),
            });
        }
        if constraints.iter().all(|(_, excess)| *excess <= 0.0) {
            let due = match &judged.members[..] {
                [] => vec![Due::new(trial.configuration(), seed, judged.seconds)],
                members => members.iter().map(Picked::due).collect(),
            };
            let folds = judged.members.is_empty().then_some(&judged.folds);
            let Judged { look, first_fold, .. } = judged;
            self.stand(&point, Standing { trial: trial.number(), due, look, first_fold }, folds)?;
            self.record(trial.number(), values[1], &judged);
        }
        let mut evaluation = Evaluation { values, constraints, ..Evaluation::default() };
        let mut keep = |name: &str, value: serde_json::Value| {
            evaluation.attributes.insert(name.to_owned(), value);
        };
        keep("standard_error", judged.standard_error.into());
        keep("columns_needed", judged.columns.into());
        keep("rounds", judged.rounds.into());
        keep("after", serde_json::to_value(judged.after).unwrap_or_default());
        keep("seconds", judged.seconds.into());
        if let Some(latency) = judged.latency_us {
            keep("latency_us", latency.into());
        }
        if !judged.members.is_empty() {
            let members: Vec<&EnsembleMember> = judged.members.iter().map(|picked| &picked.member).collect();
            keep("members", serde_json::to_value(members).unwrap_or_default());
        }
        if judged.columns >= 1.0 {
            let configuration = trial.configuration().clone();
            let (rounds, after) = (judged.rounds, judged.after);
            let member = EnsembleMember { picks: 0, seed, configuration, rounds, after };
            let candidate = Candidate {
                member,
                score: point[0],
                bytes: judged.bytes,
                latency_us: judged.latency_us,
                seconds: judged.seconds,
                folds: Some(judged.folds),
            };
            self.offer(&setting, candidate);
        }
        Ok(evaluation)
    }
}

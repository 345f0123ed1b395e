//! What a trial's folds tell: a model a fold, judged by rows that it did not learn from.

use std::sync::Arc;

use lightcrest::objective::TrialError;

use super::calibrate::{self, Judged as Predicted};
use super::ensemble::Picked;
use super::latency;
use super::objective::TableObjective;
use super::trainer::{Part, failed};
use crate::Task;
use crate::algorithm::{Algorithm, Setting};
use crate::pipeline::After;

/// What ensembles need of the models of a trial's folds.
#[derive(Debug)]
pub(super) struct Folds {
    /// Of the rows that judge, fold after fold, as the model gives them.
    pub(super) predictions: Vec<f64>,
    /// The file of the model of the first fold: in memory a model takes several times as much.
    pub(super) first: Vec<u8>,
}

/// What a trial's folds tell.
pub(super) struct Judged {
    pub(super) score: f64,
    pub(super) standard_error: f64,
    /// About those of the model's file.
    pub(super) bytes: f64,
    pub(super) columns: f64,
    pub(super) rounds: usize,
    pub(super) after: After,
    pub(super) latency_us: Option<f64>,
    /// About how long its models take to make.
    pub(super) seconds: f64,
    /// About how long looking at them takes.
    pub(super) look: f64,
    /// The score of the first fold, where it is defined.
    pub(super) first_fold: Option<f64>,
    pub(super) folds: Arc<Folds>,
    /// Of an ensemble.
    pub(super) members: Vec<Picked>,
}

/// What hears of a fold that is done: how many there are, the score so far and bytes. It may end the trial.
pub(super) type Hear<'a> = &'a mut dyn FnMut(usize, f64, f64) -> Result<(), TrialError>;

impl TableObjective {
    /// Fold after fold.
    pub(super) fn judge(&self, setting: &Setting, seed: u64, hear: Hear<'_>) -> Result<Judged, TrialError> {
        let problem = self.problem();
        let (folds, task, k) = (&problem.splits.folds, problem.task(), problem.classes);
        let shape = After { log: setting.log_target(), ..After::default() };
        let (mut predictions, mut rounds) = (Vec::new(), Vec::new());
        let (mut first, mut latency_us, mut seconds, mut row) = (None, None, 0.0, 0.0);
        for (fold, rows) in folds.iter().enumerate() {
            let mut trained = self.trainer.train(setting, Part::Fold(fold), seed)?;
            let mut judged = std::mem::take(&mut trained.validation);
            judged.chunks_exact_mut(k).for_each(|row| shape.apply(task, row));
            predictions.extend(judged);
            rounds.push(trained.rounds as f64);
            seconds += trained.seconds;
            if fold == 0 {
                let pipeline = self.pipeline(trained, shape);
                let limited = self.limits.latency_us.is_some();
                latency_us =
                    limited.then(|| latency::latency(&pipeline, problem.table(), &rows.validation).alone_us);
                row = latency::seconds_a_row(&pipeline, problem.table(), &rows.validation);
                first = Some((pipeline.to_bytes(), pipeline));
            }
            let bytes = first.as_ref().map_or(0.0, |(file, _)| file.len() as f64);
            if fold + 1 < folds.len()
                && setting.algorithm != Algorithm::Constant
                && let Some(score) = mean(&self.scores(&predictions, &After::default()))
            {
                hear(fold + 1, score, bytes)?;
            }
        }
        let mut after = self.after(&predictions, setting.algorithm);
        if shape.log {
            let targets = &self.judged_targets();
            let factor = calibrate::factor(Predicted { predictions: &predictions, outputs: k, targets });
            predictions.iter_mut().for_each(|p| *p *= factor);
            (after.log, after.factor) = (true, factor);
        }
        // The logarithm is taken back already.
        let rest = After { log: false, ..after };
        predictions.chunks_exact_mut(k).for_each(|row| rest.apply(task, row));
        let (score, standard_error) = self.score(&predictions, after.threshold)?;
        // More rows bear more rounds.
        let grow = if setting.algorithm == Algorithm::Boosting { 1.1 } else { 1.0 };
        let all_rounds = (mean(&rounds).unwrap_or(1.0) * grow).round().max(1.0);
        let (file, first) = first.ok_or_else(|| failed("no fold judges"))?;
        // The other folds' models are about as large.
        let growth = if setting.algorithm.grows() { all_rounds / rounds[0].max(1.0) - 1.0 } else { 0.0 };
        let bytes = file.len() as f64 + first.bytes_of_models() as f64 * growth;
        Ok(Judged {
            score,
            standard_error,
            bytes: bytes.round(),
            columns: first.columns_needed() as f64,
            rounds: all_rounds as usize,
            after,
            latency_us,
            seconds: self.seconds_to_make(seconds),
            look: self.seconds_to_look(row),
            first_fold: self.score_of_first_fold(&predictions, after.threshold),
            folds: Arc::new(Folds { predictions, first: file }),
            members: Vec::new(),
        })
    }

    /// The mean of the metric over folds, and its standard error.
    pub(super) fn score(&self, predictions: &[f64], threshold: f64) -> Result<(f64, f64), TrialError> {
        let only = After { threshold, ..After::default() };
        let score = mean(&self.scores(predictions, &only))
            .ok_or_else(|| failed("the metric is not defined in any fold: a class is missing"))?;
        let (targets, clusters) = (self.judged_targets(), self.judged_clusters());
        let (metric, k) = (self.problem().metric, self.problem().classes);
        let error = metric.standard_error(predictions, k, &targets, threshold, &clusters);
        Ok((score, error.unwrap_or(0.0)))
    }

    /// The metric of the first fold, where it is defined there.
    pub(super) fn score_of_first_fold(&self, predictions: &[f64], threshold: f64) -> Option<f64> {
        let problem = self.problem();
        let rows = problem.splits.folds.first()?.validation.len() * problem.classes;
        mean(&self.scores(&predictions[..rows], &After { threshold, ..After::default() }))
    }

    /// The metric of each fold that has predictions, where it is defined.
    pub(super) fn scores(&self, predictions: &[f64], after: &After) -> Vec<f64> {
        let problem = self.problem();
        let (k, mut rest) = (problem.classes, predictions);
        let mut scores = Vec::new();
        for fold in &problem.splits.folds {
            let Some((own, others)) = rest.split_at_checked(fold.validation.len() * k) else { break };
            rest = others;
            let mut own = own.to_vec();
            own.chunks_exact_mut(k).for_each(|row| after.apply(problem.task(), row));
            let targets: Vec<f64> =
                fold.validation.iter().map(|row| problem.targets[*row as usize]).collect();
            scores.extend(problem.metric.score(&own, k, &targets, after.threshold));
        }
        scores
    }

    /// The rows that judge, fold after fold.
    pub(super) fn judged_rows(&self) -> impl Iterator<Item = usize> {
        self.problem().splits.folds.iter().flat_map(|fold| fold.validation.iter().map(|row| *row as usize))
    }

    pub(super) fn judged_targets(&self) -> Vec<f64> {
        self.judged_rows().map(|row| self.problem().targets[row]).collect()
    }

    pub(super) fn judged_clusters(&self) -> Vec<u64> {
        self.judged_rows().map(|row| self.problem().splits.clusters[row]).collect()
    }

    /// Temperature and threshold, by predictions of rows that were not learnt from.
    pub(super) fn after(&self, predictions: &[f64], algorithm: Algorithm) -> After {
        let mut after = After::default();
        let (outputs, metric) = (self.problem().classes, self.problem().metric);
        if self.problem().task() == Task::Regression {
            return after;
        }
        let targets = &self.judged_targets();
        if algorithm != Algorithm::Constant {
            after.temperature = calibrate::temperature(Predicted { predictions, outputs, targets });
        }
        if outputs == 2 && metric.needs_labels() {
            let mut calibrated = predictions.to_vec();
            calibrated.chunks_exact_mut(outputs).for_each(|row| after.apply(Task::Classification, row));
            let judged = Predicted { predictions: &calibrated, outputs, targets };
            after.threshold = calibrate::threshold(metric, judged);
        }
        after
    }
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

//! The models of the front, made when the search is over.
//!
//! A trial is judged by the models of its folds; a training of all rows is worth its time only for what is on
//! the front in the end. While the search goes on, time is kept for that: the models of the front so far will
//! take as long as those of their folds did, in proportion to the rows. What several of them share is
//! counted, and made, once.
//!
//! Two models are made with the same settings: one of all rows but the test part, which the test is looked at
//! with, and one of all rows, which is delivered. Where one fold alone judges, because time is short, its
//! model is the first of them.

use std::collections::HashSet;

use lightcrest::history::FrozenTrial;
use lightcrest::objective::{Evaluation, TrialError};
use lightcrest::{Configuration, Objective, Trial};

use super::ensemble::EnsembleMember;
use super::made::Made;
use super::objective::{TableObjective, known};
use super::trainer::{Part, failed, lock};
use crate::algorithm::Setting;
use crate::pipeline::{Member, Pipeline};

/// A model of all rows has more rounds than those of the folds, and may have larger trees.
const GROWTH: f64 = 1.25;

/// Where a model of all rows is larger than it may be, it gets so much fewer rounds that it should fit, and
/// this share of them to be sure; at least half of them.
const FITS: f64 = 0.97;
const FEWEST: f64 = 0.5;

/// A training that the front will need.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Due {
    /// What is trained.
    pub(super) model: String,
    /// About how long it takes.
    pub(super) seconds: f64,
}

impl Due {
    pub(super) fn new(configuration: &Configuration, seed: u64, seconds: f64) -> Self {
        Self { model: format!("{seed} {configuration}"), seconds }
    }
}

/// Seconds of several trainings, each counted once.
pub(super) fn due_together<'a>(due: impl Iterator<Item = &'a Due>) -> f64 {
    let mut seen = HashSet::new();
    due.filter(|due| seen.insert(&due.model)).map(|due| due.seconds).sum()
}

impl TableObjective {
    /// About how long making the models takes of a trial whose folds took so many seconds of training.
    pub(super) fn seconds_to_make(&self, folds: f64) -> f64 {
        let splits = &self.problem().splits;
        let learnt: usize = splits.folds.iter().map(|fold| fold.train.len()).sum();
        let judge = if splits.folds.len() > 1 { splits.learn.len() } else { 0 };
        GROWTH * folds * (judge + splits.all.len()) as f64 / learnt.max(1) as f64
    }

    /// Evaluates a configuration outside of a study, and makes its models.
    ///
    /// # Errors
    /// As [`Objective::evaluate`] and [`make`](Self::make).
    pub fn fit_one(
        &self,
        configuration: &Configuration,
        seed: u64,
    ) -> Result<(Evaluation, Made), TrialError> {
        let evaluation = self.evaluate(&mut Trial::detached(configuration.clone(), seed))?;
        let mut trial = FrozenTrial::complete(0, configuration.clone(), evaluation.values.clone());
        trial.attributes = evaluation.attributes.clone().into_iter().collect();
        let made = self.make(&trial, seed)?;
        Ok((evaluation, made))
    }

    /// The models of a trial that ended: each time the same bytes.
    ///
    /// # Errors
    /// [`TrialError::Interrupted`] if time is up, [`TrialError::Failed`] if no model of all rows is as small
    /// as it has to be.
    pub fn make(&self, trial: &FrozenTrial, seed: u64) -> Result<Made, TrialError> {
        let (rounds, after) = known(trial);
        let (members, configuration) = (Self::members(trial), trial.configuration.clone());
        let alone = EnsembleMember { picks: 1, seed: self.seed(seed), configuration, rounds, after };
        let mut share = 1.0;
        loop {
            let made = match &members[..] {
                [] => self.make_one(&alone, share)?,
                several => {
                    let made = several.iter().map(|member| self.make_one(member, share));
                    let made = made.collect::<Result<Vec<Made>, TrialError>>()?;
                    let picks: Vec<u32> = several.iter().map(|member| member.picks).collect();
                    let joined = |of: &dyn Fn(&Made) -> Pipeline| {
                        let pipelines: Vec<Pipeline> = made.iter().map(of).collect();
                        Pipeline { after, ..self.joined(&pipelines, &picks) }
                    };
                    Made::new(joined(&|it| it.judge.clone()), joined(&|it| it.model.clone()))
                }
            };
            let Some(most) = self.limits.bytes.filter(|most| made.bytes.len() as u64 > *most) else {
                return Ok(made);
            };
            let bytes = made.bytes.len();
            share *= FITS * most as f64 / bytes as f64;
            if share < FEWEST {
                return Err(failed(format!(
                    "its model of all rows has {bytes} bytes, and {most} are allowed"
                )));
            }
        }
    }

    /// The models of one training, with a share of its rounds.
    fn make_one(&self, member: &EnsembleMember, share: f64) -> Result<Made, TrialError> {
        let rounds = ((member.rounds as f64 * share) as usize).max(1);
        let EnsembleMember { configuration, seed, after, .. } = member;
        let key = format!("{rounds} {seed} {configuration}");
        if let Some(found) = lock(&self.models).get(&key) {
            return Ok(found.clone());
        }
        let as_judged = Setting::of(configuration);
        let mut known = as_judged.clone();
        known.rounds = Some(rounds);
        let one = |setting: &Setting, part| {
            self.trainer.train(setting, part, *seed).map(|trained| self.pipeline(trained, *after))
        };
        let judge = match self.problem().splits.folds.len() {
            1 => one(&as_judged, Part::Fold(0))?,
            _ => one(&known, Part::Learn)?,
        };
        let made = Made::new(judge, one(&known, Part::All)?);
        lock(&self.models).insert(key, made.clone());
        Ok(made)
    }

    /// The mean of pipelines of one member each, by how often they were picked.
    pub(super) fn joined(&self, pipelines: &[Pipeline], picks: &[u32]) -> Pipeline {
        let all = f64::from(picks.iter().sum::<u32>());
        let mut members = Vec::new();
        for (pipeline, picks) in pipelines.iter().zip(picks) {
            let weight = f64::from(*picks) / all;
            members.extend(pipeline.members.iter().cloned().map(|member| Member { weight, ..member }));
        }
        Pipeline::of(self.problem().schema().clone(), members).slim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_models_share_is_due_once() {
        let due = |seed, seconds| Due::new(&Configuration::new(), seed, seconds);
        let all = [due(1, 2.0), due(2, 3.0), due(1, 2.0)];
        assert_eq!(due_together(all.iter()), 5.0);
    }
}

//! The models of the front, made when the search is over.
//!
//! A trial is judged by the models of its folds; a training of all rows is worth its time only for what is on
//! the front in the end. While the search goes on, time is kept for that: the models of the front so far will
//! take as long as those of their folds did, in proportion to the rows, and then they are looked at. What
//! several of them share is counted, and made, once.
//!
//! Two models are made with the same settings: one of all rows but the test part, which the test is looked at
//! with, and one of all rows, which is delivered. Where one fold alone judges, because time is short, its
//! model is the first of them.
//!
//! What matters most is made first, and what cannot be made in time has no model: the best small one that is
//! no ensemble, then the best, then the others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use lightcrest::history::FrozenTrial;
use lightcrest::objective::{self, Evaluation, TrialError};
use lightcrest::space::Value;
use lightcrest::{Configuration, Objective, Trial};

use super::ensemble::EnsembleMember;
use super::growth::HALF;
use super::judge::Folds;
use super::latency;
use super::made::{self, Files, Made};
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

/// The best model of at most so many bytes that is no ensemble is made first: it takes little time, ensembles
/// may need it, and there is one then.
const SMALL: f64 = 100_000.0;

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
        // Members of ensembles come from JSON, where parameters have another order.
        let sorted: BTreeMap<&str, &Value> = configuration.iter().collect();
        Self { model: format!("{seed} {sorted:?}"), seconds }
    }
}

/// When models must be made.
#[derive(Debug, Clone, Default)]
pub struct Until {
    /// Trainings give up when it is set.
    pub stop: Arc<AtomicBool>,
    /// When they give up otherwise.
    pub deadline: Option<Instant>,
    /// What the first model may take beyond that: it matters more than a moment.
    pub grace: Duration,
}

/// What takes the models of a trial, or why it has none.
pub type Take<'a, E> =
    &'a mut dyn FnMut(&TableObjective, &FrozenTrial, Result<Made, TrialError>) -> Result<(), E>;

/// A trial of the front, with what its models will need.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) trial: u64,
    pub(super) due: Vec<Due>,
    /// Seconds to look at them on the test part, and to time them.
    pub(super) look: f64,
    /// The score of the first fold, where it is defined and this process saw it.
    pub(super) first_fold: Option<f64>,
}

/// Seconds that the models of several trials take, each training counted once.
pub(super) fn seconds_together<'a>(front: impl Iterator<Item = &'a Standing>) -> f64 {
    let (mut seen, mut seconds) = (HashSet::new(), 0.0);
    for standing in front {
        let due = standing.due.iter().filter(|due| seen.insert(&due.model));
        seconds += standing.look + due.map(|due| due.seconds).sum::<f64>();
    }
    seconds
}

/// Models of single trainings that were made, as several ensembles may share them, and those of the first
/// folds of what is on the front.
#[derive(Debug, Default)]
pub(super) struct Models {
    made: HashMap<(String, usize), Files>,
    folds: HashMap<String, Arc<Folds>>,
}

impl Models {
    /// Keeps what the folds of a training gave as long as the front needs it.
    pub(super) fn keep(&mut self, model: &str, folds: &Arc<Folds>) {
        self.folds.insert(model.to_owned(), Arc::clone(folds));
    }

    /// Forgets the folds of what has left the front.
    pub(super) fn retain<'a>(&mut self, front: impl Iterator<Item = &'a Standing>) {
        let due: HashSet<&str> = front.flat_map(|it| &it.due).map(|due| due.model.as_str()).collect();
        self.folds.retain(|model, _| due.contains(model.as_str()));
    }
}

impl TableObjective {
    /// About how long making the models takes of a trial whose folds took so many seconds of training.
    pub(super) fn seconds_to_make(&self, folds: f64) -> f64 {
        let splits = &self.problem().splits;
        let learnt: usize = splits.folds.iter().map(|fold| fold.train.len()).sum();
        let judge = if splits.folds.len() > 1 { splits.learn.len() } else { 0 };
        let half = HALF * folds / splits.folds.len().max(1) as f64;
        half + GROWTH * folds * (judge + splits.all.len()) as f64 / learnt.max(1) as f64
    }

    /// About how long looking at the models of a trial takes, where a row takes so many seconds.
    pub(super) fn seconds_to_look(&self, row: f64) -> f64 {
        let problem = self.problem();
        let times = if problem.is_copy.is_empty() { 1 } else { 2 };
        row * (times * problem.splits.test.len() + latency::PREDICTED) as f64
    }

    /// The search is over: makes the models of a front, what matters most first, and hands over those of each
    /// trial, or why it has none. Returns the trials whose models could not be made in time; of at least one
    /// they are made whatever the time. `seed` gives the seed of a trial.
    ///
    /// # Errors
    /// The first of `take`.
    pub fn deliver<E>(
        &mut self,
        front: &[&FrozenTrial],
        seed: &dyn Fn(u64) -> u64,
        until: &Until,
        take: Take<'_, E>,
    ) -> Result<Vec<u64>, E> {
        self.trainer.keep_for_delivery(None);
        let (mut late, mut is_any_made) = (self.in_order(front), false);
        // What seems to take too long is tried when the others are made.
        for is_last in [false, true] {
            for trial in std::mem::take(&mut late) {
                let grace = if is_any_made || is_last { Duration::ZERO } else { until.grace };
                self.trainer.end_by(Arc::clone(&until.stop), until.deadline.map(|deadline| deadline + grace));
                let found = match is_last || self.has_time_to_make(trial) {
                    true => self.make(trial, seed(trial.number)),
                    false => Err(TrialError::Interrupted),
                };
                match found {
                    Err(TrialError::Interrupted) if !self.trainer.is_stopped() => late.push(trial),
                    found => {
                        is_any_made |= found.is_ok();
                        take(self, trial, found)?;
                    }
                }
            }
        }
        let bytes = |trial: &FrozenTrial| trial.values.as_ref().map_or(f64::INFINITY, |values| values[1]);
        let smallest = (0..late.len()).min_by(|a, b| bytes(late[*a]).total_cmp(&bytes(late[*b])));
        if let Some(at) = smallest.filter(|_| !is_any_made) {
            self.trainer.end_by(Arc::clone(&until.stop), None);
            let trial = late.remove(at);
            let found = self.make(trial, seed(trial.number));
            take(self, trial, found)?;
        }
        Ok(late.into_iter().map(|trial| trial.number).collect())
    }

    /// The best small one that is no ensemble, the best, then from the better to the worse.
    fn in_order<'a>(&self, front: &[&'a FrozenTrial]) -> Vec<&'a FrozenTrial> {
        let mut order: Vec<(Vec<f64>, &FrozenTrial)> = Vec::new();
        for trial in front {
            order.extend(trial.values.as_ref().map(|it| (objective::orient(self.objectives(), it), *trial)));
        }
        order.sort_by(|(a, _), (b, _)| b[0].total_cmp(&a[0]));
        // Fewer bytes are better.
        let is_small =
            |(point, trial): &(Vec<f64>, &FrozenTrial)| -point[1] <= SMALL && Self::members(trial).is_empty();
        if let Some(small) = order.iter().position(is_small) {
            order[..=small].rotate_right(1);
        }
        order.into_iter().map(|(_, trial)| trial).collect()
    }

    /// Whether the models of a trial of the front may be made in the time that is left.
    fn has_time_to_make(&self, trial: &FrozenTrial) -> bool {
        let front = lock(&self.front);
        let Some(standing) = front.items().find(|it| it.trial == trial.number) else { return true };
        let models = lock(&self.models);
        let is_made = |due: &Due| models.made.keys().any(|(model, _)| *model == due.model);
        let due = standing.due.iter().filter(|due| !is_made(due));
        self.trainer.has(due.map(|due| due.seconds).sum::<f64>() / GROWTH + standing.look)
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
        let key = (member.model(), rounds);
        if let Some(found) = lock(&self.models).made.get(&key) {
            return found.read();
        }
        let as_judged = Setting::of(configuration);
        let mut known = as_judged.clone();
        known.rounds = Some(rounds);
        let one = |setting: &Setting, part| {
            self.trainer.train(setting, part, *seed).map(|trained| self.pipeline(trained, *after))
        };
        let judge = match self.problem().splits.folds.len() {
            1 => {
                let found = lock(&self.models).folds.get(&key.0).cloned();
                match found {
                    Some(folds) => made::read(&folds.first)?.with_after(*after),
                    None => one(&as_judged, Part::Fold(0))?,
                }
            }
            _ => one(&known, Part::Learn)?,
        };
        let made = Made::new(judge, one(&known, Part::All)?);
        lock(&self.models).made.insert(key, made.files());
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
    fn a_training_has_one_name_whatever_the_order_of_its_parameters() {
        let made = |pairs: [(&str, i64); 2]| pairs.into_iter().collect::<Configuration>();
        let (a, b) = (made([("rounds", 3), ("leaves", 4)]), made([("leaves", 4), ("rounds", 3)]));
        assert_eq!(Due::new(&a, 1, 0.0), Due::new(&b, 1, 0.0));
        assert_ne!(Due::new(&a, 1, 0.0), Due::new(&a, 2, 0.0));
    }

    #[test]
    fn what_models_share_is_due_once() {
        let due = |seed, seconds| Due::new(&Configuration::new(), seed, seconds);
        let all = [vec![due(1, 2.0), due(2, 3.0)], vec![due(1, 2.0)]];
        let all = all.map(|due| Standing { trial: 0, due, look: 0.5, first_fold: None });
        assert_eq!(seconds_together(all.iter()), 6.0);
    }
}

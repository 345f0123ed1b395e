//! How much work the time is enough for: the folds that judge, the rows that are used, and how long a trial
//! may take.
//!
//! | symbol | meaning |
//! |---|---|
//! | T | the time of the fit that is left |
//! | r | seconds of a round of eight leaves, a tree a class, on all rows |
//! | m | what a trial learns from, in all rows: 0.64 a fold; on the front 1.8 more, or 1 if one fold judges |
//!
//! A typical trial has 200 rounds of 16 leaves and takes `r m (16 / 8)^0.5 200`; the root is what leaves cost
//! in measurements of [`lightcrest_tree`]. All folds judge if ten typical trials fit into T, else fewer, but
//! at least so many that their rows tell models apart; rows are left out only where not even a quick trial
//! with those folds fits into a fifth of T. A model of few rows is worse for all time, and a trial that is
//! judged by one fold is only more uncertain.

use std::time::Duration;

use lightcrest::objective::TrialError;

use super::Problem;
use super::objective::TableObjective;
use crate::Task;
use crate::algorithm::tree_cost;

/// Rows that judge at least, where there are so many.
const JUDGES: usize = 2000;

/// Rows of the rarer of two classes among them at least.
const RARE: usize = 100;

/// Rows that are used at least.
const ROWS: f64 = 3000.0;

/// Rounds of a quick trial, and the share of the time that it may take.
const QUICK: (f64, f64) = (40.0, 0.2);

/// Rounds and leaves of a typical trial, and how many of them should fit into the time.
const TYPICAL: (f64, f64, f64) = (200.0, 16.0, 10.0);

/// The share of the typical trials that are on the front in the end.
const FRONT: f64 = 0.5;

/// The share of the time that one trial may take, its models of all rows included.
const ONE: f64 = 0.3;

/// What one trial may cost in any case.
const LEAST: f64 = 10.0;

/// What is used of a table, and how much one trial may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// The share of the rows that is read.
    pub read: f64,
    /// The share of those that is used.
    pub share: f64,
    /// Folds that judge; `usize::MAX` for all.
    pub folds: usize,
    /// Rounds of eight leaves that one trial may cost.
    pub work: f64,
}

impl Default for Effort {
    /// Everything.
    fn default() -> Self {
        Self { read: 1.0, share: 1.0, folds: usize::MAX, work: f64::INFINITY }
    }
}

/// About how long work on all rows takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Seconds to make features of all rows, once.
    pub(super) prepare: f64,
    /// How often they are made with five folds.
    pub(super) is_shared: bool,
    /// Seconds of a round of eight leaves.
    pub(super) round: f64,
}

impl Pace {
    /// Seconds of a trial of so many rounds of eight leaves, without its features; with the share of trials
    /// whose models are made of all rows.
    fn trial(&self, rounds: f64, folds: usize, made: f64) -> f64 {
        let all = if folds > 1 { 1.8 } else { 1.0 };
        self.round * rounds * (0.64 * folds as f64 + made * all)
    }

    /// Seconds of the first quick trial.
    fn quick(&self, folds: usize) -> f64 {
        let preparations = if self.is_shared { 2.0 } else { folds as f64 + 2.0 };
        self.prepare * preparations + self.trial(QUICK.0, folds, 1.0)
    }

    /// What the time is enough for; `folds` are those that there are, `least` those that must judge.
    fn effort(&self, time: Duration, folds: usize, least: usize, rows: usize) -> Effort {
        let time = time.as_secs_f64();
        let (count, leaves, trials) = TYPICAL;
        let fits = |folds: &usize| self.trial(tree_cost(count, leaves), *folds, FRONT) * trials <= time;
        let judging = (least.clamp(1, folds)..=folds).rev().find(fits).unwrap_or(least.clamp(1, folds));
        let share = QUICK.1 * time / self.quick(judging).max(1e-9);
        let share = if share >= 1.0 { 1.0 } else { share.max(ROWS / rows as f64).min(1.0) };
        let work = (ONE * time / self.trial(share, judging, 1.0).max(1e-12)).max(LEAST);
        let folds = if judging < folds { judging } else { usize::MAX };
        Effort { share, folds, work, ..Effort::default() }
    }
}

/// How many folds it takes to tell models apart.
fn least_folds(problem: &Problem) -> usize {
    let (mut rows, mut seconds) = (0, 0);
    for (at, fold) in problem.splits.folds.iter().enumerate() {
        rows += fold.validation.len();
        let is_second = |row: &&u32| problem.targets[**row as usize] == 1.0;
        seconds += fold.validation.iter().filter(is_second).count();
        let rare = seconds.min(rows - seconds);
        let is_binary = problem.task() == Task::Classification && problem.classes == 2;
        if rows >= JUDGES && (!is_binary || rare >= RARE) {
            return at + 1;
        }
    }
    problem.splits.folds.len()
}

impl TableObjective {
    /// What a time is enough for; where the user asked for `folds`, all of them judge.
    ///
    /// # Errors
    /// If nothing can be learnt from the rows.
    pub fn effort(&self, time: Duration, all_folds: bool) -> Result<Effort, TrialError> {
        let problem = self.problem();
        let (folds, rows) = (problem.splits.folds.len(), problem.splits.all.len());
        let read = problem.learnt.share_read;
        if !problem.has_features() {
            return Ok(Effort { read, ..Effort::default() });
        }
        let pace: Pace = self.trainer.pace()?;
        let least = if all_folds { folds } else { least_folds(problem) };
        Ok(Effort { read, ..pace.effort(time, folds, least, rows) })
    }

    /// Uses that much of the table, before the first trial.
    pub fn lighten(&mut self, effort: Effort) {
        let problem: &mut Problem = &mut self.trainer.problem;
        if effort.share < 1.0 {
            problem.thin(effort.share);
        }
        problem.splits.judge_by(effort.folds);
        self.trainer.work = effort.work;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effort(round: f64, seconds: f64) -> Effort {
        let pace = Pace { prepare: 10.0 * round, is_shared: true, round };
        pace.effort(Duration::from_secs_f64(seconds), 5, 1, 100_000)
    }

    #[test]
    fn folds_are_given_up_before_rows() {
        assert_eq!(effort(1e-3, 60.0).folds, usize::MAX);
        let middle = effort(1e-2, 60.0);
        assert!((1..5).contains(&middle.folds) && middle.share == 1.0, "{middle:?}");
        let slow = effort(1.0, 60.0);
        assert!(slow.folds == 1 && slow.share < 0.2, "{slow:?}");
        // Thinner rows are quicker.
        assert!(slow.work > 60.0, "{slow:?}");
        assert_eq!(effort(100.0, 1.0).share, 0.03);
    }

    #[test]
    fn a_trial_takes_a_share_of_the_time() {
        let effort = effort(1e-3, 60.0);
        let pace = Pace { prepare: 0.0, is_shared: true, round: 1e-3 };
        assert!((pace.trial(effort.work, 5, 1.0) - ONE * 60.0).abs() < 1e-9);
    }
}

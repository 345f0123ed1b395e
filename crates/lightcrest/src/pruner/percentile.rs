//! The percentile rule: a trial stops when even its best report is behind a percentile of what complete
//! trials had at the same step.
//!
//! The median rule of Golovin et al. 2017, *Google Vizier*, KDD, section 3.5.2, for any percentile, and with
//! the reports of the others in place of running averages. With one objective the percentile is interpolated
//! between the two reports that surround it, q of the way from the best to the worst of n: at position
//! `(n - 1) q / 100`. Only reports at the very step count. Those that are NaN have no place in the order, but
//! count for `min_trials`; a trial that reported nothing else is stopped.
//!
//! # Several objectives
//! The best report has the best of each objective so far; of the others, the last report until the step
//! counts. Trials are ranked as in [`SuccessiveHalving`](super::SuccessiveHalving), by non-dominated sorting,
//! then crowding, and the trial stops if more than ceil((n - 1) q / 100) of the others are ahead of it.

use super::{Pruner, PrunerError, is_due, point};
use crate::history::{FrozenTrial, History};
use crate::objective::Direction;
use crate::pareto;
use serde::{Deserialize, Serialize};

/// Configures [`PercentilePruner`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PercentileConfig {
    /// q, in [0, 100]: about so many percent of the trials go on; 50 by default.
    pub percentile: f64,
    /// So many trials must be complete before one is stopped; 5 by default.
    pub startup_trials: usize,
    /// No trial is stopped before this step; 0 by default.
    pub warmup_steps: u64,
    /// After the warm-up, only the first report in each interval of so many steps decides; 1 by default.
    pub interval_steps: u64,
    /// So many complete trials must have reported at the step (of several objectives, until the step) at
    /// which one is stopped; 1 by default.
    pub min_trials: usize,
}

impl Default for PercentileConfig {
    fn default() -> Self {
        Self { percentile: 50.0, startup_trials: 5, warmup_steps: 0, interval_steps: 1, min_trials: 1 }
    }
}

/// Stops trials that are behind a percentile of the complete ones.
#[derive(Debug, Clone, Default)]
pub struct PercentilePruner {
    config: PercentileConfig,
}

impl PercentilePruner {
    /// The pruner as configured.
    ///
    /// # Errors
    /// If the percentile is not in [0, 100], or the interval or the least number of trials is 0.
    pub fn new(config: PercentileConfig) -> Result<Self, PrunerError> {
        PrunerError::within("percentile", (0.0, 100.0), config.percentile)?;
        PrunerError::at_least("interval_steps", 1, config.interval_steps)?;
        PrunerError::at_least("min_trials", 1, config.min_trials as u64)?;
        Ok(Self::checked(config))
    }

    /// The pruner of settings that make sense.
    pub(super) fn checked(config: PercentileConfig) -> Self {
        Self { config }
    }
}

impl Pruner for PercentilePruner {
    fn name(&self) -> &'static str {
        "percentile"
    }

    fn should_prune(&self, history: &History, trial: &FrozenTrial) -> bool {
        let PercentileConfig { startup_trials, warmup_steps, interval_steps, .. } = self.config;
        let Some(step) = trial.last_step().filter(|_| is_due(trial, warmup_steps, interval_steps)) else {
            return false;
        };
        if history.complete().count() < startup_trials.max(1) {
            return false;
        }
        match history.objectives() {
            [objective] => self.behind(history, trial, step, objective.direction),
            _ => self.outranked(history, trial, step),
        }
    }
}

impl PercentilePruner {
    /// Whether the best report of a trial of one objective is behind the percentile.
    fn behind(&self, history: &History, trial: &FrozenTrial, step: u64, direction: Direction) -> bool {
        let oriented =
            |(_, values): &(u64, Vec<f64>)| direction.orient(values.first().copied().unwrap_or(f64::NAN));
        let best = trial.reports.iter().map(oriented).fold(f64::NAN, f64::max);
        if best.is_nan() {
            return true;
        }
        let at_step = |t: &FrozenTrial| {
            let found = t.reports.binary_search_by_key(&step, |(step, _)| *step).ok()?;
            Some(oriented(&t.reports[found]))
        };
        let mut values: Vec<f64> = history.complete().filter_map(at_step).collect();
        if values.len() < self.config.min_trials {
            return false;
        }
        values.retain(|value| !value.is_nan());
        values.sort_by(|a, b| b.total_cmp(a));
        let Some(last) = values.len().checked_sub(1) else { return false };
        let position = last as f64 * self.config.percentile / 100.0;
        let (above, below) = (values[position.floor() as usize], values[position.ceil() as usize]);
        // Written so that infinite neighbours that are equal have no difference.
        let between = if above == below { 0.0 } else { position.fract() * (below - above) };
        best < above + between
    }

    /// Whether too many trials of several objectives are ahead of one.
    fn outranked(&self, history: &History, trial: &FrozenTrial, step: u64) -> bool {
        let at_step =
            |t: &FrozenTrial| t.reports.iter().rev().find(|(s, _)| *s <= step).map(|(_, v)| v.clone());
        let others: Vec<(&FrozenTrial, Vec<f64>)> =
            history.complete().filter_map(|other| Some((other, at_step(other)?))).collect();
        let n = others.len();
        if n < self.config.min_trials.max(1) {
            return false;
        }
        let lengths = others.iter().map(|(_, values)| values).chain(trial.reports.iter().map(|(_, v)| v));
        let told = lengths.map(Vec::len).min().unwrap_or(0);
        let mut points: Vec<_> = others.iter().map(|(t, values)| point(history, t, values, told)).collect();
        let own = trial.reports.iter().map(|(_, values)| point(history, trial, values, told));
        let Some(best) = own.reduce(|best, p| best.iter().zip(p).map(|(a, b)| a.max(b)).collect()) else {
            return false;
        };
        points.push(best);
        let allowed = ((n - 1) as f64 * self.config.percentile / 100.0).ceil();
        // An equal point is not ahead: the trial yields to what is strictly better only.
        let ranking = pareto::ranking(&points);
        let ahead = ranking.into_iter().take_while(|i| *i != n).filter(|i| points[*i] != points[n]).count();
        ahead as f64 > allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TrialState;
    use crate::objective::ObjectiveInfo;
    use crate::space::Configuration;

    fn running(number: u64, reports: &[(u64, f64)]) -> FrozenTrial {
        let mut trial = FrozenTrial::waiting(number, Configuration::new());
        trial.state = TrialState::Running;
        trial.reports = reports.iter().map(|(step, value)| (*step, vec![*value])).collect();
        trial
    }

    /// Five complete trials with losses 1, 2, 3, 4, 5 at steps 1 to 6.
    fn history() -> History {
        let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        for number in 0..5u64 {
            let loss = number as f64 + 1.0;
            let mut trial = running(number, &[1, 2, 3, 4, 5, 6].map(|step| (step, loss)));
            trial.state = TrialState::Complete;
            trial.values = Some(vec![loss]);
            history.put(trial);
        }
        history
    }

    fn pruner(percentile: f64) -> PercentilePruner {
        PercentilePruner::new(PercentileConfig { percentile, ..Default::default() }).unwrap()
    }

    #[test]
    fn the_percentile_is_interpolated_and_the_best_report_counts() {
        let history = history();
        // 30 % of the way from the first of five to the last: 2.2.
        assert!(!pruner(30.0).should_prune(&history, &running(5, &[(1, 2.2)])));
        assert!(pruner(30.0).should_prune(&history, &running(5, &[(1, 2.3)])));
        assert!(!pruner(30.0).should_prune(&history, &running(5, &[(1, 2.0), (2, 9.0)])));
        assert!(pruner(0.0).should_prune(&history, &running(5, &[(1, 1.1)])), "only the best goes on");
        assert!(!pruner(100.0).should_prune(&history, &running(5, &[(1, 5.0)])));
    }

    #[test]
    fn decisions_wait_for_the_warm_up_and_the_interval() {
        let history = history();
        let config = PercentileConfig { warmup_steps: 2, interval_steps: 2, ..Default::default() };
        let pruner = PercentilePruner::new(config).unwrap();
        let bad: Vec<(u64, f64)> = (1..=6).map(|step| (step, 9.0)).collect();
        let decisions: Vec<bool> =
            (1..=6).map(|n| pruner.should_prune(&history, &running(5, &bad[..n]))).collect();
        assert_eq!(decisions, [false, true, false, true, false, true]);
        // Who skips steps is judged at the first report in the interval all the same.
        assert!(pruner.should_prune(&history, &running(5, &[(1, 9.0), (3, 9.0)])));
        let many = PercentileConfig { min_trials: 6, ..Default::default() };
        assert!(!PercentilePruner::new(many).unwrap().should_prune(&history, &running(5, &bad)));
    }

    #[test]
    fn only_reports_at_the_very_step_count() {
        let mut history = history();
        let bad = running(5, &[(7, 9.0)]);
        assert!(!pruner(50.0).should_prune(&history, &bad), "nobody reported at step 7");
        for number in 0..2 {
            let mut trial = history.get(number).unwrap().clone();
            trial.reports.push((7, vec![f64::NAN]));
            history.put(trial);
        }
        assert!(!pruner(50.0).should_prune(&history, &bad), "and those who did have no number");
        let mut third = history.get(2).unwrap().clone();
        third.reports.push((7, vec![1.0]));
        history.put(third);
        assert!(pruner(50.0).should_prune(&history, &bad));
        let needs = |min_trials| {
            let config = PercentileConfig { min_trials, ..Default::default() };
            PercentilePruner::new(config).unwrap().should_prune(&history, &bad)
        };
        assert!(needs(3) && !needs(4), "what is not a number counts here");
    }

    #[test]
    fn a_trial_without_numbers_stops() {
        let history = history();
        let nan = f64::NAN;
        assert!(pruner(50.0).should_prune(&history, &running(5, &[(7, nan)])));
        assert!(pruner(50.0).should_prune(&history, &running(5, &[(1, nan), (2, nan)])));
        assert!(!pruner(50.0).should_prune(&history, &running(5, &[(1, 1.0), (2, nan)])));
        let few = PercentileConfig { startup_trials: 6, ..Default::default() };
        assert!(!PercentilePruner::new(few).unwrap().should_prune(&history, &running(5, &[(1, nan)])));
    }

    #[test]
    fn settings_without_a_meaning_are_refused() {
        let of = |percentile| PercentilePruner::new(PercentileConfig { percentile, ..Default::default() });
        assert_eq!(of(101.0).unwrap_err().to_string(), "`percentile` must be in [0, 100], but got 101");
        assert!(of(f64::NAN).is_err());
        assert!(PercentilePruner::new(PercentileConfig { interval_steps: 0, ..Default::default() }).is_err());
    }

    #[test]
    fn conforms() {
        crate::testing::pruner(&|| Box::new(pruner(25.0)));
    }
}

//! The median rule: a trial stops when at the same step the better half of the complete trials was ahead of it.
//!
//! Golovin et al. 2017, *Google Vizier*, KDD, section 3.5.2, with the last reports in place of running averages. With
//! several objectives "ahead" is the order of [`SuccessiveHalving`](super::SuccessiveHalving): non-dominated sorting,
//! then crowding.

use super::{Pruner, point};
use crate::history::{FrozenTrial, History};
use crate::pareto;
use serde::{Deserialize, Serialize};

/// Configures [`MedianPruner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MedianConfig {
    /// So many trials must be complete before one is stopped; 5 by default.
    pub startup_trials: usize,
    /// No trial is stopped up to this step; 0 by default.
    pub warmup_steps: u64,
}

impl Default for MedianConfig {
    fn default() -> Self {
        Self { startup_trials: 5, warmup_steps: 0 }
    }
}

/// Stops trials of the worse half.
#[derive(Debug, Clone, Default)]
pub struct MedianPruner {
    config: MedianConfig,
}

impl MedianPruner {
    /// The pruner as configured.
    pub fn new(config: MedianConfig) -> Self {
        Self { config }
    }
}

impl Pruner for MedianPruner {
    fn name(&self) -> &'static str {
        "median"
    }

    fn should_prune(&self, history: &History, trial: &FrozenTrial) -> bool {
        let Some((step, own)) = trial.reports.last() else { return false };
        if *step <= self.config.warmup_steps {
            return false;
        }
        let at_step =
            |t: &FrozenTrial| t.reports.iter().rev().find(|(s, _)| s <= step).map(|(_, v)| v.clone());
        let mut there: Vec<(&FrozenTrial, Vec<f64>)> =
            history.complete().filter_map(|other| Some((other, at_step(other)?))).collect();
        let n = there.len();
        if n == 0 || n < self.config.startup_trials {
            return false;
        }
        there.push((trial, own.clone()));
        let told = there.iter().map(|(_, values)| values.len()).min().unwrap_or(0);
        let points: Vec<_> = there.iter().map(|(t, values)| point(history, t, values, told)).collect();
        // Equal points are ahead only if they are strictly better: the trial yields to no equal.
        let position = |i: usize| points[i] != points[n];
        let ahead =
            pareto::ranking(&points).into_iter().take_while(|i| *i != n).filter(|i| position(*i)).count();
        2 * ahead > n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TrialState;
    use crate::objective::ObjectiveInfo;
    use crate::space::Configuration;

    #[test]
    fn the_worse_half_stops() {
        let mut history = History::new(vec![ObjectiveInfo::maximize("accuracy")]);
        for number in 0..6 {
            let mut trial = FrozenTrial::complete(number, Configuration::new(), vec![0.9]);
            trial.reports = vec![(1, vec![0.1 * number as f64]), (2, vec![0.9])];
            history.put(trial);
        }
        let at = |step: u64, value: f64| {
            let mut trial = FrozenTrial::waiting(6, Configuration::new());
            trial.state = TrialState::Running;
            trial.reports = vec![(step, vec![value])];
            trial
        };
        let pruner = MedianPruner::default();
        assert!(pruner.should_prune(&history, &at(1, 0.15)));
        assert!(!pruner.should_prune(&history, &at(1, 0.35)));
        assert!(pruner.should_prune(&history, &at(2, 0.8)));
        assert!(!pruner.should_prune(&history, &at(2, 0.9)), "as good as all others");
        let patient = MedianPruner::new(MedianConfig { warmup_steps: 1, ..Default::default() });
        assert!(!patient.should_prune(&history, &at(1, 0.0)));
    }

    #[test]
    fn conforms() {
        crate::testing::pruner(&|| Box::new(MedianPruner::default()));
    }
}

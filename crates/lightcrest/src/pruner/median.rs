//! The median rule: a trial stops when even its best report is behind the median of what complete trials had
//! at the same step.
//!
//! [`PercentilePruner`] at 50 %; Golovin et al. 2017, *Google Vizier*, KDD, section 3.5.2.

use super::{PercentileConfig, PercentilePruner, Pruner};
use crate::history::{FrozenTrial, History};
use serde::{Deserialize, Serialize};

/// Configures [`MedianPruner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MedianConfig {
    /// So many trials must be complete before one is stopped; 5 by default.
    pub startup_trials: usize,
    /// No trial is stopped before this step; 0 by default.
    pub warmup_steps: u64,
    /// After the warm-up, only the first report in each interval of so many steps decides; 1 by default, and
    /// 0 counts as 1.
    pub interval_steps: u64,
    /// So many complete trials must have reported at the step (of several objectives, until the step) at
    /// which one is stopped; 1 by default, and 0 counts as 1.
    pub min_trials: usize,
}

impl Default for MedianConfig {
    fn default() -> Self {
        Self { startup_trials: 5, warmup_steps: 0, interval_steps: 1, min_trials: 1 }
    }
}

/// Stops trials of the worse half.
#[derive(Debug, Clone, Default)]
pub struct MedianPruner {
    percentile: PercentilePruner,
}

impl MedianPruner {
    /// The pruner as configured.
    pub fn new(config: MedianConfig) -> Self {
        let MedianConfig { startup_trials, warmup_steps, interval_steps, min_trials } = config;
        let percentile = PercentileConfig {
            percentile: 50.0,
            startup_trials,
            warmup_steps,
            interval_steps: interval_steps.max(1),
            min_trials: min_trials.max(1),
        };
        Self { percentile: PercentilePruner::checked(percentile) }
    }
}

impl Pruner for MedianPruner {
    fn name(&self) -> &'static str {
        "median"
    }

    fn should_prune(&self, history: &History, trial: &FrozenTrial) -> bool {
        self.percentile.should_prune(history, trial)
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
        let patient = MedianPruner::new(MedianConfig { warmup_steps: 2, ..Default::default() });
        assert!(!patient.should_prune(&history, &at(1, 0.0)));
    }

    #[test]
    fn conforms() {
        crate::testing::pruner(&|| Box::new(MedianPruner::default()));
    }
}

//! The threshold rule: a trial stops when a report leaves the bounds of what can still become something, such
//! as a loss that explodes.
//!
//! The bounds concern the first value of a report: the first objective that is not known before the trial
//! begins.

use super::{Pruner, PrunerError, is_due};
use crate::history::{FrozenTrial, History};
use serde::{Deserialize, Serialize};

/// Configures [`ThresholdPruner`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThresholdConfig {
    /// A trial that reports less is stopped; no bound by default.
    pub lower: Option<f64>,
    /// A trial that reports more is stopped; no bound by default.
    pub upper: Option<f64>,
    /// No trial is stopped before this step; 0 by default.
    pub warmup_steps: u64,
    /// After the warm-up, only the first report in each interval of so many steps decides; 1 by default.
    pub interval_steps: u64,
}

impl Default for ThresholdConfig {
    fn default() -> Self {
        Self { lower: None, upper: None, warmup_steps: 0, interval_steps: 1 }
    }
}

/// Stops trials that leave the bounds.
#[derive(Debug, Clone)]
pub struct ThresholdPruner {
    config: ThresholdConfig,
}

impl ThresholdPruner {
    /// The pruner as configured.
    ///
    /// # Errors
    /// If there is no bound, no value is between the bounds, or the interval is 0.
    pub fn new(config: ThresholdConfig) -> Result<Self, PrunerError> {
        PrunerError::at_least("interval_steps", 1, config.interval_steps)?;
        if config.lower.is_none() && config.upper.is_none() {
            return Err(PrunerError::NoThreshold);
        }
        let (lower, upper) =
            (config.lower.unwrap_or(f64::NEG_INFINITY), config.upper.unwrap_or(f64::INFINITY));
        if lower <= upper { Ok(Self { config }) } else { Err(PrunerError::ThresholdOrder { lower, upper }) }
    }
}

impl Pruner for ThresholdPruner {
    fn name(&self) -> &'static str {
        "threshold"
    }

    fn should_prune(&self, _: &History, trial: &FrozenTrial) -> bool {
        let ThresholdConfig { lower, upper, warmup_steps, interval_steps } = self.config;
        let value = trial.reports.last().and_then(|(_, values)| values.first());
        let Some(value) = value.filter(|_| is_due(trial, warmup_steps, interval_steps)) else { return false };
        value.is_nan()
            || lower.is_some_and(|lower| *value < lower)
            || upper.is_some_and(|upper| *value > upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TrialState;
    use crate::objective::ObjectiveInfo;
    use crate::space::Configuration;

    fn threshold(lower: Option<f64>, upper: Option<f64>, warmup_steps: u64) -> ThresholdPruner {
        let config = ThresholdConfig { lower, upper, warmup_steps, ..Default::default() };
        ThresholdPruner::new(config).unwrap()
    }

    #[test]
    fn trials_stop_outside_the_bounds_only() {
        let history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        let at = |step: u64, value: f64| {
            let mut trial = FrozenTrial::waiting(0, Configuration::new());
            trial.state = TrialState::Running;
            trial.reports = vec![(step, vec![value])];
            trial
        };
        let both = threshold(Some(0.1), Some(2.0), 2);
        let decisions = [(2, 0.05), (2, 0.1), (2, 2.0), (2, 2.1), (1, 9.0)]
            .map(|(step, value)| both.should_prune(&history, &at(step, value)));
        assert_eq!(decisions, [true, false, false, true, false]);
        assert!(!threshold(None, Some(2.0), 0).should_prune(&history, &at(1, -9.0)));
        assert!(!threshold(Some(0.1), None, 0).should_prune(&history, &at(1, 9.0)));
    }

    #[test]
    fn bounds_that_stop_nothing_or_everything_are_refused() {
        let error = |lower, upper| {
            let config = ThresholdConfig { lower, upper, ..Default::default() };
            ThresholdPruner::new(config).unwrap_err().to_string()
        };
        assert_eq!(error(None, None), "a threshold pruner needs `lower`, `upper` or both");
        assert_eq!(error(Some(2.0), Some(1.0)), "`lower <= upper` must hold, but got lower = 2, upper = 1");
    }

    #[test]
    fn conforms() {
        crate::testing::pruner(&|| Box::new(threshold(Some(0.01), Some(0.9), 1)));
    }
}

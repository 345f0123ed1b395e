//! Patience: a trial may be stopped only after it has not improved for a while.
//!
//! Around another pruner, it lets trials go on that the other would stop while they still improve; alone, it
//! is early stopping as training loops have it. A trial has not improved if its best among the last
//! `patience + 1` reports is behind its best before them by more than `min_delta`; with several objectives,
//! if that is so for each that it reports. Reports that are NaN tell nothing: if all of a part are, the trial
//! goes on.

use super::{Pruner, PrunerError};
use crate::history::{FrozenTrial, History};
use serde::{Deserialize, Serialize};

/// Configures [`PatientPruner`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PatientConfig {
    /// How many reports may pass without an improvement; 0 by default.
    pub patience: usize,
    /// By how much a report may be behind the best before and still count as no decline; 0 by default.
    pub min_delta: f64,
}

/// Stops trials that no longer improve, if the wrapped pruner agrees.
pub struct PatientPruner {
    config: PatientConfig,
    wrapped: Option<Box<dyn Pruner>>,
}

impl PatientPruner {
    /// The pruner as configured, around another one or alone.
    ///
    /// # Errors
    /// If `min_delta` is negative or not finite.
    pub fn new(config: PatientConfig, wrapped: Option<Box<dyn Pruner>>) -> Result<Self, PrunerError> {
        PrunerError::within("min_delta", (0.0, f64::MAX), config.min_delta)?;
        Ok(Self { config, wrapped })
    }
}

impl Pruner for PatientPruner {
    fn name(&self) -> &'static str {
        "patient"
    }

    fn should_prune(&self, history: &History, trial: &FrozenTrial) -> bool {
        let Some(split) = trial.reports.len().checked_sub(self.config.patience.saturating_add(1)) else {
            return false;
        };
        let (before, after) = trial.reports.split_at(split);
        let evaluated = |m: &usize| trial.known.get(*m).copied().flatten().is_none();
        let objectives = (0..history.objectives().len()).filter(evaluated).map(|m| &history.objectives()[m]);
        let told = trial.reports.iter().map(|(_, values)| values.len()).min().unwrap_or(0);
        let mut each = objectives.take(told).enumerate().peekable();
        if before.is_empty() || each.peek().is_none() {
            return false;
        }
        let declined = each.all(|(position, objective)| {
            let best = |reports: &[(u64, Vec<f64>)]| {
                let values = reports.iter().map(|(_, values)| objective.direction.orient(values[position]));
                values.fold(f64::NAN, f64::max)
            };
            best(before) - self.config.min_delta > best(after)
        });
        declined && self.wrapped.as_ref().is_none_or(|pruner| pruner.should_prune(history, trial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TrialState;
    use crate::objective::ObjectiveInfo;
    use crate::pruner::{MedianPruner, NoPruner};
    use crate::space::Configuration;

    fn patient(patience: usize, min_delta: f64, wrapped: Option<Box<dyn Pruner>>) -> PatientPruner {
        PatientPruner::new(PatientConfig { patience, min_delta }, wrapped).unwrap()
    }

    fn running(known: Vec<Option<f64>>, reports: &[f64]) -> FrozenTrial {
        let mut trial = FrozenTrial::waiting(0, Configuration::new());
        (trial.state, trial.known) = (TrialState::Running, known);
        trial.reports = reports.iter().enumerate().map(|(i, v)| (i as u64 + 1, vec![*v])).collect();
        trial
    }

    #[test]
    fn a_trial_stops_after_reports_without_improvement() {
        let history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        let stops = |pruner: &PatientPruner, reports: &[f64]| {
            pruner.should_prune(&history, &running(vec![], reports))
        };
        let alone = patient(1, 0.0, None);
        let losses = [0.5, 0.4, 0.45, 0.44, 0.43];
        assert_eq!([1, 2, 3, 4, 5].map(|n| stops(&alone, &losses[..n])), [false, false, false, true, true]);
        assert!(!stops(&alone, &[0.4, 0.5, 0.4]), "as good as before");
        assert!(!stops(&patient(1, 0.1, None), &losses[..4]), "a decline of less than 0.1");
        assert!(!stops(&patient(1, 0.0, Some(Box::new(NoPruner))), &losses), "the wrapped pruner decides");
    }

    #[test]
    fn what_is_known_beforehand_is_no_improvement_and_no_decline() {
        let history =
            History::new(vec![ObjectiveInfo::minimize("macs"), ObjectiveInfo::maximize("accuracy")]);
        let trial = running(vec![Some(3.0), None], &[0.8, 0.7, 0.6]);
        assert!(patient(1, 0.0, None).should_prune(&history, &trial));
    }

    #[test]
    fn reports_that_are_not_numbers_stop_nothing() {
        let history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        let nan = f64::NAN;
        let stops = |reports: &[f64]| patient(1, 0.0, None).should_prune(&history, &running(vec![], reports));
        assert!(!stops(&[nan, nan, nan, nan]));
        assert!(!stops(&[0.1, 0.2, nan, nan]) && !stops(&[nan, nan, 0.2, 0.1]));
        assert!(stops(&[0.1, nan, nan, 0.2]));
    }

    #[test]
    fn an_impossible_tolerance_is_refused() {
        let config = PatientConfig { patience: 1, min_delta: -0.1 };
        assert!(PatientPruner::new(config, None).is_err());
    }

    #[test]
    fn conforms() {
        crate::testing::pruner(&|| Box::new(patient(2, 0.0, None)));
        crate::testing::pruner(&|| Box::new(patient(0, 0.01, Some(Box::new(MedianPruner::default())))));
    }
}

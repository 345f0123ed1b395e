//! The Wilcoxon rule: a trial stops when it is significantly behind the best trial over the instances that
//! both reported.
//!
//! For objectives that are means over instances (folds of a cross-validation, seeds, problems): a report is
//! the value of one instance and its step is the instance's number, the same for all trials. The differences
//! to the best complete trial at common steps are judged by the one-sided signed-rank test; a trial whose
//! mean so far is at least as good as the best trial's goes on whatever the test says. So does one where a
//! report, of itself or of the best trial, is infinite or NaN.
//!
//! # Several objectives
//! A trial stops when one trial on the front beats it: at least as good in each objective known beforehand
//! and significantly better, by the same test, in each one reported. No correction is made for the number of
//! trials on the front.

use super::signed_rank::p_greater;
use super::{Pruner, PrunerError};
use crate::history::{FrozenTrial, History};
use serde::{Deserialize, Serialize};

/// Configures [`WilcoxonPruner`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WilcoxonConfig {
    /// A trial stops below this p-value; 0.1 by default. More stops more trials.
    pub p_threshold: f64,
    /// So many instances must be common with the best trial; 2 by default, and at least 2 count.
    pub startup_steps: usize,
}

impl Default for WilcoxonConfig {
    fn default() -> Self {
        Self { p_threshold: 0.1, startup_steps: 2 }
    }
}

/// Stops trials that are significantly behind.
#[derive(Debug, Clone, Default)]
pub struct WilcoxonPruner {
    config: WilcoxonConfig,
}

impl WilcoxonPruner {
    /// The pruner as configured.
    ///
    /// # Errors
    /// If the threshold is not in [0, 1].
    pub fn new(config: WilcoxonConfig) -> Result<Self, PrunerError> {
        PrunerError::within("p_threshold", (0.0, 1.0), config.p_threshold)?;
        Ok(Self { config })
    }

    /// Whether `best` is no worse in what is known and significantly better in each of the objectives that
    /// both reported.
    fn beaten(&self, history: &History, trial: &FrozenTrial, best: &FrozenTrial) -> bool {
        let mut position = 0;
        for (m, objective) in history.objectives().iter().enumerate() {
            let known = |t: &FrozenTrial| t.known.get(m).copied().flatten();
            match (known(trial), known(best)) {
                (Some(own), Some(other)) => {
                    if objective.direction.orient(own) > objective.direction.orient(other) {
                        return false;
                    }
                }
                (None, None) => {
                    let curve = |t: &FrozenTrial| -> Vec<(u64, f64)> {
                        let oriented = |(step, values): &(u64, Vec<f64>)| {
                            Some((*step, objective.direction.orient(*values.get(position)?)))
                        };
                        t.reports.iter().filter_map(oriented).collect()
                    };
                    let (own, other) = (curve(trial), curve(best));
                    if own.is_empty() || other.is_empty() {
                        // Only known at the end, such as a latency: it does not count.
                        continue;
                    }
                    if !self.significant(&own, &other) {
                        return false;
                    }
                    position += 1;
                }
                // Known of one and not of the other: no comparison.
                _ => return false,
            }
        }
        position > 0
    }

    /// Whether `other` is better at the common steps of two oriented curves, and in the mean.
    fn significant(&self, own: &[(u64, f64)], other: &[(u64, f64)]) -> bool {
        if own.iter().chain(other).any(|(_, value)| !value.is_finite()) {
            return false;
        }
        let at = |step: u64| other.binary_search_by_key(&step, |(s, _)| *s).ok().map(|i| other[i].1);
        let d: Vec<f64> = own.iter().filter_map(|(step, value)| Some(at(*step)? - value)).collect();
        if d.len() < self.config.startup_steps.max(2) {
            return false;
        }
        let mean = |curve: &[(u64, f64)]| curve.iter().map(|(_, v)| v).sum::<f64>() / curve.len() as f64;
        p_greater(&d) < self.config.p_threshold && mean(own) < mean(other)
    }
}

impl Pruner for WilcoxonPruner {
    fn name(&self) -> &'static str {
        "wilcoxon"
    }

    fn should_prune(&self, history: &History, trial: &FrozenTrial) -> bool {
        if trial.reports.is_empty() {
            return false;
        }
        let mut front = history.front();
        if history.objectives().len() == 1 {
            // Of equals, the first is the best trial.
            front.truncate(1);
        }
        front.into_iter().any(|best| self.beaten(history, trial, best))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TrialState;
    use crate::objective::ObjectiveInfo;
    use crate::space::Configuration;

    fn trial(number: u64, known: Vec<Option<f64>>, reports: &[f64]) -> FrozenTrial {
        let mut trial = FrozenTrial::waiting(number, Configuration::new());
        trial.state = TrialState::Running;
        trial.known = known;
        trial.reports = reports.iter().enumerate().map(|(i, v)| (i as u64 + 1, vec![*v])).collect();
        trial
    }

    fn complete(number: u64, known: Vec<Option<f64>>, values: Vec<f64>, reports: &[f64]) -> FrozenTrial {
        let mut trial = trial(number, known, reports);
        (trial.state, trial.values) = (TrialState::Complete, Some(values));
        trial
    }

    #[test]
    fn a_trial_stops_once_its_instances_are_significantly_worse() {
        let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        let best = [0.3, 0.9, 0.1, 0.5, 0.7];
        history.put(complete(0, vec![], vec![0.5], &best));
        let pruner = WilcoxonPruner::default();
        let stops = |reports: &[f64]| pruner.should_prune(&history, &trial(1, vec![], reports));
        let worse: Vec<f64> = best.iter().map(|v| v + 0.2).collect();
        // 1/8 after three instances, 1/16 after four. Instances differ by more than the trials do.
        assert_eq!([1, 2, 3, 4].map(|n| stops(&worse[..n])), [false, false, false, true]);
        let mixed = [0.4, 0.8, 0.2, 0.4];
        assert!(!stops(&mixed));
        let hard_last = [0.31, 0.91, 0.11, 0.51];
        assert!(!stops(&hard_last), "in the mean so far it is as good as the best");
    }

    #[test]
    fn what_is_not_finite_stops_nothing() {
        let best = [0.3, 0.9, 0.1, 0.5, 0.7];
        let stops = |best: &[f64], reports: &[f64]| {
            let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
            history.put(complete(0, vec![], vec![0.5], best));
            WilcoxonPruner::default().should_prune(&history, &trial(1, vec![], reports))
        };
        assert!(stops(&best, &[1.3, 1.9, 1.1, 1.5, 1.7]));
        assert!(!stops(&best, &[1.3, 1.9, 1.1, 1.5, f64::INFINITY]));
        assert!(!stops(&best, &[1.3, 1.9, 1.1, 1.5, f64::NAN]));
        assert!(!stops(&[0.3, 0.9, 0.1, 0.5, f64::NEG_INFINITY], &[1.3, 1.9, 1.1, 1.5, 1.7]));
    }

    #[test]
    fn lighter_trials_are_not_stopped_by_better_ones() {
        let objectives = vec![ObjectiveInfo::minimize("loss"), ObjectiveInfo::minimize("parameters")];
        let mut history = History::new(objectives);
        let best = [0.3, 0.3, 0.1, 0.5];
        history.put(complete(0, vec![None, Some(10.0)], vec![0.3, 10.0], &best));
        let worse: Vec<f64> = best.iter().map(|v| v + 0.2).collect();
        let pruner = WilcoxonPruner::default();
        let stops =
            |parameters| pruner.should_prune(&history, &trial(1, vec![None, Some(parameters)], &worse));
        assert!(stops(10.0) && stops(11.0) && !stops(9.0));
    }

    #[test]
    fn conforms() {
        crate::testing::pruner(&|| Box::new(WilcoxonPruner::default()));
        let certain = WilcoxonConfig { p_threshold: 0.01, startup_steps: 5 };
        crate::testing::pruner(&|| Box::new(WilcoxonPruner::new(certain).unwrap()));
    }
}

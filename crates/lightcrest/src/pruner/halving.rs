//! Asynchronous successive halving (ASHA): at 1, 3, 9, ... epochs only the better third goes on.
//!
//! Li et al. 2020, *A System for Massively Parallel Hyperparameter Tuning*, MLSys (arXiv:1810.05934),
//! algorithm 2, in the form that stops trials instead of pausing them: a trial that reaches a rung is ranked
//! at once among those that were there before it, and never waits for others.
//!
//! | symbol | meaning |
//! |---|---|
//! | `r` | `min_resource`: steps before the first rung |
//! | `eta` | `reduction_factor`: one in so many goes on |
//! | `s` | `min_early_stopping_rate`: how many of the lowest rungs are left out |
//! | `k` | rung; it is reached with the first report at step >= `r eta^(s + k)` |
//! | `n` | trials that reached the rung so far, this one included |
//!
//! A trial goes on from a rung if it is among the best `max(1, floor(n / eta))` there: the first to arrive
//! always goes on, so there is no barrier, at the price of some trials that go on only because they are
//! early. (With `bootstrap_count`, so many of the first stop at the rung instead.) With one objective, all
//! that equal the last of the best go on with it, and a report that is NaN stops the trial.
//!
//! # Several objectives
//! A report has values for the objectives that only training can tell (validation accuracy); the others may
//! be known exactly before it begins (parameters, MACs), and the trial carries them. Both make the point at
//! which a trial stands on a rung. Points are ranked by non-dominated sorting, within a front by crowding
//! distance, the lonelier first (NSGA-II's order). So a network is stopped when others are more accurate
//! *and* lighter, not because a heavier one is more accurate; and when a front is too large to go on as a
//! whole, its ends go on (the lightest, the most accurate, however few are there) and a well-spread part of
//! what lies between. Of equals, the first to arrive goes on.
//!
//! Objectives that are neither reported nor known (latency, measured at the end) do not count on the rungs.

use super::{Pruner, PrunerError, point};
use crate::history::{FrozenTrial, History, TrialState};
use crate::pareto;
use serde::{Deserialize, Serialize};

/// Where the first rung lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MinResource {
    /// A hundredth of the last step of the first complete trial, at least 1. Until a trial is complete, none
    /// is stopped. (Optuna's rule.)
    #[default]
    Auto,
    /// This many steps.
    Steps(u64),
}

/// Configures [`SuccessiveHalving`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HalvingConfig {
    /// `r`: steps before the first rung; [automatic](MinResource::Auto) by default.
    pub min_resource: MinResource,
    /// `eta`: one in so many goes on; 3 by default, at least 2.
    pub reduction_factor: u64,
    /// `s`: how many of the lowest rungs are left out; 0 by default.
    pub min_early_stopping_rate: u32,
    /// How many of the first trials to arrive at a rung stop there, whatever they report; 0 by default.
    pub bootstrap_count: usize,
}

impl Default for HalvingConfig {
    fn default() -> Self {
        Self {
            min_resource: MinResource::Auto,
            reduction_factor: 3,
            min_early_stopping_rate: 0,
            bootstrap_count: 0,
        }
    }
}

/// Stops trials at the rungs of successive halving, for one objective or several.
#[derive(Debug, Clone)]
pub struct SuccessiveHalving {
    config: HalvingConfig,
}

impl SuccessiveHalving {
    /// The pruner as configured.
    ///
    /// # Errors
    /// If the reduction factor is below 2 or the minimal resource is 0.
    pub fn new(config: HalvingConfig) -> Result<Self, PrunerError> {
        PrunerError::at_least("reduction_factor", 2, config.reduction_factor)?;
        if let MinResource::Steps(steps) = config.min_resource {
            PrunerError::at_least("min_resource", 1, steps)?;
        }
        Ok(Self { config })
    }

    /// The steps of the rungs, ascending; `None` while they are not known.
    fn rungs(&self, history: &History) -> Option<impl Iterator<Item = u64> + use<>> {
        let r = match self.config.min_resource {
            MinResource::Steps(steps) => steps,
            MinResource::Auto => (history.complete().find_map(FrozenTrial::last_step)? / 100).max(1),
        };
        Some(ladder(r, self.config.reduction_factor, self.config.min_early_stopping_rate))
    }
}

/// The rungs `r eta^s, r eta^(s + 1), ...`.
pub(super) fn ladder(r: u64, eta: u64, s: u32) -> impl Iterator<Item = u64> {
    let first = eta.checked_pow(s).and_then(|factor| r.checked_mul(factor));
    std::iter::successors(first, move |rung| rung.checked_mul(eta))
}

/// What decides at a rung.
pub(super) struct Rule<'a> {
    /// One in so many goes on.
    pub(super) eta: u64,
    /// So many of the first to arrive stop.
    pub(super) bootstrap_count: usize,
    /// The trials that count.
    pub(super) competes: &'a dyn Fn(&FrozenTrial) -> bool,
}

impl Rule<'_> {
    /// Whether the last report of a trial reached a rung from which it does not go on.
    pub(super) fn stops(
        &self,
        history: &History,
        trial: &FrozenTrial,
        rungs: impl Iterator<Item = u64>,
    ) -> bool {
        let Some(((step, _), earlier)) = trial.reports.split_last() else { return false };
        let before = earlier.last().map_or(0, |(step, _)| *step);
        let mut reached = rungs.skip_while(|rung| *rung <= before).take_while(|rung| rung <= step);
        reached.any(|rung| !self.goes_on(history, trial, rung))
    }

    /// Whether a trial is among those of a rung that go on.
    fn goes_on(&self, history: &History, trial: &FrozenTrial, rung: u64) -> bool {
        let single = history.objectives().len() == 1;
        let undefined = |values: &[f64]| single && values.iter().any(|value| value.is_nan());
        let counts = |t: &&FrozenTrial| !matches!(t.state, TrialState::Waiting | TrialState::Failed);
        let others = history.trials().iter().filter(counts).filter(|other| other.number != trial.number);
        let at_rung =
            |t: &FrozenTrial| t.reports.iter().find(|(step, _)| *step >= rung).map(|(_, v)| v.clone());
        let mut there: Vec<(&FrozenTrial, Vec<f64>)> = others
            .filter(|other| (self.competes)(other))
            .filter_map(|other| Some((other, at_rung(other)?)))
            .filter(|(_, values)| !undefined(values))
            .collect();
        let Some(own) = at_rung(trial) else { return true };
        if undefined(&own) {
            return false;
        }
        // Equals rank by their order here, so the trial itself comes last among them.
        there.push((trial, own));
        if there.len() <= self.bootstrap_count {
            return false;
        }
        let told = there.iter().map(|(_, values)| values.len()).min().unwrap_or(0);
        let points: Vec<_> = there.iter().map(|(t, values)| point(history, t, values, told)).collect();
        let k = (there.len() / self.eta as usize).max(1);
        let own = there.len() - 1;
        let mut best = pareto::ranking(&points);
        best.truncate(k);
        if single {
            return best.last().is_none_or(|last| points[own] >= points[*last]);
        }
        best.contains(&own) || is_end(&points, own)
    }
}

/// Whether a point is an end of the front: no other is better in one of the objectives, and none is better or
/// equal in all.
fn is_end(points: &[Vec<f64>], own: usize) -> bool {
    let others = || points.iter().enumerate().filter(|(i, _)| *i != own).map(|(_, point)| point);
    let most = |j: usize| others().all(|point| point[j] <= points[own][j]);
    let covered = others().any(|point| point.iter().zip(&points[own]).all(|(a, b)| a >= b));
    !covered && (0..points[own].len()).any(most)
}

impl Pruner for SuccessiveHalving {
    fn name(&self) -> &'static str {
        "halving"
    }

    fn should_prune(&self, history: &History, trial: &FrozenTrial) -> bool {
        let Some(rungs) = self.rungs(history) else { return false };
        let HalvingConfig { reduction_factor: eta, bootstrap_count, .. } = self.config;
        Rule { eta, bootstrap_count, competes: &|_| true }.stops(history, trial, rungs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::ObjectiveInfo;
    use crate::space::Configuration;

    fn halving(steps: u64, eta: u64) -> SuccessiveHalving {
        let min_resource = MinResource::Steps(steps);
        SuccessiveHalving::new(HalvingConfig { min_resource, reduction_factor: eta, ..Default::default() })
            .unwrap()
    }

    fn running(number: u64, known: Vec<Option<f64>>, reports: &[(u64, f64)]) -> FrozenTrial {
        let mut trial = FrozenTrial::waiting(number, Configuration::new());
        trial.state = TrialState::Running;
        trial.known = known;
        trial.reports = reports.iter().map(|(step, value)| (*step, vec![*value])).collect();
        trial
    }

    /// Trials arrive one after the other at step 1; who is stopped?
    fn stopped(objectives: Vec<ObjectiveInfo>, arrivals: &[(Vec<Option<f64>>, f64)]) -> Vec<bool> {
        let mut history = History::new(objectives);
        let pruner = halving(1, 3);
        let mut stopped = Vec::new();
        for (i, (known, value)) in arrivals.iter().enumerate() {
            let trial = running(i as u64, known.clone(), &[(1, *value)]);
            history.put(trial.clone());
            stopped.push(pruner.should_prune(&history, &trial));
        }
        stopped
    }

    #[test]
    fn only_the_best_third_goes_on() {
        let arrivals: Vec<_> = [0.5, 0.4, 0.6, 0.3, 0.55, 0.56].map(|value| (vec![], value)).into();
        // 0.5 comes first, 0.6 is best; of six, two go on: 0.6 and 0.56.
        let maximize = stopped(vec![ObjectiveInfo::maximize("accuracy")], &arrivals);
        assert_eq!(maximize, [false, true, false, true, true, false]);
        // Where small is good: 0.5 and 0.4 arrive as the best so far, 0.3 too.
        let minimize = stopped(vec![ObjectiveInfo::minimize("loss")], &arrivals);
        assert_eq!(minimize, [false, false, true, false, true, true]);
    }

    #[test]
    fn equals_of_the_last_that_goes_on_go_on_too() {
        for objective in [ObjectiveInfo::minimize("loss"), ObjectiveInfo::maximize("accuracy")] {
            let arrivals: Vec<_> = [0.5, 0.5, 0.5, 0.5].map(|value| (vec![], value)).into();
            assert_eq!(stopped(vec![objective], &arrivals), [false; 4]);
        }
        // Of six, two go on: 0.1 and both of 0.2.
        let arrivals: Vec<_> = [0.2, 0.1, 0.3, 0.3, 0.3, 0.2].map(|value| (vec![], value)).into();
        let stopped = stopped(vec![ObjectiveInfo::minimize("loss")], &arrivals);
        assert_eq!(stopped, [false, false, true, true, true, false]);
    }

    #[test]
    fn what_is_not_a_number_stops_and_does_not_count() {
        let arrivals: Vec<_> = [f64::NAN, f64::NAN, 0.5, 0.4, 0.45].map(|value| (vec![], value)).into();
        let stopped = stopped(vec![ObjectiveInfo::minimize("loss")], &arrivals);
        assert_eq!(stopped, [true, true, false, false, true]);
    }

    #[test]
    fn the_first_to_arrive_stop_while_a_rung_has_too_few() {
        let config = HalvingConfig {
            min_resource: MinResource::Steps(1),
            reduction_factor: 2,
            bootstrap_count: 2,
            ..Default::default()
        };
        let pruner = SuccessiveHalving::new(config).unwrap();
        let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        let mut arrives = |number: u64, value: f64| {
            let trial = running(number, vec![], &[(1, value)]);
            history.put(trial.clone());
            pruner.should_prune(&history, &trial)
        };
        assert_eq!(
            [arrives(0, 0.2), arrives(1, 0.1), arrives(2, 0.05), arrives(3, 0.3)],
            [true, true, false, true]
        );
    }

    #[test]
    fn a_light_network_is_not_stopped_because_a_heavy_one_is_more_accurate() {
        let objectives = vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("parameters")];
        let heavy = |accuracy| (vec![None, Some(1e6)], accuracy);
        let light = |accuracy| (vec![None, Some(1e3)], accuracy);
        let arrivals = [heavy(0.95), heavy(0.9), heavy(0.8), heavy(0.7), heavy(0.6), light(0.5), light(0.4)];
        let stopped = stopped(objectives, &arrivals);
        assert!(!stopped[5], "the first light one is on the front");
        assert!(stopped[6], "another light one is less accurate: dominated");
        assert!(stopped[1] && stopped[2] && stopped[3] && stopped[4]);
    }

    #[test]
    fn the_ends_of_a_front_go_on_however_few_are_there() {
        let objectives = vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("parameters")];
        let arrives = |accuracy: f64, parameters: f64| (vec![None, Some(parameters)], accuracy);
        let arrivals = [
            arrives(0.64, 366.0),
            arrives(0.87, 9101.0), // the most accurate
            arrives(0.75, 900.0),  // between the two
            arrives(0.60, 300.0),  // the lightest
            arrives(0.87, 9101.0), // both again
            arrives(0.60, 300.0),
        ];
        assert_eq!(stopped(objectives, &arrivals), [false, false, true, false, true, true]);
    }

    #[test]
    fn decisions_fall_on_rungs_only() {
        let objectives = vec![ObjectiveInfo::minimize("loss")];
        let pruner = halving(2, 3);
        let mut history = History::new(objectives);
        for number in 0..5 {
            let mut good = running(number, vec![], &[(1, 0.1), (2, 0.1), (6, 0.1)]);
            good.state = TrialState::Complete;
            history.put(good);
        }
        let at = |step: u64| {
            let reports: Vec<_> = (1..=step).map(|s| (s, 9.0)).collect();
            running(5, vec![], &reports)
        };
        let decisions: Vec<_> = (1..=8).map(|step| pruner.should_prune(&history, &at(step))).collect();
        assert_eq!(decisions, [false, true, false, false, false, true, false, false]);
    }

    #[test]
    fn auto_waits_for_a_complete_trial() {
        let pruner = SuccessiveHalving::new(HalvingConfig::default()).unwrap();
        let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        history.put(running(0, vec![], &[(1, 0.1)]));
        let bad = running(1, vec![], &[(1, 9.0)]);
        assert!(!pruner.should_prune(&history, &bad));
        let mut complete = running(0, vec![], &[(1, 0.1), (30, 0.1)]);
        complete.state = TrialState::Complete;
        history.put(complete);
        assert!(pruner.should_prune(&history, &bad));
    }

    #[test]
    fn conforms() {
        crate::testing::pruner(&|| Box::new(halving(1, 3)));
    }
}

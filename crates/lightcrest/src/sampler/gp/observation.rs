//! From trials to observations: rows and, for each objective, a value or nothing.
//!
//! | trial | value of an objective that must be evaluated |
//! |---|---|
//! | complete | its value |
//! | pruned, with reports | the final value of the best complete trial that was not ahead of it at the same step, never above the median |
//! | pruned, without reports | the lower quartile |
//! | failed | the worst |
//!
//! A pruned trial is thus a pessimistic observation on the scale of final values: its last report is only
//! compared with what others had reported by then, since an early report says little about where training
//! would have ended. Objectives known from a preview always have their exact values. An infinite value counts
//! as the best or the worst of the finite ones.
//!
//! This is [`Reports::Rank`]. With [`Reports::Extrapolate`], trials that were stopped or still run are
//! observed at the final value that their last report lets expect, with a noise of its own (`extrapolation`),
//! where enough trials went on to tell.

use super::extrapolation::{Curve, Extrapolation};
use crate::history::{FrozenTrial, TrialState};
use crate::objective::ObjectiveInfo;
use serde::{Deserialize, Serialize};

/// What stopped trials tell the surrogate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reports {
    /// `extrapolate` with one objective, where it did better on the benchmark, and `rank` with several, where
    /// the two were not compared.
    #[default]
    Auto,
    /// A pessimistic value by rank among the complete trials.
    Rank,
    /// The final value that is to be expected, and how sure that is. Running trials tell the same.
    Extrapolate,
}

impl Reports {
    /// Whether values are extrapolated in a study of so many objectives.
    pub(super) fn extrapolates(self, objectives: usize) -> bool {
        match self {
            Self::Auto => objectives == 1,
            Self::Rank => false,
            Self::Extrapolate => true,
        }
    }
}

/// The value of one objective for each trial, oriented, and the standard deviation of what it leaves open.
pub(super) struct Observed {
    /// `None` where nothing can be said.
    pub(super) values: Vec<Option<f64>>,
    /// 0 for what was measured.
    pub(super) deviations: Vec<f64>,
}

impl Observed {
    /// Values that leave nothing open.
    pub(super) fn measured(values: Vec<Option<f64>>) -> Self {
        Self { deviations: vec![0.0; values.len()], values }
    }
}

/// What the trials tell of one objective.
pub(super) fn observed(
    trials: &[&FrozenTrial],
    objectives: &[ObjectiveInfo],
    objective: usize,
    reports: Reports,
) -> Observed {
    let mut observed = Observed::measured(values(trials, objectives, objective));
    if !reports.extrapolates(objectives.len()) {
        return observed;
    }
    let direction = objectives[objective].direction;
    let curve = |trial: &&FrozenTrial| {
        let evaluated =
            trial.state != TrialState::Failed && trial.known.get(objective).is_none_or(Option::is_none);
        let position = position(trial, objective);
        let report = |(step, values): &(u64, Vec<f64>)| {
            let value = direction.orient(*values.get(position)?);
            value.is_finite().then_some((*step, value))
        };
        let end = trial.values.as_ref().and_then(|values| values.get(objective));
        Curve {
            reports: trial.reports.iter().filter(|_| evaluated).filter_map(report).collect(),
            end: end.map(|v| direction.orient(*v)).filter(|v| evaluated && v.is_finite()),
            stopped: trial.state == TrialState::Pruned,
        }
    };
    let curves: Vec<Curve> = trials.iter().map(curve).collect();
    let Some(extrapolation) = Extrapolation::learn(&curves) else { return observed };
    for (i, curve) in curves.iter().enumerate() {
        if !matches!(trials[i].state, TrialState::Pruned | TrialState::Running) {
            continue;
        }
        if let Some((mean, deviation)) = extrapolation.expect(curve) {
            (observed.values[i], observed.deviations[i]) = (Some(mean), deviation);
        }
    }
    observed
}

/// The value of one objective for each trial, oriented; `None` where nothing can be said.
fn values(trials: &[&FrozenTrial], objectives: &[ObjectiveInfo], objective: usize) -> Vec<Option<f64>> {
    let direction = objectives[objective].direction;
    let final_value = |trial: &FrozenTrial| {
        let value = direction.orient(*trial.values.as_ref()?.get(objective)?);
        (trial.state == TrialState::Complete).then_some(value)
    };
    let complete = |trial: &FrozenTrial| final_value(trial).filter(|value| value.is_finite());
    let known = |trial: &FrozenTrial| {
        let value = direction.orient((*trial.known.get(objective)?)?);
        value.is_finite().then_some(value)
    };
    let mut order: Vec<f64> = trials.iter().filter_map(|trial| complete(trial)).collect();
    order.sort_by(f64::total_cmp);
    let (Some(&worst), Some(&best)) = (order.first(), order.last()) else {
        return trials.iter().map(|trial| known(trial)).collect();
    };
    let quantile = |q: f64| order[(q * (order.len() - 1) as f64) as usize];
    let (quartile, median) = (quantile(0.25), quantile(0.5));
    let imputed = |trial: &FrozenTrial| {
        let (step, report) = last_report(trial, objective).map(|(step, v)| (step, direction.orient(v)))?;
        let not_ahead = |other: &&FrozenTrial| {
            report_at(other, objective, step).is_some_and(|v| direction.orient(v) <= report)
        };
        let finals = trials.iter().copied().filter(not_ahead).filter_map(complete);
        Some(finals.fold(worst, f64::max).min(median))
    };
    let value = |trial: &FrozenTrial| match trial.state {
        TrialState::Complete => Some(final_value(trial).map_or(worst, |value| value.max(worst).min(best))),
        TrialState::Pruned => Some(imputed(trial).unwrap_or(quartile)),
        TrialState::Failed => Some(worst),
        TrialState::Waiting | TrialState::Running => None,
    };
    trials.iter().map(|trial| known(trial).or_else(|| value(trial))).collect()
}

/// Where an objective stands in a report: reports hold the first few objectives that are not known
/// beforehand.
fn position(trial: &FrozenTrial, objective: usize) -> usize {
    let known = |m: &usize| trial.known.get(*m).is_some_and(Option::is_some);
    objective - (0..objective).filter(known).count()
}

fn last_report(trial: &FrozenTrial, objective: usize) -> Option<(u64, f64)> {
    let (step, values) = trial.reports.last()?;
    let value = *values.get(position(trial, objective))?;
    value.is_finite().then_some((*step, value))
}

/// The last report at `step` or before.
fn report_at(trial: &FrozenTrial, objective: usize, step: u64) -> Option<f64> {
    let (_, values) = trial.reports.iter().rev().find(|(s, _)| *s <= step)?;
    values.get(position(trial, objective)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Configuration;

    fn trial(number: u64, state: TrialState, value: Option<f64>, reports: &[f64]) -> FrozenTrial {
        let mut trial = FrozenTrial::waiting(number, Configuration::new());
        trial.state = state;
        trial.values = value.map(|v| vec![v, 7.0]);
        trial.known = vec![None, Some(7.0)];
        trial.reports = reports.iter().enumerate().map(|(step, v)| (step as u64 + 1, vec![*v])).collect();
        trial
    }

    #[test]
    fn pruned_trials_are_placed_among_final_values_by_rank_and_failed_ones_at_the_bottom() {
        let trials = [
            trial(0, TrialState::Complete, Some(0.90), &[0.3, 0.6, 0.9]),
            trial(1, TrialState::Complete, Some(0.80), &[0.2, 0.5, 0.8]),
            trial(2, TrialState::Complete, Some(0.70), &[0.1, 0.4, 0.7]),
            trial(3, TrialState::Pruned, None, &[0.15]),
            trial(4, TrialState::Pruned, None, &[0.3, 0.95]),
            trial(5, TrialState::Pruned, None, &[]),
            trial(6, TrialState::Failed, None, &[0.5]),
            trial(7, TrialState::Complete, Some(f64::NAN), &[]),
            trial(8, TrialState::Complete, Some(f64::NEG_INFINITY), &[]),
            trial(9, TrialState::Complete, Some(f64::INFINITY), &[]),
        ];
        let objectives = [ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("macs")];
        let refs: Vec<&FrozenTrial> = trials.iter().collect();
        assert!(
            values(&refs[8..], &objectives, 0).iter().all(Option::is_none),
            "infinite ones alone say nothing"
        );
        let found: Vec<f64> = values(&refs, &objectives, 0).into_iter().map(|v| v.unwrap()).collect();
        assert_eq!(found, [0.9, 0.8, 0.7, 0.7, 0.8, 0.7, 0.7, 0.7, 0.7, 0.9]);
        assert!(values(&refs, &objectives, 1).iter().all(|v| *v == Some(-7.0)));
        assert_eq!(values(&refs[5..7], &objectives, 0), [None, None], "nothing to compare with");
    }

    #[test]
    fn stopped_and_running_trials_are_extrapolated_and_measured_ones_are_not() {
        let mut trials: Vec<FrozenTrial> = (0..6)
            .map(|n| {
                let end = 0.5 + 0.05 * n as f64;
                trial(n, TrialState::Complete, Some(end), &[end - 0.4, end - 0.2, end])
            })
            .collect();
        trials.push(trial(6, TrialState::Pruned, None, &[0.05]));
        trials.push(trial(7, TrialState::Running, None, &[0.25]));
        trials.push(trial(8, TrialState::Failed, None, &[0.25]));
        trials.push(trial(9, TrialState::Running, None, &[]));
        let objectives = [ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("macs")];
        let refs: Vec<&FrozenTrial> = trials.iter().collect();
        let Observed { values, deviations } = observed(&refs, &objectives, 0, Reports::Extrapolate);
        let (stopped, running) = (values[6].unwrap(), values[7].unwrap());
        assert!((stopped - 0.45).abs() < 0.05 && (running - 0.65).abs() < 0.05, "{stopped}, {running}");
        assert!(deviations[6] > 0.0 && deviations[6] > deviations[7]);
        assert_eq!((values[8], values[9]), (Some(0.5), None));
        assert!((0..6).all(|i| values[i] == trials[i].values.as_ref().map(|v| v[0]) && deviations[i] == 0.0));
        let exact = observed(&refs, &objectives, 1, Reports::Extrapolate);
        assert!(exact.values.iter().all(|v| *v == Some(-7.0)) && exact.deviations.iter().all(|d| *d == 0.0));
    }
}

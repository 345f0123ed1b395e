//! Which trials are good: the split of the history into those below and those above the quantile γ.

use crate::history::{FrozenTrial, History, TrialState};
use crate::pareto;

/// The numbers of the good and of the other trials, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) below: Vec<usize>,
    pub(super) above: Vec<usize>,
}

/// How many of `n` finished trials are good: γ(n) = ⌈n/10⌉, with one objective at most 25.
pub(super) fn quantile(n: usize, objectives: usize) -> usize {
    let tenth = n.div_ceil(10);
    if objectives == 1 { tenth.min(25) } else { tenth }
}

/// Splits the complete and pruned trials; the running ones, where a liar is wanted, are among the others.
///
/// The good ones are complete feasible trials first, best first; then pruned ones, those that came farthest
/// first; then infeasible ones, those that break the constraints least first.
pub(super) fn split(history: &History, liar: bool) -> Split {
    let (mut complete, mut pruned, mut infeasible, mut running) = (vec![], vec![], vec![], vec![]);
    for trial in history.trials() {
        match trial.state {
            TrialState::Running if liar && !trial.is_reserved() => running.push(trial),
            TrialState::Complete | TrialState::Pruned if !trial.is_feasible() => infeasible.push(trial),
            TrialState::Complete => complete.push(trial),
            TrialState::Pruned => pruned.push(trial),
            _ => {}
        }
    }
    let finished = complete.len() + pruned.len() + infeasible.len();
    let mut wanted = quantile(finished, history.objectives().len());
    let mut split = Split { below: Vec::with_capacity(wanted), above: Vec::with_capacity(finished) };
    split.take(best(history, &complete, wanted), &mut wanted);
    split.take(first(&pruned, wanted, |trial| progress(history, trial)), &mut wanted);
    split.take(first(&infeasible, wanted, |trial| (trial.violation(), 0.0)), &mut wanted);
    split.above.extend(running.iter().map(|trial| trial.number as usize));
    split.below.sort_unstable();
    split.above.sort_unstable();
    split
}

impl Split {
    fn take(&mut self, (good, others): (Vec<usize>, Vec<usize>), wanted: &mut usize) {
        *wanted -= good.len();
        self.below.extend(good);
        self.above.extend(others);
    }
}

/// The `wanted` trials of the smallest scores, the earlier of equals, and the others.
fn first(
    trials: &[&FrozenTrial],
    wanted: usize,
    score: impl Fn(&FrozenTrial) -> (f64, f64),
) -> (Vec<usize>, Vec<usize>) {
    let mut scored: Vec<_> = trials.iter().map(|trial| (score(trial), trial.number as usize)).collect();
    let wanted = wanted.min(scored.len());
    if 0 < wanted && wanted < scored.len() {
        scored.select_nth_unstable_by(wanted - 1, |(a, i), (b, j)| {
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(i.cmp(j))
        });
    }
    let mut numbers: Vec<usize> = scored.into_iter().map(|(_, number)| number).collect();
    let others = numbers.split_off(wanted);
    (numbers, others)
}

/// The farther the better, then the better the last report.
fn progress(history: &History, trial: &FrozenTrial) -> (f64, f64) {
    let Some((step, values)) = trial.reports.last() else { return (1.0, 0.0) };
    // Reports are of the first objective that is not known beforehand.
    let reported = trial.known.iter().position(Option::is_none).unwrap_or(0);
    let oriented = |value: &f64| history.objectives().get(reported).map(|o| o.direction.orient(*value));
    (-(*step as f64), values.first().and_then(oriented).map_or(0.0, |value| -value))
}

/// The best of the complete feasible trials. With several objectives front by front, and of the front that
/// does not fit as a whole those that together dominate the most (Ozaki et al. 2022, section 4.1).
fn best(history: &History, trials: &[&FrozenTrial], wanted: usize) -> (Vec<usize>, Vec<usize>) {
    if let [objective] = history.objectives() {
        let value = |trial: &FrozenTrial| trial.values.as_ref().map_or(f64::INFINITY, |values| values[0]);
        return first(trials, wanted, |trial| (-objective.direction.orient(value(trial)), 0.0));
    }
    let points: Vec<Vec<f64>> =
        trials.iter().map(|trial| history.oriented(trial).unwrap_or_default()).collect();
    let wanted = wanted.min(points.len());
    let good = pareto::fill(pareto::non_dominated_sort(&points), wanted, |_, front, room| {
        let mut members: Vec<Vec<f64>> = front.iter().map(|&i| points[i].clone()).collect();
        if !pareto::is_moderate(&members) {
            members = pareto::bounded(&members);
        }
        let mut chosen = pareto::representatives(&members, &reference(&members), None, room);
        // Members that add nothing, such as equal ones, fill what is left in their order.
        let rest: Vec<usize> = (0..front.len()).filter(|i| !chosen.contains(i)).collect();
        chosen.extend(rest.into_iter().take(room - chosen.len()));
        chosen
    });
    let mut is_good = vec![false; points.len()];
    good.iter().for_each(|&i| is_good[i] = true);
    let numbers = |wanted: bool| {
        let those = trials.iter().zip(&is_good).filter(|(_, good)| **good == wanted);
        those.map(|(trial, _)| trial.number as usize).collect()
    };
    (numbers(true), numbers(false))
}

/// A little worse than the worst in every objective: by a tenth of its size.
fn reference(points: &[Vec<f64>]) -> Vec<f64> {
    let worst = |k: usize| points.iter().map(|point| point[k]).fold(f64::INFINITY, f64::min);
    let below = |x: f64| if x == 0.0 { -1e-12 } else { x - 0.1 * x.abs() };
    (0..points.first().map_or(0, Vec::len)).map(|k| below(worst(k))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::ObjectiveInfo;
    use crate::space::Configuration;

    fn history(objectives: Vec<ObjectiveInfo>, trials: Vec<FrozenTrial>) -> History {
        let mut history = History::new(objectives);
        for (number, trial) in trials.into_iter().enumerate() {
            history.put(FrozenTrial { number: number as u64, ..trial });
        }
        history
    }

    fn complete(values: &[f64]) -> FrozenTrial {
        FrozenTrial::complete(0, Configuration::new(), values.to_vec())
    }

    fn pruned(step: u64, value: f64) -> FrozenTrial {
        let trial = FrozenTrial::waiting(0, Configuration::new());
        FrozenTrial { state: TrialState::Pruned, reports: vec![(step, vec![value])], ..trial }
    }

    fn infeasible(value: f64, excess: f64) -> FrozenTrial {
        FrozenTrial { constraints: vec![("size".to_owned(), excess)], ..complete(&[value]) }
    }

    #[test]
    fn feasible_before_pruned_before_infeasible() {
        let loss = || vec![ObjectiveInfo::minimize("loss")];
        let mut trials = vec![infeasible(0.0, 2.0), pruned(3, 0.5), complete(&[9.0]), pruned(5, 0.9)];
        trials.extend((0..37).map(|k| infeasible(0.0, 3.0 + f64::from(k))));
        // 41 trials: five are good.
        let found = split(&history(loss(), trials.clone()), true);
        assert_eq!(found.below, [0, 1, 2, 3, 4]);
        trials.truncate(21);
        assert_eq!(split(&history(loss(), trials.clone()), true).below, [1, 2, 3]);
        trials.truncate(11);
        assert_eq!(split(&history(loss(), trials.clone()), true).below, [2, 3]);
    }

    #[test]
    fn running_trials_are_bad_for_a_liar_and_failed_ones_nothing() {
        let waiting = FrozenTrial::waiting(0, Configuration::new());
        let state = |state| FrozenTrial { state, started: Some(1), ..waiting.clone() };
        let trials = vec![complete(&[1.0]), state(TrialState::Running), state(TrialState::Failed)];
        let history = history(vec![ObjectiveInfo::maximize("accuracy")], trials);
        assert_eq!(split(&history, true), Split { below: vec![0], above: vec![1] });
        assert_eq!(split(&history, false), Split { below: vec![0], above: vec![] });
    }

    #[test]
    fn the_front_that_does_not_fit_gives_those_that_dominate_most() {
        let objectives = vec![ObjectiveInfo::minimize("loss"), ObjectiveInfo::maximize("speed")];
        // Two of eleven are wanted, and the first front has three: an end, a knee and the other end.
        let mut trials = vec![complete(&[0.5, 10.0]), complete(&[1.0, 40.0]), complete(&[3.0, 45.0])];
        trials.extend((0..8).map(|k| complete(&[4.0 + f64::from(k), 10.0])));
        let found = split(&history(objectives, trials), true).below;
        assert_eq!(found, [1, 2]);
    }
}

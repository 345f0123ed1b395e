//! `[refit]`: which models of the front are trained again, for how long, and by when.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lightcrest::history::{FrozenTrial, History};
use lightcrest::objective::Direction;
use lightcrest::pareto;
use lightcrest_model::spec::Refit;

use crate::error::CliError;
use crate::session::Session;

/// The part of the time that is planned for: a training alone and one beside others do not run at the same
/// speed.
const PLANNED: f64 = 0.85;

/// What a model may lose after a short training and still be worth a long one. A bound on `accuracy_drop`
/// may be narrower: it keeps models out of the front.
const USEFUL_DROP: f64 = 0.1;

/// Objectives that are shares of the images.
const SHARES: [&str; 3] = ["validation_accuracy", "agreement", "macro_f1"];

/// The trials of the front that somebody may want: those that lost at most a tenth of the images against the
/// best, where such a share is an objective.
pub(crate) fn useful<'a>(history: &History, front: &[&'a FrozenTrial]) -> Vec<&'a FrozenTrial> {
    let share = history.objectives().iter().position(|objective| SHARES.contains(&&*objective.name));
    let Some(at) = share else { return front.to_vec() };
    let value = |trial: &FrozenTrial| trial.values.as_ref().map_or(f64::NEG_INFINITY, |values| values[at]);
    let best = front.iter().map(|trial| value(trial)).fold(f64::NEG_INFINITY, f64::max);
    front.iter().copied().filter(|trial| value(trial) >= best - USEFUL_DROP).collect()
}

/// `count` trials that stand for the front: the best in the first objective, then those that add the most
/// hypervolume. Costs that span more than a factor of ten count by their logarithms.
pub(crate) fn choose(history: &History, front: &[&FrozenTrial], count: usize) -> Vec<u64> {
    let objectives = history.objectives();
    let mut points: Vec<Vec<f64>> =
        front.iter().map(|trial| history.oriented(trial).unwrap_or_default()).collect();
    for (j, objective) in objectives.iter().enumerate() {
        let oriented = |points: &[Vec<f64>]| {
            let ends = (f64::INFINITY, f64::NEG_INFINITY);
            points.iter().map(|p| p[j]).fold(ends, |(low, high), v| (low.min(v), high.max(v)))
        };
        let (low, high) = oriented(&points);
        // Oriented costs are negative: the largest is the smallest cost.
        if objective.direction == Direction::Minimize && high < 0.0 && low < 10.0 * high {
            points.iter_mut().for_each(|p| p[j] = -(-p[j]).ln());
        }
        let (low, high) = oriented(&points);
        let width = if high > low { high - low } else { 1.0 };
        points.iter_mut().for_each(|p| p[j] = (p[j] - low) / width);
    }
    // Below the worst, so that the ends of the front count too.
    let reference = vec![-0.1; objectives.len()];
    let first = (0..points.len()).max_by(|&a, &b| points[a][0].total_cmp(&points[b][0]).then(b.cmp(&a)));
    let chosen = pareto::representatives(&points, &reference, first, count);
    chosen.into_iter().map(|i| front[i].number).collect()
}

/// One training that is planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Planned {
    pub(crate) trial: u64,
    pub(crate) epochs: usize,
}

/// Epochs for each training, the longest training first: `epochs`, or as many as let all end in time when
/// `workers` share them. `costs` are seconds an epoch, by trial.
pub(crate) fn plan(
    costs: &[(u64, f64)],
    epochs: usize,
    time: Option<Duration>,
    workers: usize,
) -> Vec<Planned> {
    let mut costs = costs.to_vec();
    costs.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let budget = time.map_or(f64::INFINITY, |time| PLANNED * time.as_secs_f64());
    // No training may be longer than the time on its own.
    let at_most = |limit: usize, cost: f64| limit.min((budget / cost) as usize).max(1);
    let fits = |limit: &usize| {
        let mut busy = vec![0.0f64; workers.max(1)];
        for (_, cost) in &costs {
            // The next free worker takes the next training.
            if let Some(free) = busy.iter_mut().min_by(|a, b| a.total_cmp(b)) {
                *free += cost * at_most(*limit, *cost) as f64;
            }
        }
        busy.into_iter().all(|seconds| seconds <= budget)
    };
    let limit = (1..=epochs).rev().find(fits).unwrap_or(1);
    costs.iter().map(|&(trial, cost)| Planned { trial, epochs: at_most(limit, cost) }).collect()
}

/// [`plan`] of those trainings that have time for all `epochs`, the first before the others; of the first
/// alone, with fewer epochs, where none has.
pub(crate) fn plan_in_full(
    costs: &[(u64, f64)],
    epochs: usize,
    time: Option<Duration>,
    workers: usize,
) -> Vec<Planned> {
    let mut fitting = Vec::with_capacity(costs.len());
    for &cost in costs {
        fitting.push(cost);
        if plan(&fitting, epochs, time, workers).iter().any(|planned| planned.epochs < epochs) {
            fitting.pop();
        }
    }
    let trained = if fitting.is_empty() { &costs[..costs.len().min(1)] } else { &fitting };
    plan(trained, epochs, time, workers)
}

/// Works on each item, several at a time, in their order; nothing new is begun after a failure or a stop.
///
/// # Errors
/// The first failure.
pub(crate) fn each<T: Sync>(
    items: &[T],
    workers: usize,
    stop: &AtomicBool,
    work: impl Fn(&T) -> Result<(), CliError> + Sync,
) -> Result<(), CliError> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let failed = || failure.lock().unwrap_or_else(PoisonError::into_inner);
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) || failed().is_some() {
                return;
            }
            if let Err(error) = work(item) {
                failed().get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(run);
        }
        run();
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// How the budget's time is shared out.
pub(crate) struct Times {
    begun: Instant,
    /// What earlier runs of the study have not spent; none without a limit.
    left: Option<Duration>,
    kept_for_refit: Option<Duration>,
}

impl Times {
    pub(crate) fn new(session: &Session<'_>, refit: Option<Refit>) -> Self {
        let kept_for_refit = refit.and_then(|refit| refit.time);
        Self { begun: session.begun(), left: session.time(), kept_for_refit }
    }

    /// What is left for trials from now on.
    pub(crate) fn trials(&self) -> Option<Duration> {
        let kept = self.kept_for_refit.unwrap_or_default();
        self.left.map(|left| left.saturating_sub(kept).saturating_sub(self.begun.elapsed()))
    }

    /// When the refit must end, if it begins now.
    pub(crate) fn refit(&self) -> Option<Instant> {
        match self.kept_for_refit {
            Some(kept) => Some(Instant::now() + kept),
            None => self.left.map(|left| self.begun + left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightcrest::Configuration;
    use lightcrest::objective::ObjectiveInfo;

    #[test]
    fn the_chosen_models_have_the_best_one_and_spread_over_the_front() {
        let objectives = vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("parameters")];
        let mut history = History::new(objectives);
        let values = [
            [0.9, 90_000.0],
            [0.899, 80_000.0],
            [0.898, 79_000.0],
            [0.8, 5_000.0],
            [0.5, 500.0],
            [0.4, 490.0],
        ];
        for (number, values) in values.into_iter().enumerate() {
            history.put(FrozenTrial::complete(number as u64, Configuration::new(), values.to_vec()));
        }
        let front = history.front();
        assert_eq!(choose(&history, &front, 1), [0]);
        assert_eq!(choose(&history, &front, 3), [0, 3, 4]);
        assert_eq!(choose(&history, &front, 10).len(), 6);
    }

    #[test]
    fn models_that_nobody_wants_are_not_trained_again() {
        let trials = |name: &str, values: &[f64]| {
            let mut history =
                History::new(vec![ObjectiveInfo::minimize("macs"), ObjectiveInfo::maximize(name)]);
            for (number, &value) in values.iter().enumerate() {
                let values = vec![1e6 / (1 + number) as f64, value];
                history.put(FrozenTrial::complete(number as u64, Configuration::new(), values));
            }
            let front = history.front();
            useful(&history, &front).iter().map(|trial| trial.number).collect::<Vec<_>>()
        };
        assert_eq!(trials("validation_accuracy", &[0.93, 0.9, 0.84, 0.75, 0.1]), [0, 1, 2]);
        assert_eq!(
            trials("score", &[0.93, 0.1]),
            [0, 1],
            "what a number of another kind is worth is not known"
        );
    }

    #[test]
    fn the_plan_ends_in_time() {
        let costs = [(7, 10.0), (8, 40.0), (9, 1.0)];
        let epochs = |time: Option<u64>, workers| -> Vec<(u64, usize)> {
            let plan = plan(&costs, 12, time.map(Duration::from_secs), workers);
            plan.iter().map(|planned| (planned.trial, planned.epochs)).collect()
        };
        assert_eq!(epochs(None, 1), [(8, 12), (7, 12), (9, 12)]);
        assert_eq!(epochs(Some(10_000), 1), [(8, 12), (7, 12), (9, 12)]);
        // 400 s, 85 % of it planned: 8 epochs of the large one, while a second worker has time for all of the
        // others.
        assert_eq!(epochs(Some(400), 2), [(8, 8), (7, 12), (9, 12)]);
        assert_eq!(epochs(Some(400), 1), [(8, 6), (7, 6), (9, 6)]);
        assert_eq!(epochs(Some(1), 1), [(8, 1), (7, 1), (9, 1)], "the deadline ends what does not fit");

        let in_full = |time: u64, workers| -> Vec<(u64, usize)> {
            let plan = plan_in_full(&costs, 12, Some(Duration::from_secs(time)), workers);
            plan.iter().map(|planned| (planned.trial, planned.epochs)).collect()
        };
        assert_eq!(in_full(10_000, 1), [(8, 12), (7, 12), (9, 12)]);
        assert_eq!(in_full(400, 2), [(7, 12), (9, 12)], "the large one would be cut short");
        assert_eq!(in_full(12, 1), [(7, 1)], "one at least");
        assert!(plan_in_full(&[], 12, None, 1).is_empty());
    }
}

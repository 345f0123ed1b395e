//! Hyperband: several successive halvings side by side, since nobody knows how early a trial can be judged.
//!
//! Li et al. 2018, *Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization*, JMLR 18(185),
//! with the asynchronous halving of [`SuccessiveHalving`](super::SuccessiveHalving) in each bracket.
//!
//! | symbol | meaning |
//! |---|---|
//! | `r` | `min_resource`: steps before the first rung of the first bracket |
//! | `R` | `max_resource`: steps of a complete trial |
//! | `eta` | `reduction_factor`: one in so many goes on |
//! | `B` | brackets: `floor(log_eta(R / r)) + 1` |
//! | `s` | bracket 0, ..., B - 1; its first rung is at `r eta^s` |
//!
//! Bracket s gets a share of the trials in proportion to `ceil(B eta^(B - 1 - s) / (B - s))`, such that all
//! use about the same number of steps (algorithm 1 of the paper). Which bracket a trial is in is drawn from a
//! random stream of its own, a function of seed and number, so that all processes of a study agree. A trial
//! competes with those of its bracket only.
//!
//! Where R is automatic it grows as longer trials complete, but no trial changes its bracket: each has that
//! of the R that was known when it began, or, if none was, of the first trial to end.

use super::{Pruner, PrunerError, halving};
use crate::history::{FrozenTrial, History};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How many steps a complete trial has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaxResource {
    /// The largest last step of the complete trials. Until there is one, no trial is stopped.
    #[default]
    Auto,
    /// This many steps.
    Steps(u64),
}

/// Configures [`HyperbandPruner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HyperbandConfig {
    /// `r`: steps before the first rung of the first bracket; 1 by default.
    pub min_resource: u64,
    /// `R`: steps of a complete trial; [automatic](MaxResource::Auto) by default.
    pub max_resource: MaxResource,
    /// `eta`: one in so many goes on; 3 by default, at least 2.
    pub reduction_factor: u64,
    /// How many of the first trials of a bracket to arrive at a rung stop there, whatever they report; 0 by
    /// default.
    pub bootstrap_count: usize,
    /// What the brackets are drawn from, such as a hash of the study's name; 0 by default.
    pub seed: u64,
}

impl Default for HyperbandConfig {
    fn default() -> Self {
        Self {
            min_resource: 1,
            max_resource: MaxResource::Auto,
            reduction_factor: 3,
            bootstrap_count: 0,
            seed: 0,
        }
    }
}

/// Stops trials at the rungs of the bracket that each is in.
#[derive(Debug, Clone)]
pub struct HyperbandPruner {
    config: HyperbandConfig,
}

impl HyperbandPruner {
    /// The pruner as configured.
    ///
    /// # Errors
    /// If the reduction factor is below 2, the minimal resource is 0 or the maximal resource is below it.
    pub fn new(config: HyperbandConfig) -> Result<Self, PrunerError> {
        PrunerError::at_least("reduction_factor", 2, config.reduction_factor)?;
        PrunerError::at_least("min_resource", 1, config.min_resource)?;
        if let MaxResource::Steps(steps) = config.max_resource {
            PrunerError::at_least("max_resource", config.min_resource, steps)?;
        }
        Ok(Self { config })
    }

    /// The share of the trials that each bracket gets where a complete trial has so many steps.
    fn shares(&self, longest: u64) -> Vec<u64> {
        let HyperbandConfig { min_resource: r, reduction_factor: eta, .. } = self.config;
        let brackets = halving::ladder(r, eta, 0).take_while(|rung| *rung <= longest).count().max(1) as u32;
        // Steps may be timestamps: eta^left is at most R / r, but its multiples exceed 64 bits.
        let share =
            |left: u32| (u128::from(brackets) * u128::from(eta).pow(left)).div_ceil(u128::from(left) + 1);
        let shares: Vec<u128> = (0..brackets).rev().map(share).collect();
        // What is drawn from are 64 bits: beyond, shares are rounded.
        let excess = 65u32.saturating_sub(shares.iter().sum::<u128>().leading_zeros());
        shares.into_iter().map(|share| (share >> excess).max(1) as u64).collect()
    }

    /// The bracket of a trial.
    fn bracket(&self, shares: &[u64], number: u64) -> usize {
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed);
        rng.set_stream(number);
        let mut place = rng.random_range(0..shares.iter().sum());
        for (bracket, share) in shares.iter().enumerate() {
            if place < *share {
                return bracket;
            }
            place -= share;
        }
        shares.len() - 1
    }
}

impl Pruner for HyperbandPruner {
    fn name(&self) -> &'static str {
        "hyperband"
    }

    fn should_prune(&self, history: &History, trial: &FrozenTrial) -> bool {
        let Some(resource) = Resource::of(self.config.max_resource, history) else { return false };
        let bracket = |trial: &FrozenTrial| self.bracket(&self.shares(resource.at(trial)), trial.number);
        let own = bracket(trial);
        let HyperbandConfig { min_resource, reduction_factor: eta, bootstrap_count, .. } = self.config;
        let rungs = halving::ladder(min_resource, eta, own as u32);
        let competes = |other: &FrozenTrial| bracket(other) == own;
        halving::Rule { eta, bootstrap_count, competes: &competes }.stops(history, trial, rungs)
    }
}

/// What R was known to be, and since when.
struct Resource {
    /// When it became known, and R, both ascending. At least one.
    known: Vec<(u64, u64)>,
}

impl Resource {
    /// `None` while nothing is known.
    fn of(configured: MaxResource, history: &History) -> Option<Self> {
        if let MaxResource::Steps(steps) = configured {
            return Some(Self { known: vec![(0, steps)] });
        }
        let mut ends: Vec<(u64, u64)> = history
            .complete()
            .filter_map(|trial| Some((trial.finished.unwrap_or(0), trial.last_step()?)))
            .collect();
        ends.sort_unstable();
        let mut known: Vec<(u64, u64)> = Vec::new();
        for (end, steps) in ends {
            if known.last().is_none_or(|last| steps > last.1) {
                known.push((end, steps));
            }
        }
        (!known.is_empty()).then_some(Self { known })
    }

    /// R as it was known when a trial began; the first that was known where none was yet.
    fn at(&self, trial: &FrozenTrial) -> u64 {
        let began = trial.started.unwrap_or(u64::MAX);
        let before = self.known.partition_point(|(since, _)| *since <= began);
        self.known[before.saturating_sub(1)].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TrialState;
    use crate::objective::ObjectiveInfo;
    use crate::space::Configuration;

    fn hyperband(max_resource: MaxResource) -> HyperbandPruner {
        HyperbandPruner::new(HyperbandConfig { max_resource, ..Default::default() }).unwrap()
    }

    fn history(reports: &[(u64, f64)]) -> History {
        let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        for number in 0..200 {
            let mut trial = FrozenTrial::complete(number, Configuration::new(), vec![0.1]);
            trial.reports = reports.iter().map(|(step, value)| (*step, vec![*value])).collect();
            history.put(trial);
        }
        history
    }

    /// The first step at which a hopeless trial is stopped.
    fn stopped_at(pruner: &HyperbandPruner, history: &History, number: u64, last: u64) -> Option<u64> {
        let at = |step: u64| {
            let mut trial = FrozenTrial::waiting(number, Configuration::new());
            trial.state = TrialState::Running;
            trial.reports = (1..=step).map(|s| (s, vec![9.0])).collect();
            trial
        };
        (1..=last).find(|step| pruner.should_prune(history, &at(*step)))
    }

    #[test]
    fn brackets_begin_at_their_rungs_and_early_ones_are_larger() {
        let reports: Vec<(u64, f64)> = (1..=9).map(|step| (step, 0.1)).collect();
        let history = history(&reports);
        let pruner = hyperband(MaxResource::Auto);
        // B = 3: ceil(3 * 9 / 3), ceil(3 * 3 / 2) and ceil(3 * 1 / 1) of 17.
        assert_eq!(pruner.shares(9), [9, 5, 3]);
        let mut counts = [0; 3];
        for number in 0..200 {
            match stopped_at(&pruner, &history, number, 9) {
                Some(1) => counts[0] += 1,
                Some(3) => counts[1] += 1,
                Some(9) => counts[2] += 1,
                other => panic!("stopped at {other:?}"),
            }
        }
        assert!(counts[0] > counts[1] && counts[1] > counts[2] && counts[2] > 10, "{counts:?}");
        let other = HyperbandPruner::new(HyperbandConfig { seed: 1, ..Default::default() }).unwrap();
        let differ = |n: &u64| stopped_at(&other, &history, *n, 9) != stopped_at(&pruner, &history, *n, 9);
        assert!((0..200).any(|n| differ(&n)), "another seed, other brackets");
    }

    #[test]
    fn the_longest_trial_is_found_or_given() {
        let empty = History::new(vec![ObjectiveInfo::minimize("loss")]);
        assert!(Resource::of(MaxResource::Auto, &empty).is_none());
        let given = Resource::of(MaxResource::Steps(81), &empty).unwrap();
        assert_eq!(given.at(&FrozenTrial::waiting(0, Configuration::new())), 81);
        assert_eq!(hyperband(MaxResource::Auto).shares(1), [1]);
        assert_eq!(hyperband(MaxResource::Auto).shares(81).len(), 5);
        let short =
            HyperbandConfig { min_resource: 4, max_resource: MaxResource::Steps(3), ..Default::default() };
        let message = HyperbandPruner::new(short).unwrap_err().to_string();
        assert_eq!(message, "`max_resource` must be at least 4, but got 3");
    }

    #[test]
    fn steps_may_be_as_large_as_timestamps() {
        for (eta, longest) in
            [(2, u64::MAX), (3, 1_700_000_000_000_000_000), (4, u64::MAX), (u64::MAX, u64::MAX)]
        {
            let config = HyperbandConfig { reduction_factor: eta, ..Default::default() };
            let pruner = HyperbandPruner::new(config).unwrap();
            let shares = pruner.shares(longest);
            assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]), "{shares:?}");
            assert!(pruner.bracket(&shares, 7) < shares.len());
        }
        let history = history(&[(1_700_000_000_000_000_000, 0.1)]);
        assert_eq!(stopped_at(&hyperband(MaxResource::Auto), &history, 3, 2), Some(1));
    }

    #[test]
    fn a_running_trial_keeps_its_bracket_when_a_longer_one_completes() {
        let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        let put = |history: &mut History, number: u64, (started, finished): (u64, u64), last: u64| {
            let mut trial = FrozenTrial::complete(number, Configuration::new(), vec![0.1]);
            trial.reports = (1..=last).map(|step| (step, vec![0.1])).collect();
            (trial.started, trial.finished) = (Some(started), Some(finished));
            history.put(trial);
        };
        (0..40).for_each(|number| put(&mut history, number, (0, 10), 9));
        let pruner = hyperband(MaxResource::Auto);
        let decisions = |history: &History| -> Vec<bool> {
            let running = |number: u64| FrozenTrial {
                state: TrialState::Running,
                reports: vec![(1, vec![9.0])],
                started: Some(20),
                ..FrozenTrial::waiting(number, Configuration::new())
            };
            (50..90).map(|number| pruner.should_prune(history, &running(number))).collect()
        };
        let before = decisions(&history);
        assert!(before.contains(&true) && before.contains(&false));
        put(&mut history, 40, (15, 30), 2000);
        assert_eq!(decisions(&history), before);
    }

    #[test]
    fn conforms() {
        crate::testing::pruner(&|| Box::new(hyperband(MaxResource::Auto)));
        crate::testing::pruner(&|| Box::new(hyperband(MaxResource::Steps(27))));
    }
}

//! The contract of [`Pruner`], checked.

use crate::history::{FrozenTrial, History, TrialState};
use crate::objective::ObjectiveInfo;
use crate::pruner::Pruner;
use crate::space::Configuration;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Checks the contract: on trials of one objective and of several, with and without objectives known
/// beforehand.
///
/// # Panics
/// Where the contract is broken.
pub fn pruner(make: &dyn Fn() -> Box<dyn Pruner>) {
    let accuracy = || ObjectiveInfo::maximize("accuracy");
    let (macs, latency) = (ObjectiveInfo::minimize("macs"), ObjectiveInfo::minimize("latency_ms"));
    for objectives in [vec![accuracy()], vec![accuracy(), macs.clone()], vec![macs, accuracy(), latency]] {
        for known in [false, true] {
            simulate(make, &objectives, known);
        }
    }
}

fn simulate(make: &dyn Fn() -> Box<dyn Pruner>, objectives: &[ObjectiveInfo], known: bool) {
    const STEPS: u64 = 30;
    let mut rng = ChaCha8Rng::seed_from_u64(objectives.len() as u64);
    let pruner = make();
    let mut history = History::new(objectives.to_vec());
    let (mut asked, mut lone_stopped) = (0, false);
    for number in 0..40 {
        let mut trial = FrozenTrial::waiting(number, Configuration::new());
        trial.state = TrialState::Running;
        trial.known = objectives.iter().map(|o| (known && o.name == "macs").then(|| rng.random())).collect();
        // Some report one objective, some all that are not known: both must be comparable.
        let unknown = trial.known.iter().filter(|value| value.is_none()).count();
        let told = if number % 2 == 0 { 1 } else { unknown };
        history.put(trial.clone());
        assert!(!pruner.should_prune(&history, &trial), "a trial without reports is not stopped");
        let quality: f64 = rng.random();
        for step in 1..=STEPS {
            // Every seventh trial shows the same as all of its kind.
            let value = if number % 7 == 0 { 0.5 } else { quality * step as f64 / STEPS as f64 };
            trial.reports.push((step, vec![value; told]));
            history.put(trial.clone());
            let stops = pruner.should_prune(&history, &trial);
            assert_eq!(stops, pruner.should_prune(&history, &trial), "asked again, it says the same");
            assert_eq!(stops, make().should_prune(&history, &trial), "made again, it says the same");
            asked += 1;
            if stops {
                lone_stopped |= number == 0;
                trial.state = TrialState::Pruned;
                break;
            }
        }
        if trial.state == TrialState::Running {
            if number % 5 == 4 {
                trial.state = TrialState::Failed;
            } else {
                trial.state = TrialState::Complete;
                trial.values = Some(vec![quality; objectives.len()]);
            }
        }
        history.put(trial);
    }
    assert!(asked > 40, "most trials get beyond their first report");
    assert!(!lone_stopped, "a trial that is compared with nothing is not stopped");
    let done = history.complete().next();
    assert!(done.is_some(), "some trials run to their end");
}

//! What trials make of a network.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use lightcrest::{Objective, Trial};
use lightcrest_graph::onnx::cost;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{BASE, parse};
use crate::compress::{CompressObjective, Compressed};

fn objective(text: &str) -> CompressObjective {
    let spec = parse(text).unwrap();
    let (splits, _) = spec.data.load().unwrap();
    CompressObjective::new(&spec, &splits).unwrap()
}

/// The same without training.
fn untrained() -> String {
    let begin = BASE.find("[finetune]").unwrap();
    let end = BASE.find("[budget]").unwrap();
    let text = format!("{}{}", &BASE[..begin], &BASE[end..]);
    let all = "\"prune\", \"svd\", \"tucker\", \"cp\", \"spatial\"]";
    text.replace("[\"prune\", \"tucker\"]", "[\"keep\", \"prune\", \"tucker\", \"cp\", \"spatial\"]")
        .replace("\"prune\", \"svd\", \"tucker\"]", all)
}

/// What a model costs when its file is looked at.
fn counted(made: &Compressed) -> (u64, u64) {
    let cost = cost(&made.model, &HashMap::new()).unwrap();
    (cost.macs, cost.parameters)
}

#[test]
fn the_cost_that_is_told_before_is_that_of_the_model() {
    let objective = objective(&untrained());
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..20 {
        let configuration = objective.spec().space().sample(&mut rng);
        let cost = objective.spec().cost(&objective.spec().plan(&configuration).unwrap());
        let made = objective.make(&configuration, 1, &AtomicBool::new(false)).unwrap();
        made.model.check().unwrap();
        assert_eq!(counted(&made), (cost.macs, cost.parameters), "{configuration:?}");
        let layers = objective.spec().fates(&configuration).unwrap();
        assert_eq!(layers.iter().map(|layer| layer.macs).sum::<u64>(), cost.macs);
    }
}

#[test]
fn the_first_trials_are_the_network_as_it_is_and_even_strengths() {
    let objective = objective(&untrained());
    let starts = objective.starts();
    assert!(starts.len() >= 4, "{starts:?}");
    let spec = objective.spec();
    let macs: Vec<u64> = starts.iter().map(|start| spec.cost(&spec.plan(start).unwrap()).macs).collect();
    assert_eq!(macs[0], spec.original_cost().macs);
    assert!(macs[1] * 2 <= macs[0] && macs[1] * 5 > macs[0] * 2, "half of the MACs, {macs:?}");
    let mut trial = Trial::detached(starts[0].clone(), 1);
    let evaluation = objective.evaluate(&mut trial).unwrap();
    assert_eq!(evaluation.attributes["agreement"], 1.0);
    assert_eq!(evaluation.attributes["accuracy_drop"], 0.0);
    assert_eq!(evaluation.values[1], macs[0] as f64);
    assert_eq!(trial.reports().len(), 1);
}

#[test]
fn the_same_configuration_makes_the_same_bytes() {
    let objective = objective(&untrained());
    let configuration = objective.spec().space().sample_seeded(4);
    let make = || objective.make(&configuration, 1, &AtomicBool::new(false)).unwrap().model.to_bytes();
    let first = make();
    assert!(first == make());
    let text = objective.spec().resolve(&configuration, 1, "model.onnx").unwrap();
    let again = self::objective(&text);
    let again = again.make(&Default::default(), 9, &AtomicBool::new(false)).unwrap();
    assert!(first == again.model.to_bytes());
}

#[test]
fn what_is_left_is_taught_by_the_original() {
    let text = BASE
        .replace("epochs = 2", "epochs = 3")
        .replace("{ low = 1e-3, high = 1e-1, log = true }", "1e-2")
        .replace("[finetune.optimizer.sgd]\nmomentum = [0.8, 0.9]", "[finetune.optimizer.adam]")
        .replace("metric = \"accuracy_drop\"\nmax", "metric = \"macs\"\nmax");
    let text = text.replace("max = 0.02", "max = 1e9").replace("{ low = 0.1, high = 1.0 }", "0.0");
    let objective = objective(&text.replace("epochs = 3", "epochs = 3\nbatch_size = 16"));
    assert_eq!(objective.untrained(), None);
    let starts = objective.starts();
    let mut trial = Trial::detached(starts.last().unwrap().clone(), 1);
    let (evaluation, made) = objective.run(&mut trial).unwrap();
    assert_eq!((made.epochs, trial.reports().len()), (3, 4), "before the first epoch, and after each");
    // The network was not trained when it came: the labels alone make it better.
    let untaught = trial.reports()[0].1[0];
    assert!(evaluation.values[0] > untaught + 0.1, "{untaught} to {}", evaluation.values[0]);
    assert_eq!(trial.reports()[3].1[0], evaluation.values[0], "the file does what the training says");
}

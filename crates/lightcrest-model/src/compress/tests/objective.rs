//! What trials make of a network.

use std::collections::HashMap;

use lightcrest::{Objective, Trial};
use lightcrest_graph::onnx::cost;
use lightcrest_graph::onnx::proto::element;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{BASE, parse};
use crate::compress::{CompressObjective, Compressed, LayerFate};
use crate::spec::Phase;

/// Nobody interrupts.
fn running() -> bool {
    false
}

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
        let made = objective.make(&configuration, Phase::Search, 1, &running).unwrap();
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
    let make = || objective.make(&configuration, Phase::Search, 1, &running).unwrap().model.to_bytes();
    let first = make();
    assert!(first == make());
    let text = objective.spec().resolve(&configuration, Phase::Search, 1, "model.onnx").unwrap();
    let again = self::objective(&text);
    let again = again.make(&Default::default(), Phase::Search, 9, &running).unwrap();
    assert!(first == again.model.to_bytes());
}

/// A spec whose fine-tuning learns something.
fn trained() -> String {
    let text = BASE
        .replace("epochs = 2", "epochs = 3")
        .replace("{ low = 1e-3, high = 1e-1, log = true }", "1e-2")
        .replace("[finetune.optimizer.sgd]\nmomentum = [0.8, 0.9]", "[finetune.optimizer.adam]")
        .replace("metric = \"accuracy_drop\"\nmax", "metric = \"macs\"\nmax");
    let text = text.replace("max = 0.02", "max = 1e9").replace("{ low = 0.1, high = 1.0 }", "0.0");
    text.replace("epochs = 3", "epochs = 3\nbatch_size = 16")
}

#[test]
fn what_is_left_is_taught_by_the_original() {
    let objective = objective(&trained());
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

#[test]
fn maps_of_the_original_are_learnt_where_channels_are_cut() {
    let weights = |features: &str| {
        let objective = objective(&trained().replace("features = 0.5", features));
        // half of the multiply-accumulates, evenly
        let made = objective.make(&objective.starts()[1], Phase::Search, 1, &running).unwrap();
        made.model.to_bytes()
    };
    assert!(weights("features = 0.0") == weights(""));
    assert!(weights("features = 0.5") != weights(""));
}

#[test]
fn a_refit_is_longer_on_all_images_and_its_spec_makes_it_again() {
    let text = trained().replace("source = \"digits\"", "source = \"digits\"\ntrain_images = 200");
    let text = text + "[refit]\nepochs = 5\n";
    let brief = objective(&text);
    let spec = brief.spec();
    let phase = Phase::Refit(5);
    let (splits, _) = spec.data(phase).load().unwrap();
    assert!(splits.train.len() > 1000, "{} images", splits.train.len());
    let long = CompressObjective::new(spec, &splits).unwrap();
    let start = brief.starts().pop().unwrap();
    let trial = brief.make(&start, Phase::Search, 1, &running).unwrap();
    let refit = long.make(&start, phase, 1, &running).unwrap();
    assert_eq!((trial.epochs, refit.epochs), (3, 5));
    assert!(brief.is_better(&refit.metrics, &trial.metrics), "{:?} {:?}", refit.metrics, trial.metrics);
    assert!(!brief.is_better(&trial.metrics, &refit.metrics));
    let again = objective(&spec.resolve(&start, phase, 1, "model.onnx").unwrap());
    let again = again.make(&Default::default(), Phase::Search, 9, &running).unwrap();
    assert!(refit.model.to_bytes() == again.model.to_bytes());
    let refused = parse(&(untrained() + "[refit]\nepochs = 5\n")).unwrap_err();
    assert!(refused.contains("without [finetune] nothing is trained"), "{refused}");
}

/// The same with int8, in all sections.
fn with_int8() -> String {
    untrained()
        .replace("\"spatial\"]\nkeep", "\"spatial\", \"int8\"]\nkeep")
        .replace("metric = \"macs\"", "metric = \"model_bytes\"")
}

/// Bytes of the constants of a model, and how many of them are signed 8-bit integers of more than one axis.
fn constants(made: &Compressed) -> (u64, usize) {
    let mut found = (0, 0);
    for tensor in &made.model.graph().initializer {
        let width = match tensor.data_type {
            element::FLOAT | element::INT32 => 4,
            element::INT8 | element::UINT8 => 1,
            _ => 0,
        };
        found.0 += width * tensor.dims.iter().product::<i64>() as u64;
        found.1 += usize::from(tensor.data_type == element::INT8 && tensor.dims.len() > 1);
    }
    found
}

#[test]
fn int8_is_chosen_for_each_section_and_costs_what_was_told() {
    let objective = objective(&with_int8());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut seen = [false; 2];
    for _ in 0..12 {
        let configuration = objective.spec().space().sample(&mut rng);
        let cost = objective.spec().cost(&objective.spec().plan(&configuration).unwrap());
        let made = objective.make(&configuration, Phase::Search, 1, &running).unwrap();
        made.model.check().unwrap();
        let (bytes, weights) = constants(&made);
        let stages = |layer: &LayerFate| match layer.method {
            "tucker" => 3,
            "cp" => 4,
            "svd" | "spatial" => 2,
            _ => 1,
        };
        let int8 = made.layers.iter().filter(|layer| layer.int8);
        assert_eq!(weights, int8.map(stages).sum::<usize>(), "{configuration:?}");
        seen[usize::from(weights > 0)] = true;
        let share = bytes as f64 / cost.bytes as f64;
        assert!((0.94..1.06).contains(&share), "told {} bytes, has {bytes}: {configuration:?}", cost.bytes);
        assert_eq!(counted(&made).0, cost.macs);
        let kept = made.layers.iter().find(|layer| layer.name == "conv3").unwrap();
        assert!(!kept.int8, "what is kept stays in fp32");
    }
    assert_eq!(seen, [true; 2]);
}

#[test]
fn the_network_as_it_is_in_int8_is_a_start_where_bytes_count() {
    let objective = objective(&with_int8());
    let spec = objective.spec();
    let int8 = |start: &lightcrest::Configuration| spec.plan(start).unwrap().has_int8();
    let starts: Vec<_> = objective.starts().into_iter().filter(int8).collect();
    assert!(starts.len() >= 3, "as it is and even strengths: {starts:?}");
    let made = objective.make(&starts[0], Phase::Search, 1, &running).unwrap();
    assert!(made.metrics.get("agreement").unwrap() > 0.9, "{:?}", made.metrics);
    let (before, after) = (spec.original_cost().bytes, spec.cost(&spec.plan(&starts[0]).unwrap()).bytes);
    // One of the three layers with most weights is kept.
    assert!(3 * after < 2 * before, "{before} to {after} bytes");

    // Where neither bytes nor time count there is nothing to win, and nothing is said of it.
    let all = BASE.replace("methods = [\"prune\", \"svd\", \"tucker\"]\n", "");
    let names = |text: &str| {
        let spec = parse(text).unwrap();
        spec.space().parameters().iter().any(|parameter| parameter.name.ends_with(".precision"))
    };
    assert!(!names(&all));
    assert!(names(&all.replacen("metric = \"macs\"", "metric = \"model_bytes\"", 1)));
    let kept =
        BASE.replacen("[finetune]", "[compress.sections.stage3-output]\nprecision = \"int8\"\n[finetune]", 1);
    let refused = parse(&kept).unwrap_err();
    assert!(refused.contains("no layer of section stage3-output can be int8"), "{refused}");
}

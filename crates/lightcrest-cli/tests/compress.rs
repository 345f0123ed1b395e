//! `lightcrest compress` from the outside: results, going on, other networks, images without labels.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::Place;
use lightcrest::storage::{SqliteStorage, load, open_url};
use lightcrest::{FrozenTrial, TrialState};
use lightcrest_graph::network::{Activation, Conv2d, Linear, Network, Op, Shape, Weights};
use lightcrest_graph::onnx::{ExportConfig, Model, save};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A compression of seconds.
const TINY: &str = r#"
[study]
name = "tiny"
seed = 3

[[objectives]]
metric = "agreement"

[[objectives]]
metric = "macs"

[model]
path = "model.onnx"
[model.preprocessing]
std = 0.25

[data]
source = "digits"
train_images = 100
validation_images = 100

[compress]
methods = ["prune", "svd", "tucker"]

[budget]
trials = 8

[workers]
count = 2

[sampler]
name = "random"
"#;

/// A network of two convolutions, not trained; `seed` tells it from others.
fn network(place: &Place, seed: u64) {
    let mut network = Network::new(Shape::new(1, 8, 8));
    let mut last = 0;
    for (name, from, to, stride) in [("conv1", 1, 12, 1), ("conv2", 12, 12, 2)] {
        let conv = Conv2d { bias: true, ..Conv2d::new(from, to, 3, stride) };
        last = network.push(name, Op::Conv2d(conv), &[last]).unwrap();
        last = network.push(format!("{name}.act"), Op::Activation(Activation::ReLU), &[last]).unwrap();
    }
    last = network.push("pool", Op::GlobalAvgPool, &[last]).unwrap();
    let fc = Linear { in_features: 12, out_features: 10, bias: true };
    network.push("fc", Op::Linear(fc), &[last]).unwrap();
    let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(seed));
    save(&network, &weights, &ExportConfig::default(), &place.path("model.onnx")).unwrap();
}

fn place() -> Place {
    let place = Place::new(TINY);
    network(&place, 1);
    place
}

#[test]
fn a_compression_leaves_everything_a_user_needs() {
    let place = place();
    let checked = place.succeed(&["check", "spec.toml"]).stdout;
    assert!(checked.contains("section     stage1-inner: prune, tucker of 1 layer"), "{checked}");
    let result = place.succeed(&["compress", "spec.toml"]);
    assert!(result.stdout.contains("Agreement"), "{}", result.stdout);
    let trials = place.trials();
    assert_eq!(trials.len(), 8);
    assert!(trials.iter().all(|trial| trial.state == TrialState::Complete), "{trials:?}");
    assert_eq!(trials[0].attributes["agreement"], 1.0, "the first is the network as it is");

    let models = place.names("runs/tiny/front");
    assert!(models.len() > 1, "{models:?}");
    for model in &models {
        let folder = format!("runs/tiny/front/{model}");
        assert_eq!(place.names(&folder), ["config.toml", "metrics.json", "model.onnx"]);
        let card = place.read(&format!("{folder}/metrics.json"));
        for name in ["test_agreement", "test_accuracy", "latency_ms", "file_bytes"] {
            assert!(card.contains(name), "{name} in {card}");
        }
        let written = Model::load(place.path(&format!("{folder}/model.onnx"))).unwrap();
        assert_eq!(written.graph().input[0].name, "image");
        assert_eq!(written.graph().output[0].name, "logits");
    }
    let page = place.read("runs/tiny/report.html");
    assert!(page.contains("\"change\":{\"method\":"), "the page draws what became of the layers");
    let shown = place.succeed(&["show", "runs/tiny"]).stdout;
    assert!(shown.contains("What became of it"), "{shown}");

    // The spec of a model makes the same bytes.
    let model = models.last().unwrap();
    let config = format!("runs/tiny/front/{model}/config.toml");
    place.succeed(&["compress", &config, "--out", "again"]);
    let bytes = |folder: &str| fs::read(place.path(&format!("{folder}/model.onnx"))).unwrap();
    assert!(bytes("again") == bytes(&format!("runs/tiny/front/{model}")));

    // Going on adds nothing, and a model that is missing is made again.
    let made = bytes(&format!("runs/tiny/front/{model}"));
    fs::remove_dir_all(place.path(&format!("runs/tiny/front/{model}"))).unwrap();
    fs::remove_dir_all(place.path("runs/tiny/weights")).unwrap();
    place.succeed(&["compress", "spec.toml"]);
    assert_eq!(place.trials(), trials);
    assert!(bytes(&format!("runs/tiny/front/{model}")) == made);
}

#[test]
fn workers_compress_a_network_whose_front_the_command_writes() {
    let place = place();
    let url = "sqlite:///studies.db";
    let start = |_| {
        let mut worker = place.command(&["worker", "spec.toml", "--storage", url]);
        worker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for mut worker in [0, 1].map(start) {
        assert_eq!(worker.wait().unwrap().code(), Some(0));
    }
    let trials = || {
        let path = place.path("studies.db").display().to_string();
        let (_, history) = load(&mut *open_url(&path, None).unwrap().look("tiny").unwrap()).unwrap();
        history.trials().to_vec()
    };
    let before = trials();
    assert_eq!(before.len(), 8, "the budget is that of the study");
    assert!(before.iter().all(|trial| trial.state == TrialState::Complete), "{before:?}");
    assert!(!place.names("runs/tiny/weights").is_empty() && place.names("runs/tiny/front").is_empty());
    place.succeed(&["compress", "spec.toml", "--storage", url]);
    let front = place.names("runs/tiny/front");
    assert!(!front.is_empty());
    for model in front {
        assert!(place.path(&format!("runs/tiny/front/{model}/model.onnx")).is_file());
    }
    assert_eq!(trials(), before, "nothing was left to run");
}

#[test]
fn the_front_is_trained_again_for_longer_and_the_better_model_is_kept() {
    let place = place();
    let finetune = "[finetune]\nepochs = 1\nbatch_size = 16\nlearning_rate = 1e-2\n[finetune.optimizer.adam]\n\
                    [refit]\nepochs = 3\nmodels = 2\n\n[budget]";
    let spec = TINY
        .replace("metric = \"agreement\"", "metric = \"validation_accuracy\"")
        .replace("trials = 8", "trials = 4")
        .replace("[budget]", finetune);
    place.write("spec.toml", &spec);
    place.succeed(&["compress", "spec.toml"]);
    let (mut refitted, mut longer) = (0, None);
    for model in place.names("runs/tiny/front") {
        let folder = format!("runs/tiny/front/{model}");
        let card: serde_json::Value =
            serde_json::from_str(&place.read(&format!("{folder}/metrics.json"))).unwrap();
        if card["refit"].is_null() {
            continue;
        }
        refitted += 1;
        assert_eq!(
            (&card["refit"]["epochs"], &card["refit"]["settings"]["images"]),
            (&3.into(), &"train".into())
        );
        // The network comes untrained: thirteen times as many images and three times as many epochs help.
        assert_eq!(card["refit"]["settings"]["kept"], "refit", "{card}");
        assert!(card["metrics"]["refit_validation_accuracy"].as_f64().unwrap() > 0.15, "{card}");
        longer = Some(folder);
    }
    assert_eq!(refitted, 2);
    // Its spec makes it again, and going on trains nothing anew.
    let folder = longer.unwrap();
    let before = place.read(&format!("{folder}/config.toml"));
    assert!(before.contains("epochs = 3") && !before.contains("train_images"), "{before}");
    let bytes = |folder: &str| fs::read(place.path(&format!("{folder}/model.onnx"))).unwrap();
    let made = bytes(&folder);
    place.succeed(&["compress", &format!("{folder}/config.toml"), "--out", "again"]);
    assert!(bytes("again") == made);
    let card = place.read(&format!("{folder}/metrics.json"));
    place.succeed(&["compress", "spec.toml"]);
    assert_eq!(place.read(&format!("{folder}/metrics.json")), card);
    // Without fine-tuning there is nothing to train for longer.
    place.write("untrained.toml", TINY.replace("[budget]", "[refit]\nepochs = 3\n\n[budget]"));
    let refused = place.run(&["compress", "untrained.toml"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("without [finetune] nothing is trained"), "{}", refused.stderr);
}

#[test]
fn another_network_is_refused_and_a_fresh_start_takes_it() {
    let place = place();
    place.write("spec.toml", TINY.replace("trials = 8", "trials = 2"));
    place.succeed(&["compress", "spec.toml", "--quiet"]);
    network(&place, 2);
    let before = place.contents();
    let refused = place.run(&["compress", "spec.toml"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("the network changed since the run"), "{}", refused.stderr);
    assert_eq!(place.contents(), before, "nothing was written");
    place.succeed(&["compress", "spec.toml", "--fresh"]);
}

#[test]
fn images_without_labels_do() {
    let place = place();
    for number in 0..30u8 {
        let pixels: Vec<u8> =
            (0..64usize).map(|at| ((at * 7 + usize::from(number) * 31) % 251) as u8).collect();
        let mut text = b"P5 8 8 255\n".to_vec();
        text.extend(pixels);
        place.write(&format!("photos/{number:02}.pgm"), text);
    }
    let spec = TINY
        .replace("source = \"digits\"", "source = \"images\"\npath = \"photos\"")
        .replace("train_images = 100\nvalidation_images = 100\n", "")
        .replace("trials = 8", "trials = 3");
    place.write("spec.toml", &spec);
    place.succeed(&["compress", "spec.toml"]);
    let card = place.read("runs/tiny/front/trial-0000/metrics.json");
    assert!(card.contains("test_agreement") && !card.contains("test_accuracy"), "{card}");
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_written() {
    let place = place();
    let mut cases = Vec::new();
    let mut case = |spec: String, expected: &'static str| cases.push((spec, expected));
    case(TINY.replace("model.onnx", "no.onnx"), "no.onnx");
    case(TINY.replace("model.onnx", "spec.toml"), "not an ONNX model");
    case(TINY.replace("\"tucker\"]", "\"tucker\"]\nkeep = [\"conv\"]"), "did you mean `conv1`");
    case(TINY.replace("source = \"digits\"", "source = \"fashion_mnist\"\npath = \"nowhere\""), "nowhere");
    let before = place.contents();
    for (spec, expected) in cases {
        place.write("spec.toml", &spec);
        let refused = place.run(&["compress", "spec.toml"]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(expected), "{expected}: {}", refused.stderr);
        place.write("spec.toml", TINY);
        assert_eq!(place.contents(), before, "nothing was written");
    }
    let other = place.run(&["search", "spec.toml"]);
    assert!(other.stderr.contains("`lightcrest compress spec.toml` compresses it"), "{}", other.stderr);
}

/// The trials that have ended, as far as there are any yet.
fn finished(place: &Place) -> Vec<FrozenTrial> {
    let path = place.path("runs/tiny/study.db");
    if !path.exists() {
        return vec![];
    }
    let found = SqliteStorage::read(path).ok().and_then(|mut storage| load(&mut storage).ok());
    let trials = found.map(|(_, history)| history.trials().to_vec()).unwrap_or_default();
    trials.into_iter().filter(|trial| trial.state.is_finished()).collect()
}

/// Starts a compression that would not end by itself and waits until so many trials are finished.
fn started(place: &Place, trials: usize) -> std::process::Child {
    let mut command = place.command(&["compress", "spec.toml", "--quiet"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while finished(place).len() < trials {
        assert!(begun.elapsed() < Duration::from_secs(300), "no trial ends");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn killed_it_goes_on_and_no_finished_trial_is_lost() {
    let place = place();
    place.write("spec.toml", TINY.replace("trials = 8", "trials = 100000"));
    let mut kept: Vec<FrozenTrial> = Vec::new();
    for round in 1..=2 {
        let mut child = started(&place, kept.len() + 3);
        child.kill().unwrap();
        child.wait().unwrap();
        let now = finished(&place);
        assert!(kept.iter().all(|trial| now.contains(trial)), "round {round}");
        kept = now;
    }
    // The budget is spent: what is there is written.
    place.write("spec.toml", TINY.replace("trials = 8", "trials = 3"));
    place.succeed(&["compress", "spec.toml", "--quiet"]);
    let now = finished(&place);
    assert!(kept.iter().all(|trial| now.contains(trial)));
    let models = place.names("runs/tiny/front");
    assert!(!models.is_empty());
    for model in models {
        Model::load(place.path(&format!("runs/tiny/front/{model}/model.onnx"))).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_with_what_is_there_stored() {
    let place = place();
    place.write("spec.toml", TINY.replace("trials = 8", "trials = 100000"));
    let child = started(&place, 3);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let trials = finished(&place);
    assert!(trials.len() >= 3);
    assert!(place.trials().iter().all(|trial| trial.state != TrialState::Running), "nothing is left open");
    let shown = place.succeed(&["show", "runs/tiny"]).stdout;
    assert!(shown.contains("Agreement"), "{shown}");
}

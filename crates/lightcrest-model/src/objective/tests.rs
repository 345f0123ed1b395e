use lightcrest::space::Configuration;
use lightcrest::{Executor, ExecutorConfig, Objective, Study, Trial, TrialState};
use std::time::Instant;

use super::*;
use crate::data::{DataConfig, SourceKind};

const SPEC: &str = r#"
[study]
name = "t"

[[objectives]]
metric = "validation_accuracy"
[[objectives]]
metric = "parameters"

[[constraints]]
metric = "macs"
max = 200_000
[[constraints]]
metric = "validation_accuracy"
min = 0.99

[data]
source = "digits"
train_images = 300

[training]
epochs = 2
batch_size = 32
learning_rate = 0.05

[[architecture.stages]]
name = "a"
stride = [1, 2]
[architecture.stages.modules.Conv]
out_channels = [4, 8, 64]
kernel = 3

[architecture.head]
"#;

fn objective(text: &str) -> NetworkObjective {
    let spec = Spec::parse(text, "t.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let (splits, _) = spec.data(Phase::Search).load().unwrap();
    NetworkObjective::new(&spec, splits)
}

fn configuration(stride: i64, channels: i64) -> Configuration {
    [("a.stride", stride), ("a.Conv.out_channels", channels)].into_iter().collect()
}

#[test]
fn the_preview_knows_what_training_does_not_change() {
    let objective = objective(SPEC);
    let preview = objective.preview(&configuration(1, 8));
    let parameters = (9 * 8 + 16 + 80 + 10) as f64; // convolution, batch normalisation, classifier
    assert_eq!(preview.objectives, [None, Some(parameters)]);
    assert_eq!(preview.violation, None);
    let preview = objective.preview(&configuration(1, 64));
    assert_eq!(preview.violation.as_deref(), None); // 64 * 9 * 64 + 640 = 37,504
    let tight = SPEC.replace("200_000", "30_000");
    let preview = self::objective(&tight).preview(&configuration(1, 64));
    assert_eq!(preview.violation.as_deref(), Some("macs = 37504 exceeds 30000"));
}

#[test]
fn a_network_that_does_not_fit_is_never_proposed() {
    let text = SPEC.replace(
        "[architecture.head]",
        "[[architecture.stages]]\nname = \"b\"\n[architecture.stages.modules.MaxPool]\nkernel = 9\n",
    );
    let preview = objective(&text).preview(&configuration(2, 8));
    assert!(preview.violation.unwrap().contains("does not fit"));
}

/// Two convolutions of 2^20 channels, or of few.
const HUGE: &str = "[architecture.head]\nchannels = [8, 1048576]\n";

fn huge(channels: i64) -> Configuration {
    let mut configuration = configuration(1, 64);
    configuration.set("head.channels", channels);
    configuration
}

#[test]
fn a_network_that_memory_does_not_hold_is_never_proposed_and_never_begun() {
    let text = SPEC.replace("[architecture.head]\n", HUGE).replace("max = 200_000", "max = 1e18");
    let objective = objective(&text).with_memory(Memory::new(Some(1_000_000_000)));
    assert_eq!(objective.preview(&huge(8)).violation, None);
    // 64 * 2^20 weights of the convolution before the classifier, 10 * 2^20 of it.
    let violation = objective.preview(&huge(1 << 20)).violation.unwrap();
    assert!(
        violation.starts_with("its training needs ") && violation.ends_with("and 1.0 GB are there"),
        "{violation}"
    );
    assert_eq!(objective.out_of_memory(&huge(1 << 20)).unwrap().to_string(), violation);
    match objective.evaluate(&mut Trial::detached(huge(1 << 20), 1)) {
        Err(TrialError::Failed { reason }) => assert_eq!(reason, violation),
        other => panic!("{other:?}"),
    }
    let mut silent = |_: &EpochReport| ControlFlow::Continue(());
    let trained = objective.train(&huge(1 << 20), Phase::Search, 1, &mut silent);
    assert!(matches!(trained, Err(ModelError::Memory(_))), "{trained:?}");
}

/// Counts the steps of every training.
struct Counter<'a>(&'a std::sync::atomic::AtomicUsize);

impl Observer for Counter<'_> {
    fn step(&mut self, _: usize, _: usize) -> ControlFlow<StopReason> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, _: &EpochReport) -> ControlFlow<StopReason> {
        ControlFlow::Continue(())
    }
}

#[test]
fn no_step_is_made_while_a_latency_is_measured() {
    let objective = objective(&SPEC.replace("epochs = 2", "epochs = 10"));
    let steps = std::sync::atomic::AtomicUsize::new(0);
    let made = || steps.load(std::sync::atomic::Ordering::SeqCst);
    std::thread::scope(|scope| {
        let training = scope.spawn(|| {
            let mut counter = Counter(&steps);
            objective.train(&configuration(2, 4), Phase::Search, 1, &mut counter).map(|_| ())
        });
        while made() == 0 {
            std::thread::yield_now();
        }
        let alone = crate::gate::GATE.measure();
        let before = made();
        std::thread::sleep(std::time::Duration::from_millis(30));
        // A step that was over may not have been counted yet.
        assert!(made() <= before + 1, "{before} steps, then {}", made());
        drop(alone);
        training.join().unwrap().unwrap();
    });
    assert_eq!(made(), 10 * 9);
}

#[test]
fn a_trial_trains_and_tells_everything() {
    let objective = objective(&SPEC.replace("epochs = 2", "epochs = 8"));
    let mut trial = Trial::detached(configuration(1, 64), 5);
    let (evaluation, model) = objective.run(&mut trial).unwrap();
    assert!(evaluation.values[0] > 0.3, "{evaluation:?}");
    assert_eq!(evaluation.values[1], (9 * 64 + 128 + 650) as f64);
    assert_eq!(trial.reports().len(), 8);
    assert_eq!(trial.reports()[7].1, [evaluation.values[0]]);
    let accuracy = &evaluation.constraints[1];
    assert!(
        accuracy.0 == "validation_accuracy" && (accuracy.1 - (0.99 - evaluation.values[0])).abs() < 1e-12
    );
    let told = Metrics::names().filter(|name| !matches!(*name, "agreement" | "accuracy_drop"));
    for name in told.chain(["seconds", "epochs", "latency_p90_ms", "latency_cpu_ms", "latency_disturbed"]) {
        assert!(evaluation.attributes.contains_key(name), "{name}");
    }
    // The same seed gives the same accuracy, and the resolved spec trains the same weights.
    let again = objective.evaluate(&mut Trial::detached(configuration(1, 64), 5)).unwrap();
    assert_eq!(again.values, evaluation.values);
    let text = objective.spec().resolve(&configuration(1, 64), 5, Phase::Search).unwrap();
    let resolved = self::objective(&text);
    let mut silent = |_: &EpochReport| ControlFlow::Continue(());
    let trained_again = resolved.train(&Configuration::new(), Phase::Search, 99, &mut silent).unwrap();
    assert_eq!(trained_again.weights, model.weights);
}

#[test]
fn divergence_is_a_failure_with_its_reason() {
    let objective = objective(&SPEC.replace("learning_rate = 0.05", "learning_rate = 1e30"));
    match objective.evaluate(&mut Trial::detached(configuration(1, 4), 1)) {
        Err(TrialError::Failed { reason }) => assert!(reason.contains("diverged"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn latency_before_training_stops_a_slow_network() {
    let text = SPEC
        .replace("metric = \"macs\"\nmax = 200_000", "metric = \"latency_ms\"\nmax = 1e-9\nbefore = true");
    match objective(&text).evaluate(&mut Trial::detached(configuration(1, 4), 1)) {
        Err(TrialError::Pruned { reason }) => {
            assert!(
                reason.starts_with("latency_ms = ")
                    && reason.ends_with("exceeds 0.000000001, before training")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_image_sizes_and_the_validation_images_are_prepared() {
    let text = SPEC
        .replace("[[architecture.stages]]", "[architecture]\nimage_size = [8, 12]\n[[architecture.stages]]")
        + "[refit]\nepochs = 1\nimages = \"train+validation\"\n";
    let spec = Spec::parse(&text, "t.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let (splits, _) = spec.data(Phase::Refit(1)).load().unwrap();
    let count = splits.train.len() + splits.validation.len();
    let objective = NetworkObjective::new(&spec, splits);
    let mut configuration = configuration(2, 8);
    configuration.set("image_size", 12);
    let mut silent = |_: &EpochReport| ControlFlow::Continue(());
    let model = objective.train(&configuration, Phase::Refit(1), 1, &mut silent).unwrap();
    assert_eq!((model.epochs.len(), model.network.input_shape().height), (1, 12));
    let variants = objective.variants.lock().unwrap();
    assert_eq!(variants.values().next().unwrap().train.len(), count);
}

#[test]
fn a_study_runs_on_it() {
    let objective = objective(SPEC);
    let space = objective.spec().space().clone();
    let mut study = Study::builder(space, objective.objectives().to_vec()).seed(1).build().unwrap();
    let executor = Executor::new(ExecutorConfig { workers: 2, trials: 4, ..ExecutorConfig::default() });
    executor.run(&mut study, &objective, &()).unwrap();
    assert!(study.trials().iter().all(|trial| trial.state == TrialState::Complete));
}

/// A sampler asks for thousands of previews a proposal. The bound is loose: tests run unoptimised on busy
/// machines.
#[test]
fn a_preview_is_cheap() {
    let text = include_str!("../../../../examples/boostcamp.toml");
    let spec = Spec::parse(text, "boostcamp.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let (splits, _) = DataConfig::new(SourceKind::Digits).load().unwrap();
    let objective = NetworkObjective::new(&spec, splits);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let configurations: Vec<_> = (0..1000).map(|_| objective.spec().space().sample(&mut rng)).collect();
    let start = Instant::now();
    let possible = configurations.iter().filter(|c| objective.preview(c).violation.is_none()).count();
    let each = start.elapsed().as_secs_f64() / 1000.0 * 1e6;
    println!("{each:.1} us a preview, {possible} of 1000 keep the limits");
    assert!(possible > 0 && each < 2000.0, "{each} us, {possible} possible");
}

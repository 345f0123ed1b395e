//! Whole runs: same seed, same sequence; workers; interruptions; whatever an objective does wrong.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use lightcrest::executor::Ending;
use lightcrest::objective::{Evaluation, ObjectiveInfo, Preview, TrialError};
use lightcrest::pruner::{HalvingConfig, MinResource, SuccessiveHalving};
use lightcrest::sampler::{BruteForceSampler, Capabilities, Context, RandomSampler, Sampler, SamplerError};
use lightcrest::space::{Configuration, Parameter, Space};
use lightcrest::storage::SqliteStorage;
use lightcrest::terminator::{RegretBound, Stagnation};
use lightcrest::{
    Executor, ExecutorConfig, FrozenTrial, Objective, Observer, Study, StudyError, Trial, TrialState,
};
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

fn space() -> Space {
    Space::builder()
        .log_float("rate", 1e-4, 1.0)
        .int("width", 1, 64)
        .categorical("optimizer", ["sgd", "adam"])
        .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
        .build()
        .unwrap()
}

/// Evaluates with a function.
struct With<F>(Vec<ObjectiveInfo>, F);

impl<F: Fn(&mut Trial<'_>) -> Result<Evaluation, TrialError> + Sync> With<F> {
    fn new(f: F) -> Self {
        Self(vec![ObjectiveInfo::minimize("loss")], f)
    }

    /// With random proposals, which do not depend on when results arrive.
    fn study(&self) -> Study {
        let builder = Study::builder(space(), self.0.clone()).seed(7);
        builder.sampler(RandomSampler::new()).build().unwrap()
    }
}

impl<F: Fn(&mut Trial<'_>) -> Result<Evaluation, TrialError> + Sync> Objective for With<F> {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.0
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
        (self.1)(trial)
    }
}

fn loss(configuration: &Configuration) -> f64 {
    (configuration.get_f64("rate").unwrap().log10() + 2.0).powi(2)
        + configuration.get_f64("momentum").unwrap_or(0.5)
}

fn run(trials: usize, workers: usize) -> Executor {
    Executor::new(ExecutorConfig { trials, workers, ..ExecutorConfig::default() })
}

/// What a trial came to, without its times.
fn outcome(trial: &FrozenTrial) -> (u64, TrialState, String, Option<Vec<f64>>) {
    (trial.number, trial.state, trial.configuration.key(), trial.values.clone())
}

fn seeded(trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
    let noise = (trial.seed() % 1000) as f64 / 1000.0;
    Ok(Evaluation::new([loss(trial.configuration()) + noise]))
}

#[test]
fn the_same_seed_gives_the_same_sequence_also_across_interruptions_and_storages() {
    // The sampler that every study has by default: what it keeps between calls must not show.
    let objective = With::new(seeded);
    let mut whole = Study::builder(space(), objective.0.clone()).seed(7).build().unwrap();
    run(30, 1).run(&mut whole, &objective, &()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    for trials in [7, 1, 22] {
        let storage = SqliteStorage::open(folder.path().join("study.db")).unwrap();
        let mut part = Study::builder(space(), objective.0.clone()).seed(7).storage(storage).build().unwrap();
        run(trials, 1).run(&mut part, &objective, &()).unwrap();
    }
    let stored = SqliteStorage::read(folder.path().join("study.db")).unwrap();
    let (definition, history) = { lightcrest::storage::load(&mut { stored }).unwrap() };
    assert_eq!(definition.seed, 7);
    let expected: Vec<_> = whole.trials().iter().map(outcome).collect();
    assert_eq!(history.trials().iter().map(outcome).collect::<Vec<_>>(), expected);

    let mut other = Study::builder(space(), objective.0.clone()).seed(8).build().unwrap();
    run(1, 1).run(&mut other, &objective, &()).unwrap();
    assert_ne!(outcome(&other.trials()[0]), expected[0]);
}

#[test]
fn workers_evaluate_at_the_same_time_and_lose_nothing() {
    const WORKERS: usize = 4;
    let together = Barrier::new(WORKERS);
    let threads: Mutex<HashSet<ThreadId>> = Mutex::default();
    let objective = With::new(|trial: &mut Trial<'_>| {
        if trial.number() < WORKERS as u64 {
            together.wait(); // passes only if as many trials run at once
        }
        threads.lock().unwrap().insert(std::thread::current().id());
        seeded(trial)
    });
    let mut study = objective.study();
    let summary = run(100, WORKERS).run(&mut study, &objective, &()).unwrap();
    assert_eq!((summary.complete, summary.failed), (100, 0));
    assert_eq!(study.trials().len(), 100);
    assert_eq!(threads.lock().unwrap().len(), WORKERS);
    let configurations: HashSet<_> = study.trials().iter().map(|t| t.configuration.key()).collect();
    assert_eq!(configurations.len(), 100, "no configuration is tried twice");
    // Random proposals do not look at results, so even with four workers they are those of one.
    let mut alone = objective.study();
    let plain = With::new(seeded);
    run(100, 1).run(&mut alone, &plain, &()).unwrap();
    assert_eq!(
        alone.trials().iter().map(outcome).collect::<Vec<_>>(),
        study.trials().iter().map(outcome).collect::<Vec<_>>()
    );
}

#[test]
fn a_panic_an_error_and_nan_fail_their_trial_only() {
    let objective = With::new(|trial: &mut Trial<'_>| {
        trial.set_attribute("kept", trial.number());
        match trial.number() % 5 {
            0 => panic!("no memory for trial {}", trial.number()),
            1 => Err(TrialError::Failed { reason: "loss diverged".to_owned() }),
            2 => Ok(Evaluation::new([f64::NAN])),
            3 => {
                trial.report(2, 0.5)?;
                trial.report(2, 0.5)?;
                seeded(trial)
            }
            _ => seeded(trial),
        }
    });
    let mut study = objective.study();
    let summary = run(10, 2).run(&mut study, &objective, &()).unwrap();
    assert_eq!((summary.complete, summary.failed), (2, 8));
    let reason = |number: usize| study.trials()[number].reason.clone().unwrap();
    assert_eq!(reason(0), "panicked: no memory for trial 0");
    assert_eq!(reason(1), "loss diverged");
    assert_eq!(reason(2), "objective `loss` is NaN");
    assert_eq!(reason(3), "reported step 2 after step 2, but steps must ascend");
    assert!(study.trials().iter().all(|trial| trial.attributes["kept"] == trial.number));
    assert_eq!(study.best().unwrap().number % 5, 4);
}

#[test]
fn a_wrong_number_of_values_ends_the_run() {
    let objective = With::new(|_: &mut Trial<'_>| Ok(Evaluation::new([1.0, 2.0])));
    let error = run(10, 1).run(&mut objective.study(), &objective, &()).unwrap_err();
    assert_eq!(error.to_string(), "trial 0 gave 2 values, but the study has 1 objectives");
}

#[test]
fn interrupted_trials_wait_and_run_again_as_they_were() {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let objective = With::new(move |trial: &mut Trial<'_>| {
        trial.report(1, 1.0)?;
        if trial.number() == 5 {
            flag.store(true, Ordering::Relaxed);
        }
        trial.check()?;
        seeded(trial)
    });
    let mut study = objective.study();
    let config = ExecutorConfig { trials: 10, stop, ..ExecutorConfig::default() };
    let summary = Executor::new(config).run(&mut study, &objective, &()).unwrap();
    assert_eq!(summary.ending, Ending::Stopped);
    assert_eq!(study.history().finished(), 5);
    assert_eq!(study.trials()[5].state, TrialState::Waiting);
    assert!(study.trials()[5].reports.is_empty());

    let plain = With::new(seeded);
    run(5, 1).run(&mut study, &plain, &()).unwrap();
    let mut whole = plain.study();
    run(10, 1).run(&mut whole, &plain, &()).unwrap();
    assert_eq!(
        study.trials().iter().map(outcome).collect::<Vec<_>>(),
        whole.trials().iter().map(outcome).collect::<Vec<_>>()
    );
}

#[test]
fn a_run_ends_when_everything_was_tried() {
    let loss = |trial: &mut Trial<'_>| Ok(Evaluation::new([trial.configuration().len() as f64]));
    let objective = With::new(loss);
    let space = Space::builder()
        .categorical("optimizer", ["sgd", "adam"])
        .parameter(Parameter::ordinal("momentum", [0.0, 0.5, 0.9]).when("optimizer", ["sgd"]))
        .int("layers", 1, 4)
        .build()
        .unwrap();
    for workers in [1, 3] {
        let builder = Study::builder(space.clone(), objective.0.clone());
        let mut study = builder.sampler(BruteForceSampler::new()).build().unwrap();
        let summary = run(usize::MAX, workers).run(&mut study, &objective, &()).unwrap();
        assert_eq!((summary.complete, summary.ending), (16, Ending::Exhausted));
        let tried: HashSet<_> = study.trials().iter().map(|trial| trial.configuration.key()).collect();
        assert_eq!(tried.len(), 16);
        let error = study.ask().unwrap_err().to_string();
        assert_eq!(error, "all 16 configurations of sampler `brute_force` have been tried");
    }
}

#[test]
fn a_terminator_ends_the_run_and_a_run_that_goes_on() {
    let objective = With::new(|trial: &mut Trial<'_>| Ok(Evaluation::new([trial.number().max(3) as f64])));
    let builder = Study::builder(space(), objective.0.clone()).terminator(Stagnation::new(5));
    let mut study = builder.build().unwrap();
    let summary = run(100, 1).run(&mut study, &objective, &()).unwrap();
    // The first of equal values is the news.
    assert_eq!((summary.complete, summary.ending), (6, Ending::Terminated));
    assert_eq!(summary.verdict.unwrap(), "none of 5 trials since trial 0 improved the best value");
    let summary = run(100, 2).run(&mut study, &objective, &()).unwrap();
    assert_eq!((summary.complete, summary.ending), (0, Ending::Terminated));

    let two = vec![ObjectiveInfo::minimize("loss"), ObjectiveInfo::minimize("macs")];
    let error = Study::builder(space(), two).terminator(RegretBound::new(None)).build().err().unwrap();
    assert_eq!(error.to_string(), "terminator `regret_bound` cannot judge 2 objectives, only one");
}

#[test]
fn a_timeout_ends_the_run() {
    let objective = With::new(|trial: &mut Trial<'_>| {
        loop {
            std::thread::sleep(Duration::from_millis(5));
            trial.check()?;
        }
    });
    let mut study = objective.study();
    let begun = Instant::now();
    let timeout = Some(Duration::from_millis(50));
    let config = ExecutorConfig { workers: 2, timeout, ..ExecutorConfig::default() };
    let summary = Executor::new(config).run(&mut study, &objective, &()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!((summary.complete, summary.ending), (0, Ending::Timeout));
    assert!(study.trials().iter().all(|trial| trial.state == TrialState::Waiting));
}

#[test]
fn a_value_may_be_infinite_but_not_nan() {
    let mut study = With::new(seeded).study();
    let mut tell = |value| {
        let number = study.ask().unwrap().number;
        study.tell(number, Ok(Evaluation::new([value]))).unwrap().state
    };
    assert_eq!(tell(f64::INFINITY), TrialState::Complete);
    assert_eq!(tell(f64::NAN), TrialState::Failed);
    assert_eq!(tell(0.5), TrialState::Complete);
    assert_eq!(tell(f64::NEG_INFINITY), TrialState::Complete);
    for _ in 0..15 {
        let number = study.ask().unwrap().number;
        study.tell(number, Ok(Evaluation::new([0.5]))).unwrap();
    }
}

#[test]
fn enqueued_configurations_come_first_and_are_checked() {
    let mut study = With::new(seeded).study();
    let mut wish = Configuration::new();
    wish.set("rate", 0.01);
    wish.set("width", 3);
    assert!(matches!(study.enqueue(&wish), Err(StudyError::Space(_))));
    wish.set("optimizer", "adam");
    let number = study.enqueue(&wish).unwrap();
    let asked = study.ask().unwrap();
    assert_eq!((asked.number, asked.configuration), (number, wish));
    assert_ne!(study.ask().unwrap().number, number);

    assert!(study.report(number, 2, &[1.0]).unwrap());
    assert!(study.report(number, 1, &[f64::NAN]).unwrap());
    assert!(!study.report(number, 2, &[7.0]).unwrap(), "the first report of a step stands");
    let steps: Vec<_> = study.trials()[0].reports.iter().map(|(step, values)| (*step, values[0])).collect();
    assert!(steps[0].0 == 1 && steps[0].1.is_nan() && steps[1] == (2, 1.0), "steps ascend: {steps:?}");
    assert!(study.set_constraint(number, "late", -1.0).unwrap());
    assert!(!study.set_constraint(number, "late", 1.0).unwrap(), "a constraint is set once");
    assert!(matches!(study.set_constraint(number, "b", f64::NAN), Err(StudyError::NanConstraint { .. })));

    study.tell(number, Ok(Evaluation::new([1.0]))).unwrap();
    assert!(matches!(study.report(number, 4, &[1.0]), Err(StudyError::NotRunning { .. })));
    let again = study.tell(number, Ok(Evaluation::new([1.0]))).unwrap_err();
    assert_eq!(again.to_string(), "trial 0 is complete, not running");
    assert!(matches!(
        study.tell(99, Err(TrialError::Interrupted)),
        Err(StudyError::UnknownTrial { number: 99 })
    ));
}

/// Accuracy grows with the width and the epochs; the size is known beforehand.
struct Network {
    objectives: Vec<ObjectiveInfo>,
    epochs: AtomicUsize,
}

impl Objective for Network {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.objectives
    }

    fn preview(&self, configuration: &Configuration) -> Preview {
        let width = configuration.get_f64("width").unwrap();
        let violation = (width > 48.0).then(|| format!("width = {width}, but at most 48 is allowed"));
        Preview { objectives: vec![None, Some(width)], violation, ..Preview::default() }
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
        let width = trial.configuration().get_f64("width").unwrap();
        let quality = (1.0 - 1.0 / (width + 1.0)) / (1.0 + loss(trial.configuration()));
        let mut accuracy = 0.0;
        for epoch in 1..=9 {
            self.epochs.fetch_add(1, Ordering::Relaxed);
            accuracy = quality * (1.0 - 0.5f64.powi(epoch));
            trial.report(epoch as u64, accuracy)?;
            trial.check()?;
        }
        let mut evaluation = Evaluation::new([accuracy, width]);
        evaluation.constraints.push(("accuracy".to_owned(), 0.1 - accuracy));
        Ok(evaluation)
    }
}

#[test]
fn trials_of_two_objectives_are_stopped_early_and_the_front_keeps_light_ones() {
    let objectives = vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("width")];
    let network = Network { objectives: objectives.clone(), epochs: AtomicUsize::new(0) };
    let halving = HalvingConfig { min_resource: MinResource::Steps(1), ..HalvingConfig::default() };
    let builder = Study::builder(space(), objectives).sampler(RandomSampler::new());
    let mut study = builder.pruner(SuccessiveHalving::new(halving).unwrap()).build().unwrap();
    let counter = Counter::default();
    let summary = run(200, 2).run(&mut study, &network, &counter).unwrap();
    assert_eq!(summary.complete + summary.pruned, 200);
    assert!(summary.pruned > 100, "{summary:?}");
    assert!(network.epochs.load(Ordering::Relaxed) < 200 * 9 / 2, "more than half of the epochs are saved");
    assert!(study.trials().iter().all(|trial| trial.configuration.get_i64("width").unwrap() <= 48));
    let front = study.front();
    assert!(front.iter().all(|trial| trial.is_feasible()));
    let widths: Vec<_> = front.iter().map(|trial| trial.values.as_ref().unwrap()[1]).collect();
    assert!(
        widths.iter().any(|width| *width <= 6.0) && widths.iter().any(|width| *width >= 20.0),
        "{widths:?}"
    );
    let pruned = study.history().in_state(TrialState::Pruned).next().unwrap();
    assert!(pruned.reason.as_ref().unwrap().starts_with("by `halving` at step "));
    let counts = [&counter.started, &counter.finished].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(counts, [200, 200]);
    assert_eq!(counter.reported.load(Ordering::Relaxed), network.epochs.load(Ordering::Relaxed));
}

#[derive(Default)]
struct Counter {
    started: AtomicUsize,
    reported: AtomicUsize,
    finished: AtomicUsize,
}

impl Observer for Counter {
    fn started(&self, _: &FrozenTrial) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    fn reported(&self, _: u64, _: u64, _: &[f64]) {
        self.reported.fetch_add(1, Ordering::Relaxed);
    }

    fn finished(&self, _: &FrozenTrial) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// A sampler that cannot do much.
struct Simple;

impl Sampler for Simple {
    fn name(&self) -> &'static str {
        "simple"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { several_objectives: false, conditions: false, continuous: true }
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        RandomSampler::new().propose(context, rng)
    }
}

#[test]
fn what_a_sampler_cannot_do_is_said_at_once() {
    let loss = || ObjectiveInfo::minimize("loss");
    let say = |space: Space, objectives| {
        Study::builder(space, objectives).sampler(Simple).build().err().unwrap().to_string()
    };
    assert_eq!(
        say(space(), vec![loss()]),
        "sampler `simple` cannot handle conditional parameters such as `momentum`"
    );
    let flat = Space::builder().float("x", 0.0, 1.0).build().unwrap();
    assert_eq!(
        say(flat.clone(), vec![loss(), ObjectiveInfo::minimize("macs")]),
        "sampler `simple` cannot handle 2 objectives, only one"
    );
    let forced = Study::builder(flat.clone(), vec![loss()]).sampler(BruteForceSampler::new()).build();
    assert_eq!(
        forced.err().unwrap().to_string(),
        "sampler `brute_force` cannot handle parameters without steps such as `x`"
    );
    assert_eq!(say(flat.clone(), vec![]), "a study needs at least one objective");
    assert_eq!(say(flat, vec![loss(), loss()]), "objective names must differ, but `loss` is there twice");
}

//! Several workers on one study: threads, handles on one file, processes.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use lightcrest::memory::Memory;
use lightcrest::objective::{Evaluation, ObjectiveInfo, Preview, TrialError};
use lightcrest::pruner::MedianPruner;
use lightcrest::sampler::{Capabilities, Context, RandomSampler, Sampler, SamplerError};
use lightcrest::space::{Configuration, Space, Value};
use lightcrest::storage::{Changes, Definition, MemoryStorage, SqliteStorage, Storage, StorageError, load};
use lightcrest::study::StudyBuilder;
use lightcrest::{Executor, ExecutorConfig, FrozenTrial, Objective, Study, StudyError, Trial, TrialState};
use rand_chacha::ChaCha8Rng;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longer than anything here takes: what waits so long would wait for ever.
const LONG: Duration = Duration::from_secs(60);

fn space() -> Space {
    Space::builder().float("x", 0.0, 1.0).float("y", 0.0, 1.0).int("n", 0, 1000).build().unwrap()
}

fn builder() -> StudyBuilder {
    Study::builder(space(), vec![ObjectiveInfo::minimize("loss")])
}

fn on(path: &Path) -> StudyBuilder {
    builder().storage(SqliteStorage::open(path).unwrap()).write_through(true)
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.db");
    (folder, path)
}

fn loss(configuration: &Configuration) -> f64 {
    let get = |name| configuration.get_f64(name).unwrap();
    (get("x") - 0.3).powi(2) + (get("y") - 0.7).powi(2) + get("n") / 1000.0
}

/// Evaluates with a function.
struct With<F>(Vec<ObjectiveInfo>, F);

impl<F: Fn(&mut Trial<'_>) -> Result<Evaluation, TrialError> + Sync> With<F> {
    fn new(f: F) -> Self {
        Self(vec![ObjectiveInfo::minimize("loss")], f)
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

fn run(trials: usize, workers: usize) -> Executor {
    Executor::new(ExecutorConfig { trials, workers, ..ExecutorConfig::default() })
}

/// Proposes with a function that gets the context and random numbers.
struct By<F>(F);

impl<F> Sampler for By<F>
where
    F: FnMut(&Context<'_>, &mut ChaCha8Rng) -> Result<Configuration, SamplerError> + Send,
{
    fn name(&self) -> &'static str {
        "by"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        (self.0)(context, rng)
    }
}

fn random(context: &Context<'_>, rng: &mut ChaCha8Rng) -> Result<Configuration, SamplerError> {
    RandomSampler::new().propose(context, rng)
}

#[test]
fn several_runs_share_the_trials_that_a_study_is_to_have() {
    let (_folder, path) = place();
    let study = || on(&path).sampler(RandomSampler::new()).build().unwrap();
    let objective = With::new(|trial| Ok(Evaluation::new([loss(trial.configuration())])));
    let executor =
        Executor::new(ExecutorConfig { workers: 2, study_trials: 21, ..ExecutorConfig::default() });
    let start = |n: i64| -> Configuration {
        [("x", Value::from(0.5)), ("y", 0.5.into()), ("n", n.into())].into_iter().collect()
    };
    let starts: Vec<Configuration> = (0..4).map(start).collect();
    drop(study());
    let work = || {
        let mut study = study();
        for start in &starts {
            study.enqueue_new(start).unwrap();
        }
        executor.run(&mut study, &objective, &()).unwrap().complete
    };
    let done: usize = std::thread::scope(|scope| {
        let runs = [0, 1, 2].map(|_| scope.spawn(work));
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(done, 21, "not one more, and none twice");
    let trials = study().trials().to_vec();
    assert_eq!(trials.len(), 21);
    assert!(trials.iter().all(|trial| trial.state == TrialState::Complete));
    for start in &starts {
        assert_eq!(trials.iter().filter(|trial| trial.configuration == *start).count(), 1);
    }
    assert_eq!(work(), 0, "nothing is left to do");
}

#[test]
fn a_run_waits_for_what_another_worker_runs_and_takes_it_over() {
    let (_folder, path) = place();
    let study = || on(&path).sampler(RandomSampler::new()).build().unwrap();
    let mut other = study();
    assert_eq!(other.ask().unwrap().number, 0);
    let mut here = study();
    let objective = With::new(|trial| Ok(Evaluation::new([loss(trial.configuration())])));
    let executor = Executor::new(ExecutorConfig { study_trials: 1, ..ExecutorConfig::default() });
    let done = std::thread::scope(|scope| {
        let run = scope.spawn(|| executor.run(&mut here, &objective, &()).unwrap());
        std::thread::sleep(Duration::from_millis(50));
        assert!(!run.is_finished(), "the trial is still run by somebody");
        drop(other);
        run.join().unwrap()
    });
    assert_eq!((done.complete, here.trials()[0].attempt), (1, 2));
}

#[test]
fn a_pruner_goes_by_what_others_reported_meanwhile() {
    for write_through in [true, false] {
        let (_folder, path) = place();
        let open = || {
            let builder = on(&path).sampler(RandomSampler::new()).pruner(MedianPruner::default());
            builder.write_through(write_through).build().unwrap()
        };
        let (mut here, mut there) = (open(), open());
        let own = here.ask().unwrap().number;
        for _ in 0..6 {
            let number = there.ask().unwrap().number;
            there.report(number, 1, &[0.1]).unwrap();
            there.tell(number, Ok(Evaluation::new([0.1]))).unwrap();
        }
        here.report(own, 1, &[5.0]).unwrap();
        assert!(here.should_prune(own).unwrap(), "six better trials came meanwhile");
    }
}

#[test]
fn trials_go_on_while_another_is_proposed() {
    let (thinking, is_thinking) = sync_channel::<()>(1);
    let (reported, is_reported) = sync_channel::<()>(1);
    let heard = Arc::new(AtomicBool::new(false));
    let (said, both) = (heard.clone(), Mutex::new((thinking, is_reported)));
    let sampler = By(move |context: &Context<'_>, rng: &mut ChaCha8Rng| {
        if context.number == 1 {
            let both: &(SyncSender<()>, Receiver<()>) = &both.lock().unwrap();
            both.0.send(()).unwrap();
            said.store(both.1.recv_timeout(LONG).is_ok(), Ordering::Relaxed);
        }
        random(context, rng)
    });
    let ears = Mutex::new(is_thinking);
    let objective = With::new(|trial: &mut Trial<'_>| {
        if trial.number() == 0 {
            ears.lock().unwrap().recv_timeout(LONG).expect("another worker asks meanwhile");
            trial.report(1, 0.5)?;
            trial.check()?;
            reported.send(()).unwrap();
        }
        Ok(Evaluation::new([loss(trial.configuration())]))
    });
    let mut study = builder().sampler(sampler).pruner(MedianPruner::default()).build().unwrap();
    run(2, 2).run(&mut study, &objective, &()).unwrap();
    assert!(heard.load(Ordering::Relaxed), "the report waited for the proposal");
    assert_eq!(study.history().finished(), 2);
}

#[test]
fn no_proposal_is_thrown_away() {
    const HANDLES: usize = 4;
    const EACH: usize = 6;
    let (_folder, path) = place();
    let proposals = Arc::new(AtomicUsize::new(0));
    let together = Barrier::new(HANDLES);
    std::thread::scope(|scope| {
        for _ in 0..HANDLES {
            let (proposals, together, path) = (proposals.clone(), &together, &path);
            scope.spawn(move || {
                let sampler = By(move |context: &Context<'_>, rng: &mut ChaCha8Rng| {
                    proposals.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2)); // so that others ask meanwhile
                    random(context, rng)
                });
                let mut study = on(path).sampler(sampler).build().unwrap();
                together.wait();
                for _ in 0..EACH {
                    let trial = study.ask().unwrap();
                    study.tell(trial.number, Ok(Evaluation::new([loss(&trial.configuration)]))).unwrap();
                }
            });
        }
    });
    assert_eq!(proposals.load(Ordering::Relaxed), HANDLES * EACH);
    let (_, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert_eq!(history.complete().count(), HANDLES * EACH);
}

/// The first place of a row of ten that is not taken: whoever knows the same proposes the same.
fn first_free(context: &Context<'_>) -> Configuration {
    let at = |k: usize| Configuration::from_iter([("x", k as f64 / 10.0), ("y", 0.5)]);
    let places = (0..10).map(at).map(|mut place| {
        place.set("n", 7);
        place
    });
    let mut free = places.filter(|place| !context.history.contains(place));
    free.next().expect("there are more places than trials")
}

#[test]
fn two_who_ask_at_the_same_time_do_not_try_the_same() {
    // Two handles, as two processes have: each proposes before the other's proposal is there.
    let (_folder, path) = place();
    let together = Arc::new(Barrier::new(2));
    let tried: Mutex<Vec<Configuration>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (together, tried, path) = (together.clone(), &tried, &path);
            scope.spawn(move || {
                let mut first = true;
                let sampler = By(move |context: &Context<'_>, _: &mut ChaCha8Rng| {
                    let choice = first_free(context);
                    if std::mem::take(&mut first) {
                        together.wait();
                    }
                    Ok(choice)
                });
                let trial = on(path).sampler(sampler).build().unwrap().ask().unwrap();
                tried.lock().unwrap().push(trial.configuration);
            });
        }
    });
    let tried = tried.into_inner().unwrap();
    assert_ne!(tried[0], tried[1]);
    let (_, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert!(history.trials().iter().all(|trial| tried.contains(&trial.configuration)), "what is stored runs");

    // Workers of one process.
    let objective = With::new(|trial: &mut Trial<'_>| Ok(Evaluation::new([loss(trial.configuration())])));
    let sampler = By(|context: &Context<'_>, _: &mut ChaCha8Rng| Ok(first_free(context)));
    let mut study = builder().sampler(sampler).build().unwrap();
    run(10, 4).run(&mut study, &objective, &()).unwrap();
    let tried: HashSet<_> = study.trials().iter().map(|trial| trial.configuration.key()).collect();
    assert_eq!(tried.len(), 10);
}

fn reserved(number: u64) -> FrozenTrial {
    FrozenTrial { state: TrialState::Running, ..FrozenTrial::waiting(number, Configuration::new()) }
}

#[test]
fn a_number_that_was_reserved_by_a_process_which_died_is_proposed_for_as_if_it_had_not_been() {
    // With the sampler that every study has by default.
    let objective = With::new(|trial: &mut Trial<'_>| Ok(Evaluation::new([loss(trial.configuration())])));
    let mut whole = builder().seed(3).build().unwrap();
    run(13, 1).run(&mut whole, &objective, &()).unwrap();

    let (_folder, path) = place();
    run(12, 1).run(&mut on(&path).seed(3).build().unwrap(), &objective, &()).unwrap();
    let mut storage = SqliteStorage::open(&path).unwrap();
    let claim = Some(lightcrest::Claim::draw(true));
    storage.create(&FrozenTrial { attempt: 1, claim, ..reserved(12) }).unwrap();
    let (_, seen) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert_eq!(seen.len(), 12, "who reads meanwhile sees the trials that there are");
    drop(storage);

    let mut study = on(&path).seed(3).build().unwrap();
    study.reclaim().unwrap();
    assert_eq!(study.trials()[12].state, TrialState::Waiting, "it waits like one that was interrupted");
    let asked = study.ask().unwrap();
    assert_eq!((asked.number, &asked.configuration), (12, &whole.trials()[12].configuration));
    assert!(asked.started.is_some());
}

#[test]
fn a_reservation_before_other_trials_is_a_running_trial_without_parameters() {
    let (_folder, path) = place();
    let mut study = on(&path).build().unwrap();
    let mut elsewhere = SqliteStorage::open(&path).unwrap();
    elsewhere.definition().unwrap();
    elsewhere.create(&reserved(0)).unwrap();
    for number in 1..16 {
        // Samplers must cope with it.
        let trial = study.ask().unwrap();
        assert_eq!(trial.number, number);
        study.tell(number, Ok(Evaluation::new([loss(&trial.configuration)]))).unwrap();
    }
    assert_eq!(study.trials()[0], reserved(0));
    let (_, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert_eq!(history, *study.history());
    // Whoever reserved it goes on.
    let configuration = study.trials()[1].configuration.clone();
    let begun = FrozenTrial { configuration, started: Some(1), ..reserved(0) };
    elsewhere.update(&begun, TrialState::Running).unwrap();
    study.synchronize().unwrap();
    assert_eq!(study.trials()[0], begun);
}

#[test]
fn a_sampler_that_fails_leaves_no_trial() {
    let (_folder, path) = place();
    let broken = Arc::new(AtomicBool::new(true));
    let flag = broken.clone();
    let sampler = By(move |context: &Context<'_>, rng: &mut ChaCha8Rng| match flag.load(Ordering::Relaxed) {
        true => Err(SamplerError::Internal { sampler: "by", reason: "no idea".to_owned() }),
        false => random(context, rng),
    });
    let mut study = on(&path).sampler(sampler).build().unwrap();
    for _ in 0..2 {
        assert_eq!(study.ask().unwrap_err().to_string(), "sampler `by` failed: no idea");
    }
    let (_, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert!(history.is_empty() && study.trials().is_empty());
    broken.store(false, Ordering::Relaxed);
    assert_eq!(study.ask().unwrap().number, 0);
    let mut other = on(&path).sampler(RandomSampler::new()).build().unwrap();
    assert_eq!(other.ask().unwrap().number, 1);
}

/// A storage in memory whose updates are refused while a flag is set.
struct Full(MemoryStorage, Arc<AtomicBool>);

impl Storage for Full {
    fn definition(&mut self) -> Result<Option<Definition>, StorageError> {
        self.0.definition()
    }

    fn make(&mut self, definition: &Definition) -> Result<(), StorageError> {
        self.0.make(definition)
    }

    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError> {
        self.0.open(definition)
    }

    fn create(&mut self, trial: &FrozenTrial) -> Result<u64, StorageError> {
        self.0.create(trial)
    }

    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError> {
        match self.1.load(Ordering::Relaxed) {
            true => Err(StorageError::DiskFull { place: self.place() }),
            false => self.0.update(trial, from),
        }
    }

    fn changes(&mut self, since: u64) -> Result<Changes, StorageError> {
        self.0.changes(since)
    }

    fn report(&mut self, trial: &FrozenTrial, step: u64, values: &[f64]) -> Result<u64, StorageError> {
        match self.1.load(Ordering::Relaxed) {
            true => Err(StorageError::DiskFull { place: self.place() }),
            false => self.0.report(trial, step, values),
        }
    }

    fn withdraw(&mut self, reserved: &FrozenTrial) -> Result<bool, StorageError> {
        self.0.withdraw(reserved)
    }

    fn abandoned(&mut self) -> Result<Vec<u64>, StorageError> {
        self.0.abandoned()
    }

    fn reclaim(&mut self, retries: u64) -> Result<usize, StorageError> {
        self.0.reclaim(retries)
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, Json>, StorageError> {
        self.0.attributes()
    }

    fn set_attribute(&mut self, name: &str, value: Json) -> Result<(), StorageError> {
        self.0.set_attribute(name, value)
    }

    fn delete(&mut self) -> Result<(), StorageError> {
        self.0.delete()
    }

    fn memory(&mut self) -> Result<Memory, StorageError> {
        self.0.memory()
    }

    fn remember(&mut self, memory: &Memory) -> Result<Memory, StorageError> {
        self.0.remember(memory)
    }

    fn place(&self) -> String {
        "full".to_owned()
    }
}

#[test]
fn a_storage_that_fails_under_a_trial_ends_the_run_and_blames_no_trial() {
    for asks in [true, false] {
        let full = Arc::new(AtomicBool::new(false));
        let (storage, flag, begun) = (MemoryStorage::new(), full.clone(), AtomicUsize::new(0));
        let objective = With::new(|trial: &mut Trial<'_>| {
            begun.fetch_add(1, Ordering::Relaxed);
            let x = trial.suggest_float("x", 0.0, 1.0)?;
            if trial.number() == 2 {
                full.store(true, Ordering::Relaxed);
            }
            if asks {
                trial.suggest_float("y", 0.0, 1.0)?;
            } else {
                trial.report(1, x)?;
            }
            Ok(Evaluation::new([x]))
        });
        let study = Study::define_by_run(objective.0.clone()).storage(Full(storage.clone(), flag));
        let mut study = study.sampler(RandomSampler::new()).write_through(true).build().unwrap();
        let error = run(10, 1).run(&mut study, &objective, &()).unwrap_err();
        assert!(matches!(error, StudyError::Storage(StorageError::DiskFull { .. })), "{error}");
        assert_eq!(begun.load(Ordering::Relaxed), 3, "the run ends at once");
        assert_eq!(study.history().in_state(TrialState::Failed).count(), 0);
        full.store(false, Ordering::Relaxed);
        let (_, history) = load(&mut storage.clone()).unwrap();
        assert_eq!(history.finished(), 2);
    }
}

#[test]
fn what_could_not_be_written_can_be_tried_again() {
    let full = Arc::new(AtomicBool::new(false));
    let storage = MemoryStorage::new();
    let study = Study::define_by_run(vec![ObjectiveInfo::minimize("loss")]);
    let study = study.storage(Full(storage.clone(), full.clone())).write_through(true);
    let mut study = study.build().unwrap();
    let number = study.ask().unwrap().number;
    let before = study.trials()[0].clone();
    let unit = lightcrest::space::Domain::Float { low: 0.0, high: 1.0, log: false, step: None };
    full.store(true, Ordering::Relaxed);
    study.report(number, 1, &[0.5]).unwrap_err();
    study.set_constraint(number, "c", 1.0).unwrap_err();
    study.set_attribute(number, "a", 1).unwrap_err();
    study.suggest(number, "x", &unit).unwrap_err();
    assert_eq!(study.trials()[0], before, "what is not stored is not there");
    full.store(false, Ordering::Relaxed);
    assert!(study.report(number, 1, &[0.5]).unwrap());
    assert!(study.set_constraint(number, "c", 1.0).unwrap());
    study.set_attribute(number, "a", 1).unwrap();
    study.suggest(number, "x", &unit).unwrap();
    let (_, history) = load(&mut storage.clone()).unwrap();
    assert_eq!(history.trials()[0], study.trials()[0]);
}

/// Where a child finds its database, and when it begins; set by the parent.
const CHILD: &str = "LIGHTCREST_TEST_SHARED";

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// The child: makes or opens the study at a moment, and runs a few trials. No test unless a database is
/// named.
#[test]
fn child() {
    let Some(told) = std::env::var_os(CHILD) else { return };
    let told = told.into_string().unwrap();
    let (moment, path) = told.split_once(' ').unwrap();
    let moment: u128 = moment.parse().unwrap();
    while now_ms() < moment {
        std::hint::spin_loop();
    }
    let objective = With::new(|trial: &mut Trial<'_>| Ok(Evaluation::new([loss(trial.configuration())])));
    run(3, 1).run(&mut on(Path::new(path)).build().unwrap(), &objective, &()).unwrap();
}

#[test]
fn processes_that_make_the_same_study_at_once_all_get_in() {
    for _ in 0..3 {
        let (_folder, path) = place();
        let told = format!("{} {}", now_ms() + 150, path.display());
        let child = || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(CHILD, &told);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = (0..5).map(|_| child()).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let (_, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
        assert_eq!((history.len(), history.complete().count()), (15, 15));
    }
}

#[test]
fn of_those_who_make_a_new_study_one_succeeds() {
    let (_folder, path) = place();
    let (together, made) = (Barrier::new(6), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                together.wait();
                match on(&path).new_only(true).build() {
                    Ok(_) => drop(made.fetch_add(1, Ordering::Relaxed)),
                    Err(StudyError::Storage(StorageError::Exists { name })) => assert_eq!(name, "study"),
                    Err(error) => panic!("{error}"),
                }
            });
        }
    });
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[test]
fn a_waiting_trial_without_parameters_is_proposed_for() {
    let mut study = Study::define_by_run(vec![ObjectiveInfo::minimize("loss")]).build().unwrap();
    let unit = lightcrest::space::Domain::Float { low: 0.0, high: 1.0, log: false, step: None };
    for _ in 0..12 {
        let number = study.ask().unwrap().number;
        let x = study.suggest(number, "x", &unit).unwrap().as_f64().unwrap();
        study.tell(number, Ok(Evaluation::new([x]))).unwrap();
    }
    study.enqueue(&Configuration::new()).unwrap();
    let trial = study.ask_with(&|_| Preview::default()).unwrap();
    assert_eq!((trial.number, trial.configuration.len()), (12, 1));
}

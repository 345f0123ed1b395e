//! The contract of [`Storage`], checked.

use crate::history::{Claim, FrozenTrial, TrialState};
use crate::memory::{Lesson, Memory, Source};
use crate::objective::ObjectiveInfo;
use crate::space::{Configuration, Domain, Parameter, Space, Value};
use crate::storage::{Catalog, Definition, Storage, StorageError, copy, load};
use serde_json::json;
use std::time::{Duration, Instant};

fn definition() -> Definition {
    let space = Space::builder()
        .log_float("learning rate", 1e-5, 1e-1)
        .categorical(
            "optimizer",
            [Value::Null, Value::Bool(true), "sgd \"fast\" ü".into(), 3.into(), 0.1.into()],
        )
        .parameter(Parameter::int("depth", -3, 3).when("optimizer", [Value::Null]))
        .build();
    Definition {
        name: "suite".to_owned(),
        space: space.expect("the space of the suite is valid"),
        discovered: false,
        objectives: vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("macs")],
        seed: u64::MAX - 5,
        spec: "epochs = 3\n".to_owned(),
        engine: "0.0.0".to_owned(),
        created: 1_700_000_000_000,
    }
}

/// A trial that uses every field.
fn full(number: u64, state: TrialState) -> FrozenTrial {
    let values =
        [("learning rate", Value::Float(0.1 + 0.2)), ("optimizer", Value::Null), ("depth", Value::Int(-3))];
    let mut trial = FrozenTrial::waiting(number, values.into_iter().collect());
    trial.state = state;
    let domain = |high| Domain::Float { low: -0.1, high, log: false, step: Some(0.1) };
    trial.suggestions = [("learning rate", domain(0.3)), ("ä \"b\"", domain(1e3))].into_iter().collect();
    trial.known = vec![None, Some(1e300)];
    trial.values = (state == TrialState::Complete).then(|| vec![1.0 / 3.0, -5e-324]);
    trial.reports = vec![(1, vec![0.1]), (u64::from(u32::MAX), vec![1e-7])];
    trial.constraints = vec![("macs".to_owned(), -0.5)];
    trial.attributes = [("log".to_owned(), json!({"epochs": [1, 2.5, null], "text": "ü\u{0}\n"}))].into();
    trial.reason = Some("panicked: 'no' \u{1F980}".to_owned());
    trial.started = Some(1_700_000_000_001);
    trial.finished = state.is_finished().then_some(1_700_000_000_002);
    trial.attempt = 2;
    // The same in every state: each is what became of one run.
    let claim = Claim { token: u64::MAX - number, leased: true };
    trial.claim = (state != TrialState::Waiting).then_some(claim);
    trial
}

/// What a run of somebody else would write.
fn by_another(trial: FrozenTrial) -> FrozenTrial {
    FrozenTrial { claim: Some(Claim { token: 7, leased: true }), ..trial }
}

fn memory(name: &str) -> Memory {
    let lesson = Lesson {
        configuration: [("learning rate", 0.1 + 0.2)].into_iter().collect(),
        values: vec![Some(1.0 / 3.0), None],
        scores: vec![Some(-5e-324), None],
    };
    Memory::new(vec![Source { name: name.to_owned(), trials: 7, lessons: vec![lesson] }], None)
}

fn opened(mut storage: Box<dyn Storage>) -> Box<dyn Storage> {
    storage.open(&definition()).expect("a fresh storage opens a study");
    storage
}

/// Checks the contract on fresh, empty storages.
///
/// # Panics
/// Where the contract is broken.
pub fn storage(fresh: &mut dyn FnMut() -> Box<dyn Storage>) {
    let mut storage = fresh();
    assert_eq!(storage.definition().expect("readable"), None, "a fresh storage keeps no study");
    assert!(matches!(load(&mut *storage), Err(StorageError::NoStudy)), "there is nothing to load");
    storage.make(&definition()).expect("there is none yet");
    let again = storage.make(&definition());
    assert!(matches!(again, Err(StorageError::Exists { .. })), "a study is made once: {again:?}");
    assert_eq!(storage.open(&definition()).expect("opens"), definition());
    assert_eq!(
        storage.definition().expect("readable"),
        Some(definition()),
        "a definition comes back unchanged"
    );
    // Made by another engine at another time, it is still the same study.
    let again = Definition { engine: "9.9.9".to_owned(), created: 0, ..definition() };
    assert_eq!(storage.open(&again).expect("the same study opens again"), definition());

    for other in [
        Definition { name: "other".to_owned(), ..definition() },
        Definition { seed: 0, ..definition() },
        Definition { spec: "epochs = 4\n".to_owned(), ..definition() },
        Definition { objectives: vec![ObjectiveInfo::maximize("accuracy")], ..definition() },
        Definition { discovered: true, ..definition() },
        Definition { space: Space::builder().build().expect("empty is valid"), ..definition() },
    ] {
        let refused = storage.open(&other);
        assert!(
            matches!(refused, Err(StorageError::OtherStudy { .. })),
            "another study is refused: {refused:?}"
        );
    }

    assert_eq!(storage.memory().expect("readable"), Memory::default(), "nothing was learnt");
    assert_eq!(storage.remember(&memory("a")).expect("there are no trials yet"), memory("a"));
    assert_eq!(storage.remember(&memory("b")).expect("readable"), memory("a"), "what is learnt stays");
    assert_eq!(storage.memory().expect("readable"), memory("a"), "a memory comes back unchanged");
    let changes = |storage: &mut Box<dyn Storage>, since| storage.changes(since).expect("readable");
    let empty = changes(&mut storage, 0);
    assert!(empty.trials.is_empty(), "no trials yet");
    let states = [TrialState::Waiting, TrialState::Running, TrialState::Complete, TrialState::Pruned];
    for (number, state) in (0..).zip(states) {
        storage.create(&full(number, state)).expect("the next number can be created");
    }
    let all = changes(&mut storage, empty.revision);
    let expected: Vec<_> = (0..).zip(states).map(|(number, state)| full(number, state)).collect();
    assert_eq!(all.trials, expected, "every field comes back exactly");
    assert!(changes(&mut storage, all.revision).trials.is_empty(), "nothing is new");

    for number in [1, 5] {
        let taken = storage.create(&full(number, TrialState::Running));
        assert!(
            matches!(taken, Err(StorageError::NumberTaken { next: 4, .. })),
            "only the next number can be created: {taken:?}"
        );
    }
    let revision = storage.update(&full(1, TrialState::Failed), TrialState::Running);
    let revision = revision.expect("a running trial can fail");
    assert_eq!(revision, all.revision + 1, "a write raises the revision by one and says so");
    let late = storage.update(&full(1, TrialState::Complete), TrialState::Running);
    assert!(
        matches!(late, Err(StorageError::StateConflict { number: 1, found: TrialState::Failed, .. })),
        "a trial is not finished twice: {late:?}"
    );
    let later = storage.update(&by_another(full(1, TrialState::Complete)), TrialState::Running);
    assert!(matches!(later, Err(StorageError::LeaseLost { number: 1 })), "{later:?}");
    let unknown = storage.update(&full(9, TrialState::Complete), TrialState::Running);
    assert!(matches!(unknown, Err(StorageError::UnknownTrial { number: 9 })), "{unknown:?}");
    let news = changes(&mut storage, all.revision);
    assert_eq!(news.trials, [full(1, TrialState::Failed)], "exactly what was written is new");
    assert_eq!(news.revision, revision);

    let (stored, history) = load(&mut *storage).expect("loads");
    assert_eq!(stored, definition());
    assert_eq!(history.len(), 4);
    assert_eq!(**history.memory(), memory("a"));
    let mut other = opened(fresh());
    other.create(&full(0, TrialState::Complete)).expect("creates");
    let late = other.remember(&memory("a")).expect("readable");
    assert_eq!(late, Memory::default(), "a study that has trials learns no more");

    for number in [4, 5] {
        storage.create(&reserved(number)).expect("the next number can be reserved");
    }
    assert!(!storage.withdraw(&reserved(4)).expect("readable"), "a number with another one after it stays");
    let other = storage.withdraw(&by_another(reserved(5)));
    assert!(!other.expect("readable"), "a reservation of another run stays");
    assert!(storage.withdraw(&reserved(5)).expect("the last number can be given back"));
    let ended = storage.withdraw(&full(3, TrialState::Pruned));
    assert!(!ended.expect("readable"), "a trial is no reservation");
    storage.create(&reserved(5)).expect("what was given back can be taken again");
    let begun = FrozenTrial { started: Some(1), ..reserved(5) };
    storage.update(&begun, TrialState::Running).expect("a reserved trial can begin");
    assert!(!storage.withdraw(&begun).expect("readable"), "one that has begun stays");
    assert_eq!(changes(&mut storage, revision).trials, [reserved(4), begun]);
    let (_, history) = load(&mut *storage).expect("loads");
    assert_eq!(history.len(), 6, "a reservation before another trial is there");
    runs(&mut *opened(fresh()));
    sends(&mut *opened(fresh()));
    attributes(&mut *opened(fresh()));
}

/// Runs of a trial, and what they report.
fn runs(storage: &mut dyn Storage) {
    let (mut seen, mut revision) = (Vec::new(), 0);
    let mut see = |storage: &mut dyn Storage| {
        follow(storage, &mut seen, &mut revision);
        seen.clone()
    };
    let mut waiting = FrozenTrial::waiting(0, full(0, TrialState::Waiting).configuration);
    waiting.attributes = [("a".to_owned(), json!(1))].into();
    storage.create(&waiting).expect("creates");
    let claim = Claim { token: 1 << 63 | 5, leased: false };
    let mut running = FrozenTrial {
        state: TrialState::Running,
        attempt: 1,
        claim: Some(claim),
        started: Some(3),
        ..waiting.clone()
    };
    storage.update(&running, TrialState::Waiting).expect("claims");
    assert_eq!(see(storage), [running.clone()], "a claim comes back");
    let twice = storage.update(&by_another(running.clone()), TrialState::Waiting);
    assert!(matches!(twice, Err(StorageError::StateConflict { .. })), "one is claimed once: {twice:?}");

    let before = storage.changes(0).expect("readable").revision;
    assert_eq!(storage.report(&running, 3, &[0.5, f64::INFINITY]).expect("reports"), before + 1);
    storage.report(&running, 1, &[-0.0]).expect("steps need not ascend");
    storage.report(&running, 3, &[9.0]).expect("a step that is there is no error");
    let alien = storage.report(&by_another(running.clone()), 4, &[0.0]);
    assert!(matches!(alien, Err(StorageError::LeaseLost { number: 0 })), "{alien:?}");
    let reports = vec![(1, vec![-0.0]), (3, vec![0.5, f64::INFINITY])];
    assert_eq!(
        see(storage),
        [FrozenTrial { reports: reports.clone(), ..running.clone() }],
        "the first stands"
    );

    // What goes on keeps its reports, whatever whoever writes knows of them.
    running.attributes.insert("b".to_owned(), json!([2]));
    storage.update(&running, TrialState::Running).expect("goes on");
    assert_eq!(see(storage), [FrozenTrial { reports: reports.clone(), ..running.clone() }]);

    // It is given back in order, and begins anew.
    let back = FrozenTrial { claim: Some(claim), ..waiting.clone() };
    storage.update(&back, TrialState::Running).expect("is given back");
    assert_eq!(see(storage), [waiting.clone()], "what waits is of no run");
    let late = storage.report(&running, 4, &[0.0]);
    assert!(matches!(late, Err(StorageError::LeaseLost { .. })), "{late:?}");
    let mut second = FrozenTrial { claim: Some(Claim { token: 6, leased: false }), ..running.clone() };
    storage.update(&second, TrialState::Waiting).expect("claims");
    assert_eq!(see(storage), [second.clone()], "a run begins without reports");
    let late = storage.update(&FrozenTrial { state: TrialState::Failed, ..running }, TrialState::Running);
    assert!(matches!(late, Err(StorageError::LeaseLost { .. })), "{late:?}");

    // Whoever ends it may know of more reports, or of fewer.
    storage.report(&second, 1, &[0.25]).expect("reports");
    storage.report(&second, 2, &[0.125]).expect("reports");
    second.state = TrialState::Pruned;
    second.reports = vec![(2, vec![0.125]), (5, vec![1.0])];
    second.finished = Some(4);
    storage.update(&second, TrialState::Running).expect("ends");
    second.add_report(1, vec![0.25]);
    assert_eq!(see(storage), [second.clone()], "no report is lost");
    let late = storage.report(&second, 6, &[0.0]);
    assert!(matches!(late, Err(StorageError::StateConflict { .. })), "{late:?}");
    assert_eq!(storage.changes(0).expect("readable").trials, [second]);
    assert_eq!(storage.reclaim(0).expect("readable"), 0, "nothing is abandoned");
}

/// What is sent of a run.
fn sends(storage: &mut dyn Storage) {
    let (mut seen, mut revision) = (Vec::new(), 0);
    let mut see = |storage: &mut dyn Storage| {
        follow(storage, &mut seen, &mut revision);
        (seen.clone(), revision)
    };
    let mut running = FrozenTrial::waiting(0, full(0, TrialState::Waiting).configuration);
    (running.state, running.attempt, running.started) = (TrialState::Running, 1, Some(3));
    running.claim = Some(Claim { token: 9, leased: true });
    storage.create(&running).expect("creates");
    let (_, before) = see(storage);
    running.attributes = [("a".to_owned(), json!(1))].into();
    storage.send(&running, None).expect("is on its way");
    for step in 1..=3 {
        storage.send(&running, Some((step, &[step as f64]))).expect("is on its way");
    }
    let reports: Vec<_> = (1..=3).map(|step| (step, vec![step as f64])).collect();
    let sent = FrozenTrial { reports, ..running.clone() };
    let (trials, after) = see(storage);
    assert_eq!(
        trials,
        std::slice::from_ref(&sent),
        "whoever asks for it by the same handle sees what was sent"
    );
    let passed = storage.passed(before);
    assert!((before..=after).contains(&passed), "from {before} to {passed} of {after}");

    // It ends while a report of which whoever ends it does not know is on its way.
    storage.send(&running, Some((4, &[4.0]))).expect("is on its way");
    let mut ended = FrozenTrial { state: TrialState::Pruned, finished: Some(4), ..sent };
    ended.add_report(7, vec![0.5]);
    storage.update(&ended, TrialState::Running).expect("ends");
    ended.add_report(4, vec![4.0]);
    assert_eq!(see(storage).0, [ended], "no report is lost");

    let late = storage.send(&running, Some((8, &[8.0]))).and_then(|_| {
        storage.changes(0)?;
        storage.send(&running, Some((9, &[9.0])))
    });
    let late = late.expect_err("what is refused is told, if not at once, then next");
    assert!(matches!(late, StorageError::LeaseLost { .. } | StorageError::StateConflict { .. }), "{late:?}");
}

/// Takes over what changed, as whoever follows a study does.
///
/// # Panics
/// If it cannot be read, or leaves a gap.
pub fn follow(storage: &mut dyn Storage, trials: &mut Vec<FrozenTrial>, revision: &mut u64) {
    let changes = storage.changes(*revision).expect("readable");
    assert!(changes.fresh || changes.revision >= *revision, "revisions do not go back");
    if changes.fresh {
        trials.clear();
    }
    for trial in changes.trials {
        let place = usize::try_from(trial.number).expect("few trials");
        assert!(place <= trials.len(), "trial {place} is there, but {} is not", trials.len());
        match trials.get_mut(place) {
            Some(slot) => *slot = trial,
            None => trials.push(trial),
        }
    }
    for report in changes.reports {
        let trial = trials.get_mut(report.number as usize).filter(|trial| trial.attempt == report.attempt);
        trial.map(|trial| trial.add_report(report.step, report.values));
    }
    *revision = changes.revision;
}

fn attributes(storage: &mut dyn Storage) {
    assert!(storage.attributes().expect("readable").is_empty());
    let value = json!({"why": ["ü", 1.5, null]});
    storage.set_attribute("a \"b\"", json!(1)).expect("writes");
    storage.set_attribute("a \"b\"", value.clone()).expect("writes");
    storage.set_attribute("c", json!(null)).expect("writes");
    let kept = storage.attributes().expect("readable");
    assert_eq!((kept.len(), &kept["a \"b\""]), (2, &value), "attributes come back exactly");
    storage.create(&full(0, TrialState::Complete)).expect("creates");
    storage.delete().expect("deletes");
    assert_eq!(storage.definition().expect("readable"), None, "it is gone");
    let gone =
        [storage.delete().err(), storage.attributes().err(), storage.set_attribute("a", json!(1)).err()];
    assert!(gone.iter().all(|error| matches!(error, Some(StorageError::NoStudy))), "{gone:?}");
}

/// Checks the contract of [`Catalog`]: each call of `open` gives a new handle on the same, empty database.
///
/// # Panics
/// Where the contract is broken.
pub fn catalog(open: &mut dyn FnMut() -> Box<dyn Catalog>) {
    let mut catalog = open();
    assert!(catalog.names().expect("readable").is_empty());
    for name in ["b", "a", "ü \"c\""] {
        let mut study = catalog.study(name).expect("opens");
        assert_eq!(study.definition().expect("readable"), None, "it is not made yet");
        study.open(&Definition { name: name.to_owned(), ..definition() }).expect("makes");
        study.remember(&memory(name)).expect("writes");
        study.create(&full(0, TrialState::Complete)).expect("each study counts from 0");
        study.create(&full(1, TrialState::Running)).expect("creates");
        study.set_attribute("name", json!(name)).expect("writes");
    }
    assert_eq!(open().names().expect("readable"), ["b", "a", "ü \"c\""], "as they were made");
    let summaries = open().summaries().expect("readable");
    let names: Vec<&str> = summaries.iter().map(|summary| summary.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "ü \"c\""], "as they were made");
    for summary in &summaries {
        assert_eq!((summary.created, summary.total()), (definition().created, 2));
        assert_eq!(summary.count(TrialState::Complete), 1);
        assert_eq!(summary.count(TrialState::Running), 1);
        assert_eq!(summary.count(TrialState::Waiting), 0);
    }
    assert_eq!(open().look("none").expect("opens").definition().expect("readable"), None);
    let mut looked = open().look("a").expect("opens");
    assert_eq!(load(&mut *looked).expect("loads").1.len(), 2, "it can be looked at");
    let taken = catalog.rename("a", "b");
    assert!(matches!(&taken, Err(StorageError::Exists { name }) if name == "b"), "{taken:?}");
    assert!(matches!(catalog.rename("none", "d"), Err(StorageError::NoStudy)));
    catalog.rename("a", "d").expect("renames");
    assert_eq!(open().names().expect("readable"), ["b", "d", "ü \"c\""]);
    let numbered = open().studies().expect("readable");
    let mut d = catalog.study("d").expect("opens");
    assert_eq!(d.definition().expect("readable").map(|found| found.name), Some("d".to_owned()));
    assert_eq!(d.attributes().expect("readable")["name"], json!("a"), "it is the same study");

    let copied = copy(&mut *d, &mut *catalog.study("copy").expect("opens"), "copy");
    assert_eq!(copied.expect("copies"), 2);
    let mut of_d = catalog.study("copy").expect("opens");
    let (stored, history) = load(&mut *of_d).expect("loads");
    assert_eq!((stored.name.as_str(), &**history.memory()), ("copy", &memory("a")));
    assert_eq!(of_d.attributes().expect("readable"), d.attributes().expect("readable"));
    assert_eq!(history.trials()[0], FrozenTrial { claim: None, ..full(0, TrialState::Complete) });
    assert_eq!(history.trials()[1].state, TrialState::Waiting, "whoever runs it does not run its copy");
    let again = copy(&mut *d, &mut *of_d, "copy");
    assert!(matches!(again, Err(StorageError::Exists { .. })), "{again:?}");
    assert_eq!(load(&mut *of_d).expect("loads").1.len(), 2, "what was there stays");

    d.delete().expect("deletes");
    assert_eq!(open().names().expect("readable"), ["b", "ü \"c\"", "copy"]);
    let left = open().studies().expect("readable");
    assert_eq!([&left[0], &left[1]], [&numbered[0], &numbered[2]], "what is left keeps its number");
    catalog.study("copy").expect("opens").delete().expect("deletes");
    let mut newest = catalog.study("newest").expect("opens");
    newest.open(&Definition { name: "newest".to_owned(), ..definition() }).expect("makes");
    let numbers: Vec<i64> = open().studies().expect("readable").iter().map(|study| study.0).collect();
    assert!(numbers[2] > left[2].0, "the number of the last one that was deleted is not used again");
    newest.delete().expect("deletes");
    let (_, rest) = load(&mut *catalog.study("b").expect("opens")).expect("loads");
    assert_eq!(rest.len(), 2, "the others stay");
    d.open(&Definition { name: "d".to_owned(), ..definition() }).expect("a name can be taken again");
    assert!(d.changes(0).expect("readable").trials.is_empty());
}

fn reserved(number: u64) -> FrozenTrial {
    FrozenTrial { state: TrialState::Running, ..FrozenTrial::waiting(number, Configuration::new()) }
}

/// Checks the contract of storages that several handles can share and that outlive them: each call of `place`
/// gives a new place, as a function that opens handles on it.
///
/// # Panics
/// Where the contract is broken.
pub fn shared_storage(place: &mut dyn FnMut() -> Box<dyn Fn() -> Box<dyn Storage> + Sync>) {
    // What one handle wrote, the next one finds; what was running is waiting again, without what it had done.
    let open = place();
    let mut first = opened(open());
    first.create(&full(0, TrialState::Complete)).expect("creates");
    first.create(&full(1, TrialState::Running)).expect("creates");
    first.report(&full(1, TrialState::Running), 77, &[0.5]).expect("reports");
    let mut second = opened(open());
    let unleased =
        FrozenTrial { claim: Some(Claim { token: 3, leased: false }), ..full(2, TrialState::Running) };
    first.create(&unleased).expect("creates");
    assert_eq!(second.reclaim(3).expect("readable"), 0, "their worker lives");
    drop(first);
    assert_eq!(reclaimed(&mut *second, 3), 1, "only what is leased");
    let trials = second.changes(0).expect("readable").trials;
    assert_eq!(trials[0], full(0, TrialState::Complete));
    assert_eq!(trials[2], unleased, "who is gone may be told for");
    let full_one = full(1, TrialState::Running);
    let again = FrozenTrial {
        known: full_one.known.clone(),
        attempt: full_one.attempt,
        ..FrozenTrial::waiting(1, full_one.configuration.clone())
    };
    assert_eq!(trials[1], again, "abandoned trials go back to waiting, and what they reported is forgotten");

    // A trial that runs elsewhere stays; whoever comes too late cannot write.
    let claimed = |token| FrozenTrial {
        attempt: 3,
        claim: Some(Claim { token, leased: true }),
        ..full(1, TrialState::Running)
    };
    second.update(&claimed(11), TrialState::Waiting).expect("claims");
    let mut third = opened(open());
    assert_eq!(third.reclaim(3).expect("readable"), 0);
    assert_eq!(third.changes(0).expect("readable").trials[1].state, TrialState::Running, "its worker lives");
    let late = third.update(&full(1, TrialState::Complete), TrialState::Running);
    assert!(matches!(late, Err(StorageError::LeaseLost { number: 1 })), "{late:?}");

    // What was begun too often fails.
    drop(second);
    assert_eq!(reclaimed(&mut *third, 2), 1);
    let failed = third.changes(0).expect("readable").trials.swap_remove(1);
    assert_eq!((failed.state, failed.attempt), (TrialState::Failed, 3));
    assert_eq!(failed.reason.as_deref(), Some("its worker vanished 3 times"));
    let late = third.update(&claimed(11), TrialState::Running);
    assert!(matches!(late, Err(StorageError::LeaseLost { number: 1 })), "{late:?}");

    // A trial is told by whoever knows its run.
    let mut fourth = opened(open());
    let told = FrozenTrial { claim: unleased.claim, ..full(2, TrialState::Complete) };
    fourth.update(&told, TrialState::Running).expect("finishes");
    assert_eq!(third.changes(0).expect("readable").trials[2], told, "handles see each other");

    // Many writers, who make the study as well: no number twice, no gap, no loss.
    let open = place();
    const WRITERS: usize = 4;
    const EACH: usize = 25;
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let mut storage = opened(open());
                let mut next = 0;
                for _ in 0..EACH {
                    loop {
                        match storage.create(&full(next, TrialState::Running)) {
                            Ok(_) => break,
                            Err(StorageError::NumberTaken { next: free, .. }) => next = free,
                            Err(error) => panic!("writers share: {error:?}"),
                        }
                    }
                    storage.update(&full(next, TrialState::Complete), TrialState::Running).expect("finishes");
                }
            });
        }
    });
    assert_eq!(storage_of(&*open).reclaim(0).expect("readable"), 0, "nothing was left running");
    let trials = opened(open()).changes(0).expect("readable").trials;
    assert_eq!(trials.len(), WRITERS * EACH, "nothing is lost");
    for (number, trial) in (0..).zip(trials) {
        assert_eq!(trial, full(number, TrialState::Complete));
    }
}

fn storage_of(open: &dyn Fn() -> Box<dyn Storage>) -> Box<dyn Storage> {
    opened(open())
}

/// Reclaims as soon as there is something: leases may take their time to end.
fn reclaimed(storage: &mut dyn Storage, retries: u64) -> usize {
    let begun = Instant::now();
    loop {
        let taken = storage.reclaim(retries).expect("readable");
        if taken > 0 || begun.elapsed() > Duration::from_secs(30) {
            return taken;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

//! The contract of [`Storage`], checked.

use crate::history::{FrozenTrial, TrialState};
use crate::memory::{Lesson, Memory, Source};
use crate::objective::ObjectiveInfo;
use crate::space::{Configuration, Domain, Parameter, Space, Value};
use crate::storage::{Definition, Storage, StorageError, load};
use serde_json::json;

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
    trial
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
    assert!(!storage.withdraw(4).expect("readable"), "a number with another one after it stays");
    assert!(storage.withdraw(5).expect("the last number can be given back"));
    assert!(!storage.withdraw(3).expect("readable"), "a trial is no reservation");
    storage.create(&reserved(5)).expect("what was given back can be taken again");
    let begun = FrozenTrial { started: Some(1), ..reserved(5) };
    storage.update(&begun, TrialState::Running).expect("a reserved trial can begin");
    assert!(!storage.withdraw(5).expect("readable"), "one that has begun stays");
    assert_eq!(changes(&mut storage, revision).trials, [reserved(4), begun]);
    let (_, history) = load(&mut *storage).expect("loads");
    assert_eq!(history.len(), 6, "a reservation before another trial is there");
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
    drop(first);
    let mut second = opened(open());
    let trials = second.changes(0).expect("readable").trials;
    assert_eq!(trials[0], full(0, TrialState::Complete));
    assert_eq!(trials[1].state, TrialState::Waiting, "abandoned trials go back to waiting");
    assert!(trials[1].reports.is_empty(), "their reports are forgotten");
    assert_eq!(trials[1].configuration, full(1, TrialState::Waiting).configuration);

    // A trial that runs elsewhere stays.
    second.update(&full(1, TrialState::Running), TrialState::Waiting).expect("claims");
    let mut third = opened(open());
    assert_eq!(third.changes(0).expect("readable").trials[1].state, TrialState::Running, "its worker lives");
    second.update(&full(1, TrialState::Complete), TrialState::Running).expect("finishes");
    assert_eq!(
        third.changes(0).expect("readable").trials[1].state,
        TrialState::Complete,
        "handles see each other"
    );

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
                        let trial = FrozenTrial::waiting(next, Configuration::new());
                        match storage.create(&FrozenTrial { state: TrialState::Running, ..trial }) {
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
    let trials = opened(open()).changes(0).expect("readable").trials;
    assert_eq!(trials.len(), WRITERS * EACH, "nothing is lost");
    for (number, trial) in (0..).zip(trials) {
        assert_eq!(trial, full(number, TrialState::Complete));
    }
}

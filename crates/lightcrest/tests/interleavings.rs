//! Random calls of several handles on one study: whatever their order, a database answers as memory does,
//! call by call, and holds the same in the end.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[cfg(all(unix, feature = "postgres"))]
#[path = "postgres/server.rs"]
mod server;

use lightcrest::history::{Claim, FrozenTrial, TrialState};
use lightcrest::objective::ObjectiveInfo;
use lightcrest::space::{Configuration, Space};
use lightcrest::storage::{Definition, MemoryStorage, SqliteStorage, Storage};
use lightcrest::testing::follow;
use proptest::prelude::*;
use serde_json::json;

/// Handles on the study.
const HANDLES: usize = 2;

/// One call.
#[derive(Debug, Clone)]
enum Call {
    /// Adds a trial; `ahead` of the next number, 0 as it should be.
    Create {
        state: TrialState,
        token: u64,
        ahead: u64,
    },
    /// Takes the next number only.
    Reserve {
        token: u64,
    },
    /// Brings a trial from one state into another.
    Update {
        number: u64,
        from: TrialState,
        to: TrialState,
        token: u64,
        steps: Vec<u64>,
    },
    Report {
        number: u64,
        step: u64,
        token: u64,
    },
    Withdraw {
        number: u64,
        token: u64,
    },
    SetAttribute {
        name: u8,
    },
    /// Looks at everything, or at what changed.
    Follow,
    Reclaim,
    /// Another handle takes the place of this one.
    Reopen,
}

fn unfinished() -> impl Strategy<Value = TrialState> {
    prop_oneof![Just(TrialState::Waiting), Just(TrialState::Running)]
}

fn states() -> impl Strategy<Value = TrialState> {
    let ended = [TrialState::Complete, TrialState::Pruned, TrialState::Failed];
    prop_oneof![unfinished(), prop::sample::select(ended.to_vec())]
}

fn call() -> impl Strategy<Value = Call> {
    let (token, number) = (|| 1..4u64, || 0..6u64);
    let steps = prop::collection::vec(0..4u64, 0..3);
    prop_oneof![
        4 => (states(), token(), prop_oneof![9 => Just(0u64), 1 => 1..3u64])
            .prop_map(|(state, token, ahead)| Call::Create { state, token, ahead }),
        1 => token().prop_map(|token| Call::Reserve { token }),
        8 => (number(), unfinished(), states(), token(), steps)
            .prop_map(|(number, from, to, token, steps)| Call::Update { number, from, to, token, steps }),
        4 => (number(), 0..4u64, token()).prop_map(|(number, step, token)| Call::Report { number, step, token }),
        1 => (number(), token()).prop_map(|(number, token)| Call::Withdraw { number, token }),
        1 => (0..3u8).prop_map(|name| Call::SetAttribute { name }),
        3 => Just(Call::Follow),
        1 => Just(Call::Reclaim),
        1 => Just(Call::Reopen),
    ]
}

fn definition() -> Definition {
    Definition {
        name: "calls".to_owned(),
        space: Space::builder().float("x", 0.0, 1.0).build().unwrap(),
        discovered: false,
        objectives: vec![ObjectiveInfo::minimize("loss")],
        seed: 0,
        spec: String::new(),
        engine: String::new(),
        created: 0,
    }
}

/// A trial in a state; `turn` tells the writes apart.
fn trial(number: u64, state: TrialState, token: u64, turn: usize) -> FrozenTrial {
    let configuration: Configuration = [("x", turn as f64)].into_iter().collect();
    let mut trial = FrozenTrial::waiting(number, configuration);
    trial.state = state;
    trial.attributes = [("turn".to_owned(), json!(turn))].into();
    if state != TrialState::Waiting {
        trial.attempt = 1;
        trial.claim = Some(Claim { token, leased: false });
        trial.started = Some(1);
    }
    trial.values = (state == TrialState::Complete).then(|| vec![turn as f64]);
    trial.finished = state.is_finished().then_some(2);
    trial
}

/// The handles on one study, each with what it has seen of it.
struct Side<'a> {
    open: &'a dyn Fn() -> Box<dyn Storage>,
    handles: Vec<(Box<dyn Storage>, Vec<FrozenTrial>, u64)>,
}

impl<'a> Side<'a> {
    fn new(open: &'a dyn Fn() -> Box<dyn Storage>) -> Self {
        let mut side = Self { open, handles: Vec::new() };
        for _ in 0..HANDLES {
            let handle = side.opened();
            side.handles.push((handle, Vec::new(), 0));
        }
        side
    }

    fn opened(&self) -> Box<dyn Storage> {
        let mut handle = (self.open)();
        handle.open(&definition()).unwrap();
        handle
    }

    fn all(&mut self) -> Vec<FrozenTrial> {
        let changes = self.handles[0].0.changes(0).unwrap();
        let mut trials = changes.trials;
        for report in changes.reports {
            trials[report.number as usize].add(report.step, report.values);
        }
        trials
    }

    /// What came of a call, in words. `known`: the trials as they are.
    fn call(&mut self, handle: usize, call: &Call, turn: usize, known: &[FrozenTrial]) -> String {
        let found = |number: u64| known.get(number as usize);
        let (storage, seen, revision) = &mut self.handles[handle];
        let written = |result: Result<u64, _>| result.map(drop);
        match call {
            Call::Create { state, token, ahead } => {
                let number = known.len() as u64 + ahead;
                // What waits is of no run.
                let mut trial = trial(number, *state, *token, turn);
                trial.claim = trial.claim.filter(|_| *state != TrialState::Waiting);
                format!("{:?}", written(storage.create(&trial)))
            }
            Call::Reserve { token } => {
                let claim = Some(Claim { token: *token, leased: false });
                let empty = FrozenTrial::waiting(known.len() as u64, Configuration::new());
                let reserved = FrozenTrial { state: TrialState::Running, claim, ..empty };
                format!("{:?}", written(storage.create(&reserved)))
            }
            Call::Update { number, from, to, token, steps } => {
                let mut new = trial(*number, *to, *token, turn);
                if to.is_finished() {
                    for step in steps {
                        new.add(*step, vec![turn as f64]);
                    }
                }
                // Who gives a trial back names the run that it was.
                new.claim = new.claim.or_else(|| {
                    (*from == TrialState::Running).then_some(Claim { token: *token, leased: false })
                });
                // What goes on keeps what it began with.
                if let Some(old) =
                    found(*number).filter(|_| *from == TrialState::Running && *to == TrialState::Running)
                {
                    new.attempt = old.attempt;
                }
                format!("{:?}", written(storage.update(&new, *from)))
            }
            Call::Report { number, step, token } => {
                // Nobody reports of what has not begun.
                let Some(old) = found(*number).filter(|trial| trial.started.is_some()) else {
                    return String::new();
                };
                let claim = Some(Claim { token: *token, leased: false });
                let own = FrozenTrial { claim, ..old.clone() };
                format!("{:?}", written(storage.report(&own, *step, &[turn as f64])))
            }
            Call::Withdraw { number, token } => {
                let Some(old) = found(*number) else { return String::new() };
                let claim = Some(Claim { token: *token, leased: false });
                format!("{:?}", storage.withdraw(&FrozenTrial { claim, ..old.clone() }))
            }
            Call::SetAttribute { name } => {
                storage.set_attribute(&format!("a{name}"), json!(turn)).unwrap();
                format!("{:?}", storage.attributes().unwrap())
            }
            Call::Follow => {
                // A number that was withdrawn is seen until somebody takes it again.
                follow(&mut **storage, seen, revision);
                format!("{seen:?}")
            }
            Call::Reclaim => format!("{:?} {:?}", storage.abandoned().unwrap(), storage.reclaim(1).unwrap()),
            Call::Reopen => {
                let new = self.opened();
                self.handles[handle] = (new, Vec::new(), 0);
                String::new()
            }
        }
    }
}

/// Keeps a report at its place, as reading does.
trait Add {
    fn add(&mut self, step: u64, values: Vec<f64>);
}

impl Add for FrozenTrial {
    fn add(&mut self, step: u64, values: Vec<f64>) {
        if let Err(place) = self.reports.binary_search_by_key(&step, |(step, _)| *step) {
            self.reports.insert(place, (step, values));
        }
    }
}

/// Makes the calls on both, and compares.
fn compare(calls: &[(usize, Call)], open: &dyn Fn() -> Box<dyn Storage>) -> Result<(), TestCaseError> {
    let memory = MemoryStorage::new();
    let in_memory = || Box::new(memory.clone()) as Box<dyn Storage>;
    let (mut model, mut real) = (Side::new(&in_memory), Side::new(open));
    for (turn, (handle, call)) in calls.iter().enumerate() {
        let known = model.all();
        let expected = model.call(*handle, call, turn, &known);
        let found = real.call(*handle, call, turn, &known);
        prop_assert_eq!(found, expected, "call {} of {:?}", turn, calls);
        prop_assert_eq!(real.all(), model.all(), "after call {} of {:?}", turn, calls);
    }
    Ok(())
}

fn calls() -> impl Strategy<Value = Vec<(usize, Call)>> {
    prop::collection::vec((0..HANDLES, call()), 1..40)
}

/// How many runs of calls.
fn runs(few: u32) -> ProptestConfig {
    let cases = if std::env::var_os("LIGHTCREST_LONG").is_some() { 20 * few } else { few };
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(runs(48))]

    #[test]
    fn sqlite_answers_as_memory_does(calls in calls()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.db");
        compare(&calls, &|| Box::new(SqliteStorage::open_study(&path, "calls").unwrap()))?;
    }
}

#[test]
#[cfg(all(unix, feature = "postgres"))]
fn postgresql_answers_as_memory_does() {
    let Some(server) = server::Server::start() else { return };
    let url = server.database("calls");
    let mut runner = proptest::test_runner::TestRunner::new(runs(24));
    let result = runner.run(&calls(), |calls| {
        let open = || lightcrest::storage::open_url(&url, None).unwrap().study("calls").unwrap();
        open().delete().ok();
        compare(&calls, &open)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

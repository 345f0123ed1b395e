//! Spaces that an objective shows by asking: what is inferred, and that every part of the engine works with
//! it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use lightcrest::objective::{Evaluation, ObjectiveInfo, TrialError};
use lightcrest::sampler::{Capabilities, Context, GpSampler, RandomSampler, Sampler, SamplerError};
use lightcrest::space::{Configuration, Discovery, Domain, Parameter, Sighting, Space, Suggestions, Value};
use lightcrest::storage::{MemoryStorage, SqliteStorage, load};
use lightcrest::{Executor, ExecutorConfig, FrozenTrial, Objective, Study, StudyError, Trial, TrialState};
use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A finished trial as data.
#[derive(Debug, Clone)]
struct Seen(u64, Suggestions, Configuration, bool);

impl Seen {
    fn sighting(&self) -> Sighting<'_> {
        Sighting { number: self.0, suggestions: &self.1, configuration: &self.2, whole: self.3 }
    }
}

/// What an objective of this declared space asks for.
fn visit(space: &Space, number: u64, rng: &mut ChaCha8Rng) -> Seen {
    let configuration = space.sample(rng);
    let domain = |name: &str| space.get(name).unwrap().domain.clone();
    let suggestions = configuration.iter().map(|(name, _)| (name, domain(name))).collect();
    Seen(number, suggestions, configuration, true)
}

fn infer(seen: &[Seen]) -> Space {
    Discovery::new().infer(seen.iter().map(Seen::sighting))
}

fn when(space: &Space, name: &str) -> Vec<String> {
    space.get(name).unwrap().when.iter().map(ToString::to_string).collect()
}

/// Runs a program on random answers and gives the space that it shows.
fn shown(trials: u64, program: impl Fn(&mut dyn FnMut(&str, Domain) -> Value)) -> Space {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut seen = Vec::new();
    for number in 0..trials {
        let mut trial = Seen(number, Suggestions::new(), Configuration::new(), true);
        program(&mut |name, domain| {
            let value = Space::builder().parameter(Parameter::new("x", domain.clone())).build().unwrap();
            let value = value.sample(&mut rng).get("x").unwrap().clone();
            trial.1.set(name, domain);
            trial.2.set(name, value.clone());
            value
        });
        seen.push(trial);
    }
    infer(&seen)
}

fn float() -> Domain {
    Domain::Float { low: 0.0, high: 1.0, log: false, step: None }
}

fn int(low: i64, high: i64) -> Domain {
    Domain::Int { low, high, log: false, step: 1 }
}

fn choice<V: Into<Value>>(choices: impl IntoIterator<Item = V>) -> Domain {
    Domain::Categorical { choices: choices.into_iter().map(Into::into).collect(), ordered: false }
}

#[test]
fn branches_loops_and_conjunctions_are_seen() {
    let space = shown(200, |ask| {
        let batch = Domain::Int { low: 1, high: 512, log: true, step: 1 };
        ask("batch", batch);
        let layers = ask("layers", int(1, 4)).as_i64().unwrap();
        for layer in 0..layers {
            ask(&format!("width{layer}"), int(8, 64));
        }
        let optimizer = ask("optimizer", choice(["sgd", "adam", "lion"]));
        let decay = ask("decay", choice([true, false])).as_bool().unwrap();
        if optimizer.as_str() != Some("adam") {
            ask("momentum", float());
            if decay {
                ask("amount", float());
            }
        }
        if layers == 1 || layers == 4 {
            ask("odd", float());
        }
        ask("rate", float());
    });
    for name in ["batch", "layers", "optimizer", "decay", "rate", "width0"] {
        assert!(when(&space, name).is_empty(), "{name}: {:?}", when(&space, name));
    }
    assert_eq!(when(&space, "width1"), ["needs `layers` to be 2, 3 or 4"]);
    assert_eq!(when(&space, "width3"), ["needs `layers` to be 4"]);
    assert_eq!(when(&space, "momentum"), [r#"needs `optimizer` to be "sgd" or "lion""#]);
    let mut amount = when(&space, "amount");
    amount.sort();
    assert_eq!(amount, ["needs `decay` to be true", r#"needs `optimizer` to be "sgd" or "lion""#]);
    assert_eq!(when(&space, "odd"), ["needs `layers` to be 1 or 4"]);
}

#[test]
fn a_nested_branch_needs_its_nearest_parent_only() {
    let space = shown(100, |ask| {
        if ask("x1", choice(["0", "1"])).as_str() == Some("0") {
            if ask("x2", choice(["0", "1"])).as_str() == Some("0") {
                ask("x4", float());
            }
            ask("r8", float());
        } else {
            ask("x3", choice([Value::Null, 1.5.into()]));
        }
    });
    assert_eq!(when(&space, "x2"), [r#"needs `x1` to be "0""#]);
    assert_eq!(when(&space, "x4"), [r#"needs `x2` to be "0""#]);
    assert_eq!(when(&space, "r8"), [r#"needs `x1` to be "0""#]);
    assert_eq!(when(&space, "x3"), [r#"needs `x1` to be "1""#]);
}

#[test]
fn what_hangs_on_a_float_or_on_chance_stays_without_a_condition() {
    let space = shown(60, |ask| {
        ask("kind", choice(["a", "b"]));
        if ask("threshold", float()).as_f64().unwrap() > 0.5 {
            ask("late", int(0, 9));
        }
    });
    assert!(when(&space, "late").is_empty());
    // A trial that did without is no trial with the smallest value.
    let mut without = Configuration::new();
    without.set("kind", "a");
    without.set("threshold", 0.1);
    let encoded = lightcrest::space::Encoder::new(&space).encode(&without);
    assert_eq!(encoded.active, [true, true, false]);
}

#[test]
fn only_complete_trials_prove_an_absence() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let flat = Space::builder().categorical("a", ["x", "y"]).float("b", 0.0, 1.0).build().unwrap();
    let mut seen: Vec<_> = (0..10).map(|number| visit(&flat, number, &mut rng)).collect();
    let early: Suggestions = [("a", choice(["x", "y"]))].into_iter().collect();
    seen.push(Seen(10, early.clone(), [("a", "x")].into_iter().collect(), false));
    assert!(when(&infer(&seen), "b").is_empty());
    seen[10].3 = true;
    let mut discovery = Discovery::new();
    discovery.infer(seen.iter().map(Seen::sighting));
    assert_eq!(discovery.unexplained().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn ranges_may_change_and_kinds_may_not() {
    let mut discovery = Discovery::new();
    discovery.ask("n", &int(1, 4)).unwrap();
    discovery.ask("n", &int(2, 9)).unwrap();
    discovery.ask("c", &choice(["a", "b"])).unwrap();
    let error = discovery.ask("c", &choice(["a", "c"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `c` was one of \"a\", \"b\", but is now asked for as one of \"a\", \"c\": ranges may change, kinds, \
         scales and choices may not; give it another name"
    );
    assert!(discovery.ask("n", &float()).is_err());
    assert!(discovery.ask("n", &Domain::Int { low: 1, high: 4, log: true, step: 1 }).is_err());
    assert!(discovery.ask("r", &int(3, 1)).unwrap_err().to_string().contains("`low <= high` must hold"));

    let seen: Vec<_> = [(1, 4, 4), (2, 9, 7)]
        .into_iter()
        .zip(0..)
        .map(|((low, high, value), number)| {
            let suggestions = [("n", int(low, high))].into_iter().collect();
            Seen(number, suggestions, [("n", value)].into_iter().collect(), true)
        })
        .collect();
    assert_eq!(infer(&seen).get("n").unwrap().domain, int(1, 9));
}

/// Up to seven parameters; each may hang on one or two earlier discrete ones.
fn conditional() -> impl Strategy<Value = Space> {
    let domain = prop_oneof![
        Just(float()),
        (0..3i64, 0..6i64).prop_map(|(low, width)| int(low, low + width)),
        (2..4usize).prop_map(|n| choice(["a", "b", "c"].into_iter().take(n))),
        Just(choice([Value::Bool(true), Value::Null, 1.into(), 0.5.into()])),
    ];
    let links = prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..3);
    prop::collection::vec((domain, links), 1..8).prop_map(|list| {
        let mut parameters: Vec<Parameter> = Vec::new();
        for (i, (domain, links)) in list.into_iter().enumerate() {
            let mut parameter = Parameter::new(format!("p{i}"), domain);
            let candidates: Vec<_> = parameters.iter().filter(|p| p.domain.cells().is_some()).collect();
            for (parent, pick) in links.iter().filter(|_| !candidates.is_empty()) {
                let parent = parent.get(&candidates);
                let cells = parent.domain.cells().unwrap();
                let from = pick % cells;
                let values = (from..cells.min(from + 2)).filter_map(|k| parent.domain.cell(k));
                parameter = parameter.when(parent.name.clone(), values.collect::<Vec<_>>());
            }
            parameters.push(parameter);
        }
        parameters.into_iter().fold(Space::builder(), |b, p| b.parameter(p)).build().unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_inferred_explains_every_trial_and_predicts_others(space in conditional(), seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let seen: Vec<_> = (0..300).map(|number| visit(&space, number, &mut rng)).collect();
        let found = infer(&seen);
        for trial in &seen {
            found.validate(&trial.2).unwrap();
        }
        // In the rare rest, a combination of values was never met.
        let names: Vec<&str> = found.parameters().iter().map(|p| p.name.as_str()).collect();
        let misses = (0..200).filter(|_| {
            let other = space.sample(&mut rng);
            let known = other.iter().all(|(name, _)| names.contains(&name));
            known && found.validate(&other).is_err()
        });
        prop_assert!(misses.count() <= 20);
    }

    #[test]
    fn the_order_in_which_trials_end_does_not_matter(space in conditional(), seed: u64, count in 1..40u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let seen: Vec<_> = (0..count)
            .map(|number| {
                let mut trial = visit(&space, number, &mut rng);
                trial.3 = rng.random_bool(0.8);
                trial
            })
            .collect();
        let mut order: Vec<usize> = (0..seen.len()).collect();
        order.shuffle(&mut rng);
        let mut discovery = Discovery::new();
        let mut found = Space::empty();
        for (n, &i) in order.iter().enumerate() {
            if discovery.absorb(&seen[i].sighting()) {
                let mut ended = order[..=n].to_vec();
                ended.sort_unstable();
                found = discovery.infer(ended.into_iter().map(|i| seen[i].sighting()).collect::<Vec<_>>().into_iter());
            }
        }
        prop_assert_eq!(found, infer(&seen));
    }
}

/// Jenatton et al. 2017: three choices on a tree, one number a leaf, one a branch. The optimum is 0.1.
struct Tree(Vec<ObjectiveInfo>);

impl Tree {
    fn new() -> Self {
        Self(vec![ObjectiveInfo::minimize("loss")])
    }
}

impl Objective for Tree {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.0
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
        let root = trial.suggest_categorical("x1", ["0", "1"])?;
        let (branch, leaves, shared) = if root.as_str() == Some("0") {
            ("x2", [("x4", 0.1), ("x5", 0.2)], "r8")
        } else {
            ("x3", [("x6", 0.3), ("x7", 0.4)], "r9")
        };
        let choice = trial.suggest_categorical(branch, ["0", "1"])?;
        let (leaf, offset) = leaves[usize::from(choice.as_str() == Some("1"))];
        let r = trial.suggest_float(shared, 0.0, 1.0)?;
        let x = trial.suggest_float(leaf, -1.0, 1.0)?;
        assert_eq!(trial.configuration().get_f64(leaf), Some(x));
        Ok(Evaluation::new([x * x + offset + r]))
    }
}

fn run(study: &mut Study, trials: usize, workers: usize) {
    let config = ExecutorConfig { trials, workers, ..ExecutorConfig::default() };
    Executor::new(config).run(study, &Tree::new(), &()).unwrap();
}

fn study() -> lightcrest::study::StudyBuilder {
    Study::define_by_run(Tree::new().0).seed(5)
}

/// What a trial came to, without its times.
fn outcome(trial: &FrozenTrial) -> (String, Suggestions, Option<Vec<f64>>) {
    (trial.configuration.to_string(), trial.suggestions.clone(), trial.values.clone())
}

#[test]
fn every_trial_has_what_it_asked_for_and_the_space_becomes_what_a_declaration_would_say() {
    let mut study = study().build().unwrap();
    run(&mut study, 40, 1);
    for trial in study.trials() {
        assert_eq!(trial.configuration.len(), 4);
        let names: Vec<_> = trial.configuration.iter().map(|(name, _)| name.to_owned()).collect();
        let asked: Vec<_> = trial.suggestions.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, asked, "in the order in which it was asked for");
        study.space().validate(&trial.configuration).unwrap();
    }
    let condition = |name: &str| when(study.space(), name).join("; ");
    assert_eq!(condition("x1"), "");
    assert_eq!(condition("x4"), r#"needs `x2` to be "0""#);
    assert_eq!(condition("x7"), r#"needs `x3` to be "1""#);
    assert_eq!(condition("r9"), r#"needs `x1` to be "1""#);
}

#[test]
fn the_gaussian_process_works_on_a_discovered_space_as_on_a_declared_one() {
    let mut found: Vec<f64> = (0..5)
        .map(|seed| {
            let mut study = study().seed(seed).sampler(GpSampler::default()).build().unwrap();
            run(&mut study, 60, 1);
            study.best().unwrap().values.as_ref().unwrap()[0]
        })
        .collect();
    found.sort_by(f64::total_cmp);
    assert!(found[2] < 0.13, "{found:?}");
}

#[test]
fn the_same_seed_gives_the_same_trials_also_across_interruptions_and_storages() {
    let mut whole = study().sampler(GpSampler::default()).build().unwrap();
    run(&mut whole, 20, 1);
    let expected: Vec<_> = whole.trials().iter().map(outcome).collect();

    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let storage = SqliteStorage::open(folder.path().join("study.db")).unwrap();
        study().sampler(GpSampler::default()).storage(storage).build().unwrap()
    };
    for trials in [3, 1, 9] {
        run(&mut open(), trials, 1);
    }
    // A process that dies half-way: its trial is run again as it was.
    let mut dying = open();
    let trial = dying.ask().unwrap();
    dying.suggest(trial.number, "x1", &choice(["0", "1"])).unwrap();
    drop(dying);
    run(&mut open(), 7, 1);
    assert_eq!(open().trials().iter().map(outcome).collect::<Vec<_>>(), expected);
    let mut stored = SqliteStorage::read(folder.path().join("study.db")).unwrap();
    let (definition, _) = lightcrest::storage::load(&mut stored).unwrap();
    assert_eq!(&definition.space, whole.space());
    assert!(definition.discovered);

    let declared = Study::builder(Space::empty(), Tree::new().0).seed(5);
    let storage = SqliteStorage::open(folder.path().join("study.db")).unwrap();
    let error = declared.storage(storage).build().err().unwrap().to_string();
    assert_eq!(error, "the stored study is another one: its space is discovered, not declared");
}

#[test]
fn workers_share_what_they_discover() {
    let mut study = study().build().unwrap();
    run(&mut study, 60, 4);
    assert_eq!(study.history().complete().count(), 60);
    let space = study.space().clone();
    let mut again = self::study().build().unwrap();
    for trial in study.trials() {
        again.add(trial.clone()).unwrap();
    }
    assert_eq!(again.space(), &space);
    assert_eq!(
        again.trials().iter().map(outcome).collect::<Vec<_>>(),
        study.trials().iter().map(outcome).collect::<Vec<_>>()
    );
}

#[test]
fn by_hand_a_trial_answers_the_same_again_and_says_what_is_wrong() {
    let mut study = study().build().unwrap();
    let wish: Configuration = [("x", 1.into()), ("c", Value::from("b"))].into_iter().collect();
    study.enqueue(&wish).unwrap();
    let number = study.ask().unwrap().number;
    let wide = Domain::Float { low: 0.0, high: 10.0, log: false, step: None };
    assert_eq!(study.suggest(number, "x", &wide).unwrap(), Value::Float(1.0));
    let drawn = study.suggest(number, "y", &float()).unwrap();
    assert_eq!(study.suggest(number, "y", &float()).unwrap(), drawn);
    let changed = study.suggest(number, "y", &int(0, 1)).unwrap_err().to_string();
    assert!(changed.starts_with("parameter `y` was a float from 0.0 to 1.0, but is now asked for as an int"));
    study.tell(number, Ok(Evaluation::new([1.0]))).unwrap();
    // `c` was wished for, but nobody asked.
    let names: Vec<_> = study.trials()[0].configuration.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["x", "y"]);
    assert!(matches!(study.suggest(number, "y", &float()), Err(StudyError::NotRunning { .. })));
    // What is wished for is given as it is, in the range or not, but not as what it cannot be.
    let far: Configuration =
        [("x", Value::from(11)), ("c", "z".into()), ("n", 4.0.into())].into_iter().collect();
    study.enqueue(&far).unwrap();
    let number = study.ask().unwrap().number;
    assert_eq!(study.suggest(number, "x", &wide).unwrap(), Value::Float(11.0));
    assert_eq!(study.suggest(number, "x", &float()).unwrap(), Value::Float(11.0));
    assert_eq!(study.suggest(number, "n", &int(0, 3)).unwrap(), Value::Int(4));
    let error = study.suggest(number, "c", &choice(["a", "b"])).unwrap_err().to_string();
    assert_eq!(error, "parameter `c` must be one of \"a\", \"b\", but got \"z\"");
    study.tell(number, Ok(Evaluation::new([2.0]))).unwrap();

    let lonely = FrozenTrial::complete(0, wish.clone(), vec![1.0]);
    let error = study.add(lonely).unwrap_err().to_string();
    assert_eq!(error, "parameter `x` has the value 1, but the trial does not say what it was asked for");
    let mut told = FrozenTrial::complete(0, [("x", 2)].into_iter().collect(), vec![f64::NAN]);
    told.suggestions.set("x", wide);
    let number = study.add(told).unwrap();
    assert_eq!(study.trials()[number as usize].state, TrialState::Failed);
    assert_eq!(study.trials()[number as usize].configuration.get("x"), Some(&Value::Float(2.0)));
}

#[test]
fn what_strays_from_the_range_is_said_once() {
    let mut study = study().build().unwrap();
    let wish = [("n", Value::from(1.5)), ("x", 7.into()), ("r", (-1).into()), ("b", true.into())];
    study.enqueue(&wish.into_iter().collect()).unwrap();
    let number = study.ask().unwrap().number;
    let mut answer = |name: &str, domain: &Domain| study.answer(number, name, domain).unwrap();
    let first = answer("n", &int(0, 5));
    assert_eq!((first.value, first.stray), (Value::Int(1), Some(Value::Float(1.5))));
    assert_eq!(answer("n", &int(0, 5)).stray, None);
    assert_eq!(answer("x", &float()).stray, Some(Value::Int(7)));
    let truth = answer("b", &int(0, 1));
    assert_eq!((truth.value, truth.stray), (Value::Int(1), None));
    let log = Domain::Float { low: 0.1, high: 1.0, log: true, step: None };
    let error = study.suggest(number, "r", &log).unwrap_err().to_string();
    assert_eq!(error, "parameter `r` must be a float from 0.1 to 1.0 (log), but got -1");
}

#[test]
fn what_is_proposed_from_outside_is_given_as_it_is() {
    let mut study = study().build().unwrap();
    let number = study.ask_unproposed().unwrap();
    for (name, value) in [("x", Value::from(5)), ("n", 2.5.into()), ("c", "z".into())] {
        study.propose_value(number, name, value).unwrap();
    }
    let answer = study.answer(number, "x", &float()).unwrap();
    assert_eq!((answer.value, answer.stray), (Value::Float(5.0), None), "who proposes knows the range");
    assert_eq!(study.suggest(number, "n", &int(0, 9)).unwrap(), Value::Int(2));
    assert!(study.suggest(number, "c", &choice(["a", "b"])).is_err());
}

#[test]
fn another_process_goes_on_with_a_running_trial() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let storage = SqliteStorage::open(folder.path().join("a.sqlite")).unwrap();
        study().storage(storage).write_through(true).build().unwrap()
    };
    let mut here = open();
    let number = here.ask().unwrap().number;
    let x = here.suggest(number, "x", &float()).unwrap();
    let mut there = open();
    assert_eq!(there.suggest(number, "x", &float()).unwrap(), x);
    let y = there.suggest(number, "y", &float()).unwrap();
    there.tell(number, Ok(Evaluation::new([1.0]))).unwrap();
    here.synchronize().unwrap();
    assert_eq!(here.trials()[0].configuration, [("x", x), ("y", y)].into_iter().collect());
}

#[test]
fn what_was_asked_for_is_stored_when_all_that_is_usual_was_or_something_else_happens() {
    let storage = MemoryStorage::new();
    let mut here = study().storage(storage.clone()).write_through(true).build().unwrap();
    let stored = |number: u64| load(&mut storage.clone()).unwrap().1.get(number).unwrap().suggestions.len();
    let ask = |study: &mut Study, number: u64, names: &[&str]| {
        names.iter().for_each(|name| drop(study.suggest(number, name, &float()).unwrap()));
        stored(number)
    };
    let tell = |study: &mut Study, number| {
        study.tell(number, Ok(Evaluation::new([1.0]))).unwrap();
    };
    here.ask().unwrap();
    assert_eq!(ask(&mut here, 0, &["x"]), 1, "nobody knows what comes next");
    assert_eq!(ask(&mut here, 0, &["y"]), 2);
    tell(&mut here, 0);
    here.ask().unwrap();
    assert_eq!(ask(&mut here, 1, &["x"]), 0, "`y` is asked for next");
    assert_eq!(ask(&mut here, 1, &["y"]), 2);
    tell(&mut here, 1);
    here.ask().unwrap();
    assert_eq!(ask(&mut here, 2, &["x", "z"]), 2, "it is another this time");
    tell(&mut here, 2);
    here.ask().unwrap();
    assert_eq!(ask(&mut here, 3, &["x"]), 0);
    here.report(3, 1, &[0.5]).unwrap();
    assert_eq!(ask(&mut here, 3, &[]), 1, "a report says that there is more to see");
    tell(&mut here, 3);
}

#[test]
fn a_trial_that_may_be_told_from_elsewhere_keeps_nothing_back() {
    let storage = MemoryStorage::new();
    let mut here = study().storage(storage.clone()).write_through(true).lease(false).build().unwrap();
    for number in 0..2 {
        here.ask().unwrap();
        for (i, name) in ["x", "y"].into_iter().enumerate() {
            here.suggest(number, name, &float()).unwrap();
            let (_, history) = load(&mut storage.clone()).unwrap();
            assert_eq!(history.get(number).unwrap().suggestions.len(), i + 1);
        }
        here.tell(number, Ok(Evaluation::new([1.0]))).unwrap();
    }
}

#[test]
fn in_a_declared_space_asking_must_agree_with_it() {
    let space = Space::builder()
        .ordinal("kind", ["a", "b"])
        .parameter(Parameter::float("size", 0.0, 1.0).when("kind", ["b"]))
        .build()
        .unwrap();
    let mut study = Study::builder(space, Tree::new().0).build().unwrap();
    study.enqueue(&[("kind", "a")].into_iter().collect()).unwrap();
    let number = study.ask().unwrap().number;
    assert_eq!(study.suggest(number, "kind", &choice(["a", "b"])).unwrap(), Value::from("a"));
    let mut error = |name: &str, domain| study.suggest(number, name, &domain).unwrap_err().to_string();
    assert_eq!(
        error("kind", choice(["a"])),
        "parameter `kind` is declared as one of \"a\", \"b\", but is asked for as one of \"a\""
    );
    assert_eq!(
        error("size", float()),
        "parameter `size` is not active here: it needs `kind` to be \"b\", but it is \"a\""
    );
    assert_eq!(error("sise", float()), "there is no parameter `sise`; did you mean `size`?");
}

/// A sampler that knows no conditions.
struct Simple;

impl Sampler for Simple {
    fn name(&self) -> &'static str {
        "simple"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { conditions: false, ..Capabilities::ALL }
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        assert!(!context.space.is_conditional());
        RandomSampler::new().propose(context, rng)
    }
}

#[test]
fn a_sampler_without_conditions_proposes_the_unconditional_part() {
    let mut study = study().sampler(Simple).build().unwrap();
    run(&mut study, 30, 1);
    assert!(study.space().is_conditional());
}

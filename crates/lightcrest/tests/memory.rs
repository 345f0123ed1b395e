//! Studies that learn from earlier ones.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use lightcrest::memory::{FIRST, ROWS, Source};
use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::{GpSampler, RandomSampler, TpeSampler};
use lightcrest::space::{Configuration, Domain, Parameter, Space};
use lightcrest::storage::{MemoryStorage, SqliteStorage, Storage};
use lightcrest::study::StudyBuilder;
use lightcrest::{Study, StudyError};
use tempfile::TempDir;

fn loss() -> Vec<ObjectiveInfo> {
    vec![ObjectiveInfo::minimize("loss")]
}

/// Three numbers on grids.
fn space() -> Space {
    let grid = |b: lightcrest::space::SpaceBuilder, name: &str| b.int(name, 0, 24);
    ["x", "y", "z"].iter().fold(Space::builder(), |b, name| grid(b, name)).build().unwrap()
}

/// A valley of which the bottom is at 18, 5, 12, moved by `shift`.
fn valley(c: &Configuration, shift: f64) -> f64 {
    let apart = |name: &str, at: f64| ((c.get_f64(name).unwrap() - at - shift) / 25.0).powi(2);
    apart("x", 18.0) + apart("y", 5.0) + 0.5 * apart("z", 12.0)
}

/// An earlier study: random trials of a function.
fn earlier(name: &str, seed: u64, space: Space, f: impl Fn(&Configuration) -> f64) -> Study {
    let mut study =
        Study::builder(space, loss()).name(name).seed(seed).sampler(RandomSampler::new()).build().unwrap();
    for _ in 0..30 {
        let trial = study.ask().unwrap();
        let value = f(&trial.configuration);
        study.tell(trial.number, Ok(Evaluation::new([value]))).unwrap();
    }
    study
}

fn run(mut study: Study, trials: usize, f: impl Fn(&Configuration) -> f64) -> Vec<f64> {
    (0..trials)
        .map(|_| {
            let trial = study.ask().unwrap();
            let value = f(&trial.configuration);
            study.tell(trial.number, Ok(Evaluation::new([value]))).unwrap();
            value
        })
        .collect()
}

fn best(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn new(seed: u64, sources: Vec<Source>) -> StudyBuilder {
    Study::builder(space(), loss()).seed(seed).learn_from(sources)
}

#[test]
fn what_helps_is_used_and_what_misleads_costs_nothing() {
    const SEEDS: u64 = 6;
    let mean = |f: &dyn Fn(u64) -> Vec<f64>, at: usize| {
        (0..SEEDS).map(|seed| best(&f(seed)[..at])).sum::<f64>() / SEEDS as f64
    };
    let f = |c: &Configuration| valley(c, 0.0);
    let from = |seed: u64, g: &dyn Fn(&Configuration) -> f64| {
        let studies = [earlier("a", seed, space(), g), earlier("b", seed + 100, space(), g)];
        run(new(seed, studies.iter().map(|s| s.source(&loss())).collect()).build().unwrap(), 25, f)
    };
    let cold = |seed| run(new(seed, Vec::new()).build().unwrap(), 25, f);
    let near = |seed| from(seed, &|c| 7.0 * valley(c, 1.0) + 3.0);
    let reversed = |seed| from(seed, &|c| -valley(c, 0.0));
    assert_eq!(near(3), near(3), "one seed, one answer");
    let (warm, without) = (mean(&near, 10), mean(&cold, 10));
    assert!(warm < 0.5 * without, "after 10 trials: {warm} with earlier studies, {without} without");
    let (misled, without) = (mean(&reversed, 25), mean(&cold, 25));
    assert!(misled <= without + 1e-3, "after 25 trials: {misled} misled, {without} without");
}

#[test]
fn every_process_proposes_the_same_and_the_sources_may_vanish() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("study.db");
    let f = |c: &Configuration| valley(c, 0.0);
    let open = |sources| new(7, sources).storage(SqliteStorage::open(&path).unwrap()).build().unwrap();
    let source = earlier("gone", 1, space(), f).source(&loss());
    let in_memory = run(new(7, vec![source.clone()]).build().unwrap(), 12, f);
    let mut values = Vec::new();
    for k in 0..4 {
        // Given once, and in vain later.
        let sources = match k {
            0 => vec![source.clone()],
            1 => vec![earlier("another", 2, space(), f).source(&loss())],
            _ => Vec::new(),
        };
        let study = open(sources);
        let known = study.history().memory().sources().to_vec();
        assert_eq!((known.len(), known[0].name.as_str(), known[0].trials), (1, "gone", 30));
        values.extend(run(study, 3, f));
    }
    assert_eq!(values, in_memory);
}

#[test]
fn who_opened_the_study_before_it_learnt_knows_it_all_the_same() {
    let storage = MemoryStorage::new();
    let open = || new(1, Vec::new()).storage(storage.clone()).build().unwrap();
    let (mut first, mut second) = (open(), open());
    let source = earlier("a", 1, space(), |c| valley(c, 0.0)).source(&loss());
    first.learn_from([source]).unwrap();
    let number = second.ask().unwrap().number;
    assert!(!second.history().memory().is_empty());
    second.tell(number, Ok(Evaluation::new([1.0]))).unwrap();
    let refused = first.learn_from([]);
    assert!(refused.is_ok(), "nothing was read since");
    first.synchronize().unwrap();
    let refused = first.learn_from([]).unwrap_err();
    assert!(matches!(refused, StudyError::LearnsTooLate { trials: 1 }), "{refused}");
    assert_eq!(storage.clone().memory().unwrap().sources()[0].name, "a");
}

#[test]
fn the_best_of_distinct_sources_come_first_and_two_are_drawn() {
    let f = |c: &Configuration| valley(c, 0.0);
    let studies: Vec<Study> =
        (0..4).map(|k| earlier(&k.to_string(), k, space(), |c| valley(c, k as f64))).collect();
    let sources: Vec<Source> = studies.iter().map(|study| study.source(&loss())).collect();
    let mut study = new(1, sources).build().unwrap();
    let memory = study.history().memory().clone();
    assert!(memory.sources().iter().map(|source| source.lessons.len()).sum::<usize>() <= ROWS);
    let has = |k: usize, c: &Configuration| studies[k].history().contains(c);
    for n in 0..FIRST + 2 {
        let trial = study.ask().unwrap();
        let found = (0..4).filter(|&k| has(k, &trial.configuration)).count();
        assert_eq!(found > 0, n < FIRST, "trial {n}");
        study.tell(trial.number, Ok(Evaluation::new([f(&trial.configuration)]))).unwrap();
    }
}

#[test]
fn samplers_that_do_not_learn_say_so() {
    let source = || earlier("a", 1, space(), |c| valley(c, 0.0)).source(&loss());
    let refused = new(1, vec![source()]).sampler(TpeSampler::default()).build().err().unwrap();
    assert_eq!(
        refused.to_string(),
        "sampler `tpe` cannot handle earlier studies to learn from: only `gp` and `auto` do"
    );
    assert!(new(1, vec![source()]).sampler(GpSampler::default()).build().is_ok());
}

#[test]
fn spaces_may_differ() {
    let f = |c: &Configuration| valley(c, 0.0);
    let earlier_space = Space::builder().float("x", 10.0, 40.0).int("w", 0, 3).build().unwrap();
    let half = earlier("half", 1, earlier_space, |c| (c.get_f64("x").unwrap() - 18.0).abs());
    let other = Space::builder().float("nothing", 0.0, 1.0).build().unwrap();
    let other = earlier("other", 1, other, |c| c.get_f64("nothing").unwrap());
    let sources = vec![half.source(&loss()), other.source(&loss())];
    let study = new(1, sources).build().unwrap();
    let rows: Vec<usize> = study.history().memory().sources().iter().map(|s| s.lessons.len()).collect();
    assert!(rows[0] > 5 && rows[0] < 30, "those in the range: {rows:?}");
    assert_eq!(rows[1], 0, "nothing in common");
    let values = run(study, 15, f);
    assert!(values.iter().all(|value| value.is_finite()));

    let only = new(1, vec![other.source(&loss())]).build().unwrap();
    assert_eq!(run(only, 15, f), run(new(1, Vec::new()).build().unwrap(), 15, f), "as if there were none");
}

#[test]
fn conditions_and_several_objectives() {
    let space = Space::builder()
        .categorical("kind", ["a", "b"])
        .parameter(Parameter::int("u", 0, 30).when("kind", ["a"]))
        .parameter(Parameter::int("v", 0, 30).when("kind", ["b"]))
        .build()
        .unwrap();
    let objectives = || vec![ObjectiveInfo::minimize("error"), ObjectiveInfo::minimize("cost")];
    let values = |c: &Configuration| match c.get_f64("u") {
        Some(u) => [(u / 30.0 - 0.9).abs(), u / 30.0],
        None => [0.5 + c.get_f64("v").unwrap() / 60.0, 0.9],
    };
    let go = |mut study: Study, n: usize| {
        for _ in 0..n {
            let trial = study.ask().unwrap();
            study.tell(trial.number, Ok(Evaluation::new(values(&trial.configuration)))).unwrap();
        }
        study
    };
    let builder = || Study::builder(space.clone(), objectives()).seed(3);
    let source = go(builder().sampler(RandomSampler::new()).build().unwrap(), 30).source(&objectives());
    assert!(source.lessons.iter().all(|lesson| lesson.scores.iter().flatten().count() == 2));
    let study = go(builder().learn_from([source.clone()]).build().unwrap(), 14);
    let in_good_branch = study.trials().iter().filter(|t| t.configuration.get("u").is_some()).count();
    assert!(in_good_branch >= 9, "{in_good_branch} of 14");
    let weights = study.snapshot().weights().unwrap().unwrap();
    assert!(weights[0] > 0.3, "a source of the same functions counts: {weights:?}");

    // An objective that only one of the studies has.
    let one = vec![ObjectiveInfo::minimize("cost"), ObjectiveInfo::minimize("other")];
    let known = go(builder().build().unwrap(), 5).source(&one);
    assert!(known.lessons.iter().all(|l| l.scores[0].is_some() && l.scores[1].is_none()));
}

#[test]
fn a_space_that_is_discovered_begins_with_what_fits() {
    let f = |c: &Configuration| valley(c, 0.0);
    let source = earlier("a", 1, space(), f).source(&loss());
    let top = source.lessons.iter().max_by(|a, b| a.rank().total_cmp(&b.rank())).unwrap().clone();
    let mut study = Study::define_by_run(loss()).seed(1).learn_from([source]).build().unwrap();
    let domain = Domain::Int { low: 0, high: 24, log: false, step: 1 };
    let mut values = Vec::new();
    for n in 0..12 {
        let number = study.ask().unwrap().number;
        for name in ["x", "y", "z"] {
            study.suggest(number, name, &domain).unwrap();
        }
        let configuration = study.trials()[n].configuration.clone();
        if n == 0 {
            assert_eq!(configuration, top.configuration);
        }
        values.push(f(&configuration));
        study.tell(number, Ok(Evaluation::new([values[n]]))).unwrap();
    }
    assert!(best(&values) < best(&values[..1]), "it goes on to improve: {values:?}");
}

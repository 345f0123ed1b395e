//! The sampler on synthetic problems: against random search, in parallel, and with data that no one wishes
//! for.
//!
//! `cargo xtask bench bo` compares samplers over many seeds.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "problem/network.rs"]
mod network;

use lightcrest::history::History;
use lightcrest::objective::orient;
use lightcrest::pareto;
use lightcrest::sampler::{Acquisition, Context, GpConfig, GpSampler, RandomSampler, Reports, Sampler};
use lightcrest::space::{Parameter, Space};
use lightcrest::{
    Configuration, Evaluation, FrozenTrial, ObjectiveInfo, Preview, Study, TrialError, TrialState,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::PI;

const ACQUISITIONS: [Acquisition; 6] = [
    Acquisition::Ucb,
    Acquisition::GpUcb,
    Acquisition::LogEi,
    Acquisition::LogEiPerSecond,
    Acquisition::LogPi,
    Acquisition::Thompson,
];

struct Problem {
    name: &'static str,
    space: Space,
    objectives: Vec<ObjectiveInfo>,
    f: fn(&Configuration) -> Vec<f64>,
    /// How many of the last objectives the preview knows.
    exact: usize,
    /// What hypervolume is measured from (oriented), for several objectives.
    reference: Vec<f64>,
}

impl Problem {
    fn preview(&self, configuration: &Configuration) -> Preview {
        let values = (self.f)(configuration);
        let known = |j: usize| (j >= values.len() - self.exact).then(|| values[j]);
        Preview { objectives: (0..values.len()).map(known).collect(), violation: None, ..Preview::default() }
    }
}

fn get(c: &Configuration, name: &str) -> f64 {
    c.get_f64(name).expect("active")
}

fn branin() -> Problem {
    let f = |c: &Configuration| {
        let (x, y) = (get(c, "x"), get(c, "y"));
        let a = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
        vec![a * a + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0 - 0.397887]
    };
    let space = Space::builder().float("x", -5.0, 10.0).float("y", 0.0, 15.0).build().unwrap();
    single("branin", space, f)
}

fn jenatton() -> Problem {
    let f = |c: &Configuration| {
        let (leaf, shared) = match (c.get_i64("x1"), c.get_i64("x2"), c.get_i64("x3")) {
            (Some(0), Some(0), _) => (get(c, "x4").powi(2) + 0.1, get(c, "r8")),
            (Some(0), _, _) => (get(c, "x5").powi(2) + 0.2, get(c, "r8")),
            (_, _, Some(0)) => (get(c, "x6").powi(2) + 0.3, get(c, "r9")),
            _ => (get(c, "x7").powi(2) + 0.4, get(c, "r9")),
        };
        vec![leaf + shared - 0.1]
    };
    let space = Space::builder()
        .categorical("x1", [0i64, 1])
        .parameter(Parameter::categorical("x2", [0i64, 1]).when("x1", [0i64]))
        .parameter(Parameter::categorical("x3", [0i64, 1]).when("x1", [1i64]))
        .parameter(Parameter::float("x4", -1.0, 1.0).when("x2", [0i64]))
        .parameter(Parameter::float("x5", -1.0, 1.0).when("x2", [1i64]))
        .parameter(Parameter::float("x6", -1.0, 1.0).when("x3", [0i64]))
        .parameter(Parameter::float("x7", -1.0, 1.0).when("x3", [1i64]))
        .parameter(Parameter::float("r8", 0.0, 1.0).when("x1", [0i64]))
        .parameter(Parameter::float("r9", 0.0, 1.0).when("x1", [1i64]))
        .build()
        .unwrap();
    single("jenatton", space, f)
}

fn single(name: &'static str, space: Space, f: fn(&Configuration) -> Vec<f64>) -> Problem {
    let objectives = vec![ObjectiveInfo::minimize("loss")];
    Problem { name, space, objectives, f, exact: 0, reference: vec![] }
}

fn network() -> Problem {
    let objectives = vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("cost")];
    let reference = vec![0.1, -3.7];
    Problem { name: "network", space: network::space(4), objectives, f: network::two, exact: 1, reference }
}

/// The same with a second exact objective, the sum of the widths.
fn network3() -> Problem {
    let mut objectives = network().objectives;
    objectives.push(ObjectiveInfo::minimize("width"));
    let reference = vec![0.1, -3.7, -2.0];
    Problem { name: "network3", space: network::space(4), objectives, f: network::three, exact: 2, reference }
}

/// Regret of the best, or hypervolume, after each of `trials` trials one after the other.
fn run(problem: &Problem, sampler: Box<dyn Sampler>, seed: u64, trials: usize) -> Vec<f64> {
    let builder = Study::builder(problem.space.clone(), problem.objectives.clone()).seed(seed);
    let mut study = builder.boxed_sampler(sampler).build().unwrap();
    let mut curve = Vec::new();
    let (mut points, mut best) = (Vec::new(), f64::INFINITY);
    for _ in 0..trials {
        let number = {
            let trial = study.ask_with(&|c| problem.preview(c)).unwrap();
            problem.space.validate(&trial.configuration).unwrap();
            trial.number
        };
        let values = (problem.f)(&study.history().get(number).unwrap().configuration);
        points.push(orient(&problem.objectives, &values));
        best = best.min(values[0]);
        study.tell(number, Ok(Evaluation::new(values))).unwrap();
        curve.push(if problem.reference.is_empty() {
            best
        } else {
            pareto::hypervolume(&points, &problem.reference)
        });
    }
    curve
}

fn gp(change: impl Fn(&mut GpConfig)) -> Box<dyn Sampler> {
    let mut config = GpConfig::default();
    change(&mut config);
    Box::new(GpSampler::new(config))
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Margins far beyond the spread over seeds: this cannot fail by bad luck, only by a sampler that stopped
/// working.
#[test]
fn beats_random_search_by_far() {
    let mean = |problem: &Problem, random: bool| {
        let one = |seed| {
            let sampler = if random { Box::new(RandomSampler::new()) } else { gp(|_| {}) };
            *run(problem, sampler, seed, 30).last().unwrap()
        };
        moments(&(0..6).map(one).collect::<Vec<_>>()).0
    };
    for problem in [branin(), jenatton()] {
        let (ours, random) = (mean(&problem, false), mean(&problem, true));
        assert!(ours < 0.7 * random, "{}: {ours} against {random}", problem.name);
    }
    for problem in [network(), network3()] {
        let (ours, random) = (mean(&problem, false), mean(&problem, true));
        assert!(ours > 1.03 * random, "{}: {ours} against {random}", problem.name);
    }
}

#[test]
fn every_acquisition_beats_random_search() {
    let mean = |make: &dyn Fn() -> Box<dyn Sampler>, problem: &Problem, trials: usize| {
        moments(&(0..6).map(|seed| *run(problem, make(), seed, trials).last().unwrap()).collect::<Vec<_>>()).0
    };
    let (one, several) = (branin(), network());
    let random: &dyn Fn() -> Box<dyn Sampler> = &|| Box::new(RandomSampler::new());
    let (most, least) = (mean(random, &one, 30), mean(random, &several, 50));
    for acquisition in ACQUISITIONS {
        let make: &dyn Fn() -> Box<dyn Sampler> = &|| gp(|c| c.acquisition = acquisition);
        let (regret, volume) = (mean(make, &one, 30), mean(make, &several, 50));
        assert!(regret < 0.7 * most, "{acquisition:?}: regret {regret} against {most}");
        // With random weights, the wide bounds of the theory still explore after 50 trials.
        let soon = acquisition != Acquisition::GpUcb;
        assert!(!soon || volume > least, "{acquisition:?}: hypervolume {volume} against {least}");
    }
}

/// A tenth of the space satisfies the constraint, which only an evaluation tells; the unconstrained optimum
/// does not.
#[test]
fn what_satisfies_the_constraint_is_learnt() {
    let space = Space::builder().float("x", 0.0, 1.0).float("y", 0.0, 1.0).build().unwrap();
    let excess = |x: f64, y: f64| (x - 0.7).powi(2) + (y - 0.7).powi(2) - 0.032;
    for acquisition in [Acquisition::LogEi, Acquisition::Ucb] {
        let (mut feasible, mut regret) = (0, Vec::new());
        for seed in 0..4 {
            let mut study = Study::builder(space.clone(), vec![ObjectiveInfo::minimize("distance")])
                .seed(seed)
                .boxed_sampler(gp(|c| c.acquisition = acquisition))
                .build()
                .unwrap();
            for _ in 0..40 {
                let trial = study.ask().unwrap();
                let (x, y) = (get(&trial.configuration, "x"), get(&trial.configuration, "y"));
                let mut evaluation = Evaluation::new([x + y]);
                evaluation.constraints.push(("excess".to_owned(), excess(x, y)));
                study.tell(trial.number, Ok(evaluation)).unwrap();
            }
            feasible += study.trials()[20..].iter().filter(|trial| trial.is_feasible()).count();
            let best = study.best().unwrap().values.as_ref().unwrap()[0];
            regret.push(best - (1.4 - (2.0 * 0.032f64).sqrt()));
        }
        assert!(feasible > 30, "{acquisition:?}: {feasible} of 80 satisfy the constraint");
        assert!(moments(&regret).0 < 0.03, "{acquisition:?}: {regret:?}");
    }
}

/// Two halves of the space with the same losses, one of them a hundred times slower.
#[test]
fn per_second_the_cheap_half_is_preferred() {
    let space = Space::builder().float("x", 0.0, 1.0).categorical("where", ["fast", "slow"]).build().unwrap();
    let slow = |acquisition| {
        let sampler = gp(|c| c.acquisition = acquisition);
        let mut study = Study::builder(space.clone(), vec![ObjectiveInfo::minimize("loss")])
            .boxed_sampler(sampler)
            .build()
            .unwrap();
        for i in 0..12 {
            let x = f64::from(i) / 12.0;
            let mut configuration = Configuration::new();
            configuration.set("x", lightcrest::space::Value::from(x));
            configuration.set("where", lightcrest::space::Value::from(["fast", "slow"][i as usize % 2]));
            let mut trial = FrozenTrial::complete(0, configuration, vec![(x - 0.4).powi(2)]);
            trial.started = Some(0);
            trial.finished = Some([100, 10_000][i as usize % 2]);
            study.add(trial).unwrap();
        }
        let mut count = 0;
        for _ in 0..8 {
            let trial = study.ask().unwrap();
            count += usize::from(trial.configuration.get_str("where") == Some("slow"));
            study.tell(trial.number, Err(TrialError::Failed { reason: "not run".to_owned() })).unwrap();
        }
        count
    };
    assert!(slow(Acquisition::LogEiPerSecond) == 0 && slow(Acquisition::LogEi) > 0);
}

#[test]
fn the_same_seed_gives_the_same_trials_also_when_rebuilt_for_every_proposal() {
    let problem = network();
    let ask = |study: &mut Study| study.ask_with(&|c| problem.preview(c)).unwrap();
    let mut kept = Study::builder(problem.space.clone(), problem.objectives.clone())
        .boxed_sampler(gp(|_| {}))
        .build()
        .unwrap();
    let mut told: Vec<(Configuration, Vec<f64>)> = Vec::new();
    for n in 0..16 {
        let trial = ask(&mut kept);
        if n > 12 {
            let mut rebuilt = Study::builder(problem.space.clone(), problem.objectives.clone())
                .boxed_sampler(gp(|_| {}))
                .build()
                .unwrap();
            for (configuration, values) in &told {
                rebuilt.enqueue(configuration).unwrap();
                let number = ask(&mut rebuilt).number;
                rebuilt.tell(number, Ok(Evaluation::new(values.clone()))).unwrap();
            }
            assert_eq!(ask(&mut rebuilt).configuration, trial.configuration);
        }
        let values = (problem.f)(&trial.configuration);
        kept.tell(trial.number, Ok(Evaluation::new(values.clone()))).unwrap();
        told.push((trial.configuration, values));
    }
}

#[test]
fn workers_that_ask_at_once_get_different_and_spread_out_points() {
    let problem = branin();
    let mut study = Study::builder(problem.space.clone(), problem.objectives.clone())
        .boxed_sampler(gp(|_| {}))
        .build()
        .unwrap();
    for _ in 0..12 {
        let trial = study.ask().unwrap();
        study.tell(trial.number, Ok(Evaluation::new((problem.f)(&trial.configuration)))).unwrap();
    }
    let points: Vec<(f64, f64)> = (0..8)
        .map(|_| study.ask().unwrap().configuration)
        .map(|c| ((get(&c, "x") + 5.0) / 15.0, get(&c, "y") / 15.0))
        .collect();
    let mut distances = Vec::new();
    for i in 0..8 {
        for j in 0..i {
            distances.push((points[i].0 - points[j].0).hypot(points[i].1 - points[j].1));
        }
    }
    distances.sort_by(f64::total_cmp);
    assert!(distances[0] > 1e-3 && distances[27] > 0.15, "{distances:?}");
}

#[test]
fn small_spaces_are_enumerated_without_repeats_and_bounds_of_cost_are_kept() {
    let space = Space::builder().categorical("a", ["x", "y", "z"]).int("b", 0, 9).build().unwrap();
    let preview = |c: &Configuration| Preview {
        violation: (get(c, "b") > 7.0).then(|| "b is too large".to_owned()),
        ..Preview::default()
    };
    let mut study = Study::builder(space, vec![ObjectiveInfo::minimize("loss")])
        .boxed_sampler(gp(|_| {}))
        .build()
        .unwrap();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..24 {
        let trial = study.ask_with(&preview).unwrap();
        assert!(get(&trial.configuration, "b") <= 7.0);
        assert!(seen.insert(trial.configuration.key()), "{} again", trial.configuration);
        study.tell(trial.number, Ok(Evaluation::new([get(&trial.configuration, "b")]))).unwrap();
    }
    // All 24 are known: a repeat is the best that can be had, an error is not.
    study.ask_with(&preview).unwrap();
}

#[test]
fn with_reports_extrapolated_the_contract_of_samplers_holds() {
    lightcrest::testing::sampler(&|| gp(|c| c.reports = Reports::Extrapolate));
}

#[test]
fn no_report_stops_it() {
    let problem = branin();
    let kinds: [fn(usize) -> f64; 4] =
        [|_| 0.5, |i| 1e300 * (i as f64).sin(), |i| 1e-300 * i as f64, |i| if i == 3 { -1e300 } else { 1.0 }];
    for kind in kinds {
        let sampler = gp(|c| (c.reports, c.startup_trials) = (Reports::Extrapolate, 4));
        let builder = Study::builder(problem.space.clone(), problem.objectives.clone());
        let mut study = builder.boxed_sampler(sampler).build().unwrap();
        for i in 0..16 {
            let number = study.ask().unwrap().number;
            study.report(number, 1, &[kind(i)]).unwrap();
            let outcome = match i % 3 {
                2 => Err(TrialError::Pruned { reason: "hopeless".to_owned() }),
                _ => Ok(Evaluation::new([kind(i + 1)])),
            };
            study.report(number, 2, &[kind(i + 1)]).unwrap();
            study.tell(number, outcome).unwrap();
        }
    }
}

#[test]
fn nothing_in_the_history_stops_it() {
    let problem = network();
    let kinds: [fn(usize) -> f64; 9] = [
        |_| 0.5,
        |_| f64::INFINITY,
        |_| f64::NEG_INFINITY,
        |i| [f64::INFINITY, 1.0, f64::NEG_INFINITY, 0.5][i % 4],
        |i| if i == 3 { -1.7e308 } else { 1.0 / (1.0 + i as f64) },
        |i| 1e300 * (i as f64).sin(),
        |i| 1e-300 * i as f64,
        |_| f64::NAN,
        |i| if i == 3 { -1e300 } else { 1.0 },
    ];
    for acquisition in ACQUISITIONS {
        for kind in kinds {
            let sampler = gp(|c| (c.acquisition, c.startup_trials) = (acquisition, 4));
            let mut study = Study::builder(problem.space.clone(), problem.objectives.clone())
                .boxed_sampler(sampler)
                .build()
                .unwrap();
            for i in 0..14 {
                let trial = study.ask_with(&|c| problem.preview(c)).unwrap();
                problem.space.validate(&trial.configuration).unwrap();
                let cost = (problem.f)(&trial.configuration)[1];
                let outcome = match i % 5 {
                    2 => Err(TrialError::Failed { reason: "diverged".to_owned() }),
                    3 => {
                        study.report(trial.number, 1, &[kind(i)]).ok();
                        Err(TrialError::Pruned { reason: "hopeless".to_owned() })
                    }
                    _ => {
                        let mut evaluation = Evaluation::new([kind(i), cost]);
                        evaluation.constraints.push(("excess".to_owned(), 1e200 * (2.0 - i as f64)));
                        Ok(evaluation)
                    }
                };
                study.tell(trial.number, outcome).ok();
            }
        }
    }
}

/// A 4-dimensional bowl, minimised or maximised, of which one early trial returns a penalty: how far the best
/// of 45 trials is from 0.
fn bowl(penalty: f64, maximise: bool, seed: u64) -> f64 {
    let names = ["a", "b", "c", "d"];
    let space = names.iter().fold(Space::builder(), |b, name| b.float(*name, -1.0, 1.0)).build().unwrap();
    let objective = if maximise { ObjectiveInfo::maximize("v") } else { ObjectiveInfo::minimize("v") };
    let sign = if maximise { -1.0 } else { 1.0 };
    let mut study = Study::builder(space, vec![objective]).seed(seed).build().unwrap();
    for i in 0..45 {
        let trial = study.ask().unwrap();
        let loss: f64 = names
            .iter()
            .zip([0.3, -0.2, 0.5, 0.1])
            .map(|(n, o)| (get(&trial.configuration, n) - o).powi(2))
            .sum();
        let value = if i == 3 { penalty } else { loss };
        study.tell(trial.number, Ok(Evaluation::new([sign * value]))).unwrap();
    }
    sign * study.best().unwrap().values.as_ref().unwrap()[0]
}

/// Random search is at about 0.05 here, and so is a model that one penalty blinds. A penalty in a good place
/// costs something whatever its size, so the median over seeds counts.
#[test]
fn one_penalty_of_any_size_blinds_no_model() {
    for penalty in [1e15, 1.7e308] {
        let mut found: Vec<f64> = (0..5).map(|seed| bowl(penalty, seed % 2 == 1, seed)).collect();
        found.sort_by(f64::total_cmp);
        assert!(found[2] < 5e-3, "{penalty:e}: {found:?}");
    }
}

/// What a sampler keeps between proposals saves time only, also where the trials are more than inform the
/// model, end in another order than they began in, and the local search begins anew.
#[test]
fn a_sampler_that_followed_a_study_proposes_what_a_new_one_does() {
    const RUNNING: usize = 3;
    for problem in [branin(), jenatton(), network()] {
        let config =
            GpConfig { max_trials: Some(16), startup_trials: 4, candidates: Some(30), ..GpConfig::default() };
        let mut history = History::new(problem.objectives.clone());
        let mut followed = GpSampler::new(config.clone());
        let mut running: Vec<FrozenTrial> = Vec::new();
        for number in 0..130 {
            let preview = |configuration: &Configuration| problem.preview(configuration);
            let (space, objectives) = (&problem.space, &problem.objectives[..]);
            let context = Context { number, space, objectives, history: &history, preview: &preview };
            let rng = || ChaCha8Rng::seed_from_u64(number);
            let proposed = followed.propose(&context, &mut rng()).unwrap();
            let anew = GpSampler::new(config.clone()).propose(&context, &mut rng()).unwrap();
            assert_eq!(proposed, anew, "{}, trial {number}", problem.name);
            let known = preview(&proposed).objectives;
            let trial = FrozenTrial {
                state: TrialState::Running,
                started: Some(1),
                known,
                ..FrozenTrial::waiting(number, proposed)
            };
            history.put(trial.clone());
            running.push(trial);
            if running.len() == RUNNING {
                // One of them runs for long.
                let ended = running.remove(usize::from(number % 40 > 2));
                let values = (problem.f)(&ended.configuration);
                history.put(match number % 11 {
                    7 => FrozenTrial { state: TrialState::Failed, ..ended },
                    _ => FrozenTrial { state: TrialState::Complete, values: Some(values), ..ended },
                });
            }
        }
    }
}

//! Runs samplers one trial after the other and keeps what came of it.

use crate::front::Front;
use crate::setup::{checkpoints, cpu_seconds, sampler};
use crate::task::Task;
use crate::{Options, conditional, curve, epochs, fronts, function, mixed, peer, table, table_fronts};
use lightcrest::sampler::Sampler;
use lightcrest::{Evaluation, ObjectiveInfo, Study};
use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

/// The tasks of one suite.
pub fn suite(name: &str, tables: &Path) -> Vec<Task> {
    match name {
        "tree" => vec![conditional::jenatton()],
        "conditional" => conditional::tasks(),
        "continuous" => function::continuous(),
        "large" => function::large(),
        "noisy" => function::noisy(),
        "mixed" => mixed::tasks(),
        other => match table::SUITES.iter().find(|suite| **suite == other) {
            Some(suite) => table::tasks(tables, suite),
            None => panic!("no suite `{other}`"),
        },
    }
}

/// Regret at the checkpoints, and seconds in the sampler.
fn one(task: &Task, sampler: Box<dyn Sampler>, seed: u64, budget: usize) -> (Vec<f64>, f64) {
    let mut study = Study::builder(task.space.clone(), vec![ObjectiveInfo::minimize("loss")])
        .seed(seed)
        .boxed_sampler(sampler)
        .build()
        .unwrap();
    let mut regrets = Vec::new();
    let (mut best, mut reached) = (f64::INFINITY, f64::INFINITY);
    let begin = cpu_seconds();
    for n in 1..=budget {
        let trial = study.ask().unwrap();
        task.space.validate(&trial.configuration).unwrap();
        let loss = (task.loss)(&trial.configuration);
        let told = task.observe(loss, seed, trial.number);
        // With noise: what the trial that looks best is worth.
        if told < best {
            (best, reached) = (told, loss);
        }
        study.tell(trial.number, Ok(Evaluation::new([told]))).unwrap();
        if checkpoints(task.suite).contains(&n) {
            regrets.push(task.regret(reached));
        }
    }
    (regrets, cpu_seconds() - begin)
}

/// What is run.
enum Problem {
    Loss(Task),
    Front(Front),
    Curve(curve::CurveTask),
}

impl Problem {
    fn of(suite: &str, tables: &Path) -> Vec<Self> {
        match suite {
            "bills" => fronts::paid().into_iter().map(Self::Front).collect(),
            "bills_tables" => table_fronts::tasks("fronts_chosen", tables)
                .into_iter()
                .map(|front| Self::Front(front.paid()))
                .collect(),
            "fronts" => fronts::tasks().into_iter().map(Self::Front).collect(),
            curves if curve::SUITES.contains(&curves) => {
                curve::tasks(curves, tables).into_iter().map(Self::Curve).collect()
            }
            other => match table_fronts::SUITES.iter().find(|suite| **suite == other) {
                Some(suite) => table_fronts::tasks(suite, tables).into_iter().map(Self::Front).collect(),
                None => self::suite(other, tables).into_iter().map(Self::Loss).collect(),
            },
        }
    }

    /// Suite and name.
    fn name(&self) -> (&'static str, &str) {
        match self {
            Self::Loss(task) => (task.suite, &task.name),
            Self::Front(front) => (front.suite, &front.name),
            Self::Curve(task) => (task.suite, &task.name),
        }
    }
}

pub fn all(options: &Options) {
    let out = options.path("out").expect("--out FILE");
    let tables = options.path("tables").unwrap_or_default();
    let peers = options.path("peers");
    let budget = |usual| options.get("budget").map_or(usual, |text| text.parse().unwrap());
    let threads = options.get("threads").map_or(1, |text| text.parse().unwrap());
    let done: HashSet<String> = std::fs::read_to_string(&out)
        .map(|text| text.lines().filter_map(|line| Some(line.rsplit_once(";regret")?.0.to_owned())).collect())
        .unwrap_or_default();
    let only = options.list("task");
    let problems: Vec<Problem> = options
        .list("suite")
        .iter()
        .flat_map(|name| Problem::of(name, &tables))
        .filter(|problem| only.is_empty() || only.iter().any(|name| name == problem.name().1))
        .collect();
    let mut runs = Vec::new();
    // Seeds outermost: what is stopped early has whole seeds.
    for seed in options.seeds() {
        for problem in &problems {
            for name in options.get("sampler").unwrap_or("auto").split(';') {
                runs.push((seed, problem, name.to_owned()));
            }
        }
    }
    let file = Mutex::new(OpenOptions::new().create(true).append(true).open(&out).unwrap());
    let next = Mutex::new(runs.into_iter());
    let work = || {
        loop {
            let Some((seed, problem, name)) = next.lock().unwrap().next() else { return };
            let key = format!("{};{};{name};{seed}", problem.name().0, problem.name().1);
            if done.contains(&key) {
                continue;
            }
            let make = || sampler(&name, seed, peers.as_deref());
            let (regrets, seconds) = match problem {
                Problem::Loss(task) => {
                    let usual = if task.suite == "large" { 1000 } else { 100 };
                    let (regrets, seconds) = one(task, make(), seed, budget(usual));
                    (regrets, peer::seconds().unwrap_or(seconds))
                }
                Problem::Front(front) => front.run(make(), seed, budget(100)),
                Problem::Curve(task) => epochs::one(task, &name, seed, budget(50), peers.as_deref()),
            };
            let regrets: Vec<String> = regrets.iter().map(|r| format!("{r:e}")).collect();
            writeln!(file.lock().unwrap(), "{key};regret;{seconds:.4};{}", regrets.join(";")).unwrap();
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
}

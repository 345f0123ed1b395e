//! Studies that learn from earlier ones: the other tasks of the suite, 50 random trials of each, drawn anew
//! for every seed. And studies that learn from what misleads.

use crate::run::suite;
use crate::setup::sampler;
use crate::task::Task;
use crate::{Options, peer};
use lightcrest::memory::{FIRST, Source};
use lightcrest::sampler::RandomSampler;
use lightcrest::{Evaluation, ObjectiveInfo, Study};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Where regret is taken.
const POINTS: [usize; 5] = [5, 10, 20, 30, 50];
/// Trials of each earlier study.
const EARLIER: usize = 50;

fn objectives() -> Vec<ObjectiveInfo> {
    vec![ObjectiveInfo::minimize("loss")]
}

/// What a study of `tasks[at]` is given.
fn sources(kind: &str, tasks: &[Task], others: &[Task], at: usize, seed: u64) -> Vec<Source> {
    let earlier: Vec<&Task> = match kind {
        "cold" => Vec::new(),
        "other" => others.iter().collect(),
        _ => tasks.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, task)| task).collect(),
    };
    let source = |(i, task): (usize, &&Task)| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed << 16 | (at << 8) as u64 | i as u64);
        let study = Study::builder(task.space.clone(), objectives()).name(task.name.clone());
        let mut study = study.seed(seed << 8 | i as u64).sampler(RandomSampler::new()).build().unwrap();
        let mut asked = Vec::new();
        for _ in 0..EARLIER {
            asked.push(study.ask().unwrap());
        }
        let mut losses: Vec<f64> = asked.iter().map(|trial| (task.loss)(&trial.configuration)).collect();
        match kind {
            "shuffled" => losses.shuffle(&mut rng),
            "reversed" => losses.iter_mut().for_each(|loss| *loss = -*loss),
            _ => {}
        }
        for (trial, loss) in asked.iter().zip(losses) {
            study.tell(trial.number, Ok(Evaluation::new([loss]))).unwrap();
        }
        study.source(&objectives())
    };
    earlier.iter().enumerate().map(source).collect()
}

fn one(task: &Task, name: &str, sources: Vec<Source>, seed: u64, peers: Option<&Path>) -> Vec<f64> {
    let ours = Study::builder(task.space.clone(), objectives()).seed(seed).learn_from(sources.clone());
    let is_peer = name.starts_with("optuna");
    let mut study = if is_peer {
        // The same first configurations as ours, enqueued.
        let mut ours = ours.build().unwrap();
        let count = if sources.iter().all(|source| source.lessons.is_empty()) { 0 } else { FIRST };
        let first: Vec<_> = (0..count).map(|_| ours.ask().unwrap().configuration).collect();
        let peer = peer::Peer::start_with(peers.expect("peers need --peers SCRIPT"), name, seed, &first);
        Study::builder(task.space.clone(), objectives()).seed(seed).sampler(peer).build().unwrap()
    } else {
        ours.boxed_sampler(sampler(name, seed, peers)).build().unwrap()
    };
    let (mut best, mut regrets) = (f64::INFINITY, Vec::new());
    for n in 1..=POINTS[POINTS.len() - 1] {
        let trial = study.ask().unwrap();
        let loss = (task.loss)(&trial.configuration);
        best = best.min(loss);
        study.tell(trial.number, Ok(Evaluation::new([loss]))).unwrap();
        if POINTS.contains(&n) {
            regrets.push(task.regret(best));
        }
    }
    regrets
}

/// Runs what is missing in the file `--out`.
pub fn run(options: &Options) {
    let out = options.path("out").expect("--out FILE");
    let tables = options.path("tables").unwrap_or_default();
    let peers = options.path("peers");
    let done: HashSet<String> = std::fs::read_to_string(&out)
        .map(|text| text.lines().filter_map(|line| Some(line.rsplit_once(";regret")?.0.to_owned())).collect())
        .unwrap_or_default();
    let mut file = OpenOptions::new().create(true).append(true).open(&out).unwrap();
    let only = options.list("task");
    let names = options.list("suite");
    let suites: Vec<(String, Vec<Task>)> =
        names.iter().map(|name| (name.clone(), suite(name, &tables))).collect();
    for seed in options.seeds() {
        for (name, tasks) in &suites {
            let other = if name == "hpolib" { "hpobench" } else { "hpolib" };
            let others = suite(other, &tables);
            for (at, task) in tasks.iter().enumerate() {
                if !only.is_empty() && !only.contains(&task.name) {
                    continue;
                }
                for what in options.get("sampler").unwrap_or("auto@warm;auto@cold").split(';') {
                    let key = format!("{name};{};{what};{seed}", task.name);
                    if done.contains(&key) {
                        continue;
                    }
                    let (sampler, kind) = what.split_once('@').expect("SAMPLER@MEMORY");
                    let sources = sources(kind, tasks, &others, at, seed);
                    let begin = crate::setup::cpu_seconds();
                    let regrets = one(task, sampler, sources, seed, peers.as_deref());
                    let seconds = crate::setup::cpu_seconds() - begin;
                    let regrets: Vec<String> = regrets.iter().map(|r| format!("{r:e}")).collect();
                    writeln!(file, "{key};regret;{seconds:.4};{}", regrets.join(";")).unwrap();
                }
            }
        }
    }
}

type Runs = BTreeMap<(String, u64), Vec<f64>>;

/// Prints mean regrets, and how each differs from the cold one of the same sampler in the same runs.
pub fn report(files: &[String]) {
    let mut suites: BTreeMap<String, BTreeMap<String, Runs>> = BTreeMap::new();
    for file in files {
        for line in std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}")).lines() {
            let words: Vec<&str> = line.split(';').collect();
            let [suite, task, what, seed, "regret", _, regrets @ ..] = words.as_slice() else {
                panic!("{file}: not a run: {line}")
            };
            let runs = suites.entry((*suite).to_owned()).or_default().entry((*what).to_owned()).or_default();
            let regrets = regrets.iter().map(|r| r.parse().unwrap()).collect();
            runs.insert(((*task).to_owned(), seed.parse().unwrap()), regrets);
        }
    }
    for (suite, all) in &suites {
        println!("\n### {suite}\n");
        let heads = POINTS.map(|n| format!("@{n}"));
        println!("| sampler | runs | {} | minus cold, paired: {} |", heads.join(" | "), heads.join(" | "));
        println!("|{}", "---|".repeat(2 + 2 * POINTS.len()));
        for (what, runs) in all {
            let cold = what.split_once('@').map(|(sampler, _)| format!("{sampler}@cold"));
            let cold = cold.filter(|cold| cold != what).and_then(|cold| all.get(&cold));
            let mut cells = vec![what.clone(), runs.len().to_string()];
            for at in 0..POINTS.len() {
                let values = runs.iter().map(|((task, _), r)| (task.as_str(), r[at]));
                cells.push(format(mean(values), false));
            }
            for at in 0..POINTS.len() {
                let pairs = |cold: &Runs| {
                    let both =
                        runs.iter().filter_map(|(k, r)| Some((k.0.as_str(), r[at] - cold.get(k)?[at])));
                    mean(both.collect::<Vec<_>>().into_iter())
                };
                cells.push(cold.map_or_else(String::new, |cold| format(pairs(cold), true)));
            }
            println!("| {} |", cells.join(" | "));
        }
    }
}

fn format((mean, error): (f64, f64), sign: bool) -> String {
    if sign { format!("{mean:+.4} ± {error:.4}") } else { format!("{mean:.4} ± {error:.4}") }
}

/// The mean over tasks of the mean over seeds, and its standard error.
fn mean<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> (f64, f64) {
    let mut tasks: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    values.for_each(|(task, value)| tasks.entry(task).or_default().push(value));
    let count = tasks.len() as f64;
    let (mut sum, mut variance) = (0.0, 0.0);
    for values in tasks.values() {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        sum += mean;
        variance += values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0) / n;
    }
    (sum / count, variance.sqrt() / count)
}

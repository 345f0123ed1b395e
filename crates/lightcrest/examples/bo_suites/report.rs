//! One table a suite: mean regret and its standard error over seeds, beside the logarithm and the rank over
//! the runs that all samplers have.

use crate::curve;
use crate::setup::checkpoints;
use std::collections::BTreeMap;

/// Which checkpoints are shown.
fn points(suite: &str) -> [usize; 3] {
    match suite {
        "large" => [200, 500, 1000],
        paid if paid.starts_with("bills") => [4, 8, 16],
        curves if curve::SUITES.contains(&curves) => [10, 20, 50],
        _ => [20, 50, 100],
    }
}

/// Regret below this counts as this where logarithms are taken.
const FLOOR: f64 = 1e-4;

struct Run {
    regrets: Vec<f64>,
    seconds: f64,
}

/// (task, seed) → run.
type Runs = BTreeMap<(String, u64), Run>;

pub fn print(files: &[String]) {
    let mut suites: BTreeMap<String, BTreeMap<String, Runs>> = BTreeMap::new();
    for file in files {
        for line in std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}")).lines() {
            let words: Vec<&str> = line.split(';').collect();
            let [suite, task, sampler, seed, "regret", seconds, regrets @ ..] = words.as_slice() else {
                panic!("{file}: not a run: {line}")
            };
            let regrets = regrets.iter().map(|r| r.parse().unwrap()).collect();
            let run = Run { regrets, seconds: seconds.parse().unwrap() };
            let runs =
                suites.entry((*suite).to_owned()).or_default().entry((*sampler).to_owned()).or_default();
            runs.insert(((*task).to_owned(), seed.parse().unwrap()), run);
        }
    }
    for (suite, samplers) in &suites {
        print_suite(suite, samplers);
    }
}

/// What was chosen while looking at these tasks.
fn protocol(suite: &str) -> &'static str {
    if suite.starts_with("fronts_held_out") {
        "no setting of several objectives was chosen on these tasks"
    } else {
        "settings were chosen on these tasks, on seeds below 50"
    }
}

fn print_suite(suite: &str, samplers: &BTreeMap<String, Runs>) {
    let Some(first) = samplers.values().next() else { return };
    let common: Vec<&(String, u64)> =
        first.keys().filter(|key| samplers.values().all(|runs| runs.contains_key(*key))).collect();
    println!("\n### {suite} ({} runs that all have; {})\n", common.len(), protocol(suite));
    let columns: Vec<String> = points(suite)
        .iter()
        .flat_map(|n| [format!("regret@{n}"), format!("paired, log10, rank @{n}")])
        .collect();
    println!("| sampler | runs | {} | CPU s |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len() + 3));
    for (name, runs) in samplers {
        let mut cells = vec![name.clone(), runs.len().to_string()];
        for point in points(suite) {
            let at = checkpoints(suite).iter().position(|n| *n == point).unwrap();
            let Some((mean, error)) = mean_over_tasks(runs, at) else {
                cells.extend(["".to_owned(), "".to_owned()]);
                continue;
            };
            cells.push(format!("{mean:.4} ± {error:.4}"));
            let count = common.len() as f64;
            let sum =
                |f: &dyn Fn(&(String, u64)) -> f64| common.iter().map(|key| f(key)).sum::<f64>() / count;
            let paired = sum(&|key| runs[key].regrets[at]);
            let log = sum(&|key| runs[key].regrets[at].max(FLOOR).log10());
            let rank = sum(&|key| {
                let mine = runs[key].regrets[at];
                // A slow peer may have had a smaller budget.
                let others = samplers.values().filter_map(|runs| runs[key].regrets.get(at).copied());
                0.5 + others.map(|r| if r < mine { 1.0 } else { 0.5 * f64::from(r == mine) }).sum::<f64>()
            });
            cells.push(format!("{paired:.4} {log:.2} {rank:.2}"));
        }
        let mut seconds: Vec<f64> = runs.values().map(|run| run.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        cells.push(format!("{:.2}", seconds[seconds.len() / 2]));
        println!("| {} |", cells.join(" | "));
    }
}

/// The mean over tasks of the mean over seeds, and its standard error over seeds.
fn mean_over_tasks(runs: &Runs, at: usize) -> Option<(f64, f64)> {
    let mut tasks: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for ((task, _), run) in runs {
        tasks.entry(task).or_default().push(*run.regrets.get(at)?);
    }
    let moments = |values: &Vec<f64>| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n;
        (mean, variance)
    };
    let all: Vec<(f64, f64)> = tasks.values().map(moments).collect();
    let n = all.len() as f64;
    let variance = all.iter().map(|(_, variance)| variance).sum::<f64>();
    Some((all.iter().map(|(mean, _)| mean).sum::<f64>() / n, variance.sqrt() / n))
}

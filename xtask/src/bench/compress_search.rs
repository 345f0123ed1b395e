//! `cargo xtask bench compress --part search [SPEC]`: what the search finds, beside what needs no search.
//!
//! | row | what it is |
//! |---|---|
//! | the sampler's name | the spec as it is |
//! | random | the same budget and the same first trials, the rest drawn at random |
//! | uniform L1 | channels cut by L1 norms, one ratio for all layers, at 2, 4 and 8 times fewer multiply-accumulates |
//! | EVBMF | Tucker and SVD at the ranks that stand out of noise, in all layers |
//!
//! All are fine-tuned for the epochs that the spec says. For 2, 4 and 8 times fewer multiply-accumulates the
//! model with the best first objective on the validation images is taken, and what it lost on the test images
//! is told; these take no part in any choice.

use std::path::{Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

use super::search::{Axis, Options, axes, columns, found, hypervolume, run_spec, section};
use super::{mean_and_error, output};
use crate::process::{cargo, root, run, target_folder};

/// How many times fewer multiply-accumulates there are.
const FACTORS: [f64; 3] = [2.0, 4.0, 8.0];

/// The digits' network is small enough for a check in minutes.
const SPEC: &str = "examples/compress-digits.toml";

/// A row of the table.
struct Row {
    name: String,
    /// Instead of the spec's.
    sampler: Option<&'static str>,
    /// Only the first trials of these methods, so many of them; none for the search.
    first: Option<(&'static [&'static str], i64)>,
    /// The only trial that counts, where not all do.
    only: Option<f64>,
}

/// The search under the sampler `own`, and what it is compared with.
fn rows(own: &str) -> [Row; 4] {
    let row = |name: &str, sampler, first, only| Row { name: name.into(), sampler, first, only };
    [
        row(own, None, None, None),
        row("random", Some("random"), None, None),
        // The network as it is, and three ratios.
        row("uniform L1", Some("random"), Some((&["prune"], 4)), None),
        // The network as it is, and the ranks of EVBMF.
        row("EVBMF", Some("random"), Some((&["svd", "tucker"], 2)), Some(1.0)),
    ]
}

/// What one search found.
struct Outcome {
    volume: f64,
    /// The best model at each of [`FACTORS`]; none where no model is so small.
    best: [Option<Best>; 3],
}

/// A model, beside the original.
#[derive(Clone, Copy)]
struct Best {
    /// Points of accuracy lost on the test images.
    lost: f64,
    /// CPU time of the original over its own.
    faster: f64,
}

/// Runs every row with every seed and prints mean and standard error.
///
/// # Errors
/// When a search fails, the spec is not fit, or an unknown option is given.
pub(super) fn search(options: &[&str]) -> Result<(), String> {
    let options = Options::read(options, Some(SPEC))?;
    if options.peer {
        return Err("--peer is of `cargo xtask bench search`: no other tool searches compressions".into());
    }
    let text = std::fs::read_to_string(&options.spec).map_err(|e| format!("{}: {e}", options.spec))?;
    let spec: Table = text.parse().map_err(|e| format!("{}: {e}", options.spec))?;
    let axes = axes(&spec)?;
    let spec = found(spec, &options.spec)?;
    run(cargo().args(["build", "--release", "--package", "lightcrest-cli"]))?;
    let program = target_folder().join("release/lightcrest");
    let model = network(&program, &spec, Path::new(&options.spec))?;
    let whole = macs(&program, &model)?;
    let rows = rows(spec.get("sampler").and_then(|t| t.get("name")?.as_str()).unwrap_or("auto"));
    let mut outcomes: Vec<Vec<Outcome>> = rows.iter().map(|_| vec![]).collect();
    for seed in 0..options.seeds {
        for (row, outcomes) in rows.iter().zip(&mut outcomes) {
            let found = one(&program, &spec, row, seed, &options, &axes, whole)?;
            println!("seed {seed} {:<10} {}", row.name, told(std::slice::from_ref(&found)));
            outcomes.push(found);
        }
    }
    println!(
        "\n{:<10} hypervolume, points lost on the test images at 2, 4 and 8 times fewer MACs (times less CPU time)",
        ""
    );
    for (row, outcomes) in rows.iter().zip(&outcomes) {
        println!("{:<10} {}", row.name, told(outcomes));
    }
    println!("mean +- standard error of {} seeds", options.seeds);
    Ok(())
}

/// Mean and standard error of everything; of one outcome what it is.
fn told(outcomes: &[Outcome]) -> String {
    let number = |values: &[f64], digits: usize| match values {
        [] => "-".to_owned(),
        [one] => format!("{one:.digits$}"),
        several => {
            let (mean, error) = mean_and_error(several);
            format!("{mean:.digits$} +- {error:.digits$}")
        }
    };
    let volumes: Vec<f64> = outcomes.iter().map(|outcome| outcome.volume).collect();
    let mut cells = vec![number(&volumes, 4)];
    for at in 0..FACTORS.len() {
        let best: Vec<Best> = outcomes.iter().filter_map(|outcome| outcome.best[at]).collect();
        let missing = outcomes.len() - best.len();
        let mut cell = number(&best.iter().map(|best| best.lost).collect::<Vec<_>>(), 2);
        if !best.is_empty() {
            cell.push_str(&format!(
                " ({})",
                number(&best.iter().map(|best| best.faster).collect::<Vec<_>>(), 2)
            ));
            cell.push_str(&if missing > 0 { format!(", {missing} without") } else { String::new() });
        }
        cells.push(cell);
    }
    cells.join("   ")
}

/// The network of the spec; where it is missing, that of `NAME-network.toml` beside the spec is trained.
fn network(program: &Path, spec: &Table, path: &Path) -> Result<PathBuf, String> {
    let written = spec.get("model").and_then(|model| model.get("path")?.as_str());
    let model = PathBuf::from(written.ok_or("the spec names no network")?);
    if model.is_file() {
        return Ok(model);
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let training = path.with_file_name(format!("{stem}-network.toml"));
    if !training.is_file() {
        return Err(format!("{} is not there, and there is no {}", model.display(), training.display()));
    }
    let folder = model.parent().unwrap_or(Path::new(""));
    run(Command::new(program).current_dir(root()).arg("train").arg(training).arg("--out").arg(folder))?;
    Ok(model)
}

/// Multiply-accumulates of a file.
fn macs(program: &Path, model: &Path) -> Result<f64, String> {
    let text = output(Command::new(program).args(["cost", "--json"]).arg(model))?;
    // The totals stand in the outer object.
    let line = text.lines().find_map(|line| line.strip_prefix("  \"macs\": "));
    line.and_then(|number| number.trim_end_matches(',').parse().ok())
        .ok_or_else(|| format!("{}: its cost is not known", model.display()))
}

fn one(
    program: &Path,
    spec: &Table,
    row: &Row,
    seed: i64,
    options: &Options,
    axes: &[Axis],
    whole: f64,
) -> Result<Outcome, String> {
    let folder = target_folder().join("bench-compress/search");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut spec = spec.clone();
    let mut budget = options.budget.clone();
    if let Some((methods, trials)) = row.first {
        budget = Some(("trials", Value::Integer(trials)));
        let compress = section(&mut spec, "compress")?;
        compress.remove("sections");
        let methods = methods.iter().map(|&method| Value::from(method));
        compress.insert("methods".into(), Value::Array(methods.collect()));
        compress.insert("importance".into(), Value::from("l1"));
        // Every first trial is run, whatever it costs, and to its end.
        spec.remove("constraints");
        spec.remove("pruner");
    }
    let name = row.name.to_lowercase().replace(' ', "-");
    let place = folder.join(format!("{name}-{seed}"));
    run_spec(program, &place, &spec, row.sampler, seed, budget.as_ref())?;
    let file = place.join("front.csv");
    let metric = |name: &str| columns(&file, &[name]);
    let numbers: Vec<f64> = metric("trial")?.into_iter().flatten().collect();
    let wanted = |at: usize| row.only.is_none_or(|only| numbers[at] == only);
    let points = columns(&file, &axes.iter().map(|axis| axis.metric.as_str()).collect::<Vec<_>>())?;
    let points: Vec<Vec<f64>> =
        points.into_iter().enumerate().filter(|(at, _)| wanted(*at)).map(|(_, point)| point).collect();
    let quality = axes.first().ok_or("the spec has no objective")?;
    let judged = [
        "macs",
        quality.metric.as_str(),
        "test_accuracy",
        "original_test_accuracy",
        "latency_cpu_ms",
        "original_latency_cpu_ms",
    ];
    let models = columns(&file, &judged)?;
    let best = FACTORS.map(|factor| {
        let small =
            models.iter().enumerate().filter(|(at, model)| wanted(*at) && model[0] * factor <= 1.02 * whole);
        let best = small.max_by(|(_, a), (_, b)| quality.unit(a[1]).total_cmp(&quality.unit(b[1])));
        best.map(|(_, model)| Best { lost: 100.0 * (model[3] - model[2]), faster: model[5] / model[4] })
    });
    Ok(Outcome { volume: hypervolume(&points, axes), best })
}

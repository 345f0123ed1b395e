//! Storms: workers on one study of which one is killed every 300 ms, and started again.
//!
//! Every worker keeps a history of what it did; one checker compares all of them with what is stored in the
//! end. `LIGHTCREST_LONG=1`, as `cargo xtask test --long` sets it, lets more storms blow.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![cfg(unix)]

mod log;
#[cfg(feature = "postgres")]
#[path = "../postgres/proxy.rs"]
mod proxy;
#[cfg(feature = "postgres")]
#[path = "../postgres/server.rs"]
mod server;
mod worker;

use lightcrest::space::Configuration;
use lightcrest::storage::{Storage, open_url};
use lightcrest::testing::{check_history, follow};
use lightcrest::{FrozenTrial, Study, TrialState};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WORKERS: usize = 8;
const TRIALS: usize = 500;
const KILL_EVERY: Duration = Duration::from_millis(300);
/// What takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// Where a worker finds what it is to do; set by the parent.
const TOLD: &str = "LIGHTCREST_TEST_STORM";

/// How many storms: few by default, more if they are asked for.
fn seeds(few: u64) -> std::ops::Range<u64> {
    0..if std::env::var_os("LIGHTCREST_LONG").is_some() { 20 } else { few }
}

/// The worker: no test unless it is told what to do.
#[test]
fn worker() {
    if let Some(told) = std::env::var_os(TOLD) {
        worker::work(told.to_str().unwrap());
    }
}

/// SplitMix64 (Steele et al. 2014): which worker is killed.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The workers, of which each writes its history to a file of its own.
struct Crew<'a> {
    /// Where they find the study: every other one by the second way, if there is one.
    urls: &'a [&'a str],
    folder: &'a Path,
    started: usize,
    workers: Vec<Child>,
}

impl Crew<'_> {
    fn start(&mut self) -> Child {
        let log = self.folder.join(format!("{}.log", self.started));
        self.started += 1;
        let url = self.urls[self.started % self.urls.len()];
        let told = format!("{url} {} {} {TRIALS}", log.display(), self.started);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "worker", "--nocapture", "--test-threads=1"]).env(TOLD, told);
        let errors = std::fs::File::create(self.folder.join(format!("{}.err", self.started - 1))).unwrap();
        command.stdout(Stdio::null()).stderr(errors).spawn().unwrap()
    }

    /// The histories, and what was printed by workers that failed.
    fn logs(&self) -> Vec<PathBuf> {
        (0..self.started).map(|i| self.folder.join(format!("{i}.log"))).collect()
    }

    fn errors(&self) -> String {
        let read = |i| std::fs::read_to_string(self.folder.join(format!("{i}.err"))).unwrap_or_default();
        (0..self.started).map(read).filter(|text| text.contains("panicked")).collect()
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.kill().ok();
            worker.wait().ok();
        }
    }
}

/// Lets a storm blow over a new study; `weather` is called with the share of the trials that are done, and
/// `crashes` if it lets the server crash.
fn storm(urls: &[&str], seed: u64, crashes: bool, weather: &mut dyn FnMut(f64)) {
    let url = urls[0];
    let folder = tempfile::tempdir().unwrap();
    let enqueued: Vec<Configuration> =
        (0..20).map(|i| [("x", f64::from(i) / 20.0)].into_iter().collect()).collect();
    let mut study = worker::study(url);
    for configuration in &enqueued {
        study.enqueue(configuration).unwrap();
    }
    let begun = Instant::now();
    let mut crew = Crew { urls, folder: folder.path(), started: 0, workers: Vec::new() };
    for _ in 0..WORKERS {
        let worker = crew.start();
        crew.workers.push(worker);
    }
    // A reader that follows what changes, from the beginning to the end.
    let mut reader = open_url(url, None).unwrap().study(worker::NAME).unwrap();
    let (mut seen, mut revision) = (Vec::new(), 0);
    let (mut kills, mut next) = (0, KILL_EVERY);
    while !crew.workers.is_empty() {
        assert!(begun.elapsed() < LIMIT, "the storm does not end\n{}", crew.errors());
        std::thread::sleep(Duration::from_millis(20));
        // What is asked for and thrown away is missed: that a server crashed is told once.
        follow(&mut *reader, &mut seen, &mut revision);
        let done = seen.iter().filter(|trial: &&FrozenTrial| trial.state.is_finished()).count();
        weather(done as f64 / TRIALS as f64);
        if begun.elapsed() >= next && done < TRIALS {
            next += KILL_EVERY;
            kills += 1;
            let victim =
                (mixed(seed.wrapping_mul(1_000).wrapping_add(kills)) % crew.workers.len() as u64) as usize;
            crew.workers[victim].kill().unwrap(); // SIGKILL
            crew.workers[victim].wait().unwrap();
            crew.workers[victim] = crew.start();
        }
        crew.workers.retain_mut(|worker| worker.try_wait().unwrap().is_none());
    }
    weather(1.0);
    assert_eq!(crew.errors(), "");
    check(&mut study, &mut *reader, &crew, (seen, revision), &enqueued, crashes);
    assert!(kills > 0, "somebody must have been killed");
}

/// Compares histories and what is stored.
fn check(
    study: &mut Study,
    reader: &mut dyn Storage,
    crew: &Crew<'_>,
    (mut seen, mut revision): (Vec<FrozenTrial>, u64),
    enqueued: &[Configuration],
    crashes: bool,
) {
    // What the last ones that were killed left.
    let begun = Instant::now();
    let runs = |study: &Study| study.history().in_state(TrialState::Running).count();
    loop {
        study.reclaim().unwrap();
        study.synchronize().unwrap();
        if runs(study) == 0 || begun.elapsed() > Duration::from_secs(20) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let trials = study.trials().to_vec();
    let events = log::read(&crew.logs());
    let broken = check_history(&events, &trials, worker::RETRIES, enqueued, crashes);
    assert!(broken.is_empty(), "{} of {} events:\n{}", broken.len(), events.len(), broken.join("\n"));
    let finished = trials.iter().filter(|trial| trial.state.is_finished()).count();
    assert!(finished >= TRIALS, "{finished} trials are finished");
    follow(reader, &mut seen, &mut revision);
    assert_eq!(seen, trials, "I7: whoever follows the changes sees what is there");
}

#[test]
fn a_storm_over_sqlite_loses_nothing_and_counts_nothing_twice() {
    for seed in seeds(3) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.db");
        storm(&[path.to_str().unwrap()], seed, false, &mut |_| {});
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_storm_over_postgresql_loses_nothing_and_counts_nothing_twice() {
    let Some(server) = server::Server::start() else { return };
    for seed in seeds(1) {
        let url = format!("{}?lease=2", server.database(&format!("storm{seed}")));
        storm(&[&url], seed, false, &mut |_| {});
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_storm_over_a_server_that_crashes_loses_nothing_and_counts_nothing_twice() {
    let Some(server) = server::Server::start() else { return };
    for seed in seeds(1) {
        let url = format!("{}?lease=2", server.database(&format!("storm{seed}")));
        let mut crashes = [1.0 / 3.0, 2.0 / 3.0].into_iter().peekable();
        storm(&[&url], seed, true, &mut |done| {
            if crashes.next_if(|share| done >= *share).is_some() {
                server.crash();
                server.go_on();
            }
        });
    }
}

/// Half of the workers are cut off for longer than a lease; what they asked before arrives afterwards.
#[cfg(feature = "postgres")]
#[test]
fn a_storm_that_cuts_workers_off_loses_nothing_and_counts_nothing_twice() {
    let Some(server) = server::Server::start() else { return };
    for seed in seeds(1) {
        let url = format!("{}?lease=2&connect_timeout=1", server.database(&format!("storm{seed}")));
        let proxy = proxy::Proxy::to(server.port());
        let through = url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port));
        let mut cuts = [1.0 / 4.0].into_iter().peekable();
        std::thread::scope(|scope| {
            storm(&[&url, &through], seed, false, &mut |done| {
                if cuts.next_if(|share| done >= *share).is_some() {
                    proxy.hold();
                    scope.spawn(|| proxy.let_pass_after(Duration::from_secs(4)));
                }
            });
        });
    }
}

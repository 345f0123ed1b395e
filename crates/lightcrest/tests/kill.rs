//! `kill -9` in the middle of a run loses no finished trial.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![cfg(unix)]

use lightcrest::objective::{Evaluation, ObjectiveInfo, TrialError};
use lightcrest::space::Space;
use lightcrest::storage::SqliteStorage;
use lightcrest::{Executor, ExecutorConfig, FrozenTrial, Objective, Observer, Study, Trial, TrialState};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the child finds its database; set by the parent.
const DATABASE: &str = "LIGHTCREST_TEST_DATABASE";

struct Square(Vec<ObjectiveInfo>);

impl Objective for Square {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.0
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
        let x = trial.configuration().get_f64("x").ok_or(TrialError::Failed { reason: "no x".to_owned() })?;
        trial.report(1, x)?;
        Ok(Evaluation::new([x * x]))
    }
}

fn study(path: &Path) -> Study {
    let space = Space::builder().float("x", -1.0, 1.0).build().unwrap();
    let storage = SqliteStorage::open(path).unwrap();
    Study::builder(space, vec![ObjectiveInfo::minimize("square")]).storage(storage).build().unwrap()
}

/// Says every finished trial aloud: from then on it must never be lost.
struct Announce;

impl Observer for Announce {
    fn finished(&self, trial: &FrozenTrial) {
        // Not println!, which the test harness would capture.
        let value = trial.values.as_ref().unwrap()[0];
        let line = format!("finished {} {:x}\n", trial.number, value.to_bits());
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

/// The child: runs for ever when a database is named, and is no test otherwise.
#[test]
fn child() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let objective = Square(vec![ObjectiveInfo::minimize("square")]);
    let executor = Executor::new(ExecutorConfig { workers: 3, ..ExecutorConfig::default() });
    executor.run(&mut study(Path::new(&path)), &objective, &Announce).unwrap();
}

#[test]
fn no_finished_trial_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.db");
    let mut announced: BTreeMap<u64, u64> = BTreeMap::new();
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(DATABASE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut take = |line: String| {
            let Some((_, line)) = line.split_once("finished ") else { return false };
            let Some((number, bits)) = line.split_once(' ') else { return false };
            let bits = u64::from_str_radix(bits, 16).unwrap();
            assert_eq!(announced.insert(number.parse().unwrap(), bits), None, "a finished trial ran again");
            true
        };
        let mut seen = 0;
        while seen < 40 * round {
            seen += usize::from(take(lines.next().expect("the child goes on").unwrap()));
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        // What it had said before it died counts too; its last line may be cut.
        let rest: Vec<_> = lines.map_while(Result::ok).collect();
        let whole = rest.len().saturating_sub(1);
        rest.into_iter().take(whole).for_each(|line| {
            take(line);
        });

        let mut study = study(&path);
        for (number, bits) in &announced {
            let trial = &study.trials()[*number as usize];
            assert_eq!(trial.state, TrialState::Complete, "trial {number} after round {round}");
            assert_eq!(trial.values.as_ref().unwrap()[0].to_bits(), *bits);
            assert_eq!(trial.reports.len(), 1);
        }
        let runs = |study: &Study| study.trials().iter().filter(|t| t.state == TrialState::Running).count();
        let left = runs(&study);
        assert!(left <= 3, "of three workers each left one at most");
        study.synchronize().unwrap();
        assert_eq!(runs(&study), left, "who only looks changes nothing");
        let objective = Square(vec![ObjectiveInfo::minimize("square")]);
        let idle = Executor::new(ExecutorConfig { trials: 0, ..ExecutorConfig::default() });
        idle.run(&mut study, &objective, &()).unwrap();
        assert_eq!(runs(&study), 0, "who works gives back what dead workers left");
    }
}

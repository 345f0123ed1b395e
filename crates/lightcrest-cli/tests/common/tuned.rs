//! Studies of a command, and the processes that they start.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lightcrest::TrialState;

use super::Place;

/// A study of one parameter; the command is `objective.sh`.
pub(crate) const SPEC: &str = r#"
[study]
name = "tuned"
seed = 5

[[objectives]]
metric = "loss"
direction = "minimize"

[command]
run = ["sh", "objective.sh", "{trial}", "{x}"]

# A test that goes wrong ends all the same.
[command.limits]
time = "2m"

[parameters]
x = { low = -1.0, high = 1.0 }

[budget]
trials = 4

[workers]
count = 1

[sampler]
name = "random"
"#;

pub(crate) fn place(spec: &str, script: &str) -> Place {
    let place = Place::new(spec);
    place.write("objective.sh", script);
    place
}

/// The reasons of the trials that failed, by number.
pub(crate) fn reasons(place: &Place) -> Vec<(u64, String)> {
    let failed = place.trials_of("tuned").into_iter().filter(|trial| trial.state == TrialState::Failed);
    failed.map(|trial| (trial.number, trial.reason.unwrap())).collect()
}

/// Waits for something that other processes do.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The process whose number a file holds.
pub(crate) fn process(path: &Path) -> Option<i32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

pub(crate) fn is_alive(process: i32) -> bool {
    state(process).is_some_and(|state| state != 'Z')
}

/// The state of a process, a letter as `ps` has it; none when it is gone.
pub(crate) fn state(process: i32) -> Option<char> {
    let state = Command::new("ps").args(["-o", "state=", "-p", &process.to_string()]).output().unwrap();
    String::from_utf8(state.stdout).unwrap().trim().chars().next()
}

/// Sends a signal.
pub(crate) fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

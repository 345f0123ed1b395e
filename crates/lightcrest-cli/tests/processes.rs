//! What becomes of the processes of `lightcrest tune` under signals, limits and ends, wherever they have
//! gone; and of `lightcrest` itself when nobody reads what it says.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::tuned::{SPEC, is_alive, place, process, reasons, signal, state, wait_until};
use common::{Place, TINY};
use lightcrest::TrialState;

/// A study of one trial.
fn one_trial() -> String {
    SPEC.replace("trials = 4", "trials = 1").replace("time = \"2m\"", "time = \"2m\"\ngrace = \"0.5s\"")
}

/// Starts `command` under a shell that ignores some signals, and waits until a trial runs.
fn started_ignoring(place: &Place, signals: &str, command: &str) -> std::process::Child {
    let script = format!("trap '' {signals}; exec \"$0\" {command}");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_lightcrest")]).current_dir(place.path(""));
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn what_is_inherited_as_ignored_stays_ignored() {
    let script = "echo $$ > \"$LIGHTCREST_FOLDER/process\"\n\
                  while [ ! -e go ]; do sleep 0.02; done\n\
                  grep SigIgn /proc/$$/status > ignored\necho '{\"loss\": 1}'";
    let place = place(&one_trial(), script);
    let mut run = started_ignoring(&place, "HUP INT CHLD", "tune spec.toml");
    wait_until("the trial runs", || process(&place.path("runs/tuned/trials/000000/process")).is_some());
    signal("-HUP", run.id());
    signal("-INT", run.id());
    std::thread::sleep(Duration::from_millis(200));
    place.write("go", "");
    assert_eq!(run.wait().unwrap().code(), Some(0));
    // Bits 0 and 1: SIGHUP and SIGINT, in the programs as well.
    let ignored = place.read("ignored");
    let mask = u64::from_str_radix(ignored.split_whitespace().nth(1).unwrap(), 16).unwrap();
    assert_eq!(mask & 0b11, 0b11, "{ignored}");
    assert_eq!(mask & (1 << 14), 0, "SIGTERM is heard");
}

#[test]
fn a_search_outlives_its_terminal_too() {
    let place = Place::new(&TINY.replace("trials = 6", "trials = 2"));
    let mut run = started_ignoring(&place, "HUP", "search spec.toml");
    wait_until("the search runs", || place.path("runs/tiny/study.db").exists());
    for _ in 0..5 {
        signal("-HUP", run.id());
    }
    assert_eq!(run.wait().unwrap().code(), Some(0));
}

#[test]
fn ctrl_z_stops_the_programs_and_time_stands_still() {
    let script = "sleep 1000 & echo $! > \"$LIGHTCREST_FOLDER/child\"\n\
                  setsid sleep 1000 & echo $! > \"$LIGHTCREST_FOLDER/away\"\n\
                  echo $$ > \"$LIGHTCREST_FOLDER/process\"\n\
                  while [ ! -e go ]; do sleep 0.02; done\necho '{\"loss\": 1}'";
    let place = place(&one_trial().replace("time = \"2m\"", "time = \"5s\""), script);
    let mut run = place.command(&["tune", "spec.toml"]).stderr(Stdio::null()).spawn().unwrap();
    let names = ["child", "away", "process"];
    let number = |name: &str| process(&place.path(&format!("runs/tuned/trials/000000/{name}")));
    wait_until("the trial runs", || names.iter().all(|name| number(name).is_some()));
    signal("-TSTP", run.id());
    let all = || names.iter().map(|name| number(name).unwrap()).chain([run.id() as i32]).collect::<Vec<_>>();
    let states = || all().into_iter().map(|process| state(process).unwrap()).collect::<String>();
    wait_until("all of it is stopped", || states() == "TTTT");
    // Longer than the limit of time.
    std::thread::sleep(Duration::from_millis(5200));
    place.write("go", "");
    signal("-CONT", run.id());
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert_eq!(place.trials_of("tuned")[0].state, TrialState::Complete, "{:?}", reasons(&place));
}

/// Starts processes that try to get away, then does as its argument says.
const FUGITIVES: &str = r#"
import os, subprocess, sys, time
folder = os.environ["LIGHTCREST_FOLDER"]
sleep = [sys.executable, "-S", "-c", "import time; time.sleep(1000)"]
def note(name, pid):
    with open(f"{folder}/{name}", "w") as file: file.write(str(pid))
note("session", subprocess.Popen(sleep, start_new_session=True).pid)
note("bare", subprocess.Popen(sleep, start_new_session=True, env={}).pid)
if os.fork() == 0:
    # A daemon: a session of its own, no parent, no environment, no output.
    os.setsid()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3): os.dup2(null, stream)
        os.execve(sleep[0], sleep, {})
    note("daemon", pid)
    os._exit(0)
os.wait()
note("stubborn", subprocess.Popen(
    ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"], start_new_session=True).pid)
how = sys.argv[1]
print('{"step": 1, "loss": 10}\n{"step": 2, "loss": 10}\n{"loss": 1}', flush=True)
if how == "wait": time.sleep(1000)
sys.exit(3 if how == "fail" else 0)
"#;

const NAMES: [&str; 4] = ["session", "bare", "daemon", "stubborn"];

fn fugitives(place: &Place, trial: u64) -> Vec<i32> {
    let path = |name: &str| place.path(&format!("runs/tuned/trials/{trial:06}/{name}"));
    NAMES.iter().map(|name| process(&path(name)).unwrap()).collect()
}

fn assert_gone(place: &Place, trial: u64) {
    for (process, name) in fugitives(place, trial).into_iter().zip(NAMES) {
        assert!(!is_alive(process), "{name} of trial {trial} lives");
    }
}

#[test]
fn what_a_trial_has_started_ends_with_it_wherever_it_is() {
    let script =
        "case $1 in 0) how=end;; 1) how=fail;; *) how=wait;; esac; exec python3 -S fugitives.py $how";
    // The trials after the first are stopped by the limit of time, or by the pruner.
    let spec = one_trial().replace("trials = 1", "trials = 3").replace("time = \"2m\"", "time = \"5s\"");
    let place = place(&spec, script);
    place.write("fugitives.py", FUGITIVES);
    place.succeed(&["tune", "spec.toml"]);
    let states: Vec<TrialState> = place.trials_of("tuned").iter().map(|trial| trial.state).collect();
    assert_eq!(states, [TrialState::Complete, TrialState::Failed, TrialState::Failed]);
    assert!(reasons(&place)[1].1.contains("limits.time"), "{:?}", reasons(&place));
    (0..3).for_each(|trial| assert_gone(&place, trial));
}

#[test]
fn trials_side_by_side_do_not_end_each_others_processes() {
    let script = "if [ $1 = 0 ]; then while [ ! -e over ]; do sleep 0.02; done\n\
                  for name in session bare; do\n\
                      kill -0 $(cat \"$LIGHTCREST_FOLDER/../000001/$name\") && echo lives >> other\n\
                  done; echo '{\"loss\": 1}'\n\
                  else exec python3 -S fugitives.py $([ $1 = 1 ] && echo wait || echo end); fi";
    let spec = one_trial().replace("trials = 1", "trials = 3").replace("count = 1", "count = 2");
    let place = place(&spec.replace("time = \"2m\"", "time = \"5s\""), script);
    place.write("fugitives.py", FUGITIVES);
    let place = &place;
    std::thread::scope(|scope| {
        let run = scope.spawn(|| place.succeed(&["tune", "spec.toml"]));
        let daemon = place.path("runs/tuned/trials/000001/stubborn");
        wait_until("the second trial runs", || process(&daemon).is_some());
        place.write("over", "");
        run.join().unwrap();
    });
    assert_eq!(place.read("other"), "lives\nlives\n");
    assert_gone(place, 1);
    assert_gone(place, 2);
}

#[test]
fn what_a_script_has_started_before_is_left_alone() {
    let objective = "setsid sleep 1000 & echo $! > \"$LIGHTCREST_FOLDER/session\"; echo '{\"loss\": 1}'";
    let place = place(&one_trial(), objective);
    let script = "sleep 1000 & echo $! > stranger; exec \"$0\" tune spec.toml -q";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_lightcrest")]).current_dir(place.path(""));
    assert!(
        shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    );
    let stranger = process(&place.path("stranger")).unwrap();
    assert!(is_alive(stranger));
    signal("-KILL", stranger as u32);
    let session = process(&place.path("runs/tuned/trials/000000/session")).unwrap();
    assert!(!is_alive(session));
}

#[test]
fn an_interrupted_trial_leaves_no_process_either() {
    let place = place(&one_trial(), "exec python3 -S fugitives.py wait");
    place.write("fugitives.py", FUGITIVES);
    for second in [false, true] {
        let mut run = place.command(&["tune", "spec.toml"]).stderr(Stdio::null()).spawn().unwrap();
        let last = place.path("runs/tuned/trials/000000/stubborn");
        wait_until("the trial runs", || process(&last).is_some());
        signal("-INT", run.id());
        if second {
            std::thread::sleep(Duration::from_millis(100));
            signal("-INT", run.id());
        }
        assert_eq!(run.wait().unwrap().code(), Some(130));
        wait_until("all of it is gone", || {
            fugitives(&place, 0).into_iter().all(|process| !is_alive(process))
        });
        std::fs::remove_file(last).unwrap();
    }
}

#[test]
fn memory_that_is_shared_counts_once_and_that_of_other_sessions_counts() {
    // 100 MB that four processes have in common, or that one in a session of its own has beside them.
    let script = "exec python3 -S share.py $1";
    let share = "import os, sys, time\n\
                 data = bytearray(b'x' * 100_000_000)\n\
                 alone = sys.argv[1] == '1'\n\
                 for i in range(1 if alone else 4):\n\
                 \x20   if os.fork() == 0:\n\
                 \x20       if alone: os.setsid(); data = bytearray(b'y' * 150_000_000)\n\
                 \x20       time.sleep(1000 if alone else 1.5); os._exit(0)\n\
                 time.sleep(1000 if alone else 1)\n\
                 print('{\"loss\": 1}')\n";
    let spec = one_trial().replace("trials = 1", "trials = 2");
    let place = place(&spec.replace("time = \"2m\"", "time = \"1m\"\nmemory = \"200 MB\""), script);
    place.write("share.py", share);
    place.succeed(&["tune", "spec.toml"]);
    let states: Vec<TrialState> = place.trials_of("tuned").iter().map(|trial| trial.state).collect();
    assert_eq!(states, [TrialState::Complete, TrialState::Failed], "{:?}", reasons(&place));
    assert!(reasons(&place)[0].1.contains("limits.memory = 200 MB"), "{:?}", reasons(&place));
}

/// Runs with standard error as the shell redirects it; the exit code of the program.
fn run_with(place: &Place, redirection: &str, command: &str) -> Option<i32> {
    let script = format!("{{ \"$0\" {command}; echo $? > rc; }} {redirection}");
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_lightcrest")]).current_dir(place.path(""));
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    place.read("rc").trim().parse().ok()
}

#[test]
fn nobody_need_read_what_is_said_on_the_way() {
    let tune = place(SPEC, "echo '{\"loss\": 1}'");
    for redirection in ["2>&1 | true", "2> /dev/full", "2>&-"] {
        assert_eq!(run_with(&tune, redirection, "tune spec.toml --fresh"), Some(0), "{redirection}");
        assert_eq!(tune.trials_of("tuned").len(), 4, "{redirection}");
    }
    let search = Place::new(&TINY.replace("trials = 6", "trials = 2"));
    assert_eq!(run_with(&search, "2>&1 | true", "search spec.toml"), Some(0));
    assert_eq!(run_with(&search, "2> /dev/full", "search nothing.toml"), Some(2));
    let config = format!("runs/tiny/front/{}/config.toml", search.names("runs/tiny/front")[0]);
    assert_eq!(run_with(&search, "2> /dev/full", &format!("train {config}")), Some(0));
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure_unless_its_reader_has_gone() {
    let place = place(SPEC, "echo '{\"loss\": 1}'");
    place.succeed(&["tune", "spec.toml"]);
    let commands = [
        "--help",
        "--version",
        "check spec.toml",
        "schema tune",
        "show runs/tuned",
        "report runs/tuned",
        "surrogate runs/tuned --parameter x --points 4 --trial 2",
        "tune spec.toml",
    ];
    for command in commands {
        assert_eq!(run_with(&place, "> /dev/full", command), Some(1), "{command}");
        assert_eq!(run_with(&place, "| true", command), Some(0), "{command}");
    }
}

#[test]
fn a_pipeline_that_is_interrupted_ends_in_order() {
    let script = "echo $$ > \"$LIGHTCREST_FOLDER/process\"; sleep 1000 & wait";
    let place = place(&one_trial(), script);
    let mut run = place.command(&["tune", "spec.toml"]).stderr(Stdio::piped()).spawn().unwrap();
    let file = place.path("runs/tuned/trials/000000/process");
    wait_until("the trial runs", || process(&file).is_some());
    // As `tee` does, which hears Ctrl-C first.
    drop(run.stderr.take());
    signal("-INT", run.id());
    let begun = Instant::now();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(place.trials_of("tuned")[0].state, TrialState::Waiting);
}

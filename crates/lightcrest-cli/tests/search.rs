//! `lightcrest search` from the outside: results, going on, starting anew, sudden death, a full disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Place, TINY};
use lightcrest::{FrozenTrial, TrialState};

/// The rows of a simple CSV file, by column name.
fn rows(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut lines = text.lines().map(|line| line.split(',').map(String::from).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    lines.map(|cells| header.iter().cloned().zip(cells).collect()).collect()
}

#[test]
fn a_search_leaves_everything_a_user_needs() {
    let place = Place::new(TINY);
    let result = place.succeed(&["search", "spec.toml"]);
    assert!(result.stdout.contains("Validation accuracy"), "{}", result.stdout);
    assert!(result.stderr.contains("[6/6"), "{}", result.stderr);

    let rows = rows(&place.read("runs/tiny/front.csv"));
    assert!(!rows.is_empty());
    for row in &rows {
        for name in ["parameters", "macs", "latency_ms", "validation_accuracy", "test_accuracy"] {
            let value: f64 = row[name].parse().unwrap_or_else(|_| panic!("{name} in {row:?}"));
            assert!(value > 0.0, "{name} in {row:?}");
        }
        // λ follows; a parameter of the other optimizer is empty.
        assert_eq!(row["optimizer"] == "adam", row["optimizer.sgd.momentum"].is_empty(), "{row:?}");
        let folder = format!("runs/tiny/front/trial-{:04}", row["trial"].parse::<u64>().unwrap());
        let names = place.names(&folder);
        assert_eq!(names, ["config.toml", "metrics.json", "model.onnx", "model.safetensors"]);
    }
    assert_eq!(place.names("runs/tiny/front").len(), rows.len());

    let page = place.read("runs/tiny/report.html");
    assert!(
        page.contains("stem") && page.contains("\"hypervolume\":["),
        "the report has the layers and the history"
    );
    assert!(place.names("runs/tiny").iter().all(|name| !name.ends_with(".part")));

    let shown = place.succeed(&["show", "runs/tiny"]).stdout;
    let best = &rows[0];
    assert!(
        shown.contains("learning_rate=") && shown.contains(&format!("trial {}:", best["trial"])),
        "{shown}"
    );
    assert!(shown.contains("importance for Validation accuracy"), "{shown}");
    assert!(shown.contains("stem.0.conv"), "the layers of the models: {shown}");
    std::fs::remove_file(place.path("runs/tiny/report.html")).unwrap();
    place.succeed(&["report", "runs/tiny"]);
    assert_eq!(place.read("runs/tiny/report.html"), page, "the redrawn page is the same");
}

#[test]
fn a_configuration_trains_to_the_same_model_again() {
    let place = Place::new(TINY);
    place.succeed(&["search", "spec.toml", "--quiet"]);
    let model = &place.names("runs/tiny/front")[0];
    let folder = format!("runs/tiny/front/{model}");
    place.succeed(&["train", &format!("{folder}/config.toml"), "--out", "again"]);
    assert!(place.weights("again") == place.weights(&folder));
}

#[test]
fn a_kindle_model_file_is_trained() {
    let place = Place::new(TINY);
    let rows =
        "  - [1, Conv, [8, 3, 2]]\n  - [1, GlobalAvgPool, []]\n  - [1, Flatten, []]\n  - [1, Linear, [10]]\n";
    place.write("model.yaml", format!("input_channel: 1\nbackbone:\n{rows}"));
    let result = place.succeed(&["train", "model.yaml", "--data", "digits", "--epochs", "2"]);
    assert!(result.stdout.contains("Test accuracy"), "{}", result.stdout);
    assert_eq!(place.names("trained"), ["metrics.json", "model.onnx", "model.safetensors", "model.yaml"]);
}

#[test]
fn the_same_command_goes_on_and_a_spent_budget_only_rewrites() {
    let place = Place::new(TINY);
    place.succeed(&["search", "spec.toml"]);
    let before = place.trials();
    let front = place.read("runs/tiny/front.csv");

    std::fs::remove_file(place.path("runs/tiny/front.csv")).unwrap();
    place.succeed(&["search", "spec.toml"]);
    assert_eq!(place.trials(), before, "no trial is added or changed");
    assert_eq!(place.read("runs/tiny/front.csv"), front);

    place.write("spec.toml", TINY.replace("trials = 6", "trials = 9"));
    place.succeed(&["search", "spec.toml"]);
    let after = place.trials();
    assert_eq!(after.len(), 9);
    assert_eq!(after[..6], before[..]);
}

#[test]
fn the_front_is_trained_again_where_the_spec_says_so() {
    let refit = "[refit]\nepochs = 4\nimages = \"train+validation\"\nmodels = 2\n";
    let place = Place::new(&format!("{TINY}\n{refit}"));
    place.succeed(&["search", "spec.toml"]);
    let models = place.names("runs/tiny/front");
    let refitted: Vec<_> = models
        .iter()
        .filter(|model| place.read(&format!("runs/tiny/front/{model}/config.toml")).contains("epochs = 4"))
        .collect();
    assert_eq!(refitted.len(), models.len().min(2), "{models:?}");
    // The written spec trains the refitted model, not that of the search.
    let folder = format!("runs/tiny/front/{}", refitted[0]);
    place.succeed(&["train", &format!("{folder}/config.toml"), "--out", "again"]);
    assert!(place.weights("again") == place.weights(&folder));
    // Going on leaves it, also when this version would write its file otherwise.
    let text = format!("# by another version\n{}", place.read(&format!("{folder}/config.toml")));
    place.write(&format!("{folder}/config.toml"), &text);
    place.succeed(&["search", "spec.toml"]);
    assert_eq!(place.read(&format!("{folder}/config.toml")), text);
    // Another second training is another model.
    place.write("spec.toml", format!("{TINY}\n{refit}\n[refit.augmentation]\nshift = 1\n"));
    place.succeed(&["search", "spec.toml"]);
    assert!(place.read(&format!("{folder}/config.toml")).contains("shift = 1"));
}

#[test]
fn a_model_that_is_missing_is_trained_again_to_the_same_weights() {
    let place = Place::new(TINY);
    place.succeed(&["search", "spec.toml", "--workers", "1"]);
    let model = format!("runs/tiny/front/{}", place.names("runs/tiny/front")[0]);
    let weights = place.weights(&model);
    std::fs::remove_dir_all(place.path("runs/tiny/front")).unwrap();
    std::fs::remove_dir_all(place.path("runs/tiny/weights")).unwrap();
    place.succeed(&["search", "spec.toml"]);
    assert!(place.weights(&model) == weights);
}

#[test]
fn fresh_starts_anew_and_keeps_the_earlier_run_aside() {
    let place = Place::new(TINY);
    place.succeed(&["search", "spec.toml"]);
    let earlier = place.trials().len();
    place.write("spec.toml", TINY.replace("seed = 3", "seed = 4").replace("trials = 6", "trials = 3"));
    place.succeed(&["search", "spec.toml", "--fresh"]);
    assert_eq!(earlier, 6);
    assert_eq!(place.trials().len(), 3);
    assert!(place.path("runs/tiny.old-1/study.db").exists());

    // A spec that is wrong moves nothing.
    place.write("spec.toml", TINY.replace("[budget]", "[budgets]"));
    let before = place.contents();
    assert_eq!(place.run(&["search", "spec.toml", "--fresh"]).code, Some(2));
    assert_eq!(place.contents(), before);
}

fn finished(trials: &[FrozenTrial]) -> Vec<FrozenTrial> {
    trials.iter().filter(|trial| trial.state.is_finished()).cloned().collect()
}

/// The finished trials of a search that may be running, or none while there is no study yet.
fn finished_so_far(place: &Place) -> Vec<FrozenTrial> {
    if !place.path("runs/tiny/study.db").exists() {
        return Vec::new();
    }
    std::panic::catch_unwind(|| finished(&place.trials())).unwrap_or_default()
}

#[test]
fn killed_at_any_moment_no_finished_trial_is_lost() {
    // The searches that are killed would not end by themselves, on however fast a machine.
    let place = Place::new(&TINY.replace("trials = 6", "trials = 1000000"));
    let mut known: Vec<FrozenTrial> = Vec::new();
    for delay in [0, 7, 23, 61, 131] {
        let mut child = place
            .command(&["search", "spec.toml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while finished_so_far(&place).len() <= known.len() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no trial ended in a minute");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        let trials = place.trials();
        for trial in &known {
            assert_eq!(&trials[trial.number as usize], trial, "a finished trial never changes");
        }
        known = finished(&trials);
    }
    let total = known.len() + 4;
    place.write("spec.toml", TINY.replace("trials = 6", &format!("trials = {total}")));
    place.succeed(&["search", "spec.toml"]);
    let trials = place.trials();
    assert_eq!(finished(&trials).len(), total);
    for trial in &known {
        assert_eq!(&trials[trial.number as usize], trial);
    }
    // The front is complete: every model is there, and nothing else.
    let listed: BTreeSet<u64> =
        rows(&place.read("runs/tiny/front.csv")).iter().map(|row| row["trial"].parse().unwrap()).collect();
    let written: BTreeSet<u64> =
        place.names("runs/tiny/front").iter().map(|name| name["trial-".len()..].parse().unwrap()).collect();
    assert_eq!(listed, written);
    assert!(place.names("runs/tiny/weights").iter().all(|name| name.ends_with(".safetensors")));
}

#[test]
fn the_same_seed_gives_the_same_trials_also_across_a_kill() {
    let spec = TINY.replace("count = 2", "count = 1");
    let whole = Place::new(&spec);
    whole.succeed(&["search", "spec.toml"]);
    let broken = Place::new(&spec);
    let mut child =
        broken.command(&["search", "spec.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    broken.succeed(&["search", "spec.toml"]);
    let results = |place: &Place| -> Vec<_> {
        place.trials().into_iter().map(|trial| (trial.configuration, trial.state, trial.values)).collect()
    };
    assert_eq!(results(&whole), results(&broken));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_after_storing() {
    let spec = TINY.replace("trials = 6", "trials = 100000");
    let place = Place::new(&spec);
    let child = place.command(&["search", "spec.toml"]).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let some = || {
        place.path("runs/tiny/study.db").exists()
            && std::panic::catch_unwind(|| place.trials()).is_ok_and(|trials| finished(&trials).len() >= 2)
    };
    while !some() {
        assert!(Instant::now() < deadline, "no trial ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("interrupted"), "{message}");
    let trials = place.trials();
    assert!(finished(&trials).len() >= 2);
    assert!(trials.iter().all(|trial| trial.state != TrialState::Running), "nothing is left running");
}

/// `ulimit -f` makes every write beyond the limit fail, as a full disk does.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_ends_the_run_and_leaves_what_is_stored_whole() {
    let place = Place::new(&TINY.replace("trials = 6", "trials = 2000"));
    let program = env!("CARGO_BIN_EXE_lightcrest");
    // SIGXFSZ is ignored, so that writes fail with an error instead of killing the process. 200 blocks of
    // 1024 bytes.
    let script = format!("trap '' XFSZ; ulimit -f 200; exec {program} search spec.toml");
    let output = Command::new("bash").args(["-c", &script]).current_dir(place.path("")).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    let end: Vec<&str> = message.lines().filter(|line| !line.starts_with("trial ")).collect();
    assert!(end.iter().any(|line| line.starts_with("error: ")), "{message}");
    assert!(!message.contains("panicked"), "{message}");

    let before = finished(&place.trials());
    assert!(!before.is_empty());
    place.write("spec.toml", TINY.replace("trials = 6", &format!("trials = {}", before.len() + 2)));
    place.succeed(&["search", "spec.toml"]);
    let after = place.trials();
    for trial in &before {
        assert_eq!(&after[trial.number as usize], trial, "what was stored stays whole");
    }
    assert_eq!(finished(&after).len(), before.len() + 2);
}

#[test]
fn two_searches_do_not_share_a_folder() {
    let place = Place::new(&TINY.replace("trials = 6", "trials = 100000"));
    let mut first =
        place.command(&["search", "spec.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !place.path("runs/tiny/study.db").exists() {
        assert!(Instant::now() < deadline, "the search did not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = place.run(&["search", "spec.toml"]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    assert!(second.stderr.contains("another search is running in runs/tiny"), "{}", second.stderr);
}

#[test]
fn what_memory_does_not_hold_is_said_and_left_out() {
    // The second of two convolutions has 2^40 weights a tap, or 16.
    let spec = TINY
        .replace("out_channels = [4, 8, 12, 16]", "out_channels = [4, 1048576]")
        .replace("name = \"stem\"", "name = \"stem\"\nrepeat = 2");
    let place = Place::new(&spec);
    let checked = place.succeed(&["check", "spec.toml"]);
    assert!(
        checked.stdout.contains("of 200 do not fit; of the largest, its training needs "),
        "{}",
        checked.stdout
    );
    place.succeed(&["search", "spec.toml", "-q"]);
    let trials = place.trials();
    assert!(trials.len() == 6 && trials.iter().all(|trial| trial.values.is_some()));

    let fixed = spec
        .replace("[4, 1048576]", "1048576")
        .replace("[16, 32]", "16")
        .replace("{ low = 1e-2, high = 1e-1, log = true }", "0.01")
        .replace("{ low = 0.5, high = 0.95 }", "0.9")
        .replace("[training.optimizer.adam]\n", "");
    place.write("one.toml", fixed);
    let refused = place.run(&["train", "one.toml"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("its training needs ") && refused.stderr.contains(" TB"),
        "{}",
        refused.stderr
    );
    assert!(place.names("trained").is_empty());
}

#[test]
fn a_search_in_which_every_trial_failed_is_a_failure() {
    let place = Place::new(
        &TINY
            .replace("low = 1e-2, high = 1e-1", "low = 1e30, high = 1e31")
            .replace("trials = 6", "trials = 2"),
    );
    let result = place.run(&["search", "spec.toml"]);
    assert_eq!(result.code, Some(1), "{}", result.stderr);
    assert!(result.stderr.contains("all 2 trials failed; trial 1: diverged"), "{}", result.stderr);
    assert!(place.path("runs/tiny/report.html").exists());
}

#[test]
fn a_run_whose_database_is_damaged_is_said_to_be() {
    let place = Place::new(TINY);
    place.succeed(&["search", "spec.toml"]);
    let database = rusqlite::Connection::open(place.path("runs/tiny/study.db")).unwrap();
    database.execute("DELETE FROM trial WHERE number = 3", []).unwrap();
    drop(database);
    for command in ["show", "report"] {
        let refused = place.run(&[command, "runs/tiny"]);
        assert_ne!(refused.code, Some(0), "{command}");
        let told = &refused.stderr;
        assert!(told.contains("trial 3 is missing") && !told.contains("panicked"), "{command}: {told}");
    }
}

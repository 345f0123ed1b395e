//! How `lightcrest tune` reads what programs say: files that are written anew, objects over lines, what
//! cannot be read; and specs that come through pipes, and scripts that cannot run.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use common::Place;
use common::tuned::{SPEC, place, reasons};
use lightcrest::TrialState;

/// A study whose trials run `objective.py`, which gets the number of the trial.
fn python(trials: usize, script: &str) -> Place {
    let spec = SPEC.replace("trials = 4", &format!("trials = {trials}"));
    let place = place(&spec, "exec python3 -S objective.py $1");
    place.write("objective.py", script);
    place
}

#[test]
fn a_metrics_file_counts_as_it_is_at_the_end() {
    let script = r#"
import json, os, sys, time
path, how = os.environ["LIGHTCREST_METRICS"], int(sys.argv[1])
if how == 5: os.remove(path)
for epoch, loss in enumerate((9.5, 0.25, 0.125, 0.0625)):
    metrics = {"step": epoch, "loss": loss} if how == 3 else {"loss": loss}
    text = json.dumps(metrics, indent=2 if how in (2, 3) else None)
    if how == 0:                        # in place, longer and shorter
        with open(path, "w") as file: file.write(text + "\n")
    elif how in (1, 2, 3):              # another file takes its place
        with open(path + ".tmp", "w") as file: file.write(text)
        os.replace(path + ".tmp", path)
    elif how == 4:                      # with all that was written before
        lines = [json.dumps({"step": i, "loss": 8 - i}) for i in range(epoch + 1)]
        with open(path, "w") as file: file.write("\n".join(lines))
    elif how == 5:                      # late, and appended to
        with open(path, "a") as file: file.write(text + "\n")
    elif how == 6:                      # the last one has not what counts
        with open(path, "w") as file: file.write(json.dumps({"loss": loss} if epoch < 3 else {"los": 1}))
    elif how == 7:                      # the last one is cut
        with open(path, "w") as file: file.write(text if epoch < 3 else text[:-3])
    time.sleep(0.12)
"#;
    let place = python(8, script);
    place.succeed(&["tune", "spec.toml"]);
    let trials = place.trials_of("tuned");
    for trial in &trials[..6] {
        let loss = if trial.number == 4 { 5.0 } else { 0.0625 };
        assert_eq!(trial.values, Some(vec![loss]), "{}: {:?}", trial.number, trial.reason);
    }
    let steps = |number: usize| trials[number].reports.iter().map(|(step, _)| *step).collect::<Vec<_>>();
    assert!(steps(3).ends_with(&[3]) && steps(3).is_sorted(), "{:?}", steps(3));
    assert_eq!(steps(4), [0, 1, 2, 3]);
    let reasons = reasons(&place);
    assert_eq!(reasons[0], (6, "it wrote no `loss`, but los".into()));
    assert!(reasons[1].1.starts_with("it wrote no `loss`; `{\"loss\": 0.06` is no JSON"), "{reasons:?}");
}

#[test]
fn what_cannot_be_read_is_named_for_what_it_is() {
    let script = r#"
import json, sys
how, out = int(sys.argv[1]), sys.stdout.buffer
if how == 0: print(json.dumps({"loss": 1, "predictions": [0.123456789] * 120000}))
if how == 1: out.write(b'\xef\xbb\xbf{"loss": 2}\n')
if how == 2: print(json.dumps({"loss": 3, "more": {"a": [1, {"loss": 9}]}}, indent=4))
if how == 3: out.write(b'{"loss": 4, "name": "caf\xe9"}\n')
if how == 4: print('{"loss": 9}'); print('{"loss": 5, "a": "' + "x" * (17 << 20) + '"}')
if how == 5: print('{"loss": -1e400}')
if how == 6: out.write('{"loss": 1}\n'.encode("utf-16"))
if how == 7: print(dict(loss=1))
if how == 8: print('{"loss": 9}'); print('{\n"loss": 1,\nEpoch 2')
if how == 9: print('{"loss": Infinity}')
if how == 10: print('{"loss": 1' + "0" * 400 + '}')
"#;
    let place = python(11, script);
    let said = place.succeed(&["tune", "spec.toml"]).stderr;
    let trials = place.trials_of("tuned");
    let values: Vec<_> = trials[..4].iter().map(|trial| trial.values.clone().unwrap()[0]).collect();
    assert_eq!(values, [1.0, 2.0, 3.0, 4.0]);
    let reasons = reasons(&place);
    let expected = [
        "`loss` may be out of date: the line that begins with `{\"loss\": 5, \"a\": \"xxx",
        "`loss` is -1e400, which is beyond the numbers of 64 bits",
        "it wrote no `loss`; a line is in UTF-16",
        "it wrote no `loss`; `{'loss': 1}` is no JSON (",
        "`loss` may be out of date: the object over several lines that begins with `{` cannot be read",
        "`loss` is Infinity, which is no number",
        "`loss` is 1000",
    ];
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    for ((number, reason), expected) in reasons.iter().zip(expected) {
        assert!(reason.starts_with(expected), "trial {number}: {reason}");
        assert!(said.contains(reason), "{said}");
    }
    assert!(reasons[0].1.ends_with("too long: more than 16 MiB"), "{reasons:?}");
    assert!(reasons[6].1.ends_with("beyond the numbers of 64 bits"), "{reasons:?}");
}

#[test]
fn a_program_cannot_repaint_the_terminal_through_its_last_words() {
    let script = "[ $1 = 0 ] && echo '{\"loss\": 1}' && exit\nprintf '\\033[31mboom\\033[0m\\033[2J \\b\\n' >&2; exit 3";
    let place = place(&SPEC.replace("trials = 4", "trials = 2"), script);
    let said = place.succeed(&["tune", "spec.toml"]).stderr;
    assert!(said.contains("trial 1: failed: exit code 3: boom"), "{said:?}");
    let shown = place.succeed(&["show", "runs/tuned"]).stdout;
    assert!(shown.contains("exit code 3: boom"), "{shown:?}");
    assert!(!(said + &shown).contains(['\u{1b}', '\u{8}']));
}

#[test]
fn a_script_that_cannot_run_says_why() {
    let spec = SPEC
        .replace("[\"sh\", \"objective.sh\", \"{trial}\", \"{x}\"]", "[\"./train\"]")
        .replace("trials = 4", "trials = 1");
    for (contents, said) in [
        ("#!/bin/sh\r\necho '{\"loss\": 1}'\r\n", "Windows line ends"),
        ("#!/usr/bin/env sh\r\necho '{\"loss\": 1}'\r\n", "Windows line ends"),
        ("#!/no/such/interpreter -x\n", "the interpreter that the first line of"),
        ("#!/usr/bin/env no-such-interpreter\n", "install no-such-interpreter"),
    ] {
        let place = Place::new(&spec);
        place.write("train", contents);
        std::fs::set_permissions(place.path("train"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let checked = place.run(&["check", "spec.toml"]);
        assert_eq!(checked.code, Some(2), "{contents:?}");
        assert!(
            checked.stderr.contains(said) && checked.stderr.contains("interpreter"),
            "{}",
            checked.stderr
        );
        let tuned = place.run(&["tune", "spec.toml"]);
        assert_eq!(tuned.code, Some(1), "{contents:?}");
        let line = tuned.stderr.lines().find(|line| line.starts_with("trial 0: failed")).unwrap_or_default();
        assert!(line.contains(said) && line.contains("interpreter"), "{}", tuned.stderr);
    }
}

#[test]
fn a_spec_may_come_through_a_pipe() {
    let place = place(&SPEC.replace("[\"sh\", ", "[\"./run\", \"sh\", "), "echo '{\"loss\": 1}'");
    place.write("run", "#!/bin/sh\nexec \"$@\"\n");
    std::fs::set_permissions(place.path("run"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = place.read("spec.toml");
    std::fs::remove_file(place.path("spec.toml")).unwrap();
    let piped = |command: &str, path: &str| {
        let mut run = place.command(&[command, path]);
        let mut run =
            run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        run.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{command} {path}: {}", String::from_utf8_lossy(&output.stderr));
    };
    piped("check", "/dev/stdin");
    piped("check", "-");
    piped("tune", "/dev/stdin");
    assert!(place.trials_of("tuned").iter().all(|trial| trial.state == TrialState::Complete));
    // The copy goes on with more of it, from where it lies.
    let copy = place.read("runs/tuned/spec.toml");
    place.write("runs/tuned/spec.toml", copy.replace("trials = 4", "trials = 6"));
    place.succeed(&["tune", "runs/tuned/spec.toml"]);
    assert_eq!(place.trials_of("tuned").len(), 6);
    assert!(place.trials_of("tuned").iter().all(|trial| trial.state == TrialState::Complete));
}

#[test]
fn a_study_in_which_every_trial_failed_is_a_failure() {
    let place = place(&SPEC.replace("trials = 4", "trials = 2"), "exit 7");
    for _ in 0..2 {
        let result = place.run(&["tune", "spec.toml"]);
        assert_eq!(result.code, Some(1), "{}", result.stderr);
        assert!(result.stderr.contains("all 2 trials failed; trial 1: exit code 7"), "{}", result.stderr);
        assert!(place.path("runs/tuned/report.html").exists());
    }
}

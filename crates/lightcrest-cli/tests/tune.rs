//! `lightcrest tune` from the outside: how parameters get in and metrics out, what is stopped and how, what
//! fails and why.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::tuned::{SPEC, is_alive, place, process, reasons, wait_until};
use common::{Place, TINY};
use lightcrest::TrialState;

#[test]
fn parameters_arrive_as_arguments_in_the_environment_and_in_a_file() {
    let spec = SPEC.replace("[parameters]", "[parameters]\nlayers = [1, 2]\nname = \"fixed\"").replace(
        "run = [\"sh\", \"objective.sh\", \"{trial}\", \"{x}\"]",
        "run = [\"python3\", \"objective.py\", \"--x={x}\", [\"--momentum\", \"{momentum}\"], \"{layers}\"]\n\
         environment = { MOMENTUM = \"m{momentum}\", NAME = \"{name}\", SEED = \"{seed}\" }",
    );
    let spec = spec.replace("trials = 4", "trials = 8")
        + "[parameters.optimizer.sgd]\nmomentum = { low = 0.0, high = 0.9 }\n[parameters.optimizer.adam]\n";
    let place = Place::new(&spec.replace("[budget]", "[parameters.unused.only]\n[budget]"));
    place.write(
        "objective.py",
        "import json, os, sys\n\
         parameters = json.load(open(os.environ['LIGHTCREST_PARAMETERS']))\n\
         seen = dict(arguments=sys.argv[1:], file=parameters, directory=os.getcwd())\n\
         seen['environment'] = {k: os.environ.get(k) for k in ['MOMENTUM', 'NAME', 'SEED', 'LIGHTCREST_TRIAL']}\n\
         json.dump(seen, open(os.environ['LIGHTCREST_FOLDER'] + '/seen.json', 'w'))\n\
         print('{not a metric}')\n\
         with open(os.environ['LIGHTCREST_METRICS'], 'a') as metrics:\n\
         \x20   metrics.write(json.dumps(dict(loss=parameters['x'] ** 2, extra=7)))\n",
    );
    place.succeed(&["tune", "spec.toml"]);
    let trials = place.trials_of("tuned");
    let mut seen_optimizers = BTreeSet::new();
    for trial in &trials {
        let folder = format!("runs/tuned/trials/{:06}", trial.number);
        let seen: serde_json::Value =
            serde_json::from_str(&place.read(&format!("{folder}/seen.json"))).unwrap();
        let (file, environment) = (&seen["file"], &seen["environment"]);
        let x = trial.configuration.get_f64("x").unwrap();
        assert_eq!((file["x"].as_f64(), file["name"].as_str()), (Some(x), Some("fixed")));
        assert_eq!(environment["LIGHTCREST_TRIAL"], trial.number.to_string());
        assert_eq!(environment["NAME"], "fixed");
        assert!(environment["SEED"].as_str().unwrap().parse::<u32>().unwrap() < 1 << 31);
        assert_eq!(Path::new(seen["directory"].as_str().unwrap()), place.path("").canonicalize().unwrap());
        let layers = trial.configuration.get("layers").unwrap().to_string();
        let momentum = trial.configuration.get("optimizer.sgd.momentum").map(ToString::to_string);
        let mut arguments = vec![format!("--x={x:?}")];
        arguments.extend(momentum.iter().flat_map(|value| ["--momentum".to_owned(), value.clone()]));
        arguments.push(layers);
        assert_eq!(seen["arguments"], serde_json::json!(arguments));
        assert_eq!(
            environment["MOMENTUM"].as_str().map(str::to_owned),
            momentum.map(|value| format!("m{value}"))
        );
        assert_eq!(file.get("momentum").is_some(), file["optimizer"] == "sgd");
        assert_eq!(trial.values.as_deref(), Some(&[x * x][..]));
        assert_eq!(trial.attributes["extra"], 7.0);
        seen_optimizers.insert(file["optimizer"].to_string());
    }
    assert_eq!(seen_optimizers.len(), 2, "both were tried");
    // The readers of runs know it.
    let csv = place.read("runs/tuned/front.csv");
    assert!(csv.starts_with("trial,loss,extra,layers,x,"), "{csv}");
    assert!(place.succeed(&["show", "runs/tuned"]).stdout.contains("--momentum {momentum}"));
    place.succeed(&["report", "runs/tuned"]);
    let page = place.read("runs/tuned/report.html");
    assert!(!page.contains("Models of the front") && page.contains("Loss"));
    let drawn = place.succeed(&["surrogate", "runs/tuned", "--parameter", "x"]);
    assert!(!drawn.stdout.is_empty());
}

#[test]
fn a_stopped_trial_takes_its_children_along() {
    let script = r#"
case $1 in
    0) for step in 1 2 3; do echo "{\"step\": $step, \"loss\": 0}"; done;;
    *) sleep 1000 & echo $! > "$LIGHTCREST_FOLDER/child"
       (trap '' TERM; sleep 1000) & echo $! > "$LIGHTCREST_FOLDER/stubborn"
       for step in 1 2 3; do echo "{\"step\": $step, \"loss\": 10, \"cost\": 3}"; done
       wait;;
esac"#;
    let pruner = "[pruner]\nname = \"median\"\nstartup_trials = 1\nmin_steps = 1\n";
    let spec =
        SPEC.replace("time = \"2m\"", "time = \"2m\"\ngrace = \"0.5s\"").replace("trials = 4", "trials = 3");
    let place = place(&(spec + pruner), script);
    place.succeed(&["tune", "spec.toml"]);
    let trials = place.trials_of("tuned");
    let states: Vec<TrialState> = trials.iter().map(|trial| trial.state).collect();
    assert_eq!(states, [TrialState::Complete, TrialState::Pruned, TrialState::Pruned]);
    assert_eq!(trials[0].values.as_deref(), Some(&[0.0][..]), "the last report is the result");
    assert_eq!(trials[1].last_step(), Some(2));
    assert_eq!(trials[1].attributes["cost"], 3.0);
    for name in ["child", "stubborn"] {
        let child = process(&place.path(&format!("runs/tuned/trials/000001/{name}"))).unwrap();
        assert!(!is_alive(child), "{name}");
    }
}

#[test]
fn children_that_outlive_their_program_are_ended() {
    let script = "sleep 1000 & echo $! > \"$LIGHTCREST_FOLDER/child\"\necho '{\"loss\": 1}'";
    let place = place(&SPEC.replace("trials = 4", "trials = 1"), script);
    place.succeed(&["tune", "spec.toml"]);
    assert_eq!(place.trials_of("tuned")[0].state, TrialState::Complete);
    assert!(!is_alive(process(&place.path("runs/tuned/trials/000000/child")).unwrap()));
}

#[test]
fn a_trial_over_its_time_may_end_politely_or_is_killed() {
    let script = r#"
case $1 in
    0) echo '{"loss": 1}'; exit;;
    1) trap 'echo ended > "$LIGHTCREST_FOLDER/polite"; exit 0' TERM;;
    *) trap '' TERM;;
esac
echo $$ > "$LIGHTCREST_FOLDER/process"
while :; do sleep 0.05; done"#;
    let spec =
        SPEC.replace("time = \"2m\"", "time = \"1s\"\ngrace = \"2s\"").replace("trials = 4", "trials = 3");
    let place = place(&spec, script);
    place.succeed(&["tune", "spec.toml"]);
    let reasons = reasons(&place);
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    for (number, reason) in reasons {
        assert!(reason.contains("limits.time = 1 s"), "{reason}");
        let folder = format!("runs/tuned/trials/{number:06}");
        assert!(!is_alive(process(&place.path(&format!("{folder}/process"))).unwrap()));
        assert_eq!(place.path(&format!("{folder}/polite")).exists(), number == 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_trial_over_its_memory_is_stopped() {
    let script = r#"
[ "$1" = 0 ] && echo '{"loss": 1}' && exit
python3 -c 'import time; data = bytearray(b"x" * 400_000_000); time.sleep(1000)'"#;
    let spec = SPEC
        .replace("time = \"2m\"", "time = \"2m\"\nmemory = \"200 MB\"")
        .replace("trials = 4", "trials = 2");
    let place = place(&spec, script);
    place.succeed(&["tune", "spec.toml"]);
    let reasons = reasons(&place);
    assert!(reasons[0].1.contains("limits.memory = 200 MB"), "{reasons:?}");
}

#[test]
fn a_failed_trial_says_why() {
    let script = r#"
case $1 in
    0) echo '{"loss": 1}';;
    1) echo 'Traceback' >&2; echo 'ValueError: boom' >&2; exit 3;;
    2) echo 'something else';;
    3) echo '{"los": 1}';;
    4) echo '{"loss": NaN}';;
    5) echo '{"loss": "small"}';;
    6) kill -9 $$;;
    7) echo '{"step": 4, "loss": Infinity}'; sleep 1000;;
    8) echo '{"step": 4, "loss": 1}'; echo '{"step": 4, "loss": 1}'; sleep 1000;;
esac"#;
    let place = place(&SPEC.replace("trials = 4", "trials = 9"), script);
    let result = place.succeed(&["tune", "spec.toml"]);
    let reasons = reasons(&place);
    let expected = [
        "exit code 3: ValueError: boom",
        "it wrote no `loss`: no JSON line at all",
        "it wrote no `loss`, but los",
        "`loss` is NaN, which is no number",
        "`loss` is small, which is no number",
        "killed by SIGKILL",
        "`loss` is Infinity, which is no number, at step 4",
        "reported step 4 after step 4",
    ];
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    let shown = place.succeed(&["show", "runs/tuned"]).stdout;
    let page = place.read("runs/tuned/report.html");
    for ((number, reason), expected) in reasons.iter().zip(expected) {
        assert!(reason.starts_with(expected), "trial {number}: {reason}");
        assert!(shown.contains(&format!("trial {number}: {reason}")), "{shown}");
        assert!(result.stderr.contains(reason), "{}", result.stderr);
    }
    assert!(page.contains("ValueError: boom"));
    let log = place.read("runs/tuned/trials/000001/log.txt");
    assert_eq!(log, "Traceback\nValueError: boom\n");
}

#[test]
fn a_command_that_never_works_does_not_spend_the_budget() {
    let place =
        place(&SPEC.replace("trials = 4", "trials = 100"), "echo 'no module named torch' >&2; exit 1");
    let result = place.run(&["tune", "spec.toml"]);
    assert_eq!(result.code, Some(1), "{}", result.stderr);
    assert!(result.stderr.contains("all of the first 4 trials failed"), "{}", result.stderr);
    assert!(result.stderr.contains("no module named torch"), "{}", result.stderr);
    assert!(result.stderr.contains("runs/tuned/trials/000003/log.txt"), "{}", result.stderr);
    assert_eq!(place.trials_of("tuned").len(), 4);
    // Put right, it goes on.
    place.write("objective.sh", "echo '{\"loss\": 1}'");
    place.write("spec.toml", SPEC.replace("trials = 4", "trials = 6"));
    place.succeed(&["tune", "spec.toml"]);
    assert_eq!(place.trials_of("tuned").len(), 6);
}

#[test]
fn what_is_wrong_is_said_before_anything_runs() {
    let refused = |spec: &str, command: &str| {
        let place = place(spec, "exit 1");
        let before = place.contents();
        let result = place.run(&[command, "spec.toml"]);
        assert_eq!(result.code, Some(2), "{}", result.stderr);
        assert!(place.contents() == before, "something was written");
        result.stderr
    };
    for command in ["tune", "check"] {
        let message = refused(&SPEC.replace("\"sh\"", "\"no-such-program\""), command);
        assert!(message.contains("cannot run `no-such-program`") && message.contains("PATH"), "{message}");
        let message = refused(&SPEC.replace("\"sh\"", "\"objective.sh\""), command);
        assert!(message.contains("write \"./objective.sh\""), "{message}");
        let message = refused(&SPEC.replace("\"sh\"", "\"./objective.sh\""), command);
        assert!(message.contains("is not an executable file"), "{message}");
        let message = refused(&SPEC.replace("[command]", "[command]\ndirectory = \"nowhere\""), command);
        assert!(message.contains("nowhere, does not exist"), "{message}");
        let message = refused(&SPEC.replace("\"{x}\"", "\"{y}\", \"{tril}\""), command);
        assert!(message.contains("spec.toml:11:49: `{tril}` stands for no parameter"), "{message}");
        assert!(message.contains("did you mean `trial`?"), "{message}");
    }
    let message = refused(&SPEC.replace("{ low = -1.0, high = 1.0 }", "0.5"), "tune");
    assert!(message.contains("nothing varies"), "{message}");
    assert!(refused(TINY, "tune").contains("`lightcrest search spec.toml`"));
    assert!(refused(SPEC, "search").contains("`lightcrest tune spec.toml`"));
}

#[test]
fn a_front_of_two_objectives_keeps_its_constraint() {
    let script = "echo '{\"size\": '$1'}'\necho \"{\\\"step\\\": 1, \\\"loss\\\": $((9 - $1))}\"\necho '{\"step\": 2, \"loss\": '$((8 - $1))'}'";
    let more = "[[objectives]]\nmetric = \"size\"\ndirection = \"minimize\"\n\n[[constraints]]\nmetric = \"size\"\nmax = 5\n";
    let spec = SPEC.replace("[command]", &format!("{more}\n[command]")).replace("trials = 4", "trials = 8");
    let place = place(&spec, script);
    place.succeed(&["tune", "spec.toml"]);
    let csv = place.read("runs/tuned/front.csv");
    let trials: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(trials, ["5", "4", "3", "2", "1", "0"], "the front, without those that are too large: {csv}");
    // The size was known by the time of the reports.
    assert_eq!(place.trials_of("tuned")[3].reports, [(1, vec![6.0, 3.0]), (2, vec![5.0, 3.0])]);
}

#[test]
fn trials_run_side_by_side() {
    // Each waits for another one.
    let script = "touch started-$1\nwhile [ $(ls started-* | wc -l) -lt 2 ]; do sleep 0.02; done\necho '{\"loss\": 1}'";
    let place = place(&SPEC.replace("count = 1", "count = 2"), script);
    place.succeed(&["tune", "spec.toml"]);
    assert!(place.trials_of("tuned").iter().all(|trial| trial.state == TrialState::Complete));
}

/// A section's lines, for a name and settings.
fn named(name: &str, settings: &[&str]) -> String {
    format!("name = \"{name}\"\n{}", settings.join("\n"))
}

#[test]
fn samplers_and_pruners_go_by_name() {
    let script =
        r#"for step in 1 2 3; do echo "{\"step\": $step, \"loss\": $2}"; done; echo "{\"loss\": $2}""#;
    let samplers = [
        named("gp", &["startup_trials = 2", "warp = true", "reports = 'rank'"]),
        named("tpe", &["startup_trials = 2", "candidates = 8", "multivariate = true", "group = true"]),
        named("cmaes", &["startup_trials = 1", "population_size = 4", "sigma0 = 0.2", "restart = true"]),
        named("nsga2", &["population_size = 4", "mutation_prob = 0.5", "crossover = 'sbx'"]),
        named("nsga3", &["population_size = 4", "dividing_parameter = 4", "crossover_prob = 0.8"]),
        named("evolution", &["population_size = 4", "sample_size = 2"]),
        named("qmc", &["qmc_type = 'halton'", "scramble = true"]),
    ];
    let pruners = [
        named("halving", &["min_steps = 1", "reduction_factor = 2"]),
        named("hyperband", &["min_steps = 1", "max_steps = 3"]),
        named("median", &["startup_trials = 1", "min_steps = 0"]),
        named("percentile", &["percentile = 25"]),
        named("threshold", &["upper = 0.5", "min_steps = 2"]),
    ];
    for (sampler, pruner) in samplers.iter().zip(pruners.iter().cycle()) {
        let spec = SPEC.replace("name = \"random\"", sampler).replace("trials = 4", "trials = 6");
        let place = place(&format!("{spec}\n[pruner]\n{pruner}\n"), script);
        place.succeed(&["tune", "spec.toml"]);
        let trials = place.trials_of("tuned");
        assert_eq!(trials.len(), 6, "{sampler}");
        for trial in &trials {
            let x = trial.configuration.get_f64("x").unwrap();
            match trial.state {
                TrialState::Complete => assert_eq!(trial.values, Some(vec![x])),
                TrialState::Pruned => assert!(!trial.reports.is_empty()),
                other => panic!("{sampler}: {other} {:?}", trial.reason),
            }
            if pruner.contains("threshold") && x > 0.5 {
                assert_eq!((trial.state, trial.last_step()), (TrialState::Pruned, Some(3)));
            }
        }
    }
}

#[test]
fn a_terminator_ends_a_study_and_says_why() {
    let terminator = named("stagnation", &["patience = 3"]);
    let spec = SPEC.replace("trials = 4", "trials = 50") + &format!("\n[terminator]\n{terminator}\n");
    let place = place(&spec, "echo '{\"loss\": 1}'");
    let said = place.succeed(&["tune", "spec.toml"]).stderr;
    let why = "ended by stagnation: none of 3 trials since trial 0 improved the best value";
    assert!(said.contains(why), "{said}");
    assert_eq!(place.trials_of("tuned").len(), 4);
    place.succeed(&["tune", "spec.toml"]);
    assert_eq!(place.trials_of("tuned").len(), 4, "what has ended does not go on");
    // It may change when a study goes on.
    place.write("spec.toml", spec.replace("patience = 3", "patience = 5"));
    place.succeed(&["tune", "spec.toml"]);
    assert_eq!(place.trials_of("tuned").len(), 6);
}

#[test]
fn the_same_seed_gives_the_same_trials() {
    let script = r#"
for step in 1 2 3 4; do
    echo "$2 $step" | awk '{printf "{\"step\": %d, \"loss\": %.6f}\n", $2, $1 * $1 + 1 / $2}'
done"#;
    let spec = SPEC
        .replace("name = \"random\"", "name = \"gp\"\nstartup_trials = 4")
        .replace("trials = 4", "trials = 9")
        + "[pruner]\nname = \"halving\"\nreduction_factor = 2\n";
    let results = || -> Vec<_> {
        let place = place(&spec, script);
        place.succeed(&["tune", "spec.toml"]);
        let trials = place.trials_of("tuned").into_iter();
        trials.map(|trial| (trial.configuration, trial.state, trial.values, trial.reports)).collect()
    };
    let first = results();
    assert_eq!(first, results());
    assert!(first.iter().any(|(_, state, ..)| *state == TrialState::Pruned), "{first:?}");
}

/// Trials after the second hang until the file `go` is there.
const HANGS: &str = r#"
if [ "$1" -ge 2 ] && [ ! -e go ]; then
    sleep 1000 & echo $! > "$LIGHTCREST_FOLDER/child"
    echo $$ > "$LIGHTCREST_FOLDER/process"
    wait
fi
echo '{"loss": 1}'"#;

#[test]
fn killed_in_the_middle_it_goes_on_and_leaves_no_process() {
    let place = place(SPEC, HANGS);
    let mut child =
        place.command(&["tune", "spec.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let file = |name: &str| place.path(&format!("runs/tuned/trials/000002/{name}"));
    wait_until("the third trial hangs", || process(&file("process")).is_some());
    let (program, grandchild) = (process(&file("process")).unwrap(), process(&file("child")).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    let before = place.trials_of("tuned");
    place.write("go", "");
    place.succeed(&["tune", "spec.toml"]);
    let after = place.trials_of("tuned");
    assert_eq!(after[..2], before[..2], "a finished trial never changes");
    assert_eq!(after[2].configuration, before[2].configuration, "the running one is run again");
    assert_eq!(after.iter().filter(|trial| trial.state == TrialState::Complete).count(), 4);
    if cfg!(target_os = "linux") {
        wait_until("the program is gone", || !is_alive(program));
        wait_until("its child is gone", || !is_alive(grandchild));
    }
    assert!(!file("process").exists(), "its folder was begun anew");

    // A spent budget only rewrites.
    std::fs::remove_file(place.path("runs/tuned/front.csv")).unwrap();
    place.succeed(&["tune", "spec.toml"]);
    assert_eq!(place.trials_of("tuned"), after);
    assert!(place.path("runs/tuned/front.csv").exists());
    // Limits may change, what the command does may not.
    place.write("spec.toml", SPEC.replace("time = \"2m\"", "time = \"3m\""));
    place.succeed(&["tune", "spec.toml"]);
    place.write("spec.toml", SPEC.replace("\"{x}\"", "\"-{x}\""));
    assert_eq!(place.run(&["tune", "spec.toml"]).code, Some(2));
    place.succeed(&["tune", "spec.toml", "--fresh"]);
    assert!(place.path("runs/tuned.old-1/trials/000002/log.txt").exists());
}

#[test]
fn ctrl_c_ends_the_programs_too() {
    let place = place(SPEC, HANGS);
    let child = place.command(&["tune", "spec.toml"]).stderr(Stdio::piped()).spawn().unwrap();
    let file = |name: &str| place.path(&format!("runs/tuned/trials/000002/{name}"));
    wait_until("the third trial hangs", || process(&file("process")).is_some());
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("interrupted"), "{message}");
    assert!(!is_alive(process(&file("process")).unwrap()) && !is_alive(process(&file("child")).unwrap()));
    let trials = place.trials_of("tuned");
    assert_eq!(trials[2].state, TrialState::Waiting, "it is run again another time");
    assert_eq!(trials[1].state, TrialState::Complete);
}

#[test]
fn a_second_ctrl_c_kills_what_would_not_end() {
    let script = "trap '' TERM\necho $$ > \"$LIGHTCREST_FOLDER/process\"\nwhile :; do sleep 0.05; done";
    let place = place(&SPEC.replace("time = \"2m\"", "grace = \"1h\""), script);
    let mut child = place.command(&["tune", "spec.toml"]).stderr(Stdio::null()).spawn().unwrap();
    let file = place.path("runs/tuned/trials/000000/process");
    wait_until("the trial runs", || process(&file).is_some());
    let program = process(&file).unwrap();
    let interrupt = || Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    interrupt();
    std::thread::sleep(Duration::from_millis(300));
    assert!(is_alive(program));
    interrupt();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    wait_until("the program is gone", || !is_alive(program));
}

#[test]
fn a_spec_is_checked_and_has_a_schema() {
    let place = place(SPEC, "exit 1");
    let said = place.succeed(&["check", "spec.toml"]).stdout;
    for part in
        ["is right", "program", "sh objective.sh {trial} {x}", "minimize loss", "4 trials", "2 min 0 s"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let schema = place.succeed(&["schema", "tune"]).stdout;
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["properties"]["command"]["properties"]["run"].is_object());
}

#[test]
fn a_run_learns_from_earlier_ones_and_shows_what_from() {
    let spec = |name: &str, sampler: &str, trials: usize| {
        let spec = SPEC.replace("tuned", name).replace("name = \"random\"", &format!("name = \"{sampler}\""));
        spec.replace("trials = 4", &format!("trials = {trials}"))
    };
    let script =
        "python3 -c \"import sys; print('{\\\"loss\\\": %r}' % (float(sys.argv[1]) - 0.3) ** 2)\" \"$2\"";
    let place = place(&spec("first", "random", 12), script);
    place.succeed(&["tune", "spec.toml"]);
    place.write("second.toml", spec("second", "auto", 4));
    place.succeed(&["tune", "second.toml", "--learn-from", "runs/first", "runs/second"]);
    let x = |trial: &lightcrest::FrozenTrial| trial.configuration.get_f64("x").unwrap();
    let trials = place.trials_of("first");
    let loss = |trial: &lightcrest::FrozenTrial| trial.values.as_ref().unwrap()[0];
    let best = trials.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap();
    assert_eq!(x(&place.trials_of("second")[0]), x(best), "its best comes first");
    let shown = place.succeed(&["show", "runs/second"]).stdout;
    assert!(shown.contains("Learnt from: runs/first (12 of 12 trials, counts "), "{shown}");
    assert!(place.read("runs/second/report.html").contains("Learnt from"));

    // What it learnt is its own: the source may go, and the spec may say it too.
    std::fs::rename(place.path("runs/first"), place.path("moved")).unwrap();
    place.write("second.toml", spec("second", "auto", 5) + "[memory]\nlearn_from = [\"runs/first\"]\n");
    place.succeed(&["tune", "second.toml"]);
    assert_eq!(place.trials_of("second").len(), 5);
    let missing = place.run(&["tune", "second.toml", "--out", "new"]);
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
    assert!(missing.stderr.contains("runs/first") && !place.path("new").exists(), "{}", missing.stderr);
    // So may a study of a database.
    place.succeed(&["studies", "copy", "moved/study.db", "first", "--to", "studies.db"]);
    place.succeed(&["studies", "copy", "moved/study.db", "first", "--to", "studies.db", "--as", "second"]);
    place.write("fourth.toml", spec("fourth", "auto", 4));
    let refused = place.run(&["tune", "fourth.toml", "--learn-from", "sqlite:///studies.db"]);
    assert!(
        refused.stderr.contains("studies.db holds 2 studies, and one must be named"),
        "{}",
        refused.stderr
    );
    place.succeed(&["tune", "fourth.toml", "--learn-from", "sqlite:///studies.db#first", "studies.db#first"]);
    assert_eq!(x(&place.trials_of("fourth")[0]), x(best));
    let shown = place.succeed(&["show", "runs/fourth"]).stdout;
    assert!(shown.contains("Learnt from: first (12 of 12 trials, counts "), "{shown}");
    let deaf = spec("third", "tpe", 4);
    place.write("third.toml", deaf);
    let refused = place.run(&["tune", "third.toml", "--learn-from", "moved"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("sampler `tpe` does not learn from earlier runs"), "{}", refused.stderr);
}

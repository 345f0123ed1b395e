//! `lightcrest studies` from the outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::Place;
use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::RandomSampler;
use lightcrest::space::Space;
use lightcrest::storage::open_url;
use lightcrest::{Study, TrialState};
use serde_json::{Value, json};

/// Two studies in `studies.db`; a trial of the first still runs.
fn place() -> Place {
    let place = Place::new("");
    for (name, trials) in [("first", 3), ("second", 1)] {
        let space = Space::builder().float("x", 0.0, 1.0).build().unwrap();
        let path = place.path("studies.db").display().to_string();
        let storage = open_url(&path, None).unwrap().study(name).unwrap();
        let builder = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).name(name).seed(1);
        let mut study =
            builder.sampler(RandomSampler::new()).boxed_storage(storage).lease(false).build().unwrap();
        for i in 0..trials {
            let trial = study.ask().unwrap();
            study.set_attribute(trial.number, "note", format!("a, \"{i}\"")).unwrap();
            study.tell(trial.number, Ok(Evaluation::new([f64::from(i)]))).unwrap();
        }
        if name == "first" {
            study.ask().unwrap();
        }
    }
    place
}

fn names(place: &Place, url: &str) -> Vec<String> {
    let listed = place.succeed(&["studies", "list", url, "--json"]).stdout;
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    listed.iter().map(|study| study["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn studies_are_listed_shown_renamed_copied_and_deleted() {
    let place = place();
    let listed = place.succeed(&["studies", "list", "studies.db"]).stdout;
    assert!(listed.contains("first") && listed.contains("Stopped early"), "{listed}");
    let listed: Value =
        serde_json::from_str(&place.succeed(&["studies", "list", "studies.db", "--json"]).stdout).unwrap();
    let expected = json!({ "complete": 3, "pruned": 0, "failed": 0, "running": 1, "waiting": 0 });
    assert_eq!(listed[0]["trials"], expected);
    assert!(listed[0]["created"].as_str().unwrap().starts_with("20"), "{listed}");

    let shown = place.succeed(&["studies", "show", "studies.db", "first"]).stdout;
    for line in
        ["objective   minimize loss", "x: ", "4 trials, 3 complete, 1 running", "best        trial 0: loss 0"]
    {
        assert!(shown.contains(line), "{shown}");
    }
    let shown = place.succeed(&["studies", "show", "studies.db", "first", "--json"]).stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["front"], &shown["seed"]), (&json!([0]), &json!(1)));
    assert_eq!(shown["objectives"], json!([{ "name": "loss", "direction": "minimize" }]));
    let refused = place.run(&["studies", "show", "studies.db"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("holds 2 studies"), "{}", refused.stderr);

    place.succeed(&["studies", "rename", "studies.db", "first", "renamed"]);
    let refused = place.run(&["studies", "rename", "studies.db", "renamed", "second"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("there is a study `second` already"));
    place.succeed(&["studies", "copy", "studies.db", "renamed", "--to", "sqlite:///backup.db"]);
    let copied = place.succeed(&["studies", "copy", "studies.db", "renamed", "--as", "copy"]).stdout;
    assert!(copied.starts_with("copied 4 trials to copy in sqlite:///"), "{copied}");
    assert_eq!(names(&place, "studies.db"), ["renamed", "second", "copy"]);
    assert_eq!(names(&place, "backup.db"), ["renamed"]);
    let mut copy =
        open_url(&place.path("backup.db").display().to_string(), None).unwrap().look("renamed").unwrap();
    let trials = copy.changes(0).unwrap().trials;
    assert_eq!(trials[3].state, TrialState::Waiting, "whoever runs it does not run its copy");

    let refused = place.run(&["studies", "delete", "studies.db", "renamed"]);
    assert!(
        refused.code == Some(2) && refused.stderr.contains("1 trials of `renamed` run"),
        "{}",
        refused.stderr
    );
    place.succeed(&["studies", "delete", "studies.db", "renamed", "--force"]);
    place.succeed(&["studies", "delete", "studies.db", "copy"]);
    assert_eq!(names(&place, "studies.db"), ["second"]);
    let gone = place.run(&["studies", "delete", "studies.db", "copy"]);
    assert!(gone.code == Some(2) && gone.stderr.contains("cannot use study `copy`"), "{}", gone.stderr);
    let refused = place.run(&["studies", "copy", "studies.db", "none", "--to", "new.db"]);
    assert!(refused.code == Some(2) && !place.path("new.db").exists());
}

#[test]
fn trials_are_exported_whole() {
    let place = place();
    let csv = place.succeed(&["studies", "export", "studies.db", "first"]).stdout;
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("number,state,loss,parameter:x,attribute:note,started,finished,reason"));
    assert!(lines.next().unwrap().starts_with("0,complete,0,0."), "{csv}");
    assert!(
        csv.contains("\"a, \"\"1\"\"\"") && csv.lines().last().unwrap().starts_with("3,running,,0."),
        "{csv}"
    );
    place.succeed(&[
        "studies",
        "export",
        "studies.db",
        "second",
        "--format",
        "jsonl",
        "--out",
        "second.jsonl",
    ]);
    let trial: Value = serde_json::from_str(&place.read("second.jsonl")).unwrap();
    assert_eq!((&trial["number"], &trial["values"]), (&json!(0), &json!({ "loss": 0.0 })));
    assert_eq!(trial["attributes"]["note"], "a, \"0\"");
    assert!(trial["parameters"]["x"].is_f64() && trial["finished"].as_str().unwrap().ends_with('Z'));
}

#[test]
#[cfg(feature = "parquet")]
fn trials_are_exported_as_a_parquet_file_and_not_to_a_terminal() {
    let place = place();
    let words = ["studies", "export", "studies.db", "first", "--format", "parquet"];
    let refused = place.run(&words);
    assert!(refused.code == Some(2) && refused.stderr.contains("say --out FILE"), "{}", refused.stderr);
    place.succeed(&[&words[..], &["--out", "first.parquet"]].concat());
    let bytes = std::fs::read(place.path("first.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{} bytes", bytes.len());
}

/// What Optuna's `JournalStorage` writes of one trial, and of one that waits.
const JOURNAL: &str = r#"{"op_code":0,"worker_id":"a","study_name":"theirs","directions":[2]}
{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":"2026-11-30T09:00:00.000000+00:00"}
{"op_code":5,"worker_id":"a","trial_id":0,"param_name":"x","param_value_internal":0.25,"distribution":"{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 0.0, \"high\": 1.0, \"log\": false}}"}
{"op_code":6,"worker_id":"a","trial_id":0,"state":1,"values":[0.5],"datetime_complete":"2026-11-30T09:00:01.000000+00:00"}
{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":null,"state":4,"params":{},"distributions":{},"user_attrs":{},"system_attrs":{"fixed_params":{"x":0.5}},"intermediate_values":{}}
"#;

#[test]
fn studies_of_optuna_are_taken_over_and_given_back() {
    let place = Place::new("");
    place.write("journal.log", JOURNAL);
    let said = place.succeed(&["studies", "import", "journal.log", "--to", "studies.db"]).stdout;
    assert!(said.starts_with("imported 2 trials to theirs in sqlite:///"), "{said}");
    let shown = place.succeed(&["studies", "show", "studies.db"]).stdout;
    for line in
        ["objective   maximize value", "2 trials, 1 complete, 1 waiting", "best        trial 0: value 0.5"]
    {
        assert!(shown.contains(line), "{shown}");
    }
    let refused = place.run(&["studies", "import", "journal.log", "--to", "studies.db"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("there is a study `theirs`") && refused.stderr.contains("--as NAME"));
    place.succeed(&["studies", "import", "journal.log", "theirs", "--as", "again", "--to", "studies.db"]);

    let export = |format: &str, out: &str| {
        place.succeed(&["studies", "export", "studies.db", "--format", format, "--out", out]).stdout
    };
    let said = export("optuna", "optuna.db");
    assert!(said.starts_with("exported 2 studies with 4 trials to sqlite:///"), "{said}");
    export("optuna-journal", "optuna.log");
    for (from, to) in [("optuna.db", "a.db"), ("optuna.log", "b.db")] {
        place.succeed(&["studies", "import", from, "--to", to, "--utc-offset", "-3.5"]);
        assert_eq!(names(&place, to), ["theirs", "again"]);
    }
    let start = |url: &str| -> String {
        let lines = place.succeed(&["studies", "export", url, "theirs", "--format", "jsonl"]).stdout;
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        first["started"].as_str().unwrap().to_owned()
    };
    assert_eq!(start("b.db"), start("studies.db"), "a journal says where its times are from");
    for (arguments, what) in [
        (&["export", "studies.db", "--format", "optuna"][..], "say --out FILE"),
        (&["export", "studies.db", "--format", "optuna", "--out", "optuna.db"], "it is there already"),
        (&["import", "nowhere.db", "--to", "studies.db"], "nowhere.db does not exist"),
        (&["import", "studies.db", "--to", "other.db"], "it has no tables of Optuna"),
        (&["import", "journal.log", "none", "--to", "studies.db"], "no study `none` of Optuna's"),
        (&["import", "journal.log", "--to", "studies.db", "--utc-offset", "99"], "from -24 to 24"),
        (&["import", "postgresql://ann:hunter2@db/d", "--to", "studies.db"], "was given with a password"),
    ] {
        let refused = place.run(&[&["studies"], arguments].concat());
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(what), "{arguments:?}: {}", refused.stderr);
    }
    assert!(!place.path("other.db").exists());
}

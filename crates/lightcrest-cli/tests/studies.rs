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

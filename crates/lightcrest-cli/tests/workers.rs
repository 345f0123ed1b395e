//! `lightcrest worker` and studies in databases from the outside: several processes on one study, one of them
//! killed, on SQLite and on PostgreSQL; what is written, said and refused.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "../../lightcrest/tests/postgres/server.rs"]
mod server;

use std::process::{Child, Stdio};

use common::tuned::{SPEC, is_alive, place, process, signal, wait_until};
use common::{Place, TINY};
use lightcrest::storage::{load, open_url};
use lightcrest::{FrozenTrial, TrialState};
use server::Server;

/// Each trial says that it began, and takes a while; where it is to be slow, it says when it has begun to be.
const SCRIPT: &str = "echo $1 >> started; if [ -e slow ]; then echo $$ > pid-$1; sleep 60; fi; sleep 0.05; \
                      echo \"{\\\"loss\\\": $2}\"";

fn trials(url: &str, study: &str) -> Vec<FrozenTrial> {
    let mut storage = open_url(url, None).unwrap().look(study).unwrap();
    load(&mut *storage).unwrap().1.trials().to_vec()
}

fn started(place: &Place, arguments: &[&str]) -> Child {
    place.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Two workers, of which the first is killed in its first trial, and `tune`, which ends what they do.
fn one_is_killed(url: &str) {
    let place = place(&SPEC.replace("trials = 4", "trials = 12"), SCRIPT);
    place.write("slow", "");
    let mut killed = started(&place, &["worker", "spec.toml", "--storage", url]);
    wait_until("the first trial runs", || process(&place.path("pid-0")).is_some());
    let program = process(&place.path("pid-0")).unwrap();
    std::fs::remove_file(place.path("slow")).unwrap();
    let others =
        [0, 1].map(|_| started(&place, &["worker", "spec.toml", "--storage", url, "--workers", "2"]));
    wait_until("others are at work", || trials(url, "tuned").iter().any(|trial| trial.state.is_finished()));
    killed.kill().unwrap();
    killed.wait().unwrap();
    if url.starts_with("postgresql") {
        // Nobody waits a minute for the lease of this test to end.
        assert!(url.ends_with("lease=2"));
    }
    for mut other in others {
        assert_eq!(other.wait().unwrap().code(), Some(0), "a worker ends when the study is done");
    }
    let ended = trials(url, "tuned");
    assert_eq!(ended.len(), 12, "the budget is that of the study, not of a worker");
    assert!(ended.iter().all(|trial| trial.state == TrialState::Complete), "{ended:?}");
    let begun: Vec<usize> = place.read("started").lines().map(|line| line.parse().unwrap()).collect();
    let times = |number: usize| begun.iter().filter(|other| **other == number).count();
    assert_eq!(times(0), 2, "what the killed worker ran was run again");
    assert!((1..12).all(|number| times(number) == 1), "{begun:?}");
    assert!(!is_alive(program), "the program that it left was ended");
    assert!(!place.path("runs/tuned/study.db").exists() && !place.path("runs/tuned/front.csv").exists());

    place.succeed(&["tune", "spec.toml", "--storage", url]);
    assert_eq!(place.read("started").lines().count(), 13, "nothing was left to run");
    assert_eq!(place.read("runs/tuned/front.csv").lines().count(), 2);
    let shown = place.succeed(&["show", "runs/tuned"]).stdout;
    assert!(shown.contains("12 trials, 12 complete"), "the folder knows where its study is: {shown}");
    let of_database = place.succeed(&["show", url, "--study", "tuned"]).stdout;
    assert!(of_database.contains("12 trials, 12 complete"), "{of_database}");
    place.succeed(&["report", url, "--study", "tuned", "--out", "page.html"]);
    place.succeed(&["surrogate", url, "--study", "tuned"]);
    assert!(place.read("page.html").contains("tuned") && place.path("surrogate.html").exists());
    let refused = place.run(&["tune", "spec.toml"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("the study of the run in runs/tuned is `tuned` in"),
        "{}",
        refused.stderr
    );
}

#[test]
fn workers_share_a_study_in_a_file_and_one_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    one_is_killed(&format!("sqlite:///{}", folder.path().join("studies.db").display()));
}

#[test]
fn workers_share_a_study_on_a_server_and_no_password_is_seen() {
    let Some(server) = Server::start() else { return };
    one_is_killed(&format!("{}?lease=2", server.database("workers")));

    let (url, secret) = (server.database("secret"), "hunter2");
    let with_password = url.replace("lightcrest@", &format!("lightcrest:{secret}@"));
    let place = place(SPEC, SCRIPT);
    let refused = place.run(&["tune", "spec.toml", "--storage", &with_password]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("was given with a password"), "{}", refused.stderr);
    assert!(!refused.stderr.contains(secret) && !place.path("runs").exists());
    let mut said = String::new();
    let mut run = |arguments: &[&str]| {
        let output = place.command(arguments).env("LIGHTCREST_STORAGE", &with_password).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        said.push_str(&String::from_utf8_lossy(&output.stderr));
    };
    run(&["tune", "spec.toml"]);
    run(&["show", "runs/tuned"]);
    run(&["studies", "list"]);
    run(&["studies", "show", "-"]);
    run(&["studies", "copy", "-", "tuned", "--as", "again"]);
    assert!(said.contains("again") && !said.contains(secret), "{said}");
    for (path, contents) in place.contents() {
        assert!(!String::from_utf8_lossy(&contents).contains(secret), "{}", path.display());
    }
    assert!(place.read("runs/tuned/study.json").contains("\"study\": \"tuned\""));
    place.write("spec.toml", SPEC.replace("seed = 5", &format!("seed = 5\nstorage = '{with_password}'")));
    let refused = place.run(&["tune", "spec.toml"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("`storage` of [study]") && !refused.stderr.contains(secret),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_worker_that_is_told_to_end_gives_back_what_it_ran() {
    let spec = SPEC.replace("seed = 5", "seed = 5\nstorage = 'studies.db'");
    let place = place(&spec, SCRIPT);
    place.write("slow", "");
    let mut worker = started(&place, &["worker", "spec.toml"]);
    wait_until("a trial runs", || process(&place.path("pid-0")).is_some());
    signal("-TERM", worker.id());
    assert_eq!(worker.wait().unwrap().code(), Some(130));
    let url = place.path("studies.db").display().to_string();
    let left = trials(&url, "tuned");
    assert_eq!((left.len(), left[0].state, left[0].attempt), (1, TrialState::Waiting, 0));
    // A spec names the file from its own folder, and the copy in the run's folder from everywhere.
    std::fs::remove_file(place.path("slow")).unwrap();
    place.succeed(&["tune", "runs/tuned/spec.toml", "--out", "runs/tuned"]);
    assert_eq!(trials(&url, "tuned").len(), 4);
    for (arguments, what) in [
        (&["tune", "spec.toml", "--fresh"][..], "--fresh moves a folder aside"),
        (&["worker", "spec.toml", "--storage", "mysql://u@h"], "`mysql://` is no database that is known"),
        (&["show", "nowhere.db"], "no such folder"),
        (&["show", "studies.db", "--study", "none"], "cannot use study `none`"),
        (&["studies", "list", "nowhere.db"], "nowhere.db does not exist"),
        (&["studies", "list"], "set LIGHTCREST_STORAGE"),
    ] {
        let refused = place.run(arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(what), "{arguments:?}: {}", refused.stderr);
    }
    assert!(!place.path("nowhere.db").exists(), "nothing is made by looking");
    place.write("spec.toml", SPEC);
    let refused = place.run(&["worker", "spec.toml"]);
    assert!(refused.stderr.contains("a worker needs the database"), "{}", refused.stderr);
    let other = SPEC.replace("[parameters]", "[parameters]\nz = [1, 2]");
    place.write("spec.toml", other.replace("{x}\"", "{x}\", \"{z}\""));
    let refused = place.run(&["worker", "spec.toml", "--storage", "studies.db", "--out", "elsewhere"]);
    assert!(refused.stderr.contains("study `tuned` in") && refused.code == Some(2), "{}", refused.stderr);
    assert!(!place.path("elsewhere").exists());
}

#[test]
fn workers_train_networks_whose_front_the_search_writes() {
    let place = Place::new(TINY);
    let url = "sqlite:///studies.db";
    let workers = [0, 1].map(|_| started(&place, &["worker", "spec.toml", "--storage", url]));
    for mut worker in workers {
        assert_eq!(worker.wait().unwrap().code(), Some(0));
    }
    assert_eq!(trials(&place.path("studies.db").display().to_string(), "tiny").len(), 6);
    assert!(!place.names("runs/tiny/weights").is_empty() && place.names("runs/tiny/front").is_empty());
    place.succeed(&["search", "spec.toml", "--storage", url]);
    let front = place.names("runs/tiny/front");
    assert!(!front.is_empty());
    for model in front {
        assert!(place.path(&format!("runs/tiny/front/{model}/model.onnx")).is_file());
    }
    assert_eq!(trials(&place.path("studies.db").display().to_string(), "tiny").len(), 6);
}

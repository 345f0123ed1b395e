//! `lightcrest check` from the outside: all that it says of a spec of each kind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Place, TINY};

/// What is said of the spec, with what differs from system to system replaced.
fn said(spec: &str) -> String {
    let place = Place::new(spec);
    let said = place.succeed(&["check", "spec.toml"]);
    assert_eq!(said.stderr, "");
    let folder = std::fs::canonicalize(place.path("")).unwrap();
    let stdout = said.stdout.replace(&folder.display().to_string(), "FOLDER");
    // Where a system keeps its shell is its own business.
    stdout.replace("/usr/bin/sh", "SHELL").replace("/bin/sh", "SHELL")
}

#[test]
fn networks_are_described_with_what_they_cost() {
    insta::assert_snapshot!(said(TINY));
}

#[test]
fn a_command_is_described_with_its_limits() {
    insta::assert_snapshot!(said(
        r#"
        [study]
        name = "tuned"

        [command]
        run = ["sh", "train.sh"]

        [command.limits]
        time = "90s"
        memory = "2GiB"

        [[objectives]]
        metric = "loss"
        direction = "minimize"

        [parameters]
        rate = { low = 1e-4, high = 1.0, log = true }
        layers = [1, 2, 4]

        [budget]
        trials = 12
        "#
    ));
}

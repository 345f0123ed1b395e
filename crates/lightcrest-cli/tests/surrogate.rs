//! `lightcrest surrogate` from the outside: a run, a database alone, bad names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Place, TINY};
use lightcrest::sampler::{GpConfig, GpSampler};
use lightcrest::space::{Parameter, Space};
use lightcrest::storage::SqliteStorage;
use lightcrest::{Evaluation, ObjectiveInfo, Study};
use serde_json::Value;

/// What a page carries.
fn data(page: &str) -> Value {
    let start = page.find("type=\"application/json\">").unwrap() + "type=\"application/json\">".len();
    let end = start + page[start..].find("</script>").unwrap();
    serde_json::from_str(&page[start..end]).unwrap()
}

/// The number of finished trials of each picture.
fn finished(surrogate: &Value) -> Vec<u64> {
    surrogate["frames"].as_array().unwrap().iter().map(|frame| frame["finished"].as_u64().unwrap()).collect()
}

/// A study of one worker in `study.db`, proposed by the default Gaussian process after three random trials.
fn study(place: &Place, trials: u64) {
    let space = Space::builder()
        .log_float("rate", 1e-4, 1.0)
        .categorical("optimizer", ["sgd", "adam"])
        .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
        .parameter(Parameter::float("never", 0.0, 1.0).when("optimizer", ["adam"]))
        .build()
        .unwrap();
    let storage = SqliteStorage::open(place.path("study.db")).unwrap();
    let builder = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).name("toy").storage(storage);
    let mut study = builder.sampler(GpSampler::new(GpConfig::default())).seed(4).build().unwrap();
    for _ in 0..trials {
        let trial = study.ask().unwrap();
        let rate = trial.configuration.get_f64("rate").unwrap();
        let loss = (rate.log10() + 2.0).powi(2) + trial.configuration.get_f64("momentum").unwrap_or(0.5);
        study.tell(trial.number, Ok(Evaluation::new([loss]))).unwrap();
    }
}

#[test]
fn a_run_gets_a_page_and_its_report_a_section() {
    let place = Place::new(TINY);
    place.succeed(&["search", "spec.toml"]);
    let said = place.succeed(&["surrogate", "runs/tiny"]).stdout;
    assert!(
        said.contains("Next, trial 6") && said.contains("sigma") && said.contains("surrogate.html"),
        "{said}"
    );
    let page = place.read("runs/tiny/surrogate.html");
    let drawn = &data(&page)["surrogate"];
    assert_eq!(finished(drawn), [3, 4, 5, 6]);
    assert_eq!(drawn["objective"]["name"], "validation_accuracy");
    assert!(drawn["notes"].to_string().contains("`random`"), "another sampler proposed: {}", drawn["notes"]);
    // The costs come from the spec, so the acquisition of the two objectives is known.
    assert!(drawn["frames"][0]["acquisition"].as_array().unwrap().iter().any(Value::is_number));

    let report = place.read("runs/tiny/report.html");
    assert_eq!(finished(&data(&report)["surrogate"]), [3, 4, 5, 6]);
    place.succeed(&["surrogate", "runs/tiny/study.db"]);
    assert!(place.read("runs/tiny/surrogate.html") == page, "the same study gives the same page");

    let number = ["surrogate", "runs/tiny", "--trial", "4", "--parameter", "learning_rate", "--parameter"];
    place.succeed(&[&number[..], &["batch_size", "--out", "two.html"]].concat());
    let two = data(&place.read("two.html"));
    assert_eq!(finished(&two["surrogate"]), [4]);
    assert_eq!(two["surrogate"]["frames"][0]["mean"].as_array().unwrap().len(), 24 * 2);
}

#[test]
fn the_pictures_of_a_database_are_the_posteriors_of_its_sampler() {
    let place = Place::new(TINY);
    study(&place, 14);
    let said = place.succeed(&["surrogate", "study.db", "--parameter", "rate"]).stdout;
    assert!(said.contains("After 14 finished trials."), "{said}");
    let drawn = &data(&place.read("surrogate.html"))["surrogate"];
    assert_eq!(finished(drawn), (3..=14).collect::<Vec<u64>>());
    for frame in drawn["frames"].as_array().unwrap().iter().take(11) {
        let text = frame["text"].to_string();
        let n = &frame["finished"];
        assert!(
            text.contains(&format!("Trial {n} was this.")),
            "next must be what the study did next: {text}"
        );
        assert_eq!(text.contains("a random one"), n.as_u64().unwrap() < 10, "{text}");
        assert_eq!(frame["dots"].as_array().unwrap().len() as u64, n.as_u64().unwrap());
    }
    let width = |frame: &Value| -> f64 {
        let sum =
            |name: &str| frame[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).sum::<f64>();
        sum("upper") - sum("lower")
    };
    assert!(width(&drawn["frames"][11]) < 0.5 * width(&drawn["frames"][0]), "the band narrows");
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let place = Place::new(TINY);
    study(&place, 4);
    let refused = |arguments: &[&str]| {
        let result = place.run(&[&["surrogate"][..], arguments].concat());
        assert_eq!(result.code, Some(2), "{}", result.stderr);
        assert!(!place.path("surrogate.html").exists());
        result.stderr
    };
    let message = refused(&["study.db", "--parameter", "momentun"]);
    assert!(message.contains("did you mean `momentum`?") && message.contains("optimizer"), "{message}");
    let message = refused(&["study.db", "--objective", "los"]);
    assert!(message.contains("did you mean `loss`?"), "{message}");
    let message = refused(&["study.db", "--parameter", "momentum", "--parameter", "never"]);
    assert!(message.contains("together in no complete trial") && message.contains("rate"), "{message}");
    assert!(refused(&["study.db", "--trial", "9"]).contains("only 4 trials"));
    assert!(refused(&["nowhere"]).contains("nowhere"));

    std::fs::create_dir(place.path("other")).unwrap();
    let connection = rusqlite::Connection::open(place.path("other/study.db")).unwrap();
    connection.execute_batch("CREATE TABLE notes (text)").unwrap();
    drop(connection);
    for study in ["other", "other/study.db"] {
        assert!(refused(&[study]).contains("another program"));
    }
    place.write("diary.db", "dear diary, this is not a database at all; it only has its name");
    assert!(refused(&["diary.db"]).contains("not a database"));
}

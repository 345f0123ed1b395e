//! Pages of studies of every kind: what they carry is JSON, and nothing is lost on the way.
//!
//! To look at them: `LIGHTCREST_REPORT_SAMPLES=FOLDER cargo test --package lightcrest-report` writes them
//! there, and one of 5,000 trials.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lightcrest::history::{FrozenTrial, History, TrialState};
use lightcrest::objective::ObjectiveInfo;
use lightcrest::space::{Configuration, Parameter, Space};
use lightcrest::storage::Definition;
use lightcrest_report::{Proposer, Question, ReportData, View, page, surrogate};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Conditional parameters of every kind.
fn space() -> Space {
    Space::builder()
        .log_float("rate", 1e-5, 1.0)
        .int("layers", 1, 6)
        .int("salt", -1_000_000_000, 1_000_000_000)
        .categorical("optimizer", ["sgd", "adam", "</script>"])
        .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
        .parameter(Parameter::categorical("nesterov", [true, false]).when("optimizer", ["sgd"]))
        .build()
        .unwrap()
}

/// A study of `count` trials drawn at random; `outcome` says what became of each: values, or why it failed.
fn view(
    name: &str,
    objectives: Vec<ObjectiveInfo>,
    count: u64,
    outcome: impl Fn(u64, &Configuration) -> Result<Vec<f64>, String>,
) -> View {
    let (space, mut rng) = (space(), ChaCha8Rng::seed_from_u64(1));
    let mut history = History::new(objectives.clone());
    for number in 0..count {
        let configuration = space.sample(&mut rng);
        let outcome = outcome(number, &configuration);
        let mut trial = FrozenTrial::waiting(number, configuration);
        trial.state = if outcome.is_ok() { TrialState::Complete } else { TrialState::Failed };
        trial.reports =
            outcome.iter().flat_map(|v| (1..=3).map(|s| (s, vec![v[0] + 1.0 / s as f64]))).collect();
        trial.reason = outcome.as_ref().err().cloned();
        trial.values = outcome.ok();
        (trial.started, trial.finished) = (Some(1_000 * number), Some(1_000 * number + 900));
        history.put(trial);
    }
    let definition = Definition {
        name: name.into(),
        space,
        discovered: false,
        objectives,
        seed: 1,
        spec: String::new(),
        engine: "0.1.0".into(),
        created: 0,
    };
    View::new(definition, history)
}

/// The loss of a configuration, smallest near a rate of 0.01.
fn loss(configuration: &Configuration) -> f64 {
    let rate = configuration.get_f64("rate").unwrap().log10() + 2.0;
    rate * rate + configuration.get_f64("momentum").unwrap_or(0.5)
}

fn minimize(names: &[&str]) -> Vec<ObjectiveInfo> {
    names.iter().copied().map(ObjectiveInfo::minimize).collect()
}

/// The data that the report of the study carries, after it was drawn and read as a browser reads it.
fn drawn(view: &View) -> Value {
    let question = Question { frames: 3, ..Question::default() };
    let data = ReportData::new(view).with_surrogate(surrogate(view, &question, &Proposer::default()));
    let page = page::report(&data);
    if let Some(folder) = std::env::var_os("LIGHTCREST_REPORT_SAMPLES") {
        let path = std::path::Path::new(&folder).join(format!("{}.html", view.definition.name));
        std::fs::write(path, &page).unwrap();
    }
    let start = page.find("type=\"application/json\">").unwrap() + "type=\"application/json\">".len();
    let end = start + page[start..].find("</script>").unwrap();
    serde_json::from_str(&page[start..end]).unwrap()
}

#[test]
fn one_objective() {
    let data = drawn(&view("one", minimize(&["loss"]), 20, |_, c| Ok(vec![loss(c)])));
    assert_eq!(data["trials"].as_array().unwrap().len(), 20);
    assert_eq!(data["hypervolume"].as_array().unwrap().len(), 0);
    assert!(data["surrogate"]["frames"][0]["mean"][0].is_number(), "{}", data["surrogate"]);
    let inactive = data["trials"].as_array().unwrap().iter().filter(|trial| trial["parameters"][4].is_null());
    assert!((1..20).contains(&inactive.count()), "momentum is there under sgd alone");
}

#[test]
fn three_objectives() {
    let values = |_, c: &Configuration| {
        let layers = c.get_f64("layers").unwrap();
        Ok(vec![loss(c), layers, 1.0 / layers])
    };
    let data = drawn(&view("three", minimize(&["loss", "latency_ms", "error"]), 20, values));
    assert_eq!(data["importance"].as_array().unwrap().len(), 3);
    let volumes: Vec<f64> =
        data["hypervolume"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!(volumes.is_sorted() && volumes[19] > 0.0, "{volumes:?}");
}

#[test]
fn all_trials_failed() {
    let data = drawn(&view("failed", minimize(&["loss"]), 8, |_, _| Err("exit code 1".into())));
    assert!(data["trials"].as_array().unwrap().iter().all(|trial| trial["reason"] == "exit code 1"));
    assert!(data["surrogate"].as_str().unwrap().contains("no trial of this study is complete"));
    assert_eq!(drawn(&view("empty", minimize(&["loss"]), 0, |_, _| Ok(vec![]))), {
        let mut empty = data.clone();
        (empty["title"], empty["trials"]) = ("empty".into(), Value::Array(vec![]));
        (empty["summary"], empty["facts"]) = ("0 trials, 0 complete, 0 on the front.".into(), Value::Null);
        empty["facts"] = serde_json::json!([
            { "label": "Objectives", "value": "minimise loss" },
            { "label": "Parameters varied", "value": "6" },
            { "label": "Seed", "value": "1" }
        ]);
        empty
    });
}

#[test]
fn infinite_and_huge_values() {
    let values = |number, c: &Configuration| {
        Ok(match number % 5 {
            0 => vec![f64::INFINITY, f64::NEG_INFINITY],
            1 => vec![1.7e308, -1.7e308],
            _ => vec![loss(c), c.get_f64("layers").unwrap()],
        })
    };
    let data = drawn(&view("infinite", minimize(&["loss", "cost"]), 25, values));
    assert_eq!(data["trials"][0]["metrics"], serde_json::json!(["Infinity", "-Infinity"]));
    assert_eq!(data["trials"][1]["metrics"], serde_json::json!([1.7e308, -1.7e308]));
    let volumes = data["hypervolume"].as_array().unwrap();
    assert!(volumes.iter().all(|v| v.as_f64().is_some_and(|v| (0.0..=1.0).contains(&v))), "{volumes:?}");
}

#[test]
fn nothing_but_infinite_values() {
    let data = drawn(&view("nothing", minimize(&["loss", "cost"]), 12, |_, _| Ok(vec![f64::INFINITY; 2])));
    assert_eq!(data["trials"][11]["metrics"], serde_json::json!(["Infinity", "Infinity"]));
}

#[test]
fn five_thousand_trials_make_a_page_that_loads() {
    let values = |_, c: &Configuration| Ok(vec![loss(c), c.get_f64("layers").unwrap()]);
    let view = view("many", minimize(&["loss", "latency_ms"]), 5_000, values);
    let page = match std::env::var_os("LIGHTCREST_REPORT_SAMPLES") {
        Some(_) => return drop(drawn(&view)),
        None => page::report(&ReportData::new(&view)),
    };
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

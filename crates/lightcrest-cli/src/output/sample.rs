//! A small made-up run for tests.

use std::collections::BTreeMap;

use lightcrest::history::{FrozenTrial, History, TrialState};
use lightcrest::objective::ObjectiveInfo;
use lightcrest::space::{Configuration, Parameter, Space, Value};
use lightcrest::storage::Definition;
use serde_json::json;

use crate::run::{Layer, ModelCard};
use crate::view::View;

/// Four trials: two on the front, one dominated, one stopped early; the first has been written.
pub(crate) fn view() -> View {
    let space = Space::builder()
        .log_float("learning_rate", 1e-4, 1e-1)
        .categorical("optimizer", ["sgd", "adam"])
        .parameter(Parameter::float("optimizer.sgd.momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
        .build()
        .unwrap();
    let objectives = vec![ObjectiveInfo::maximize("validation_accuracy"), ObjectiveInfo::minimize("macs")];
    let definition = Definition {
        name: "digits".into(),
        space,
        discovered: false,
        objectives: objectives.clone(),
        seed: 7,
        spec: String::new(),
        engine: "0.1.0".into(),
        created: 0,
    };
    let mut history = History::new(objectives);
    let trial = |number: u64, rate: f64, momentum: Option<f64>, values: Option<[f64; 2]>| {
        let mut configuration = Configuration::new();
        configuration.set("learning_rate", rate);
        configuration.set("optimizer", if momentum.is_some() { "sgd" } else { "adam" });
        if let Some(momentum) = momentum {
            configuration.set("optimizer.sgd.momentum", Value::Float(momentum));
        }
        let mut trial = FrozenTrial::waiting(number, configuration);
        trial.state = if values.is_some() { TrialState::Complete } else { TrialState::Pruned };
        trial.known = vec![None, Some(50_000.0)];
        trial.values = values.map(Vec::from);
        trial.reports = vec![(1, vec![0.5]), (2, vec![0.7])];
        trial.reason = values.is_none().then(|| "stopped by halving".into());
        trial.started = Some(1_000 * number);
        trial.finished = Some(1_000 * number + 2_500);
        trial.attributes.insert("parameters".into(), json!(1_234 + number));
        trial.attributes.insert("note".into(), json!("text is no metric"));
        trial
    };
    history.put(trial(0, 0.01, Some(0.9), Some([0.9722, 123_456.0])));
    history.put(trial(1, 0.000_3, None, Some([0.95, 150_000.0])));
    history.put(trial(2, 0.05, None, None));
    history.put(trial(3, 0.02, Some(0.5), Some([0.98, 400_000.0])));
    let metrics = BTreeMap::from([("test_accuracy".to_owned(), 0.965), ("latency_ms".to_owned(), 0.0671)]);
    let layer = Layer {
        path: "stage1.0.conv".into(),
        operator: "Conv2d".into(),
        shape: "16x8x8".into(),
        parameters: 144,
        macs: 9_216,
    };
    let card = ModelCard {
        data: "digits".into(),
        classes: (0..10).map(|digit| digit.to_string()).collect(),
        input: "1x8x8".into(),
        metrics,
        images: None,
        refit: None,
        layers: vec![layer],
    };
    View {
        definition,
        history,
        cards: BTreeMap::from([(0, card)]),
        settings: vec![("Sampler", "gp".into())],
        spec: None,
    }
}

#[test]
fn the_report_shows_what_the_run_holds() {
    let data = super::report_data(&view());
    let names: Vec<&str> = data.metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names, ["validation_accuracy", "macs", "test_accuracy", "parameters", "latency_ms"]);
    let fronts: Vec<u64> = data.trials.iter().filter(|trial| trial.front).map(|trial| trial.number).collect();
    assert_eq!(fronts, [0, 3]);
    // A trial that was stopped early has no accuracy, but its MACs were known before.
    assert_eq!(data.trials[2].metrics[..2], [None, Some(50_000.0)]);
    assert_eq!(data.trials[1].parameters[2], json!(null));
    assert_eq!(data.trials[0].metrics[2], Some(0.965));
    assert_eq!(data.curve_metric, Some(0));
    assert_eq!(data.models.len(), 1);
    assert_eq!(data.hypervolume.len(), 4);
}

#[test]
fn the_table_fits_the_terminal() {
    insta::assert_snapshot!(super::table::front_table(&view()), @r"
    ┌──────────────────────────────────────────────────────────────────────────────┐
    │ Trial   Validation accuracy   Test accuracy    MACs   Parameters     Latency │
    ╞══════════════════════════════════════════════════════════════════════════════╡
    │     3                98.00%               –   400 k       1.24 k           – │
    │     0                97.22%          96.50%   123 k       1.23 k   0.0671 ms │
    └──────────────────────────────────────────────────────────────────────────────┘
    ");
    insta::assert_snapshot!(super::table::summary(&view()), @"4 trials, 3 complete, 1 stopped early, 2 on the front");
    insta::assert_snapshot!(super::table::configurations(&view()), @r"
    trial 3: learning_rate=0.02 optimizer=sgd optimizer.sgd.momentum=0.5
    trial 0: learning_rate=0.01 optimizer=sgd optimizer.sgd.momentum=0.9
    ");
}

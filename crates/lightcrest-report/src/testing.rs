//! A small made-up study, for tests of whatever shows one.

use std::collections::BTreeMap;

use lightcrest::history::{FrozenTrial, History, TrialState};
use lightcrest::objective::ObjectiveInfo;
use lightcrest::space::{Configuration, Parameter, Space, Value};
use lightcrest::storage::Definition;
use serde_json::json;

use crate::data::{Fact, Layer};
use crate::view::{View, WrittenModel};

/// Four trials: two on the front, one dominated, one stopped early; the first has been written.
pub fn view() -> View {
    let space = Space::builder()
        .log_float("learning_rate", 1e-4, 1e-1)
        .categorical("optimizer", ["sgd", "adam"])
        .parameter(Parameter::float("optimizer.sgd.momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
        .build()
        .expect("the space is a constant of this file");
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
        change: None,
    };
    let files = ["model.onnx", "config.toml"].map(|name| format!("front/trial-0000/{name}"));
    let model = WrittenModel { files: files.to_vec(), metrics, layers: vec![layer], diagnosis: None };
    View {
        models: BTreeMap::from([(0, model)]),
        data: Some("digits, 10 classes, images 1x8x8".into()),
        settings: vec![Fact { label: "Sampler".into(), value: "gp".into() }],
        networks: true,
        ..View::new(definition, history)
    }
}

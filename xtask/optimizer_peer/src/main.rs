//! `optimizer_peer SEED`: the Gaussian process of the crate `optimizer`, with lines of JSON on standard input
//! and output.
//!
//! In: the space, then the loss of each trial. Out: before each loss, the configuration to try and the CPU
//! seconds spent so far, as `xtask/python/bo_peer.py` has it. Real numbers only.

use optimizer::prelude::*;
use serde_json::{Map, Value, json};
use std::io::BufRead;

/// Processor time of this process.
fn seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds") / 1e9
}

fn parameter(value: &Value) -> FloatParam {
    let (name, domain) = (&value["name"], &value["domain"]);
    assert_eq!(domain["type"], "float", "optimizer_gp: continuous spaces only");
    let bound = |key: &str| domain[key].as_f64().expect("a bound");
    let parameter = FloatParam::new(bound("low"), bound("high")).name(name.as_str().expect("a name"));
    if domain["log"] == true { parameter.log_scale() } else { parameter }
}

fn main() {
    let seed = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("optimizer_peer SEED");
    let mut lines = std::io::stdin().lock().lines().map(|line| line.expect("text"));
    let space: Value = serde_json::from_str(&lines.next().expect("a space")).expect("JSON");
    let parameters: Vec<FloatParam> =
        space["parameters"].as_array().expect("parameters").iter().map(parameter).collect();
    let names: Vec<&str> =
        space["parameters"].as_array().expect("parameters").iter().filter_map(|p| p["name"].as_str()).collect();
    let study: Study<f64> = Study::with_sampler(Direction::Minimize, GpSampler::builder().seed(seed).build());
    loop {
        let mut trial = study.ask();
        let mut configuration = Map::new();
        for (name, parameter) in names.iter().zip(&parameters) {
            let value = parameter.suggest(&mut trial).expect("a value");
            configuration.insert((*name).to_owned(), json!(value));
        }
        println!("{}", json!({ "configuration": configuration, "seconds": seconds() }));
        let Some(line) = lines.next() else { return };
        study.tell(trial, Ok::<f64, &str>(line.parse().expect("a loss")));
    }
}

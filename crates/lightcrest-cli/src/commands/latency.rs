//! `lightcrest latency`: the time that an ONNX model takes on this machine.

use std::collections::HashMap;

use lightcrest_model::measure::LatencyConfig;
use lightcrest_model::measure::onnx::{OnnxLatency, onnx_latency};
use lightcrest_report::metric::Kind;
use serde_json::json;

use crate::arguments::LatencyArguments;
use crate::error::CliError;
use crate::onnx;
use crate::output::plain_table;
use crate::runtime;
use crate::terminal::{print, tell};

/// Prints how long a file takes.
pub(crate) fn latency(arguments: &LatencyArguments) -> Result<(), CliError> {
    let path = &arguments.model;
    let model = onnx::load(path)?;
    let sizes: HashMap<String, usize> = arguments.size.iter().cloned().collect();
    let config = LatencyConfig::default();
    let engine = runtime::engine(&arguments.engine)?;
    let found = onnx_latency(&model, &sizes, &config, &*engine)
        .map_err(onnx::failed(path, "its latency cannot be measured"))?;
    if arguments.json {
        return print(&format!("{:#}", as_json(engine.name(), &found)));
    }
    model.notes().iter().for_each(|note| tell(&note.to_string()));
    print(&table(engine.name(), &found))
}

/// One object: the whole, and a list of layers.
fn as_json(engine: &str, found: &OnnxLatency) -> serde_json::Value {
    let layers = found.layers.iter().map(|layer| {
        json!({
            "name": layer.name,
            "operator": layer.operator,
            "median_ms": layer.latency.median_ms,
            "p90_ms": layer.latency.p90_ms,
            "cpu_ms": layer.latency.cpu_ms,
            "disturbed": layer.latency.disturbed,
        })
    });
    json!({
        "engine": engine,
        "threads": 1,
        "median_ms": found.whole.median_ms,
        "p90_ms": found.whole.p90_ms,
        "cpu_ms": found.whole.cpu_ms,
        "runs": found.whole.runs,
        "steady": found.whole.steady,
        "disturbed": found.whole.disturbed,
        "layers": layers.collect::<Vec<_>>(),
    })
}

/// Layers with their share of what all take, and the whole.
fn table(engine: &str, found: &OnnxLatency) -> String {
    let ms = |value: f64| Kind::Milliseconds.format(value);
    let time = |layer: &lightcrest_model::measure::Latency| layer.cpu_ms.unwrap_or(layer.median_ms);
    let all: f64 = found.layers.iter().map(|layer| time(&layer.latency)).sum();
    let mut table = plain_table();
    table.set_header(["Layer", "Operator", "Median", "CPU time", "Share"]);
    for layer in &found.layers {
        let share = Kind::Share.format(time(&layer.latency) / all.max(f64::MIN_POSITIVE));
        let cpu = layer.latency.cpu_ms.map_or_else(|| "–".into(), ms);
        let mark = if layer.latency.disturbed { " *" } else { "" };
        let median = format!("{}{mark}", ms(layer.latency.median_ms));
        table.add_row([layer.name.clone(), layer.operator.clone(), median, cpu, share]);
    }
    let whole = &found.whole;
    let cpu = whole.cpu_ms.map_or_else(String::new, |cpu| format!(", {} of CPU time", ms(cpu)));
    let marked = found.layers.iter().any(|layer| layer.latency.disturbed);
    let note = match (whole.disturbed, marked) {
        (true, _) => "\ndisturbed: something else took the core away meanwhile; trust the CPU time",
        (false, true) => "\n* disturbed: something else took the core away meanwhile; trust the CPU time",
        (false, false) => "",
    };
    format!(
        "{table}\nwhole: median {}, 90 % within {}{cpu}; {} runs on one thread with {engine}{note}",
        ms(whole.median_ms),
        ms(whole.p90_ms),
        whole.runs
    )
}

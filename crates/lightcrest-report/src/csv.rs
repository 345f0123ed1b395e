//! `front.csv`: the models of the front, one a line, numbers in full.

use std::fmt::Write;

use lightcrest::space::Value;

use crate::view::View;

const FIRST: [&str; 5] = ["parameters", "macs", "latency_ms", "validation_accuracy", "test_accuracy"];

/// The table: trial, cost and accuracy, what else is optimised or was measured on the models, then λ; empty
/// where a parameter is inactive.
pub fn front_csv(view: &View) -> String {
    let objectives = view.definition.objectives.iter().map(|objective| objective.name.as_str());
    let measured = view.models.values().flat_map(|model| model.metrics.keys()).map(String::as_str);
    // What is no network measures what it likes.
    let names = if view.networks { vec![] } else { view.metric_names() };
    // Of a table: quality, what it costs, and everything else.
    let judged = view.definition.objectives.first().map_or("", |objective| objective.name.as_str());
    let tested = judged.replacen("validation_", "test_", 1);
    let of_table = [
        judged,
        "standard_error",
        &tested,
        "model_bytes",
        "latency_alone_us",
        "latency_batch_us",
        "columns_needed",
    ];
    let first: &[&str] = if view.table.is_some() { &of_table } else { &FIRST };
    let first = first.iter().filter(|name| view.networks || names.iter().any(|known| known == *name));
    let mut metrics: Vec<&str> = first.copied().collect();
    for name in objectives.chain(measured).chain(names.iter().map(String::as_str)) {
        if !metrics.contains(&name) {
            metrics.push(name);
        }
    }
    let parameters: Vec<&str> = view.definition.space.parameters().iter().map(|p| p.name.as_str()).collect();

    let header = std::iter::once("trial").chain(metrics.iter().copied()).chain(parameters.iter().copied());
    let mut text = line(header.map(String::from));
    for trial in view.front() {
        let known = view.metrics(trial);
        let measured = metrics.iter().map(|name| known.get(*name).map_or_else(String::new, f64::to_string));
        let chosen =
            parameters.iter().map(|name| trial.configuration.get(name).map_or_else(String::new, cell));
        text.push_str(&line(std::iter::once(trial.number.to_string()).chain(measured).chain(chosen)));
    }
    text
}

pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => other.to_string(),
    }
}

/// One line of RFC 4180, ended by a newline.
pub(crate) fn line(cells: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            text.push(',');
        }
        if cell.contains(['"', ',', '\n', '\r']) {
            // Writing into a String cannot fail.
            let _ = write!(text, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            text.push_str(&cell);
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_front_is_a_table_that_spreadsheets_read() {
        insta::assert_snapshot!(front_csv(&testing::view()), @r"
        trial,parameters,macs,latency_ms,validation_accuracy,test_accuracy,learning_rate,optimizer,optimizer.sgd.momentum
        3,1237,400000,,0.98,,0.02,sgd,0.5
        0,1234,123456,0.0671,0.9722,0.965,0.01,sgd,0.9
        ");
    }

    #[test]
    fn awkward_cells_are_quoted() {
        assert_eq!(line(["a".into(), "b, \"c\"".into()].into_iter()), "a,\"b, \"\"c\"\"\"\n");
    }
}

//! `lightcrest cost`: what an ONNX model costs, node by node, without running it.

use std::collections::HashMap;

use lightcrest_graph::onnx::{Cost, Model, Note, cost as cost_of, opaque};
use lightcrest_report::metric::Kind;
use serde_json::json;

use crate::arguments::CostArguments;
use crate::error::CliError;
use crate::output::plain_table;
use crate::terminal::{print, tell};

/// Prints what a file costs.
pub(crate) fn cost(arguments: &CostArguments) -> Result<(), CliError> {
    let failed = |failed: &'static str| {
        move |source: Box<dyn std::error::Error + Send + Sync>| CliError::Onnx {
            path: arguments.model.clone(),
            failed,
            source,
        }
    };
    let model = Model::load(&arguments.model).map_err(|error| failed("cannot be read")(error.into()))?;
    let sizes: HashMap<String, usize> = arguments.size.iter().cloned().collect();
    let found = cost_of(&model, &sizes).map_err(|error| failed("its cost cannot be told")(error.into()))?;
    let notes: Vec<&Note> = model.notes().iter().collect();
    if arguments.json {
        return print(&format!("{:#}", as_json(&model, &found, &notes)));
    }
    notes.iter().for_each(|note| tell(&note.to_string()));
    print(&table(&found))?;
    if !found.unknown.is_empty() {
        let nodes = found.unknown.join(", ");
        tell(&format!("warning: the totals leave out what is not known of {nodes}"));
    }
    Ok(())
}

/// One object: totals, and a list of layers.
fn as_json(model: &Model, found: &Cost, notes: &[&Note]) -> serde_json::Value {
    let layers = found.nodes.iter().map(|node| {
        json!({
            "name": node.name,
            "operator": node.operator,
            "shapes": node.outputs,
            "parameters": node.parameters,
            "macs": node.macs,
        })
    });
    let opaque: Vec<String> = opaque(model).into_iter().map(|opaque| opaque.label).collect();
    json!({
        "parameters": found.parameters,
        "macs": found.macs,
        "weight_bytes": found.weight_bytes,
        "peak_activation_bytes": found.peak_activation_bytes,
        "layers": layers.collect::<Vec<_>>(),
        "unknown": found.unknown,
        "opaque": opaque,
        "notes": notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Nodes that cost something, and totals.
fn table(found: &Cost) -> String {
    let count = |value: u64| Kind::Count.format(value as f64);
    let mut table = plain_table();
    table.set_header(["Layer", "Operator", "Output", "Parameters", "MACs"]);
    for node in &found.nodes {
        let shape = node.outputs.first().map_or_else(String::new, |shape| match shape {
            Some(sizes) => sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("x"),
            None => "?".into(),
        });
        let (parameters, macs) = (count(node.parameters), count(node.macs));
        table.add_row([node.name.clone(), node.operator.clone(), shape, parameters, macs]);
    }
    format!(
        "{table}\n{} parameters, {} multiply-accumulates, {} bytes of weights, at most {} bytes of activations at once",
        count(found.parameters),
        count(found.macs),
        count(found.weight_bytes),
        count(found.peak_activation_bytes)
    )
}

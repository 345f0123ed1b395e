//! `lightcrest cost`: what an ONNX model costs, node by node, without running it.

use std::collections::HashMap;

use lightcrest_graph::onnx::{Cost, cost as cost_of};
use lightcrest_report::metric::Kind;

use crate::arguments::CostArguments;
use crate::error::CliError;
use crate::onnx;
use crate::output::plain_table;
use crate::terminal::{print, tell};

/// Prints what a file costs.
pub(crate) fn cost(arguments: &CostArguments) -> Result<(), CliError> {
    let path = &arguments.model;
    let model = onnx::load(path)?;
    let sizes: HashMap<String, usize> = arguments.size.iter().cloned().collect();
    let found = cost_of(&model, &sizes).map_err(onnx::failed(path, "its cost cannot be told"))?;
    if arguments.json {
        return print(&format!("{:#}", found.to_json(&model)));
    }
    model.notes().iter().for_each(|note| tell(&note.to_string()));
    print(&table(&found))?;
    if !found.unknown.is_empty() {
        let nodes = found.unknown.join(", ");
        tell(&format!("warning: the totals leave out what is not known of {nodes}"));
    }
    Ok(())
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

//! Nodes that pass their input on: `Identity`, `Dropout` outside of training, `Sum` and `Concat` of one.

use std::collections::{HashMap, HashSet};

use crate::onnx::edit::remove_nodes;
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::{Array, Data, Index, Model, Note, node_label};

/// Removes them; says whether there was one.
pub(super) fn remove(model: &mut Model, notes: &mut Vec<Note>) -> bool {
    let opset = model.opset();
    let index = Index::new(model.graph());
    let graph = model.graph_mut();
    let mut removed = HashSet::new();
    // What is read instead of a value, and what a value that becomes an output is called from now on.
    let mut instead: HashMap<String, String> = HashMap::new();
    let mut renamed: HashMap<String, String> = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        if !passes_on(node, opset, graph, &index) {
            continue;
        }
        let (input, output) = (&node.input[0], &node.output[0]);
        if !index.captured_by(output).is_empty() {
            continue;
        }
        if !index.is_output(output) {
            instead.insert(output.clone(), input.clone());
        } else if can_be_renamed(input, &index) && !instead.contains_key(input) {
            // One value has one name: the second of two outputs that are equal stays a copy.
            if renamed.contains_key(input) {
                continue;
            }
            renamed.insert(input.clone(), output.clone());
        } else {
            continue;
        }
        notes.push(Note::info(node_label(node), "it passes its input on, and is removed"));
        removed.insert(at);
    }
    if removed.is_empty() {
        return false;
    }
    let resolve = |name: &String| {
        let mut name = name;
        while let Some(next) = instead.get(name) {
            name = next;
        }
        renamed.get(name).unwrap_or(name).clone()
    };
    for node in &mut graph.node {
        node.input.iter_mut().for_each(|input| *input = resolve(input));
        for output in &mut node.output {
            if let Some(name) = renamed.get(output) {
                *output = name.clone();
            }
        }
    }
    remove_nodes(graph, &removed);
    true
}

/// Whether the node that writes the value may call it otherwise.
fn can_be_renamed(value: &str, index: &Index) -> bool {
    index.producer(value).is_some() && !index.is_output(value) && index.captured_by(value).is_empty()
}

/// Whether the node's first output is its input.
fn passes_on(node: &NodeProto, opset: i64, graph: &GraphProto, index: &Index) -> bool {
    if !node.is_standard() || node.input_name(0).is_none() || node.output.is_empty() {
        return false;
    }
    if node.output[0].is_empty() {
        return false;
    }
    match node.op_type.as_str() {
        "Identity" => true,
        "Sum" | "Concat" | "Max" | "Min" | "Mean" => node.input.len() == 1,
        "Dropout" => {
            let mask = node.output.get(1).filter(|name| !name.is_empty());
            let mask_is_read = mask.is_some_and(|mask| {
                index.is_output(mask)
                    || !index.consumers(mask).is_empty()
                    || !index.captured_by(mask).is_empty()
            });
            !mask_is_read && !is_training(node, opset, graph, index)
        }
        _ => false,
    }
}

/// Whether a `Dropout` drops.
fn is_training(node: &NodeProto, opset: i64, graph: &GraphProto, index: &Index) -> bool {
    if opset < 7 {
        return node.int_or("is_test", 0) == 0;
    }
    let Some(mode) = node.input_name(2) else { return false };
    let constant = index.initializer(mode).and_then(|at| Array::from_proto(&graph.initializer[at]).ok());
    // What is not known before it runs may be yes.
    !matches!(constant, Some(Array { data: Data::Bool(values), .. }) if values == [false])
}

//! What nobody reads: nodes, constants, and what the file said of values that are gone.

use std::collections::HashSet;

use super::opaque::opaque;
use crate::onnx::{Index, Model, Note};

/// Removes nodes none of whose outputs is read; says whether there was one. Nodes that are not understood
/// stay.
pub(super) fn remove_nodes(model: &mut Model) -> bool {
    let kept: HashSet<usize> = opaque(model).into_iter().map(|opaque| opaque.node).collect();
    let index = Index::new(model.graph());
    let dead = |name: &String| {
        name.is_empty()
            || !index.is_output(name)
                && index.consumers(name).is_empty()
                && index.captured_by(name).is_empty()
    };
    let nodes = model.graph().node.iter().enumerate();
    let removed: HashSet<usize> = nodes
        .filter(|(at, node)| !kept.contains(at) && node.output.iter().all(dead))
        .map(|(at, _)| at)
        .collect();
    crate::onnx::edit::remove_nodes(model.graph_mut(), &removed);
    !removed.is_empty()
}

/// Removes constants that nobody reads.
pub(super) fn remove_constants(model: &mut Model, notes: &mut Vec<Note>) {
    let index = Index::new(model.graph());
    let graph = model.graph_mut();
    let before = graph.initializer.len();
    graph.initializer.retain(|tensor| {
        let name = &tensor.name;
        index.is_output(name)
            || index.is_input(name)
            || !index.consumers(name).is_empty()
            || !index.captured_by(name).is_empty()
    });
    let removed = before - graph.initializer.len();
    if removed > 0 {
        notes.push(Note::info("the graph", format!("{removed} constants that nobody reads are removed")));
    }
}

/// Drops what the file said of shapes and types in between, which a change makes stale, but for what nodes
/// write that are not understood: nobody else knows it.
pub(super) fn forget_types(model: &mut Model) {
    let opaque = opaque(model);
    let graph = model.graph_mut();
    let written = opaque.iter().flat_map(|opaque| &graph.node[opaque.node].output);
    let kept: HashSet<String> = written.cloned().collect();
    graph.value_info.retain(|value| kept.contains(&value.name));
    let index = Index::new(graph);
    graph.quantization_annotation.retain(|annotation| !index.is_free(&annotation.tensor_name));
}

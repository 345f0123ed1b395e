//! Constants that are also inputs: up to version 3 of the format all had to be, and some programs kept to it.
//!
//! As an input, a constant is a default that a caller may replace by one of the same shape. Nobody does so
//! with weights, and passes change their shapes.

use std::collections::HashSet;

use crate::onnx::{Index, Model, Note};

/// Makes them constants alone, and the format one that allows it.
pub(super) fn release(model: &mut Model, notes: &mut Vec<Note>) {
    let index = Index::new(model.graph());
    let inputs = model.graph().input.iter().map(|input| input.name.clone());
    let both: Vec<String> = inputs.filter(|name| index.initializer(name).is_some()).collect();
    if both.is_empty() {
        return;
    }
    let old = model.proto().ir_version < 4;
    // Where only some are, somebody may have meant it.
    if old || both.len() == model.graph().initializer.len() {
        let text = format!("{} constants that were also inputs are constants alone", both.len());
        notes.push(Note::info("the graph", text));
    } else {
        for name in &both {
            let text = "it is a constant that a caller could replace, and is a constant alone now";
            notes.push(Note::warning(format!("input `{name}`"), text));
        }
    }
    let both: HashSet<String> = both.into_iter().collect();
    model.graph_mut().input.retain(|input| !both.contains(&input.name));
    if old {
        model.proto_mut().ir_version = 4;
    }
}

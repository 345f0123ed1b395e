//! Operators that say what a plainer one says.

use crate::onnx::{Model, Note, node_label};

/// `Sum` of two is `Add`, which broadcasts in the same way; says whether there was one.
pub(super) fn respell(model: &mut Model, notes: &mut Vec<Note>) -> bool {
    // Before version 7 `Add` did not broadcast, and before 8 `Sum` did not.
    if model.opset() < 8 {
        return false;
    }
    let mut changed = false;
    for node in &mut model.graph_mut().node {
        if node.op_type == "Sum" && node.is_standard() && node.input.len() == 2 {
            notes.push(Note::info(node_label(node), "the sum of two is written as Add"));
            node.op_type = "Add".into();
            changed = true;
        }
    }
    changed
}

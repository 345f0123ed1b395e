//! `Constant` nodes become initializers, wherever their value stands.

use std::collections::HashSet;

use crate::onnx::edit::{put_constant, remove_nodes};
use crate::onnx::proto::{NodeProto, TensorProto};
use crate::onnx::{Array, Data, Index, Model, Note};

/// Lifts every constant whose value is dense; one that the graph returns stays.
pub(super) fn lift(model: &mut Model, notes: &mut Vec<Note>) {
    let index = Index::new(model.graph());
    let mut lifted = HashSet::new();
    let mut tensors = Vec::new();
    for (at, node) in model.graph().node.iter().enumerate() {
        let [output] = node.output.as_slice() else { continue };
        if node.op_type != "Constant" || !node.is_standard() || index.is_output(output) {
            continue;
        }
        if let Some(tensor) = value(node) {
            tensors.push(TensorProto { name: output.clone(), ..tensor });
            lifted.insert(at);
        }
    }
    if lifted.is_empty() {
        return;
    }
    remove_nodes(model.graph_mut(), &lifted);
    tensors.into_iter().for_each(|tensor| put_constant(model, tensor));
    notes.push(Note::info("the graph", format!("{} Constant nodes became constants", lifted.len())));
}

/// What the node holds; `None` for what is sparse or text.
fn value(node: &NodeProto) -> Option<TensorProto> {
    let [attribute] = node.attribute.as_slice() else { return None };
    let scalar = |data| Array { shape: vec![], data };
    let array = match attribute.name.as_str() {
        "value" => return attribute.t.clone(),
        "value_float" => scalar(Data::F32(vec![attribute.f?])),
        "value_floats" => Array::f32([attribute.floats.len()], attribute.floats.clone()),
        "value_int" => scalar(Data::I64(vec![attribute.i?])),
        "value_ints" => Array::i64(attribute.ints.clone()),
        _ => return None,
    };
    Some(array.to_proto(""))
}

//! What shapes and constants alone decide is decided once: nodes of constants become constants, shapes that
//! five nodes compute become numbers, and a mean over the plane is global pooling.

use std::collections::HashSet;

use crate::onnx::edit::{Names, put_constant, remove_nodes};
use crate::onnx::facts::{Dim, Facts};
use crate::onnx::proto::{NodeProto, element};
use crate::onnx::{Array, Data, Index, Model, Note, node_label};

/// Elements that `ConstantOfShape` nodes may become together; files without weights of their own have them.
const FILLED: usize = 1 << 26;

/// Folds; says whether anything was.
pub(super) fn fold(model: &mut Model, notes: &mut Vec<Note>) -> bool {
    let facts = match Facts::infer(model) {
        Ok(facts) => facts,
        Err(error) => {
            let note = Note::warning("the graph", format!("its shapes contradict each other: {error}"));
            if !notes.contains(&note) {
                notes.push(note);
            }
            return false;
        }
    };
    let reshaped = reshape(model, &facts, notes);
    let pooled = pool(model, &facts, notes);
    let viewed = super::strided::recognise(model, &facts, notes);
    constants(model, &facts, notes) || reshaped || pooled || viewed
}

/// Nodes whose outputs are known become constants.
fn constants(model: &mut Model, facts: &Facts, notes: &mut Vec<Note>) -> bool {
    let index = Index::new(model.graph());
    let mut filled = 0;
    let mut folded = HashSet::new();
    let mut tensors = Vec::new();
    for (at, node) in model.graph().node.iter().enumerate() {
        if !node.is_standard() || node.output.iter().any(|name| index.is_output(name)) {
            continue;
        }
        let outputs: Option<Vec<Array>> = match fill(node, facts) {
            Some((count, array)) if filled + count <= FILLED => {
                filled += count;
                Some(vec![array])
            }
            _ => known(node, facts),
        };
        let Some(outputs) = outputs else { continue };
        tensors.extend(node.output.iter().zip(&outputs).map(|(name, array)| array.to_proto(name)));
        folded.insert(at);
    }
    if folded.is_empty() {
        return false;
    }
    let text = format!("{} nodes that depend on constants alone became constants", folded.len());
    notes.push(Note::info("the graph", text));
    remove_nodes(model.graph_mut(), &folded);
    tensors.into_iter().for_each(|tensor| put_constant(model, tensor));
    true
}

/// The outputs of a node of constants. What is stored in fewer bytes than it unfolds to, such as weights
/// behind `DequantizeLinear` or half precision behind `Cast`, stays stored so.
fn known(node: &NodeProto, facts: &Facts) -> Option<Vec<Array>> {
    if node.op_type == "Constant" || node.input.iter().all(String::is_empty) {
        return None;
    }
    // Only the shapes of some inputs are read, so that not all need to be constants.
    let bytes = |array: &Array| array.len() * width(array);
    let outputs: Option<Vec<Array>> = node.output.iter().map(|name| facts.constant(name).cloned()).collect();
    let outputs = outputs?;
    let read: usize = node.input.iter().filter_map(|name| facts.constant(name)).map(bytes).sum();
    let written: usize = outputs.iter().map(bytes).sum();
    (written <= read + 1024).then_some(outputs)
}

fn width(array: &Array) -> usize {
    match &array.data {
        Data::F64(_) | Data::I64(_) => 8,
        Data::F32(_) | Data::I32(_) => 4,
        Data::I8(_) | Data::U8(_) | Data::Bool(_) => 1,
    }
}

/// What a `ConstantOfShape` of f32 makes of a known shape, and how many elements.
fn fill(node: &NodeProto, facts: &Facts) -> Option<(usize, Array)> {
    if node.op_type != "ConstantOfShape" {
        return None;
    }
    let shape = facts.constant(node.input_name(0)?)?.to_i64()?;
    let shape: Option<Vec<usize>> = shape.iter().map(|&size| usize::try_from(size).ok()).collect();
    let shape = shape?;
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    let value = match node.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
        Some(tensor) => *Array::from_proto(tensor).ok()?.as_f32()?.first()?,
        None => 0.0,
    };
    (count <= FILLED).then(|| (count, Array::f32(shape, vec![value; count])))
}

/// `Reshape` to a computed shape gets a constant one, when every size is known, copied, or the one that is
/// left: a free batch stays free.
fn reshape(model: &mut Model, facts: &Facts, notes: &mut Vec<Note>) -> bool {
    let mut names = Names::new(model.graph());
    let mut changes = Vec::new();
    for (at, node) in model.graph().node.iter().enumerate() {
        if node.op_type != "Reshape" || !node.is_standard() || node.int_or("allowzero", 0) != 0 {
            continue;
        }
        let (Some(data), Some(shape)) = (node.input_name(0), node.input_name(1)) else { continue };
        if facts.constant(shape).is_some() {
            continue;
        }
        let (Some(from), Some(to)) = (facts.shape(data), facts.shape(&node.output[0])) else { continue };
        if let Some(sizes) = sizes(from, to) {
            changes.push((at, names.fresh(&format!("{}.shape", node.output[0])), sizes));
        }
    }
    for (at, name, sizes) in &changes {
        let node = &mut model.graph_mut().node[*at];
        node.input[1] = name.clone();
        notes.push(Note::info(node_label(node), format!("its computed shape is always {sizes:?}")));
        put_constant(model, Array::i64(sizes.clone()).to_proto(name));
    }
    !changes.is_empty()
}

/// A shape of `Reshape` that gives `to`: 0 copies the size of the input, and one may be -1.
pub(super) fn sizes(from: &[Dim], to: &[Dim]) -> Option<Vec<i64>> {
    let mut left = 1;
    to.iter()
        .enumerate()
        .map(|(axis, dim)| match dim {
            Dim::Known(0) => None,
            Dim::Known(size) => i64::try_from(*size).ok(),
            Dim::Named(_) if from.get(axis) == Some(dim) => Some(0),
            Dim::Named(_) | Dim::Unknown => {
                left -= 1;
                (left >= 0).then_some(-1)
            }
        })
        .collect()
}

/// `ReduceMean` over all axes but the first two that keeps them is `GlobalAveragePool`. Of rank 3, the last
/// axis may as well be the features of a sequence.
fn pool(model: &mut Model, facts: &Facts, notes: &mut Vec<Note>) -> bool {
    let mut changed = false;
    for node in &mut model.graph_mut().node {
        if node.op_type != "ReduceMean" || !node.is_standard() || node.int_or("keepdims", 1) != 1 {
            continue;
        }
        let Some(rank) = facts.shape(&node.input[0]).map(<[Dim]>::len) else { continue };
        let axes = match node.input_name(1) {
            Some(name) => facts.constant(name).and_then(Array::to_i64),
            None => node.ints("axes").map(<[i64]>::to_vec),
        };
        let Some(axes) = axes else { continue };
        let mut axes: Vec<i64> =
            axes.into_iter().map(|axis| if axis < 0 { axis + rank as i64 } else { axis }).collect();
        axes.sort_unstable();
        let plane: Vec<i64> = (2..rank as i64).collect();
        if rank >= 4 && axes == plane && facts.element(&node.input[0]) == Some(element::FLOAT) {
            notes.push(Note::info(node_label(node), "a mean over the plane is GlobalAveragePool"));
            node.op_type = "GlobalAveragePool".into();
            node.input.truncate(1);
            node.attribute.clear();
            changed = true;
        }
    }
    changed
}

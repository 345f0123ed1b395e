//! Makes every constant a tensor of its own before channels are followed.
//!
//! Exporters merge equal constants: a bias of zeros may belong to twenty layers. As long as they share it,
//! their channels would be tied. Constants of more than one wide axis are left shared: two convolutions with
//! one weight are meant to stay so.

use std::collections::HashMap;

use crate::compress::edit::drop_unread;
use crate::onnx::proto::{NodeProto, TensorProto, element};
use crate::onnx::{Array, Data, Facts, Index, Model, strided};

/// The model with constants of their own, and which of them are copies.
pub(super) struct Prepared {
    pub(super) model: Model,
    /// A copy and what it is a copy of.
    copies: Vec<(String, String)>,
}

impl Prepared {
    pub(super) fn new(mut model: Model) -> Self {
        lift_constants(&mut model);
        see_through_views(&mut model);
        let mut copies = lift_identities(&mut model);
        copies.extend(separate(&mut model));
        Self { model, copies }
    }

    /// Lets copies go that are still what they are copies of.
    pub(super) fn join(copies: &[(String, String)], model: &mut Model) {
        let index = Index::new(model.graph());
        let graph = model.graph_mut();
        let mut renamed: HashMap<&str, &str> = HashMap::new();
        for (copy, original) in copies {
            let at = index.initializer(copy).zip(index.initializer(original));
            let Some((at, from)) = at else { continue };
            let (copied, kept) = (&graph.initializer[at], &graph.initializer[from]);
            let same = TensorProto { name: String::new(), ..copied.clone() }
                == TensorProto { name: String::new(), ..kept.clone() };
            if same && !index.is_output(copy) && index.captured_by(copy).is_empty() {
                renamed.insert(copy, original);
            }
        }
        for name in graph.node.iter_mut().flat_map(|node| node.input.iter_mut()) {
            if let Some(&original) = renamed.get(name.as_str()) {
                *name = original.to_string();
            }
        }
        graph.initializer.retain(|tensor| !renamed.contains_key(tensor.name.as_str()));
    }

    /// The model and its copies.
    pub(super) fn into_parts(self) -> (Model, Vec<(String, String)>) {
        (self.model, self.copies)
    }
}

/// Initializers that are not inputs came with IR 4.
pub(super) fn allow_initializers(model: &mut Model) {
    let version = &mut model.proto_mut().ir_version;
    *version = (*version).max(4);
}

/// Replaces `Gather` of computed places that reads all of a value in order, so that channels can be followed
/// through it.
fn see_through_views(model: &mut Model) {
    // The places are computed from a range; without one, nothing need be inferred.
    if !model.graph().node.iter().any(|node| node.op_type == "Range") {
        return;
    }
    // What contradicts itself is told by whoever needs the facts.
    let Ok(facts) = Facts::infer(model) else { return };
    let gathers = model.graph().node.iter().filter(|node| node.op_type == "Gather");
    let read: Vec<String> = gathers.flat_map(|node| node.input.iter().cloned()).collect();
    if strided::recognise(model, &facts, &mut vec![]) {
        drop_unread(model.graph_mut(), read);
    }
}

/// Makes initializers of `Constant` nodes.
fn lift_constants(model: &mut Model) {
    let index = Index::new(model.graph());
    let graph = model.graph_mut();
    let mut lifted = vec![];
    graph.node.retain(|node| {
        let value = node.output.first().filter(|value| !index.is_output(value));
        let tensor = value.and_then(|value| constant(node, value));
        let gone = tensor.is_some();
        lifted.extend(tensor);
        !gone
    });
    if !lifted.is_empty() {
        graph.initializer.extend(lifted);
        allow_initializers(model);
    }
}

/// What a `Constant` node says, as a tensor.
fn constant(node: &NodeProto, name: &str) -> Option<TensorProto> {
    if node.op_type != "Constant" || !node.is_standard() {
        return None;
    }
    let tensor = node.attribute.iter().find_map(|attribute| match attribute.name.as_str() {
        "value" => attribute.t.clone(),
        "value_float" => Some(Array::f32(vec![], vec![attribute.f?]).to_proto(name)),
        "value_floats" => {
            Some(Array::f32(vec![attribute.floats.len()], attribute.floats.clone()).to_proto(name))
        }
        "value_int" => Some(Array { shape: vec![], data: Data::I64(vec![attribute.i?]) }.to_proto(name)),
        "value_ints" => Some(Array::i64(attribute.ints.clone()).to_proto(name)),
        _ => None,
    })?;
    Some(TensorProto { name: name.into(), ..tensor })
}

/// Makes initializers of `Identity` nodes that only rename one.
fn lift_identities(model: &mut Model) -> Vec<(String, String)> {
    let mut copies = vec![];
    let index = Index::new(model.graph());
    let graph = model.graph_mut();
    let mut held: HashMap<String, usize> =
        graph.initializer.iter().enumerate().map(|(at, tensor)| (tensor.name.clone(), at)).collect();
    let (initializers, nodes) = (&mut graph.initializer, &mut graph.node);
    nodes.retain(|node| {
        let (Some(from), Some(to)) = (node.input_name(0), node.output.first()) else { return true };
        let Some(&at) = held.get(from) else { return true };
        if node.op_type != "Identity"
            || !node.is_standard()
            || index.is_output(to)
            || !is_narrow(&initializers[at])
        {
            return true;
        }
        let copy = TensorProto { name: to.clone(), ..initializers[at].clone() };
        held.insert(to.clone(), initializers.len());
        initializers.push(copy);
        copies.push((to.clone(), from.to_string()));
        false
    });
    if !copies.is_empty() {
        allow_initializers(model);
    }
    copies
}

/// Gives each reader of a shared constant its own.
fn separate(model: &mut Model) -> Vec<(String, String)> {
    let index = Index::new(model.graph());
    let graph = model.graph_mut();
    let mut copies = vec![];
    let mut made = vec![];
    for tensor in &graph.initializer {
        let readers = index.consumers(&tensor.name);
        let whole = matches!(tensor.data_type, element::INT64 | element::INT32 | element::BOOL);
        if readers.len() < 2 || whole || !is_narrow(tensor) || tensor.dims.iter().all(|&size| size < 2) {
            continue;
        }
        for (count, &(at, slot)) in readers.iter().enumerate().skip(1) {
            let mut name = format!("{}_{}", tensor.name, count);
            while !index.is_free(&name) || made.iter().any(|copy: &TensorProto| copy.name == name) {
                name.push('_');
            }
            graph.node[at].input[slot] = name.clone();
            copies.push((name.clone(), tensor.name.clone()));
            made.push(TensorProto { name, ..tensor.clone() });
        }
    }
    if !made.is_empty() {
        graph.initializer.extend(made);
        allow_initializers(model);
    }
    copies
}

/// Whether a constant is one number a channel at most.
fn is_narrow(tensor: &TensorProto) -> bool {
    tensor.dims.iter().filter(|&&size| size > 1).count() < 2
}

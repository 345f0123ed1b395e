//! Takes channels out of a model: tensors lose positions, and nodes that name sizes or places name new ones.

mod node;
mod tensor;

use std::collections::{HashMap, HashSet};

use super::choice;
use super::label::Axis;
use super::prepare::allow_initializers;
use super::trace::Trace;
use crate::onnx::proto::{DimensionProto, NodeProto, TensorProto, TypeProto, TypeValue, ValueInfoProto};
use crate::onnx::{Array, Dim, Index, Model};

pub(super) use tensor::width;

/// A model from which channels are taken.
pub(super) struct Surgery<'t, 'a> {
    trace: &'t mut Trace<'a>,
    gone: &'t [bool],
    /// Constants that nodes read now.
    made: Vec<TensorProto>,
    names: HashSet<String>,
}

/// The model of the trace without the labels that are gone.
pub(super) fn cut(trace: &mut Trace<'_>, gone: &[bool]) -> Model {
    let model = trace.model;
    let mut out = model.clone();
    let mut surgery = Surgery { trace, gone, made: vec![], names: HashSet::new() };
    let mut nodes = model.graph().node.clone();
    for (at, node) in nodes.iter_mut().enumerate() {
        surgery.edit(at, node);
    }
    let graph = out.graph_mut();
    graph.node = nodes;
    for tensor in &mut graph.initializer {
        if let Some(kept) = surgery.kept(&tensor.name.clone()) {
            *tensor = tensor::sliced(tensor, &kept);
        }
    }
    for value in graph.input.iter_mut().chain(&mut graph.value_info).chain(&mut graph.output) {
        surgery.resize(value);
    }
    let made = !surgery.made.is_empty();
    graph.initializer.append(&mut surgery.made);
    if made {
        allow_initializers(&mut out);
    }
    sweep(model, &mut out);
    out
}

impl Surgery<'_, '_> {
    /// The positions of an axis that stay, if some go.
    fn stay(&mut self, axis: &Axis) -> Option<Vec<bool>> {
        choice::kept(self.trace, axis, self.gone)
    }

    /// The labels of a value along an axis.
    fn axis(&self, value: &str, axis: usize) -> Axis {
        self.trace.known(value)?.get(axis)?.clone()
    }

    /// For each axis of a value the positions that stay, if any axis loses some.
    fn kept(&mut self, value: &str) -> Option<Vec<Option<Vec<bool>>>> {
        let axes = self.trace.known(value)?.to_vec();
        let kept: Vec<Option<Vec<bool>>> = axes.iter().map(|axis| self.stay(axis)).collect();
        kept.iter().any(Option::is_some).then_some(kept)
    }

    /// The shape of a value when channels are gone, and whether it has changed.
    fn shape(&mut self, value: &str) -> Option<(Vec<Dim>, bool)> {
        let mut dims = self.trace.facts.shape(value)?.to_vec();
        let kept = self.kept(value);
        for (dim, kept) in dims.iter_mut().zip(kept.iter().flatten()) {
            if let Some(kept) = kept {
                *dim = Dim::Known(count(kept));
            }
        }
        Some((dims, kept.is_some()))
    }

    /// Lets a node read a constant of whole numbers.
    fn give(&mut self, node: &mut NodeProto, slot: usize, suffix: &str, numbers: Vec<i64>) {
        let stem = node.output.first().cloned().unwrap_or_default();
        let mut name = format!("{stem}_{suffix}");
        while !self.trace.index.is_free(&name) || !self.names.insert(name.clone()) {
            name.push('_');
        }
        self.made.push(Array::i64(numbers).to_proto(&name));
        while node.input.len() <= slot {
            node.input.push(String::new());
        }
        node.input[slot] = name;
    }

    /// Writes the sizes that are left into the declaration of a value.
    fn resize(&mut self, value: &mut ValueInfoProto) {
        let Some(kept) = self.kept(&value.name) else { return };
        let Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), .. }) = &mut value.r#type else {
            return;
        };
        let dims = tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim);
        for (dim, kept) in dims.zip(kept) {
            if let Some(kept) = kept {
                *dim = DimensionProto { value: Some(known(count(&kept))), ..dim.clone() };
            }
        }
    }
}

fn known(size: usize) -> crate::onnx::proto::Dimension {
    crate::onnx::proto::Dimension::Value(size as i64)
}

fn count(kept: &[bool]) -> usize {
    kept.iter().filter(|&&kept| kept).count()
}

/// Removes what only nodes read that are gone, or that read something else now.
fn sweep(before: &Model, model: &mut Model) {
    let old = Index::new(before.graph());
    loop {
        let index = Index::new(model.graph());
        let graph = model.graph_mut();
        let dead = |value: &String| {
            value.is_empty()
                || (index.consumers(value).is_empty()
                    && index.captured_by(value).is_empty()
                    && !index.is_output(value)
                    // What nothing had read before is not ours to remove.
                    && !old.consumers(value).is_empty())
        };
        let nodes = graph.node.len();
        graph.node.retain(|node| node.output.is_empty() || !node.output.iter().all(dead));
        if graph.node.len() == nodes {
            graph.initializer.retain(|tensor| index.is_input(&tensor.name) || !dead(&tensor.name));
            break;
        }
    }
    let graph = model.graph_mut();
    let written: HashSet<&str> =
        graph.node.iter().flat_map(|node| node.output.iter().map(String::as_str)).collect();
    let held: HashMap<&str, ()> = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), ())).collect();
    graph
        .value_info
        .retain(|value| written.contains(value.name.as_str()) || held.contains_key(value.name.as_str()));
}

//! What became of each layer.

use std::collections::BTreeMap;

use super::label::Axis;
use super::trace::{Cause, Trace};
use super::{choice, layer_name};
use crate::onnx::proto::NodeProto;

/// What channel pruning did to a model.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct PruneReport {
    /// Every layer with weights, in the order of the file.
    pub layers: Vec<PrunedLayer>,
    /// Nodes that were not crossed, with what they held back.
    pub warnings: Vec<String>,
    /// Parameters of the model as it was.
    pub parameters_before: u64,
    /// Parameters that are left.
    pub parameters_after: u64,
    /// Multiply-accumulates for one input of the model as it was, if its shapes are known.
    pub macs_before: Option<u64>,
    /// Multiply-accumulates that are left.
    pub macs_after: Option<u64>,
    /// Numbers of the channels that are left of each value that lost some, in the model as it was.
    #[serde(skip)]
    pub kept: BTreeMap<String, Vec<usize>>,
}

/// What became of a layer with weights.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PrunedLayer {
    /// Its name, or that of its first output.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// Outputs before.
    pub outputs_before: usize,
    /// Outputs that are left.
    pub outputs_after: usize,
    /// Inputs before, in a grouped convolution those of one group.
    pub inputs_before: usize,
    /// Inputs that are left.
    pub inputs_after: usize,
    /// Why outputs were left alone, if any were for another reason than that they matter.
    pub left_alone: Option<String>,
}

impl PruneReport {
    /// Whether anything was removed.
    pub fn is_empty(&self) -> bool {
        self.layers.iter().all(|layer| {
            layer.outputs_before == layer.outputs_after && layer.inputs_before == layer.inputs_after
        })
    }
}

/// The layers of the graph, and what is left of them.
pub(super) fn layers(trace: &mut Trace<'_>, gone: &[bool]) -> Vec<PrunedLayer> {
    let mut out = vec![];
    for at in 0..trace.layers.len() {
        let layer = trace.layers[at].clone();
        let node = &trace.model.graph().node[layer.node];
        let size = |axis: usize| {
            let shape = trace.facts.shape(&layer.weight);
            shape.and_then(|dims| dims.get(axis)?.known()).unwrap_or(0)
        };
        let (outputs, inputs) = (size(layer.output.0), layer.input.as_ref().map_or(1, |input| size(input.0)));
        let left = |trace: &mut Trace<'_>, axis: &Axis, before: usize| {
            choice::kept(trace, axis, gone).map_or(before, |kept| kept.iter().filter(|&&kept| kept).count())
        };
        let outputs_after = left(trace, &layer.output.1, outputs);
        let inputs_after = layer.input.as_ref().map_or(inputs, |input| left(trace, &input.1, inputs));
        out.push(PrunedLayer {
            name: layer_name(node),
            operator: node.op_type.clone(),
            outputs_before: outputs,
            outputs_after,
            inputs_before: inputs,
            inputs_after,
            left_alone: left_alone(trace, &layer.output.1),
        });
    }
    out
}

/// What is left of the values that nodes write, where one axis of them shrinks.
pub(super) fn kept(trace: &mut Trace<'_>, gone: &[bool]) -> BTreeMap<String, Vec<usize>> {
    let values = trace.model.graph().node.iter().flat_map(|node| node.output.clone());
    let mut left = BTreeMap::new();
    for value in values.collect::<Vec<_>>() {
        let axes = trace.known(&value).unwrap_or(&[]).to_vec();
        let mut shrunk = axes.iter().filter_map(|axis| choice::kept(trace, axis, gone));
        if let (Some(kept), None) = (shrunk.next(), shrunk.next()) {
            left.insert(value, (0..kept.len()).filter(|&at| kept[at]).collect());
        }
    }
    left
}

/// Why positions of an axis stay: the reason of the first that must.
fn left_alone(trace: &mut Trace<'_>, axis: &Axis) -> Option<String> {
    let Some(labels) = axis else { return Some("it meets what cannot shrink".into()) };
    let reason = labels.iter().find_map(|&label| trace.labels.pinned(label))?;
    Some(match &trace.causes[reason as usize] {
        Cause::Fixed => "it meets what cannot shrink".into(),
        Cause::Output(name) => format!("its channels are the output `{name}`"),
        Cause::Kept(node) => format!("`{}` is to be kept", layer_name(&trace.model.graph().node[*node])),
        Cause::Few(node) => {
            format!("`{}` has few channels", layer_name(&trace.model.graph().node[*node]))
        }
        Cause::Barrier(node) => format!("{} is not crossed", said(&trace.model.graph().node[*node])),
        Cause::Across(node) => {
            format!("{} needs all of its channels", said(&trace.model.graph().node[*node]))
        }
    })
}

/// Nodes that are not crossed.
pub(super) fn warnings(trace: &Trace<'_>) -> Vec<String> {
    let warning = |&at: &usize| format!("{} is not crossed", said(&trace.model.graph().node[at]));
    trace.barriers.iter().map(warning).collect()
}

/// A node with its operator.
fn said(node: &NodeProto) -> String {
    let domain = if node.is_standard() { String::new() } else { format!("{}:", node.domain) };
    format!("`{}` ({domain}{})", layer_name(node), node.op_type)
}

//! Nodes that are not understood: kept as they are, byte for byte, and crossed by no pass.

use std::collections::HashSet;

use crate::onnx::index::subgraphs;
use crate::onnx::proto::NodeProto;
use crate::onnx::{Model, Note, node_label};

/// A node that is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque {
    /// Its place among the nodes.
    pub node: usize,
    /// What it is called, such as ``If `branch` ``.
    pub label: String,
    /// Why it is not understood.
    pub reason: &'static str,
}

impl Opaque {
    /// A warning that names it.
    pub(super) fn note(&self) -> Note {
        Note::warning(&self.label, format!("{}; it is kept as it is", self.reason))
    }
}

/// The nodes of the model that are not understood.
pub fn opaque(model: &Model) -> Vec<Opaque> {
    let functions: HashSet<(&str, &str)> = model
        .proto()
        .functions
        .iter()
        .map(|function| (function.domain.as_str(), function.name.as_str()))
        .collect();
    let why = |node: &NodeProto| {
        if functions.contains(&(node.domain.as_str(), node.op_type.as_str())) {
            Some("it is a function of the model")
        } else if !node.is_standard() {
            Some("it is an operator of another domain")
        } else if subgraphs(node).next().is_some() {
            Some("it holds graphs")
        } else if !is_understood(node) {
            Some("it is an operator that is not understood")
        } else {
            None
        }
    };
    let nodes = model.graph().node.iter().enumerate();
    nodes
        .filter_map(|(at, node)| why(node).map(|reason| Opaque { node: at, label: node_label(node), reason }))
        .collect()
}

/// Whether the operator is in the table of those that are known.
fn is_understood(node: &NodeProto) -> bool {
    node.op_type == "Constant" || crate::onnx::operator::find(&node.op_type).is_some()
}

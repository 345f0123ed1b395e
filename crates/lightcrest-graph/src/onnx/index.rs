//! Who writes and who reads each value of a graph.

use std::collections::{HashMap, HashSet};

use super::proto::{AttributeProto, GraphProto, NodeProto};

/// Places of the values of a graph. It is a snapshot: whoever changes the graph makes a new one.
#[derive(Clone, Debug, Default)]
pub struct Index {
    producer: HashMap<String, (usize, usize)>,
    consumers: HashMap<String, Vec<(usize, usize)>>,
    initializer: HashMap<String, usize>,
    inputs: HashSet<String>,
    outputs: HashSet<String>,
    captured: HashMap<String, Vec<usize>>,
}

impl Index {
    /// The places of `graph`.
    pub fn new(graph: &GraphProto) -> Self {
        let mut index = Self::default();
        for (at, node) in graph.node.iter().enumerate() {
            for (slot, name) in node.input.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                index.consumers.entry(name.clone()).or_default().push((at, slot));
            }
            for (slot, name) in node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                index.producer.insert(name.clone(), (at, slot));
            }
            for name in free_names(node) {
                index.captured.entry(name).or_default().push(at);
            }
        }
        let initializers = graph.initializer.iter().enumerate();
        index.initializer = initializers.map(|(at, tensor)| (tensor.name.clone(), at)).collect();
        index.inputs = graph.input.iter().map(|value| value.name.clone()).collect();
        index.outputs = graph.output.iter().map(|value| value.name.clone()).collect();
        index
    }

    /// The node that writes the value, and which of its outputs it is.
    pub fn producer(&self, value: &str) -> Option<(usize, usize)> {
        self.producer.get(value).copied()
    }

    /// The nodes that read the value, each with which of its inputs it is; a node that reads it twice stands
    /// there twice. Readers inside of subgraphs are [`Index::captured_by`].
    pub fn consumers(&self, value: &str) -> &[(usize, usize)] {
        self.consumers.get(value).map_or(&[], Vec::as_slice)
    }

    /// The nodes whose subgraphs read the value.
    pub fn captured_by(&self, value: &str) -> &[usize] {
        self.captured.get(value).map_or(&[], Vec::as_slice)
    }

    /// Where the value stands among the initializers.
    pub fn initializer(&self, value: &str) -> Option<usize> {
        self.initializer.get(value).copied()
    }

    /// Whether the graph returns the value.
    pub fn is_output(&self, value: &str) -> bool {
        self.outputs.contains(value)
    }

    /// Whether the value is given from outside; an initializer that is also an input (IR 3) counts.
    pub fn is_input(&self, value: &str) -> bool {
        self.inputs.contains(value)
    }

    /// Whether nothing has that name yet.
    pub fn is_free(&self, name: &str) -> bool {
        !self.producer.contains_key(name)
            && !self.consumers.contains_key(name)
            && !self.initializer.contains_key(name)
            && !self.inputs.contains(name)
            && !self.captured.contains_key(name)
    }
}

/// Values of outer graphs that the subgraphs of a node read, each once.
pub(super) fn free_names(node: &NodeProto) -> Vec<String> {
    let mut free = Vec::new();
    for graph in subgraphs(node) {
        let mut bound: HashSet<&str> = graph.input.iter().map(|value| value.name.as_str()).collect();
        bound.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
        bound.extend(graph.node.iter().flat_map(|node| node.output.iter().map(String::as_str)));
        let inner = graph.node.iter().flat_map(|node| node.input.iter().cloned().chain(free_names(node)));
        let returned = graph.output.iter().map(|value| value.name.clone());
        free.extend(inner.chain(returned).filter(|name| !name.is_empty() && !bound.contains(name.as_str())));
    }
    free.sort();
    free.dedup();
    free
}

/// The graphs among the attributes of a node.
pub fn subgraphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute: &AttributeProto| attribute.g.iter().chain(&attribute.graphs))
}

//! Whether a graph is sound: every value has one source, nodes stand behind what they read, and constants
//! have as many elements as their sizes say.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::array::check_elements;
use super::error::ModelError;
use super::index::{free_names, subgraphs};
use super::proto::{GraphProto, NodeProto, TensorProto};

/// What a node is called in messages: its operator, with its name or else what it makes.
pub fn node_label(node: &NodeProto) -> String {
    let name = [&node.name].into_iter().chain(&node.output).find(|name| !name.is_empty());
    let domain = if node.is_standard() { String::new() } else { format!("{}:", node.domain) };
    match name {
        Some(name) => format!("{domain}{} `{name}`", node.op_type),
        None => format!("a nameless {domain}{}", node.op_type),
    }
}

/// Checks the graph and its subgraphs, but for the order of the nodes.
pub(super) fn check(graph: &GraphProto) -> Result<(), ModelError> {
    tensors(graph)?;
    let makers = makers(graph)?;
    let undefined = |value: &str, reader: String| {
        let known = value.is_empty() || makers.contains_key(value);
        if known { Ok(()) } else { Err(ModelError::Undefined { value: value.into(), reader }) }
    };
    for node in &graph.node {
        for value in &node.input {
            undefined(value, node_label(node))?;
        }
        for value in free_names(node) {
            undefined(&value, format!("a graph inside of {}", node_label(node)))?;
        }
    }
    graph.output.iter().try_for_each(|output| undefined(&output.name, "the list of outputs".into()))
}

/// Who makes each value.
fn makers<'a>(graph: &'a GraphProto) -> Result<HashMap<&'a str, Maker<'a>>, ModelError> {
    let mut makers = HashMap::new();
    let mut add = |value: &'a str, maker: Maker<'a>| match makers.insert(value, maker) {
        // Up to IR 3 constants had to be inputs as well.
        Some(Maker::Input) if matches!(maker, Maker::Constant) => Ok(()),
        Some(first) => {
            let (first, second) = (first.label(), maker.label());
            Err(ModelError::Duplicate { value: value.to_owned(), first, second })
        }
        None => Ok(()),
    };
    for input in &graph.input {
        if input.name.is_empty() {
            return Err(ModelError::NoName { place: "an input of the graph".into() });
        }
        add(&input.name, Maker::Input)?;
    }
    for tensor in &graph.initializer {
        add(&tensor.name, Maker::Constant)?;
    }
    for node in &graph.node {
        for value in node.output.iter().filter(|value| !value.is_empty()) {
            add(value, Maker::Node(node))?;
        }
    }
    Ok(makers)
}

/// Source of a value.
#[derive(Clone, Copy)]
enum Maker<'a> {
    Input,
    Constant,
    Node(&'a NodeProto),
}

impl Maker<'_> {
    fn label(self) -> String {
        match self {
            Self::Input => "the inputs".into(),
            Self::Constant => "the constants".into(),
            Self::Node(node) => node_label(node),
        }
    }
}

/// The constants of the graph, of its nodes and of graphs inside of them.
fn tensors(graph: &GraphProto) -> Result<(), ModelError> {
    if let Some(sparse) = graph.sparse_initializer.first() {
        let tensor = sparse.values.as_ref().map(|values| values.name.clone()).unwrap_or_default();
        return Err(ModelError::Sparse { tensor });
    }
    for tensor in &graph.initializer {
        if tensor.name.is_empty() {
            return Err(ModelError::NoName { place: "a constant".into() });
        }
        check_tensor(tensor, || format!("constant `{}`", tensor.name))?;
    }
    for node in &graph.node {
        for attribute in &node.attribute {
            for tensor in attribute.t.iter().chain(&attribute.tensors) {
                check_tensor(tensor, || format!("attribute `{}` of {}", attribute.name, node_label(node)))?;
            }
        }
        subgraphs(node).try_for_each(tensors)?;
    }
    Ok(())
}

fn check_tensor(tensor: &TensorProto, place: impl Fn() -> String) -> Result<(), ModelError> {
    if tensor.segment.is_some() {
        return Err(ModelError::Segment { tensor: tensor.name.clone(), place: place() });
    }
    check_elements(tensor).map_err(|source| ModelError::Tensor { place: place(), source })
}

/// Puts the nodes behind what they read, the others where they were; says whether anything moved.
///
/// # Errors
/// [`ModelError::Cycle`].
pub(super) fn sort(graph: &mut GraphProto) -> Result<bool, ModelError> {
    let count = graph.node.len();
    let mut maker = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        maker.extend(node.output.iter().filter(|name| !name.is_empty()).map(|name| (name.as_str(), at)));
    }
    let mut needs: Vec<Vec<usize>> = vec![vec![]; count];
    let mut readers: Vec<Vec<usize>> = vec![vec![]; count];
    for (at, node) in graph.node.iter().enumerate() {
        let captured = free_names(node);
        let read = node.input.iter().chain(&captured).filter_map(|name| maker.get(name.as_str()));
        needs[at] = read.copied().collect();
        needs[at].sort_unstable();
        needs[at].dedup();
        needs[at].iter().for_each(|&from| readers[from].push(at));
    }
    if needs.iter().enumerate().all(|(at, needs)| needs.iter().all(|&from| from < at)) {
        return Ok(false);
    }
    let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut ready: BinaryHeap<Reverse<usize>> = (0..count).filter(|&at| open[at] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for &reader in &readers[at] {
            open[reader] -= 1;
            if open[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    if order.len() < count {
        return Err(ModelError::Cycle { nodes: circle(graph, &needs, &open) });
    }
    let mut nodes: Vec<Option<NodeProto>> = std::mem::take(&mut graph.node).into_iter().map(Some).collect();
    graph.node = order.into_iter().filter_map(|at| nodes[at].take()).collect();
    Ok(true)
}

/// One circle among the nodes that still wait, in the order of what reads what; long ones are shortened.
fn circle(graph: &GraphProto, needs: &[Vec<usize>], open: &[usize]) -> Vec<String> {
    // A node that waits needs one that waits: going back from any comes to one seen before.
    let mut at = open.iter().position(|&count| count > 0).unwrap_or(0);
    let mut seen = vec![];
    while !seen.contains(&at) {
        seen.push(at);
        at = needs[at].iter().copied().find(|&from| open[from] > 0).unwrap_or(at);
    }
    let start = seen.iter().position(|&found| found == at).unwrap_or(0);
    let mut nodes: Vec<String> = seen[start..].iter().rev().map(|&at| node_label(&graph.node[at])).collect();
    nodes.insert(0, node_label(&graph.node[at]));
    if nodes.len() > 8 {
        let hidden = nodes.len() - 7;
        nodes.splice(4..nodes.len() - 3, [format!("({hidden} more)")]);
    }
    nodes
}

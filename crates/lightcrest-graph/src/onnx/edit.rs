//! Changes to a graph that every pass needs: constants, names, who reads what.

use std::collections::HashSet;

use super::index::subgraphs;
use super::proto::{GraphProto, TensorProto};
use super::{Array, Index, Model};

/// The names of a graph and of the graphs inside of it, so that new ones are not among them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// The names in use.
    pub fn new(graph: &GraphProto) -> Self {
        let mut names = Self::default();
        names.add(graph);
        names
    }

    fn add(&mut self, graph: &GraphProto) {
        let values = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
        self.taken.extend(values.map(|value| value.name.clone()));
        self.taken.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
        for node in &graph.node {
            self.taken.extend(node.input.iter().chain(&node.output).cloned());
            self.taken.insert(node.name.clone());
            subgraphs(node).for_each(|graph| self.add(graph));
        }
    }

    /// `base`, or `base_1`, `base_2`, ... if there is that already; it is taken from now on.
    pub fn fresh(&mut self, base: &str) -> String {
        let numbered = (1..).map(|number| format!("{base}_{number}"));
        let mut candidates = std::iter::once(base.to_owned()).chain(numbered);
        let name = candidates.find(|name| !name.is_empty() && !self.taken.contains(name));
        let name = name.expect("numbers do not end");
        self.taken.insert(name.clone());
        name
    }
}

/// Gives the constant of that name these elements, or adds it. It is no longer an input that a caller may
/// replace, and what the file said of its shape is dropped.
pub fn set_constant(model: &mut Model, name: &str, array: &Array) {
    put_constant(model, array.to_proto(name));
}

/// [`set_constant`] of a tensor as it is.
pub(crate) fn put_constant(model: &mut Model, tensor: TensorProto) {
    // Up to version 3 of the format every constant has to be an input.
    if model.proto().ir_version < 4 {
        model.proto_mut().ir_version = 4;
    }
    let graph = model.graph_mut();
    graph.input.retain(|input| input.name != tensor.name);
    graph.value_info.retain(|value| value.name != tensor.name);
    match graph.initializer.iter_mut().find(|found| found.name == tensor.name) {
        Some(found) => *found = tensor,
        None => graph.initializer.push(tensor),
    }
}

/// A constant of its own for one node: if others read `value`, too, the node gets a copy of it under a new
/// name. Returns the name that the node reads from now on; `None` when the value is no constant.
pub fn unshare(model: &mut Model, value: &str, node: usize) -> Option<String> {
    let index = Index::new(model.graph());
    let at = index.initializer(value)?;
    let others = index.consumers(value).iter().any(|(reader, _)| *reader != node);
    if !others && index.captured_by(value).is_empty() && !index.is_output(value) {
        return Some(value.to_owned());
    }
    let name = Names::new(model.graph()).fresh(value);
    let copy = TensorProto { name: name.clone(), ..model.graph().initializer[at].clone() };
    put_constant(model, copy);
    for input in &mut model.graph_mut().node.get_mut(node)?.input {
        if input == value {
            *input = name.clone();
        }
    }
    Some(name)
}

/// Removes those nodes.
pub(crate) fn remove_nodes(graph: &mut GraphProto, nodes: &HashSet<usize>) {
    let mut at = 0;
    graph.node.retain(|_| {
        at += 1;
        !nodes.contains(&(at - 1))
    });
}

/// Whether nobody but one node reads the value, once, and it is no output.
pub(crate) fn only_reader(index: &Index, value: &str) -> Option<(usize, usize)> {
    match index.consumers(value) {
        [only] if !index.is_output(value) && index.captured_by(value).is_empty() => Some(*only),
        _ => None,
    }
}

//! A model run piece by piece, so that what stands behind a layer sees it repaired.

use std::collections::{HashMap, HashSet};

use crate::compress::activation::{Executor, Feed};
use crate::onnx::proto::{
    Dimension, DimensionProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, TensorTypeProto,
    TypeProto, TypeValue, ValueInfoProto,
};
use crate::onnx::{Array, Model};

/// Values of every feed at a place of the graph.
pub(super) struct Walker<'a> {
    executor: &'a dyn Executor,
    /// First node that has not run.
    next: usize,
    /// Values that are there, feed by feed.
    values: Vec<HashMap<String, Array>>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(executor: &'a dyn Executor, feeds: &[Feed]) -> Self {
        let values = feeds.iter().map(|feed| feed.iter().cloned().collect()).collect();
        Self { executor, next: 0, values }
    }

    /// A value of each feed.
    pub(super) fn value(&self, name: &str) -> Option<Vec<&Array>> {
        self.values.iter().map(|values| values.get(name)).collect()
    }

    /// Runs the nodes in front of `end`, and forgets what nobody reads behind it.
    pub(super) fn advance(&mut self, model: &Model, end: usize) -> Result<(), String> {
        let graph = model.graph();
        let nodes = &graph.node[self.next..end];
        let later: HashSet<&str> = graph.node[end..].iter().flat_map(|node| reads(node, graph)).collect();
        let output = |name: &str| graph.output.iter().any(|value| value.name == name);
        if !nodes.is_empty() {
            let made: HashSet<&str> = nodes
                .iter()
                .flat_map(|node| &node.output)
                .map(String::as_str)
                .filter(|n| !n.is_empty())
                .collect();
            let read: HashSet<&str> = nodes.iter().flat_map(|node| reads(node, graph)).collect();
            let mut wanted: Vec<String> = made
                .iter()
                .filter(|name| later.contains(*name) || output(name))
                .map(|n| n.to_string())
                .collect();
            wanted.sort();
            let given = |values: &HashMap<String, Array>| -> Feed {
                let mut feed: Feed = values
                    .iter()
                    .filter(|(name, _)| read.contains(name.as_str()))
                    .map(|(name, array)| (name.clone(), array.clone()))
                    .collect();
                feed.sort_by(|a, b| a.0.cmp(&b.0));
                feed
            };
            let feeds: Vec<Feed> = self.values.iter().map(given).collect();
            let sizes = |feed: &Feed| feed.iter().map(|(_, array)| array.shape.clone()).collect::<Vec<_>>();
            // Feeds of equal sizes share a model, which is made ready once.
            let mut from = 0;
            for run in feeds.chunk_by(|a, b| sizes(a) == sizes(b)) {
                let part = part(model, nodes, &read, &run[0], &wanted);
                let values = &mut self.values[from..from + run.len()];
                self.executor.run_each(&part, run, &wanted, &mut |at, made| {
                    values[at].extend(made);
                    Ok(())
                })?;
                from += run.len();
            }
        }
        for values in &mut self.values {
            values.retain(|name, _| later.contains(name.as_str()) || output(name));
        }
        self.next = end;
        Ok(())
    }
}

/// What a node reads, values that its subgraphs capture included.
fn reads<'a>(node: &'a NodeProto, graph: &'a GraphProto) -> Vec<&'a str> {
    let mut names: Vec<&str> =
        node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    if node.attribute.iter().any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty()) {
        // Whatever is made outside may be read inside; a superset does no harm.
        names.extend(graph.node.iter().flat_map(|node| &node.output).map(String::as_str));
        names.extend(graph.input.iter().map(|value| value.name.as_str()));
        names.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
    }
    names
}

/// The model of some nodes.
fn part(model: &Model, nodes: &[NodeProto], read: &HashSet<&str>, feed: &Feed, wanted: &[String]) -> Model {
    let whole = model.proto();
    let graph = model.graph();
    let named = |name: &String| ValueInfoProto { name: name.clone(), ..Default::default() };
    let graph = GraphProto {
        node: nodes.to_vec(),
        name: graph.name.clone(),
        initializer: graph.initializer.iter().filter(|t| read.contains(t.name.as_str())).cloned().collect(),
        input: feed.iter().map(|(name, array)| value_info(name, array)).collect(),
        output: wanted.iter().map(named).collect(),
        ..Default::default()
    };
    let proto = ModelProto {
        ir_version: whole.ir_version,
        opset_import: whole.opset_import.clone(),
        functions: whole.functions.clone(),
        graph: Some(graph),
        ..Default::default()
    };
    Model::new(proto).expect("it has a graph")
}

/// A value of the type and the sizes of an array.
fn value_info(name: &str, array: &Array) -> ValueInfoProto {
    let size =
        |&size: &usize| DimensionProto { value: Some(Dimension::Value(size as i64)), ..Default::default() };
    let shape = Some(TensorShapeProto { dim: array.shape.iter().map(size).collect() });
    let tensor = TypeValue::Tensor(TensorTypeProto { elem_type: array.element(), shape });
    let r#type = Some(TypeProto { value: Some(tensor), ..Default::default() });
    ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}

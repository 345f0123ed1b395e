//! A graph that grows node by node.

use super::proto::{Attribute, Element, Message, Tensor, attribute, value};

/// The domain of operators on tables.
pub(super) const ML: &str = "ai.onnx.ml";

/// Nodes, constants, inputs and outputs.
#[derive(Debug)]
pub(super) struct Graph {
    prefix: String,
    count: usize,
    names: Vec<String>,
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
}

impl Graph {
    /// An empty one, whose inner names are none of `names`.
    pub(super) fn new(names: Vec<String>) -> Self {
        let mut prefix = "lightcrest.".to_owned();
        while names.iter().any(|name| name.starts_with(&prefix)) {
            prefix.push('_');
        }
        let (nodes, constants, inputs, outputs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { prefix, count: 0, names, nodes, constants, inputs, outputs }
    }

    fn fresh(&mut self) -> String {
        self.count += 1;
        format!("{}{}", self.prefix, self.count)
    }

    /// One column of a row as an input.
    pub(super) fn input(&mut self, name: &str, element: Element, doc: &str) -> String {
        self.inputs.push(value(name, element, Some(1), doc));
        name.to_owned()
    }

    /// A name that no column has.
    pub(super) fn free_name(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.names.contains(&name) {
            name.push('_');
        }
        name
    }

    /// Makes a value an output.
    pub(super) fn output(&mut self, from: &str, wanted: &str, element: Element, columns: Option<usize>) {
        let name = self.free_name(wanted);
        let node = Message::default().text(1, from).text(2, &name).text(4, "Identity");
        self.nodes.push(node);
        self.outputs.push(value(&name, element, columns, ""));
    }

    /// Adds a node; returns the name of what it makes.
    pub(super) fn node(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute<'_>)],
    ) -> String {
        let made = self.fresh();
        let mut node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
        node = node.text(2, &made).text(4, operator);
        for (name, value) in attributes {
            node = node.message(5, &attribute(name, value));
        }
        if !domain.is_empty() {
            node = node.text(7, domain);
        }
        self.nodes.push(node);
        made
    }

    /// A node of the standard operators without attributes.
    pub(super) fn apply(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.node("", operator, inputs, &[])
    }

    pub(super) fn doubles(&mut self, values: &[f64], dimensions: &[i64]) -> String {
        let name = self.fresh();
        self.constants.push(Tensor::Doubles(values).write(&name, dimensions));
        name
    }

    pub(super) fn floats(&mut self, values: &[f32], dimensions: &[i64]) -> String {
        let name = self.fresh();
        self.constants.push(Tensor::Floats(values).write(&name, dimensions));
        name
    }

    pub(super) fn double(&mut self, value: f64) -> String {
        self.doubles(&[value], &[])
    }

    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        let name = self.fresh();
        self.constants.push(Tensor::Ints(values).write(&name, &[values.len() as i64]));
        name
    }

    pub(super) fn cast(&mut self, from: &str, element: Element) -> String {
        self.node("", "Cast", &[from], &[("to", Attribute::Int(element as i64))])
    }

    /// Columns side by side.
    pub(super) fn concat(&mut self, parts: &[String]) -> String {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.node("", "Concat", &parts, &[("axis", Attribute::Int(1))])
    }

    /// The whole file: opset 17, with trees of version 5 of `ai.onnx.ml`.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut graph = Message::default();
        for node in &self.nodes {
            graph = graph.message(1, node);
        }
        graph = graph.text(2, "lightcrest");
        for (field, values) in [(5, &self.constants), (11, &self.inputs), (12, &self.outputs)] {
            graph = values.iter().fold(graph, |graph, value| graph.message(field, value));
        }
        let standard = Message::default().text(1, "").int(2, 17);
        let tables = Message::default().text(1, ML).int(2, 5);
        Message::default()
            .int(1, 10)
            .text(2, "lightcrest")
            .text(3, env!("CARGO_PKG_VERSION"))
            .message(7, &graph)
            .message(8, &standard)
            .message(8, &tables)
            .0
    }
}

//! Runs a graph: f32 inference of every operator that is understood, on one thread.
//!
//! Nodes run in the order of the file, those alone that what is wanted depends on. An array is freed, or
//! changed in place, by its last reader. Sums are in another order than in other programs, so that results
//! agree with theirs to rounding.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::array::{Array, Data};
use super::check::node_label;
use super::facts::{Dim, Facts, FactsError};
use super::index::free_names;
use super::model::Model;
use super::operator::{Operands, Site, compute, stacked};
use super::proto::{GraphProto, NodeProto, element};

/// Why a graph cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunError {
    /// The graph contradicts itself.
    #[error("the graph cannot be run")]
    Facts(#[from] FactsError),
    /// An input was not given.
    #[error("input `{name}` is missing; the graph reads {inputs}")]
    Missing {
        /// The input.
        name: String,
        /// What the graph reads.
        inputs: String,
    },
    /// Something was given that the graph does not read.
    #[error("the graph has no input `{name}`; it reads {inputs}")]
    NoInput {
        /// What was given.
        name: String,
        /// What the graph reads.
        inputs: String,
    },
    /// An array that is not what the file declares.
    #[error("input `{name}` is {expected}, but got {found}")]
    Input {
        /// The input.
        name: String,
        /// What the file declares.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A constant whose elements are not computed with, such as half precision.
    #[error("constant `{name}` has elements of type {element}, which are not computed with")]
    Element {
        /// The constant.
        name: String,
        /// Number of the type in `onnx.proto`.
        element: i32,
    },
    /// A value was asked for that does not exist.
    #[error("the graph has no value `{name}`")]
    NoValue {
        /// What was asked for.
        name: String,
    },
    /// A node that is not computed here, or not with these inputs.
    #[error("{node} with inputs of shape {inputs} cannot be run: {reason}")]
    Node {
        /// Its operator, with its name or that of what it writes.
        node: String,
        /// Shapes of what it reads.
        inputs: String,
        /// Why.
        reason: String,
    },
}

/// A graph ready to be run.
#[derive(Clone, Debug)]
pub struct Runner {
    nodes: Vec<NodeProto>,
    opset: i64,
    constants: HashMap<String, Arc<Array>>,
    inputs: Vec<Input>,
    /// Constants that are not computed with, and their element types.
    others: HashMap<String, i32>,
}

/// An input as the file declares it.
#[derive(Clone, Debug)]
struct Input {
    name: String,
    element: Option<i32>,
    shape: Option<Vec<Dim>>,
}

impl Runner {
    /// Prepares a graph: what depends on constants alone is computed here, once.
    ///
    /// # Errors
    /// [`RunError::Facts`].
    pub fn new(model: &Model) -> Result<Self, RunError> {
        let facts = Facts::infer(model)?;
        let graph = model.graph();
        let known = |name: &String| name.is_empty() || facts.is_constant(name);
        let (done, nodes): (Vec<&NodeProto>, Vec<&NodeProto>) =
            graph.node.iter().partition(|node| node.output.iter().all(known));
        let computed = done.into_iter().flat_map(|node| &node.output);
        let names = graph.initializer.iter().map(|tensor| &tensor.name).chain(computed);
        let constants: HashMap<String, Arc<Array>> =
            names.filter_map(|name| Some((name.clone(), facts.shared(name)?))).collect();
        let others = graph.initializer.iter().filter(|tensor| !constants.contains_key(&tensor.name));
        let others: HashMap<String, i32> =
            others.map(|tensor| (tensor.name.clone(), tensor.data_type)).collect();
        let constant = |name: &String| constants.contains_key(name) || others.contains_key(name);
        let inputs = graph.input.iter().filter(|input| !constant(&input.name));
        let inputs = inputs.map(|input| Input {
            name: input.name.clone(),
            element: facts.element(&input.name),
            shape: facts.shape(&input.name).map(<[Dim]>::to_vec),
        });
        let inputs = inputs.collect();
        Ok(Self {
            nodes: nodes.into_iter().cloned().collect(),
            opset: model.opset(),
            constants,
            inputs,
            others,
        })
    }

    /// Runs the graph on inputs by name and returns the values of these names: outputs of the graph, or any
    /// value in between.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn run(
        &self,
        inputs: &[(impl AsRef<str>, Array)],
        wanted: &[impl AsRef<str>],
    ) -> Result<HashMap<String, Array>, RunError> {
        let mut frame = Frame { values: HashMap::new(), constants: &self.constants, outer: None };
        for (name, array) in inputs {
            frame.values.insert(self.checked(name.as_ref(), array)?.into(), Cow::Borrowed(array));
        }
        let wanted: Vec<&str> = wanted.iter().map(AsRef::as_ref).collect();
        frame.execute(&self.nodes, self.opset, &wanted).map_err(|error| self.named(error))?;
        wanted.into_iter().map(|name| Ok((name.into(), frame.result(name)?))).collect()
    }

    /// The name of an input, when the array is one that the graph takes.
    fn checked<'a>(&self, name: &'a str, array: &Array) -> Result<&'a str, RunError> {
        let input = self.inputs.iter().find(|input| input.name == name);
        let input = input.ok_or_else(|| RunError::NoInput { name: name.into(), inputs: self.reads() })?;
        let kind = input.element.is_none_or(|element| element == array.element());
        let shape = input.shape.as_ref().is_none_or(|shape| {
            let sizes = shape.iter().zip(&array.shape);
            shape.len() == array.shape.len()
                && sizes.into_iter().all(|(dim, size)| dim.known().is_none_or(|known| known == *size))
        });
        if kind && shape && array.data.len() == array.len() {
            return Ok(name);
        }
        let declared =
            input.shape.as_ref().map_or_else(|| "any".into(), |shape| super::facts::bracketed(shape));
        let element = input.element.unwrap_or(element::FLOAT);
        Err(RunError::Input {
            name: name.into(),
            expected: format!("of shape {declared} and element type {element}"),
            found: format!("{:?} and {}", array.shape, array.element()),
        })
    }

    fn reads(&self) -> String {
        self.inputs.iter().map(|input| format!("`{}`", input.name)).collect::<Vec<_>>().join(", ")
    }

    /// A missing value as the missing input, or the constant, that it is.
    fn named(&self, error: RunError) -> RunError {
        match error {
            RunError::NoValue { name } if self.others.contains_key(&name) => {
                RunError::Element { element: self.others[&name], name }
            }
            RunError::NoValue { name } if self.inputs.iter().any(|input| input.name == name) => {
                RunError::Missing { name, inputs: self.reads() }
            }
            error => error,
        }
    }
}

/// Values of a graph that runs, and of those around it.
struct Frame<'a> {
    values: HashMap<String, Cow<'a, Array>>,
    constants: &'a HashMap<String, Arc<Array>>,
    outer: Option<&'a Frame<'a>>,
}

impl<'a> Frame<'a> {
    fn get(&self, name: &str) -> Option<&Array> {
        let own = self.values.get(name).map(Cow::as_ref);
        own.or_else(|| self.constants.get(name).map(Arc::as_ref)).or_else(|| self.outer?.get(name))
    }

    /// A value that was asked for.
    fn result(&mut self, name: &str) -> Result<Array, RunError> {
        self.get(name).cloned().ok_or_else(|| RunError::NoValue { name: name.into() })
    }

    /// Runs the nodes that the wanted values depend on.
    fn execute(&mut self, nodes: &[NodeProto], opset: i64, wanted: &[&str]) -> Result<(), RunError> {
        let mut needed: HashSet<String> = wanted.iter().map(|name| name.to_string()).collect();
        let mut last: HashMap<String, usize> = HashMap::new();
        let mut active = vec![false; nodes.len()];
        for (at, node) in nodes.iter().enumerate().rev() {
            if !node.output.iter().any(|name| needed.contains(name)) {
                continue;
            }
            active[at] = true;
            let read = node.input.iter().filter(|name| !name.is_empty()).cloned().chain(free_names(node));
            for name in read {
                last.entry(name.clone()).or_insert(at);
                needed.insert(name);
            }
        }
        let kept: HashSet<&str> = wanted.iter().copied().collect();
        for (at, node) in nodes.iter().enumerate().filter(|(at, _)| active[*at]) {
            let outputs =
                self.node(node, opset, |name| last.get(name) == Some(&at) && !kept.contains(name))?;
            for (name, array) in node.output.iter().zip(outputs) {
                if kept.contains(name.as_str()) || last.get(name).is_some_and(|&reader| reader > at) {
                    self.values.insert(name.clone(), Cow::Owned(array));
                }
            }
            for name in &node.input {
                if last.get(name) == Some(&at) && !kept.contains(name.as_str()) {
                    self.values.remove(name);
                }
            }
        }
        Ok(())
    }

    /// Runs one node; `last` says whether it is the last to read a value.
    fn node(
        &mut self,
        node: &NodeProto,
        opset: i64,
        last: impl Fn(&str) -> bool,
    ) -> Result<Vec<Array>, RunError> {
        if node.is_standard() && matches!(node.op_type.as_str(), "If" | "Loop") {
            return self.control(node, opset);
        }
        let once = |name: &str| node.input.iter().filter(|other| *other == name).count() == 1;
        // What nobody reads later is taken out, before the others are borrowed.
        let mut own: Vec<Option<Cow<'_, Array>>> = node
            .input
            .iter()
            .map(|name| if once(name) && last(name) { self.values.remove(name) } else { None })
            .collect();
        for (slot, name) in node.input.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if own[slot].is_none() {
                let array = self.get(name).ok_or_else(|| RunError::NoValue { name: name.clone() })?;
                own[slot] = Some(Cow::Borrowed(array));
            }
        }
        let shapes = shapes(own.iter().map(Option::as_deref));
        compute(&Site { node, opset }, &mut Operands::new(own)).map_err(|reason| RunError::Node {
            node: node_label(node),
            inputs: shapes,
            reason,
        })
    }

    /// Runs a branch or a loop.
    fn control(&self, node: &NodeProto, opset: i64) -> Result<Vec<Array>, RunError> {
        let inputs: Vec<Option<&Array>> = node
            .input
            .iter()
            .map(|name| match (name.is_empty(), self.get(name)) {
                (true, _) => Ok(None),
                (false, Some(array)) => Ok(Some(array)),
                (false, None) => Err(RunError::NoValue { name: name.clone() }),
            })
            .collect::<Result<_, _>>()?;
        let wrong = |reason: &str| RunError::Node {
            node: node_label(node),
            inputs: shapes(inputs.iter().copied()),
            reason: reason.into(),
        };
        let body = |name: &str| {
            let graph = node.attribute(name).and_then(|attribute| attribute.g.as_ref());
            graph.ok_or_else(|| wrong(&format!("the attribute `{name}` is missing")))
        };
        let flag = |array: Option<&Array>| match array.map(|array| &array.data) {
            Some(Data::Bool(values)) => {
                values.first().copied().ok_or_else(|| wrong("the condition is empty"))
            }
            Some(_) => Err(wrong("the condition is not BOOL")),
            None => Ok(true),
        };
        if node.op_type == "If" {
            let branch = if flag(inputs.first().copied().flatten())? { "then_branch" } else { "else_branch" };
            return self.body(body(branch)?, opset, vec![]);
        }
        let graph = body("body")?;
        let limit = match inputs.first().copied().flatten().map(Array::to_i64) {
            None => i64::MAX,
            Some(limit) => {
                limit.and_then(|l| l.first().copied()).ok_or_else(|| wrong("no number of turns"))?
            }
        };
        let mut go = flag(inputs.get(1).copied().flatten())?;
        let mut carried: Vec<Array> = inputs.iter().skip(2).flatten().map(|array| (*array).clone()).collect();
        let count = carried.len();
        let mut scanned: Vec<Vec<Array>> = vec![vec![]; graph.output.len().saturating_sub(1 + count)];
        let mut turn = 0;
        while go && turn < limit {
            let counter = Array { shape: vec![], data: Data::I64(vec![turn]) };
            let condition = Array { shape: vec![], data: Data::Bool(vec![go]) };
            let given = [counter, condition].into_iter().chain(carried).collect();
            let mut outputs = self.body(graph, opset, given)?.into_iter();
            go = flag(outputs.next().as_ref())?;
            carried = outputs.by_ref().take(count).collect();
            scanned.iter_mut().zip(outputs).for_each(|(list, array)| list.push(array));
            turn += 1;
        }
        for list in scanned {
            carried.push(stacked(&list).ok_or_else(|| wrong("turns that do not make one array"))?);
        }
        Ok(carried)
    }

    /// Runs a graph inside of this one.
    fn body(&self, graph: &GraphProto, opset: i64, inputs: Vec<Array>) -> Result<Vec<Array>, RunError> {
        let mut constants = HashMap::new();
        for tensor in &graph.initializer {
            let array = Array::from_proto(tensor).map_err(FactsError::Constant)?;
            constants.insert(tensor.name.clone(), Arc::new(array));
        }
        let names = graph.input.iter().map(|input| input.name.clone());
        let values = names.zip(inputs.into_iter().map(Cow::Owned)).collect();
        let mut frame = Frame { values, constants: &constants, outer: Some(self) };
        let wanted: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
        frame.execute(&graph.node, opset, &wanted)?;
        wanted.into_iter().map(|name| frame.result(name)).collect()
    }
}

/// Shapes for messages.
fn shapes<'a>(arrays: impl Iterator<Item = Option<&'a Array>>) -> String {
    let shape =
        |array: Option<&Array>| array.map_or_else(|| "-".into(), |array| format!("{:?}", array.shape));
    arrays.map(shape).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "run_test.rs"]
mod test;

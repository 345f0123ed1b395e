//! What a graph costs: multiply-accumulates, parameters, bytes of weights, memory of activations.
//!
//! Multiply-accumulates are those of convolutions and matrix products, transposed and integer ones included;
//! nothing else counts, as in the tables of papers. Parameters are the elements of float constants that
//! outputs depend on, each constant once however often it is read, and of whole ones that stand for floats
//! (behind `DequantizeLinear` or in an integer product); scales, zero points and scalars are none.

use std::collections::{HashMap, HashSet};

use super::check::node_label;
use super::facts::{Dim, Facts, FactsError};
use super::index::{free_names, subgraphs};
use super::model::Model;
use super::normalize::opaque;
use super::operator::{Site, find};
use super::proto::{GraphProto, NodeProto, TensorProto, element};
use serde_json::json;

/// What a graph costs.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Cost {
    /// The nodes that outputs depend on, in the order of the file.
    pub nodes: Vec<NodeCost>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Parameters.
    pub parameters: u64,
    /// Bytes of all constants that outputs depend on, whatever they are for.
    pub weight_bytes: u64,
    /// Bytes of inputs and results that are held at once, at most, when nodes run in the order of the file.
    /// Results that are only another shape of an input take no memory.
    pub peak_activation_bytes: u64,
    /// Nodes of which something that costs is not known: operators of other domains, graphs inside of nodes,
    /// shapes that depend on values.
    pub unknown: Vec<String>,
}

impl Cost {
    /// One object: totals, a list of layers, and what is not understood of the model or was noted of its
    /// file.
    pub fn to_json(&self, model: &Model) -> serde_json::Value {
        let layers = self.nodes.iter().map(|node| {
            json!({
                "name": node.name,
                "operator": node.operator,
                "shapes": node.outputs,
                "parameters": node.parameters,
                "macs": node.macs,
            })
        });
        json!({
            "parameters": self.parameters,
            "macs": self.macs,
            "weight_bytes": self.weight_bytes,
            "peak_activation_bytes": self.peak_activation_bytes,
            "layers": layers.collect::<Vec<_>>(),
            "unknown": self.unknown,
            "opaque": opaque(model).into_iter().map(|opaque| opaque.label).collect::<Vec<_>>(),
            "notes": model.notes().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

/// What a node costs.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct NodeCost {
    /// Its name, or that of its first output.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// Shapes of its outputs; none where one is not known.
    pub outputs: Vec<Option<Vec<usize>>>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Parameters that no node before reads.
    pub parameters: u64,
}

/// Why the cost of a graph cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// The graph contradicts itself.
    #[error("the cost of the graph cannot be told")]
    Facts(#[from] FactsError),
    /// Sizes are free, and none was given.
    #[error("the sizes {} are free: give a number for each", names.join(", "))]
    Free {
        /// Their names.
        names: Vec<String>,
    },
    /// A size was given that is not free.
    #[error("no size is called `{name}`; free are {}", if free.is_empty() { "none".into() } else { free.join(", ") })]
    NoSize {
        /// What was given.
        name: String,
        /// What is free.
        free: Vec<String>,
    },
}

/// The cost of a graph whose free sizes are `sizes`, by name, and 1 along the first axis of an input where
/// none is given. A size without a name is called `INPUT.AXIS`.
///
/// # Errors
/// [`CostError`].
pub fn cost(model: &Model, sizes: &HashMap<String, usize>) -> Result<Cost, CostError> {
    let facts = Facts::infer_with(model, &input_shapes(model, sizes)?)?;
    let graph = model.graph();
    let live = live(graph);
    let mut constants = Constants::default();
    constants.add(graph, &facts);
    let mut cost = Cost {
        nodes: vec![],
        macs: 0,
        parameters: 0,
        weight_bytes: 0,
        peak_activation_bytes: peak(graph, &facts, &live),
        unknown: vec![],
    };
    for node in live.iter().map(|&at| &graph.node[at]) {
        let macs = macs(node, model.opset(), &facts);
        let (parameters, bytes) = constants.read(node);
        let name = if node.name.is_empty() {
            node.output.first().cloned().unwrap_or_default()
        } else {
            node.name.clone()
        };
        let outputs = node.output.iter().filter(|name| !name.is_empty()).map(|name| facts.known_shape(name));
        let entry = NodeCost {
            name,
            operator: node.op_type.clone(),
            outputs: outputs.collect(),
            macs: macs.unwrap_or(0),
            parameters,
        };
        if macs.is_none() || (constants.of(node).is_empty() && entry.outputs.iter().any(Option::is_none)) {
            cost.unknown.push(node_label(node));
        }
        cost.macs = cost.macs.saturating_add(entry.macs);
        cost.parameters += parameters;
        cost.weight_bytes += bytes;
        cost.nodes.push(entry);
    }
    Ok(cost)
}

/// Shapes of the inputs, with `sizes` for those that are free; see [`cost`].
///
/// # Errors
/// [`CostError`].
pub fn input_shapes(
    model: &Model,
    sizes: &HashMap<String, usize>,
) -> Result<HashMap<String, Vec<usize>>, CostError> {
    let facts = Facts::infer(model)?;
    let graph = model.graph();
    let constant: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut free = Vec::new();
    let mut missing = Vec::new();
    let mut shapes = HashMap::new();
    for input in graph.input.iter().filter(|input| !constant.contains(input.name.as_str())) {
        let Some(dims) = facts.shape(&input.name) else { continue };
        let mut shape = Vec::with_capacity(dims.len());
        for (axis, dim) in dims.iter().enumerate() {
            let name = match dim {
                Dim::Known(size) => {
                    shape.push(*size);
                    continue;
                }
                Dim::Named(name) => name.clone(),
                Dim::Unknown => format!("{}.{axis}", input.name),
            };
            let size = sizes.get(&name).copied().or((axis == 0).then_some(1));
            if size.is_none() && !missing.contains(&name) {
                missing.push(name.clone());
            }
            if !free.contains(&name) {
                free.push(name);
            }
            shape.push(size.unwrap_or(1));
        }
        shapes.insert(input.name.clone(), shape);
    }
    let mut unknown: Vec<&String> = sizes.keys().filter(|name| !free.contains(name)).collect();
    unknown.sort();
    if let Some(name) = unknown.first() {
        return Err(CostError::NoSize { name: name.to_string(), free });
    }
    if missing.is_empty() { Ok(shapes) } else { Err(CostError::Free { names: missing }) }
}

/// The nodes that outputs depend on.
fn live(graph: &GraphProto) -> Vec<usize> {
    let mut needed: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let mut live = Vec::new();
    for (at, node) in graph.node.iter().enumerate().rev() {
        if node.output.iter().any(|name| needed.contains(name)) {
            needed.extend(node.input.iter().filter(|name| !name.is_empty()).cloned().chain(free_names(node)));
            live.push(at);
        }
    }
    live.reverse();
    live
}

/// Multiply-accumulates; `None` when they are not known.
fn macs(node: &NodeProto, opset: i64, facts: &Facts) -> Option<u64> {
    if !node.is_standard() || subgraphs(node).next().is_some() {
        return None;
    }
    let operator = find(&node.op_type)?;
    let shape = |name: &String| if name.is_empty() { Some(vec![]) } else { facts.known_shape(name) };
    let inputs: Option<Vec<Vec<usize>>> = node.input.iter().map(shape).collect();
    let output = node.output.first().and_then(|name| facts.known_shape(name));
    match (inputs, output) {
        (Some(inputs), Some(output)) => Some(operator.macs(&Site { node, opset }, &inputs, &output)),
        // Shapes that are not known do not matter where nothing counts.
        _ => (!operator.multiplies()).then_some(0),
    }
}

/// Constants that are still to be counted.
#[derive(Default)]
struct Constants {
    /// Constants behind a value that is made of nothing else.
    behind: HashMap<String, Vec<usize>>,
    all: Vec<Constant>,
}

struct Constant {
    elements: u64,
    bytes: u64,
    element: i32,
    scalar: bool,
    counted: bool,
    weight: bool,
}

impl Constants {
    /// The constants of a graph and of those inside of it.
    fn add(&mut self, graph: &GraphProto, facts: &Facts) {
        for tensor in &graph.initializer {
            self.tensor(&tensor.name, tensor);
        }
        for node in &graph.node {
            if let (true, [output, ..]) = (node.is_standard(), node.output.as_slice()) {
                match (node.op_type.as_str(), facts.known_shape(output)) {
                    ("Constant", shape) => match node.attribute("value").and_then(|value| value.t.as_ref()) {
                        Some(tensor) => self.tensor(output, tensor),
                        None => self.list(output, node, shape),
                    },
                    // Weights that are written as one number and a shape.
                    ("ConstantOfShape", Some(shape)) if self.behind.contains_key(&node.input[0]) => {
                        let elements =
                            shape.iter().fold(1u64, |product, &size| product.saturating_mul(size as u64));
                        let element = facts.element(output).unwrap_or(element::FLOAT);
                        self.push(output, elements, 0, element, false);
                    }
                    _ => {}
                }
            }
            subgraphs(node).for_each(|graph| self.add(graph, facts));
        }
    }

    fn tensor(&mut self, name: &str, tensor: &TensorProto) {
        let elements =
            tensor.dims.iter().fold(1u64, |product, &size| product.saturating_mul(size.max(0) as u64));
        let bits = super::array::bits(tensor.data_type).unwrap_or(0);
        let bytes = elements.saturating_mul(bits).div_ceil(8);
        self.push(name, elements, bytes, tensor.data_type, tensor.dims.is_empty());
    }

    fn list(&mut self, name: &str, node: &NodeProto, shape: Option<Vec<usize>>) {
        let elements = shape.iter().flatten().product::<usize>() as u64;
        let float = node.attribute.iter().any(|attribute| attribute.name.starts_with("value_float"));
        let (element, width) = if float { (element::FLOAT, 4) } else { (element::INT64, 8) };
        self.push(name, elements, elements * width, element, shape.is_none_or(|shape| shape.is_empty()));
    }

    fn push(&mut self, name: &str, elements: u64, bytes: u64, element: i32, scalar: bool) {
        self.behind.insert(name.into(), vec![self.all.len()]);
        self.all.push(Constant { elements, bytes, element, scalar, counted: false, weight: false });
    }

    /// The constants behind the output of a node that reads nothing else.
    fn of(&self, node: &NodeProto) -> &[usize] {
        node.output.first().and_then(|name| self.behind.get(name)).map_or(&[], Vec::as_slice)
    }

    /// Parameters and bytes of what the node is the first to read.
    fn read(&mut self, node: &NodeProto) -> (u64, u64) {
        let mut found: Vec<(usize, bool)> = Vec::new();
        let mut only = !node.input.is_empty();
        for (slot, name) in node.input.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            match self.behind.get(name) {
                Some(behind) => found.extend(behind.iter().map(|&at| (at, scales(node, slot)))),
                None => only = false,
            }
        }
        let integer = matches!(
            node.op_type.as_str(),
            "ConvInteger" | "MatMulInteger" | "QLinearConv" | "QLinearMatMul" | "DequantizeLinear"
        );
        for &(at, scale) in &found {
            // A whole constant is a weight once it was dequantized or is multiplied.
            self.all[at].weight |= integer && !scale;
            if scale {
                self.all[at].scalar = true;
            }
        }
        if only && subgraphs(node).next().is_none() && node.op_type != "ConstantOfShape" {
            let behind: Vec<usize> = found.iter().map(|(at, _)| *at).collect();
            for name in node.output.iter().filter(|name| !name.is_empty()) {
                self.behind.insert(name.clone(), behind.clone());
            }
            return (0, 0);
        }
        let inside = subgraphs(node).flat_map(|graph| self.inside(graph)).collect::<Vec<_>>();
        let (mut parameters, mut bytes) = (0, 0);
        for at in found.into_iter().map(|(at, _)| at).chain(inside) {
            let constant = &mut self.all[at];
            if std::mem::replace(&mut constant.counted, true) {
                continue;
            }
            bytes += constant.bytes;
            let float = matches!(
                constant.element,
                element::FLOAT | element::DOUBLE | element::FLOAT16 | element::BFLOAT16
            );
            if !constant.scalar && (float || constant.weight) {
                parameters += constant.elements;
            }
        }
        (parameters, bytes)
    }

    /// The constants that nodes of a graph inside of a node read.
    fn inside(&self, graph: &GraphProto) -> Vec<usize> {
        let mut found = Vec::new();
        for node in &graph.node {
            found.extend(node.input.iter().filter_map(|name| self.behind.get(name)).flatten());
            subgraphs(node).for_each(|graph| found.extend(self.inside(graph)));
        }
        found
    }
}

/// Whether an input says how numbers are to be read or where elements lie, and is no weight.
fn scales(node: &NodeProto, slot: usize) -> bool {
    match node.op_type.as_str() {
        "QuantizeLinear" | "DequantizeLinear" => slot > 0,
        "ConvInteger" | "MatMulInteger" => slot > 1,
        "QLinearConv" => slot != 3 && slot != 8,
        "QLinearMatMul" => slot != 3,
        "Clip" | "Resize" | "Upsample" | "Pad" => slot > 0,
        _ => false,
    }
}

/// Operators whose output is the first input under another shape.
fn renames(node: &NodeProto) -> bool {
    let names = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"];
    node.is_standard() && names.contains(&node.op_type.as_str())
}

/// The most bytes of inputs and results at once.
fn peak(graph: &GraphProto, facts: &Facts, live: &[usize]) -> u64 {
    let constant: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let held = |name: &str| !name.is_empty() && !constant.contains(name) && facts.constant(name).is_none();
    let bytes = |name: &str| {
        let bits = facts.element(name).and_then(super::array::bits).unwrap_or(32);
        let elements =
            facts.known_shape(name).map_or(0, |shape| shape.iter().map(|&size| size as u64).product());
        u64::saturating_mul(elements, bits).div_ceil(8)
    };
    // Whose memory a value lies in.
    let mut owner: HashMap<&str, &str> = HashMap::new();
    let mut last: HashMap<String, usize> = HashMap::new();
    for (step, node) in live.iter().map(|&at| &graph.node[at]).enumerate() {
        let inputs = node.input.iter().map(String::as_str).filter(|name| held(name));
        let inner = free_names(node);
        for name in inputs.chain(inner.iter().map(String::as_str).filter(|name| held(name))) {
            last.insert(owner.get(name).copied().unwrap_or(name).into(), step);
        }
        if let (true, Some(input), Some(output)) = (renames(node), node.input.first(), node.output.first())
            && held(input)
        {
            owner.insert(output, owner.get(input.as_str()).copied().unwrap_or(input));
        }
    }
    let end = live.len();
    for output in &graph.output {
        last.insert(owner.get(output.name.as_str()).copied().unwrap_or(&output.name).into(), end);
    }
    let mut ending: Vec<Vec<String>> = vec![vec![]; end + 1];
    last.iter().for_each(|(name, &step)| ending[step].push(name.clone()));
    let inputs = graph.input.iter().map(|input| input.name.as_str());
    let mut now: u64 = inputs.filter(|name| held(name) && last.contains_key(*name)).map(bytes).sum();
    let mut peak = now;
    for (step, node) in live.iter().map(|&at| &graph.node[at]).enumerate() {
        let mut idle = 0;
        for output in
            node.output.iter().map(String::as_str).filter(|name| held(name) && !owner.contains_key(name))
        {
            now = now.saturating_add(bytes(output));
            idle += if last.contains_key(output) { 0 } else { bytes(output) };
        }
        peak = peak.max(now);
        now -= idle;
        now -= ending[step].iter().map(|name| bytes(name)).sum::<u64>().min(now);
    }
    peak
}

#[cfg(test)]
#[path = "cost_test.rs"]
mod test;

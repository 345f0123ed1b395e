//! Functions that files spell out although the operators have a name for them.
//!
//! | function | spelled | name, and the version that brought it |
//! |---|---|---|
//! | hard sigmoid | clip(x + b, 0, h) / h | `HardSigmoid` 1 |
//! | hard swish | x hardsigmoid(x), with b = 3, h = 6 | `HardSwish` 14 |
//! | GELU | x (1 + erf(x / sqrt 2)) / 2 | `Gelu` 20 |
//! | GELU by tanh | x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 | `Gelu` 20 |
//! | layer normalisation | (x - mean) / sqrt(mean((x - mean)^2) + eps) gamma + beta, last axis | `LayerNormalization` 17 |
//!
//! Where the file's version has no name for it the spelling stays. A factor may stand anywhere in a product,
//! and a division may be the product with the inverse.

use std::collections::HashSet;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use super::affine::Constants;
use crate::onnx::builder;
use crate::onnx::edit::{only_reader, remove_nodes};
use crate::onnx::proto::{AttributeKind, AttributeProto, GraphProto, NodeProto};
use crate::onnx::{Index, Model, Note, node_label};

/// Replaces what is spelled out; says whether anything was.
pub(super) fn recognise(model: &mut Model, notes: &mut Vec<Note>) -> bool {
    let opset = model.opset();
    let index = Index::new(model.graph());
    let graph = model.graph();
    let view = View { graph, index: &index, constants: Constants { graph, index: &index } };
    let mut gone: HashSet<usize> = HashSet::new();
    let mut found: Vec<Found> = Vec::new();
    for at in 0..graph.node.len() {
        let rules: [(i64, Rule); 4] = [(1, hard_sigmoid), (14, hard_swish), (20, gelu), (17, layer_norm)];
        let matched = rules.iter().filter(|(since, _)| opset >= *since).find_map(|(_, rule)| rule(&view, at));
        if let Some(matched) = matched.filter(|found| found.nodes.iter().all(|node| !gone.contains(node))) {
            gone.extend(&matched.nodes);
            found.push(matched);
        }
    }
    let changed = !found.is_empty();
    let graph = model.graph_mut();
    let mut removed = HashSet::new();
    for Found { at, nodes, node } in found {
        removed.extend(nodes.into_iter().filter(|&node| node != at));
        notes
            .push(Note::info(node_label(&graph.node[at]), format!("it ends a spelled-out {}", node.op_type)));
        let old = &graph.node[at];
        graph.node[at] = NodeProto { name: old.name.clone(), output: old.output.clone(), ..node };
    }
    remove_nodes(graph, &removed);
    changed
}

/// Whether a function ends at a node.
type Rule = fn(&View<'_>, usize) -> Option<Found>;

/// A function that was spelled out.
struct Found {
    /// The node that writes its output.
    at: usize,
    /// All nodes of the spelling, that one included.
    nodes: Vec<usize>,
    /// What replaces it, without name and output.
    node: NodeProto,
}

struct View<'a> {
    graph: &'a GraphProto,
    index: &'a Index,
    constants: Constants<'a>,
}

impl<'a> View<'a> {
    fn node(&self, at: usize) -> &'a NodeProto {
        &self.graph.node[at]
    }

    fn is(&self, at: usize, op: &str) -> bool {
        let node = self.node(at);
        node.op_type == op && node.is_standard() && node.output.len() == 1
    }

    /// The node of that operator that writes the value, for one reader alone.
    fn inner(&self, value: &str, op: &str) -> Option<usize> {
        let (at, _) = self.index.producer(value).filter(|&(at, _)| self.is(at, op))?;
        only_reader(self.index, value)?;
        Some(at)
    }

    /// A node of two inputs, of which one is a constant number: the other, and the number.
    fn with_number(&self, at: usize) -> Option<(&'a str, f64)> {
        let [a, b] = self.node(at).input.as_slice() else { return None };
        let number = |name: &str| self.constants.scalar(name).map(f64::from);
        number(b).map(|k| (a.as_str(), k)).or_else(|| number(a).map(|k| (b.as_str(), k)))
    }

    /// A node that multiplies by a number, or divides by one: the other input, and the factor.
    fn with_factor(&self, at: usize) -> Option<(&'a str, f64)> {
        if self.is(at, "Mul") {
            return self.with_number(at);
        }
        let [a, b] = self.node(at).input.as_slice() else { return None };
        let number = self.constants.scalar(b).filter(|_| self.is(at, "Div"))?;
        Some((a, 1.0 / f64::from(number)))
    }

    /// The factors of the product that `at` ends, numbers multiplied out, and its nodes.
    fn product(&self, at: usize) -> Option<(Vec<&'a str>, f64, Vec<usize>)> {
        let (mut factors, mut number, mut nodes) = (vec![], 1.0, vec![at]);
        let mut open: Vec<&str> = match self.with_factor(at) {
            Some((rest, factor)) => {
                number *= factor;
                vec![rest]
            }
            None if self.is(at, "Mul") => self.node(at).input.iter().map(String::as_str).collect(),
            None => return None,
        };
        while let Some(value) = open.pop() {
            let inner = self.inner(value, "Mul").or_else(|| self.inner(value, "Div"));
            match inner.map(|at| (at, self.with_factor(at))) {
                Some((at, Some((rest, factor)))) => {
                    number *= factor;
                    nodes.push(at);
                    open.push(rest);
                }
                Some((at, None)) if self.is(at, "Mul") => {
                    nodes.push(at);
                    open.extend(self.node(at).input.iter().map(String::as_str));
                }
                _ => factors.push(value),
            }
        }
        factors.sort_unstable();
        Some((factors, number, nodes))
    }

    /// A `Clip` with constant ends.
    fn clip(&self, at: usize) -> Option<(f64, f64)> {
        let node = self.node(at);
        let end = |slot: usize, name: &str, default: f32| match node.input_name(slot) {
            Some(value) => self.constants.scalar(value),
            None => Some(node.float_or(name, default)),
        };
        Some((end(1, "min", f32::MIN)?.into(), end(2, "max", f32::MAX)?.into()))
    }
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-5 * expected.abs()
}

fn operator(op: &str, input: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    let input = input.iter().map(|name| (*name).to_owned()).collect();
    NodeProto { op_type: op.into(), input, attribute, ..Default::default() }
}

/// clip(x + b, 0, h) / h; or with another factor x * clip(x + b, 0, h) / h, of which the part is replaced.
fn hard_sigmoid(view: &View<'_>, at: usize) -> Option<Found> {
    let (value, factor) = view.with_factor(at)?;
    let clip = view.inner(value, "Clip")?;
    let (low, high) = view.clip(clip)?;
    let add = view.inner(view.node(clip).input_name(0)?, "Add")?;
    let (x, offset) = view.with_number(add)?;
    let fits = low == 0.0 && high > 0.0 && near(factor * high, 1.0);
    let attribute =
        vec![builder::float("alpha", (1.0 / high) as f32), builder::float("beta", (offset / high) as f32)];
    let node = operator("HardSigmoid", &[x], attribute);
    fits.then_some(Found { at, nodes: vec![at, clip, add], node })
}

/// x hardsigmoid(x) with alpha 1/6 and beta 1/2, or x clip(x + 3, 0, 6) / 6 in any order.
fn hard_swish(view: &View<'_>, at: usize) -> Option<Found> {
    let (factors, number, mut nodes) = view.product(at)?;
    let [a, b] = factors.as_slice() else { return None };
    let gate = |gate: &str, x: &str| {
        if let Some(at) = view.inner(gate, "HardSigmoid") {
            let node = view.node(at);
            let (alpha, beta) = (node.float_or("alpha", 0.2), node.float_or("beta", 0.5));
            let fits = near(number, 1.0) && near(alpha.into(), 1.0 / 6.0) && near(beta.into(), 0.5);
            return (fits && node.input_name(0) == Some(x)).then(|| vec![at]);
        }
        let clip = view.inner(gate, "Clip")?;
        let add = view.inner(view.node(clip).input_name(0)?, "Add")?;
        let fits = view.clip(clip)? == (0.0, 6.0) && near(number, 1.0 / 6.0);
        (fits && view.with_number(add)? == (x, 3.0)).then(|| vec![clip, add])
    };
    let (x, inner) = gate(a, b).map(|nodes| (*b, nodes)).or_else(|| gate(b, a).map(|nodes| (*a, nodes)))?;
    nodes.extend(inner);
    Some(Found { at, nodes, node: operator("HardSwish", &[x], vec![]) })
}

/// x (1 + erf(x / sqrt 2)) / 2, or with tanh.
fn gelu(view: &View<'_>, at: usize) -> Option<Found> {
    let (factors, number, mut nodes) = view.product(at)?;
    let [a, b] = factors.as_slice() else { return None };
    let gate = |gate: &str, x: &str| {
        let add = view.inner(gate, "Add")?;
        let (value, one) = view.with_number(add)?;
        if one != 1.0 {
            return None;
        }
        let (inner, approximate) = match view.inner(value, "Erf") {
            Some(erf) => (erf_of(view, erf, x)?, "none"),
            None => (tanh_of(view, view.inner(value, "Tanh")?, x)?, "tanh"),
        };
        Some(([vec![add], inner].concat(), approximate))
    };
    let (x, (inner, approximate)) =
        gate(a, b).map(|found| (*b, found)).or_else(|| gate(b, a).map(|found| (*a, found)))?;
    nodes.extend(inner);
    let attribute = AttributeProto {
        name: "approximate".into(),
        s: Some(approximate.into()),
        r#type: AttributeKind::String.into(),
        ..Default::default()
    };
    near(number, 0.5).then(|| Found { at, nodes, node: operator("Gelu", &[x], vec![attribute]) })
}

/// erf(x / sqrt 2): its nodes.
fn erf_of(view: &View<'_>, erf: usize, x: &str) -> Option<Vec<usize>> {
    let value = view.node(erf).input_name(0)?;
    let scaled = view.inner(value, "Div").or_else(|| view.inner(value, "Mul"))?;
    let (found, factor) = view.with_factor(scaled)?;
    (found == x && near(factor, FRAC_1_SQRT_2)).then(|| vec![erf, scaled])
}

/// tanh(sqrt(2 / pi) (x + 0.044715 x^3)): its nodes.
fn tanh_of(view: &View<'_>, tanh: usize, x: &str) -> Option<Vec<usize>> {
    let product = view.inner(view.node(tanh).input_name(0)?, "Mul")?;
    let (sum, factor) = view.with_factor(product)?;
    let add = view.inner(sum, "Add").filter(|_| near(factor, FRAC_2_PI.sqrt()))?;
    let [a, b] = view.node(add).input.as_slice() else { return None };
    let term = if a == x { b } else { a };
    if a != x && b != x {
        return None;
    }
    let cube_of = |value: &str| {
        let pow = view.inner(value, "Pow")?;
        (view.with_number(pow)? == (x, 3.0)).then(|| vec![pow])
    };
    let scaled = view.inner(term, "Mul")?;
    let (value, factor) = view.with_factor(scaled)?;
    let cube = cube_of(value).filter(|_| near(factor, 0.044_715))?;
    Some([vec![tanh, product, add, scaled], cube].concat())
}

/// (x - mean) / sqrt(variance + eps), with what multiplies and adds a row of the last axis.
fn layer_norm(view: &View<'_>, at: usize) -> Option<Found> {
    if !view.is(at, "Add") {
        return None;
    }
    let [a, b] = view.node(at).input.as_slice() else { return None };
    let (scaled, beta) = match view.inner(a, "Mul") {
        Some(scaled) => (scaled, b),
        None => (view.inner(b, "Mul")?, a),
    };
    let [c, d] = view.node(scaled).input.as_slice() else { return None };
    let (divided, gamma) = match view.inner(c, "Div") {
        Some(divided) => (divided, d),
        None => (view.inner(d, "Div")?, c),
    };
    let row = |name: &str| view.constants.f32(name).filter(|array| array.shape.len() == 1);
    if row(gamma)?.shape != row(beta)?.shape || row(gamma)?.len() < 2 {
        return None;
    }
    let [centred, deviation] = view.node(divided).input.as_slice() else { return None };
    let root = view.inner(deviation, "Sqrt")?;
    let stable = view.inner(view.node(root).input_name(0)?, "Add")?;
    let (variance, epsilon) = view.with_number(stable)?;
    let second = view.inner(variance, "ReduceMean").filter(|&at| over_last(view, at))?;
    let squared = view.node(second).input_name(0)?;
    let (square, value) = match view.inner(squared, "Pow") {
        Some(square) => (square, view.with_number(square).filter(|(_, power)| *power == 2.0)?.0),
        None => {
            let square = view.inner(squared, "Mul")?;
            let [a, b] = view.node(square).input.as_slice() else { return None };
            (square, (a == b).then_some(a.as_str())?)
        }
    };
    // The difference may be written once or twice.
    let difference = |value: &str| {
        let (at, _) = view.index.producer(value).filter(|&(at, _)| view.is(at, "Sub"))?;
        let [x, mean] = view.node(at).input.as_slice() else { return None };
        let (first, _) = view.index.producer(mean).filter(|&(at, _)| view.is(at, "ReduceMean"))?;
        let fits = over_last(view, first) && view.node(first).input_name(0) == Some(x);
        fits.then_some((at, first, x))
    };
    let (one, first, x) = difference(centred)?;
    let (two, same, other) = difference(value)?;
    let mut nodes = vec![at, scaled, divided, root, stable, second, square, one, first];
    if one != two {
        nodes.push(two);
    }
    if first != same {
        nodes.push(same);
    }
    // Nobody else may read the difference or the mean.
    let inside = |at: usize| {
        let value = &view.node(at).output[0];
        let readers = view.index.consumers(value).iter().all(|(reader, _)| nodes.contains(reader));
        readers && !view.index.is_output(value) && view.index.captured_by(value).is_empty()
    };
    if x != other || ![one, two, first, same].into_iter().all(inside) {
        return None;
    }
    let axis = AttributeProto {
        name: "axis".into(),
        i: Some(-1),
        r#type: AttributeKind::Int.into(),
        ..Default::default()
    };
    let attribute = vec![axis, builder::float("epsilon", epsilon as f32)];
    Some(Found { at, nodes, node: operator("LayerNormalization", &[x, gamma, beta], attribute) })
}

/// Whether a `ReduceMean` keeps the last axis with one element and no other is touched.
fn over_last(view: &View<'_>, at: usize) -> bool {
    let node = view.node(at);
    let axes = match node.input_name(1) {
        Some(name) => {
            let tensor = view.index.initializer(name).map(|at| &view.graph.initializer[at]);
            tensor.and_then(|tensor| crate::onnx::Array::from_proto(tensor).ok()?.to_i64())
        }
        None => node.ints("axes").map(<[i64]>::to_vec),
    };
    axes.as_deref() == Some(&[-1]) && node.int_or("keepdims", 1) == 1
}

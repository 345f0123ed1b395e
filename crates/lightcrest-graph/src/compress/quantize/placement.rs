//! Which nodes compute with 8 bits, and which values share a scale.
//!
//! The rules are those by which onnxruntime fuses `DequantizeLinear`, operator, `QuantizeLinear` on the CPU:
//! `Conv`, `Gemm` and `MatMul` with constant weights become `QLinearConv`, `QGemm` and `QLinearMatMul`;
//! `Add`, `Mul`, `Concat`, `GlobalAveragePool`, `AveragePool`, `Sigmoid` and `LeakyRelu` have operators on
//! u8; what only moves elements (`MaxPool`, `Reshape`, ...) works on them as they are when both sides have
//! one scale. `HardSwish` has none, but is a sum that its range cuts off and a product. Everything else
//! computes in fp32 between a `DequantizeLinear` and a `QuantizeLinear`, so that such an operator is
//! quantized only where it is fed by one that is and feeds one that is. `Relu` and `Clip` vanish into the
//! range of the operator before them.

use std::collections::{HashMap, HashSet};

use super::constant::Constants;
use crate::onnx::proto::NodeProto;
use crate::onnx::{Index, Model};

/// What a node is to quantization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Has weights, and is what all of this is for.
    Compute,
    /// Has weights that are kept in 8 bits, and computes in fp32 (`ConvTranspose`).
    Store,
    /// Computes on activations alone, with a scale of its own behind it.
    Arithmetic,
    /// Puts its inputs beside each other (`Concat`).
    Join,
    /// `HardSwish`, written as what has operators on u8.
    Swish,
    /// Moves elements, so that its outputs have the scale of its input.
    Move,
}

/// Bounds of an activation that vanishes into the range before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    /// Least value.
    pub low: f32,
    /// Greatest value.
    pub high: f32,
}

/// Which nodes compute with 8 bits.
#[derive(Clone, Debug, Default)]
pub(super) struct Placement {
    roles: Vec<Option<Role>>,
    /// The activation behind a node that vanishes, with what it does.
    folded: HashMap<usize, (usize, Bounds)>,
    vanished: HashSet<usize>,
    /// Nodes whose result is wanted in 8 bits.
    wanted: HashSet<usize>,
}

impl Placement {
    /// The placement that leaves the nodes of `fp32` alone.
    pub(super) fn new(model: &Model, index: &Index, constants: &Constants, fp32: &HashSet<usize>) -> Self {
        let nodes = &model.graph().node;
        let role = |(at, node)| if fp32.contains(&at) { None } else { role(node, constants) };
        let mut placement = Self { roles: nodes.iter().enumerate().map(role).collect(), ..Self::default() };
        for at in 0..nodes.len() {
            if matches!(placement.roles[at], Some(Role::Compute | Role::Arithmetic))
                && let Some((activation, bounds)) = activation_behind(model, index, constants, at)
                && !fp32.contains(&activation)
            {
                placement.folded.insert(at, (activation, bounds));
                placement.vanished.insert(activation);
            }
        }
        while placement.settle(nodes, index) {}
        placement
    }

    /// Role of a node that is quantized.
    pub(super) fn role(&self, node: usize) -> Option<Role> {
        self.roles[node]
    }

    /// Whether the node is an activation that vanishes into the one before it.
    pub(super) fn is_vanished(&self, node: usize) -> bool {
        self.vanished.contains(&node)
    }

    /// What an activation behind the node did that vanished.
    pub(super) fn bounds(&self, node: usize) -> Option<Bounds> {
        self.folded.get(&node).map(|(_, bounds)| *bounds)
    }

    /// The values that a quantized node writes, behind the activation that vanished.
    pub(super) fn results<'a>(&self, nodes: &'a [NodeProto], node: usize) -> &'a [String] {
        let last = self.folded.get(&node).map_or(node, |(activation, _)| *activation);
        &nodes[last].output
    }

    /// Whether the results of the node are quantized. A convolution is only fused when they are; a matrix
    /// product can leave its sums in fp32, which costs nothing and loses nothing.
    pub(super) fn is_result_quantized(&self, nodes: &[NodeProto], node: usize) -> bool {
        match self.roles[node] {
            None | Some(Role::Store) => false,
            Some(Role::Compute) => nodes[node].op_type == "Conv" || self.wanted.contains(&node),
            Some(_) => true,
        }
    }

    /// Drops what is not worth it. True when something was dropped, so that others may follow.
    fn settle(&mut self, nodes: &[NodeProto], index: &Index) -> bool {
        self.wanted = (0..nodes.len()).filter(|&at| self.is_wanted(nodes, index, at)).collect();
        let produced: HashSet<&String> = (0..nodes.len())
            .filter(|&at| self.is_result_quantized(nodes, at))
            .flat_map(|at| self.results(nodes, at))
            .collect();
        let lost: Vec<usize> = (0..nodes.len())
            .filter(|&at| !matches!(self.roles[at], None | Some(Role::Compute | Role::Store)))
            .filter(|&at| {
                let fed = nodes[at].input.iter().any(|name| produced.contains(name));
                !fed || !self.wanted.contains(&at)
            })
            .collect();
        for &at in &lost {
            self.roles[at] = None;
            if let Some((activation, _)) = self.folded.remove(&at) {
                self.vanished.remove(&activation);
            }
        }
        !lost.is_empty()
    }

    fn is_wanted(&self, nodes: &[NodeProto], index: &Index, node: usize) -> bool {
        self.roles[node].is_some()
            && self.results(nodes, node).iter().any(|value| {
                index.consumers(value).iter().any(|&(at, slot)| self.reads_quantized(nodes, at, slot))
            })
    }

    /// Whether the node reads that input in 8 bits.
    pub(super) fn reads_quantized(&self, nodes: &[NodeProto], node: usize, slot: usize) -> bool {
        match self.roles[node] {
            None | Some(Role::Store) => false,
            Some(Role::Compute | Role::Move | Role::Swish) => slot == 0,
            Some(Role::Arithmetic | Role::Join) => slot < nodes[node].input.len(),
        }
    }
}

/// What a node could be; the constants that it needs are there.
fn role(node: &NodeProto, constants: &Constants) -> Option<Role> {
    if !node.is_standard() {
        return None;
    }
    let weight = || node.input_name(1).and_then(|name| constants.f32(name));
    let bias_is_constant = || node.input_name(2).is_none_or(|name| constants.f32(name).is_some());
    let moving = |slot: usize| node.input_name(slot).is_some_and(|name| !constants.contains(name));
    if !moving(0) && !matches!(node.op_type.as_str(), "Add" | "Mul") {
        return None;
    }
    match node.op_type.as_str() {
        "Conv" => {
            weight().filter(|w| w.shape.len() >= 3).filter(|_| bias_is_constant()).map(|_| Role::Compute)
        }
        "Gemm" => {
            let plain = node.int_or("transA", 0) == 0
                && node.float_or("alpha", 1.0) == 1.0
                && node.float_or("beta", 1.0) == 1.0;
            let columns = |w: &[usize]| if node.int_or("transB", 0) == 0 { w[1] } else { w[0] };
            let fits = |w: &[usize]| match node.input_name(2) {
                None => true,
                Some(name) => constants.f32(name).is_some_and(|bias| bias.len() == columns(w)),
            };
            weight().filter(|w| plain && w.shape.len() == 2 && fits(&w.shape)).map(|_| Role::Compute)
        }
        "MatMul" => weight().filter(|w| w.shape.len() == 2).map(|_| Role::Compute),
        "ConvTranspose" => weight().filter(|w| w.shape.len() >= 3).map(|_| Role::Store),
        "Add" | "Mul" => {
            let operand = |slot: usize| {
                node.input_name(slot)
                    .is_some_and(|name| !constants.contains(name) || constants.f32(name).is_some())
            };
            ((moving(0) || moving(1)) && operand(0) && operand(1)).then_some(Role::Arithmetic)
        }
        "GlobalAveragePool" | "AveragePool" | "Sigmoid" | "LeakyRelu" => Some(Role::Arithmetic),
        "Concat" => (0..node.input.len()).all(moving).then_some(Role::Join),
        "HardSwish" => Some(Role::Swish),
        "MaxPool" => (node.output.iter().filter(|name| !name.is_empty()).count() == 1).then_some(Role::Move),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "Slice" | "Split" => Some(Role::Move),
        "Resize" => (node.string_or("mode", "nearest") == "nearest").then_some(Role::Move),
        _ => None,
    }
}

/// The `Relu` or `Clip` that alone reads what the node writes, if its bounds are constants around zero.
fn activation_behind(
    model: &Model,
    index: &Index,
    constants: &Constants,
    node: usize,
) -> Option<(usize, Bounds)> {
    let nodes = &model.graph().node;
    let value = nodes[node].output.first()?;
    let &[(at, 0)] = index.consumers(value) else { return None };
    if index.is_output(value) || !index.captured_by(value).is_empty() || !nodes[at].is_standard() {
        return None;
    }
    bounds_of(&nodes[at], constants).map(|bounds| (at, bounds))
}

/// The bounds of a `Relu` or `Clip`, if they are constants around zero.
pub(super) fn bounds_of(node: &NodeProto, constants: &Constants) -> Option<Bounds> {
    let bounds = match node.op_type.as_str() {
        "Relu" => Bounds { low: 0.0, high: f32::INFINITY },
        "Clip" => {
            let bound = |slot: usize, default: f32| match node.input_name(slot) {
                None => Some(default),
                Some(name) => constants.f32(name)?.as_f32()?.first().copied(),
            };
            Bounds { low: bound(1, f32::NEG_INFINITY)?, high: bound(2, f32::INFINITY)? }
        }
        _ => return None,
    };
    (bounds.low <= 0.0 && bounds.high > 0.0).then_some(bounds)
}

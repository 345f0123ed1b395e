//! Raising the version of the standard operators of a model to 13, the first whose `QuantizeLinear` knows
//! channels.
//!
//! Most operators of opsets 9 to 12 mean the same in 13. What changed is rewritten: attributes that became
//! inputs (`Clip`, `Dropout`, `Pad`, `ReduceSum`, `Slice`, `Split`, `Squeeze`, `TopK`, `Unsqueeze`),
//! operators that another one replaced (`Scatter`, `Upsample`, the `Resize` of opset 10), and `Softmax`,
//! `LogSoftmax` and `Hardmax`, which worked on all axes from theirs on as if they were one. An operator of
//! which this file does not know is refused by name. Source: the change log of the operators,
//! github.com/onnx/onnx, docs/Changelog.md.

use std::collections::{HashMap, HashSet};

use super::proto::{AttributeKind, AttributeProto, GraphProto, NodeProto, TypeValue};
use super::{Array, Data, Model};

/// The version that models are raised to.
const TARGET: i64 = 13;

/// Why the version cannot be raised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpsetError {
    /// An operator of which it is not known what became of it.
    #[error("node `{node}`: what became of {operator} between opset {opset} and 13 is not known here")]
    Operator {
        /// Name of the node, or of its first output.
        node: String,
        /// The operator.
        operator: String,
        /// The version of the file.
        opset: i64,
    },
    /// An operator whose meaning cannot be kept.
    #[error("node `{node}` ({operator}): {reason}")]
    Meaning {
        /// Name of the node, or of its first output.
        node: String,
        /// The operator.
        operator: String,
        /// What stands in the way.
        reason: &'static str,
    },
    /// A version that is older than what is known here.
    #[error("opset {opset} is older than 9, the oldest that is known here")]
    TooOld {
        /// The version.
        opset: i64,
    },
}

/// Operators of opsets 9 to 12 that mean the same in 13: equal, or with what is new left out.
const UNCHANGED: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "AveragePool",
    "BatchNormalization",
    "BitShift",
    "Cast",
    "Ceil",
    "Celu",
    "Compress",
    "Concat",
    "ConcatFromSequence",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "CumSum",
    "DepthToSpace",
    "DequantizeLinear",
    "Det",
    "Div",
    "DynamicQuantizeLinear",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "EyeLike",
    "Flatten",
    "Floor",
    "GRU",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gemm",
    "GlobalAveragePool",
    "GlobalLpPool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "Identity",
    "If",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LSTM",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "Loop",
    "LpNormalization",
    "LpPool",
    "MatMul",
    "MatMulInteger",
    "Max",
    "MaxPool",
    "MaxRoiPool",
    "MaxUnpool",
    "Mean",
    "MeanVarianceNormalization",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "NonMaxSuppression",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "PRelu",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "RNN",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "ReverseSequence",
    "RoiAlign",
    "Round",
    "Scan",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "Shape",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Size",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "SplitToSequence",
    "Sqrt",
    "Sub",
    "Sum",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "Transpose",
    "Unique",
    "Where",
    "Xor",
];

impl Model {
    /// The model with operators of opset 13; itself when they are of 13 or newer.
    ///
    /// # Errors
    /// [`OpsetError`].
    pub fn raise_opset(&self) -> Result<Self, OpsetError> {
        let opset = self.opset();
        let mut model = self.clone();
        if opset >= TARGET {
            return Ok(model);
        }
        if opset < 9 {
            return Err(OpsetError::TooOld { opset });
        }
        let mut names = Names::of(self.graph());
        raise(model.graph_mut(), opset, &mut names)?;
        let proto = model.proto_mut();
        for set in &mut proto.opset_import {
            if set.domain.is_empty() || set.domain == "ai.onnx" {
                set.version = TARGET;
            }
        }
        // The version of the format that opset 13 came with.
        proto.ir_version = proto.ir_version.max(7);
        Ok(model)
    }
}

/// Names that are not taken, in the graph or in those inside of it.
struct Names {
    taken: HashSet<String>,
}

impl Names {
    fn of(graph: &GraphProto) -> Self {
        let mut names = Self { taken: HashSet::new() };
        names.collect(graph);
        names
    }

    fn collect(&mut self, graph: &GraphProto) {
        self.taken.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
        self.taken.extend(graph.input.iter().chain(&graph.output).map(|value| value.name.clone()));
        for node in &graph.node {
            self.taken.extend(node.input.iter().chain(&node.output).cloned());
            for inner in super::subgraphs(node) {
                self.collect(inner);
            }
        }
    }

    fn fresh(&mut self, wished: &str) -> String {
        let mut name = wished.to_owned();
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

fn raise(graph: &mut GraphProto, opset: i64, names: &mut Names) -> Result<(), OpsetError> {
    let mut raiser = Raiser { opset, names, ranks: ranks(graph), nodes: vec![], made: vec![] };
    for node in std::mem::take(&mut graph.node) {
        raiser.node(node)?;
    }
    let (nodes, made) = (raiser.nodes, raiser.made);
    graph.node = nodes;
    graph.initializer.extend(made.into_iter().map(|(name, array)| array.to_proto(&name)));
    Ok(())
}

/// Ranks as far as the graph states them.
fn ranks(graph: &GraphProto) -> HashMap<String, usize> {
    let stated = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
    let rank = |value: &super::proto::ValueInfoProto| match value.r#type.as_ref()?.value.as_ref()? {
        TypeValue::Tensor(tensor) => Some((value.name.clone(), tensor.shape.as_ref()?.dim.len())),
        _ => None,
    };
    stated.filter_map(rank).collect()
}

struct Raiser<'a> {
    opset: i64,
    names: &'a mut Names,
    ranks: HashMap<String, usize>,
    nodes: Vec<NodeProto>,
    made: Vec<(String, Array)>,
}

impl Raiser<'_> {
    fn node(&mut self, mut node: NodeProto) -> Result<(), OpsetError> {
        for attribute in &mut node.attribute {
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                raise(graph, self.opset, self.names)?;
            }
        }
        if node.is_standard() {
            match node.op_type.as_str() {
                "Clip" if self.opset < 11 => self.clip(&mut node),
                "Dropout" => self.dropout(&mut node)?,
                "Pad" if self.opset < 11 => self.pad(&mut node),
                "ReduceSum" | "Squeeze" | "Unsqueeze" => self.move_ints(&mut node, &[("axes", 1)]),
                "Split" => self.move_ints(&mut node, &[("split", 1)]),
                "Slice" if self.opset < 10 => self.slice(&mut node),
                "TopK" if self.opset < 10 => self.top_k(&mut node),
                "Scatter" => node.op_type = "ScatterElements".into(),
                "Upsample" => self.resize(&mut node),
                "Resize" if self.opset < 11 => self.resize(&mut node),
                "Softmax" | "LogSoftmax" | "Hardmax" => return self.softmax(node),
                "Clip" | "Pad" | "Slice" | "TopK" | "Resize" => {}
                other if UNCHANGED.contains(&other) => {}
                other => {
                    let (node, operator) = (label(&node), other.to_owned());
                    return Err(OpsetError::Operator { node, operator, opset: self.opset });
                }
            }
        }
        self.nodes.push(node);
        Ok(())
    }

    fn constant(&mut self, wished: &str, array: Array) -> String {
        let name = self.names.fresh(wished);
        self.made.push((name.clone(), array));
        name
    }

    /// Attributes that are lists of whole numbers become inputs at the slots given.
    fn move_ints(&mut self, node: &mut NodeProto, moved: &[(&str, usize)]) {
        for &(attribute, slot) in moved {
            let Some(values) = node.ints(attribute).map(<[i64]>::to_vec) else { continue };
            remove(node, attribute);
            let name = self.constant(&format!("{}_{attribute}", label(node)), Array::i64(values));
            put(node, slot, name);
        }
    }

    /// `min` and `max` as attributes: left out, they are the ends of f32.
    fn clip(&mut self, node: &mut NodeProto) {
        for (attribute, slot) in [("min", 1), ("max", 2)] {
            let Some(value) = node.attribute(attribute).and_then(|attribute| attribute.f) else { continue };
            remove(node, attribute);
            let array = Array { shape: vec![], data: Data::F32(vec![value]) };
            let name = self.constant(&format!("{}_{attribute}", label(node)), array);
            put(node, slot, name);
        }
    }

    /// Without training it passes on what it reads, whatever the ratio.
    fn dropout(&self, node: &mut NodeProto) -> Result<(), OpsetError> {
        if self.opset < 10 && node.output.get(1).is_some_and(|mask| !mask.is_empty()) {
            let (node, operator) = (label(node), node.op_type.clone());
            return Err(OpsetError::Meaning {
                node,
                operator,
                reason: "its mask was of numbers, and is of bool",
            });
        }
        remove(node, "ratio");
        Ok(())
    }

    fn pad(&mut self, node: &mut NodeProto) {
        let value = node.float_or("value", 0.0);
        remove(node, "value");
        self.move_ints(node, &[("pads", 1)]);
        if value != 0.0 {
            let array = Array { shape: vec![], data: Data::F32(vec![value]) };
            let name = self.constant(&format!("{}_value", label(node)), array);
            put(node, 2, name);
        }
    }

    fn slice(&mut self, node: &mut NodeProto) {
        self.move_ints(node, &[("starts", 1), ("ends", 2), ("axes", 3)]);
    }

    fn top_k(&mut self, node: &mut NodeProto) {
        let k = node.int_or("k", 1);
        remove(node, "k");
        let name = self.constant(&format!("{}_k", label(node)), Array::i64(vec![k]));
        put(node, 1, name);
    }

    /// Before opset 11 a pixel of the output was taken from its place divided by the scale, rounded down.
    fn resize(&mut self, node: &mut NodeProto) {
        node.op_type = "Resize".into();
        node.input.insert(1, String::new());
        for (name, value) in [("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor")] {
            node.attribute.push(AttributeProto {
                name: name.into(),
                s: Some(value.as_bytes().to_vec()),
                r#type: AttributeKind::String.into(),
                ..Default::default()
            });
        }
    }

    /// All axes from `axis` on were one. When that is the last, nothing changes; else they are made one and
    /// taken apart again.
    fn softmax(&mut self, mut node: NodeProto) -> Result<(), OpsetError> {
        let axis = node.int_or("axis", 1);
        remove(&mut node, "axis");
        let last = axis_attribute(-1);
        let rank = self.ranks.get(&node.input[0]).or_else(|| self.ranks.get(&node.output[0]));
        if axis == -1 || rank.is_some_and(|&rank| axis == rank as i64 - 1) {
            node.attribute.push(last);
            self.nodes.push(node);
            return Ok(());
        }
        let base = label(&node);
        let [flat, soft, shape] =
            ["flat", "soft", "shape"].map(|part| self.names.fresh(&format!("{base}_{part}")));
        let (input, output) = (node.input[0].clone(), node.output[0].clone());
        let step = |op_type: &str, input: &[&String], output: &String| NodeProto {
            op_type: op_type.into(),
            input: input.iter().map(|&name| name.clone()).collect(),
            output: vec![output.clone()],
            ..Default::default()
        };
        let mut flatten = step("Flatten", &[&input], &flat);
        flatten.attribute.push(axis_attribute(axis));
        self.nodes.push(step("Shape", &[&input], &shape));
        self.nodes.push(flatten);
        node.input[0].clone_from(&flat);
        node.output[0].clone_from(&soft);
        node.attribute.push(last);
        self.nodes.push(node);
        self.nodes.push(step("Reshape", &[&soft, &shape], &output));
        Ok(())
    }
}

fn axis_attribute(axis: i64) -> AttributeProto {
    AttributeProto {
        name: "axis".into(),
        i: Some(axis),
        r#type: AttributeKind::Int.into(),
        ..Default::default()
    }
}

/// The name of a node, or of its first output.
fn label(node: &NodeProto) -> String {
    if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name.clone() }
}

fn remove(node: &mut NodeProto, attribute: &str) {
    node.attribute.retain(|other| other.name != attribute);
}

/// Puts an input at a slot; those before it that are left out get the empty name.
fn put(node: &mut NodeProto, slot: usize, name: String) {
    if node.input.len() <= slot {
        node.input.resize(slot + 1, String::new());
    }
    node.input[slot] = name;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::{ModelProto, OperatorSetIdProto};

    fn model(opset: i64, nodes: Vec<NodeProto>) -> Model {
        let set = OperatorSetIdProto { domain: String::new(), version: opset };
        let graph = GraphProto { node: nodes, ..Default::default() };
        let proto =
            ModelProto { opset_import: vec![set], ir_version: 4, graph: Some(graph), ..Default::default() };
        Model::new(proto).unwrap()
    }

    fn node(op_type: &str, attribute: Vec<AttributeProto>) -> NodeProto {
        let (input, output) = (vec!["x".into()], vec!["y".into()]);
        NodeProto { op_type: op_type.into(), input, output, attribute, ..Default::default() }
    }

    fn ints(name: &str, values: &[i64]) -> AttributeProto {
        AttributeProto { name: name.into(), ints: values.into(), r#type: 7, ..Default::default() }
    }

    fn float(name: &str, value: f32) -> AttributeProto {
        AttributeProto { name: name.into(), f: Some(value), r#type: 1, ..Default::default() }
    }

    fn constant(model: &Model, name: &str) -> Array {
        let tensor = model.graph().initializer.iter().find(|tensor| tensor.name == name).unwrap();
        Array::from_proto(tensor).unwrap()
    }

    #[test]
    fn attributes_become_inputs_in_their_places() {
        let clip = node("Clip", vec![float("max", 6.0)]);
        let slice = node("Slice", vec![ints("starts", &[1]), ints("ends", &[3])]);
        let pad = node("Pad", vec![ints("pads", &[0, 1, 0, 1]), float("value", 2.0)]);
        let raised = model(9, vec![clip, slice, pad]).raise_opset().unwrap();
        let nodes = &raised.graph().node;
        assert!(nodes.iter().all(|node| node.attribute.is_empty()));
        assert_eq!(nodes[0].input, ["x", "", "y_max"]);
        assert_eq!(constant(&raised, "y_max"), Array { shape: vec![], data: Data::F32(vec![6.0]) });
        assert_eq!(constant(&raised, &nodes[1].input[2]), Array::i64(vec![3]));
        assert_eq!(constant(&raised, &nodes[2].input[1]), Array::i64(vec![0, 1, 0, 1]));
        assert_eq!(constant(&raised, &nodes[2].input[2]).as_f32(), Some([2.0].as_slice()));
        assert_eq!((raised.opset(), raised.proto().ir_version), (13, 7));
    }

    #[test]
    fn what_changed_later_than_the_file_is_left_alone() {
        let mut clip = node("Clip", vec![]);
        clip.input.extend(["low".into(), "high".into()]);
        let before = model(11, vec![clip, node("Squeeze", vec![ints("axes", &[2, 3])])]);
        let raised = before.raise_opset().unwrap();
        assert_eq!(raised.graph().node[0], before.graph().node[0]);
        assert_eq!(raised.graph().node[1].input, ["x", "y_axes"]);
        assert_eq!(raised.raise_opset().unwrap(), raised);
    }

    #[test]
    fn names_that_are_taken_are_passed_by() {
        let mut taken = node("Relu", vec![]);
        taken.output = vec!["y_axes".into()];
        let raised =
            model(9, vec![taken, node("Unsqueeze", vec![ints("axes", &[0])])]).raise_opset().unwrap();
        assert_eq!(raised.graph().node[1].input, ["x", "y_axes_"]);
    }

    #[test]
    fn the_inside_of_a_branch_is_raised_too() {
        let inner =
            GraphProto { node: vec![node("ReduceSum", vec![ints("axes", &[1])])], ..Default::default() };
        let branch =
            AttributeProto { name: "then_branch".into(), g: Some(inner), r#type: 5, ..Default::default() };
        let raised = model(12, vec![node("If", vec![branch])]).raise_opset().unwrap();
        let inner = raised.graph().node[0].attribute[0].g.as_ref().unwrap();
        assert_eq!(inner.node[0].input, ["x", "y_axes"]);
        assert_eq!(inner.initializer[0].name, "y_axes");
    }

    #[test]
    fn softmax_over_several_axes_is_spelled_out_when_the_rank_is_not_known() {
        let raised = model(9, vec![node("Softmax", vec![])]).raise_opset().unwrap();
        let operators: Vec<&str> = raised.graph().node.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(operators, ["Shape", "Flatten", "Softmax", "Reshape"]);
        assert_eq!(raised.graph().node[3].output, ["y"]);
    }

    #[test]
    fn unknown_operators_are_named() {
        let error = model(9, vec![node("Affine", vec![])]).raise_opset().unwrap_err();
        assert!(error.to_string().contains("Affine") && error.to_string().contains('y'), "{error}");
        let mut custom = node("Affine", vec![]);
        custom.domain = "com.example".into();
        assert!(model(9, vec![custom]).raise_opset().is_ok());
        assert_eq!(model(7, vec![]).raise_opset().unwrap_err(), OpsetError::TooOld { opset: 7 });
    }
}

//! From the operators of the layer graph to those of ONNX.
//!
//! A value of the graph has rank 4, (N, c, h, w), or rank 2, (N, features), after [`Op::Flatten`] and [`Op::Linear`];
//! the layer graph makes no difference between the two, so that a reshape is put wherever an operator needs the other.

use super::ExportConfig;
use super::proto::{
    AttributeKind, AttributeProto, Dimension, DimensionProto, FLOAT, GraphProto, INT64, ModelProto,
    NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto,
};
use crate::network::{Activation, BATCH_NORM_EPSILON, Network, Node, NodeId, Op, Pool2d, Shape, Weights};
use crate::normalization::Normalization;

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
const INPUT: &str = "image";
const OUTPUT: &str = "logits";

/// The model; the weights are those of the network.
pub(super) fn model(network: &Network, weights: &Weights, config: &ExportConfig) -> ModelProto {
    let mut writer =
        Writer { network, weights, nodes: vec![], initializers: vec![], values: vec![(INPUT.into(), 4)] };
    if let Some(normalization) = &config.normalization {
        writer.normalize(normalization);
    }
    for (id, node) in network.nodes().iter().enumerate().skip(1) {
        let value = writer.layer(id, node);
        writer.values.push(value);
    }
    let output = writer.finish();
    let metadata = metadata(network, config);
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "lightcrest".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(GraphProto {
            node: writer.nodes,
            name: config.name.clone(),
            initializer: writer.initializers,
            input: vec![value_info(INPUT, network.input_shape(), 4)],
            output: vec![output],
        }),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: metadata
            .into_iter()
            .map(|(key, value)| StringStringEntryProto { key: key.into(), value })
            .collect(),
    }
}

fn metadata(network: &Network, config: &ExportConfig) -> Vec<(&'static str, String)> {
    let colors = match network.input_shape().channels {
        1 => "gray",
        3 => "red, green, blue",
        _ => "channels",
    };
    let range = if config.normalization.is_some() { "pixels from 0 to 255" } else { "normalised pixels" };
    let mut list = vec![("input", format!("{range}, {colors}, (N, channels, height, width)"))];
    if !config.classes.is_empty() {
        list.push(("classes", serde_json::json!(config.classes).to_string()));
    }
    if let Some(normalization) = &config.normalization {
        list.push(("normalization", serde_json::json!(normalization).to_string()));
    }
    list
}

struct Writer<'a> {
    network: &'a Network,
    weights: &'a Weights,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// Name and rank of the value of each node written so far.
    values: Vec<(String, usize)>,
}

impl Writer<'_> {
    /// Pixels to `pixel * scale + offset` per channel, as [`Normalization::apply`].
    fn normalize(&mut self, normalization: &Normalization) {
        let channels = normalization.mean.len();
        let (scale, offset): (Vec<f32>, Vec<f32>) = (0..channels).map(|c| normalization.affine(c)).unzip();
        let shape = [1, channels as i64, 1, 1];
        let scale = self.floats("image/scale", &shape, &scale);
        let offset = self.floats("image/offset", &shape, &offset);
        let scaled = self.emit("Mul", "image/scaled", vec![INPUT.into(), scale], vec![]);
        self.values[0].0 = self.emit("Add", "image/normalized", vec![scaled, offset], vec![]);
    }

    /// Writes one layer and returns the name and rank of its value.
    fn layer(&mut self, id: NodeId, node: &Node) -> (String, usize) {
        // The graph's own two names stay free.
        let renamed = format!("{}/layer", node.name);
        let name = if [INPUT, OUTPUT].contains(&node.name.as_str()) { &renamed } else { &node.name };
        let first = node.inputs[0];
        match &node.op {
            // Both stand for their input: node 0 is written already, and dropout acts in training alone.
            Op::Input(_) | Op::Dropout { .. } => self.values[first].clone(),
            Op::Conv2d(c) => {
                let mut inputs = vec![self.map(first, name), self.weight(node, "weight")];
                if c.bias {
                    inputs.push(self.weight(node, "bias"));
                }
                let attributes = vec![
                    int("group", c.groups),
                    pair("kernel_shape", c.kernel),
                    pair("strides", c.stride),
                    pads(c.padding),
                    pair("dilations", c.dilation),
                ];
                (self.emit("Conv", name, inputs, attributes), 4)
            }
            Op::BatchNorm { .. } => {
                let (x, rank) = self.values[first].clone();
                let roles = ["weight", "bias", "running_mean", "running_var"];
                let mut inputs = vec![x];
                inputs.extend(roles.map(|role| self.weight(node, role)));
                let epsilon = float("epsilon", BATCH_NORM_EPSILON as f32);
                (self.emit("BatchNormalization", name, inputs, vec![epsilon]), rank)
            }
            Op::Activation(activation) => {
                let (x, rank) = self.values[first].clone();
                (self.activation(*activation, name, x), rank)
            }
            Op::MaxPool(p) => self.pool("MaxPool", p, vec![], first, name),
            Op::AvgPool(p) => self.pool("AveragePool", p, vec![int("count_include_pad", 1)], first, name),
            Op::GlobalAvgPool => {
                let x = self.map(first, name);
                (self.emit("GlobalAveragePool", name, vec![x], vec![]), 4)
            }
            Op::Flatten => {
                let x = self.values[first].0.clone();
                (self.emit("Flatten", name, vec![x], vec![int("axis", 1)]), 2)
            }
            Op::Linear { bias, .. } => {
                let mut inputs = vec![self.vector(first, name), self.weight(node, "weight")];
                if *bias {
                    inputs.push(self.weight(node, "bias"));
                }
                (self.emit("Gemm", name, inputs, vec![int("transB", 1)]), 2)
            }
            Op::Add => {
                let (inputs, rank) = self.of_one_rank(&node.inputs, name);
                let mut sum = inputs[0].clone();
                for (i, term) in inputs[1..].iter().enumerate() {
                    let last = i + 2 == inputs.len();
                    let step = if last { name.to_string() } else { format!("{name}/{i}") };
                    sum = self.emit("Add", &step, vec![sum, term.clone()], vec![]);
                }
                (sum, rank)
            }
            Op::Gate => {
                let (inputs, rank) = self.of_one_rank(&node.inputs, name);
                (self.emit("Mul", name, inputs, vec![]), rank)
            }
            Op::Concat => {
                let (inputs, rank) = self.of_one_rank(&node.inputs, name);
                (self.emit("Concat", name, inputs, vec![int("axis", 1)]), rank)
            }
            Op::Slice { start, len } => {
                let (x, rank) = self.values[first].clone();
                let starts = self.ints(&format!("{name}/starts"), &[*start as i64]);
                let ends = self.ints(&format!("{name}/ends"), &[(start + len) as i64]);
                let axes = self.ints("axis/channel", &[1]);
                (self.emit("Slice", name, vec![x, starts, ends, axes], vec![]), rank)
            }
            Op::ChannelShuffle { groups } => {
                let shape = self.network.shape(id);
                let (groups, each) = (*groups as i64, (shape.channels / groups) as i64);
                let x = self.map(first, name);
                let x = self.reshape(&format!("{name}/split"), x, &[0, groups, each, shape.area() as i64]);
                let order =
                    AttributeProto { ints: vec![0, 2, 1, 3], ..attribute("perm", AttributeKind::Ints) };
                let x = self.emit("Transpose", &format!("{name}/transpose"), vec![x], vec![order]);
                (self.reshape(name, x, &map_shape(shape)), 4)
            }
            Op::ChannelConv { kernel } => {
                let shape = self.network.shape(id);
                let x = self.values[first].0.clone();
                let x = self.reshape(&format!("{name}/row"), x, &[0, 1, shape.channels as i64]);
                let side = (kernel / 2) as i64;
                let attributes = vec![
                    AttributeProto {
                        ints: vec![*kernel as i64],
                        ..attribute("kernel_shape", AttributeKind::Ints)
                    },
                    AttributeProto { ints: vec![side, side], ..attribute("pads", AttributeKind::Ints) },
                ];
                let inputs = vec![x, self.weight(node, "weight")];
                let x = self.emit("Conv", &format!("{name}/conv"), inputs, attributes);
                (self.reshape(name, x, &map_shape(shape)), 4)
            }
        }
    }

    fn activation(&mut self, activation: Activation, name: &str, x: String) -> String {
        match activation {
            Activation::ReLU => self.emit("Relu", name, vec![x], vec![]),
            Activation::ReLU6 => {
                let low = self.floats("relu6/low", &[], &[0.0]);
                let high = self.floats("relu6/high", &[], &[6.0]);
                self.emit("Clip", name, vec![x, low, high], vec![])
            }
            Activation::Hardswish => self.emit("HardSwish", name, vec![x], vec![]),
            Activation::Hardsigmoid => {
                let attributes = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
                self.emit("HardSigmoid", name, vec![x], attributes)
            }
            Activation::Swish => {
                let gate = self.emit("Sigmoid", &format!("{name}/sigmoid"), vec![x.clone()], vec![]);
                self.emit("Mul", name, vec![x, gate], vec![])
            }
            Activation::Sigmoid => self.emit("Sigmoid", name, vec![x], vec![]),
        }
    }

    fn pool(
        &mut self,
        op: &str,
        pool: &Pool2d,
        mut attributes: Vec<AttributeProto>,
        input: NodeId,
        name: &str,
    ) -> (String, usize) {
        let x = self.map(input, name);
        attributes.extend([
            pair("kernel_shape", pool.kernel),
            pair("strides", pool.stride),
            pads(pool.padding),
        ]);
        (self.emit(op, name, vec![x], attributes), 4)
    }

    /// The value of a node as (N, c, h, w), for the layer `reader`.
    fn map(&mut self, id: NodeId, reader: &str) -> String {
        let (value, rank) = self.values[id].clone();
        if rank == 4 {
            return value;
        }
        self.reshape(&format!("{reader}/{value}/map"), value.clone(), &map_shape(self.network.shape(id)))
    }

    /// The value of a node as (N, features), for the layer `reader`.
    fn vector(&mut self, id: NodeId, reader: &str) -> String {
        let (value, rank) = self.values[id].clone();
        if rank == 2 {
            return value;
        }
        self.emit("Flatten", &format!("{reader}/{value}/vector"), vec![value.clone()], vec![int("axis", 1)])
    }

    /// The values of nodes, all of rank 2 or else all of rank 4.
    fn of_one_rank(&mut self, ids: &[NodeId], reader: &str) -> (Vec<String>, usize) {
        if ids.iter().all(|&id| self.values[id].1 == 2) {
            return (ids.iter().map(|&id| self.values[id].0.clone()).collect(), 2);
        }
        // A vector read twice is reshaped once.
        let mut maps: Vec<(NodeId, String)> = vec![];
        for &id in ids {
            if maps.iter().all(|(seen, _)| *seen != id) {
                let map = self.map(id, reader);
                maps.push((id, map));
            }
        }
        let name_of = |id: &NodeId| maps.iter().find(|(seen, _)| seen == id).map(|(_, map)| map.clone());
        (ids.iter().filter_map(name_of).collect(), 4)
    }

    fn reshape(&mut self, name: &str, x: String, shape: &[i64]) -> String {
        let shape = self.ints(&format!("{name}/shape"), shape);
        self.emit("Reshape", name, vec![x, shape], vec![])
    }

    fn emit(&mut self, op: &str, name: &str, input: Vec<String>, attribute: Vec<AttributeProto>) -> String {
        self.nodes.push(NodeProto {
            input,
            output: vec![name.into()],
            name: name.into(),
            op_type: op.into(),
            attribute,
        });
        name.into()
    }

    /// A tensor of the network as a constant under its own name.
    fn weight(&mut self, node: &Node, role: &str) -> String {
        let name = format!("{}.{role}", node.name);
        if let Some(tensor) = self.weights.get(&name) {
            let shape: Vec<i64> = tensor.shape.iter().map(|&size| size as i64).collect();
            self.floats(&name, &shape, &tensor.data);
        }
        name
    }

    fn floats(&mut self, name: &str, shape: &[i64], values: &[f32]) -> String {
        self.constant(name, FLOAT, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    fn ints(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(name, INT64, &[values.len() as i64], bytes)
    }

    /// A constant, written once a name.
    fn constant(&mut self, name: &str, data_type: i32, shape: &[i64], bytes: Vec<u8>) -> String {
        if self.initializers.iter().all(|tensor| tensor.name != name) {
            let raw_data = Some(bytes);
            self.initializers.push(TensorProto {
                dims: shape.into(),
                data_type,
                name: name.into(),
                raw_data,
            });
        }
        name.into()
    }

    /// Gives the value of the last layer the name of the output: as a vector when it has one position.
    fn finish(&mut self) -> ValueInfoProto {
        let id = self.network.output();
        let shape = self.network.shape(id);
        let value = if shape.area() == 1 { self.vector(id, OUTPUT) } else { self.map(id, OUTPUT) };
        let rank = if shape.area() == 1 { 2 } else { 4 };
        if value == INPUT {
            self.emit("Identity", OUTPUT, vec![value], vec![]);
        } else {
            let names = self.nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output));
            names.filter(|name| **name == value).for_each(|name| *name = OUTPUT.into());
        }
        value_info(OUTPUT, shape, rank)
    }
}

/// Shape of a map with a free batch: 0 copies the size of the input.
fn map_shape(shape: Shape) -> [i64; 4] {
    [0, shape.channels as i64, shape.height as i64, shape.width as i64]
}

fn value_info(name: &str, shape: Shape, rank: usize) -> ValueInfoProto {
    let sizes = [shape.channels, shape.height, shape.width];
    let mut dim = vec![DimensionProto { value: Some(Dimension::Param("N".into())) }];
    let known = sizes[..rank - 1].iter().map(|&size| Dimension::Value(size as i64));
    dim.extend(known.map(|size| DimensionProto { value: Some(size) }));
    let tensor = TensorTypeProto { elem_type: FLOAT, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

fn attribute(name: &str, kind: AttributeKind) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind.into(), ..Default::default() }
}

fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto { i: Some(value as i64), ..attribute(name, AttributeKind::Int) }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, AttributeKind::Float) }
}

fn pair(name: &str, value: (usize, usize)) -> AttributeProto {
    AttributeProto { ints: vec![value.0 as i64, value.1 as i64], ..attribute(name, AttributeKind::Ints) }
}

fn pads((rows, columns): (usize, usize)) -> AttributeProto {
    let (rows, columns) = (rows as i64, columns as i64);
    AttributeProto { ints: vec![rows, columns, rows, columns], ..attribute("pads", AttributeKind::Ints) }
}

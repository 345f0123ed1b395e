//! From the layer graph to an ONNX model; each operator writes itself.

use super::ExportConfig;
use super::builder::{Builder, Layer};
use super::proto::{
    Dimension, DimensionProto, GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto,
    TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto, element,
};
use crate::network::{Network, Shape, Weights};
use crate::normalization::Normalization;

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
const INPUT: &str = "image";
const OUTPUT: &str = "logits";

/// The model; the weights are those of the network.
pub(super) fn model(network: &Network, weights: &Weights, config: &ExportConfig) -> ModelProto {
    let mut graph = Builder::new(weights, INPUT);
    if let Some(normalization) = &config.normalization {
        normalize(&mut graph, normalization);
    }
    for (id, node) in network.nodes().iter().enumerate() {
        // The graph's own two names stay free.
        let renamed = format!("{}/layer", node.name);
        let name = if [INPUT, OUTPUT].contains(&node.name.as_str()) { &renamed } else { &node.name };
        let layer = Layer { name, path: &node.name, inputs: &node.inputs, shape: network.shape(id) };
        let value = node.op.export(&mut graph, &layer);
        graph.push(value);
    }
    let output = finish(&mut graph, network);
    let metadata = metadata(network, config);
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "lightcrest".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(GraphProto {
            node: graph.nodes,
            name: config.name.clone(),
            initializer: graph.initializers,
            input: vec![value_info(INPUT, network.input_shape(), 4)],
            output: vec![output],
            ..Default::default()
        }),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: metadata
            .into_iter()
            .map(|(key, value)| StringStringEntryProto { key: key.into(), value })
            .collect(),
        ..Default::default()
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

/// Pixels to `pixel * scale + offset` per channel, as [`Normalization::apply`].
fn normalize(graph: &mut Builder<'_>, normalization: &Normalization) {
    let channels = normalization.mean.len();
    let (scale, offset): (Vec<f32>, Vec<f32>) = (0..channels).map(|c| normalization.affine(c)).unzip();
    let shape = [1, channels as i64, 1, 1];
    let scale = graph.floats("image/scale", &shape, &scale);
    let offset = graph.floats("image/offset", &shape, &offset);
    let scaled = graph.emit("Mul", "image/scaled", vec![INPUT.into(), scale], vec![]);
    let normalized = graph.emit("Add", "image/normalized", vec![scaled, offset], vec![]);
    graph.set_image(normalized);
}

/// Gives the value of the last layer the name of the output: as a vector when it has one position.
fn finish(graph: &mut Builder<'_>, network: &Network) -> ValueInfoProto {
    let id = network.output();
    let shape = network.shape(id);
    let (value, rank) = match shape.area() {
        1 => (graph.vector(id, OUTPUT), 2),
        _ => (graph.map(id, OUTPUT), 4),
    };
    if value == INPUT {
        graph.emit("Identity", OUTPUT, vec![value], vec![]);
    } else {
        let names = graph.nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output));
        names.filter(|name| **name == value).for_each(|name| *name = OUTPUT.into());
    }
    value_info(OUTPUT, shape, rank)
}

fn value_info(name: &str, shape: Shape, rank: usize) -> ValueInfoProto {
    let sizes = [shape.channels, shape.height, shape.width];
    let size = |size| DimensionProto { value: Some(size), ..Default::default() };
    let mut dim = vec![size(Dimension::Param("N".into()))];
    dim.extend(sizes[..rank - 1].iter().map(|&known| size(Dimension::Value(known as i64))));
    let tensor = TensorTypeProto { elem_type: element::FLOAT, shape: Some(TensorShapeProto { dim }) };
    let kind = TypeProto { value: Some(TypeValue::Tensor(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..Default::default() }
}

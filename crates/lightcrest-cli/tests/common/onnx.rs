//! Small ONNX models for the commands that read one.

use lightcrest_graph::onnx::proto::{
    Dimension, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto,
    TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
};
use lightcrest_graph::onnx::{Array, Model};

/// A convolution without bias or padding.
pub(crate) struct Conv {
    pub(crate) name: &'static str,
    pub(crate) reads: &'static str,
    pub(crate) writes: &'static str,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Side of its window.
    pub(crate) window: usize,
}

/// Convolutions between `x` and `y`, whose channels and side are given; `weight` has the weights by place.
pub(crate) fn convolutions(
    x: [i64; 2],
    y: [i64; 2],
    layers: &[Conv],
    weight: impl Fn(usize) -> f32,
) -> Model {
    let mut graph =
        GraphProto { input: vec![value("x", x)], output: vec![value("y", y)], ..Default::default() };
    for Conv { name, reads, writes, inputs, outputs, window } in layers {
        let (parameter, shape) = (format!("{name}.weight"), [*outputs, *inputs, *window, *window]);
        let values = (0..shape.iter().product()).map(&weight).collect();
        graph.initializer.push(Array::f32(shape, values).to_proto(&parameter));
        graph.node.push(NodeProto {
            input: vec![reads.to_string(), parameter],
            output: vec![writes.to_string()],
            name: name.to_string(),
            op_type: "Conv".into(),
            ..Default::default()
        });
    }
    Model::new(ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..Default::default()
    })
    .unwrap()
}

fn value(name: &str, [channels, side]: [i64; 2]) -> ValueInfoProto {
    let dim = |size| DimensionProto { value: Some(Dimension::Value(size)), ..Default::default() };
    let shape = TensorShapeProto { dim: vec![dim(1), dim(channels), dim(side), dim(side)] };
    let tensor = TensorTypeProto { elem_type: 1, shape: Some(shape) };
    let r#type = TypeProto { value: Some(TypeValue::Tensor(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(r#type), ..Default::default() }
}

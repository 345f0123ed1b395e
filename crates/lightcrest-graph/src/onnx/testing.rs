//! Small ONNX models for tests, written down in the order of their nodes.

use super::proto::{
    AttributeKind, AttributeProto, Dimension, DimensionProto, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
    element,
};
use super::{Array, Model};

/// A model under construction.
pub(crate) struct ModelBuilder {
    pub(crate) proto: ModelProto,
}

impl ModelBuilder {
    /// An empty model with that version of the standard operators.
    pub(crate) fn new(opset: i64) -> Self {
        let opset = OperatorSetIdProto { domain: String::new(), version: opset };
        let graph = Some(GraphProto { name: "test".into(), ..Default::default() });
        Self { proto: ModelProto { ir_version: 8, opset_import: vec![opset], graph, ..Default::default() } }
    }

    pub(crate) fn graph(&mut self) -> &mut GraphProto {
        self.proto.graph.as_mut().unwrap()
    }

    /// An input of f32; a size that is no number is a name.
    pub(crate) fn input(mut self, name: &str, sizes: &[&str]) -> Self {
        self.graph().input.push(value(name, sizes));
        self
    }

    /// An output of f32.
    pub(crate) fn output(mut self, name: &str, sizes: &[&str]) -> Self {
        self.graph().output.push(value(name, sizes));
        self
    }

    /// A constant.
    pub(crate) fn constant(mut self, name: &str, array: &Array) -> Self {
        self.graph().initializer.push(array.to_proto(name));
        self
    }

    /// A constant of f32 with distinct values between -1 and 1 that depend on `seed`.
    pub(crate) fn weights(self, name: &str, shape: &[usize], seed: usize) -> Self {
        let values = (0..shape.iter().product::<usize>())
            .map(|at| ((at * 7919 + seed * 104_729) % 1999) as f32 / 999.5 - 1.0);
        self.constant(name, &Array::f32(shape, values.collect()))
    }

    /// A node with one output, whose name it has.
    pub(crate) fn node(self, op: &str, input: &[&str], output: &str, attribute: Vec<AttributeProto>) -> Self {
        self.nodes(op, input, &[output], attribute)
    }

    /// A node named after its first output.
    pub(crate) fn nodes(
        mut self,
        op: &str,
        input: &[&str],
        output: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> Self {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        self.graph().node.push(NodeProto {
            input: names(input),
            output: names(output),
            name: output[0].into(),
            op_type: op.into(),
            attribute,
            ..Default::default()
        });
        self
    }

    /// The model, which must be sound.
    pub(crate) fn build(self) -> Model {
        let model = Model::new(self.proto).unwrap();
        model.check().unwrap();
        model
    }
}

fn value(name: &str, sizes: &[&str]) -> ValueInfoProto {
    let size = |size: &&str| {
        let value = size.parse().map_or_else(|_| Dimension::Param(size.to_string()), Dimension::Value);
        DimensionProto { value: Some(value), denotation: String::new() }
    };
    let shape = Some(TensorShapeProto { dim: sizes.iter().map(size).collect() });
    let tensor = TypeValue::Tensor(TensorTypeProto { elem_type: element::FLOAT, shape });
    let r#type = Some(TypeProto { value: Some(tensor), denotation: String::new() });
    ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}

/// A whole number.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, AttributeKind::Int) }
}

/// A number.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, AttributeKind::Float) }
}

/// Whole numbers.
pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.into(), ..attribute(name, AttributeKind::Ints) }
}

/// Text.
pub(crate) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.into()), ..attribute(name, AttributeKind::String) }
}

/// A constant.
pub(crate) fn tensor(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto { t: Some(value), ..attribute(name, AttributeKind::Tensor) }
}

/// A graph.
pub(crate) fn graph(name: &str, value: GraphProto) -> AttributeProto {
    AttributeProto { g: Some(value), ..attribute(name, AttributeKind::Graph) }
}

fn attribute(name: &str, kind: AttributeKind) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind.into(), ..Default::default() }
}

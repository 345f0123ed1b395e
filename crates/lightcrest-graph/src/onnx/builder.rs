//! An ONNX graph under construction: nodes, constants and the values of the layers written so far.
//!
//! A value has rank 4, (N, c, h, w), or rank 2, (N, features), after operators that make vectors; the layer
//! graph makes no difference between the two, so that a reshape is put wherever an operator needs the other.

use super::array::bytes;
use super::proto::{AttributeKind, AttributeProto, NodeProto, TensorProto, element};
use crate::operator::Padding;
use crate::shape::Shape;
use crate::tensor::Weights;

/// What is written of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// Its name in the ONNX graph.
    pub(crate) name: String,
    /// 4 or 2.
    pub(crate) rank: usize,
    /// Its shape in the layer graph.
    pub(crate) shape: Shape,
}

/// A layer that is being written.
pub(crate) struct Layer<'a> {
    /// What its value is called.
    pub(crate) name: &'a str,
    /// What its weights are stored under.
    pub(crate) path: &'a str,
    /// The layers that it reads.
    pub(crate) inputs: &'a [usize],
    /// Shape of its output.
    pub(crate) shape: Shape,
}

impl Layer<'_> {
    /// Its value, of that name and rank.
    pub(crate) fn output(&self, name: String, rank: usize) -> Value {
        Value { name, rank, shape: self.shape }
    }
}

/// An ONNX graph under construction.
pub(crate) struct Builder<'a> {
    weights: &'a Weights,
    pub(super) nodes: Vec<NodeProto>,
    pub(super) initializers: Vec<TensorProto>,
    /// The value of each layer so far.
    values: Vec<Value>,
    image: String,
}

impl<'a> Builder<'a> {
    /// An empty graph whose images are called `image`.
    pub(super) fn new(weights: &'a Weights, image: &str) -> Self {
        Self { weights, nodes: vec![], initializers: vec![], values: vec![], image: image.into() }
    }

    /// Name of the images as the network reads them, of rank 4.
    pub(crate) fn image(&self) -> String {
        self.image.clone()
    }

    pub(super) fn set_image(&mut self, name: String) {
        self.image = name;
    }

    /// Adds the value of the next layer.
    pub(super) fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    /// The value of a layer as it is.
    pub(crate) fn value(&self, id: usize) -> Value {
        self.values[id].clone()
    }

    /// The value of a layer as (N, c, h, w), for the layer `reader`.
    pub(crate) fn map(&mut self, id: usize, reader: &str) -> String {
        let Value { name, rank, shape } = self.value(id);
        if rank == 4 {
            return name;
        }
        self.reshape_to_map(&format!("{reader}/{name}/map"), name, shape)
    }

    /// The value of a layer as (N, features), for the layer `reader`.
    pub(crate) fn vector(&mut self, id: usize, reader: &str) -> String {
        let Value { name, rank, .. } = self.value(id);
        if rank == 2 {
            return name;
        }
        self.emit("Flatten", &format!("{reader}/{name}/vector"), vec![name], vec![int("axis", 1)])
    }

    /// The values of layers, all of rank 2 or else all of rank 4.
    pub(crate) fn of_one_rank(&mut self, ids: &[usize], reader: &str) -> (Vec<String>, usize) {
        if ids.iter().all(|&id| self.values[id].rank == 2) {
            return (ids.iter().map(|&id| self.values[id].name.clone()).collect(), 2);
        }
        // A vector read twice is reshaped once.
        let mut maps: Vec<(usize, String)> = vec![];
        for &id in ids {
            if maps.iter().all(|(seen, _)| *seen != id) {
                let map = self.map(id, reader);
                maps.push((id, map));
            }
        }
        let name_of = |id: &usize| maps.iter().find(|(seen, _)| seen == id).map(|(_, map)| map.clone());
        (ids.iter().filter_map(name_of).collect(), 4)
    }

    /// Reshapes `x`; a size of 0 copies that of the input.
    pub(crate) fn reshape(&mut self, name: &str, x: String, shape: &[i64]) -> String {
        let shape = self.ints(&format!("{name}/shape"), shape);
        self.emit("Reshape", name, vec![x, shape], vec![])
    }

    /// Reshapes `x` to a map with a free batch.
    pub(crate) fn reshape_to_map(&mut self, name: &str, x: String, shape: Shape) -> String {
        let sizes = [0, shape.channels as i64, shape.height as i64, shape.width as i64];
        self.reshape(name, x, &sizes)
    }

    /// The axes of `x` in another order.
    pub(crate) fn transpose(&mut self, name: &str, x: String, order: &[i64]) -> String {
        self.emit("Transpose", name, vec![x], vec![ints("perm", order.into())])
    }

    /// Adds an operator of ONNX; its output has its name.
    pub(crate) fn emit(
        &mut self,
        op: &str,
        name: &str,
        input: Vec<String>,
        attribute: Vec<AttributeProto>,
    ) -> String {
        self.nodes.push(NodeProto {
            input,
            output: vec![name.into()],
            name: name.into(),
            op_type: op.into(),
            attribute,
            ..Default::default()
        });
        name.into()
    }

    /// A tensor of the layer as a constant under its own name.
    pub(crate) fn weight(&mut self, layer: &Layer<'_>, role: &str) -> String {
        let name = format!("{}.{role}", layer.path);
        let weights = self.weights;
        if let Some(tensor) = weights.get(&name) {
            let shape: Vec<i64> = tensor.shape.iter().map(|&size| size as i64).collect();
            self.floats(&name, &shape, &tensor.data);
        }
        name
    }

    /// A constant of f32.
    pub(crate) fn floats(&mut self, name: &str, shape: &[i64], values: &[f32]) -> String {
        self.constant(name, element::FLOAT, shape, bytes(values, f32::to_le_bytes))
    }

    /// A constant list of i64.
    pub(crate) fn ints(&mut self, name: &str, values: &[i64]) -> String {
        self.constant(name, element::INT64, &[values.len() as i64], bytes(values, i64::to_le_bytes))
    }

    /// A constant, written once a name.
    fn constant(&mut self, name: &str, data_type: i32, shape: &[i64], bytes: Vec<u8>) -> String {
        if self.initializers.iter().all(|tensor| tensor.name != name) {
            let raw_data = Some(bytes.into());
            self.initializers.push(TensorProto {
                dims: shape.into(),
                data_type,
                name: name.into(),
                raw_data,
                ..Default::default()
            });
        }
        name.into()
    }
}

fn attribute(name: &str, kind: AttributeKind) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind.into(), ..Default::default() }
}

/// A whole number.
pub(crate) fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto { i: Some(value as i64), ..attribute(name, AttributeKind::Int) }
}

/// A number.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, AttributeKind::Float) }
}

/// A list of whole numbers.
pub(crate) fn ints(name: &str, values: Vec<i64>) -> AttributeProto {
    AttributeProto { ints: values, ..attribute(name, AttributeKind::Ints) }
}

/// Rows and columns.
pub(crate) fn pair(name: &str, value: (usize, usize)) -> AttributeProto {
    ints(name, vec![value.0 as i64, value.1 as i64])
}

/// Rows above, columns before, rows below, columns behind.
pub(crate) fn pads(Padding { top, left, bottom, right }: Padding) -> AttributeProto {
    ints("pads", [top, left, bottom, right].map(|side| side as i64).into())
}

/// A text.
pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.into()), ..attribute(name, AttributeKind::String) }
}

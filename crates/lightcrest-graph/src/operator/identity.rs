//! What changes nothing in inference: the input, and dropout.

use crate::onnx::builder::{Builder, Layer, Value};
use crate::shape::Shape;

use super::{Map, Operator, Placement, Role, one};

/// The image, of this shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Input(pub Shape);

impl Operator for Input {
    fn name(&self) -> &'static str {
        "Input"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, _: &[Shape]) -> Result<Shape, String> {
        Ok(self.0)
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    /// The image, which is given as its own input.
    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        inputs[0].values.to_vec()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        layer.output(graph.image(), 4)
    }
}

/// Zeroes each value with probability `p` in training and scales the rest by 1 / (1 - p).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability, in [0, 1).
    pub p: f32,
}

impl Operator for Dropout {
    fn name(&self) -> &'static str {
        "Dropout"
    }

    fn detail(&self) -> String {
        format!(" {}", self.p)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let p = self.p;
        if !(0.0..1.0).contains(&p) {
            return Err(format!("p must be in [0, 1), but is {p}"));
        }
        one(inputs)
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::Shared
    }

    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        inputs[0].values.to_vec()
    }

    /// Nothing: it acts in training alone.
    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        graph.value(layer.inputs[0])
    }
}

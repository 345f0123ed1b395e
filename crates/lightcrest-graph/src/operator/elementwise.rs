//! Sums and products of maps.

use crate::onnx::builder::{Builder, Layer, Value};
use crate::shape::Shape;

use super::{Map, Operator, Placement, Role, shown};

/// Sum of inputs of equal shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Add;

impl Operator for Add {
    fn name(&self) -> &'static str {
        "Add"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match inputs {
            [first, rest @ ..] if !rest.is_empty() && rest.iter().all(|s| s == first) => Ok(*first),
            _ => Err(format!("two or more equal shapes expected, {} given", shown(inputs))),
        }
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        (0..output.len()).map(|i| inputs.iter().map(|input| input.values[i]).sum()).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let (inputs, rank) = graph.of_one_rank(layer.inputs, layer.name);
        let mut sum = inputs[0].clone();
        for (i, term) in inputs[1..].iter().enumerate() {
            let last = i + 2 == inputs.len();
            let step = if last { layer.name.to_owned() } else { format!("{}/{i}", layer.name) };
            sum = graph.emit("Add", &step, vec![sum, term.clone()], vec![]);
        }
        layer.output(sum, rank)
    }
}

/// Product of a map (c, h, w) and a gate (c, 1, 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Gate;

impl Operator for Gate {
    fn name(&self) -> &'static str {
        "Gate"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match inputs {
            [map, gate] if gate.area() == 1 && gate.channels == map.channels => Ok(*map),
            _ => Err(format!("a map (c, h, w) and a gate (c, 1, 1) expected, {} given", shown(inputs))),
        }
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::InPlace
    }

    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let (map, gate) = (inputs[0], inputs[1].values);
        map.values.iter().enumerate().map(|(i, v)| v * gate[i / map.shape.area()]).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let (inputs, rank) = graph.of_one_rank(layer.inputs, layer.name);
        layer.output(graph.emit("Mul", layer.name, inputs, vec![]), rank)
    }
}

/// Product of two inputs of equal shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mul;

impl Operator for Mul {
    fn name(&self) -> &'static str {
        "Mul"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match inputs {
            [a, b] if a == b => Ok(*a),
            _ => Err(format!("two equal shapes expected, {} given", shown(inputs))),
        }
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        inputs[0].values.iter().zip(inputs[1].values).map(|(a, b)| a * b).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let (inputs, rank) = graph.of_one_rank(layer.inputs, layer.name);
        layer.output(graph.emit("Mul", layer.name, inputs, vec![]), rank)
    }
}

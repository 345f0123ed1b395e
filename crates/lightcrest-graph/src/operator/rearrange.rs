//! Values in another order or shape, and parts of them.

use crate::onnx::builder::{Builder, Layer, Value, int, ints};
use crate::shape::Shape;

use super::{Map, Operator, Placement, Role, one, shown};

/// (c, h, w) to a vector of c*h*w, channel-major as in PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flatten;

impl Operator for Flatten {
    fn name(&self) -> &'static str {
        "Flatten"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(Shape::vector(one(inputs)?.len()))
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

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let x = graph.value(layer.inputs[0]).name;
        layer.output(graph.emit("Flatten", layer.name, vec![x], vec![int("axis", 1)]), 2)
    }
}

/// Concatenation along channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Concat;

impl Operator for Concat {
    fn name(&self) -> &'static str {
        "Concat"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match inputs {
            [first, ..] if inputs.iter().all(|s| (s.height, s.width) == (first.height, first.width)) => {
                Ok(Shape::new(inputs.iter().map(|s| s.channels).sum(), first.height, first.width))
            }
            _ => Err(format!("maps of one size expected, {} given", shown(inputs))),
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
        inputs.iter().flat_map(|input| input.values.iter().copied()).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let (inputs, rank) = graph.of_one_rank(layer.inputs, layer.name);
        layer.output(graph.emit("Concat", layer.name, inputs, vec![int("axis", 1)]), rank)
    }
}

/// Channels `start .. start + len` of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    /// First channel kept.
    pub start: usize,
    /// Number of channels kept.
    pub len: usize,
}

impl Operator for Slice {
    fn name(&self) -> &'static str {
        "Slice"
    }

    fn detail(&self) -> String {
        format!(" {}..{}", self.start, self.start + self.len)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        let Self { start, len } = *self;
        if len == 0 || start + len > x.channels {
            return Err(format!("channels {start}..{} of {} asked for", start + len, x.channels));
        }
        Ok(Shape { channels: len, ..x })
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let area = inputs[0].shape.area();
        inputs[0].values[self.start * area..(self.start + self.len) * area].to_vec()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let (name, Value { name: x, rank, .. }) = (layer.name, graph.value(layer.inputs[0]));
        let starts = graph.ints(&format!("{name}/starts"), &[self.start as i64]);
        let ends = graph.ints(&format!("{name}/ends"), &[(self.start + self.len) as i64]);
        let axes = graph.ints("axis/channel", &[1]);
        layer.output(graph.emit("Slice", name, vec![x, starts, ends, axes], vec![]), rank)
    }
}

/// Output channel `j * groups + i` is input channel `i * (c / groups) + j` (Zhang et al. 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelShuffle {
    /// Number of groups, a divisor of the channels.
    pub groups: usize,
}

impl Operator for ChannelShuffle {
    fn name(&self) -> &'static str {
        "ChannelShuffle"
    }

    fn detail(&self) -> String {
        format!(" g{}", self.groups)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        if self.groups == 0 || !x.channels.is_multiple_of(self.groups) {
            return Err(format!("groups = {} must divide the {} channels", self.groups, x.channels));
        }
        Ok(x)
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let Map { values, shape } = inputs[0];
        let each = shape.channels / self.groups;
        let sources = (0..shape.channels).map(|c| (c % self.groups) * each + c / self.groups);
        sources.flat_map(|c| values[c * shape.area()..(c + 1) * shape.area()].iter().copied()).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let (name, shape) = (layer.name, layer.shape);
        let (groups, each) = (self.groups as i64, (shape.channels / self.groups) as i64);
        let x = graph.map(layer.inputs[0], name);
        let x = graph.reshape(&format!("{name}/split"), x, &[0, groups, each, shape.area() as i64]);
        let order = ints("perm", vec![0, 2, 1, 3]);
        let x = graph.emit("Transpose", &format!("{name}/transpose"), vec![x], vec![order]);
        layer.output(graph.reshape_to_map(name, x, shape), 4)
    }
}

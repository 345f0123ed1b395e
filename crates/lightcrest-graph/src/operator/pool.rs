//! Pooling over windows and over everything.

use crate::onnx::builder::{Builder, Layer, Value, int, pads, pair};
use crate::shape::Shape;

use super::window::{self, pairs, pixel, positions};
use super::{Map, Operator, Placement, Role, one};

/// Maximum or average over windows, which lie inside the padded image (floor mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// What is made of a window.
    pub kind: PoolKind,
    /// Window size (rows, columns).
    pub kernel: (usize, usize),
    /// Step (rows, columns).
    pub stride: (usize, usize),
    /// Padding on each side (rows, columns): minus infinity for the maximum; for the average, zeros that
    /// count in the divisor (PyTorch's `count_include_pad = True`).
    pub padding: (usize, usize),
}

/// What is made of the values in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// Their maximum.
    Max,
    /// Their mean.
    Average,
}

impl Operator for Pool2d {
    fn name(&self) -> &'static str {
        match self.kind {
            PoolKind::Max => "MaxPool",
            PoolKind::Average => "AvgPool",
        }
    }

    fn detail(&self) -> String {
        window::describe(self.kernel, self.stride)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        let Self { kernel, stride, padding, .. } = *self;
        if 2 * padding.0 > kernel.0 || 2 * padding.1 > kernel.1 {
            return Err(format!("padding {padding:?} exceeds half the window {kernel:?}"));
        }
        let height = window::count(x.height, kernel.0, stride.0, padding.0, 1)?;
        let width = window::count(x.width, kernel.1, stride.1, padding.1, 1)?;
        Ok(Shape::new(x.channels, height, width))
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let mut y = Vec::with_capacity(output.len());
        positions(output, |channel, row, column| {
            let taps = pairs(self.kernel).map(|(i, j)| (row * self.stride.0 + i, column * self.stride.1 + j));
            let seen = taps.filter_map(|at| pixel(&inputs[0], channel, at, self.padding));
            y.push(match self.kind {
                PoolKind::Max => seen.fold(f64::NEG_INFINITY, f64::max),
                PoolKind::Average => seen.sum::<f64>() / (self.kernel.0 * self.kernel.1) as f64,
            });
        });
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let (op, mut attributes) = match self.kind {
            PoolKind::Max => ("MaxPool", vec![]),
            PoolKind::Average => ("AveragePool", vec![int("count_include_pad", 1)]),
        };
        let x = graph.map(layer.inputs[0], layer.name);
        attributes.extend([
            pair("kernel_shape", self.kernel),
            pair("strides", self.stride),
            pads(self.padding),
        ]);
        layer.output(graph.emit(op, layer.name, vec![x], attributes), 4)
    }
}

/// Mean over all positions: (c, h, w) to (c, 1, 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct GlobalAvgPool;

impl Operator for GlobalAvgPool {
    fn name(&self) -> &'static str {
        "GlobalAvgPool"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(Shape::vector(one(inputs)?.channels))
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
        let planes = inputs[0].values.chunks_exact(area);
        planes.map(|plane| plane.iter().sum::<f64>() / area as f64).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let x = graph.map(layer.inputs[0], layer.name);
        layer.output(graph.emit("GlobalAveragePool", layer.name, vec![x], vec![]), 4)
    }
}

//! Pooling over windows and over everything.

use crate::onnx::builder::{Builder, Layer, Value, int, pads, pair};
use crate::shape::Shape;

use super::window::{self, Padding, pairs, pixel, positions};
use super::{Map, Operator, Placement, Role, one};

/// Maximum or average over windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// What is made of a window.
    pub kind: PoolKind,
    /// Window size (rows, columns).
    pub kernel: (usize, usize),
    /// Step (rows, columns).
    pub stride: (usize, usize),
    /// Padding on each side: minus infinity for the maximum, zeros for the average.
    pub padding: Padding,
    /// Whether a last window that reaches beyond the padding is there (ceil mode). It is when it begins
    /// before the padding behind the map does, as in PyTorch.
    pub ceil: bool,
    /// Whether the zeros count in the divisor of the average (PyTorch's `count_include_pad`); what lies
    /// beyond them never does.
    pub count_padding: bool,
}

impl Pool2d {
    /// Square windows that lie inside the padded image, zeros counted.
    pub fn new(kind: PoolKind, kernel: usize, stride: usize, padding: usize) -> Self {
        Self {
            kind,
            kernel: (kernel, kernel),
            stride: (stride, stride),
            padding: (padding, padding).into(),
            ceil: false,
            count_padding: true,
        }
    }

    /// Values in a window that its average is divided by, for the window at (row, column) of a map of
    /// `height` x `width`.
    pub fn divisor(&self, (row, column): (usize, usize), (height, width): (usize, usize)) -> usize {
        let side = |at: usize, stride: usize, kernel: usize, (before, after): (usize, usize), size: usize| {
            let start = at * stride;
            let end = (start + kernel).min(size + before + after);
            match self.count_padding {
                true => end - start,
                false => end.min(size + before).saturating_sub(start.max(before)),
            }
        };
        let rows = side(row, self.stride.0, self.kernel.0, self.padding.rows(), height);
        // a window without any value is zero, whatever it is divided by
        (rows * side(column, self.stride.1, self.kernel.1, self.padding.columns(), width)).max(1)
    }

    /// Whether all windows are divided by the same number.
    pub fn divides_evenly(&self) -> bool {
        !self.ceil && (self.count_padding || self.padding == Padding::NONE)
    }

    /// Windows along one side.
    fn count(
        &self,
        size: usize,
        kernel: usize,
        stride: usize,
        padding: (usize, usize),
    ) -> Result<usize, String> {
        let floor = window::count(size, kernel, stride, padding, 1)?;
        let rest = !(size + padding.0 + padding.1 - kernel).is_multiple_of(stride);
        let begins_inside = floor * stride < size + padding.0;
        Ok(floor + usize::from(self.ceil && rest && begins_inside))
    }
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
        // a window in the padding alone would have no maximum
        let Padding { top, left, bottom, right } = padding;
        if top.max(bottom) >= kernel.0.max(1) || left.max(right) >= kernel.1.max(1) {
            return Err(format!("the padding {padding:?} must be smaller than the window {kernel:?}"));
        }
        let height = self.count(x.height, kernel.0, stride.0, padding.rows())?;
        let width = self.count(x.width, kernel.1, stride.1, padding.columns())?;
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
            let seen = taps.filter_map(|at| pixel(&inputs[0], channel, at, &self.padding));
            let size = (inputs[0].shape.height, inputs[0].shape.width);
            y.push(match self.kind {
                PoolKind::Max => seen.fold(f64::NEG_INFINITY, f64::max),
                PoolKind::Average => seen.sum::<f64>() / self.divisor((row, column), size) as f64,
            });
        });
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let (op, mut attributes) = match self.kind {
            PoolKind::Max => ("MaxPool", vec![]),
            PoolKind::Average => {
                ("AveragePool", vec![int("count_include_pad", usize::from(self.count_padding))])
            }
        };
        let x = graph.map(layer.inputs[0], layer.name);
        attributes.extend([
            pair("kernel_shape", self.kernel),
            pair("strides", self.stride),
            pads(self.padding),
        ]);
        if self.ceil {
            attributes.push(int("ceil_mode", 1));
        }
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

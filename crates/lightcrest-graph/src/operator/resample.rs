//! Maps of another size: padding, magnification, and channels that become positions.

use crate::onnx::builder::{Builder, Layer, Value, int, text};
use crate::shape::Shape;

use super::window::{Padding, positions};
use super::{Map, Operator, Placement, Role, one};

/// One value around a map, on every side of it and before and behind its channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pad {
    /// Rows and columns added.
    pub padding: Padding,
    /// Channels added before the first and behind the last.
    pub channels: (usize, usize),
    /// What they hold.
    pub value: f32,
}

impl Operator for Pad {
    fn name(&self) -> &'static str {
        "Pad"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        let Padding { top, left, bottom, right } = self.padding;
        let add =
            |size: usize, before: usize, after: usize| size.saturating_add(before).saturating_add(after);
        Ok(Shape::new(
            add(x.channels, self.channels.0, self.channels.1),
            add(x.height, top, bottom),
            add(x.width, left, right),
        ))
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let Map { values, shape } = inputs[0];
        let mut y = Vec::with_capacity(output.len());
        positions(output, |channel, row, column| {
            let at = (
                channel.checked_sub(self.channels.0).filter(|&c| c < shape.channels),
                row.checked_sub(self.padding.top).filter(|&r| r < shape.height),
                column.checked_sub(self.padding.left).filter(|&c| c < shape.width),
            );
            y.push(match at {
                (Some(c), Some(r), Some(column)) => values[(c * shape.height + r) * shape.width + column],
                _ => self.value.into(),
            });
        });
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let x = graph.map(layer.inputs[0], layer.name);
        let Padding { top, left, bottom, right } = self.padding;
        let sides =
            [0, self.channels.0, top, left, 0, self.channels.1, bottom, right].map(|side| side as i64);
        let sides = graph.ints(&format!("{}/pads", layer.name), &sides);
        let value = graph.floats(&format!("{}/value", layer.name), &[], &[self.value]);
        layer.output(graph.emit("Pad", layer.name, vec![x, sides, value], vec![]), 4)
    }
}

/// Every pixel so many times as high and wide: the nearest neighbour, magnified by whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Upsample {
    /// Rows and columns that become of one.
    pub factor: (usize, usize),
}

impl Operator for Upsample {
    fn name(&self) -> &'static str {
        "Upsample"
    }

    fn detail(&self) -> String {
        format!(" {}x{}", self.factor.0, self.factor.1)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        if self.factor.0 == 0 || self.factor.1 == 0 {
            return Err(format!("factors must be at least 1, got {:?}", self.factor));
        }
        let (height, width) = (x.height.saturating_mul(self.factor.0), x.width.saturating_mul(self.factor.1));
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
        let Map { values, shape } = inputs[0];
        let mut y = Vec::with_capacity(output.len());
        positions(output, |channel, row, column| {
            let (row, column) = (row / self.factor.0, column / self.factor.1);
            y.push(values[(channel * shape.height + row) * shape.width + column]);
        });
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let x = graph.map(layer.inputs[0], layer.name);
        let factors = [1.0, 1.0, self.factor.0 as f32, self.factor.1 as f32];
        let factors = graph.floats(&format!("{}/factors", layer.name), &[4], &factors);
        let attributes = vec![
            text("mode", "nearest"),
            text("nearest_mode", "floor"),
            text("coordinate_transformation_mode", "asymmetric"),
        ];
        layer.output(graph.emit("Resize", layer.name, vec![x, String::new(), factors], attributes), 4)
    }
}

/// Blocks of channels to blocks of positions (Shi et al. 2016): pixel (i, j) of a block of channel c is input
/// channel `c block^2 + i block + j`, or `(i block + j) out + c` where the block comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PixelShuffle {
    /// Rows and columns of a block.
    pub block: usize,
    /// Whether the pixel of a block is the slower index among the channels (ONNX's `DCR`).
    pub block_first: bool,
}

impl PixelShuffle {
    /// The input channel of pixel (i, j) of a block of channel `c` of `out`.
    pub fn source(&self, c: usize, (i, j): (usize, usize), out: usize) -> usize {
        let pixel = i * self.block + j;
        if self.block_first { pixel * out + c } else { c * self.block * self.block + pixel }
    }
}

impl Operator for PixelShuffle {
    fn name(&self) -> &'static str {
        "PixelShuffle"
    }

    fn detail(&self) -> String {
        format!(" {}", self.block)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        let block = self.block;
        if block == 0 || block > x.channels || !x.channels.is_multiple_of(block * block) {
            return Err(format!("block = {block}, squared, must divide the {} channels", x.channels));
        }
        let (height, width) = (x.height.saturating_mul(block), x.width.saturating_mul(block));
        Ok(Shape::new(x.channels / (block * block), height, width))
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let Map { values, shape } = inputs[0];
        let mut y = Vec::with_capacity(output.len());
        positions(output, |channel, row, column| {
            let pixel = (row % self.block, column % self.block);
            let source = self.source(channel, pixel, output.channels);
            let (row, column) = (row / self.block, column / self.block);
            y.push(values[(source * shape.height + row) * shape.width + column]);
        });
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let x = graph.map(layer.inputs[0], layer.name);
        let mode = if self.block_first { "DCR" } else { "CRD" };
        let attributes = vec![int("blocksize", self.block), text("mode", mode)];
        layer.output(graph.emit("DepthToSpace", layer.name, vec![x], attributes), 4)
    }
}

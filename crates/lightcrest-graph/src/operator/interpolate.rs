//! Maps of any other size, bilinearly.

use crate::onnx::builder::{Builder, Layer, Value, text};
use crate::shape::Shape;

use super::window::positions;
use super::{Map, Operator, Placement, Role, expect_count, one};

/// Where pixel i of n lies among those of a map of another size m.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alignment {
    /// (i + 1/2) m / n - 1/2: the borders of the images agree.
    HalfPixel,
    /// i (m - 1) / (n - 1): the centres of the corners agree.
    Corners,
    /// i m / n: the first pixels agree.
    First,
}

/// Bilinear interpolation to another size. What lies outside is the pixel at the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interpolate {
    /// Height and width of the output.
    pub size: (usize, usize),
    /// How the two maps lie above each other.
    pub alignment: Alignment,
}

impl Alignment {
    /// The two pixels among `m` that pixel `i` of `n` lies between, and the weight of the second.
    pub fn source(self, i: usize, n: usize, m: usize) -> (usize, usize, f64) {
        let at = match self {
            Self::HalfPixel => (i as f64 + 0.5) * m as f64 / n as f64 - 0.5,
            Self::Corners if n > 1 => i as f64 * (m - 1) as f64 / (n - 1) as f64,
            Self::Corners => 0.0,
            Self::First => i as f64 * m as f64 / n as f64,
        };
        let at = at.clamp(0.0, (m - 1) as f64);
        let first = at as usize;
        (first, (first + 1).min(m - 1), at - first as f64)
    }
}

impl Operator for Interpolate {
    fn name(&self) -> &'static str {
        "Interpolate"
    }

    fn detail(&self) -> String {
        format!(" {}x{}", self.size.0, self.size.1)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        expect_count("height", self.size.0)?;
        expect_count("width", self.size.1)?;
        Ok(Shape::new(x.channels, self.size.0, self.size.1))
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
            let (top, bottom, down) = self.alignment.source(row, output.height, shape.height);
            let (left, right, along) = self.alignment.source(column, output.width, shape.width);
            let at =
                |row: usize, column: usize| values[(channel * shape.height + row) * shape.width + column];
            let line = |row: usize| (1.0 - along) * at(row, left) + along * at(row, right);
            y.push((1.0 - down) * line(top) + down * line(bottom));
        });
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let x = graph.map(layer.inputs[0], layer.name);
        // Only the batch may be free: scales say the sizes of everything else.
        let from = graph.value(layer.inputs[0]).shape;
        // Runtimes round the product of size and scale down.
        let scale = |to: usize, from: usize| {
            let mut scale = to as f32 / from as f32;
            while ((f64::from(scale) * from as f64) as usize) < to {
                scale = scale.next_up();
            }
            scale
        };
        let scales = [1.0, 1.0, scale(self.size.0, from.height), scale(self.size.1, from.width)];
        let scales = graph.floats(&format!("{}/scales", layer.name), &[4], &scales);
        let mode = match self.alignment {
            Alignment::HalfPixel => "half_pixel",
            Alignment::Corners => "align_corners",
            Alignment::First => "asymmetric",
        };
        let attributes = vec![text("mode", "linear"), text("coordinate_transformation_mode", mode)];
        layer.output(graph.emit("Resize", layer.name, vec![x, String::new(), scales], attributes), 4)
    }
}

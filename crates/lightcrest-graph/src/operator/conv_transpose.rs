//! Transposed convolution: the gradient of a convolution for its input, as a layer.

use crate::onnx::builder::{Builder, Layer, Value, int, pads, pair};
use crate::shape::Shape;

use super::window::{self, Padding, pairs};
use super::{Conv2d, Map, Operator, Placement, Role, Start, expect_channels, expect_count, one, product};

/// Two-dimensional transposed convolution: every input adds its value times the kernel to the output, at its
/// position times the stride. Weights: `weight` (in, out/groups, kh, kw), `bias` (out).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvTranspose2d {
    /// Channels read.
    pub in_channels: usize,
    /// Channels written.
    pub out_channels: usize,
    /// Kernel size (rows, columns).
    pub kernel: (usize, usize),
    /// Distance in the output of neighbouring inputs (rows, columns).
    pub stride: (usize, usize),
    /// What is cut off the output on each side.
    pub padding: Padding,
    /// Rows and columns of the output behind what the inputs reach.
    pub output_padding: (usize, usize),
    /// Distance between kernel taps (rows, columns).
    pub dilation: (usize, usize),
    /// Number of groups.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl ConvTranspose2d {
    /// The convolution whose gradient for the input this is: from the output to the input, without bias. Its
    /// weight has the same layout.
    pub fn convolution(&self) -> Conv2d {
        Conv2d {
            in_channels: self.out_channels,
            out_channels: self.in_channels,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
            bias: false,
        }
    }

    /// (size - 1) stride + dilation (kernel - 1) + 1 + output padding - padding.
    fn side(
        size: usize,
        (kernel, stride, dilation): (usize, usize, usize),
        (before, after): (usize, usize),
        behind: usize,
    ) -> Result<usize, String> {
        // the bounds are those of any window
        window::count(kernel.saturating_mul(dilation), kernel, stride, (before, after), dilation)?;
        if behind >= stride.max(dilation) {
            return Err(format!(
                "the output padding {behind} must be smaller than the stride or the dilation"
            ));
        }
        let reach = (size - 1) * stride + dilation * (kernel - 1) + 1 + behind;
        match reach.checked_sub(before + after) {
            Some(out) if out > 0 => Ok(out),
            _ => Err(format!("a padding of {before} and {after} leaves nothing of {reach}")),
        }
    }
}

impl Operator for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "ConvTranspose2d"
    }

    fn detail(&self) -> String {
        let window = window::describe(self.kernel, self.stride);
        if self.groups > 1 { format!("{window} g{}", self.groups) } else { window }
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        let Self { in_channels, out_channels, groups, kernel, stride, dilation, .. } = *self;
        expect_channels(x, in_channels)?;
        expect_count("out_channels", out_channels)?;
        if groups == 0 || !in_channels.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
            return Err(format!(
                "groups = {groups} must divide in_channels = {in_channels} and out_channels = {out_channels}"
            ));
        }
        let rows = (kernel.0, stride.0, dilation.0);
        let height = Self::side(x.height, rows, self.padding.rows(), self.output_padding.0)?;
        let columns = (kernel.1, stride.1, dilation.1);
        let width = Self::side(x.width, columns, self.padding.columns(), self.output_padding.1)?;
        Ok(Shape::new(out_channels, height, width))
    }

    fn tensors(&self, visit: &mut dyn FnMut(Role<'_>)) {
        let shape = [self.in_channels, self.out_channels / self.groups, self.kernel.0, self.kernel.1];
        visit(Role { name: "weight", shape: &shape, trained: true, start: Start::FanIn });
        if self.bias {
            visit(Role { name: "bias", shape: &[self.out_channels], trained: true, start: Start::FanIn });
        }
    }

    /// Hi Wi kh kw (Cout / groups) Cin, counted from the output: taps that are cut off count, as in tables.
    fn macs(&self, output: Shape) -> u64 {
        let side =
            |size: usize, stride: usize, kernel: usize, dilation: usize, padding: usize, behind: usize| {
                (size + padding).saturating_sub(behind + dilation * (kernel - 1) + 1) / stride + 1
            };
        let (top, bottom) = self.padding.rows();
        let (left, right) = self.padding.columns();
        let height = side(
            output.height,
            self.stride.0,
            self.kernel.0,
            self.dilation.0,
            top + bottom,
            self.output_padding.0,
        );
        let width = side(
            output.width,
            self.stride.1,
            self.kernel.1,
            self.dilation.1,
            left + right,
            self.output_padding.1,
        );
        product(&[
            height,
            width,
            self.kernel.0,
            self.kernel.1,
            self.out_channels / self.groups,
            self.in_channels,
        ])
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let (w, bias, x) = (weight("weight"), weight("bias"), inputs[0]);
        let (in_group, out_group) = (self.in_channels / self.groups, self.out_channels / self.groups);
        let channels = (0..output.len()).map(|i| i / output.area());
        let mut y: Vec<f64> = channels.map(|c| bias.get(c).copied().unwrap_or(0.0)).collect();
        for from in 0..self.in_channels {
            for (row, column) in pairs((x.shape.height, x.shape.width)) {
                let value = x.values[(from * x.shape.height + row) * x.shape.width + column];
                for o in 0..out_group {
                    let to = from / in_group * out_group + o;
                    for (ki, kj) in pairs(self.kernel) {
                        let at = (
                            (row * self.stride.0 + ki * self.dilation.0).checked_sub(self.padding.top),
                            (column * self.stride.1 + kj * self.dilation.1).checked_sub(self.padding.left),
                        );
                        if let (Some(row), Some(column)) = at
                            && row < output.height
                            && column < output.width
                        {
                            let tap = ((from * out_group + o) * self.kernel.0 + ki) * self.kernel.1 + kj;
                            y[(to * output.height + row) * output.width + column] += value * w[tap];
                        }
                    }
                }
            }
        }
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let mut inputs = vec![graph.map(layer.inputs[0], layer.name), graph.weight(layer, "weight")];
        if self.bias {
            inputs.push(graph.weight(layer, "bias"));
        }
        let attributes = vec![
            int("group", self.groups),
            pair("kernel_shape", self.kernel),
            pair("strides", self.stride),
            pads(self.padding),
            pair("output_padding", self.output_padding),
            pair("dilations", self.dilation),
        ];
        layer.output(graph.emit("ConvTranspose", layer.name, inputs, attributes), 4)
    }
}

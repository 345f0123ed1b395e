//! Convolutions: over positions, and across channels.

use crate::onnx::builder::{Builder, Layer, Value, int, ints, pads, pair};
use crate::shape::Shape;

use super::window::{self, Padding, pairs, pixel, positions};
use super::{Map, Operator, Placement, Role, expect_channels, expect_count, one, product, trained};

/// Two-dimensional cross-correlation. Weights: `weight` (out, in/groups, kh, kw), `bias` (out).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Channels read.
    pub in_channels: usize,
    /// Channels written.
    pub out_channels: usize,
    /// Kernel size (rows, columns).
    pub kernel: (usize, usize),
    /// Step (rows, columns).
    pub stride: (usize, usize),
    /// Zeros added on each side.
    pub padding: Padding,
    /// Distance between kernel taps (rows, columns).
    pub dilation: (usize, usize),
    /// Number of groups; `groups == in_channels == out_channels > 1` is a depthwise convolution.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Conv2d {
    /// A square kernel with padding `kernel / 2`, no dilation, one group and no bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize, stride: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel: (kernel, kernel),
            stride: (stride, stride),
            padding: (kernel / 2, kernel / 2).into(),
            dilation: (1, 1),
            groups: 1,
            bias: false,
        }
    }

    /// The same convolution in `groups` groups.
    pub fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// One filter a channel.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels && self.groups == self.out_channels
    }
}

impl Operator for Conv2d {
    fn name(&self) -> &'static str {
        if self.is_depthwise() { "DepthwiseConv2d" } else { "Conv2d" }
    }

    fn detail(&self) -> String {
        let window = window::describe(self.kernel, self.stride);
        if self.groups > 1 && !self.is_depthwise() { format!("{window} g{}", self.groups) } else { window }
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        let Self { in_channels, out_channels, groups, .. } = *self;
        expect_channels(x, in_channels)?;
        expect_count("out_channels", out_channels)?;
        if groups == 0 || !in_channels.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
            return Err(format!(
                "groups = {groups} must divide in_channels = {in_channels} and out_channels = {out_channels}"
            ));
        }
        let height =
            window::count(x.height, self.kernel.0, self.stride.0, self.padding.rows(), self.dilation.0)?;
        let width =
            window::count(x.width, self.kernel.1, self.stride.1, self.padding.columns(), self.dilation.1)?;
        Ok(Shape::new(out_channels, height, width))
    }

    fn tensors(&self, visit: &mut dyn FnMut(Role<'_>)) {
        let shape = [self.out_channels, self.in_channels / self.groups, self.kernel.0, self.kernel.1];
        visit(trained("weight", &shape));
        if self.bias {
            visit(trained("bias", &[self.out_channels]));
        }
    }

    /// Ho Wo kh kw (Cin / groups) Cout.
    fn macs(&self, output: Shape) -> u64 {
        product(&[output.len(), self.kernel.0, self.kernel.1, self.in_channels / self.groups])
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let (w, bias) = (weight("weight"), weight("bias"));
        let (in_group, out_group) = (self.in_channels / self.groups, self.out_channels / self.groups);
        let mut y = Vec::with_capacity(output.len());
        positions(output, |channel, row, column| {
            let mut sum = bias.get(channel).copied().unwrap_or(0.0);
            for i in 0..in_group {
                let plane = channel / out_group * in_group + i;
                for (ki, kj) in pairs(self.kernel) {
                    let row = row * self.stride.0 + ki * self.dilation.0;
                    let column = column * self.stride.1 + kj * self.dilation.1;
                    if let Some(v) = pixel(&inputs[0], plane, (row, column), &self.padding) {
                        sum += v * w[((channel * in_group + i) * self.kernel.0 + ki) * self.kernel.1 + kj];
                    }
                }
            }
            y.push(sum);
        });
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
            pair("dilations", self.dilation),
        ];
        layer.output(graph.emit("Conv", layer.name, inputs, attributes), 4)
    }
}

/// One-dimensional convolution ACROSS channels of a (c, 1, 1) map with zero padding `kernel / 2` (ECA, Wang
/// et al. 2020). Weights: `weight` (1, 1, kernel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelConv {
    /// Odd kernel size.
    pub kernel: usize,
}

impl Operator for ChannelConv {
    fn name(&self) -> &'static str {
        "ChannelConv"
    }

    fn detail(&self) -> String {
        format!(" {}", self.kernel)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        if x.area() != 1 || self.kernel.is_multiple_of(2) {
            return Err(format!("a (c, 1, 1) map and an odd kernel expected, got {x} and {}", self.kernel));
        }
        Ok(x)
    }

    fn tensors(&self, visit: &mut dyn FnMut(Role<'_>)) {
        visit(trained("weight", &[1, 1, self.kernel]));
    }

    fn macs(&self, output: Shape) -> u64 {
        product(&[output.len(), self.kernel])
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let (x, w) = (inputs[0].values, weight("weight"));
        let tap = |c: usize, k: usize| (c + k).checked_sub(self.kernel / 2).and_then(|i| x.get(i));
        (0..x.len()).map(|c| (0..self.kernel).filter_map(|k| tap(c, k).map(|v| v * w[k])).sum()).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let name = layer.name;
        let x = graph.value(layer.inputs[0]).name;
        let x = graph.reshape(&format!("{name}/row"), x, &[0, 1, layer.shape.channels as i64]);
        let side = (self.kernel / 2) as i64;
        let attributes = vec![ints("kernel_shape", vec![self.kernel as i64]), ints("pads", vec![side, side])];
        let inputs = vec![x, graph.weight(layer, "weight")];
        let x = graph.emit("Conv", &format!("{name}/conv"), inputs, attributes);
        layer.output(graph.reshape_to_map(name, x, layer.shape), 4)
    }
}

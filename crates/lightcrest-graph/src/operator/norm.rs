//! Normalisation, and the affine map of each channel that is left of it.

use crate::onnx::builder::{Builder, Layer, Value, float};
use crate::shape::Shape;

use super::window::positions;
use super::{Map, Operator, Placement, Role, Start, expect_channels, one};

/// Added to the variance in batch normalisation, unless a network that was read says otherwise.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// Weight of the newest batch in the running statistics of batch normalisation.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// Batch normalisation over `channels`. Weights: `weight`, `bias`, `running_mean`, `running_var`, each
/// (channels).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Channels normalised.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f64,
    /// Weight of the newest batch in the running statistics; ONNX and Keras state 1 minus it.
    pub momentum: f64,
}

impl BatchNorm {
    /// Of `channels` channels, with [`BATCH_NORM_EPSILON`] and [`BATCH_NORM_MOMENTUM`].
    pub fn new(channels: usize) -> Self {
        Self { channels, epsilon: BATCH_NORM_EPSILON, momentum: BATCH_NORM_MOMENTUM }
    }
}

/// A tensor with one value a channel, which starts at `value`.
fn per_channel<'a>(name: &'static str, channels: &'a [usize], trained: bool, value: f32) -> Role<'a> {
    Role { name, shape: channels, trained, start: Start::Constant(value) }
}

impl Operator for BatchNorm {
    fn name(&self) -> &'static str {
        "BatchNorm"
    }

    fn detail(&self) -> String {
        if self.epsilon == BATCH_NORM_EPSILON { String::new() } else { format!(" eps {:e}", self.epsilon) }
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        expect_channels(x, self.channels)?;
        let Self { epsilon, momentum, .. } = *self;
        // an epsilon of zero is allowed: some programs write it when they fold the true one into the variance
        if !(0.0..1.0).contains(&epsilon) || !(0.0..=1.0).contains(&momentum) {
            return Err(format!(
                "epsilon must be in [0, 1) and momentum in [0, 1], got {epsilon}, {momentum}"
            ));
        }
        Ok(x)
    }

    fn tensors(&self, visit: &mut dyn FnMut(Role<'_>)) {
        // the identity before any training
        for (name, trained, value) in [
            ("weight", true, 1.0),
            ("bias", true, 0.0),
            ("running_mean", false, 0.0),
            ("running_var", false, 1.0),
        ] {
            visit(per_channel(name, &[self.channels], trained, value));
        }
    }

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::InPlace
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let x = inputs[0].values;
        let (gamma, beta) = (weight("weight"), weight("bias"));
        let (mean, var) = (weight("running_mean"), weight("running_var"));
        let mut y = Vec::with_capacity(output.len());
        positions(output, |c, _, _| {
            y.push((x[y.len()] - mean[c]) / (var[c] + self.epsilon).sqrt() * gamma[c] + beta[c]);
        });
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let Value { name: x, rank, .. } = graph.value(layer.inputs[0]);
        let roles = ["weight", "bias", "running_mean", "running_var"];
        let mut inputs = vec![x];
        inputs.extend(roles.map(|role| graph.weight(layer, role)));
        let epsilon = float("epsilon", self.epsilon as f32);
        layer.output(graph.emit("BatchNormalization", layer.name, inputs, vec![epsilon]), rank)
    }
}

/// y = weight x + bias, channel by channel: what is left of a batch normalisation that was folded away, a
/// layer scale, or the normalisation of pixels. Weights: `weight` (channels) and `bias` (channels), as far as
/// they are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Affine {
    /// Channels.
    pub channels: usize,
    /// Whether there is a weight.
    pub weight: bool,
    /// Whether there is a bias.
    pub bias: bool,
    /// Whether training changes them; constants stay as they are.
    pub trained: bool,
}

impl Operator for Affine {
    fn name(&self) -> &'static str {
        "Affine"
    }

    fn detail(&self) -> String {
        if self.trained { String::new() } else { " constant".into() }
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        expect_channels(x, self.channels)?;
        if self.weight || self.bias { Ok(x) } else { Err("a weight or a bias expected".into()) }
    }

    fn tensors(&self, visit: &mut dyn FnMut(Role<'_>)) {
        if self.weight {
            visit(per_channel("weight", &[self.channels], self.trained, 1.0));
        }
        if self.bias {
            visit(per_channel("bias", &[self.channels], self.trained, 0.0));
        }
    }

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::InPlace
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let (x, w, b) = (inputs[0].values, weight("weight"), weight("bias"));
        let mut y = Vec::with_capacity(output.len());
        positions(output, |c, _, _| {
            let factor = w.get(c).copied().unwrap_or(1.0);
            y.push(x[y.len()] * factor + b.get(c).copied().unwrap_or(0.0));
        });
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let Value { name: mut x, rank, .. } = graph.value(layer.inputs[0]);
        let steps = [(self.weight, "weight", "Mul"), (self.bias, "bias", "Add")];
        let steps: Vec<_> = steps.into_iter().filter(|step| step.0).collect();
        for (i, (_, role, op)) in steps.iter().enumerate() {
            let mut factor = graph.weight(layer, role);
            if rank == 4 {
                let sizes = [1, self.channels as i64, 1, 1];
                factor = graph.reshape(&format!("{}/{role}", layer.name), factor, &sizes);
            }
            let last = i + 1 == steps.len();
            let name = if last { layer.name.to_owned() } else { format!("{}/{op}", layer.name) };
            x = graph.emit(op, &name, vec![x, factor], vec![]);
        }
        layer.output(x, rank)
    }
}

/// Normalisation over the channels of each position (Ba et al. 2016; ConvNeXt's form of it): y = (x - mean) /
/// sqrt(var + epsilon) weight + bias. Weights: `weight` (channels), `bias` (channels) if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// Channels.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether there is a bias.
    pub bias: bool,
}

impl Operator for LayerNorm {
    fn name(&self) -> &'static str {
        "LayerNorm"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        expect_channels(x, self.channels)?;
        if self.epsilon > 0.0 {
            Ok(x)
        } else {
            Err(format!("epsilon must be positive, but is {}", self.epsilon))
        }
    }

    fn tensors(&self, visit: &mut dyn FnMut(Role<'_>)) {
        visit(per_channel("weight", &[self.channels], true, 1.0));
        if self.bias {
            visit(per_channel("bias", &[self.channels], true, 0.0));
        }
    }

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::InPlace
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let (x, gamma, beta) = (inputs[0].values, weight("weight"), weight("bias"));
        let (area, n) = (output.area(), output.channels as f64);
        let mut y = vec![0.0; output.len()];
        for position in 0..area {
            let at = |c: usize| c * area + position;
            let mean = (0..output.channels).map(|c| x[at(c)]).sum::<f64>() / n;
            let var = (0..output.channels).map(|c| (x[at(c)] - mean).powi(2)).sum::<f64>() / n;
            for c in 0..output.channels {
                let normal = (x[at(c)] - mean) / (var + self.epsilon).sqrt();
                y[at(c)] = normal * gamma[c] + beta.get(c).copied().unwrap_or(0.0);
            }
        }
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let Value { name: x, rank, .. } = graph.value(layer.inputs[0]);
        let name = layer.name;
        let mut inputs = vec![match rank {
            4 => graph.transpose(&format!("{name}/last"), x, &[0, 2, 3, 1]),
            _ => x,
        }];
        inputs.push(graph.weight(layer, "weight"));
        if self.bias {
            inputs.push(graph.weight(layer, "bias"));
        }
        let epsilon = float("epsilon", self.epsilon as f32);
        let step = if rank == 4 { format!("{name}/norm") } else { name.to_owned() };
        let y = graph.emit("LayerNormalization", &step, inputs, vec![epsilon]);
        let y = if rank == 4 { graph.transpose(name, y, &[0, 3, 1, 2]) } else { y };
        layer.output(y, rank)
    }
}

/// Local response normalisation (Krizhevsky et al. 2012): y = x / (offset + alpha / size * s)^beta, s being
/// the sum of the squares of `size` neighbouring channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalNorm {
    /// Channels summed: (size - 1) / 2 before, size / 2 behind.
    pub size: usize,
    /// Weight of the squares.
    pub alpha: f64,
    /// Power.
    pub beta: f64,
    /// Added to the squares.
    pub offset: f64,
}

impl LocalNorm {
    /// Channels before a channel that count.
    pub fn before(&self) -> usize {
        (self.size - 1) / 2
    }
}

impl Operator for LocalNorm {
    fn name(&self) -> &'static str {
        "LocalNorm"
    }

    fn detail(&self) -> String {
        format!(" {}", self.size)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        if self.size == 0 || self.offset <= 0.0 || self.alpha < 0.0 {
            let Self { size, alpha, offset, .. } = self;
            return Err(format!(
                "size and offset must be positive and alpha not negative, got {size}, {offset}, {alpha}"
            ));
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

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let (x, area) = (inputs[0].values, output.area());
        let square = |c: usize, position: usize| x[c * area + position].powi(2);
        let value = |i: usize| {
            let (c, position) = (i / area, i % area);
            let (first, end) = (c.saturating_sub(self.before()), c + self.size - self.before());
            let sum: f64 = (first..end.min(output.channels)).map(|c| square(c, position)).sum();
            x[i] / (self.offset + self.alpha / self.size as f64 * sum).powf(self.beta)
        };
        (0..output.len()).map(value).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let x = graph.map(layer.inputs[0], layer.name);
        let attributes = vec![
            crate::onnx::builder::int("size", self.size),
            float("alpha", self.alpha as f32),
            float("beta", self.beta as f32),
            float("bias", self.offset as f32),
        ];
        layer.output(graph.emit("LRN", layer.name, vec![x], attributes), 4)
    }
}

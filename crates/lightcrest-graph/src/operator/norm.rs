//! Normalisation.

use crate::onnx::builder::{Builder, Layer, Value, float};
use crate::shape::Shape;

use super::window::positions;
use super::{Map, Operator, Placement, Role, Start, expect_channels, one};

/// Added to the variance in batch normalisation.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// Weight of the newest batch in the running statistics of batch normalisation.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// Batch normalisation over `channels`, eps [`BATCH_NORM_EPSILON`], running statistics with momentum
/// [`BATCH_NORM_MOMENTUM`]. Weights: `weight`, `bias`, `running_mean`, `running_var`, each (channels).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchNorm {
    /// Channels normalised.
    pub channels: usize,
}

impl BatchNorm {
    /// Of `channels` channels.
    pub fn new(channels: usize) -> Self {
        Self { channels }
    }
}

impl Operator for BatchNorm {
    fn name(&self) -> &'static str {
        "BatchNorm"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        expect_channels(x, self.channels)?;
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
            visit(Role { name, shape: &[self.channels], trained, start: Start::Constant(value) });
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
            y.push((x[y.len()] - mean[c]) / (var[c] + BATCH_NORM_EPSILON).sqrt() * gamma[c] + beta[c]);
        });
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let Value { name: x, rank, .. } = graph.value(layer.inputs[0]);
        let roles = ["weight", "bias", "running_mean", "running_var"];
        let mut inputs = vec![x];
        inputs.extend(roles.map(|role| graph.weight(layer, role)));
        let epsilon = float("epsilon", BATCH_NORM_EPSILON as f32);
        layer.output(graph.emit("BatchNormalization", layer.name, inputs, vec![epsilon]), rank)
    }
}

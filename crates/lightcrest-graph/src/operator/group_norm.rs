//! Normalisation of groups of channels, image by image.

use crate::onnx::builder::{Builder, Layer, Value, float};
use crate::shape::Shape;

use super::{Map, Operator, Placement, Role, one};

/// Normalisation of each image over the positions of a group of channels (Wu & He 2018); with as many groups
/// as channels it is instance normalisation (Ulyanov et al. 2016): y = (x - mean) / sqrt(var + epsilon).
/// Scale and shift, where there are any, are an [`Affine`](super::Affine) behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupNorm {
    /// Groups that the channels fall into, in their order.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Operator for GroupNorm {
    fn name(&self) -> &'static str {
        "GroupNorm"
    }

    fn detail(&self) -> String {
        format!(" {}", self.groups)
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        let Self { groups, epsilon } = *self;
        if groups == 0 || !x.channels.is_multiple_of(groups) {
            return Err(format!("groups = {groups} must divide the {} channels", x.channels));
        }
        if epsilon > 0.0 { Ok(x) } else { Err(format!("epsilon must be positive, but is {epsilon}")) }
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::InPlace
    }

    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let size = output.len() / self.groups;
        let mut y = Vec::with_capacity(output.len());
        for group in inputs[0].values.chunks_exact(size) {
            let mean = group.iter().sum::<f64>() / size as f64;
            let var = group.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / size as f64;
            y.extend(group.iter().map(|x| (x - mean) / (var + self.epsilon).sqrt()));
        }
        y
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let (name, groups) = (layer.name, self.groups as i64);
        let x = graph.map(layer.inputs[0], name);
        let whole = self.groups == layer.shape.channels;
        // The opset has the normalisation of single channels alone: a group is one, laid out in a row.
        let x = if whole { x } else { graph.reshape(&format!("{name}/groups"), x, &[0, groups, -1]) };
        let scale = graph.floats(&format!("{name}/ones"), &[groups], &vec![1.0; self.groups]);
        let shift = graph.floats(&format!("{name}/zeros"), &[groups], &vec![0.0; self.groups]);
        let epsilon = float("epsilon", self.epsilon as f32);
        let step = if whole { name.to_owned() } else { format!("{name}/norm") };
        let y = graph.emit("InstanceNormalization", &step, vec![x, scale, shift], vec![epsilon]);
        let y = if whole { y } else { graph.reshape_to_map(name, y, layer.shape) };
        layer.output(y, 4)
    }
}

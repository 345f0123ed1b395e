//! Any channels in any order.

use crate::onnx::builder::{Builder, Layer, Value, int};
use crate::shape::Shape;

use super::{Map, Operator, Placement, Role, one};

/// Channel i of the output is channel `channels[i]` of the input; one may stand there several times.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gather {
    /// The channels read.
    pub channels: Vec<usize>,
}

impl Operator for Gather {
    fn name(&self) -> &'static str {
        "Gather"
    }

    fn detail(&self) -> String {
        format!(" {}", self.channels.len())
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        if self.channels.is_empty() {
            return Err("at least one channel expected".into());
        }
        match self.channels.iter().find(|&&channel| channel >= x.channels) {
            Some(channel) => Err(format!("channel {channel} of {} asked for", x.channels)),
            None => Ok(Shape { channels: self.channels.len(), ..x }),
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
        let area = inputs[0].shape.area();
        let plane = |&c: &usize| inputs[0].values[c * area..][..area].iter().copied();
        self.channels.iter().flat_map(plane).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let Value { name: x, rank, .. } = graph.value(layer.inputs[0]);
        let channels: Vec<i64> = self.channels.iter().map(|&c| c as i64).collect();
        let channels = graph.ints(&format!("{}/channels", layer.name), &channels);
        layer.output(graph.emit("Gather", layer.name, vec![x, channels], vec![int("axis", 1)]), rank)
    }
}

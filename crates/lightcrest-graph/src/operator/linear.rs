//! Fully connected layers.

use crate::onnx::builder::{Builder, Layer, Value, int};
use crate::shape::Shape;

use super::{Map, Operator, Placement, Role, expect_channels, expect_count, one, product, trained};

/// Fully connected layer. Weights: `weight` (out, in), `bias` (out).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Linear {
    /// Features read.
    pub in_features: usize,
    /// Features written.
    pub out_features: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Operator for Linear {
    fn name(&self) -> &'static str {
        "Linear"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        if x.area() != 1 {
            return Err(format!("a vector is expected, {x} arrives; flatten or pool first"));
        }
        expect_channels(x, self.in_features)?;
        expect_count("out_features", self.out_features)?;
        Ok(Shape::vector(self.out_features))
    }

    fn tensors(&self, visit: &mut dyn FnMut(Role<'_>)) {
        visit(trained("weight", &[self.out_features, self.in_features]));
        if self.bias {
            visit(trained("bias", &[self.out_features]));
        }
    }

    fn macs(&self, _: Shape) -> u64 {
        product(&[self.in_features, self.out_features])
    }

    fn placement(&self) -> Placement {
        Placement::Own
    }

    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let (x, w, bias) = (inputs[0].values, weight("weight"), weight("bias"));
        let dot = |row: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        let rows = w.chunks_exact(self.in_features).enumerate();
        rows.map(|(i, row)| dot(row) + bias.get(i).copied().unwrap_or(0.0)).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let mut inputs = vec![graph.vector(layer.inputs[0], layer.name), graph.weight(layer, "weight")];
        if self.bias {
            inputs.push(graph.weight(layer, "bias"));
        }
        layer.output(graph.emit("Gemm", layer.name, inputs, vec![int("transB", 1)]), 2)
    }
}

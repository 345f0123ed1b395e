//! Pointwise non-linearities.

use crate::onnx::builder::{Builder, Layer, Value, float};
use crate::shape::Shape;

use super::{Map, Operator, Placement, Role, one};

/// Pointwise non-linearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Activation {
    /// max(x, 0)
    ReLU,
    /// min(max(x, 0), 6)
    ReLU6,
    /// x * relu6(x + 3) / 6 (Howard et al. 2019)
    #[serde(alias = "HardSwish")]
    Hardswish,
    /// relu6(x + 3) / 6
    #[serde(alias = "HardSigmoid")]
    Hardsigmoid,
    /// x * sigmoid(x), also called SiLU
    #[serde(alias = "SiLU")]
    Swish,
    /// 1 / (1 + exp(-x))
    Sigmoid,
}

impl Activation {
    /// Its value.
    pub fn apply(self, x: f64) -> f64 {
        let hard = (x + 3.0).clamp(0.0, 6.0) / 6.0;
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        match self {
            Self::ReLU => x.max(0.0),
            Self::ReLU6 => x.clamp(0.0, 6.0),
            Self::Hardswish => x * hard,
            Self::Hardsigmoid => hard,
            Self::Swish => x * sigmoid,
            Self::Sigmoid => sigmoid,
        }
    }
}

impl Operator for Activation {
    fn name(&self) -> &'static str {
        match self {
            Self::ReLU => "ReLU",
            Self::ReLU6 => "ReLU6",
            Self::Hardswish => "Hardswish",
            Self::Hardsigmoid => "Hardsigmoid",
            Self::Swish => "Swish",
            Self::Sigmoid => "Sigmoid",
        }
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn tensors(&self, _: &mut dyn FnMut(Role<'_>)) {}

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::InPlace
    }

    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, _: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        inputs[0].values.iter().map(|&x| self.apply(x)).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let Value { name: x, rank, .. } = graph.value(layer.inputs[0]);
        let name = layer.name;
        let name = match self {
            Self::ReLU => graph.emit("Relu", name, vec![x], vec![]),
            Self::ReLU6 => {
                let low = graph.floats("relu6/low", &[], &[0.0]);
                let high = graph.floats("relu6/high", &[], &[6.0]);
                graph.emit("Clip", name, vec![x, low, high], vec![])
            }
            Self::Hardswish => graph.emit("HardSwish", name, vec![x], vec![]),
            Self::Hardsigmoid => {
                let attributes = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
                graph.emit("HardSigmoid", name, vec![x], attributes)
            }
            Self::Swish => {
                let gate = graph.emit("Sigmoid", &format!("{name}/sigmoid"), vec![x.clone()], vec![]);
                graph.emit("Mul", name, vec![x, gate], vec![])
            }
            Self::Sigmoid => graph.emit("Sigmoid", name, vec![x], vec![]),
        };
        layer.output(name, rank)
    }
}

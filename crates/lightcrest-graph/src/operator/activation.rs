//! Pointwise non-linearities.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::onnx::builder::{Builder, Layer, Value, float};
use crate::shape::Shape;

use super::{Map, Operator, Placement, Role, Start, one};

/// Pointwise non-linearity. Those that networks are built with have names in spec files; the others come from
/// networks that were read.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
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
    /// x where x > 0, else slope * x (Maas et al. 2013)
    #[serde(skip)]
    LeakyReLU {
        /// Slope below zero.
        slope: f32,
    },
    /// x where x > 0, else alpha (exp(x) - 1) (Clevert et al. 2016)
    #[serde(skip)]
    Elu {
        /// Minus the limit of small x.
        alpha: f32,
    },
    /// min(max(x, low), high)
    #[serde(skip)]
    Clip {
        /// Smallest value; minus infinity for none.
        low: f32,
        /// Largest value; infinity for none.
        high: f32,
    },
    /// min(max(slope * x + offset, 0), 1): ONNX's `HardSigmoid`
    #[serde(skip)]
    Ramp {
        /// Slope between the ends.
        slope: f32,
        /// Value at zero.
        offset: f32,
    },
    /// x * Phi(x), Phi being the normal distribution function (Hendrycks & Gimpel 2016)
    #[serde(skip)]
    Gelu,
    /// Its approximation x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
    #[serde(skip)]
    GeluTanh,
    /// erf(x) = 2 Phi(sqrt(2) x) - 1
    #[serde(skip)]
    Erf,
    /// tanh(x)
    #[serde(skip)]
    Tanh,
    /// log(1 + exp(x))
    #[serde(skip)]
    Softplus,
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
            Self::LeakyReLU { slope } => {
                if x > 0.0 {
                    x
                } else {
                    x * f64::from(slope)
                }
            }
            Self::Elu { alpha } => {
                if x > 0.0 {
                    x
                } else {
                    f64::from(alpha) * x.exp_m1()
                }
            }
            Self::Clip { low, high } => x.max(low.into()).min(high.into()),
            Self::Ramp { slope, offset } => (f64::from(slope) * x + f64::from(offset)).clamp(0.0, 1.0),
            Self::Gelu => 0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2),
            Self::GeluTanh => 0.5 * x * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh()),
            Self::Erf => libm::erf(x),
            Self::Tanh => x.tanh(),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
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
            Self::LeakyReLU { .. } => "LeakyReLU",
            Self::Elu { .. } => "ELU",
            Self::Clip { .. } => "Clip",
            Self::Ramp { .. } => "Ramp",
            Self::Gelu => "GELU",
            Self::GeluTanh => "GELU tanh",
            Self::Erf => "Erf",
            Self::Tanh => "Tanh",
            Self::Softplus => "Softplus",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::LeakyReLU { slope } => format!(" {slope}"),
            Self::Elu { alpha } => format!(" {alpha}"),
            Self::Clip { low, high } => format!(" {low}..{high}"),
            Self::Ramp { slope, offset } => format!(" {slope}, {offset}"),
            Self::ReLU
            | Self::ReLU6
            | Self::Hardswish
            | Self::Hardsigmoid
            | Self::Swish
            | Self::Sigmoid
            | Self::Gelu
            | Self::GeluTanh
            | Self::Erf
            | Self::Tanh
            | Self::Softplus => String::new(),
        }
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
        let name = match *self {
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
            Self::LeakyReLU { slope } => graph.emit("LeakyRelu", name, vec![x], vec![float("alpha", slope)]),
            Self::Elu { alpha } => graph.emit("Elu", name, vec![x], vec![float("alpha", alpha)]),
            Self::Clip { low, high } => {
                let low = graph.floats(&format!("{name}/low"), &[], &[low]);
                let high = graph.floats(&format!("{name}/high"), &[], &[high]);
                graph.emit("Clip", name, vec![x, low, high], vec![])
            }
            Self::Ramp { slope, offset } => {
                graph.emit("HardSigmoid", name, vec![x], vec![float("alpha", slope), float("beta", offset)])
            }
            Self::Gelu => gelu(graph, name, x),
            Self::GeluTanh => gelu_tanh(graph, name, x),
            Self::Erf => graph.emit("Erf", name, vec![x], vec![]),
            Self::Tanh => graph.emit("Tanh", name, vec![x], vec![]),
            Self::Softplus => graph.emit("Softplus", name, vec![x], vec![]),
        };
        layer.output(name, rank)
    }
}

/// x / 2 * (1 + erf(x / sqrt(2))): the operator `Gelu` is younger than the opset written here.
fn gelu(graph: &mut Builder<'_>, name: &str, x: String) -> String {
    let scaled = scaled(graph, &format!("{name}/scaled"), &x, FRAC_1_SQRT_2);
    let bent = graph.emit("Erf", &format!("{name}/erf"), vec![scaled], vec![]);
    half_of_sum(graph, name, x, bent)
}

fn gelu_tanh(graph: &mut Builder<'_>, name: &str, x: String) -> String {
    let square = graph.emit("Mul", &format!("{name}/square"), vec![x.clone(), x.clone()], vec![]);
    let cube = graph.emit("Mul", &format!("{name}/cube"), vec![square, x.clone()], vec![]);
    let cube = scaled(graph, &format!("{name}/share"), &cube, 0.044_715);
    let sum = graph.emit("Add", &format!("{name}/sum"), vec![x.clone(), cube], vec![]);
    let sum = scaled(graph, &format!("{name}/scaled"), &sum, (2.0 / PI).sqrt());
    let bent = graph.emit("Tanh", &format!("{name}/tanh"), vec![sum], vec![]);
    half_of_sum(graph, name, x, bent)
}

/// x times a number.
fn scaled(graph: &mut Builder<'_>, name: &str, x: &str, factor: f64) -> String {
    let factor = graph.floats(&format!("{name}/factor"), &[], &[factor as f32]);
    graph.emit("Mul", name, vec![x.into(), factor], vec![])
}

/// x / 2 * (1 + bent)
fn half_of_sum(graph: &mut Builder<'_>, name: &str, x: String, bent: String) -> String {
    let one = graph.floats("gelu/one", &[], &[1.0]);
    let half = graph.floats("gelu/half", &[], &[0.5]);
    let sum = graph.emit("Add", &format!("{name}/one"), vec![bent, one], vec![]);
    let product = graph.emit("Mul", &format!("{name}/product"), vec![x, sum], vec![]);
    graph.emit("Mul", name, vec![product, half], vec![])
}

/// x where x > 0, else x times a slope that is learnt (He et al. 2015). Weights: `weight` (channels), or (1)
/// for all channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PRelu {
    /// Slopes: as many as channels, or one.
    pub slopes: usize,
}

impl Operator for PRelu {
    fn name(&self) -> &'static str {
        "PReLU"
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let x = one(inputs)?;
        if self.slopes == 1 || self.slopes == x.channels {
            return Ok(x);
        }
        Err(format!("one slope or one a channel expected, {} given for {x}", self.slopes))
    }

    fn tensors(&self, visit: &mut dyn FnMut(Role<'_>)) {
        visit(Role { name: "weight", shape: &[self.slopes], trained: true, start: Start::Constant(0.25) });
    }

    fn macs(&self, _: Shape) -> u64 {
        0
    }

    fn placement(&self) -> Placement {
        Placement::InPlace
    }

    fn evaluate(&self, inputs: &[Map<'_>], _: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
        let (slopes, area) = (weight("weight"), inputs[0].shape.area());
        let slope = |i: usize| slopes[if self.slopes == 1 { 0 } else { i / area }];
        let values = inputs[0].values.iter().enumerate();
        values.map(|(i, &x)| if x > 0.0 { x } else { x * slope(i) }).collect()
    }

    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        let Value { name: x, rank, .. } = graph.value(layer.inputs[0]);
        let slope = graph.weight(layer, "weight");
        let slope = match rank {
            4 => graph.reshape(&format!("{}/slope", layer.name), slope, &[1, self.slopes as i64, 1, 1]),
            _ => slope,
        };
        layer.output(graph.emit("PRelu", layer.name, vec![x, slope], vec![]), rank)
    }
}

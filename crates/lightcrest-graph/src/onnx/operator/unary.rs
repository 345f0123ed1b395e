//! Functions of single elements.

use super::super::array::{Array, Data};
use super::super::proto::element;
use super::{Fact, Operands, Operator, Site, need};

/// Functions of single elements that keep their type; parameters are attributes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unary {
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Ceil,
    Celu,
    Cos,
    Cosh,
    Elu,
    Erf,
    Exp,
    Floor,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Log,
    Mish,
    Neg,
    Reciprocal,
    Relu,
    Round,
    Selu,
    Shrink,
    Sigmoid,
    Sign,
    Sin,
    Sinh,
    Softplus,
    Softsign,
    Sqrt,
    Swish,
    Tan,
    Tanh,
    ThresholdedRelu,
}

/// Functions of single elements whose value is true or false.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Test {
    IsInf,
    IsNan,
    Not,
}

impl Operator for Unary {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        Ok(vec![Fact::maybe(x.element, x.shape.clone())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let mut x = inputs.take(0)?;
        match &mut x.data {
            Data::F32(values) => self.apply(at, values),
            Data::F64(values) => {
                let mut narrow: Vec<f32> = values.iter().map(|&v| v as f32).collect();
                self.apply(at, &mut narrow);
                // Doubles are met in constants of shapes alone: what is exact there must stay so.
                for (value, narrow) in values.iter_mut().zip(narrow) {
                    *value = self.exact(*value).unwrap_or_else(|| narrow.into());
                }
            }
            Data::I64(values) => {
                self.whole(values, |v| v.wrapping_abs(), |v| v.wrapping_neg(), i64::signum)?
            }
            Data::I32(values) => {
                self.whole(values, |v| v.wrapping_abs(), |v| v.wrapping_neg(), i32::signum)?
            }
            Data::I8(values) => self.whole(values, |v| v.wrapping_abs(), |v| v.wrapping_neg(), i8::signum)?,
            Data::U8(values) => self.whole(values, |v| v, |v| v.wrapping_neg(), |v| v.min(1))?,
            Data::Bool(_) => return Err("of BOOL elements".into()),
        }
        Ok(vec![x])
    }
}

/// A slice mapped in place.
fn each(values: &mut [f32], f: impl Fn(f32) -> f32) {
    for value in values {
        *value = f(*value);
    }
}

/// `1 / (1 + e^-x)`, exact in both tails.
pub(crate) fn sigmoid(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// `ln(1 + e^x)`.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `x Phi(x)`.
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// [`gelu`] with the hyperbolic tangent in place of the error function.
fn gelu_tanh(x: f32) -> f32 {
    let inner = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + inner.tanh())
}

impl Unary {
    /// The function of f32, element by element.
    pub(super) fn apply(self, at: &Site<'_>, values: &mut [f32]) {
        let float = |name: &str, default: f32| at.node.float_or(name, default);
        match self {
            Unary::Abs => each(values, f32::abs),
            Unary::Acos => each(values, f32::acos),
            Unary::Acosh => each(values, |x| f64::from(x).acosh() as f32),
            Unary::Asin => each(values, f32::asin),
            Unary::Asinh => each(values, |x| f64::from(x).asinh() as f32),
            Unary::Atan => each(values, f32::atan),
            Unary::Atanh => each(values, |x| f64::from(x).atanh() as f32),
            Unary::Ceil => each(values, f32::ceil),
            Unary::Celu => {
                let alpha = float("alpha", 1.0);
                each(values, |x| x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0));
            }
            Unary::Cos => each(values, f32::cos),
            Unary::Cosh => each(values, f32::cosh),
            Unary::Elu => {
                let alpha = float("alpha", 1.0);
                each(values, |x| if x < 0.0 { alpha * x.exp_m1() } else { x });
            }
            Unary::Erf => each(values, libm::erff),
            Unary::Exp => each(values, f32::exp),
            Unary::Floor => each(values, f32::floor),
            Unary::Gelu if at.node.string_or("approximate", "none") == "tanh" => each(values, gelu_tanh),
            Unary::Gelu => each(values, gelu),
            Unary::HardSigmoid => {
                let (alpha, beta) = (float("alpha", 0.2), float("beta", 0.5));
                each(values, |x| (alpha * x + beta).clamp(0.0, 1.0));
            }
            Unary::HardSwish => each(values, |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
            Unary::LeakyRelu => {
                let alpha = float("alpha", 0.01);
                each(values, |x| if x < 0.0 { alpha * x } else { x });
            }
            Unary::Log => each(values, f32::ln),
            Unary::Mish => each(values, |x| x * softplus(x).tanh()),
            Unary::Neg => each(values, |x| -x),
            Unary::Reciprocal => each(values, |x| 1.0 / x),
            // Not `max`, which would turn NaN into 0.
            Unary::Relu => each(values, |x| if x < 0.0 { 0.0 } else { x }),
            Unary::Round => each(values, f32::round_ties_even),
            Unary::Selu => {
                let (alpha, gamma) = (float("alpha", 1.673_263_2), float("gamma", 1.050_701));
                each(values, |x| gamma * if x > 0.0 { x } else { alpha * x.exp_m1() });
            }
            Unary::Shrink => {
                let (bias, lambda) = (float("bias", 0.0), float("lambd", 0.5));
                each(values, |x| {
                    if x < -lambda {
                        x + bias
                    } else if x > lambda {
                        x - bias
                    } else {
                        0.0
                    }
                });
            }
            Unary::Sigmoid => each(values, sigmoid),
            Unary::Sign => each(values, |x| if x == 0.0 || x.is_nan() { x } else { x.signum() }),
            Unary::Sin => each(values, f32::sin),
            Unary::Sinh => each(values, f32::sinh),
            Unary::Softplus => each(values, softplus),
            Unary::Softsign => each(values, |x| x / (1.0 + x.abs())),
            Unary::Sqrt => each(values, f32::sqrt),
            Unary::Swish => {
                let alpha = float("alpha", 1.0);
                each(values, |x| x * sigmoid(alpha * x));
            }
            Unary::Tan => each(values, f32::tan),
            Unary::Tanh => each(values, f32::tanh),
            Unary::ThresholdedRelu => {
                let alpha = float("alpha", 1.0);
                each(values, |x| if x > alpha { x } else { 0.0 });
            }
        }
    }

    /// The function of f64, where arithmetic on shapes needs it.
    fn exact(self, x: f64) -> Option<f64> {
        Some(match self {
            Unary::Abs => x.abs(),
            Unary::Ceil => x.ceil(),
            Unary::Exp => x.exp(),
            Unary::Floor => x.floor(),
            Unary::Log => x.ln(),
            Unary::Neg => -x,
            Unary::Reciprocal => 1.0 / x,
            Unary::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Unary::Round => x.round_ties_even(),
            Unary::Sqrt => x.sqrt(),
            _ => return None,
        })
    }

    fn whole<T: Copy + PartialOrd + Default>(
        self,
        values: &mut [T],
        abs: fn(T) -> T,
        neg: fn(T) -> T,
        sign: fn(T) -> T,
    ) -> Result<(), String> {
        let f = match self {
            Unary::Abs => abs,
            Unary::Neg => neg,
            Unary::Sign => sign,
            Unary::Relu => |value: T| if value < T::default() { T::default() } else { value },
            _ => return Err("of whole numbers".into()),
        };
        for value in values {
            *value = f(*value);
        }
        Ok(())
    }
}

impl Operator for Test {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        Ok(vec![Fact::maybe(Some(element::BOOL), need(inputs, 0)?.shape.clone())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let x = inputs.take(0)?;
        let positive = at.node.int_or("detect_positive", 1) != 0;
        let negative = at.node.int_or("detect_negative", 1) != 0;
        let infinite = |x: f64| x.is_infinite() && if x > 0.0 { positive } else { negative };
        let values = match (self, &x.data) {
            (Test::Not, Data::Bool(values)) => values.iter().map(|value| !value).collect(),
            (Test::IsNan, Data::F32(values)) => values.iter().map(|value| value.is_nan()).collect(),
            (Test::IsNan, Data::F64(values)) => values.iter().map(|value| value.is_nan()).collect(),
            (Test::IsInf, Data::F32(values)) => values.iter().map(|&value| infinite(value.into())).collect(),
            (Test::IsInf, Data::F64(values)) => values.iter().map(|&value| infinite(value)).collect(),
            _ => return Err(format!("of elements of type {}", x.element())),
        };
        Ok(vec![Array { shape: x.shape, data: Data::Bool(values) }])
    }
}

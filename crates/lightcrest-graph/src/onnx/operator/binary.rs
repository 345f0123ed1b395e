//! Functions of elements of several arrays that broadcast: arithmetic, comparison, logic, `Where`.

use super::super::array::{Array, Data};
use super::super::facts::Dim;
use super::super::proto::element;
use super::broadcast::{broadcast, expanded, zip};
use super::{Fact, Number, Operands, Operator, Site, axis_of, need};

/// Functions of two elements, or of a list of them for the last four.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Mod,
    PRelu,
    BitAnd,
    BitOr,
    BitXor,
    BitShift,
    Sum,
    Mean,
    Max,
    Min,
}

/// Functions of two elements whose value is true or false.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Compare {
    And,
    Or,
    Xor,
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// `Where`.
pub(super) struct Where;

/// Shapes of the inputs, with the axes that an old opset's `axis` lays the second against.
fn shapes(at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Option<Vec<Vec<Dim>>>, String> {
    let mut shapes = Vec::with_capacity(inputs.len());
    for slot in 0..inputs.len() {
        match &need(inputs, slot)?.shape {
            Some(shape) => shapes.push(shape.clone()),
            None => return Ok(None),
        }
    }
    if let [a, b] = shapes.as_mut_slice() {
        let behind = axes_behind(at, a.len(), b.len())?;
        b.extend(vec![Dim::Known(1); behind]);
    }
    if at.node.op_type == "PRelu"
        && let [a, b] = shapes.as_slice()
        && b.len() > a.len()
    {
        return Err(format!("a slope of {} axes for an input of {}", b.len(), a.len()));
    }
    Ok(Some(shapes))
}

fn common(at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Option<Vec<Dim>>, String> {
    if inputs.is_empty() {
        return Err("there is no input".into());
    }
    let Some(shapes) = shapes(at, inputs)? else { return Ok(None) };
    let shapes: Vec<&[Dim]> = shapes.iter().map(Vec::as_slice).collect();
    broadcast(&shapes).map(Some)
}

/// How many axes of size 1 an old opset puts behind those of the second input: its `axis` says where they
/// begin, and a slope of `PRelu` is that of a channel.
fn axes_behind(at: &Site<'_>, a: usize, b: usize) -> Result<usize, String> {
    if at.opset >= 7 {
        return Ok(0);
    }
    let axis = match (at.node.op_type.as_str(), at.node.int("axis")) {
        ("PRelu", _) if b == 1 && a > 1 => 1,
        (_, Some(axis)) if at.node.int_or("broadcast", 0) != 0 => axis_of(axis, a)?,
        _ => return Ok(0),
    };
    Ok(a.saturating_sub(axis + b))
}

/// An operand with the axes that an old opset puts behind its own.
fn aligned(at: &Site<'_>, a: &Array, b: &mut Array) -> Result<(), String> {
    let behind = axes_behind(at, a.shape.len(), b.shape.len())?;
    b.shape.extend(vec![1; behind]);
    Ok(())
}

fn sizes_of(a: &Array, b: &Array) -> Result<Vec<usize>, String> {
    let known = |array: &Array| -> Vec<Dim> { array.shape.iter().map(|&size| Dim::Known(size)).collect() };
    let dims = broadcast(&[&known(a), &known(b)])?;
    Ok(dims.iter().filter_map(Dim::known).collect())
}

impl Operator for Binary {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let shape = common(at, inputs)?;
        let element = match self {
            Binary::Pow => need(inputs, 0)?.element,
            _ => inputs.iter().flatten().find_map(|fact| fact.element),
        };
        Ok(vec![Fact::maybe(element, shape)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let count = inputs.len();
        let mut result = inputs.take(0)?;
        for slot in 1..count {
            let mut next = inputs.take(slot)?;
            aligned(at, &result, &mut next)?;
            result = self.pair(at, result, &next)?;
        }
        if *self == Binary::Mean {
            match &mut result.data {
                Data::F32(values) => values.iter_mut().for_each(|value| *value /= count as f32),
                Data::F64(values) => values.iter_mut().for_each(|value| *value /= count as f64),
                _ => return Err("of whole numbers".into()),
            }
        }
        Ok(vec![result])
    }

    fn partial(&self, _at: &Site<'_>, inputs: &[Option<&Fact>], output: &Fact) -> Option<Vec<Number>> {
        let [Some(a), Some(b)] = inputs else { return None };
        let [count] = output.shape.as_deref().and_then(|shape| match shape {
            [] => Some([1]),
            [size] => size.known().map(|size| [size]),
            _ => None,
        })?;
        let (a, b) = (a.partial()?, b.partial()?);
        let at = |list: &[Number], i: usize| {
            if list.len() == 1 { list.first().cloned() } else { list.get(i).cloned() }
        };
        (0..count).map(|i| Some(self.free(&at(&a, i)?, &at(&b, i)?))).collect()
    }
}

impl Binary {
    /// A function of two elements of which one or both are free.
    fn free(self, a: &Number, b: &Number) -> Number {
        use Number::{Known, Named, Unknown};
        match (self, a, b) {
            (Binary::Add | Binary::Sum, Known(0), x)
            | (Binary::Add | Binary::Sum | Binary::Sub, x, Known(0)) => x.clone(),
            (Binary::Mul, Known(1), x) | (Binary::Mul | Binary::Div, x, Known(1)) => x.clone(),
            (Binary::Mul, Known(0), _) | (Binary::Mul, _, Known(0)) => Known(0),
            (Binary::Max | Binary::Min, a, b) if a == b && *a != Unknown => a.clone(),
            // A size is never below 0.
            (Binary::Max, x @ Named(_), Known(..=0)) | (Binary::Max, Known(..=0), x @ Named(_)) => x.clone(),
            (_, Known(a), Known(b)) => match self {
                Binary::Add | Binary::Sum => a.checked_add(*b).map_or(Unknown, Known),
                Binary::Sub => a.checked_sub(*b).map_or(Unknown, Known),
                Binary::Mul => a.checked_mul(*b).map_or(Unknown, Known),
                Binary::Div => a.checked_div(*b).map_or(Unknown, Known),
                Binary::Max => Known(*a.max(b)),
                Binary::Min => Known(*a.min(b)),
                _ => Unknown,
            },
            _ => Unknown,
        }
    }

    fn pair(self, at: &Site<'_>, a: Array, b: &Array) -> Result<Array, String> {
        let shape = sizes_of(&a, b)?;
        // An exponent may be of another type than the base.
        if self == Binary::Pow && (a.element() != b.element() || a.to_i64().is_some()) {
            let base = super::cast::converted(&a, element::DOUBLE)?;
            let exponent = super::cast::converted(b, element::DOUBLE)?;
            let power = zipped(&base, &exponent, &shape, |a, b| a.powf(b))?;
            return super::cast::converted(&Array { shape, data: Data::F64(power) }, a.element());
        }
        if let (Data::F32(x), Data::F32(y)) = (&a.data, &b.data) {
            let (x, y) = ((x.as_slice(), a.shape.as_slice()), (y.as_slice(), b.shape.as_slice()));
            // The frequent ones are compiled for themselves.
            let values = match self {
                Binary::Add | Binary::Sum | Binary::Mean => zip(x, y, &shape, |a, b| a + b),
                Binary::Sub => zip(x, y, &shape, |a, b| a - b),
                Binary::Mul => zip(x, y, &shape, |a, b| a * b),
                Binary::Div => zip(x, y, &shape, |a, b| a / b),
                _ => zip(x, y, &shape, self.narrow(at)?),
            };
            return Ok(Array::f32(shape, values));
        }
        if let (Data::F64(_), Data::F64(_)) = (&a.data, &b.data) {
            let values = zipped(&a, b, &shape, self.wide(at)?)?;
            return Ok(Array { shape, data: Data::F64(values) });
        }
        let (Some(x), Some(y)) = (a.to_i64(), b.to_i64()) else {
            return Err(format!("of elements of the types {} and {}", a.element(), b.element()));
        };
        if a.element() != b.element() {
            return Err(format!("of elements of the types {} and {}", a.element(), b.element()));
        }
        if matches!(self, Binary::Div | Binary::Mod) && y.contains(&0) {
            return Err("a division by 0".into());
        }
        let values = zip((&x, &a.shape), (&y, &b.shape), &shape, self.whole(at)?);
        super::cast::converted(&Array { shape, data: Data::I64(values) }, a.element())
    }

    /// The function of f32.
    fn narrow(self, at: &Site<'_>) -> Result<fn(f32, f32) -> f32, String> {
        Ok(match self {
            Binary::Pow => |a, b| if b == 2.0 { a * a } else { a.powf(b) },
            Binary::Mod if at.node.int_or("fmod", 0) != 0 => |a, b| a % b,
            Binary::PRelu => |a, b| if a < 0.0 { a * b } else { a },
            // NaN wins, as everywhere in ONNX.
            Binary::Max => |a, b| if a.is_nan() || a > b { a } else { b },
            Binary::Min => |a, b| if a.is_nan() || a < b { a } else { b },
            _ => return Err("of numbers that are not whole".into()),
        })
    }

    /// The function of f64.
    fn wide(self, at: &Site<'_>) -> Result<fn(f64, f64) -> f64, String> {
        Ok(match self {
            Binary::Add | Binary::Sum | Binary::Mean => |a, b| a + b,
            Binary::Sub => |a, b| a - b,
            Binary::Mul => |a, b| a * b,
            Binary::Div => |a, b| a / b,
            Binary::Pow => f64::powf,
            Binary::Mod if at.node.int_or("fmod", 0) != 0 => |a, b| a % b,
            Binary::PRelu => |a, b| if a < 0.0 { a * b } else { a },
            Binary::Max => |a, b| if a.is_nan() || a > b { a } else { b },
            Binary::Min => |a, b| if a.is_nan() || a < b { a } else { b },
            _ => return Err("of numbers that are not whole".into()),
        })
    }

    /// The function of whole numbers; those of narrower types are cut to them afterwards.
    fn whole(self, at: &Site<'_>) -> Result<fn(i64, i64) -> i64, String> {
        let left = at.node.string_or("direction", "LEFT") == "LEFT";
        Ok(match self {
            Binary::Add | Binary::Sum => i64::wrapping_add,
            Binary::Sub => i64::wrapping_sub,
            Binary::Mul => i64::wrapping_mul,
            Binary::Div => i64::wrapping_div,
            Binary::Mod if at.node.int_or("fmod", 0) != 0 => i64::wrapping_rem,
            // The sign of the divisor, as in Python.
            Binary::Mod => |a, b| {
                let rest = a.wrapping_rem(b);
                if rest != 0 && (rest < 0) != (b < 0) { rest.wrapping_add(b) } else { rest }
            },
            Binary::Max => i64::max,
            Binary::Min => i64::min,
            Binary::PRelu => |a, b| if a < 0 { a.wrapping_mul(b) } else { a },
            Binary::BitAnd => |a, b| a & b,
            Binary::BitOr => |a, b| a | b,
            Binary::BitXor => |a, b| a ^ b,
            Binary::BitShift if left => {
                |a, b| u32::try_from(b).ok().and_then(|b| a.checked_shl(b)).unwrap_or(0)
            }
            // A shift by more than the width, or by a number that is no width, leaves the sign.
            Binary::BitShift => |a, b| a >> u32::try_from(b).unwrap_or(63).min(63),
            Binary::Pow | Binary::Mean => return Err("of whole numbers".into()),
        })
    }
}

/// `f` of each pair of f64.
fn zipped(a: &Array, b: &Array, shape: &[usize], f: fn(f64, f64) -> f64) -> Result<Vec<f64>, String> {
    match (&a.data, &b.data) {
        (Data::F64(x), Data::F64(y)) => Ok(zip((x, &a.shape), (y, &b.shape), shape, f)),
        _ => Err("of elements that are not DOUBLE".into()),
    }
}

impl Operator for Compare {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        Ok(vec![Fact::maybe(Some(element::BOOL), common(at, inputs)?)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let (a, mut b) = (inputs.take(0)?, inputs.take(1)?);
        aligned(at, &a, &mut b)?;
        let out = sizes_of(&a, &b)?;
        let wrong = || format!("of elements of the types {} and {}", a.element(), b.element());
        let values = match (&a.data, &b.data) {
            (Data::Bool(x), Data::Bool(y)) => {
                let f: fn(bool, bool) -> bool = match self {
                    Compare::And => |a, b| a && b,
                    Compare::Or => |a, b| a || b,
                    Compare::Xor => |a, b| a != b,
                    Compare::Equal => |a, b| a == b,
                    _ => return Err(wrong()),
                };
                zip((x, &a.shape), (y, &b.shape), &out, f)
            }
            (Data::F32(_), Data::F32(_)) | (Data::F64(_), Data::F64(_)) => {
                // Every f32 is an f64.
                let wide = |array| super::cast::converted(array, element::DOUBLE);
                let (Data::F64(x), Data::F64(y)) = (wide(&a)?.data, wide(&b)?.data) else {
                    return Err(wrong());
                };
                zip((&x, &a.shape), (&y, &b.shape), &out, self.order::<f64>().ok_or_else(wrong)?)
            }
            _ => {
                let (Some(x), Some(y)) = (a.to_i64(), b.to_i64()) else { return Err(wrong()) };
                zip((&x, &a.shape), (&y, &b.shape), &out, self.order::<i64>().ok_or_else(wrong)?)
            }
        };
        Ok(vec![Array { shape: out, data: Data::Bool(values) }])
    }
}

impl Compare {
    fn order<T: PartialOrd>(self) -> Option<fn(T, T) -> bool> {
        Some(match self {
            Compare::Equal => |a, b| a == b,
            Compare::Greater => |a, b| a > b,
            Compare::GreaterOrEqual => |a, b| a >= b,
            Compare::Less => |a, b| a < b,
            Compare::LessOrEqual => |a, b| a <= b,
            Compare::And | Compare::Or | Compare::Xor => return None,
        })
    }
}

impl Operator for Where {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let shape = common(at, inputs)?;
        Ok(vec![Fact::maybe(need(inputs, 1)?.element.or(need(inputs, 2)?.element), shape)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = super::sizes(outputs, 0)?;
        let condition = expanded(inputs.need(0)?, &out);
        let (a, b) = (expanded(inputs.need(1)?, &out), expanded(inputs.need(2)?, &out));
        let Data::Bool(condition) = condition.data else {
            return Err("of a condition that is not BOOL".into());
        };
        macro_rules! chosen {
            ($($kind:ident),*) => {
                match (a.data, b.data) {
                    $((Data::$kind(a), Data::$kind(b)) => Data::$kind(
                        condition.iter().zip(a.into_iter().zip(b)).map(|(&c, (a, b))| if c { a } else { b }).collect(),
                    ),)*
                    _ => return Err("of elements of two types".into()),
                }
            };
        }
        let data = chosen!(F32, F64, I64, I32, I8, U8, Bool);
        Ok(vec![Array { shape: out, data }])
    }
}

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
        let out = sizes_of(&a, b)?;
        let remainder_of_c = at.node.int_or("fmod", 0) != 0;
        let left = at.node.string_or("direction", "LEFT") == "LEFT";
        macro_rules! zipped {
            ($a:expr, $b:expr, $f:expr) => {
                zip(($a.as_slice(), &a.shape), ($b.as_slice(), &b.shape), &out, $f)
            };
        }
        macro_rules! whole {
            ($kind:ident, $a:expr, $b:expr, $type:ty) => {
                Data::$kind(match self {
                    Binary::Add | Binary::Sum => zipped!($a, $b, <$type>::wrapping_add),
                    Binary::Sub => zipped!($a, $b, <$type>::wrapping_sub),
                    Binary::Mul => zipped!($a, $b, <$type>::wrapping_mul),
                    Binary::Div | Binary::Mod if $b.contains(&0) => return Err("a division by 0".into()),
                    Binary::Div => zipped!($a, $b, <$type>::wrapping_div),
                    Binary::Mod if remainder_of_c => zipped!($a, $b, <$type>::wrapping_rem),
                    // The sign of the divisor, as in Python.
                    Binary::Mod => zipped!($a, $b, |a: $type, b: $type| {
                        let rest = a.wrapping_rem(b);
                        #[allow(unused_comparisons, reason = "one source for signed and unsigned")]
                        if rest != 0 && (rest < 0) != (b < 0) { rest.wrapping_add(b) } else { rest }
                    }),
                    Binary::Max => zipped!($a, $b, Ord::max),
                    Binary::Min => zipped!($a, $b, Ord::min),
                    Binary::Pow => zipped!($a, $b, |a: $type, b: $type| (a as f64).powf(b as f64) as $type),
                    Binary::PRelu => {
                        #[allow(unused_comparisons, reason = "one source for signed and unsigned")]
                        let slope = |a: $type, b: $type| if a < 0 { a.wrapping_mul(b) } else { a };
                        zipped!($a, $b, slope)
                    }
                    Binary::BitAnd => zipped!($a, $b, |a, b| a & b),
                    Binary::BitOr => zipped!($a, $b, |a, b| a | b),
                    Binary::BitXor => zipped!($a, $b, |a, b| a ^ b),
                    Binary::BitShift => zipped!($a, $b, |a: $type, b: $type| {
                        let by = b as u32;
                        (if left { a.checked_shl(by) } else { a.checked_shr(by) }).unwrap_or(0)
                    }),
                    Binary::Mean => return Err("of whole numbers".into()),
                })
            };
        }
        macro_rules! real {
            ($kind:ident, $a:expr, $b:expr, $type:ty) => {
                Data::$kind(match self {
                    Binary::Add | Binary::Sum | Binary::Mean => zipped!($a, $b, |a: $type, b: $type| a + b),
                    Binary::Sub => zipped!($a, $b, |a: $type, b: $type| a - b),
                    Binary::Mul => zipped!($a, $b, |a: $type, b: $type| a * b),
                    Binary::Div => zipped!($a, $b, |a: $type, b: $type| a / b),
                    Binary::Pow => {
                        zipped!($a, $b, |a: $type, b: $type| if b == 2.0 { a * a } else { a.powf(b) })
                    }
                    Binary::Mod if remainder_of_c => zipped!($a, $b, |a: $type, b: $type| a % b),
                    Binary::Mod => zipped!($a, $b, |a: $type, b: $type| {
                        let rest = a % b;
                        if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
                    }),
                    Binary::PRelu => zipped!($a, $b, |a: $type, b: $type| if a < 0.0 { a * b } else { a }),
                    // NaN wins, as everywhere in ONNX.
                    Binary::Max => {
                        zipped!($a, $b, |a: $type, b: $type| if a.is_nan() || a > b { a } else { b })
                    }
                    Binary::Min => {
                        zipped!($a, $b, |a: $type, b: $type| if a.is_nan() || a < b { a } else { b })
                    }
                    _ => return Err("of numbers that are not whole".into()),
                })
            };
        }
        let data = match (&a.data, &b.data) {
            (Data::F32(x), Data::F32(y)) => real!(F32, x, y, f32),
            (Data::F64(x), Data::F64(y)) => real!(F64, x, y, f64),
            (Data::I64(x), Data::I64(y)) => whole!(I64, x, y, i64),
            (Data::I32(x), Data::I32(y)) => whole!(I32, x, y, i32),
            (Data::I8(x), Data::I8(y)) => whole!(I8, x, y, i8),
            (Data::U8(x), Data::U8(y)) => whole!(U8, x, y, u8),
            // An exponent may be of another type than the base.
            _ if self == Binary::Pow => {
                let exponent = super::cast::converted(b, a.element())?;
                if matches!((&a.data, &b.data), (Data::I64(_) | Data::I32(_), Data::F32(_) | Data::F64(_))) {
                    let base = super::cast::converted(&a, element::DOUBLE)?;
                    let exponent = super::cast::converted(b, element::DOUBLE)?;
                    let power = self.pair(at, base, &exponent)?;
                    return super::cast::converted(&power, a.element());
                }
                return self.pair(at, a, &exponent);
            }
            _ => return Err(format!("of elements of the types {} and {}", a.element(), b.element())),
        };
        Ok(Array { shape: out, data })
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
        macro_rules! ordered {
            ($x:expr, $y:expr) => {{
                let (x, y) = (($x.as_slice(), a.shape.as_slice()), ($y.as_slice(), b.shape.as_slice()));
                match self {
                    Compare::Equal => zip(x, y, &out, |a, b| a == b),
                    Compare::Greater => zip(x, y, &out, |a, b| a > b),
                    Compare::GreaterOrEqual => zip(x, y, &out, |a, b| a >= b),
                    Compare::Less => zip(x, y, &out, |a, b| a < b),
                    Compare::LessOrEqual => zip(x, y, &out, |a, b| a <= b),
                    _ => return Err("of numbers".into()),
                }
            }};
        }
        let values = match (&a.data, &b.data) {
            (Data::Bool(x), Data::Bool(y)) => {
                let (x, y) = ((x.as_slice(), a.shape.as_slice()), (y.as_slice(), b.shape.as_slice()));
                match self {
                    Compare::And => zip(x, y, &out, |a, b| a && b),
                    Compare::Or => zip(x, y, &out, |a, b| a || b),
                    Compare::Xor => zip(x, y, &out, |a, b| a != b),
                    Compare::Equal => zip(x, y, &out, |a, b| a == b),
                    _ => return Err("of BOOL elements".into()),
                }
            }
            (Data::F32(x), Data::F32(y)) => ordered!(x, y),
            (Data::F64(x), Data::F64(y)) => ordered!(x, y),
            (Data::I64(x), Data::I64(y)) => ordered!(x, y),
            (Data::I32(x), Data::I32(y)) => ordered!(x, y),
            (Data::I8(x), Data::I8(y)) => ordered!(x, y),
            (Data::U8(x), Data::U8(y)) => ordered!(x, y),
            _ => return Err(format!("of elements of the types {} and {}", a.element(), b.element())),
        };
        Ok(vec![Array { shape: out, data: Data::Bool(values) }])
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

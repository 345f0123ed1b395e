//! Element types changed, and values kept inside of bounds.

use super::super::array::{Array, Data};
use super::super::proto::element;
use super::{Fact, Number, Operands, Operator, Site, maybe, need};

/// `Cast`, `CastLike`.
pub(super) struct Cast;

/// `Clip`.
pub(super) struct Clip;

/// The array with elements of another type. What is beyond a type of whole numbers wraps around, from real
/// numbers it ends at the bounds.
///
/// # Errors
/// When the type is not computed with.
pub(crate) fn converted(array: &Array, to: i32) -> Result<Array, String> {
    macro_rules! each {
        ($values:expr, $convert:expr) => {
            $values.iter().map($convert).collect()
        };
    }
    macro_rules! into {
        ($kind:ident, $type:ty) => {
            Data::$kind(match &array.data {
                Data::F32(values) => each!(values, |&v| v as $type),
                Data::F64(values) => each!(values, |&v| v as $type),
                Data::I64(values) => each!(values, |&v| v as $type),
                Data::I32(values) => each!(values, |&v| v as $type),
                Data::I8(values) => each!(values, |&v| v as $type),
                Data::U8(values) => each!(values, |&v| v as $type),
                Data::Bool(values) => each!(values, |&v| u8::from(v) as $type),
            })
        };
    }
    let data = match to {
        element::FLOAT => into!(F32, f32),
        element::DOUBLE => into!(F64, f64),
        element::INT64 => into!(I64, i64),
        element::INT32 => into!(I32, i32),
        element::INT8 => into!(I8, i8),
        element::UINT8 => into!(U8, u8),
        element::BOOL => Data::Bool(match &array.data {
            Data::F32(values) => each!(values, |&v| v != 0.0),
            Data::F64(values) => each!(values, |&v| v != 0.0),
            Data::I64(values) => each!(values, |&v| v != 0),
            Data::I32(values) => each!(values, |&v| v != 0),
            Data::I8(values) => each!(values, |&v| v != 0),
            Data::U8(values) => each!(values, |&v| v != 0),
            Data::Bool(values) => values.clone(),
        }),
        other => return Err(format!("to elements of type {other}")),
    };
    Ok(Array { shape: array.shape.clone(), data })
}

impl Operator for Cast {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let element = match maybe(inputs, 1) {
            Some(like) => like.element,
            None => at.node.int("to").and_then(|to| i32::try_from(to).ok()),
        };
        Ok(vec![Fact::maybe(element, x.shape.clone())])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let to = outputs.first().and_then(|fact| fact.element).ok_or("the attribute `to` is missing")?;
        let x = inputs.take(0)?;
        Ok(vec![if x.element() == to { x } else { converted(&x, to)? }])
    }

    fn partial(&self, _at: &Site<'_>, inputs: &[Option<&Fact>], output: &Fact) -> Option<Vec<Number>> {
        let whole = matches!(output.element, Some(element::INT64 | element::INT32));
        inputs.first().copied().flatten().filter(|_| whole)?.partial()
    }
}

impl Operator for Clip {
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
        macro_rules! clipped {
            ($values:expr, $kind:ident, $min:expr, $max:expr) => {{
                let bound = |slot: usize| match inputs.get(slot).map(|array| &array.data) {
                    None => Ok(None),
                    Some(Data::$kind(bound)) => Ok(bound.first().copied()),
                    Some(_) => Err("of bounds of another type".to_string()),
                };
                let low = bound(1)?.unwrap_or($min);
                let high = bound(2)?.unwrap_or($max);
                for value in $values.iter_mut() {
                    if *value < low {
                        *value = low;
                    }
                    if *value > high {
                        *value = high;
                    }
                }
            }};
        }
        match &mut x.data {
            Data::F32(values) => {
                let low = at.node.float_or("min", f32::NEG_INFINITY);
                let high = at.node.float_or("max", f32::INFINITY);
                clipped!(values, F32, low, high);
            }
            Data::F64(values) => clipped!(values, F64, f64::NEG_INFINITY, f64::INFINITY),
            Data::I64(values) => clipped!(values, I64, i64::MIN, i64::MAX),
            Data::I32(values) => clipped!(values, I32, i32::MIN, i32::MAX),
            Data::I8(values) => clipped!(values, I8, i8::MIN, i8::MAX),
            Data::U8(values) => clipped!(values, U8, u8::MIN, u8::MAX),
            Data::Bool(_) => return Err("of BOOL elements".into()),
        }
        Ok(vec![x])
    }
}

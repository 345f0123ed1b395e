//! Values from nothing or from shapes: `Constant`, `ConstantOfShape`, `Shape`, `Size`, `Range`, `EyeLike`,
//! `Trilu`, and random numbers, which are never computed.

use std::sync::Arc;

use super::super::array::{Array, Data};
use super::super::facts::{Dim, known};
use super::super::proto::element;
use super::view::{each_type, view};
use super::{Fact, Number, Operands, Operator, Site, maybe, need, product, sizes};

/// `Constant`.
pub(super) struct Constant;
/// `ConstantOfShape`.
pub(super) struct ConstantOfShape;
/// `Shape`.
pub(super) struct Shape;
/// `Size`.
pub(super) struct Size;
/// `Range`.
pub(super) struct Range;
/// `EyeLike`.
pub(super) struct EyeLike;
/// `Trilu`.
pub(super) struct Trilu;
/// `RandomNormal`, `RandomUniform` and their `Like`.
pub(super) struct Random;

impl Constant {
    /// The value, or of one that is not computed with what is known.
    fn fact(at: &Site<'_>) -> Result<Fact, String> {
        let constant = |array: Array| Fact::constant(Arc::new(array));
        for attribute in &at.node.attribute {
            let list = |count: usize| vec![count];
            return Ok(match attribute.name.as_str() {
                "value" => {
                    let Some(tensor) = &attribute.t else { continue };
                    match Array::from_proto(tensor) {
                        Ok(array) => constant(array),
                        Err(_) => {
                            let shape =
                                super::super::array::shape_of(tensor).map_err(|error| error.to_string())?;
                            Fact::new(Some(tensor.data_type), known(shape))
                        }
                    }
                }
                "value_float" => constant(Array::f32([], vec![attribute.f.unwrap_or(0.0)])),
                "value_int" => {
                    constant(Array { shape: vec![], data: Data::I64(vec![attribute.i.unwrap_or(0)]) })
                }
                "value_floats" => {
                    constant(Array::f32(list(attribute.floats.len()), attribute.floats.clone()))
                }
                "value_ints" => constant(Array::i64(attribute.ints.clone())),
                "value_string" => Fact::new(Some(element::STRING), vec![]),
                "value_strings" => Fact::new(Some(element::STRING), known([attribute.strings.len()])),
                "sparse_value" => {
                    let Some(sparse) = &attribute.sparse_tensor else { continue };
                    let shape: Option<Vec<usize>> =
                        sparse.dims.iter().map(|&s| usize::try_from(s).ok()).collect();
                    Fact::maybe(sparse.values.as_ref().map(|values| values.data_type), shape.map(known))
                }
                _ => continue,
            });
        }
        Err("the attribute `value` is missing".into())
    }
}

impl Operator for Constant {
    fn infer(&self, at: &Site<'_>, _inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        Ok(vec![Self::fact(at)?])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let fact = Self::fact(at)?;
        let array = fact.array().cloned();
        Ok(vec![array.ok_or_else(|| format!("of elements of type {}", fact.element.unwrap_or(0)))?])
    }
}

/// Sizes from a list of numbers.
fn shape_from(fact: &Fact) -> Result<Option<Vec<Dim>>, String> {
    let Some(numbers) = fact.partial() else {
        let Some([Dim::Known(rank)]) = fact.shape.as_deref() else { return Ok(None) };
        return Ok((*rank < 64).then(|| vec![Dim::Unknown; *rank]));
    };
    let dims = numbers.iter().map(|n| n.dim().ok_or_else(|| format!("{n:?} is no size")));
    dims.collect::<Result<Vec<_>, _>>().map(Some)
}

impl Operator for ConstantOfShape {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let tensor = at.node.attribute("value").and_then(|attribute| attribute.t.as_ref());
        let element = tensor.map_or(element::FLOAT, |tensor| tensor.data_type);
        Ok(vec![Fact::maybe(Some(element), shape_from(need(inputs, 0)?)?)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let tensor = at.node.attribute("value").and_then(|attribute| attribute.t.as_ref());
        let value = match tensor {
            Some(tensor) => Array::from_proto(tensor).map_err(|error| error.to_string())?,
            None => Array::f32([], vec![0.0]),
        };
        if value.data.is_empty() {
            return Err("of an empty value".into());
        }
        let shape = sizes(outputs, 0)?;
        let steps = vec![0; shape.len()];
        Ok(vec![view(&value, &shape, &steps, 0)])
    }
}

impl Operator for Shape {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let Some(shape) = &need(inputs, 0)?.shape else {
            return Ok(vec![Fact::new(Some(element::INT64), vec![Dim::Unknown])]);
        };
        let rank = shape.len() as i64;
        let bound = |name: &str, default: i64| {
            let at = at.node.int_or(name, default);
            (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize
        };
        let (start, end) = (bound("start", 0), bound("end", rank));
        let numbers: Vec<Number> = shape[start..end.max(start)].iter().map(Number::from).collect();
        let count = numbers.len();
        Ok(vec![Fact::numbers(numbers, known([count]))])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let array = outputs.first().and_then(Fact::array).cloned();
        Ok(vec![array.ok_or("the shape is not known")?])
    }
}

impl Operator for Size {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let size = need(inputs, 0)?.shape.as_deref().and_then(product);
        let number = size.map_or(Number::Unknown, |size| Number::Known(size as i64));
        Ok(vec![Fact::numbers(vec![number], vec![])])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Shape.evaluate(at, inputs, outputs)
    }
}

/// Number of steps from `start` to before `limit`.
fn steps(start: f64, limit: f64, delta: f64) -> Result<usize, String> {
    let count = ((limit - start) / delta).ceil().max(0.0);
    if count.is_finite() && count < 1e15 {
        Ok(count as usize)
    } else {
        Err(format!("from {start} to {limit} in steps of {delta}"))
    }
}

impl Operator for Range {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let element = need(inputs, 0)?.element;
        let number = |slot: usize| {
            let array = super::cast::converted(need(inputs, slot).ok()?.array()?, element::DOUBLE).ok()?;
            if let Data::F64(values) = array.data { values.first().copied() } else { None }
        };
        let size = match (number(0), number(1), number(2)) {
            (Some(start), Some(limit), Some(delta)) => Dim::Known(steps(start, limit, delta)?),
            // From 0 in steps of 1 to a free size.
            (Some(0.0), None, Some(1.0)) => {
                let limit = maybe(inputs, 1).and_then(Fact::partial);
                limit.and_then(|limit| limit.first()?.dim()).unwrap_or(Dim::Unknown)
            }
            _ => Dim::Unknown,
        };
        Ok(vec![Fact::new(element, vec![size])])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let count = sizes(outputs, 0)?[0];
        let (start, delta) = (inputs.need(0)?, inputs.need(2)?);
        let first = |missing: &str| format!("{missing} is empty");
        macro_rules! listed {
            ($kind:ident, $start:expr, $delta:expr, $at:expr) => {{
                let start = *$start.first().ok_or_else(|| first("start"))?;
                let delta = *$delta.first().ok_or_else(|| first("delta"))?;
                Data::$kind((0..count).map(|i| $at(start, delta, i)).collect())
            }};
        }
        let data = match (&start.data, &delta.data) {
            (Data::F32(s), Data::F32(d)) => listed!(F32, s, d, |s: f32, d: f32, i| s + d * i as f32),
            (Data::F64(s), Data::F64(d)) => listed!(F64, s, d, |s: f64, d: f64, i| s + d * i as f64),
            (Data::I64(s), Data::I64(d)) => {
                listed!(I64, s, d, |s: i64, d: i64, i| s.wrapping_add(d.wrapping_mul(i as i64)))
            }
            (Data::I32(s), Data::I32(d)) => {
                listed!(I32, s, d, |s: i32, d: i32, i| s.wrapping_add(d.wrapping_mul(i as i32)))
            }
            _ => return Err(format!("of elements of type {}", start.element())),
        };
        Ok(vec![Array { shape: vec![count], data }])
    }
}

impl Operator for EyeLike {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let element = at.node.int("dtype").map(|kind| kind as i32).or(x.element);
        Ok(vec![Fact::maybe(element, x.shape.clone())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let shape = sizes(outputs, 0)?;
        let [rows, columns] = shape.as_slice() else { return Err(format!("of the shape {shape:?}")) };
        let k = at.node.int_or("k", 0);
        let ones = (0..*rows).flat_map(|row| {
            (0..*columns).map(move |column| f32::from(u8::from(column as i64 - row as i64 == k)))
        });
        let array = Array::f32(shape.clone(), ones.collect());
        let element = outputs.first().and_then(|fact| fact.element).unwrap_or(element::FLOAT);
        Ok(vec![super::cast::converted(&array, element)?])
    }
}

impl Operator for Trilu {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        if let Some(shape) = x.shape.as_ref().filter(|shape| shape.len() < 2) {
            return Err(format!("the input has {} axes, where at least 2 are expected", shape.len()));
        }
        Ok(vec![Fact::maybe(x.element, x.shape.clone())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let k = match inputs.get(1) {
            Some(k) => k.to_i64().and_then(|k| k.first().copied()).ok_or("k is no whole number")?,
            None => 0,
        };
        let upper = at.node.int_or("upper", 1) != 0;
        let x = inputs.take(0)?;
        let rank = x.shape.len();
        let (rows, columns) = (x.shape[rank - 2], x.shape[rank - 1]);
        let data = each_type!(x.data, values => {
            let mut values = values;
            for (place, value) in values.iter_mut().enumerate() {
                let (row, column) = (place / columns % rows, place % columns);
                let above = (column as i64 - row as i64).checked_sub(k).unwrap_or(if k > 0 { i64::MIN } else { i64::MAX });
                if (upper && above < 0) || (!upper && above > 0) {
                    *value = Default::default();
                }
            }
            values
        });
        Ok(vec![Array { shape: x.shape, data }])
    }
}

impl Operator for Random {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let declared = at.node.int("dtype").map(|kind| kind as i32);
        let (element, shape) = match (at.node.ints("shape"), maybe(inputs, 0)) {
            (Some(shape), _) => {
                let sizes: Option<Vec<usize>> =
                    shape.iter().map(|&size| usize::try_from(size).ok()).collect();
                (Some(element::FLOAT), Some(known(sizes.ok_or_else(|| format!("the shape {shape:?}"))?)))
            }
            (None, Some(like)) => (like.element, like.shape.clone()),
            (None, None) => (Some(element::FLOAT), None),
        };
        Ok(vec![Fact::maybe(declared.or(element), shape)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("of random numbers".into())
    }
}

//! `QuantizeLinear`, `DequantizeLinear`, `DynamicQuantizeLinear`.

use super::super::array::{Array, Data};
use super::super::facts::{Dim, bracketed};
use super::super::proto::element;
use super::broadcast::expanded;
use super::{Fact, Operands, Operator, Site, axis_of, floats, maybe, need};

/// `QuantizeLinear`.
pub(super) struct Quantize;
/// `DequantizeLinear`.
pub(super) struct Dequantize;
/// `DynamicQuantizeLinear`.
pub(super) struct DynamicQuantize;

/// The shape, checked against that of the scale.
fn scaled(at: &Site<'_>, x: &Fact, scale: &Fact) -> Result<Option<Vec<Dim>>, String> {
    if let (Some(shape), Some(sizes)) = (&x.shape, &scale.shape) {
        let blocked = at.node.int_or("block_size", 0) != 0;
        if let ([size], false) = (sizes.as_slice(), blocked)
            && size.known().is_some_and(|size| size != 1)
            && !shape.is_empty()
        {
            let axis = axis_of(at.node.int_or("axis", 1), shape.len());
            // One axis needs no attribute.
            let axis = if shape.len() == 1 { axis.unwrap_or(0) } else { axis? };
            super::merged(&shape[axis], size)
                .map_err(|error| format!("scales {} of {}: {error}", bracketed(sizes), bracketed(shape)))?;
        }
    }
    Ok(x.shape.clone())
}

impl Operator for Quantize {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, scale) = (need(inputs, 0)?, need(inputs, 1)?);
        let shape = scaled(at, x, scale)?;
        let element = match (maybe(inputs, 2), at.node.int_or("output_dtype", 0)) {
            (Some(zero), _) => zero.element,
            (None, 0) => Some(element::UINT8),
            (None, kind) => i32::try_from(kind).ok(),
        };
        Ok(vec![Fact::maybe(element, shape)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let x = inputs.need(0)?;
        let scales = spread(at, inputs.need(1)?, &x.shape)?;
        let (values, scales) = (inputs.f32(0)?, floats(&scales, 1)?);
        let zero = inputs.get(2).map(|zero| spread(at, zero, &x.shape)).transpose()?;
        if zero.is_none() && !matches!(at.node.int_or("output_dtype", 0), 0 | 2) {
            return Err(format!("to elements of type {}", at.node.int_or("output_dtype", 0)));
        }
        let ratios: Vec<f64> =
            values.iter().zip(scales).map(|(&value, &scale)| f64::from(value / scale)).collect();
        Ok(vec![saturated(&ratios, &x.shape, zero.as_ref())?])
    }
}

impl Operator for Dequantize {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, scale) = (need(inputs, 0)?, need(inputs, 1)?);
        let shape = scaled(at, x, scale)?;
        let element = match at.node.int_or("output_dtype", 0) {
            0 => scale.element,
            kind => i32::try_from(kind).ok(),
        };
        Ok(vec![Fact::maybe(element, shape)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let x = inputs.need(0)?;
        let scales = spread(at, inputs.need(1)?, &x.shape)?;
        let values = x.to_i64().ok_or_else(|| format!("of elements of type {}", x.element()))?;
        let zeros = match inputs.get(2) {
            Some(zero) => spread(at, zero, &x.shape)?.to_i64().ok_or("of a zero point that is not whole")?,
            None => vec![0; values.len()],
        };
        if outputs.first().and_then(|fact| fact.element) != Some(element::FLOAT) {
            return Err("to elements that are not FLOAT".into());
        }
        let scales = floats(&scales, 1)?;
        let numbers =
            values.iter().zip(&zeros).zip(scales).map(|((value, zero), scale)| (value - zero) as f32 * scale);
        Ok(vec![Array::f32(x.shape.clone(), numbers.collect())])
    }
}

impl Operator for DynamicQuantize {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        Ok(vec![
            Fact::maybe(Some(element::UINT8), x.shape.clone()),
            Fact::new(Some(element::FLOAT), vec![]),
            Fact::new(Some(element::UINT8), vec![]),
        ])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let values = inputs.f32(0)?;
        let low = values.iter().copied().fold(0.0, f32::min);
        let high = values.iter().copied().fold(0.0, f32::max);
        let scale = (high - low) / 255.0;
        let scale = if scale == 0.0 { 1.0 } else { scale };
        let zero = (-low / scale).clamp(0.0, 255.0).round_ties_even() as u8;
        let zero_point = Array { shape: vec![], data: Data::U8(vec![zero]) };
        let ratios: Vec<f64> = values.iter().map(|&value| f64::from(value / scale)).collect();
        let x = inputs.need(0)?;
        let whole = super::broadcast::expanded(&zero_point, &x.shape);
        let y = saturated(&ratios, &x.shape, Some(&whole))?;
        Ok(vec![y, Array::f32([], vec![scale]), zero_point])
    }
}

/// Scales or zero points for every element of an array of that shape: one for all, one for each index of an
/// axis, or one for each block along it.
fn spread(at: &Site<'_>, scales: &Array, shape: &[usize]) -> Result<Array, String> {
    let rank = shape.len();
    if scales.len() == 1 {
        return Ok(expanded(&Array { shape: vec![1; rank], ..scales.clone() }, shape));
    }
    let axis = axis_of(at.node.int_or("axis", 1), rank);
    let axis = if rank == 1 { axis.unwrap_or(0) } else { axis? };
    if scales.shape.len() == 1 && rank > 0 && scales.len() == shape[axis] {
        let mut wide = vec![1; rank];
        wide[axis] = scales.len();
        return Ok(expanded(&Array { shape: wide, ..scales.clone() }, shape));
    }
    let block = at.node.int_or("block_size", 0);
    let fits = scales.shape.len() == rank
        && block > 0
        && (0..rank).all(|other| {
            let wanted = if other == axis { shape[axis].div_ceil(block as usize) } else { shape[other] };
            scales.shape[other] == wanted
        });
    if !fits {
        return Err(format!("scales of shape {:?} for an array of shape {shape:?}", scales.shape));
    }
    let places: Vec<usize> = (0..shape[axis]).map(|place| place / block as usize).collect();
    Ok(super::view::take(scales, axis, &places))
}

/// Numbers rounded to even, with their zero points (one, or one for each) added, as int8 or uint8 that end at
/// the bounds. Without zero points they are uint8.
pub(super) fn saturated(values: &[f64], shape: &[usize], zero: Option<&Array>) -> Result<Array, String> {
    let whole = |zero: f64, value: f64| value.round_ties_even() + zero;
    let data = match zero.map(|zero| &zero.data) {
        None => Data::U8(values.iter().map(|&value| whole(0.0, value) as u8).collect()),
        Some(Data::U8(zeros)) if !zeros.is_empty() => {
            let zero = |place: usize| f64::from(zeros[place % zeros.len()]);
            Data::U8(values.iter().enumerate().map(|(i, &value)| whole(zero(i), value) as u8).collect())
        }
        Some(Data::I8(zeros)) if !zeros.is_empty() => {
            let zero = |place: usize| f64::from(zeros[place % zeros.len()]);
            Data::I8(values.iter().enumerate().map(|(i, &value)| whole(zero(i), value) as i8).collect())
        }
        Some(_) => return Err(format!("to elements of type {}", zero.map_or(0, Array::element))),
    };
    Ok(Array { shape: shape.to_vec(), data })
}

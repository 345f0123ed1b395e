//! `QuantizeLinear`, `DequantizeLinear`, `DynamicQuantizeLinear`.

use super::super::array::{Array, Data};
use super::super::facts::{Dim, bracketed};
use super::super::proto::element;
use super::{Fact, Operands, Operator, Site, axis_of, maybe, need};

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
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let _ = Data::F32(vec![]);
        Err("is not computed".into())
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
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
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
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }
}

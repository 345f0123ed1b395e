//! Products of matrices: `Gemm`, `MatMul` and its integer forms, `Einsum`.

use super::super::array::Array;
use super::super::facts::{Dim, bracketed};
use super::super::proto::element;
use super::broadcast::broadcast;
use super::{Fact, Operands, Operator, Site, maybe, merged, need};

/// `Gemm`: `alpha A B + beta C`.
pub(super) struct Gemm;

/// `MatMul`, `MatMulInteger`, `QLinearMatMul`.
pub(super) enum MatMul {
    Plain,
    /// int8 in, int32 out.
    Integer,
    /// With scales and zero points.
    Quantized,
}

fn matrix(shape: &[Dim], transposed: bool, what: &str) -> Result<(Dim, Dim), String> {
    match shape {
        [rows, columns] if transposed => Ok((columns.clone(), rows.clone())),
        [rows, columns] => Ok((rows.clone(), columns.clone())),
        _ => Err(format!("{what} has the shape {}, where a matrix is expected", bracketed(shape))),
    }
}

impl Operator for Gemm {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (a, b) = (need(inputs, 0)?, need(inputs, 1)?);
        let element = a.element.or(b.element);
        let flag = |name: &str| at.node.int_or(name, 0) != 0;
        let mut shape = [Dim::Unknown, Dim::Unknown];
        let mut shared = Dim::Unknown;
        if let Some(a) = &a.shape {
            (shape[0], shared) = matrix(a, flag("transA"), "A")?;
        }
        if let Some(b) = &b.shape {
            let (rows, columns) = matrix(b, flag("transB"), "B")?;
            merged(&shared, &rows).map_err(|error| format!("columns of A and rows of B: {error}"))?;
            shape[1] = columns;
        }
        if let Some(Fact { shape: Some(c), .. }) = maybe(inputs, 2) {
            let whole = broadcast(&[&shape, c])?;
            let grown = whole.len() > 2
                || whole
                    .iter()
                    .zip(&shape)
                    .any(|(whole, own)| own.known().is_some() && whole.known() != own.known());
            if grown {
                return Err(format!("C has the shape {}, the product {}", bracketed(c), bracketed(&shape)));
            }
        }
        Ok(vec![Fact::new(element, shape.to_vec())])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }

    fn macs(&self, at: &Site<'_>, inputs: &[Vec<usize>], output: &[usize]) -> u64 {
        let Some([rows, columns]) = inputs.first().map(Vec::as_slice) else { return 0 };
        let shared = if at.node.int_or("transA", 0) != 0 { *rows } else { *columns };
        output.iter().product::<usize>() as u64 * shared as u64
    }
}

impl Operator for MatMul {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let b_slot = if matches!(self, MatMul::Quantized) { 3 } else { 1 };
        let (a, b) = (need(inputs, 0)?, need(inputs, b_slot)?);
        let element = match self {
            MatMul::Plain => a.element.or(b.element),
            MatMul::Integer => Some(element::INT32),
            MatMul::Quantized => maybe(inputs, 7).and_then(|zero| zero.element),
        };
        let (Some(a), Some(b)) = (&a.shape, &b.shape) else { return Ok(vec![Fact::maybe(element, None)]) };
        Ok(vec![Fact::new(element, product_shape(a, b)?)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }

    fn macs(&self, _at: &Site<'_>, inputs: &[Vec<usize>], output: &[usize]) -> u64 {
        let shared = inputs.first().and_then(|a| a.last()).copied().unwrap_or(0);
        output.iter().product::<usize>() as u64 * shared as u64
    }
}

/// As in numpy: a list counts as a row on the left and as a column on the right, and its axis is dropped.
fn product_shape(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, String> {
    let (Some(shared), false) = (a.last(), b.is_empty()) else {
        return Err(format!("a product of {} and {}", bracketed(a), bracketed(b)));
    };
    let rows = &b[b.len().saturating_sub(2)];
    merged(shared, rows).map_err(|error| format!("columns of A and rows of B: {error}"))?;
    let outer = |shape: &[Dim]| shape[..shape.len().saturating_sub(2)].to_vec();
    let mut shape = broadcast(&[&outer(a), &outer(b)])?;
    if a.len() > 1 {
        shape.push(a[a.len() - 2].clone());
    }
    if b.len() > 1 {
        shape.push(b[b.len() - 1].clone());
    }
    Ok(shape)
}

//! Products of matrices: `Gemm`, `MatMul` and its integer forms, `Einsum`.

use super::super::array::{Array, Data};
use super::super::facts::{Dim, bracketed};
use super::super::proto::element;
use super::broadcast::{broadcast, repeated, zip};
use super::conv::centered;
use super::product::{Matrix, Real, multiply};
use super::{Fact, Operands, Operator, Site, floats, maybe, merged, need, sizes};

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
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let (alpha, beta) = (at.node.float_or("alpha", 1.0), at.node.float_or("beta", 1.0));
        let matrix = |slot: usize, name: &str| -> Result<Matrix<'_, f32>, String> {
            let array = inputs.need(slot)?;
            let matrix = Matrix::new(floats(array, slot)?, array.shape[0], array.shape[1]);
            Ok(if at.node.int_or(name, 0) != 0 { matrix.transposed() } else { matrix })
        };
        let (a, b) = (matrix(0, "transA")?, matrix(1, "transB")?);
        let mut result = vec![0.0; out.iter().product()];
        multiply(a, b, &mut result, out[1], false);
        if alpha != 1.0 {
            result.iter_mut().for_each(|value| *value *= alpha);
        }
        if let Some(c) = inputs.get(2).filter(|_| beta != 0.0) {
            let values = floats(c, 2)?;
            result = zip((&result, &out), (values, &c.shape), &out, |product, c| product + beta * c);
        }
        Ok(vec![Array::f32(out, result)])
    }

    fn multiplies(&self) -> bool {
        true
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
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let data = match self {
            MatMul::Plain => match (&inputs.need(0)?.data, &inputs.need(1)?.data) {
                (Data::F32(a), Data::F32(b)) => {
                    Data::F32(products((a, &inputs.need(0)?.shape), (b, &inputs.need(1)?.shape), &out))
                }
                (Data::F64(a), Data::F64(b)) => {
                    Data::F64(products((a, &inputs.need(0)?.shape), (b, &inputs.need(1)?.shape), &out))
                }
                (Data::I64(_) | Data::I32(_), Data::I64(_) | Data::I32(_)) => {
                    let element = inputs.need(0)?.element();
                    let (a, b) =
                        (centered(inputs.need(0)?, None, None)?, centered(inputs.need(1)?, None, None)?);
                    let sums = products((&a, &inputs.need(0)?.shape), (&b, &inputs.need(1)?.shape), &out);
                    let sums = Array { shape: out.clone(), data: Data::F64(sums) };
                    super::cast::converted(&sums, element)?.data
                }
                _ => return Err(format!("of elements of type {}", inputs.need(0)?.element())),
            },
            MatMul::Integer => {
                let a_axis = inputs.need(0)?.shape.len().checked_sub(2);
                let b_axis = inputs.need(1)?.shape.len().checked_sub(1);
                let a = centered(inputs.need(0)?, inputs.get(2), a_axis)?;
                let b = centered(inputs.need(1)?, inputs.get(3), b_axis)?;
                let sums = products((&a, &inputs.need(0)?.shape), (&b, &inputs.need(1)?.shape), &out);
                Data::I32(sums.into_iter().map(|sum| sum as i32).collect())
            }
            MatMul::Quantized => {
                let a_axis = inputs.need(0)?.shape.len().checked_sub(2);
                let b_axis = inputs.need(3)?.shape.len().checked_sub(1);
                let a = centered(inputs.need(0)?, inputs.get(2), a_axis)?;
                let b = centered(inputs.need(3)?, inputs.get(5), b_axis)?;
                let mut sums = products((&a, &inputs.need(0)?.shape), (&b, &inputs.need(3)?.shape), &out);
                let first = |slot: usize| inputs.f32(slot).map(|list| list.first().copied().unwrap_or(1.0));
                let (a_scale, b_scale, y_scale) = (first(1)?, inputs.f32(4)?, first(6)?);
                let columns = out.last().copied().unwrap_or(1).max(1);
                for (place, sum) in sums.iter_mut().enumerate() {
                    let b_scale = b_scale.get(place % columns).or(b_scale.first()).copied().unwrap_or(1.0);
                    *sum = f64::from(*sum as f32 * (a_scale * b_scale / y_scale));
                }
                return Ok(vec![super::quantize::saturated(&sums, &out, inputs.get(7))?]);
            }
        };
        Ok(vec![Array { shape: out, data }])
    }

    fn multiplies(&self) -> bool {
        true
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

/// Products of matrices that lie behind each other, of shapes that fit.
fn products<T: Real>(
    (a, a_shape): (&[T], &[usize]),
    (b, b_shape): (&[T], &[usize]),
    out: &[usize],
) -> Vec<T> {
    // Lists as a row and as a column.
    let a_full = if a_shape.len() == 1 { vec![1, a_shape[0]] } else { a_shape.to_vec() };
    let b_full = if b_shape.len() == 1 { vec![b_shape[0], 1] } else { b_shape.to_vec() };
    let (mut m, k, n) = (a_full[a_full.len() - 2], a_full[a_full.len() - 1], b_full[b_full.len() - 1]);
    let mut result = vec![T::default(); out.iter().product()];
    let dropped = usize::from(a_shape.len() == 1) + usize::from(b_shape.len() == 1);
    let mut batch: Vec<usize> = out[..(out.len() + dropped).saturating_sub(2)].to_vec();
    if b_full.len() == 2 && m > 0 {
        // One matrix on the right: the rows of all on the left are one matrix.
        m *= batch.iter().product::<usize>();
        batch.clear();
    }
    let steps = |shape: &[usize], size: usize| -> Vec<usize> {
        let outer = &shape[..shape.len() - 2];
        let outer = if batch.is_empty() { &[] } else { outer };
        repeated(outer, &batch).into_iter().map(|step| step as usize * size).collect()
    };
    let (a_steps, b_steps) = (steps(&a_full, m * k), steps(&b_full, k * n));
    let mut index = vec![0; batch.len()];
    for out in result.chunks_mut((m * n).max(1)) {
        let place = |steps: &[usize]| index.iter().zip(steps).map(|(i, step)| i * step).sum::<usize>();
        let (a, b) = (&a[place(&a_steps)..], &b[place(&b_steps)..]);
        multiply(Matrix::new(a, m, k), Matrix::new(b, k, n), out, n, false);
        for axis in (0..batch.len()).rev() {
            index[axis] += 1;
            if index[axis] < batch[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    result
}

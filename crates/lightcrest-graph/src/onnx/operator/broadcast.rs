//! Arrays of different shapes as one: axes of size 1, and missing ones in front, repeat.

use super::super::array::Array;
use super::super::facts::{Dim, bracketed};
use super::view::{strides, view};

/// The shape that all of them broadcast to.
///
/// # Errors
/// When two sizes differ and neither is 1.
pub(crate) fn broadcast(shapes: &[&[Dim]]) -> Result<Vec<Dim>, String> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut out = vec![Dim::Known(1); rank];
    for shape in shapes {
        for (a, b) in out[rank - shape.len()..].iter_mut().zip(*shape) {
            *a = pair(a, b).ok_or_else(|| {
                let all: Vec<String> = shapes.iter().map(|shape| bracketed(shape)).collect();
                format!("shapes {} do not broadcast: sizes {a} and {b}", all.join(" and "))
            })?;
        }
    }
    Ok(out)
}

fn pair(a: &Dim, b: &Dim) -> Option<Dim> {
    match (a, b) {
        (Dim::Known(1), other) | (other, Dim::Known(1)) => Some(other.clone()),
        (Dim::Known(a), Dim::Known(b)) => (a == b).then_some(Dim::Known(*a)),
        // What is free is 1 or this.
        (Dim::Known(size), _) | (_, Dim::Known(size)) => Some(Dim::Known(*size)),
        (Dim::Named(a), Dim::Named(b)) if a == b => Some(Dim::Named(a.clone())),
        _ => Some(Dim::Unknown),
    }
}

/// Steps through an array of `shape` as if it had the shape `out`.
pub(crate) fn repeated(shape: &[usize], out: &[usize]) -> Vec<isize> {
    let mut steps = vec![0; out.len()];
    let missing = out.len() - shape.len();
    for (axis, step) in strides(shape).into_iter().enumerate() {
        steps[missing + axis] = if shape[axis] == 1 { 0 } else { step };
    }
    steps
}

/// The array repeated to that shape.
pub(crate) fn expanded(array: &Array, out: &[usize]) -> Array {
    view(array, out, &repeated(&array.shape, out), 0)
}

/// `f` of each pair of elements of two arrays that broadcast to `out`.
pub(crate) fn zip<A: Copy, B: Copy, R>(
    (a, a_shape): (&[A], &[usize]),
    (b, b_shape): (&[B], &[usize]),
    out: &[usize],
    f: impl Fn(A, B) -> R,
) -> Vec<R> {
    let count: usize = out.iter().product();
    let mut result = Vec::with_capacity(count);
    if count == 0 {
        return result;
    }
    let (axes, (inner, a_step, b_step)) = collapsed(&repeated(a_shape, out), &repeated(b_shape, out), out);
    let mut index = vec![0usize; axes.len()];
    let (mut at_a, mut at_b) = (0isize, 0isize);
    loop {
        let (i, j) = (at_a as usize, at_b as usize);
        match (a_step, b_step) {
            (1, 1) => result.extend(a[i..i + inner].iter().zip(&b[j..j + inner]).map(|(&a, &b)| f(a, b))),
            (1, 0) => {
                let b = b[j];
                result.extend(a[i..i + inner].iter().map(|&a| f(a, b)));
            }
            (0, 1) => {
                let a = a[i];
                result.extend(b[j..j + inner].iter().map(|&b| f(a, b)));
            }
            _ => result.extend((0..inner).map(|k| f(a[i + k * a_step], b[j + k * b_step]))),
        }
        let mut axis = axes.len();
        loop {
            if axis == 0 {
                return result;
            }
            axis -= 1;
            let (size, a_step, b_step) = axes[axis];
            index[axis] += 1;
            at_a += a_step;
            at_b += b_step;
            if index[axis] < size {
                break;
            }
            at_a -= a_step * size as isize;
            at_b -= b_step * size as isize;
            index[axis] = 0;
        }
    }
}

/// Axes of `out` as few as the steps allow, and the innermost of them.
#[allow(clippy::type_complexity, reason = "sizes and two steps, used once")]
fn collapsed(a: &[isize], b: &[isize], out: &[usize]) -> (Vec<(usize, isize, isize)>, (usize, usize, usize)) {
    let mut axes: Vec<(usize, isize, isize)> = Vec::with_capacity(out.len());
    for axis in (0..out.len()).filter(|&axis| out[axis] != 1) {
        let size = out[axis];
        let behind = size as isize;
        match axes.last_mut() {
            Some((outer, step_a, step_b)) if *step_a == a[axis] * behind && *step_b == b[axis] * behind => {
                *outer *= size;
                *step_a = a[axis];
                *step_b = b[axis];
            }
            _ => axes.push((size, a[axis], b[axis])),
        }
    }
    let (inner, a, b) = axes.pop().unwrap_or((1, 0, 0));
    (axes, (inner, a as usize, b as usize))
}

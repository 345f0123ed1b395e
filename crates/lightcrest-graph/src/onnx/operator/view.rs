//! Elements in another order, whatever their type.

use super::super::array::{Array, Data};

/// Applies a function of `Vec<T>` to the elements, whatever their type, and keeps the type.
macro_rules! each_type {
    ($data:expr, $values:ident => $result:expr) => {
        match $data {
            Data::F32($values) => Data::F32($result),
            Data::F64($values) => Data::F64($result),
            Data::I64($values) => Data::I64($result),
            Data::I32($values) => Data::I32($result),
            Data::I8($values) => Data::I8($result),
            Data::U8($values) => Data::U8($result),
            Data::Bool($values) => Data::Bool($result),
        }
    };
}
pub(crate) use each_type;

/// Steps between neighbours along each axis of a dense array, row-major.
pub(crate) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}

/// The dense array of `shape` whose element at an index lies in `array` at `start` plus the index times
/// `strides`. Every such place must lie inside.
pub(crate) fn view(array: &Array, shape: &[usize], strides: &[isize], start: usize) -> Array {
    let data = each_type!(&array.data, values => copied(values, shape, strides, start));
    Array { shape: shape.to_vec(), data }
}

fn copied<T: Copy>(values: &[T], shape: &[usize], strides: &[isize], start: usize) -> Vec<T> {
    let count = shape.iter().product();
    let mut out = Vec::with_capacity(count);
    if count == 0 {
        return out;
    }
    // Neighbouring axes that lie behind each other are one.
    let mut axes: Vec<(usize, isize)> = Vec::with_capacity(shape.len());
    for (&size, &stride) in shape.iter().zip(strides).filter(|(size, _)| **size != 1) {
        match axes.last_mut() {
            Some((outer, step)) if *step == stride * size as isize => {
                *outer *= size;
                *step = stride;
            }
            _ => axes.push((size, stride)),
        }
    }
    let (inner, step) = axes.pop().unwrap_or((1, 1));
    let mut index = vec![0usize; axes.len()];
    let mut at = start as isize;
    loop {
        if step == 1 {
            out.extend_from_slice(&values[at as usize..at as usize + inner]);
        } else {
            out.extend((0..inner as isize).map(|i| values[(at + i * step) as usize]));
        }
        let mut axis = axes.len();
        loop {
            if axis == 0 {
                return out;
            }
            axis -= 1;
            let (size, stride) = axes[axis];
            index[axis] += 1;
            at += stride;
            if index[axis] < size {
                break;
            }
            at -= stride * size as isize;
            index[axis] = 0;
        }
    }
}

/// The elements with these indices along an axis; every index must lie inside.
pub(crate) fn take(array: &Array, axis: usize, indices: &[usize]) -> Array {
    let outer: usize = array.shape[..axis].iter().product();
    let size = array.shape[axis];
    let inner: usize = array.shape[axis + 1..].iter().product();
    let mut shape = array.shape.clone();
    shape[axis] = indices.len();
    let data = each_type!(&array.data, values => {
        let mut out = Vec::with_capacity(outer * indices.len() * inner);
        for block in 0..outer {
            for &index in indices {
                let from = (block * size + index) * inner;
                out.extend_from_slice(&values[from..from + inner]);
            }
        }
        out
    });
    Array { shape, data }
}

/// Arrays of one element type behind each other along an axis; `None` when types differ.
pub(crate) fn concatenated(arrays: &[&Array], axis: usize) -> Option<Array> {
    let first = arrays.first()?;
    let mut shape = first.shape.clone();
    shape[axis] = arrays.iter().map(|array| array.shape[axis]).sum();
    let outer: usize = shape[..axis].iter().product();
    let chunk = |array: &Array| array.shape[axis..].iter().product::<usize>();
    macro_rules! joined {
        ($($kind:ident),*) => {
            match &first.data {
                $(Data::$kind(_) => {
                    let mut parts = Vec::with_capacity(arrays.len());
                    for array in arrays {
                        let Data::$kind(values) = &array.data else { return None };
                        parts.push((values.as_slice(), chunk(array)));
                    }
                    let mut out = Vec::with_capacity(shape.iter().product());
                    for block in 0..outer {
                        for (values, chunk) in &parts {
                            out.extend_from_slice(&values[block * chunk..(block + 1) * chunk]);
                        }
                    }
                    Data::$kind(out)
                })*
            }
        };
    }
    let data = joined!(F32, F64, I64, I32, I8, U8, Bool);
    Some(Array { shape, data })
}

/// Arrays of one shape under each other along a new first axis; of nothing, `None`.
pub(crate) fn stacked(arrays: &[Array]) -> Option<Array> {
    let first = arrays.first()?;
    if arrays.iter().any(|array| array.shape != first.shape) {
        return None;
    }
    let flat: Vec<Array> =
        arrays.iter().map(|array| Array { shape: vec![array.len()], data: array.data.clone() }).collect();
    let joined = concatenated(&flat.iter().collect::<Vec<_>>(), 0)?;
    let shape = [&[arrays.len()], first.shape.as_slice()].concat();
    Some(Array { shape, ..joined })
}

//! Takes positions out of a tensor, whatever its elements are.

use prost::bytes::Bytes;

use crate::onnx::proto::{TensorProto, element};

/// Bytes of an element in `raw_data`; `None` for text and for elements that share a byte.
pub(in super::super) fn width(data_type: i32) -> Option<usize> {
    Some(match data_type {
        element::FLOAT | element::INT32 | element::UINT32 => 4,
        element::DOUBLE | element::INT64 | element::UINT64 | 14 => 8,
        element::FLOAT16 | element::BFLOAT16 | element::INT16 | element::UINT16 => 2,
        element::INT8 | element::UINT8 | element::BOOL | 17..=20 => 1,
        _ => return None,
    })
}

/// The tensor without the positions that are not kept, of the axes that lose some. Its elements lie in the
/// same field as before.
pub(super) fn sliced(tensor: &TensorProto, kept: &[Option<Vec<bool>>]) -> TensorProto {
    let mut out = TensorProto { raw_data: None, ..tensor.clone() };
    let shape: Vec<usize> = tensor.dims.iter().map(|&size| size as usize).collect();
    let runs = runs(&shape, kept);
    for (size, kept) in out.dims.iter_mut().zip(kept) {
        if let Some(kept) = kept {
            *size = kept.iter().filter(|&&kept| kept).count() as i64;
        }
    }
    // Complex numbers take two floats each; they are never weights that shrink.
    out.float_data = take(&tensor.float_data, &runs, 1);
    out.int32_data = take(&tensor.int32_data, &runs, 1);
    out.int64_data = take(&tensor.int64_data, &runs, 1);
    out.double_data = take(&tensor.double_data, &runs, 1);
    out.uint64_data = take(&tensor.uint64_data, &runs, 1);
    let raw = tensor.raw_data.as_ref().zip(width(tensor.data_type));
    out.raw_data = raw.map(|(raw, width)| Bytes::from(take(raw, &runs, width)));
    out
}

/// Runs of elements that stay.
struct Runs {
    /// First elements of the positions along the first axis that stay.
    outer: Vec<usize>,
    /// First element and length of each run inside of one such position.
    inner: Vec<(usize, usize)>,
}

fn runs(shape: &[usize], kept: &[Option<Vec<bool>>]) -> Runs {
    let places = |axis: usize| -> Vec<usize> {
        (0..shape[axis]).filter(|&at| kept[axis].as_ref().is_none_or(|kept| kept[at])).collect()
    };
    if shape.is_empty() {
        return Runs { outer: vec![0], inner: vec![(0, 1)] };
    }
    let last = kept.iter().rposition(Option::is_some).map_or(0, |axis| axis + 1).max(1);
    let run: usize = shape[last..].iter().product();
    let mut starts = vec![0];
    for (axis, &size) in shape.iter().enumerate().take(last).skip(1) {
        let places = places(axis);
        starts = starts.iter().flat_map(|&start| places.iter().map(move |&at| start * size + at)).collect();
    }
    let mut inner: Vec<(usize, usize)> = vec![];
    for start in starts {
        match inner.last_mut() {
            Some((first, length)) if *first + *length == start * run => *length += run,
            _ => inner.push((start * run, run)),
        }
    }
    let behind: usize = shape[1..].iter().product();
    Runs { outer: places(0).into_iter().map(|at| at * behind).collect(), inner }
}

fn take<T: Copy>(elements: &[T], runs: &Runs, width: usize) -> Vec<T> {
    if elements.is_empty() {
        return vec![];
    }
    let each: usize = runs.inner.iter().map(|(_, length)| length * width).sum();
    let mut out = Vec::with_capacity(runs.outer.len() * each);
    for outer in &runs.outer {
        for &(first, length) in &runs.inner {
            let first = (outer + first) * width;
            out.extend_from_slice(&elements[first..first + length * width]);
        }
    }
    out
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::onnx::Array;

    #[test]
    fn takes_rows_and_columns() {
        let values = (0..12u8).map(f32::from).collect();
        let tensor = Array::f32(vec![3, 2, 2], values).to_proto("w");
        let kept = [Some(vec![true, false, true]), Some(vec![false, true]), None];
        let array = Array::from_proto(&sliced(&tensor, &kept)).unwrap();
        assert_eq!(array, Array::f32(vec![2, 1, 2], vec![2.0, 3.0, 10.0, 11.0]));
    }

    #[test]
    fn takes_from_the_field_that_holds_the_elements() {
        let tensor = TensorProto {
            dims: vec![3],
            data_type: element::FLOAT,
            float_data: vec![1.0, 2.0, 3.0],
            ..Default::default()
        };
        let out = sliced(&tensor, &[Some(vec![true, false, true])]);
        assert_eq!((out.float_data, out.raw_data), (vec![1.0, 3.0], None));
    }
}

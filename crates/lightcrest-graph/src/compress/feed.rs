//! Inputs of a model from arrays: one run after the other.

use super::activation::Feed;
use crate::onnx::proto::{Dimension, TypeValue, ValueInfoProto, element};
use crate::onnx::{Array, Data, Model, converted};

/// An input as the file declares it: element type and sizes, free ones as `None`.
struct Input {
    name: String,
    element: i32,
    sizes: Option<Vec<Option<usize>>>,
}

/// Inputs for one run after the other.
///
/// The first axis of an array counts samples. They are taken in batches of the size that the model declares,
/// or one by one where it is free; what is left over of the last batch is not used. An array of one more axis
/// than the input counts runs. The one array of a file may have any name when the model has one input.
///
/// # Errors
/// What does not fit, with the names and shapes.
pub fn feeds(model: &Model, arrays: Vec<(String, Array)>) -> Result<Vec<Feed>, String> {
    let inputs: Vec<Input> = inputs(model);
    let single = inputs.len() == 1 && arrays.len() == 1;
    let mut runs: Vec<Feed> = vec![];
    let names: Vec<String> = arrays.iter().map(|(name, _)| format!("`{name}`")).collect();
    for (place, input) in inputs.iter().enumerate() {
        let array = arrays.iter().find(|(name, _)| single || *name == input.name).map(|(_, array)| array);
        let array = array.ok_or_else(|| {
            format!("the model reads `{}`, but the arrays are {}", input.name, names.join(", "))
        })?;
        let pieces = pieces(input, array)?;
        if place == 0 {
            runs = pieces.into_iter().map(|piece| vec![(input.name.clone(), piece)]).collect();
            continue;
        }
        // What is the same for all runs comes once.
        if pieces.len() != runs.len() && pieces.len() != 1 {
            return Err(format!(
                "`{}` is enough for {} runs, and `{}` for {}",
                inputs[0].name,
                runs.len(),
                input.name,
                pieces.len()
            ));
        }
        for (at, run) in runs.iter_mut().enumerate() {
            run.push((input.name.clone(), pieces[at.min(pieces.len() - 1)].clone()));
        }
    }
    if runs.is_empty() { Err("there is no sample in it".into()) } else { Ok(runs) }
}

fn inputs(model: &Model) -> Vec<Input> {
    let graph = model.graph();
    let given = |value: &&ValueInfoProto| graph.initializer.iter().all(|tensor| tensor.name != value.name);
    let input = |value: &ValueInfoProto| {
        let tensor = match value.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
            Some(TypeValue::Tensor(tensor)) => Some(tensor),
            _ => None,
        };
        let sizes = tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| {
            let size = |dim: &Option<Dimension>| match dim {
                Some(Dimension::Value(size)) => usize::try_from(*size).ok(),
                _ => None,
            };
            shape.dim.iter().map(|dim| size(&dim.value)).collect()
        });
        let element = tensor.map_or(element::FLOAT, |tensor| tensor.elem_type);
        Input { name: value.name.clone(), element, sizes }
    };
    graph.input.iter().filter(given).map(input).collect()
}

/// The array in pieces that are one run each.
fn pieces(input: &Input, array: &Array) -> Result<Vec<Array>, String> {
    let array = as_input(input, array)?;
    let Some(sizes) = &input.sizes else { return Ok(vec![array]) };
    let wrong = || {
        let size = |size: &Option<usize>| size.map_or_else(|| "?".into(), |size| size.to_string());
        let declared: Vec<String> = sizes.iter().map(size).collect();
        format!(
            "`{}` is of shape ({}), but got {:?}; the first axis counts samples",
            input.name,
            declared.join(", "),
            array.shape
        )
    };
    let fits = |shape: &[usize], from: usize| {
        shape.len() == sizes.len()
            && shape.iter().zip(sizes).skip(from).all(|(size, declared)| declared.is_none_or(|d| d == *size))
    };
    if sizes.is_empty() {
        return if array.shape.is_empty() { Ok(vec![array]) } else { Err(wrong()) };
    }
    // One more axis in front counts runs.
    if array.shape.len() == sizes.len() + 1 && fits(&array.shape[1..], 0) {
        return Ok(cut(&array, 1, true));
    }
    if !fits(&array.shape, 1) {
        return Err(wrong());
    }
    let batch = sizes[0].unwrap_or(1).max(1);
    if array.shape[0] < batch {
        return Err(format!("{}; a run takes {batch}", wrong()));
    }
    Ok(cut(&array, batch, false))
}

/// Pieces of `size` along the first axis; that axis is dropped where it counts runs.
fn cut(array: &Array, size: usize, drop: bool) -> Vec<Array> {
    let step = array.len() / array.shape[0].max(1) * size;
    let mut shape = array.shape.clone();
    shape[0] = size;
    let shape = if drop { shape[1..].to_vec() } else { shape };
    let piece = |at: usize| {
        let part = at * step..(at + 1) * step;
        let data = match &array.data {
            Data::F32(values) => Data::F32(values[part].to_vec()),
            Data::F64(values) => Data::F64(values[part].to_vec()),
            Data::I64(values) => Data::I64(values[part].to_vec()),
            Data::I32(values) => Data::I32(values[part].to_vec()),
            Data::I8(values) => Data::I8(values[part].to_vec()),
            Data::U8(values) => Data::U8(values[part].to_vec()),
            Data::Bool(values) => Data::Bool(values[part].to_vec()),
        };
        Array { shape: shape.clone(), data }
    };
    (0..array.shape[0] / size).map(piece).collect()
}

/// The array in the element type of the input. Numbers become fractions, rounded to the precision of the
/// input; nothing becomes a whole number but what is one.
fn as_input(input: &Input, array: &Array) -> Result<Array, String> {
    let from = array.element();
    let fractions = matches!(input.element, element::FLOAT | element::DOUBLE) && from != element::BOOL;
    let whole =
        input.element == element::INT64 && matches!(from, element::INT32 | element::INT8 | element::UINT8);
    if from == input.element {
        Ok(array.clone())
    } else if fractions || whole {
        converted(array, input.element)
    } else {
        Err(format!(
            "`{}` has elements of type {} (onnx.proto), but got those of type {from}",
            input.name, input.element
        ))
    }
}

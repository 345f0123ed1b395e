//! Multiply-accumulates and parameters of a model.

use std::collections::HashMap;

use crate::onnx::proto::{NodeProto, element};
use crate::onnx::{Dim, Facts, Model};

/// What a model costs.
pub(super) struct Cost {
    /// Of convolutions and matrix products, for one input.
    pub(super) macs: u64,
}

/// The cost of a model for one input.
///
/// # Errors
/// Which sizes are free.
pub(super) fn cost(model: &Model) -> Result<Cost, String> {
    let graph = model.graph();
    let facts = Facts::infer(model).map_err(|error| error.to_string())?;
    let mut shapes = HashMap::new();
    for input in
        graph.input.iter().filter(|input| !graph.initializer.iter().any(|held| held.name == input.name))
    {
        let Some(dims) = facts.shape(&input.name) else { continue };
        let size = |(axis, dim): (usize, &Dim)| dim.known().or((axis == 0).then_some(1));
        let shape: Option<Vec<usize>> = dims.iter().enumerate().map(size).collect();
        let shape = shape.ok_or_else(|| format!("sizes of the input `{}` are free", input.name))?;
        shapes.insert(input.name.clone(), shape);
    }
    let facts = Facts::infer_with(model, &shapes).map_err(|error| error.to_string())?;
    Ok(Cost { macs: graph.node.iter().filter_map(|node| macs(node, &facts)).sum() })
}

fn macs(node: &NodeProto, facts: &Facts) -> Option<u64> {
    let product = |shape: &[usize]| shape.iter().map(|&size| size as u64).product::<u64>();
    let out = facts.known_shape(node.output.first()?)?;
    let (read, weight) = (facts.known_shape(node.input_name(0)?)?, facts.known_shape(node.input_name(1)?)?);
    Some(match node.op_type.as_str() {
        "Conv" => product(&out) * product(weight.get(1..)?),
        "ConvTranspose" => product(&read) * product(weight.get(1..)?),
        "MatMul" => product(&out) * *read.last()? as u64,
        "Gemm" => product(&out) * *read.get(usize::from(node.int_or("transA", 0) == 0))? as u64,
        _ => return None,
    })
}

/// Elements of the constants that are numbers.
pub(super) fn parameters(model: &Model) -> u64 {
    let float = |data_type: i32| matches!(data_type, element::FLOAT | element::FLOAT16 | element::DOUBLE);
    let held = model.graph().initializer.iter().filter(|tensor| float(tensor.data_type));
    held.map(|tensor| tensor.dims.iter().map(|&size| size.max(0) as u64).product::<u64>()).sum()
}

//! The reference evaluation: each operator as its definition reads, in f64, one image at a time, channels
//! first.
//!
//! It is the yardstick for the kernels, the passes and the exporters, and far too slow for anything else.

use super::{Network, NetworkError, Op, Shape, Weights};
use crate::operator::Map;

/// Output of the network in inference for one `image` (channels, height, width).
///
/// # Errors
/// [`NetworkError::Weight`] when `weights` are not those of this network, [`NetworkError::Shape`] when the
/// image has another size than the input.
pub fn evaluate(network: &Network, weights: &Weights, image: &[f32]) -> Result<Vec<f32>, NetworkError> {
    weights.check(network)?;
    if image.len() != network.input_shape().len() {
        let reason = format!("{} values given for an image of {}", image.len(), network.input_shape());
        return Err(NetworkError::Shape { layer: "input".into(), op: "Input", reason });
    }
    let image: Vec<f64> = image.iter().map(|&v| f64::from(v)).collect();
    let mut values: Vec<Vec<f64>> = Vec::with_capacity(network.nodes().len());
    for (id, node) in network.nodes().iter().enumerate() {
        let input = |id: usize| Map { values: &values[id], shape: network.shape(id) };
        let inputs: Vec<Map<'_>> = match node.inputs[..] {
            [] => vec![Map { values: &image, shape: network.input_shape() }],
            _ => node.inputs.iter().map(|&id| input(id)).collect(),
        };
        let weight = |role: &str| -> Vec<f64> {
            let tensor = weights.get(&format!("{}.{role}", node.name));
            tensor.map(|t| t.data.iter().map(|&v| f64::from(v)).collect()).unwrap_or_default()
        };
        values.push(node.op.evaluate(&inputs, network.shape(id), &weight));
    }
    Ok(values[network.output()].iter().map(|&v| v as f32).collect())
}

/// Output of one layer for one image, (channels, height, width), in f64; `weight` has its tensors by role,
/// empty where there is none.
pub fn layer(
    op: &Op,
    inputs: &[(&[f64], Shape)],
    output: Shape,
    weight: &dyn Fn(&str) -> Vec<f64>,
) -> Vec<f64> {
    let inputs: Vec<Map<'_>> = inputs.iter().map(|&(values, shape)| Map { values, shape }).collect();
    op.evaluate(&inputs, output, weight)
}

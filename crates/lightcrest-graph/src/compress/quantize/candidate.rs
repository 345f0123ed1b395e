//! Which layers could have 8 bits, before anything runs.

use std::collections::HashSet;

use super::error::QuantizeError;
use super::pass::Work;
use super::placement::Role;
use super::report::{Precision, layer_name};
use super::{check, prepare};
use crate::onnx::Model;

/// The layers with weights that [`quantize`](super::quantize) would give 8 bits, by the names that
/// [`QuantizeConfig::exclude`](super::QuantizeConfig::exclude) takes.
///
/// # Errors
/// [`QuantizeError`] where the model cannot be quantized whatever its inputs.
pub fn candidates(model: &Model) -> Result<Vec<(String, Precision)>, QuantizeError> {
    check::not_quantized(model)?;
    let work = Work::new(prepare::prepare(model)?);
    let placement = work.placement(&HashSet::new());
    let layer = |(at, node)| {
        let precision = match placement.role(at)? {
            Role::Compute => Precision::Int8,
            Role::Store => Precision::Int8Weights,
            Role::Arithmetic | Role::Join | Role::Swish | Role::Move => return None,
        };
        Some((layer_name(node), precision))
    };
    Ok(work.nodes().iter().enumerate().filter_map(layer).collect())
}

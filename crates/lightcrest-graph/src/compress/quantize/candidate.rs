//! Which layers could have 8 bits, before anything runs.

use std::collections::HashSet;

use super::error::QuantizeError;
use super::pass::Work;
use super::placement::Role;
use super::report::layer_name;
use super::{check, prepare};
use crate::onnx::Model;

/// The layers with weights that [`quantize`](super::quantize) would give 8 bits, by the names that
/// [`QuantizeConfig::exclude`](super::QuantizeConfig::exclude) takes.
///
/// # Errors
/// [`QuantizeError`] where the model cannot be quantized whatever its inputs.
pub fn candidates(model: &Model) -> Result<Vec<String>, QuantizeError> {
    check::not_quantized(model)?;
    let work = Work::new(prepare::prepare(model)?);
    let placement = work.placement(&HashSet::new());
    let weighted = |at: &usize| matches!(placement.role(*at), Some(Role::Compute | Role::Store));
    Ok((0..work.nodes().len()).filter(weighted).map(|at| layer_name(&work.nodes()[at])).collect())
}

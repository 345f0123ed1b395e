//! Takes layers apart at given ranks.

use std::collections::BTreeMap;

use lightcrest_graph::compress::decompose::{DecomposeConfig, Method, Outcome, decompose as pass};
use lightcrest_graph::onnx::Model;

use super::error::CompressError;

/// The model with these layers taken apart, each by its method at its ranks.
///
/// # Errors
/// [`CompressError::Method`], also when a layer cannot be taken apart: its cost was counted as if it could.
pub(super) fn decompose<'a>(
    model: &Model,
    layers: impl Iterator<Item = (&'a str, Method, &'a [usize])>,
) -> Result<Model, CompressError> {
    let failed = |source| CompressError::Method { method: "low rank", source };
    let layers: BTreeMap<String, (Method, Vec<usize>)> =
        layers.map(|(name, method, ranks)| (name.to_owned(), (method, ranks.to_vec()))).collect();
    let names: Vec<String> = layers.keys().cloned().collect();
    // Where it does not pay was decided before, from the same numbers.
    let config = DecomposeConfig { allow_growth: true, ..DecomposeConfig::explicit(layers) };
    let (model, report) = pass(model, &config).map_err(|error| failed(error.into()))?;
    for layer in report.layers.iter().filter(|layer| names.contains(&layer.name)) {
        if let Outcome::Kept { reason } = &layer.outcome {
            return Err(failed(format!("layer `{}` stayed as it was: {reason}", layer.name).into()));
        }
    }
    Ok(model)
}

//! 8-bit integers, at the end of everything.

use lightcrest_graph::onnx::Model;

use super::error::CompressError;
use super::judge::Judge;
use super::spec::CompressSpec;

/// The model with 8-bit weights and activations, calibrated on training images.
///
/// # Errors
/// [`CompressError::Method`].
pub(super) fn quantize(_model: &Model, _spec: &CompressSpec, _judge: &Judge) -> Result<Model, CompressError> {
    Err(CompressError::Method { method: "int8", source: "this version has no int8".into() })
}

//! The time of one image in a network as its file has it, on one thread of the evaluation of this crate.

use lightcrest_graph::onnx::{Array, Model};

use super::error::CompressError;
use super::judge::Executor;
use super::spec::CompressSpec;
use crate::measure::{Latency, LatencyConfig, latency_of};

/// Measures a model on one image, or on as many as it reads at once.
///
/// # Errors
/// [`CompressError`] when it cannot be run.
pub fn latency(spec: &CompressSpec, model: &Model, config: &LatencyConfig) -> Result<Latency, CompressError> {
    let executor = Executor::new(model, spec)?;
    let shape = spec.preprocessing.shape(spec.original.batch().unwrap_or(1));
    // Values like those of normalised pixels: zeros could be faster than what users have.
    let image = (0..shape.iter().product::<usize>()).map(|i| ((i * 7919) % 255) as f32 / 127.5 - 1.0);
    let input = Array::f32(shape, image.collect());
    executor.run(input.clone())?;
    latency_of(config, || drop(executor.run(input.clone()))).map_err(|error| CompressError::run(&error))
}

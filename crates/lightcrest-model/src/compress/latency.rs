//! The time of one image in a network as its file has it, on one thread, in turn with the original.

use lightcrest_graph::onnx::{Array, Model};

use super::error::CompressError;
use super::spec::CompressSpec;
use crate::measure::{Engine, Latency, LatencyConfig, latency_beside};

/// Latencies that were measured in turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beside {
    /// Of the network.
    pub model: Latency,
    /// Of the original.
    pub original: Latency,
}

impl Beside {
    /// The figures by name.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        let mut metrics = vec![
            ("latency_ms", self.model.median_ms),
            ("original_latency_ms", self.original.median_ms),
            ("latency_disturbed", f64::from(u8::from(self.model.disturbed || self.original.disturbed))),
        ];
        metrics.extend(self.model.cpu_ms.map(|cpu| ("latency_cpu_ms", cpu)));
        metrics.extend(self.original.cpu_ms.map(|cpu| ("original_latency_cpu_ms", cpu)));
        metrics
    }
}

/// Measures a model on one image, or on as many as it reads at once, in turn with the original.
///
/// # Errors
/// [`CompressError`] when one of them cannot be run.
pub fn latency(
    spec: &CompressSpec,
    model: &Model,
    config: &LatencyConfig,
    engine: &dyn Engine,
) -> Result<Beside, CompressError> {
    let shape = spec.preprocessing.shape(spec.original.batch().unwrap_or(1));
    // Values like those of normalised pixels: zeros could be faster than what users have.
    let image = (0..shape.iter().product::<usize>()).map(|i| ((i * 7919) % 255) as f32 / 127.5 - 1.0);
    let inputs = [(spec.original.input.clone(), Array::f32(shape, image.collect()))];
    let failed = |reason: String| CompressError::Run(format!("{}: {reason}", engine.name()).into());
    let load = |model: &Model| {
        let mut run = engine.load(model, &inputs).map_err(failed)?;
        run().map_err(failed)?;
        Ok::<_, CompressError>(run)
    };
    let (mut own, mut original) = (load(model)?, load(&spec.original.model)?);
    let (model, original) = latency_beside(config, || drop(own()), || drop(original()));
    Ok(Beside { model, original })
}

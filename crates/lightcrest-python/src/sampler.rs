//! Samplers by name.

use lightcrest::sampler::{AutoSampler, GpConfig, GpSampler, RandomSampler, Sampler};
use pyo3::PyResult;
use pyo3::exceptions::PyValueError;

/// The sampler that a name stands for.
///
/// # Errors
/// If there is none.
pub(crate) fn make(name: &str, startup_trials: Option<usize>) -> PyResult<Box<dyn Sampler>> {
    let gp = || {
        let default = GpConfig::default();
        GpSampler::new(GpConfig {
            startup_trials: startup_trials.unwrap_or(default.startup_trials),
            ..default
        })
    };
    match name {
        "auto" => Ok(Box::new(AutoSampler::new())),
        "gp" => Ok(Box::new(gp())),
        "random" => Ok(Box::new(RandomSampler::new())),
        _ => Err(PyValueError::new_err(format!(
            "there is no sampler `{name}`: the samplers are `auto`, `gp` and `random`"
        ))),
    }
}

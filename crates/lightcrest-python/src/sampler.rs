//! Samplers by name.

use lightcrest::sampler::{AutoSampler, GpConfig, GpSampler, RandomSampler, Sampler};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The sampler that a name and its settings stand for.
///
/// # Errors
/// If there is none of that name, or a setting makes no sense.
pub(crate) fn make(name: &str, settings: &Bound<'_, PyDict>) -> PyResult<Box<dyn Sampler>> {
    match name {
        "auto" => Ok(Box::new(AutoSampler::new())),
        "gp" => {
            let default = GpConfig::default();
            let startup_trials = match settings.get_item("startup_trials")? {
                Some(number) => number.extract()?,
                None => default.startup_trials,
            };
            Ok(Box::new(GpSampler::new(GpConfig { startup_trials, ..default })))
        }
        "random" => Ok(Box::new(RandomSampler::new())),
        _ => Err(PyValueError::new_err(format!(
            "there is no sampler `{name}`: the samplers are `auto`, `gp` and `random`"
        ))),
    }
}

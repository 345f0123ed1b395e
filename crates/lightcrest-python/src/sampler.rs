//! Samplers by name.

use crate::convert;
use lightcrest::sampler::{
    AutoSampler, BruteForceSampler, CmaEsSampler, EvolutionSampler, GpSampler, NsgaIIISampler, NsgaIISampler,
    QmcSampler, RandomSampler, Sampler, TpeSampler,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::de::DeserializeOwned;

/// The sampler that a name and its settings stand for. Settings are those of the engine's configuration, by
/// name; what is missing has the engine's default.
///
/// # Errors
/// If there is none of that name, or a setting makes no sense.
pub(crate) fn make(name: &str, settings: &Bound<'_, PyDict>) -> PyResult<Box<dyn Sampler>> {
    match name {
        "auto" => Ok(Box::new(AutoSampler::new())),
        "brute_force" => Ok(Box::new(BruteForceSampler::new())),
        "cmaes" => Ok(Box::new(CmaEsSampler::new(read(name, settings)?))),
        "evolution" => Ok(Box::new(EvolutionSampler::new(read(name, settings)?))),
        "gp" => Ok(Box::new(GpSampler::new(read(name, settings)?))),
        "nsga2" => Ok(Box::new(NsgaIISampler::new(read(name, settings)?))),
        "nsga3" => Ok(Box::new(NsgaIIISampler::new(read(name, settings)?))),
        "qmc" => Ok(Box::new(QmcSampler::new(read(name, settings)?))),
        "random" => Ok(Box::new(RandomSampler::new())),
        "tpe" => Ok(Box::new(TpeSampler::new(read(name, settings)?))),
        _ => Err(PyValueError::new_err(format!(
            "there is no sampler `{name}`: the samplers are `auto`, `brute_force`, `cmaes`, `evolution`, `gp`, `nsga2`, \
             `nsga3`, `qmc`, `random` and `tpe`"
        ))),
    }
}

/// A configuration from a dict of its fields.
///
/// # Errors
/// A ValueError that names `what`, if a field is unknown or has an odd value.
pub(crate) fn read<C: DeserializeOwned>(what: &str, settings: &Bound<'_, PyDict>) -> PyResult<C> {
    let settings = convert::json(what, settings)?;
    serde_json::from_value(settings).map_err(|error| PyValueError::new_err(format!("`{what}`: {error}")))
}

//! Samplers by name.

use crate::convert;
use lightcrest::sampler::{
    AutoSampler, BruteForceSampler, CmaEsSampler, EvolutionSampler, GpSampler, NsgaConfig, NsgaIIISampler,
    NsgaIISampler, QmcSampler, RandomSampler, Sampler, TpeSampler,
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

/// Who survives of a pool of trials by NSGA-II ("nsga2") or NSGA-III ("nsga3") with these settings: their
/// positions. `values`: a point for each, of which larger is better; `violations`: by how much each breaks
/// its constraints, added up.
#[pyfunction]
pub(crate) fn survivors(
    name: &str,
    settings: &Bound<'_, PyDict>,
    values: Vec<Vec<f64>>,
    violations: Vec<f64>,
    seed: u64,
) -> PyResult<Vec<usize>> {
    let config: NsgaConfig = read(name, settings)?;
    Ok(config.survivors(&values, &violations, name == "nsga3", seed))
}

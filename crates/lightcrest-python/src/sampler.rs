//! Samplers by name.

use lightcrest::sampler::{
    AutoSampler, BruteForceSampler, GpConfig, GpSampler, QmcConfig, QmcSampler, QmcType, RandomSampler, Sampler,
    TpeConfig, TpeSampler,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The sampler that a name and its settings stand for. Settings that are missing have the engine's defaults.
///
/// # Errors
/// If there is none of that name, or a setting makes no sense.
pub(crate) fn make(name: &str, settings: &Bound<'_, PyDict>) -> PyResult<Box<dyn Sampler>> {
    match name {
        "auto" => Ok(Box::new(AutoSampler::new())),
        "brute_force" => Ok(Box::new(BruteForceSampler::new())),
        "gp" => {
            let default = GpConfig::default();
            let startup_trials = get(settings, "startup_trials", default.startup_trials)?;
            Ok(Box::new(GpSampler::new(GpConfig { startup_trials, ..default })))
        }
        "qmc" => {
            let default = QmcConfig::default();
            let kind: String = get(settings, "qmc_type", "sobol".to_owned())?;
            Ok(Box::new(QmcSampler::new(QmcConfig {
                qmc_type: if kind == "halton" { QmcType::Halton } else { QmcType::Sobol },
                scramble: get(settings, "scramble", default.scramble)?,
                seed: get(settings, "seed", default.seed)?,
            })))
        }
        "random" => Ok(Box::new(RandomSampler::new())),
        "tpe" => {
            let default = TpeConfig::default();
            Ok(Box::new(TpeSampler::new(TpeConfig {
                n_startup_trials: get(settings, "n_startup_trials", default.n_startup_trials)?,
                n_ei_candidates: get(settings, "n_ei_candidates", default.n_ei_candidates)?,
                multivariate: match settings.get_item("multivariate")? {
                    Some(value) => Some(value.extract()?),
                    None => default.multivariate,
                },
                group: get(settings, "group", default.group)?,
                constant_liar: get(settings, "constant_liar", default.constant_liar)?,
                prior_weight: get(settings, "prior_weight", default.prior_weight)?,
                consider_magic_clip: get(settings, "consider_magic_clip", default.consider_magic_clip)?,
                consider_endpoints: get(settings, "consider_endpoints", default.consider_endpoints)?,
            })))
        }
        _ => Err(PyValueError::new_err(format!(
            "there is no sampler `{name}`: the samplers are `auto`, `brute_force`, `gp`, `qmc`, `random` and `tpe`"
        ))),
    }
}

/// A setting, or what it is unless given.
fn get<'py, T>(settings: &Bound<'py, PyDict>, key: &str, default: T) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    match settings.get_item(key)? {
        Some(value) => value.extract(),
        None => Ok(default),
    }
}

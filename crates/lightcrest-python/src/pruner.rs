//! Pruners by name.

use crate::error;
use lightcrest::pruner::{
    HalvingConfig, MedianConfig, MedianPruner, MinResource, NoPruner, Pruner, SuccessiveHalving,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The pruner that a name and its settings stand for.
///
/// # Errors
/// If there is none of that name, or a setting makes no sense.
pub(crate) fn make(name: &str, settings: &Bound<'_, PyDict>) -> PyResult<Box<dyn Pruner>> {
    let setting = |key: &str| {
        let found = settings.get_item(key)?;
        found.ok_or_else(|| PyValueError::new_err(format!("pruner `{name}` needs the setting `{key}`")))
    };
    match name {
        "none" => Ok(Box::new(NoPruner)),
        "median" => Ok(Box::new(MedianPruner::new(MedianConfig {
            startup_trials: setting("startup_trials")?.extract()?,
            warmup_steps: setting("warmup_steps")?.extract()?,
            ..MedianConfig::default()
        }))),
        "halving" => {
            let least = setting("min_resource")?;
            let config = HalvingConfig {
                min_resource: if least.is_none() {
                    MinResource::Auto
                } else {
                    MinResource::Steps(least.extract()?)
                },
                reduction_factor: setting("reduction_factor")?.extract()?,
                min_early_stopping_rate: setting("min_early_stopping_rate")?.extract()?,
            };
            Ok(Box::new(SuccessiveHalving::new(config).map_err(error::pruner)?))
        }
        _ => Err(PyValueError::new_err(format!(
            "there is no pruner `{name}`: the pruners are `none`, `median` and `halving`"
        ))),
    }
}

//! Pruners by name.

use crate::error;
use crate::sampler::read;
use lightcrest::pruner::{MedianPruner, NoPruner, Pruner, SuccessiveHalving};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The pruner that a name and its settings stand for. Settings are those of the engine's configuration, by name; what is missing has
/// the engine's default.
///
/// # Errors
/// If there is none of that name, or a setting makes no sense.
pub(crate) fn make(name: &str, settings: &Bound<'_, PyDict>) -> PyResult<Box<dyn Pruner>> {
    match name {
        "none" => Ok(Box::new(NoPruner)),
        "median" => Ok(Box::new(MedianPruner::new(read(name, settings)?))),
        "halving" => Ok(Box::new(SuccessiveHalving::new(read(name, settings)?).map_err(error::pruner)?)),
        _ => Err(PyValueError::new_err(format!(
            "there is no pruner `{name}`: the pruners are `none`, `median` and `halving`"
        ))),
    }
}

//! Pruners by name.

use crate::error;
use crate::sampler::read;
use lightcrest::pruner::{
    HyperbandPruner, MedianPruner, NoPruner, PatientPruner, PercentilePruner, Pruner, SuccessiveHalving,
    ThresholdPruner, WilcoxonPruner,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The pruner that a name and its settings stand for. Settings are those of the engine's configuration, by
/// name; what is missing has the engine's default.
///
/// # Errors
/// If there is none of that name, or a setting makes no sense.
pub(crate) fn make(name: &str, settings: &Bound<'_, PyDict>) -> PyResult<Box<dyn Pruner>> {
    match name {
        "none" => Ok(Box::new(NoPruner)),
        "median" => Ok(Box::new(MedianPruner::new(read(name, settings)?))),
        "percentile" => Ok(Box::new(PercentilePruner::new(read(name, settings)?).map_err(error::pruner)?)),
        "halving" => Ok(Box::new(SuccessiveHalving::new(read(name, settings)?).map_err(error::pruner)?)),
        "hyperband" => Ok(Box::new(HyperbandPruner::new(read(name, settings)?).map_err(error::pruner)?)),
        "threshold" => Ok(Box::new(ThresholdPruner::new(read(name, settings)?).map_err(error::pruner)?)),
        "wilcoxon" => Ok(Box::new(WilcoxonPruner::new(read(name, settings)?).map_err(error::pruner)?)),
        "patient" => {
            let own = settings.copy()?;
            let wrapped = match own.get_item("wrapped")? {
                Some(wrapped) => {
                    own.del_item("wrapped")?;
                    let (name, settings): (String, Bound<'_, PyDict>) = wrapped.extract()?;
                    Some(make(&name, &settings)?)
                }
                None => None,
            };
            Ok(Box::new(PatientPruner::new(read(name, &own)?, wrapped).map_err(error::pruner)?))
        }
        _ => Err(PyValueError::new_err(format!(
            "there is no pruner `{name}`: the pruners are `none`, `median`, `percentile`, `halving`, `hyperband`, `threshold`, \
             `wilcoxon` and `patient`"
        ))),
    }
}

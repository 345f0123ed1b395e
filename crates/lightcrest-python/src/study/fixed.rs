//! What a trial is asked for at once, before an objective asks it for anything.

use crate::convert;
use crate::space::Space;
use crate::trial::Trial;
use lightcrest::space::{Configuration, Suggestions};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What a trial is asked for at once.
pub(super) enum Fixed {
    Distributions(Suggestions),
    Space(lightcrest::Space),
}

impl Fixed {
    pub(super) fn extract(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(space) = object.cast::<Space>() {
            let space = space.borrow().build()?;
            if space.is_constrained() {
                return Err(PyValueError::new_err(
                    "a Space with bounds or constraints cannot be asked for parameter by parameter: give it to create_study",
                ));
            }
            return Ok(Self::Space(space));
        }
        match object.cast::<PyDict>() {
            Ok(dict) => Ok(Self::Distributions(convert::suggestions(dict)?)),
            Err(_) => Err(PyTypeError::new_err(format!(
                "a dict of distributions or a Space is needed, but got {}",
                object.repr()?
            ))),
        }
    }

    /// Asks a trial that has just begun for all of it.
    pub(super) fn ask(&self, py: Python<'_>, trial: &Trial) -> PyResult<()> {
        match self {
            Self::Distributions(suggestions) => {
                for (name, domain) in suggestions.iter() {
                    trial.suggest(py, name, domain)?;
                }
            }
            Self::Space(space) => {
                let mut configuration = Configuration::new();
                for (i, parameter) in space.parameters().iter().enumerate() {
                    if space.active(&configuration)[i] {
                        let value = trial.suggest(py, &parameter.name, &parameter.domain)?;
                        configuration.set(parameter.name.as_str(), value);
                    }
                }
            }
        }
        Ok(())
    }
}

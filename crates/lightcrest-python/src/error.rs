//! What each error of the engine is in Python: all of them, here.
//!
//! | error | exception |
//! |---|---|
//! | a space, a value or an argument that cannot be | `ValueError` |
//! | a trial that has ended already | `lightcrest.exceptions.UpdateFinishedTrialError` (a `RuntimeError`) |
//! | a sampler that finds nothing or breaks | `lightcrest.exceptions.OptunaError` |
//! | a study that is not there | `KeyError` |
//! | a storage that refuses | `lightcrest.exceptions.StorageInternalError` |
//!
//! Messages are the engine's, with their causes.

use lightcrest::StudyError;
use lightcrest::pruner::PrunerError;
use lightcrest::sampler::SamplerError;
use lightcrest::space::SpaceError;
use lightcrest::storage::StorageError;
use pyo3::PyErr;
use pyo3::exceptions::{PyKeyError, PyValueError};

pyo3::import_exception!(lightcrest.exceptions, OptunaError);
pyo3::import_exception!(lightcrest.exceptions, _Exhausted);
pyo3::import_exception!(lightcrest.exceptions, StorageInternalError);
pyo3::import_exception!(lightcrest.exceptions, UpdateFinishedTrialError);

pub(crate) fn study(error: StudyError) -> PyErr {
    let message = chain(&error);
    match error {
        StudyError::NotRunning { .. } => UpdateFinishedTrialError::new_err(message),
        StudyError::Storage(_) => StorageInternalError::new_err(message),
        StudyError::Sampler(SamplerError::Exhausted { .. }) => _Exhausted::new_err(message),
        StudyError::Sampler(_) => OptunaError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}

pub(crate) fn storage(error: StorageError) -> PyErr {
    let message = chain(&error);
    match error {
        StorageError::NoStudy => PyKeyError::new_err(message),
        _ => StorageInternalError::new_err(message),
    }
}

pub(crate) fn space(error: SpaceError) -> PyErr {
    PyValueError::new_err(chain(&error))
}

pub(crate) fn pruner(error: PrunerError) -> PyErr {
    PyValueError::new_err(chain(&error))
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |message, cause| format!("{message}: {cause}"))
}

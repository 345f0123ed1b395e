//! What each error of the engine is in Python: all of them, here.
//!
//! | error | exception |
//! |---|---|
//! | a space, a value or an argument that cannot be | `ValueError` |
//! | a trial that has ended already, here or by another process | `lightcrest.exceptions.UpdateFinishedTrialError` (a `RuntimeError`) |
//! | a trial that was given to another worker, since this one was taken for dead | `lightcrest.exceptions._LeaseLost`, an `UpdateFinishedTrialError` |
//! | the URL of a storage that cannot be | `ValueError` |
//! | a new study that somebody else made first | `lightcrest.exceptions.DuplicatedStudyError` |
//! | a wait for another process that a signal ended | what the signal's handler raised: `KeyboardInterrupt` |
//! | a sampler that finds nothing or breaks | `lightcrest.exceptions.OptunaError` |
//! | a study that is not there | `KeyError` |
//! | what a storage that is written in Python raises | the same |
//! | a storage that refuses | `lightcrest.exceptions.StorageInternalError` |
//! | a model that cannot be read or made lighter | `lightcrest.exceptions.CompressionError` (a `ValueError`) |
//!
//! Messages are the engine's, with their causes.

use lightcrest::StudyError;
use lightcrest::pruner::PrunerError;
use lightcrest::sampler::SamplerError;
use lightcrest::space::SpaceError;
use lightcrest::storage::StorageError;
use lightcrest_graph::chain;
use pyo3::exceptions::{PyKeyError, PyKeyboardInterrupt, PyValueError};
use pyo3::{PyErr, Python};
use std::cell::RefCell;

pyo3::import_exception!(lightcrest.exceptions, CompressionError);
pyo3::import_exception!(lightcrest.exceptions, DuplicatedStudyError);
pyo3::import_exception!(lightcrest.exceptions, OptunaError);
pyo3::import_exception!(lightcrest.exceptions, _Exhausted);
pyo3::import_exception!(lightcrest.exceptions, _LeaseLost);
pyo3::import_exception!(lightcrest.exceptions, StorageInternalError);
pyo3::import_exception!(lightcrest.exceptions, UpdateFinishedTrialError);

thread_local! {
    /// What a signal's handler raised while this thread waited for another process.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Whether a signal ends the wait for another process. Python runs its handlers in the main thread only.
pub(crate) fn called_off() -> bool {
    match Python::attach(|py| py.check_signals()) {
        Ok(()) => false,
        Err(error) => {
            RAISED.set(Some(error));
            true
        }
    }
}

pub(crate) fn study(error: StudyError) -> PyErr {
    let message = chain(&error);
    match error {
        StudyError::NotRunning { .. } => UpdateFinishedTrialError::new_err(message),
        StudyError::Storage(StorageError::NoStudy) => StorageInternalError::new_err(message),
        StudyError::Storage(error) => storage(error),
        StudyError::Sampler(SamplerError::Exhausted { .. }) => _Exhausted::new_err(message),
        StudyError::Sampler(SamplerError::Unfit { .. }) => PyValueError::new_err(message),
        StudyError::Sampler(_) => OptunaError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}

pub(crate) fn storage(error: StorageError) -> PyErr {
    let message = chain(&error);
    match error {
        // What a storage that is written in Python raised.
        StorageError::Refused { source, .. } if source.is::<PyErr>() => match source.downcast::<PyErr>() {
            Ok(raised) => *raised,
            Err(_) => StorageInternalError::new_err(message),
        },
        StorageError::NoStudy => PyKeyError::new_err(message),
        StorageError::StateConflict { .. } => UpdateFinishedTrialError::new_err(message),
        StorageError::LeaseLost { .. } => _LeaseLost::new_err(message),
        StorageError::BadUrl { .. } => PyValueError::new_err(message),
        StorageError::Exists { .. } => DuplicatedStudyError::new_err(message),
        StorageError::CalledOff { .. } => {
            RAISED.take().unwrap_or_else(|| PyKeyboardInterrupt::new_err(message))
        }
        _ => StorageInternalError::new_err(message),
    }
}

pub(crate) fn space(error: SpaceError) -> PyErr {
    PyValueError::new_err(chain(&error))
}

pub(crate) fn pruner(error: PrunerError) -> PyErr {
    PyValueError::new_err(chain(&error))
}

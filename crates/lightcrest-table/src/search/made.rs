//! The models of a trial.

use lightcrest::objective::TrialError;

use super::trainer::failed;
use crate::pipeline::Pipeline;

/// The models of a trial.
#[derive(Debug, Clone)]
pub struct Made {
    /// Of all rows but the test part.
    pub judge: Pipeline,
    /// Of all rows.
    pub model: Pipeline,
    /// `model` as a file.
    pub bytes: Vec<u8>,
}

impl Made {
    pub(super) fn new(judge: Pipeline, model: Pipeline) -> Self {
        let bytes = model.to_bytes();
        Self { judge, model, bytes }
    }

    pub(super) fn files(&self) -> Files {
        Files { judge: self.judge.to_bytes(), model: self.bytes.clone() }
    }
}

/// The same as files, which take several times less memory.
#[derive(Debug)]
pub(super) struct Files {
    judge: Vec<u8>,
    model: Vec<u8>,
}

impl Files {
    pub(super) fn read(&self) -> Result<Made, TrialError> {
        Ok(Made { judge: read(&self.judge)?, model: read(&self.model)?, bytes: self.model.clone() })
    }
}

/// The model of a file that was written here.
///
/// # Errors
/// [`TrialError::Failed`] if it cannot be read, which would be a fault of ours.
pub(super) fn read(file: &[u8]) -> Result<Pipeline, TrialError> {
    Pipeline::from_bytes(file).map_err(|error| failed(error.to_string()))
}

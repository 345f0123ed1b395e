//! The models of a trial.

use crate::TableError;
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
    pub(super) fn read(&self) -> Result<Made, TableError> {
        let (judge, model) = (Pipeline::from_bytes(&self.judge)?, Pipeline::from_bytes(&self.model)?);
        Ok(Made { judge, model, bytes: self.model.clone() })
    }
}

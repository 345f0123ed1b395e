//! The models of a trial.

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
}

//! The models of a trial, and their file in a run's folder.

use crate::error::TableError;
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

    /// Both in one file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = (self.bytes.len() as u64).to_le_bytes().to_vec();
        bytes.extend(&self.bytes);
        bytes.extend(self.judge.to_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// As [`Pipeline::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TableError> {
        let cut = || TableError::Model("it was cut off".into());
        let (length, rest) = bytes.split_at_checked(8).ok_or_else(cut)?;
        let length =
            usize::try_from(u64::from_le_bytes(length.try_into().map_err(|_| cut())?)).map_err(|_| cut())?;
        let (model, judge) = rest.split_at_checked(length).ok_or_else(cut)?;
        let (judge, read) = (Pipeline::from_bytes(judge)?, Pipeline::from_bytes(model)?);
        Ok(Self { judge, model: read, bytes: model.to_vec() })
    }
}

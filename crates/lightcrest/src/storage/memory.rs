//! A study that ends with the process.

use super::{Changes, Definition, Storage, StorageError};
use crate::history::{FrozenTrial, TrialState};

/// Keeps trials in memory: nothing survives the process.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    definition: Option<Definition>,
    trials: Vec<(u64, FrozenTrial)>, // revision of the last write, trial
    revision: u64,
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
    }

    fn next_revision(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }
}

impl Storage for MemoryStorage {
    fn definition(&mut self) -> Result<Option<Definition>, StorageError> {
        Ok(self.definition.clone())
    }

    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError> {
        let stored = self.definition.get_or_insert_with(|| definition.clone()).clone();
        if let Some(difference) = stored.difference(definition) {
            return Err(StorageError::OtherStudy { difference });
        }
        for i in 0..self.trials.len() {
            if self.trials[i].1.state == TrialState::Running {
                let revision = self.next_revision();
                self.trials[i].1.reset();
                self.trials[i].0 = revision;
            }
        }
        Ok(stored)
    }

    fn create(&mut self, trial: &FrozenTrial) -> Result<(), StorageError> {
        let (number, next) = (trial.number, self.trials.len() as u64);
        if number != next {
            return Err(StorageError::NumberTaken { number, next });
        }
        let revision = self.next_revision();
        self.trials.push((revision, trial.clone()));
        Ok(())
    }

    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<(), StorageError> {
        let revision = self.revision + 1;
        let number = trial.number;
        let slot = usize::try_from(number).ok().and_then(|i| self.trials.get_mut(i));
        let slot = slot.ok_or(StorageError::UnknownTrial { number })?;
        let found = slot.1.state;
        if found != from {
            return Err(StorageError::StateConflict { number, expected: from, found });
        }
        *slot = (revision, trial.clone());
        self.revision = revision;
        Ok(())
    }

    fn changes(&mut self, since: u64) -> Result<Changes, StorageError> {
        if since == self.revision {
            return Ok(Changes { trials: Vec::new(), revision: since });
        }
        let newer = self.trials.iter().filter(|(revision, _)| *revision > since);
        Ok(Changes { trials: newer.map(|(_, trial)| trial.clone()).collect(), revision: self.revision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        crate::testing::storage(&mut || Box::new(MemoryStorage::new()));
    }
}

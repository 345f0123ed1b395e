//! A study that ends with the process.

use super::{Changes, Definition, Storage, StorageError};
use crate::history::{FrozenTrial, TrialState};

/// Keeps trials in memory: nothing survives the process.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    definition: Option<Definition>,
    trials: Vec<FrozenTrial>,
    /// Which trial each revision wrote; revision 1 is the first.
    writes: Vec<u64>,
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
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
        for trial in self.trials.iter_mut().filter(|trial| trial.state == TrialState::Running) {
            trial.reset();
            self.writes.push(trial.number);
        }
        Ok(stored)
    }

    fn create(&mut self, trial: &FrozenTrial) -> Result<u64, StorageError> {
        let (number, next) = (trial.number, self.trials.len() as u64);
        if number != next {
            return Err(StorageError::NumberTaken { number, next });
        }
        self.trials.push(trial.clone());
        self.writes.push(number);
        Ok(self.writes.len() as u64)
    }

    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError> {
        let number = trial.number;
        let slot = usize::try_from(number).ok().and_then(|i| self.trials.get_mut(i));
        let slot = slot.ok_or(StorageError::UnknownTrial { number })?;
        let found = slot.state;
        if found != from {
            return Err(StorageError::StateConflict { number, expected: from, found });
        }
        slot.clone_from(trial);
        self.writes.push(number);
        Ok(self.writes.len() as u64)
    }

    fn changes(&mut self, since: u64) -> Result<Changes, StorageError> {
        let since = usize::try_from(since).unwrap_or(usize::MAX).min(self.writes.len());
        let mut numbers = self.writes[since..].to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        let trials = numbers.into_iter().map(|number| self.trials[number as usize].clone()).collect();
        Ok(Changes { trials, revision: self.writes.len() as u64 })
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

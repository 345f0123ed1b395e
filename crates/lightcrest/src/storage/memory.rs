//! A study that ends with the process.

use super::{Changes, Definition, Storage, StorageError, check_run};
use crate::history::{FrozenTrial, TrialState};
use crate::memory::Memory;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps trials in memory: nothing survives the process. Its clones are handles on the same study; trials
/// that are running when one of several handles is opened stay so, since their process lives.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    shared: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    definition: Option<Definition>,
    trials: Vec<FrozenTrial>,
    /// Which trial each revision wrote; revision 1 is the first. No trial's number where it was the memory.
    writes: Vec<u64>,
    memory: Memory,
    attributes: BTreeMap<String, Json>,
}

impl Kept {
    /// The trial in the state `from`, and if it runs, in the run that the writer names.
    fn found(&mut self, writer: &FrozenTrial, from: TrialState) -> Result<&mut FrozenTrial, StorageError> {
        let number = writer.number;
        let slot = usize::try_from(number).ok().and_then(|i| self.trials.get_mut(i));
        let slot = slot.ok_or(StorageError::UnknownTrial { number })?;
        check_run(
            (writer.number, writer.claim.map(|claim| claim.token)),
            from,
            slot.state,
            slot.claim.map(|claim| claim.token),
        )?;
        Ok(slot)
    }
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
    }

    /// No call panics half-way: a poisoned lock is as good as new.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for MemoryStorage {
    fn definition(&mut self) -> Result<Option<Definition>, StorageError> {
        Ok(self.kept().definition.clone())
    }

    fn make(&mut self, definition: &Definition) -> Result<(), StorageError> {
        let mut kept = self.kept();
        if let Some(stored) = &kept.definition {
            return Err(StorageError::Exists { name: stored.name.clone() });
        }
        kept.definition = Some(definition.clone());
        Ok(())
    }

    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError> {
        let alone = Arc::strong_count(&self.shared) == 1;
        let mut kept = self.kept();
        let stored = kept.definition.get_or_insert_with(|| definition.clone()).clone();
        if let Some(difference) = stored.difference(definition) {
            return Err(StorageError::OtherStudy { difference });
        }
        let Kept { trials, writes, .. } = &mut *kept;
        let left = |trial: &&mut FrozenTrial| {
            trial.state == TrialState::Running && trial.claim.is_some_and(|c| c.leased)
        };
        for trial in trials.iter_mut().filter(|trial| alone && left(trial)) {
            trial.reset();
            trial.claim = None;
            writes.push(trial.number);
        }
        Ok(stored)
    }

    fn create(&mut self, trial: &FrozenTrial) -> Result<u64, StorageError> {
        let mut kept = self.kept();
        let (number, next) = (trial.number, kept.trials.len() as u64);
        if number != next {
            return Err(StorageError::NumberTaken { number, next });
        }
        kept.trials.push(trial.clone());
        kept.writes.push(number);
        Ok(kept.writes.len() as u64)
    }

    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError> {
        let mut kept = self.kept();
        let slot = kept.found(trial, from)?;
        let reports = std::mem::take(&mut slot.reports);
        slot.clone_from(trial);
        match (from, trial.state) {
            (_, TrialState::Waiting) | (TrialState::Waiting, _) => {}
            (_, TrialState::Running) => slot.reports = reports,
            // Whoever ends it need not know of all.
            _ => reports.into_iter().for_each(|(step, values)| {
                slot.add_report(step, values);
            }),
        }
        slot.claim = slot.claim.filter(|_| trial.state != TrialState::Waiting);
        kept.writes.push(trial.number);
        Ok(kept.writes.len() as u64)
    }

    fn report(&mut self, trial: &FrozenTrial, step: u64, values: &[f64]) -> Result<u64, StorageError> {
        let mut kept = self.kept();
        kept.found(trial, TrialState::Running)?.add_report(step, values.to_vec());
        kept.writes.push(trial.number);
        Ok(kept.writes.len() as u64)
    }

    fn changes(&mut self, since: u64) -> Result<Changes, StorageError> {
        let kept = self.kept();
        let since = usize::try_from(since).unwrap_or(usize::MAX).min(kept.writes.len());
        let mut numbers = kept.writes[since..].to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        // A reservation that was withdrawn is there no more, and the memory is no trial.
        let trials = numbers.into_iter().filter_map(|number| kept.trials.get(number as usize).cloned());
        let (trials, revision) = (trials.collect(), kept.writes.len() as u64);
        Ok(Changes { trials, revision, ..Changes::default() })
    }

    fn withdraw(&mut self, reserved: &FrozenTrial) -> Result<bool, StorageError> {
        let mut kept = self.kept();
        let own = |last: &FrozenTrial| last.number == reserved.number && last.claim == reserved.claim;
        let last = kept.trials.last().is_some_and(|last| own(last) && last.is_reserved());
        if last {
            kept.trials.pop();
            kept.writes.push(reserved.number);
        }
        Ok(last)
    }

    fn abandoned(&mut self) -> Result<Vec<u64>, StorageError> {
        Ok(Vec::new())
    }

    fn reclaim(&mut self, _retries: u64) -> Result<usize, StorageError> {
        Ok(0)
    }

    fn memory(&mut self) -> Result<Memory, StorageError> {
        Ok(self.kept().memory.clone())
    }

    fn remember(&mut self, memory: &Memory) -> Result<Memory, StorageError> {
        let mut kept = self.kept();
        if kept.definition.is_none() {
            return Err(StorageError::NoStudy);
        }
        if kept.memory == Memory::default() && kept.trials.is_empty() {
            kept.memory = memory.clone();
            kept.writes.push(u64::MAX);
        }
        Ok(kept.memory.clone())
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, Json>, StorageError> {
        let kept = self.kept();
        kept.definition.as_ref().ok_or(StorageError::NoStudy)?;
        Ok(kept.attributes.clone())
    }

    fn set_attribute(&mut self, name: &str, value: Json) -> Result<(), StorageError> {
        let mut kept = self.kept();
        kept.definition.as_ref().ok_or(StorageError::NoStudy)?;
        kept.attributes.insert(name.to_owned(), value);
        Ok(())
    }

    fn delete(&mut self) -> Result<(), StorageError> {
        let mut kept = self.kept();
        kept.definition.as_ref().ok_or(StorageError::NoStudy)?;
        *kept = Kept::default();
        Ok(())
    }

    fn place(&self) -> String {
        "the study in memory".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_see_each_other_and_leave_running_trials_alone() {
        let study = |storage: &MemoryStorage| {
            let builder =
                crate::Study::define_by_run(vec![crate::objective::ObjectiveInfo::minimize("loss")]);
            builder.storage(storage.clone()).build().unwrap()
        };
        let storage = MemoryStorage::new();
        let mut first = study(&storage);
        assert_eq!(first.ask().unwrap().number, 0);
        let mut second = study(&storage);
        assert_eq!(second.trials()[0].state, TrialState::Running);
        assert_eq!(second.ask().unwrap().number, 1);
        assert_eq!(first.ask().unwrap().number, 2);
    }
}

//! Storages that are written in Python, as the engine's.

use crate::convert;
use crate::study::{frozen, parts};
use lightcrest::memory::Memory;
use lightcrest::objective::ObjectiveInfo;
use lightcrest::storage::{Changes, Definition, Storage, StorageError};
use lightcrest::{Claim, Direction, FrozenTrial, Space, TrialState};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// One study of a storage that is written in Python, through `lightcrest.storages._python.Adapter`.
///
/// Python's storages know nothing of claims: who runs a trial is known to this handle, for those that it
/// began itself. Revisions count what this handle writes and reads.
pub(crate) struct Foreign {
    adapter: Py<PyAny>,
    name: String,
    /// The claims and the attempts of the trials that began here.
    claims: HashMap<u64, (Option<Claim>, u64)>,
    revision: u64,
}

impl Foreign {
    pub(crate) fn new(adapter: Py<PyAny>, name: &str) -> Self {
        Self { adapter, name: name.to_owned(), claims: HashMap::new(), revision: 0 }
    }

    /// Calls the adapter. What it raises comes back to Python unchanged.
    fn call<T>(
        &self,
        work: impl for<'py> FnOnce(&Bound<'py, PyAny>) -> PyResult<T>,
    ) -> Result<T, StorageError> {
        Python::attach(|py| work(self.adapter.bind(py)))
            .map_err(|error| StorageError::Refused { place: self.place(), source: Box::new(error) })
    }

    fn wrote(&mut self, trial: &FrozenTrial) -> u64 {
        self.claims.insert(trial.number, (trial.claim, trial.attempt));
        self.revision += 1;
        self.revision
    }
}

/// A trial as the adapter takes and gives it: `lightcrest._trials` has the other side.
fn stored(number: u64, given: &Bound<'_, PyAny>) -> PyResult<FrozenTrial> {
    type Parts<'py> = (
        String,
        Bound<'py, PyDict>,
        Bound<'py, PyDict>,
        Option<Vec<f64>>,
        Vec<(u64, f64)>,
        Vec<(String, f64)>,
        Bound<'py, PyDict>,
        Option<u64>,
        Option<u64>,
    );
    let (state, params, distributions, values, reports, constraints, attributes, started, finished): Parts<
        '_,
    > = given.extract()?;
    let mut trial = frozen(&state, &params, &distributions, values, reports, constraints)?;
    trial.attributes = convert::attributes_of(&attributes)?;
    (trial.number, trial.started, trial.finished) = (number, started, finished);
    Ok(trial)
}

impl Storage for Foreign {
    fn definition(&mut self) -> Result<Option<Definition>, StorageError> {
        let directions: Vec<String> = self.call(|adapter| adapter.call_method0("directions")?.extract())?;
        let single = directions.len() == 1;
        let objective = |(i, direction): (usize, &String)| ObjectiveInfo {
            name: if single { "value".to_owned() } else { format!("value_{i}") },
            direction: if direction == "maximize" { Direction::Maximize } else { Direction::Minimize },
        };
        Ok(Some(Definition {
            name: self.name.clone(),
            space: Space::builder()
                .build()
                .map_err(|error| StorageError::Refused { place: self.place(), source: Box::new(error) })?,
            discovered: true,
            objectives: directions.iter().enumerate().map(objective).collect(),
            seed: 0,
            spec: String::new(),
            engine: String::new(),
            created: 0,
        }))
    }

    /// The study is there already: the storage made it.
    fn make(&mut self, _: &Definition) -> Result<(), StorageError> {
        Ok(())
    }

    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError> {
        let stored = self.definition()?.ok_or(StorageError::NoStudy)?;
        let stored = Definition { seed: definition.seed, spec: definition.spec.clone(), ..stored };
        match stored.difference(definition) {
            Some(difference) => Err(StorageError::OtherStudy { difference }),
            None => Ok(stored),
        }
    }

    fn create(&mut self, trial: &FrozenTrial) -> Result<u64, StorageError> {
        let next: u64 = self.call(|adapter| {
            let args = (trial.number, parts(adapter.py(), trial)?);
            adapter.call_method1("create", args)?.extract()
        })?;
        if next != trial.number {
            return Err(StorageError::NumberTaken { number: trial.number, next });
        }
        Ok(self.wrote(trial))
    }

    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError> {
        let number = trial.number;
        let found: String = self.call(|adapter| {
            let args = (number, parts(adapter.py(), trial)?, from.as_str());
            adapter.call_method1("update", args)?.extract()
        })?;
        if found != from.as_str() {
            let found = match found.as_str() {
                "waiting" => TrialState::Waiting,
                "running" => TrialState::Running,
                "complete" => TrialState::Complete,
                "pruned" => TrialState::Pruned,
                _ => TrialState::Failed,
            };
            return Err(StorageError::StateConflict { number, expected: from, found });
        }
        Ok(self.wrote(trial))
    }

    fn report(&mut self, trial: &FrozenTrial, step: u64, values: &[f64]) -> Result<u64, StorageError> {
        let value = values.first().copied().unwrap_or(f64::NAN);
        self.call(|adapter| adapter.call_method1("report", (trial.number, step, value)).map(drop))?;
        Ok(self.wrote(trial))
    }

    fn changes(&mut self, since: u64) -> Result<Changes, StorageError> {
        let mut trials = self.call(|adapter| {
            let found: Vec<(u64, Bound<'_, PyTuple>)> =
                adapter.call_method1("changes", (since == 0,))?.extract()?;
            found.iter().map(|(number, given)| stored(*number, given)).collect::<PyResult<Vec<_>>>()
        })?;
        for trial in &mut trials {
            if let Some((claim, attempt)) = self.claims.get(&trial.number) {
                (trial.claim, trial.attempt) = (*claim, *attempt);
            }
        }
        Ok(Changes { trials, revision: self.revision, ..Changes::default() })
    }

    /// Python's storages take nothing back: a reservation stays, and fails.
    fn withdraw(&mut self, _: &FrozenTrial) -> Result<bool, StorageError> {
        Ok(false)
    }

    fn abandoned(&mut self) -> Result<Vec<u64>, StorageError> {
        Ok(Vec::new())
    }

    fn reclaim(&mut self, _: u64) -> Result<usize, StorageError> {
        Ok(0)
    }

    fn memory(&mut self) -> Result<Memory, StorageError> {
        Ok(Memory::default())
    }

    /// What is learnt from earlier studies is known to this process only.
    fn remember(&mut self, memory: &Memory) -> Result<Memory, StorageError> {
        self.revision += 1;
        Ok(memory.clone())
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, Json>, StorageError> {
        Ok(BTreeMap::new())
    }

    fn set_attribute(&mut self, _: &str, _: Json) -> Result<(), StorageError> {
        Err(StorageError::NoStudy)
    }

    fn delete(&mut self) -> Result<(), StorageError> {
        Err(StorageError::NoStudy)
    }

    fn place(&self) -> String {
        Python::attach(|py| {
            let named = self.adapter.bind(py).getattr("place").and_then(|place| place.extract::<String>());
            named.unwrap_or_else(|_| "a storage that is written in Python".to_owned())
        })
    }
}

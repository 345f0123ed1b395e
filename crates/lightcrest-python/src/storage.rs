//! Where studies live: in memory, or in the database that a URL names.

use crate::foreign::Foreign;
use crate::{convert, error};
use lightcrest::Direction;
use lightcrest::FrozenTrial;
use lightcrest::storage::{
    CallOff, Catalog, MemoryStorage, Storage, StorageError, absolute, copy_with, open_url,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// One study in memory: whoever opens it through this object sees the same trials.
#[pyclass(frozen, module = "lightcrest._engine")]
#[derive(Default)]
pub(crate) struct Memory {
    storage: MemoryStorage,
}

#[pymethods]
impl Memory {
    #[new]
    fn new() -> Self {
        Self::default()
    }
}

/// The studies of one database: a SQLite file, or one that a URL names.
#[pyclass(frozen, module = "lightcrest._engine")]
pub(crate) struct Database {
    url: String,
}

fn catalog(url: &str) -> Result<Box<dyn Catalog>, StorageError> {
    let call_off: CallOff = Arc::new(error::called_off);
    open_url(url, Some(call_off))
}

impl Database {
    /// Other Python threads run while the database is read or written: another process may hold it.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        name: &str,
        work: impl FnOnce(&mut dyn Storage) -> Result<T, StorageError> + Send,
    ) -> PyResult<T> {
        let study = || work(&mut *catalog(&self.url)?.study(name)?);
        py.detach(study).map_err(error::storage)
    }
}

#[pymethods]
impl Database {
    #[new]
    fn new(url: String) -> Self {
        Self { url }
    }

    /// Where it is, without a password.
    fn place(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| Ok(catalog(&self.url)?.place())).map_err(error::storage)
    }

    /// Its URL as it is seen from every folder.
    fn absolute(&self) -> PyResult<String> {
        Ok(absolute(&self.url, &std::env::current_dir()?)?)
    }

    /// The names of the studies, in the order in which they were made.
    fn names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| catalog(&self.url)?.names()).map_err(error::storage)
    }

    /// The studies in the order in which they were made: [(id, name)].
    fn studies(&self, py: Python<'_>) -> PyResult<Vec<(i64, String)>> {
        py.detach(|| catalog(&self.url)?.studies()).map_err(error::storage)
    }

    /// The directions of a study; None if there is no study of that name.
    fn directions(&self, py: Python<'_>, name: &str) -> PyResult<Option<Vec<&'static str>>> {
        let definition = self.with(py, name, |study| study.definition())?;
        let word = |direction| match direction {
            Direction::Minimize => "minimize",
            Direction::Maximize => "maximize",
        };
        Ok(definition.map(|d| d.objectives.iter().map(|objective| word(objective.direction)).collect()))
    }

    /// Deletes a study with its trials.
    fn delete(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.with(py, name, |study| study.delete())
    }

    /// What was kept with a study.
    fn attributes<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        let attributes = self.with(py, name, |study| study.attributes())?;
        convert::attributes(py, attributes.iter())
    }

    /// Keeps something with a study: whatever JSON can say.
    fn set_attribute(&self, py: Python<'_>, name: &str, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = convert::json(key, value)?;
        self.with(py, name, |study| study.set_attribute(key, value))
    }
}

/// Where a study lives: what there is to know of it without Python.
pub(crate) enum Place {
    Memory(MemoryStorage),
    Database(String),
    /// A storage that is written in Python, through its adapter.
    Foreign(Py<PyAny>),
}

impl Place {
    pub(crate) fn extract(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(memory) = object.cast::<Memory>() {
            return Ok(Self::Memory(memory.get().storage.clone()));
        }
        if let Ok(database) = object.cast::<Database>() {
            return Ok(Self::Database(database.get().url.clone()));
        }
        if object.hasattr("changes")? {
            return Ok(Self::Foreign(object.clone().unbind()));
        }
        Err(PyTypeError::new_err(format!("a Memory or a Database is needed, but got {}", object.repr()?)))
    }

    /// Whether it outlives the process.
    pub(crate) fn is_lasting(&self) -> bool {
        !matches!(self, Self::Memory(_))
    }

    /// The storage of the study of this name.
    pub(crate) fn open(self, name: &str) -> Result<Box<dyn Storage>, StorageError> {
        Ok(match self {
            Self::Memory(storage) => Box::new(storage),
            Self::Database(url) => catalog(&url)?.study(name)?,
            Self::Foreign(adapter) => Box::new(Foreign::new(adapter, name)),
        })
    }
}

/// Copies a study as it is at one moment into a storage that has none of that name yet; what runs there waits
/// here. `attributes`: those of its trials, {number: {key: anything}}, where they are Python's: in a database
/// they are JSON.
#[pyfunction]
pub(crate) fn copy_study(
    py: Python<'_>,
    from_: &Bound<'_, PyAny>,
    name: &str,
    to: &Bound<'_, PyAny>,
    new: &str,
    attributes: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    let (from, to) = (Place::extract(from_)?, Place::extract(to)?);
    let mut given: HashMap<u64, BTreeMap<String, Json>> = HashMap::new();
    for (number, entries) in attributes.iter().filter(|_| to.is_lasting()).flat_map(|all| all.iter()) {
        let entries = entries.cast_into::<PyDict>()?;
        let entry = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            let key: String = key.extract()?;
            let value = convert::json(&key, &value)?;
            Ok((key, value))
        };
        given.insert(number.extract()?, entries.iter().map(entry).collect::<PyResult<_>>()?);
    }
    let mut give = |trial: &mut FrozenTrial| {
        if let Some(entries) = given.remove(&trial.number) {
            trial.attributes.extend(entries);
        }
    };
    let copy = || copy_with(&mut *from.open(name)?, &mut *to.open(new)?, new, &mut give);
    py.detach(copy).map(drop).map_err(error::storage)
}

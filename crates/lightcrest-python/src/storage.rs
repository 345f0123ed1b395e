//! Where studies live: in memory, or in SQLite files.

use crate::{convert, error};
use lightcrest::Direction;
use lightcrest::storage::{MemoryStorage, SqliteStorage, Storage, StorageError};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;

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

/// The studies of one SQLite file.
#[pyclass(frozen, module = "lightcrest._engine")]
pub(crate) struct Database {
    path: PathBuf,
}

impl Database {
    fn study(&self, name: &str) -> Result<SqliteStorage, StorageError> {
        SqliteStorage::open_study_until(&self.path, name, error::called_off)
    }

    /// Other Python threads run while the file is read or written: another process may hold it.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        name: &str,
        work: impl FnOnce(&mut SqliteStorage) -> Result<T, StorageError> + Send,
    ) -> PyResult<T> {
        py.detach(|| self.study(name).and_then(|mut study| work(&mut study))).map_err(error::storage)
    }
}

#[pymethods]
impl Database {
    #[new]
    fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The names of the studies, in the order in which they were made.
    fn names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, "", SqliteStorage::names)
    }

    /// The directions of a study; None if there is no study of that name.
    fn directions(&self, py: Python<'_>, name: &str) -> PyResult<Option<Vec<&'static str>>> {
        let definition = self.with(py, name, Storage::definition)?;
        let word = |direction| match direction {
            Direction::Minimize => "minimize",
            Direction::Maximize => "maximize",
        };
        Ok(definition.map(|d| d.objectives.iter().map(|objective| word(objective.direction)).collect()))
    }

    /// Deletes a study with its trials.
    fn delete(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.with(py, name, SqliteStorage::delete)
    }

    /// What was kept with a study.
    fn attributes<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        let attributes = self.with(py, name, SqliteStorage::attributes)?;
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
    File(PathBuf),
}

impl Place {
    pub(crate) fn extract(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(memory) = object.cast::<Memory>() {
            return Ok(Self::Memory(memory.get().storage.clone()));
        }
        if let Ok(database) = object.cast::<Database>() {
            return Ok(Self::File(database.get().path.clone()));
        }
        Err(PyTypeError::new_err(format!("a Memory or a Database is needed, but got {}", object.repr()?)))
    }

    /// Whether it outlives the process.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// The storage of the study of this name.
    pub(crate) fn open(self, name: &str) -> Result<Box<dyn Storage>, StorageError> {
        Ok(match self {
            Self::Memory(storage) => Box::new(storage),
            Self::File(path) => Box::new(SqliteStorage::open_study_until(path, name, error::called_off)?),
        })
    }
}

//! Where studies live: in memory, or in SQLite files.

use crate::{convert, error};
use lightcrest::Direction;
use lightcrest::storage::{MemoryStorage, SqliteStorage, Storage};
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
    fn study(&self, name: &str) -> PyResult<SqliteStorage> {
        SqliteStorage::open_study(&self.path, name).map_err(error::storage)
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
        py.detach(|| self.study("")?.names().map_err(error::storage))
    }

    /// The directions of a study; None if there is no study of that name.
    fn directions(&self, name: &str) -> PyResult<Option<Vec<&'static str>>> {
        let definition = self.study(name)?.definition().map_err(error::storage)?;
        let word = |direction| match direction {
            Direction::Minimize => "minimize",
            Direction::Maximize => "maximize",
        };
        Ok(definition.map(|d| d.objectives.iter().map(|objective| word(objective.direction)).collect()))
    }

    /// Deletes a study with its trials.
    fn delete(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        py.detach(|| self.study(name)?.delete().map_err(error::storage))
    }

    /// What was kept with a study.
    fn attributes<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        let attributes = self.study(name)?.attributes().map_err(error::storage)?;
        convert::attributes(py, attributes.iter())
    }

    /// Keeps something with a study: whatever JSON can say.
    fn set_attribute(&self, name: &str, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = convert::json(key, value)?;
        self.study(name)?.set_attribute(key, value).map_err(error::storage)
    }
}

/// The storage that a study of this name is opened with, and whether it outlives the process.
pub(crate) fn open(object: &Bound<'_, PyAny>, name: &str) -> PyResult<(Box<dyn Storage>, bool)> {
    if let Ok(memory) = object.cast::<Memory>() {
        return Ok((Box::new(memory.get().storage.clone()), false));
    }
    if let Ok(database) = object.cast::<Database>() {
        return Ok((Box::new(database.get().study(name)?), true));
    }
    Err(PyTypeError::new_err(format!("a Memory or a Database is needed, but got {}", object.repr()?)))
}

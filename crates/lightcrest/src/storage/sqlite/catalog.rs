//! The studies of one file.

use super::{SqliteStorage, refused};
use crate::storage::{CallOff, Catalog, Storage, StorageError, Summary};
use rusqlite::Row;
use std::path::{Path, PathBuf};

/// The studies of one SQLite file.
pub struct SqliteCatalog {
    path: PathBuf,
    full: bool,
    call_off: Option<CallOff>,
}

impl SqliteCatalog {
    /// The catalog of a file, which is made with its first study. While its studies wait for other processes,
    /// `call_off` is asked about ten times a second whether to give up with [`StorageError::CalledOff`]: for
    /// Ctrl-C.
    pub fn new(path: impl AsRef<Path>, call_off: Option<CallOff>) -> Self {
        Self { path: path.as_ref().to_owned(), full: false, call_off }
    }

    /// As [`SqliteStorage::with_full_durability`].
    #[must_use]
    pub fn with_full_durability(mut self, full: bool) -> Self {
        self.full = full;
        self
    }

    fn storage(&self, name: &str) -> Result<SqliteStorage, StorageError> {
        let flags = super::writable();
        let storage =
            SqliteStorage::connect(&self.path, flags, Some(name.to_owned()), self.call_off.clone())?;
        Ok(storage.with_full_durability(self.full))
    }
}

impl Catalog for SqliteCatalog {
    fn studies(&mut self) -> Result<Vec<(i64, String)>, StorageError> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let storage = self.storage("")?;
        if storage.schema == 0 {
            return Ok(Vec::new());
        }
        storage.patiently(|| {
            let mut statement = storage.connection.prepare("SELECT id, name FROM study ORDER BY id")?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    fn summaries(&mut self) -> Result<Vec<Summary>, StorageError> {
        let storage = SqliteStorage::read(&self.path)?;
        if storage.schema == 0 {
            return Ok(Vec::new());
        }
        let rows = storage.patiently(|| {
            let mut statement = storage.connection.prepare(
                "SELECT s.name, s.created, t.state, count(t.number) FROM study s LEFT JOIN trial t ON t.study = s.id
                 GROUP BY s.id, t.state ORDER BY s.id",
            )?;
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            statement.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        Summary::gather(&storage.place, rows)
    }

    fn look(&mut self, name: &str) -> Result<Box<dyn Storage>, StorageError> {
        Ok(Box::new(SqliteStorage::read_named(&self.path, Some(name.to_owned()))?))
    }

    fn study(&mut self, name: &str) -> Result<Box<dyn Storage>, StorageError> {
        Ok(Box::new(self.storage(name)?))
    }

    fn rename(&mut self, name: &str, new: &str) -> Result<(), StorageError> {
        let storage = self.storage(name)?;
        let study = storage.study()?;
        if self.storage(new)?.study.is_some() {
            return Err(StorageError::Exists { name: new.to_owned() });
        }
        let transaction = storage.begin()?;
        let renamed = transaction.execute("UPDATE OR IGNORE study SET name = ?2 WHERE id = ?1", (study, new));
        let renamed = renamed.and_then(|n| transaction.commit().map(|()| n));
        match renamed.map_err(|source| refused(&storage.place, source))? {
            1 => Ok(()),
            _ => Err(StorageError::Exists { name: new.to_owned() }),
        }
    }

    fn place(&self) -> String {
        super::shown(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TrialState;
    use crate::objective::{Evaluation, ObjectiveInfo};
    use crate::space::{Domain, Value};
    use crate::study::Study;
    use tempfile::TempDir;

    fn study(path: &Path, name: &str) -> Study {
        Study::define_by_run(vec![ObjectiveInfo::minimize("loss")])
            .name(name)
            .storage(SqliteStorage::open_study(path, name).unwrap())
            .write_through(true)
            .lease(false)
            .build()
            .unwrap()
    }

    #[test]
    fn a_trial_that_is_asked_for_here_can_be_told_there() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("study.db");
        let mut here = study(&path, "s");
        let mut there = study(&path, "s");
        let number = here.ask().unwrap().number;
        let domain = Domain::Float { low: 0.0, high: 1.0, log: false, step: None };
        let x = here.suggest(number, "x", &domain).unwrap();
        here.report(number, 3, &[f64::NAN]).unwrap();
        drop(here);
        there.synchronize().unwrap();
        let trial = &there.trials()[0];
        assert_eq!((trial.state, trial.configuration.get("x")), (TrialState::Running, Some(&x)));
        assert!(trial.reports[0].1[0].is_nan());
        drop(there);
        let mut later = study(&path, "s");
        later.tell(number, Ok(Evaluation::new([0.5]))).unwrap();
        assert_eq!(later.space().len(), 1);
        assert_eq!(later.trials()[0].reports.len(), 1);
        assert!(matches!(later.trials()[0].configuration.get("x"), Some(Value::Float(_))));
    }
}

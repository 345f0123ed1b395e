//! The studies of one file: what there is, and what is not a trial's.

use super::row::{json, parse};
use super::{SqliteStorage, refused};
use crate::storage::StorageError;
use rusqlite::{OptionalExtension, TransactionBehavior};
use serde_json::Value as Json;
use std::collections::BTreeMap;

impl SqliteStorage {
    /// The names of the studies in the file, in the order in which they were made.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn names(&mut self) -> Result<Vec<String>, StorageError> {
        if self.schema_version()? == 0 {
            return Ok(Vec::new());
        }
        self.patiently(|| {
            let mut statement = self.connection.prepare("SELECT name FROM study ORDER BY id")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// Deletes the study with its trials.
    ///
    /// # Errors
    /// [`StorageError::NoStudy`] if there is none.
    pub fn delete(&mut self) -> Result<(), StorageError> {
        self.find_study()?;
        let study = self.study()?;
        let refused = |source| refused(&self.path, source);
        let transaction = self.begin(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM trial WHERE study = ?1", [study]).map_err(refused)?;
        transaction.execute("DELETE FROM study WHERE id = ?1", [study]).map_err(refused)?;
        transaction.commit().map_err(refused)?;
        self.study = None;
        Ok(())
    }

    /// What was kept with the study by [`set_attribute`](Self::set_attribute).
    ///
    /// # Errors
    /// [`StorageError::NoStudy`] if there is none.
    pub fn attributes(&mut self) -> Result<BTreeMap<String, Json>, StorageError> {
        self.find_study()?;
        let study = self.study()?;
        let sql = format!("SELECT {} FROM study WHERE id = ?1", self.column("attributes", 3, "'{}'"));
        let read = || self.connection.query_row(&sql, [study], |row| row.get::<_, String>(0)).optional();
        let text = self.patiently(read)?.ok_or(StorageError::NoStudy)?;
        parse(&self.path, "study.attributes", &text)
    }

    /// Keeps something with the study, in place of what had that name.
    ///
    /// # Errors
    /// [`StorageError::NoStudy`] if there is none.
    pub fn set_attribute(&mut self, name: &str, value: Json) -> Result<(), StorageError> {
        self.find_study()?;
        let study = self.study()?;
        self.migrate()?;
        let path = &self.path;
        let refused = |source| refused(path, source);
        let transaction = self.begin(TransactionBehavior::Immediate)?;
        let text: String = transaction
            .query_row("SELECT attributes FROM study WHERE id = ?1", [study], |row| row.get(0))
            .map_err(refused)?;
        let mut attributes: BTreeMap<String, Json> = parse(path, "study.attributes", &text)?;
        attributes.insert(name.to_owned(), value);
        transaction
            .execute("UPDATE study SET attributes = ?2 WHERE id = ?1", (study, json(&attributes)))
            .map_err(refused)?;
        transaction.commit().map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TrialState;
    use crate::objective::{Evaluation, ObjectiveInfo};
    use crate::space::{Domain, Value};
    use crate::study::Study;
    use std::path::Path;
    use tempfile::TempDir;

    fn study(path: &Path, name: &str) -> Study {
        Study::define_by_run(vec![ObjectiveInfo::minimize("loss")])
            .name(name)
            .storage(SqliteStorage::open_study(path, name).unwrap())
            .write_through(true)
            .build()
            .unwrap()
    }

    #[test]
    fn studies_of_one_file_are_told_apart_and_deleted_alone() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("studies.db");
        let (mut a, mut b) = (study(&path, "a"), study(&path, "b"));
        for (study, loss) in [(&mut a, 1.0), (&mut b, f64::INFINITY)] {
            let number = study.ask().unwrap().number;
            assert_eq!(number, 0);
            study.tell(number, Ok(Evaluation::new([loss]))).unwrap();
        }
        let mut catalog = SqliteStorage::open_study(&path, "b").unwrap();
        assert_eq!(catalog.names().unwrap(), ["a", "b"]);
        assert_eq!(catalog.attributes().unwrap(), BTreeMap::new());
        catalog.set_attribute("why", Json::from(vec![1, 2])).unwrap();
        assert_eq!(catalog.attributes().unwrap()["why"], Json::from(vec![1, 2]));
        assert_eq!(study(&path, "a").best().unwrap().values, Some(vec![1.0]));
        assert_eq!(study(&path, "b").best().unwrap().values, Some(vec![f64::INFINITY]));
        catalog.delete().unwrap();
        assert!(matches!(catalog.delete(), Err(StorageError::NoStudy)));
        assert_eq!(catalog.names().unwrap(), ["a"]);
        assert_eq!(study(&path, "a").trials().len(), 1);
        assert_eq!(study(&path, "b").trials().len(), 0);
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
        assert!(matches!(later.trials()[0].configuration.get("x"), Some(Value::Float(_))));
    }
}

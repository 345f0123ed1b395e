//! Studies in one SQLite file.
//!
//! A trial costs two transactions: one when it begins, one when it ends. The file is in WAL mode with `synchronous =
//! NORMAL`: a committed transaction is in the hands of the operating system, so it survives `kill -9`; a power failure
//! may take the last ones with it, but never damages the file. One fsync a trial would protect those too, and is not
//! worth its milliseconds: a lost trial is run again.
//!
//! Several processes may work on one study. Beside the file lies `FILE-lock`, on which each of them holds a shared
//! lock of the operating system while it lives. Who opens the study and gets the lock for itself alone knows that
//! nobody else is left, and that trials which are still running were abandoned. (So the file belongs on a local
//! disk.)
//!
//! A file mostly holds one study: [`SqliteStorage::open`] makes it and finds it. [`SqliteStorage::open_study`] tells several apart by
//! their names, and leaves running trials to whoever will tell them.

mod catalog;
mod number;
mod row;

use self::row::{json, parse, read_trial, state, write_trial};
use super::{Changes, Definition, Storage, StorageError};
use crate::history::{FrozenTrial, TrialState};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks the file as ours: `LCST`.
const APPLICATION_ID: i32 = 0x4c43_5354;
/// The schemas, oldest first; number `i` leads to `user_version = i + 1`.
const MIGRATIONS: [&str; 3] = [
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
];
/// How long to wait for another process to end its transaction.
const BUSY: Duration = Duration::from_secs(30);

/// Keeps a study in a SQLite file.
#[derive(Debug)]
pub struct SqliteStorage {
    path: PathBuf,
    connection: Connection,
    /// How many migrations the file has had. A file that is only read may be of an older version.
    schema: usize,
    /// Which study is meant; the first one unless it has a name.
    name: Option<String>,
    study: Option<i64>,
    /// Holds the shared lock as long as this storage works on the study.
    lock: Option<File>,
}

impl SqliteStorage {
    /// The storage in this file, to work on; the file is made if it does not exist.
    ///
    /// # Errors
    /// If the file is no database, one of another program, or one of a newer version. Nothing is written then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Self::connect(path.as_ref(), flags, None)
    }

    /// The storage of the study of this name among several in this file, to work on. Trials that are running when it is opened
    /// stay so: they may be told by whoever knows their outcome, also in another process.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_study(path: impl AsRef<Path>, name: impl Into<String>) -> Result<Self, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Self::connect(path.as_ref(), flags, Some(name.into()))
    }

    /// The storage in this file, to look at: also while others work on it.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`StorageError::Missing`] if there is no file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(StorageError::Missing { path: path.to_owned() });
        }
        // A reader that may not write leaves the `-wal` and `-shm` files behind when it is the last one; so the file is opened for
        // writing where that is possible, and the connection told not to write.
        let storage = match Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, None) {
            Err(StorageError::Io { .. } | StorageError::Sqlite { .. }) => {
                return Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, None);
            }
            opened => opened?,
        };
        let only_read = storage.connection.pragma_update(None, "query_only", true);
        only_read.map_err(|source| refused(path, source))?;
        Ok(storage)
    }

    fn connect(path: &Path, flags: OpenFlags, name: Option<String>) -> Result<Self, StorageError> {
        let refused = |source| refused(path, source);
        // No mutex of SQLite's own: calls on one handle come one at a time.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
        connection.busy_timeout(BUSY).map_err(refused)?;
        let path = path.to_owned();
        let mut storage = Self { path, connection, schema: 0, name, study: None, lock: None };
        storage.find_study()?;
        Ok(storage)
    }

    /// How many migrations the file has had; 0 for an empty one.
    fn schema_version(&self) -> Result<usize, StorageError> {
        let number = |sql: &str| -> Result<i64, StorageError> {
            self.connection.query_row(sql, [], |row| row.get(0)).map_err(|e| refused(&self.path, e))
        };
        let application_id = number("PRAGMA application_id")? as i32;
        let version = number("PRAGMA user_version")?;
        if application_id == APPLICATION_ID {
            return match usize::try_from(version) {
                Ok(version) if version <= MIGRATIONS.len() => Ok(version),
                _ => Err(StorageError::NewerSchema {
                    path: self.path.clone(),
                    found: version,
                    supported: MIGRATIONS.len() as i64,
                }),
            };
        }
        if application_id == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
            return Ok(0);
        }
        Err(StorageError::OtherProgram { path: self.path.clone(), application_id })
    }

    /// Finds the study in the file, if it is there by now.
    fn find_study(&mut self) -> Result<(), StorageError> {
        self.schema = self.schema_version()?;
        if self.schema == 0 {
            return Ok(());
        }
        let found = match &self.name {
            None => self.connection.query_row("SELECT min(id) FROM study", [], |row| row.get(0)),
            Some(name) => {
                self.connection
                    .query_row("SELECT min(id) FROM study WHERE name = ?1", [name], |row| row.get(0))
            }
        };
        self.study = found.map_err(|e| refused(&self.path, e))?;
        Ok(())
    }

    fn study(&self) -> Result<i64, StorageError> {
        self.study.ok_or(StorageError::NoStudy)
    }

    /// Brings the schema up to date; another process may do so at the same time.
    fn migrate(&mut self) -> Result<(), StorageError> {
        if self.schema_version()? == MIGRATIONS.len() {
            self.schema = MIGRATIONS.len();
            return Ok(());
        }
        let path = self.path.clone();
        let refused = |source| refused(&path, source);
        self.connection.pragma_update(None, "journal_mode", "WAL").map_err(refused)?;
        let mut done = self.schema_version()?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(refused)?;
        // What was seen before the transaction began may be out of date.
        let version = transaction.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
        done = done.max(version.map_err(refused)?.max(0) as usize);
        for (i, migration) in MIGRATIONS.iter().enumerate().skip(done) {
            transaction.execute_batch(migration).map_err(refused)?;
            transaction.pragma_update(None, "user_version", i as i64 + 1).map_err(refused)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(refused)?;
        transaction.commit().map_err(refused)?;
        self.schema = MIGRATIONS.len();
        Ok(())
    }

    /// A column of the current schema, or what it was before the migration that made it.
    fn column(&self, name: &'static str, migration: usize, before: &'static str) -> &'static str {
        if self.schema < migration { before } else { name }
    }

    /// Takes part in the work, unless the study is one of several. `true`: nobody else did, and running trials were put back to
    /// waiting.
    fn join(&mut self) -> Result<bool, StorageError> {
        if self.name.is_some() {
            return Ok(false);
        }
        let mut name = OsString::from(&self.path);
        name.push("-lock");
        let path = PathBuf::from(name);
        let failed = |source| StorageError::Io { path: path.clone(), source };
        self.lock = None;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let alone = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        };
        if alone {
            self.put_back_abandoned()?;
            file.unlock().map_err(failed)?;
        }
        file.lock_shared().map_err(failed)?;
        self.lock = Some(file);
        Ok(alone)
    }

    fn put_back_abandoned(&mut self) -> Result<(), StorageError> {
        let running = self.changes(0)?.trials.into_iter().filter(|trial| trial.state == TrialState::Running);
        for mut trial in running {
            trial.reset();
            self.update(&trial, TrialState::Running)?;
        }
        Ok(())
    }

    /// Runs `write` in a transaction, with the study and its new revision, which is returned.
    fn transact(
        &mut self,
        write: impl FnOnce(&Transaction<'_>, i64, i64, &Path) -> Result<(), StorageError>,
    ) -> Result<u64, StorageError> {
        let study = self.study()?;
        let path = &self.path;
        let refused = |source| refused(path, source);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(refused)?;
        let revision = transaction
            .prepare_cached("UPDATE study SET revision = revision + 1 WHERE id = ?1 RETURNING revision")
            .and_then(|mut statement| statement.query_row([study], |row| row.get(0)))
            .map_err(refused)?;
        write(&transaction, study, revision, path)?;
        transaction.commit().map_err(refused)?;
        Ok(revision as u64)
    }
}

impl Storage for SqliteStorage {
    fn definition(&mut self) -> Result<Option<Definition>, StorageError> {
        if self.study.is_none() {
            self.find_study()?;
        }
        let Some(study) = self.study else { return Ok(None) };
        let sql = format!(
            "SELECT name, space, objectives, seed, spec, engine, created, {} FROM study WHERE id = ?1",
            self.column("discovered", 2, "0")
        );
        let columns = self.connection.query_row(&sql, [study], |row| {
            let json: (String, String) = (row.get(1)?, row.get(2)?);
            let numbers: (i64, i64) = (row.get(3)?, row.get(6)?);
            Ok((row.get(0)?, json, numbers, row.get(4)?, row.get(5)?, row.get(7)?))
        });
        let (name, (space, objectives), (seed, created), spec, engine, discovered) =
            columns.map_err(|e| refused(&self.path, e))?;
        let space = parse(&self.path, "study.space", &space)?;
        let objectives = parse(&self.path, "study.objectives", &objectives)?;
        let (seed, created) = (seed as u64, created as u64);
        Ok(Some(Definition { name, space, discovered, objectives, seed, spec, engine, created }))
    }

    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError> {
        // A file of another study is left as it is, also when its schema is an older one.
        if let Some(stored) = self.definition()? {
            same(&stored, definition)?;
        }
        self.migrate()?;
        let inserted = self.connection.execute(
            // Another process may have been faster: then its study stays.
            "INSERT INTO study (id, name, space, objectives, seed, spec, engine, created, discovered, revision)
             VALUES (?9, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0) ON CONFLICT DO NOTHING",
            params![
                definition.name,
                json(&definition.space),
                json(&definition.objectives),
                definition.seed as i64,
                definition.spec,
                definition.engine,
                definition.created as i64,
                definition.discovered,
                self.name.is_none().then_some(1),
            ],
        );
        inserted.map_err(|e| refused(&self.path, e))?;
        let stored = self.definition()?.ok_or(StorageError::NoStudy)?;
        same(&stored, definition)?;
        self.connection.pragma_update(None, "synchronous", "NORMAL").map_err(|e| refused(&self.path, e))?;
        self.join()?;
        Ok(stored)
    }

    fn create(&mut self, trial: &FrozenTrial) -> Result<u64, StorageError> {
        self.transact(|transaction, study, revision, path| {
            let refused = |source| refused(path, source);
            let next: i64 = transaction
                .prepare_cached("SELECT coalesce(max(number) + 1, 0) FROM trial WHERE study = ?1")
                .and_then(|mut statement| statement.query_row([study], |row| row.get(0)))
                .map_err(refused)?;
            if next as u64 != trial.number {
                return Err(StorageError::NumberTaken { number: trial.number, next: next as u64 });
            }
            let sql =
                "INSERT INTO trial (study, number, state, configuration, known, objective_values, reports,
                           constraints, attributes, reason, started, finished, revision, suggestions)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
            write_trial(transaction, sql, study, trial, revision).map_err(refused)?;
            Ok(())
        })
    }

    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError> {
        self.transact(|transaction, study, revision, path| {
            let refused = |source| refused(path, source);
            let number = trial.number;
            let found: Option<String> = transaction
                .prepare_cached("SELECT state FROM trial WHERE study = ?1 AND number = ?2")
                .and_then(|mut s| s.query_row([study, number as i64], |row| row.get(0)).optional())
                .map_err(refused)?;
            let found = state(path, &found.ok_or(StorageError::UnknownTrial { number })?)?;
            if found != from {
                return Err(StorageError::StateConflict { number, expected: from, found });
            }
            let sql = "UPDATE trial SET state = ?3, configuration = ?4, known = ?5, objective_values = ?6, reports = ?7,
                           constraints = ?8, attributes = ?9, reason = ?10, started = ?11, finished = ?12, revision = ?13,
                           suggestions = ?14
                       WHERE study = ?1 AND number = ?2";
            write_trial(transaction, sql, study, trial, revision).map_err(refused)?;
            Ok(())
        })
    }

    fn changes(&mut self, since: u64) -> Result<Changes, StorageError> {
        let study = self.study()?;
        let suggestions = self.column("suggestions", 2, "'{}'");
        let path = &self.path;
        let refused = |source| refused(path, source);
        // One read transaction, so that the revision belongs to the trials.
        let transaction = self.connection.transaction().map_err(refused)?;
        let revision = transaction
            .prepare_cached("SELECT revision FROM study WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([study], |row| row.get::<_, i64>(0)))
            .map_err(refused)? as u64;
        let mut trials = Vec::new();
        if revision != since {
            let sql = format!(
                "SELECT number, state, configuration, known, objective_values, reports, constraints, attributes,
                        reason, started, finished, {suggestions}
                 FROM trial WHERE study = ?1 AND revision > ?2 ORDER BY number"
            );
            let mut statement = transaction.prepare_cached(&sql).map_err(refused)?;
            let mut rows = statement.query([study, since as i64]).map_err(refused)?;
            while let Some(row) = rows.next().map_err(refused)? {
                trials.push(read_trial(path, row)?);
            }
        }
        Ok(Changes { trials, revision })
    }
}

fn same(stored: &Definition, definition: &Definition) -> Result<(), StorageError> {
    stored.difference(definition).map_or(Ok(()), |difference| Err(StorageError::OtherStudy { difference }))
}

/// What SQLite's refusal means.
fn refused(path: &Path, source: rusqlite::Error) -> StorageError {
    let path = path.to_owned();
    match (source.sqlite_error_code(), source.sqlite_error().map(|e| e.extended_code)) {
        (Some(ErrorCode::DiskFull), _) => StorageError::DiskFull { path },
        // The index of the WAL could not grow.
        (_, Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)) => StorageError::DiskFull { path },
        (Some(ErrorCode::NotADatabase), _) => StorageError::NotADatabase { path },
        (Some(ErrorCode::DatabaseCorrupt), _) => StorageError::Damaged { path, what: source.to_string() },
        _ => StorageError::Sqlite { path, source },
    }
}

#[cfg(test)]
mod tests;

//! Studies in one SQLite file.
//!
//! A trial costs two transactions: one when it begins, one when it ends. The file is in WAL mode with
//! `synchronous = NORMAL`: a committed transaction is in the hands of the operating system, so it survives
//! `kill -9`; a power failure may take the last ones with it, but never damages the file. One fsync a trial
//! would protect those too, and is not worth its milliseconds: a lost trial is run again.
//!
//! Several processes may work on one study. Beside the file lies `FILE-lock`, on which each of them holds a
//! shared lock of the operating system while it lives. Who opens the study and gets the lock for itself alone
//! knows that nobody else is left, and that trials which are still running were abandoned. (So the file
//! belongs on a local disk.)
//!
//! Whoever finds the file locked, or half made by another process, waits: SQLite does so for most locks, and
//! `patiently` for those that it reports at once (the switch to WAL mode, the recovery of a WAL, a lock that
//! only an exclusive holder can give up).
//!
//! A file mostly holds one study: [`SqliteStorage::open`] makes it and finds it.
//! [`SqliteStorage::open_study`] tells several apart by their names, and leaves running trials to whoever
//! will tell them.

mod catalog;
mod number;
mod row;

use self::row::{json, parse, read_trial, state, write_trial};
use super::{Changes, Definition, Storage, StorageError};
use crate::history::{FrozenTrial, TrialState};
use crate::memory::Memory;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Marks the file as ours: `LCST`.
const APPLICATION_ID: i32 = 0x4c43_5354;
/// The schemas, oldest first; number `i` leads to `user_version = i + 1`.
const MIGRATIONS: [&str; 4] = [
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
    include_str!("../migrations/0004.sql"),
];
/// How long to wait for another process to end its transaction.
const BUSY: Duration = Duration::from_secs(30);
/// How long SQLite waits each time; then whoever waits may be called off.
const SLICE: Duration = Duration::from_millis(100);

/// Whether to give up waiting for a lock; asked about ten times a second by the thread that waits.
type CallOff = Box<dyn Fn() -> bool + Send>;

/// Keeps a study in a SQLite file.
pub struct SqliteStorage {
    path: PathBuf,
    connection: Connection,
    call_off: Option<CallOff>,
    /// How many migrations the file has had. A file that is only read may be of an older version.
    schema: usize,
    /// Which study is meant; the first one unless it has a name.
    name: Option<String>,
    study: Option<i64>,
    /// Holds the shared lock as long as this storage works on the study.
    lock: Option<File>,
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage")
            .field("path", &self.path)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl SqliteStorage {
    /// The storage in this file, to work on; the file is made if it does not exist.
    ///
    /// # Errors
    /// If the file is no database, one of another program, or one of a newer version. Nothing is written
    /// then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Self::connect(path.as_ref(), flags, None, None)
    }

    /// The storage of the study of this name among several in this file, to work on. Trials that are running
    /// when it is opened stay so: they may be told by whoever knows their outcome, also in another process.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_study(path: impl AsRef<Path>, name: impl Into<String>) -> Result<Self, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Self::connect(path.as_ref(), flags, Some(name.into()), None)
    }

    /// As [`open_study`](Self::open_study); while it waits for other processes, now and later, `call_off` is
    /// asked about ten times a second whether to give up with [`StorageError::CalledOff`]: for Ctrl-C.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_study_until(
        path: impl AsRef<Path>,
        name: impl Into<String>,
        call_off: impl Fn() -> bool + Send + 'static,
    ) -> Result<Self, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Self::connect(path.as_ref(), flags, Some(name.into()), Some(Box::new(call_off)))
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
        // A reader that may not write leaves the `-wal` and `-shm` files behind when it is the last one; so
        // the file is opened for writing where that is possible, and the connection told not to write.
        let storage = match Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, None, None) {
            Err(StorageError::Io { .. } | StorageError::Sqlite { .. }) => {
                return Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, None, None);
            }
            opened => opened?,
        };
        let only_read = storage.connection.pragma_update(None, "query_only", true);
        only_read.map_err(|source| refused(path, source))?;
        Ok(storage)
    }

    fn connect(
        path: &Path,
        flags: OpenFlags,
        name: Option<String>,
        call_off: Option<CallOff>,
    ) -> Result<Self, StorageError> {
        let refused = |source| refused(path, source);
        // No mutex of SQLite's own: calls on one handle come one at a time.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
        connection.busy_timeout(SLICE).map_err(refused)?;
        let path = path.to_owned();
        let mut storage = Self { path, connection, call_off, schema: 0, name, study: None, lock: None };
        storage.find_study()?;
        Ok(storage)
    }

    /// Does something that other processes' locks may keep from being done, as soon as they let it.
    ///
    /// # Errors
    /// [`StorageError::Busy`] if they do not, and what else SQLite says.
    fn patiently<T>(&self, mut work: impl FnMut() -> rusqlite::Result<T>) -> Result<T, StorageError> {
        let begun = Instant::now();
        loop {
            let error = match work() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if !is_busy(&error) || begun.elapsed() >= BUSY {
                return Err(refused(&self.path, error));
            }
            if self.call_off.as_ref().is_some_and(|call_off| call_off()) {
                return Err(StorageError::CalledOff { path: self.path.clone() });
            }
            // Some refusals come at once.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A transaction, as soon as other processes let it begin. One that writes holds the lock from the start,
    /// so that nothing in it can be refused for another process's sake.
    fn begin(&self, behavior: TransactionBehavior) -> Result<Transaction<'_>, StorageError> {
        self.patiently(|| Transaction::new_unchecked(&self.connection, behavior))
    }

    /// How many migrations the file has had; 0 for an empty one.
    fn schema_version(&self) -> Result<usize, StorageError> {
        // All at one moment: another process may be making the file.
        let (application_id, version, tables) = self.patiently(|| {
            let transaction = self.connection.unchecked_transaction()?;
            let number = |sql: &str| transaction.query_row(sql, [], |row| row.get::<_, i64>(0));
            Ok((
                number("PRAGMA application_id")? as i32,
                number("PRAGMA user_version")?,
                number("SELECT count(*) FROM sqlite_schema")?,
            ))
        })?;
        match usize::try_from(version) {
            Ok(version) if application_id == APPLICATION_ID && version <= MIGRATIONS.len() => Ok(version),
            _ if application_id == APPLICATION_ID => Err(StorageError::NewerSchema {
                path: self.path.clone(),
                found: version,
                supported: MIGRATIONS.len() as i64,
            }),
            Ok(0) if application_id == 0 && tables == 0 => Ok(0),
            _ => Err(StorageError::OtherProgram { path: self.path.clone(), application_id }),
        }
    }

    /// Finds the study in the file, if it is there by now.
    fn find_study(&mut self) -> Result<(), StorageError> {
        self.schema = self.schema_version()?;
        self.study = match (self.schema, &self.name) {
            (0, _) => None,
            (_, None) => self
                .patiently(|| self.connection.query_row("SELECT min(id) FROM study", [], |row| row.get(0)))?,
            (_, Some(name)) => self.patiently(|| {
                let sql = "SELECT min(id) FROM study WHERE name = ?1";
                self.connection.query_row(sql, [name], |row| row.get(0))
            })?,
        };
        Ok(())
    }

    fn study(&self) -> Result<i64, StorageError> {
        self.study.ok_or(StorageError::NoStudy)
    }

    /// Brings the schema up to date; another process may do so at the same time.
    fn migrate(&mut self) -> Result<(), StorageError> {
        if self.schema_version()? < MIGRATIONS.len() {
            self.patiently(|| self.connection.pragma_update(None, "journal_mode", "WAL"))?;
            let transaction = self.begin(TransactionBehavior::Immediate)?;
            // What was seen before the transaction began may be out of date.
            let done = transaction
                .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
                .map_err(|e| refused(&self.path, e))?;
            let left = MIGRATIONS.iter().enumerate().skip(usize::try_from(done).unwrap_or(0));
            let migrate = || {
                for (i, migration) in left {
                    transaction.execute_batch(migration)?;
                    transaction.pragma_update(None, "user_version", i as i64 + 1)?;
                }
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.commit()
            };
            migrate().map_err(|e| refused(&self.path, e))?;
        }
        self.schema = MIGRATIONS.len();
        Ok(())
    }

    /// A column of the current schema, or what it was before the migration that made it.
    fn column(&self, name: &'static str, migration: usize, before: &'static str) -> &'static str {
        if self.schema < migration { before } else { name }
    }

    /// Takes part in the work, unless the study is one of several. `true`: nobody else did, and running
    /// trials were put back to waiting.
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
        &self,
        write: impl FnOnce(&Transaction<'_>, i64, i64, &Path) -> Result<(), StorageError>,
    ) -> Result<u64, StorageError> {
        let study = self.study()?;
        let path = &self.path;
        let refused = |source| refused(path, source);
        let transaction = self.begin(TransactionBehavior::Immediate)?;
        let revision = transaction
            .prepare_cached("UPDATE study SET revision = revision + 1 WHERE id = ?1 RETURNING revision")
            .and_then(|mut statement| statement.query_row([study], |row| row.get(0)).optional())
            .map_err(refused)?
            .ok_or(StorageError::NoStudy)?;
        write(&transaction, study, revision, path)?;
        transaction.commit().map_err(refused)?;
        Ok(revision as u64)
    }

    /// Adds the study, unless it is there; whether it was added.
    fn insert(&mut self, definition: &Definition) -> Result<bool, StorageError> {
        self.migrate()?;
        let transaction = self.begin(TransactionBehavior::Immediate)?;
        let inserted = transaction.execute(
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
        let inserted = inserted.and_then(|n| transaction.commit().map(|()| n == 1));
        inserted.map_err(|e| refused(&self.path, e))
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
        let columns = self.patiently(|| {
            let read = |row: &rusqlite::Row<'_>| {
                let json: (String, String) = (row.get(1)?, row.get(2)?);
                let numbers: (i64, i64) = (row.get(3)?, row.get(6)?);
                Ok((row.get(0)?, json, numbers, row.get(4)?, row.get(5)?, row.get(7)?))
            };
            self.connection.query_row(&sql, [study], read).optional()
        })?;
        let Some((name, (space, objectives), (seed, created), spec, engine, discovered)) = columns else {
            self.study = None; // deleted since
            return Ok(None);
        };
        let space = parse(&self.path, "study.space", &space)?;
        let objectives = parse(&self.path, "study.objectives", &objectives)?;
        let (seed, created) = (seed as u64, created as u64);
        Ok(Some(Definition { name, space, discovered, objectives, seed, spec, engine, created }))
    }

    fn make(&mut self, definition: &Definition) -> Result<(), StorageError> {
        // The schema of a file is left as it is where nothing is made.
        if self.definition()?.is_none() && self.insert(definition)? {
            return Ok(());
        }
        Err(StorageError::Exists { name: definition.name.clone() })
    }

    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError> {
        // A file of another study is left as it is, also when its schema is an older one.
        match self.definition()? {
            Some(stored) => {
                same(&stored, definition)?;
                self.migrate()?;
            }
            None => {
                self.insert(definition)?;
            }
        }
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
        let sql = format!(
            "SELECT number, state, configuration, known, objective_values, reports, constraints, attributes,
                    reason, started, finished, {}
             FROM trial WHERE study = ?1 AND revision > ?2 ORDER BY number",
            self.column("suggestions", 2, "'{}'")
        );
        // One read transaction, so that the revision belongs to the trials.
        let (transaction, revision) = self.patiently(|| {
            let transaction = self.connection.unchecked_transaction()?;
            let revision = transaction
                .prepare_cached("SELECT revision FROM study WHERE id = ?1")?
                .query_row([study], |row| row.get::<_, i64>(0))
                .optional()?;
            Ok((transaction, revision))
        })?;
        let revision = revision.ok_or(StorageError::NoStudy)? as u64;
        let mut trials = Vec::new();
        if revision != since {
            let refused = |source| refused(&self.path, source);
            let mut statement = transaction.prepare_cached(&sql).map_err(refused)?;
            let mut rows = statement.query([study, since as i64]).map_err(refused)?;
            while let Some(row) = rows.next().map_err(refused)? {
                trials.push(read_trial(&self.path, row)?);
            }
        }
        Ok(Changes { trials, revision })
    }

    fn withdraw(&mut self, number: u64) -> Result<bool, StorageError> {
        let withdrawn = self.transact(|transaction, study, _, path| {
            let sql =
                "DELETE FROM trial WHERE study = ?1 AND number = ?2 AND state = 'running' AND started IS NULL
                       AND number = (SELECT max(number) FROM trial WHERE study = ?1)";
            let deleted = transaction.execute(sql, [study, number as i64]).map_err(|e| refused(path, e))?;
            if deleted == 1 { Ok(()) } else { Err(StorageError::UnknownTrial { number }) }
        });
        match withdrawn {
            Ok(_) => Ok(true),
            Err(StorageError::UnknownTrial { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn memory(&mut self) -> Result<Memory, StorageError> {
        let study = self.study()?;
        let sql = format!("SELECT {} FROM study WHERE id = ?1", self.column("memory", 4, "NULL"));
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement.query_row([study], |row| row.get::<_, Option<String>>(0)).optional()
        };
        let text = self.patiently(read)?.ok_or(StorageError::NoStudy)?;
        text.map_or_else(|| Ok(Memory::default()), |text| parse(&self.path, "study.memory", &text))
    }

    fn remember(&mut self, memory: &Memory) -> Result<Memory, StorageError> {
        self.migrate()?;
        self.transact(|transaction, study, _, path| {
            let sql = "UPDATE study SET memory = ?2 WHERE id = ?1 AND memory IS NULL
                       AND NOT EXISTS (SELECT 1 FROM trial WHERE study = ?1)";
            transaction.execute(sql, (study, json(memory))).map_err(|e| refused(path, e))?;
            Ok(())
        })?;
        self.memory()
    }

    fn place(&self) -> PathBuf {
        self.path.clone()
    }
}

fn same(stored: &Definition, definition: &Definition) -> Result<(), StorageError> {
    stored.difference(definition).map_or(Ok(()), |difference| Err(StorageError::OtherStudy { difference }))
}

/// Whether SQLite refuses for another process's sake, so that trying again helps.
fn is_busy(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseBusy, DatabaseLocked, FileLockingProtocolFailed};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked | FileLockingProtocolFailed))
}

/// What SQLite's refusal means.
fn refused(path: &Path, source: rusqlite::Error) -> StorageError {
    let path = path.to_owned();
    if is_busy(&source) {
        return StorageError::Busy { path, waited_s: BUSY.as_secs() };
    }
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

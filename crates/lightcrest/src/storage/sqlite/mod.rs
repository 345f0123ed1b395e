//! Studies in one SQLite file.
//!
//! A trial costs two transactions: one when it begins, one when it ends. The file is in WAL mode with
//! `synchronous = NORMAL`: a committed transaction is in the hands of the operating system, so it survives
//! `kill -9`; a power failure may take the last ones with it, but never damages the file. Whoever wants to
//! keep those, too, says `synchronous=full` in the URL, and pays a sync of the disk for each write.
//!
//! Several processes of one machine may work on one study. [`presence`] tells which of them live, so that the
//! trials of others can be run again; [`turn`] lets them write in turns. Both need locks that work, so files
//! on network file systems are refused.
//!
//! Whoever finds the file locked, or half made by another process, waits: SQLite does so for most locks, and
//! `patiently` for those that it reports at once (the switch to WAL mode, the recovery of a WAL, a lock that
//! only an exclusive holder can give up).
//!
//! A connection must not be used by a child that was forked. So each call looks at the process that it is in,
//! and opens the file again where that is another one: see [`fork`].
//!
//! A file mostly holds one study: [`SqliteStorage::open`] makes it and finds it.
//! [`SqliteStorage::open_study`] tells several apart by their names.

mod catalog;
mod fork;
mod presence;
mod row;
mod study;
mod system;
mod turn;

pub use catalog::SqliteCatalog;

use self::presence::Presence;
use self::turn::{Taken, Turn};
use super::StorageError;
use super::codec::refused as refused_by;
use super::url::CallOff;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::ffi::OsString;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Marks the file as ours: `LCST`.
const APPLICATION_ID: i32 = 0x4c43_5354;
/// The schemas, oldest first; number `i` leads to `user_version = i + 1`.
const MIGRATIONS: [&str; 6] = [
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
    include_str!("../migrations/0004.sql"),
    include_str!("../migrations/0005.sql"),
    include_str!("../migrations/0006.sql"),
];
/// How long to wait for another process to end its transaction.
const BUSY: Duration = Duration::from_secs(30);
/// How long SQLite waits each time; then whoever waits may be called off.
const SLICE: Duration = Duration::from_millis(100);

/// Keeps a study in a SQLite file.
pub struct SqliteStorage {
    path: PathBuf,
    /// The path, for messages.
    place: String,
    flags: OpenFlags,
    connection: Connection,
    /// Whether each write waits for the disk.
    full: bool,
    call_off: Option<CallOff>,
    /// How many migrations the file has had. A file that is only read may be of an older version.
    schema: usize,
    /// Which study is meant; the first one unless it has a name.
    name: Option<String>,
    study: Option<i64>,
    /// This worker, once it works on the study.
    presence: Option<Presence>,
    turn: Option<Turn>,
    /// The process that opened the file.
    process: u32,
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage")
            .field("path", &self.path)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A transaction that writes, and the turn in which it does.
struct Write<'a> {
    transaction: Transaction<'a>,
    _turn: Option<Taken<'a>>,
}

impl<'a> Deref for Write<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Transaction<'a> {
        &self.transaction
    }
}

impl Write<'_> {
    fn commit(self) -> rusqlite::Result<()> {
        self.transaction.commit()
    }
}

impl SqliteStorage {
    /// The storage in this file, to work on; the file is made if it does not exist.
    ///
    /// # Errors
    /// If the file is no database, one of another program, one of a newer version, or on a network file
    /// system. Nothing is written then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::connect(path.as_ref(), writable(), None, None)
    }

    /// The storage of the study of this name among several in this file, to work on.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_study(path: impl AsRef<Path>, name: impl Into<String>) -> Result<Self, StorageError> {
        Self::connect(path.as_ref(), writable(), Some(name.into()), None)
    }

    /// The storage in this file, to look at: also while others work on it.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`StorageError::Missing`] if there is no file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::read_named(path.as_ref(), None)
    }

    /// As [`read`](Self::read), the study of a name.
    fn read_named(path: &Path, name: Option<String>) -> Result<Self, StorageError> {
        if !path.exists() {
            return Err(StorageError::Missing { place: shown(path) });
        }
        // A reader that may not write leaves the `-wal` and `-shm` files behind when it is the last one; so
        // the file is opened for writing where that is possible, and the connection told not to write.
        let storage = match Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, name.clone(), None) {
            Err(StorageError::Io { .. } | StorageError::Refused { .. } | StorageError::ReadOnly { .. }) => {
                return Self::read_as_it_is(path, name);
            }
            opened => opened?,
        };
        let only_read = storage.connection.pragma_update(None, "query_only", true);
        only_read.map_err(|source| refused(&storage.place, source))?;
        Ok(storage)
    }

    /// As [`read_named`](Self::read_named), where nothing can be written.
    fn read_as_it_is(path: &Path, name: Option<String>) -> Result<Self, StorageError> {
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY;
        match Self::connect(path, read_only, name.clone(), None) {
            // A reader of a file in WAL mode needs the files beside it. Where there are none, nobody works on
            // it, and it is all there is.
            Err(StorageError::Refused { .. } | StorageError::ReadOnly { .. })
                if !beside(path, "-wal").exists() =>
            {
                Self::connect(path, read_only | OpenFlags::SQLITE_OPEN_URI, name, None)
            }
            opened => opened,
        }
    }

    /// Whether each write waits until the disk has it, so that it survives a power failure, too.
    #[must_use]
    pub fn with_full_durability(mut self, full: bool) -> Self {
        self.full = full;
        self
    }

    fn connect(
        path: &Path,
        flags: OpenFlags,
        name: Option<String>,
        call_off: Option<CallOff>,
    ) -> Result<Self, StorageError> {
        let place = shown(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(kind) = system::network_folder(folder.unwrap_or(Path::new("."))) {
            return Err(StorageError::NetworkFolder { place, kind });
        }
        let connection = connection(path, flags).map_err(|source| refused(&place, source))?;
        let mut storage = Self {
            path: path.to_owned(),
            place,
            flags,
            connection,
            full: false,
            call_off,
            schema: 0,
            name,
            study: None,
            presence: None,
            turn: None,
            process: std::process::id(),
        };
        let found = storage.find_study();
        found.map_err(|error| match error {
            // It is there, but what belongs beside it cannot be made.
            StorageError::Refused { place, source } if cannot_open(&*source) && path.exists() => {
                StorageError::ReadOnly { place }
            }
            error => error,
        })?;
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
                return Err(refused(&self.place, error));
            }
            self.heed()?;
            // Some refusals come at once.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether to go on waiting for another process.
    fn heed(&self) -> Result<(), StorageError> {
        match self.call_off.as_ref().is_some_and(|call_off| call_off()) {
            true => Err(StorageError::CalledOff { place: self.place.clone() }),
            false => Ok(()),
        }
    }

    /// A transaction that writes, as soon as other processes let it begin. It holds the lock from the start,
    /// so that nothing in it can be refused for another process's sake.
    fn begin(&self) -> Result<Write<'_>, StorageError> {
        let turn = self.turn.as_ref().map(|turn| turn.take(|| self.heed())).transpose()?.flatten();
        let begin = || Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        Ok(Write { transaction: self.patiently(begin)?, _turn: turn })
    }

    /// Works on the study from now on: this worker is seen by others.
    fn enter(&mut self) -> Result<i64, StorageError> {
        if self.turn.is_none() {
            self.turn = Some(Turn::new(&self.path));
        }
        let presence = match self.presence.take() {
            Some(presence) => presence,
            None => {
                let failed = |source| StorageError::Io { place: shown(&beside(&self.path, "-lock")), source };
                Presence::enter(&self.path).map_err(failed)?
            }
        };
        let owner = presence.owner();
        self.presence = Some(presence);
        Ok(owner)
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
        let place = || self.place.clone();
        match usize::try_from(version) {
            Ok(version) if application_id == APPLICATION_ID && version <= MIGRATIONS.len() => Ok(version),
            _ if application_id == APPLICATION_ID => Err(StorageError::NewerSchema {
                place: place(),
                found: version,
                supported: MIGRATIONS.len() as i64,
            }),
            Ok(0) if application_id == 0 && tables == 0 => Ok(0),
            _ => {
                let optuna = "SELECT count(*) FROM sqlite_schema WHERE name = 'study_directions'";
                let optuna = self
                    .patiently(|| self.connection.query_row(optuna, [], |row| row.get::<_, i64>(0)))?
                    == 1;
                let mark = match application_id == 0 && optuna {
                    true => "Optuna: `lightcrest studies import` takes its studies over".to_owned(),
                    false => format!("application id {application_id:#010x}"),
                };
                Err(StorageError::OtherProgram { place: place(), mark })
            }
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
            let transaction = self.begin()?;
            // What was seen before the transaction began may be out of date.
            let done = transaction
                .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
                .map_err(|e| refused(&self.place, e))?;
            let left = MIGRATIONS.iter().enumerate().skip(usize::try_from(done).unwrap_or(0));
            let migrate = || {
                for (i, migration) in left {
                    transaction.execute_batch(migration)?;
                    transaction.pragma_update(None, "user_version", i as i64 + 1)?;
                }
                if self.name.is_none() && done < 5 {
                    // Who ran a trial in an older schema is gone; in a study that has its file alone, nobody
                    // tells it from elsewhere. Nobody is worker 0.
                    transaction.execute("UPDATE trial SET owner = 0 WHERE state = 'running'", [])?;
                }
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.commit()
            };
            migrate().map_err(|e| refused(&self.place, e))?;
        }
        self.schema = MIGRATIONS.len();
        Ok(())
    }

    /// A column of the current schema, or what it was before the migration that made it.
    fn column(&self, name: &'static str, migration: usize, before: &'static str) -> &'static str {
        if self.schema < migration { before } else { name }
    }
}

fn writable() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
}

fn connection(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // No mutex of SQLite's own: calls on one handle come one at a time.
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match flags.contains(OpenFlags::SQLITE_OPEN_URI) {
        true => Connection::open_with_flags(as_it_is(path), flags)?,
        false => Connection::open_with_flags(path, flags)?,
    };
    connection.busy_timeout(SLICE)?;
    // A prepared statement keeps its plan, whatever is bound: else SQLite prepares some anew for each write.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// The URI of a file that nobody changes.
fn as_it_is(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let encoded = path.as_os_str().as_encoded_bytes().iter().map(|&byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    format!("file:{}?immutable=1", encoded.collect::<String>())
}

/// Whether SQLite says that a file cannot be opened.
fn cannot_open(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<rusqlite::Error>();
    error.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::CannotOpen)
}

/// A file whose name is that of the database with an ending.
fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(ending);
    PathBuf::from(name)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Whether another process's lock is in the way, now.
fn is_busy(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseBusy, DatabaseLocked, FileLockingProtocolFailed};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked | FileLockingProtocolFailed))
}

/// What SQLite's refusal means.
pub(super) fn refused(place: &str, source: rusqlite::Error) -> StorageError {
    let busy = is_busy(&source);
    let text = source.to_string();
    let place_ = || place.to_owned();
    match (source.sqlite_error_code(), source.sqlite_error().map(|e| e.extended_code)) {
        _ if busy => StorageError::Busy { place: place_(), waited_s: BUSY.as_secs() },
        (Some(ErrorCode::DiskFull), _) => StorageError::DiskFull { place: place_() },
        // The index of the WAL could not grow.
        (_, Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)) => StorageError::DiskFull { place: place_() },
        (Some(ErrorCode::ReadOnly), _) => StorageError::ReadOnly { place: place_() },
        (Some(ErrorCode::NotADatabase), _) => StorageError::NotADatabase { place: place_() },
        (Some(ErrorCode::DatabaseCorrupt), _) => StorageError::Damaged { place: place_(), what: text },
        _ => refused_by(place, source),
    }
}

#[cfg(test)]
mod tests;

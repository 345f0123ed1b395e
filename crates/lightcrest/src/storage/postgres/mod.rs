//! Studies in PostgreSQL.
//!
//! Every write is one statement, and so one transaction. It raises the study's revision under the lock of the
//! study's row, so that revisions become visible in their order; and it does not wait for the disk, so that
//! the lock is held for microseconds. What must survive a crash of the server, above all how a trial ended,
//! is then waited for by one more statement that takes no lock that anybody else wants: its sync of the
//! server's log covers all that was written before. What runs (claims, reports) is not waited for: a crash of
//! the server may take it, and then nothing of that run counts.
//!
//! The way to the server and back is what takes time. So what belongs together is asked for together (a write
//! and its sync, trials and reports), and reports go through an [`outbox`] while their worker goes on.
//!
//! If the connection is lost or silent, nobody knows whether the last statement was done, or will be. The
//! run's random token says it: whoever comes back reads the row, finds what it wanted to write, or writes it
//! again, or is told that the trial is somebody else's.
//!
//! A trial is its worker's while [`lease`] renews that, by the clock of the server.

mod connection;
mod failure;
mod lease;
mod outbox;
mod read;
mod session;
mod study;
mod target;
mod tls;
mod write;

use self::connection::Server;
use self::session::{Session, Texts};
use self::target::{Surroundings, Target};
use super::{CallOff, Catalog, Storage, StorageError, Summary};

/// The version of the schema that this program knows.
const VERSION: i64 = 1;
/// Who makes the tables holds this lock: any number that nobody else takes.
const MAKING: &str = "SELECT pg_advisory_xact_lock(5497853135693827925)";

/// The studies of one database of PostgreSQL.
pub struct PostgresCatalog {
    target: Target,
    call_off: Option<CallOff>,
}

impl PostgresCatalog {
    /// That of a URL, of which `rest` is what follows `postgresql://`. Connects when it is asked something.
    ///
    /// # Errors
    /// [`StorageError::BadUrl`].
    pub(super) fn new(rest: &str, call_off: Option<CallOff>) -> Result<Self, StorageError> {
        Ok(Self { target: Target::parse(rest, &Surroundings::real())?, call_off })
    }

    /// Does something in a transaction of texts: `work` is told the database and how to ask it. `begin` is
    /// the statement that begins it.
    ///
    /// # Errors
    /// What `work` gives: then nothing was done. If the server refuses, or cannot be reached.
    pub(super) fn transaction<T: Send + 'static>(
        &self,
        begin: &'static str,
        work: impl FnOnce(String, &mut dyn FnMut(&str) -> Result<Texts, StorageError>) -> Result<T, StorageError>
        + Send
        + 'static,
    ) -> Result<T, StorageError> {
        self.call(move |session| {
            let client = session.current()?;
            session.texts(client, begin)?;
            let place = session.place().to_owned();
            let done = work(place, &mut |sql| session.texts(client, sql));
            let end = session.texts(client, if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
            if end.is_err() {
                session.forget();
            }
            let done = done?;
            end.map(|_| done)
        })
    }

    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        Server::of(&self.target).call(self.call_off.as_ref(), work)
    }
}

/// Whether the tables are there.
fn is_made(session: &mut Session) -> Result<bool, StorageError> {
    let sql = "SELECT to_regclass('lightcrest.schema') IS NOT NULL";
    let made: bool = session.query(sql, &[])?[0].get(0);
    if !made {
        return Ok(false);
    }
    let version: i64 = session.query("SELECT max(version) FROM lightcrest.schema", &[])?[0].get(0);
    if version > VERSION {
        let place = session.place().to_owned();
        return Err(StorageError::NewerSchema { place, found: version, supported: VERSION });
    }
    Ok(true)
}

/// Makes the tables where there are none; several processes may do so at once.
fn make_tables(session: &mut Session) -> Result<(), StorageError> {
    if is_made(session)? {
        return Ok(());
    }
    // Who waited for the lock finds them made.
    let schema = include_str!("schema.sql");
    let sql = format!(
        "BEGIN; {MAKING}; DO $make$ BEGIN IF to_regclass('lightcrest.schema') IS NULL THEN {schema} END IF; END $make$; COMMIT"
    );
    session.batch(&sql).inspect_err(|_| session.forget())
}

impl Catalog for PostgresCatalog {
    fn studies(&mut self) -> Result<Vec<(i64, String)>, StorageError> {
        self.call(|session| {
            if !is_made(session)? {
                return Ok(Vec::new());
            }
            let rows = session.query("SELECT id, name FROM lightcrest.study ORDER BY id", &[])?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }

    fn summaries(&mut self) -> Result<Vec<Summary>, StorageError> {
        let rows = self.call(|session| {
            if !is_made(session)? {
                return Ok(Vec::new());
            }
            let sql = "SELECT s.name, s.created, t.state, count(t.number) FROM lightcrest.study s
                       LEFT JOIN lightcrest.trial t ON t.study = s.id
                       GROUP BY s.id, s.name, s.created, t.state ORDER BY s.id";
            let rows = session.query(sql, &[])?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect())
        })?;
        Summary::gather(&self.place(), rows)
    }

    fn look(&mut self, name: &str) -> Result<Box<dyn Storage>, StorageError> {
        self.study(name)
    }

    fn study(&mut self, name: &str) -> Result<Box<dyn Storage>, StorageError> {
        let server = Server::of(&self.target);
        // That the server is there, and lets one in, is known at once.
        server.call(self.call_off.as_ref(), |session| is_made(session).map(drop))?;
        Ok(Box::new(study::PostgresStorage::new(server, name, self.call_off.clone())))
    }

    fn rename(&mut self, name: &str, new: &str) -> Result<(), StorageError> {
        let (name, new) = (name.to_owned(), new.to_owned());
        self.call(move |session| {
            if !is_made(session)? {
                return Err(StorageError::NoStudy);
            }
            let find = "SELECT 1 FROM lightcrest.study WHERE name = $1";
            if session.query(find, &[&name])?.is_empty() {
                return Err(StorageError::NoStudy);
            }
            let rename = "UPDATE lightcrest.study SET name = $2 WHERE name = $1
                              AND NOT EXISTS (SELECT 1 FROM lightcrest.study WHERE name = $2) RETURNING id";
            match session.query(rename, &[&name, &new])?.len() {
                1 => Ok(()),
                _ => Err(StorageError::Exists { name: new }),
            }
        })
    }

    fn place(&self) -> String {
        self.target.place()
    }
}

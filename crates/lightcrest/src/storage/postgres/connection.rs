//! The connection to a server, on a thread of its own.
//!
//! The client blocks: it cannot be used inside of an asynchronous runtime, it waits for the network without a
//! limit of ours, and when it is dropped it says goodbye, which on a dead network may take for ever. So it
//! lives on a thread that is told what to do and is never waited for longer than whoever asks likes: Ctrl-C
//! is heard, and a thread that hangs is left behind.
//!
//! All handles of one process on one server share one thread. A child that was forked has none of it, and
//! begins anew.

use super::target::Target;
use super::tls;
use crate::storage::{CallOff, Cause, StorageError};
use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Row, SimpleQueryMessage, Statement};
use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long to go on trying when the server is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How often whoever waits looks whether to give up.
const SLICE: Duration = Duration::from_millis(100);

/// What the thread is told to do.
type Job = Box<dyn FnOnce(&mut Session) + Send>;

/// Rows of cells as texts.
pub(super) type Texts = Vec<Vec<Option<String>>>;

/// A way to the thread of a server, for all who say the same of it.
pub(super) struct Server {
    jobs: Mutex<Sender<Job>>,
    pub(super) target: Target,
    pub(super) place: String,
    pub(super) process: u32,
    pub(super) heart: super::lease::Heart,
}

impl Server {
    /// That of this process, made if there is none yet. It connects when it is first asked something.
    pub(super) fn of(target: &Target) -> Arc<Self> {
        type Servers = (u32, Vec<Weak<Server>>);
        static SERVERS: Mutex<Servers> = Mutex::new((0, Vec::new()));
        let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if servers.0 != process {
            *servers = (process, Vec::new());
        }
        let mut known = servers.1.iter().filter_map(Weak::upgrade);
        if let Some(server) = known.find(|server| server.target == *target) {
            return server;
        }
        let (jobs, told) = mpsc::channel::<Job>();
        let session_of = target.clone();
        // Nobody joins it: it ends when nobody can tell it anything any more.
        let thread = std::thread::Builder::new().name("postgres".to_owned()).spawn(move || {
            let mut session = Session::new(session_of);
            while let Ok(job) = told.recv() {
                job(&mut session);
            }
        });
        drop(thread);
        let (place, target) = (target.place(), target.clone());
        let heart = super::lease::Heart::new(target.clone());
        let server = Arc::new(Self { jobs: Mutex::new(jobs), target, place, process, heart });
        servers.1.retain(|server| server.strong_count() > 0);
        servers.1.push(Arc::downgrade(&server));
        server
    }

    /// Lets the thread do something, and waits for it.
    ///
    /// # Errors
    /// What `work` gives; [`StorageError::CalledOff`] if whoever waits is called off.
    pub(super) fn call<T: Send + 'static>(
        &self,
        call_off: Option<&CallOff>,
        work: impl FnOnce(&mut Session) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let job = Box::new(move |session: &mut Session| {
            // Whoever asked may be gone.
            answer.send(work(session)).ok();
        });
        if self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job).is_err() {
            return Err(unreachable(&self.place, "its thread could not be started"));
        }
        loop {
            match answered.recv_timeout(SLICE) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => {
                    if call_off.is_some_and(|call_off| call_off()) {
                        return Err(StorageError::CalledOff { place: self.place.clone() });
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(unreachable(&self.place, "its thread ended"));
                }
            }
        }
    }

    /// Lets the thread do something when it has time; nobody hears what came of it.
    pub(super) fn tell(&self, work: impl FnOnce(&mut Session) + Send + 'static) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(Box::new(work)).ok();
    }
}

pub(super) fn unreachable(place: &str, source: impl Into<Cause>) -> StorageError {
    StorageError::Unreachable { place: place.to_owned(), source: source.into() }
}

/// What became of a statement.
pub(super) enum Failure {
    /// Nothing was done, and it may be tried again.
    Again(postgres::Error),
    /// The connection is gone: whether it was done, nobody knows.
    Lost(postgres::Error),
    /// The server refuses it, and would again.
    Refused(postgres::Error),
}

impl Failure {
    fn of(error: postgres::Error, client: &Client) -> Self {
        let Some(database) = error.as_db_error() else {
            let source = std::error::Error::source(&error);
            let cut =
                client.is_closed() || error.is_closed() || source.is_some_and(|s| s.is::<std::io::Error>());
            // What the client itself cannot send, it never can.
            return if cut { Self::Lost(error) } else { Self::Refused(error) };
        };
        let code = database.code();
        if client.is_closed() || [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN].contains(code) {
            return Self::Lost(error);
        }
        let passing = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::CANNOT_CONNECT_NOW,
        ];
        match passing.contains(code) || code.code().starts_with("08") {
            true => Self::Again(error),
            false => Self::Refused(error),
        }
    }
}

/// What the thread has: a client, while there is one.
pub(super) struct Session {
    target: Target,
    place: String,
    client: Option<Client>,
    statements: HashMap<&'static str, Statement>,
    /// How many clients there were: whoever sees another number than before may have missed what a server
    /// lost in a crash.
    pub(super) count: u64,
    /// The row of this process.
    worker: i64,
}

impl Session {
    pub(super) fn new(target: Target) -> Self {
        let place = target.place();
        let worker = getrandom::u64().map_or(1, |random| (random >> 1) as i64);
        Self { target, place, client: None, statements: HashMap::new(), count: 0, worker }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// A client. Where there was one before, the server is waited for.
    fn connect(&mut self) -> Result<(), StorageError> {
        if self.client.as_ref().is_some_and(|client| !client.is_closed()) {
            return Ok(());
        }
        self.client = None;
        self.statements.clear();
        let begun = Instant::now();
        loop {
            match self.try_connect() {
                Ok(client) => {
                    self.client = Some(client);
                    self.count += 1;
                    return Ok(());
                }
                Err((source, passing)) if !passing || self.count == 0 || begun.elapsed() > PATIENCE => {
                    return Err(unreachable(&self.place, source));
                }
                Err(_) => std::thread::sleep(SLICE),
            }
        }
    }

    /// `Err`: why not, and whether that may pass.
    fn try_connect(&self) -> Result<Client, (Cause, bool)> {
        let Target { hosts, user, database, password, encrypted, connect_timeout, .. } = &self.target;
        let mut config = Config::new();
        config.user(user).dbname(database).application_name("lightcrest").connect_timeout(*connect_timeout);
        for (host, port) in hosts {
            config.host(host).port(*port);
        }
        if let Some(password) = password {
            config.password(password);
        }
        // A cut network is noticed within half a minute.
        config.keepalives(true).keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
        config.tcp_user_timeout(Duration::from_secs(20));
        let connected = match encrypted {
            true => {
                config.ssl_mode(postgres::config::SslMode::Require);
                config.connect(tls::connector(&self.target).map_err(|error| (error, false))?)
            }
            false => {
                config.ssl_mode(postgres::config::SslMode::Disable);
                config.connect(NoTls)
            }
        };
        let failed = |error: postgres::Error| {
            // What the server itself says stays so, unless it is starting, stopping or full.
            let code = error.code().map(|code| code.code().to_owned());
            let passing = code.is_none_or(|code| code.starts_with("57P") || code.starts_with("53"));
            (Cause::from(error), passing)
        };
        let mut client = connected.map_err(failed)?;
        let settings = "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = 'warning'";
        client.batch_execute(settings).map_err(failed)?;
        Ok(client)
    }

    /// Runs a statement that is prepared once.
    pub(super) fn once(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Result<Vec<Row>, Failure>, StorageError> {
        self.connect()?;
        let Some(client) = &mut self.client else { return Err(unreachable(&self.place, "not connected")) };
        let statement = match self.statements.get(sql) {
            Some(statement) => Ok(statement.clone()),
            None => client.prepare(sql).inspect(|statement| {
                self.statements.insert(sql, statement.clone());
            }),
        };
        let rows = statement.and_then(|statement| client.query(&statement, parameters));
        Ok(rows.map_err(|error| Failure::of(error, client)))
    }

    /// Runs a statement that may be run twice.
    ///
    /// # Errors
    /// If the server refuses it, or does not come back.
    pub(super) fn query(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StorageError> {
        let begun = Instant::now();
        loop {
            match self.once(sql, parameters)? {
                Ok(rows) => return Ok(rows),
                Err(Failure::Again(error) | Failure::Lost(error)) if begun.elapsed() > PATIENCE => {
                    return Err(unreachable(&self.place, error));
                }
                Err(Failure::Again(_)) => self.pause(),
                Err(Failure::Lost(_)) => self.forget(),
                Err(Failure::Refused(error)) => return Err(refused(&self.place, error)),
            }
        }
    }

    /// Several statements without parameters, as one transaction.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), StorageError> {
        self.connect()?;
        let Some(client) = &mut self.client else { return Err(unreachable(&self.place, "not connected")) };
        client.batch_execute(sql).map_err(|error| refused(&self.place, error))
    }

    /// Runs statements as they are with the client of that number, and gives what they found, as texts.
    ///
    /// # Errors
    /// If the server refuses it, or the client was lost: another one knows nothing of its transaction.
    pub(super) fn texts(&mut self, client: u64, sql: &str) -> Result<Texts, StorageError> {
        let same = self.count == client;
        let Some(client) = self.client.as_mut().filter(|client| same && !client.is_closed()) else {
            return Err(unreachable(&self.place, "the connection was lost in the middle of a transaction"));
        };
        let messages = client.simple_query(sql).map_err(|error| refused(&self.place, error))?;
        let cells = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect())
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(cells).collect())
    }

    /// Connects, if need be; which client it is.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub(super) fn current(&mut self) -> Result<u64, StorageError> {
        self.connect()?;
        Ok(self.count)
    }

    /// Waits until the server's disk has all that was written before. The row belongs to this process, so
    /// that nobody waits for anybody, and the server syncs once for all that come together. `false` if the
    /// client was lost: what it wrote before may be gone with a server that crashed.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub(super) fn flush(&mut self, client: u64) -> Result<bool, StorageError> {
        let worker = self.worker;
        let beat = "UPDATE lightcrest.worker SET beat = clock_timestamp() WHERE id = $1 RETURNING id";
        loop {
            if self.current()? != client {
                return Ok(false);
            }
            match self.once(beat, &[&worker])? {
                Ok(rows) if rows.is_empty() => {
                    let insert = "INSERT INTO lightcrest.worker (id, host, process, beat)
                                  VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT (id) DO NOTHING";
                    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
                    self.query(insert, &[&worker, &host.trim(), &i64::from(std::process::id())])?;
                }
                Ok(_) => return Ok(self.count == client),
                Err(Failure::Again(_)) => self.pause(),
                Err(Failure::Lost(_)) => {
                    self.forget();
                    return Ok(false);
                }
                Err(Failure::Refused(error)) => return Err(refused(&self.place, error)),
            }
        }
    }

    /// A moment, so that two who are in each other's way do not meet again.
    pub(super) fn pause(&self) {
        let random = getrandom::u32().unwrap_or(0) % 20;
        std::thread::sleep(Duration::from_millis(5 + u64::from(random)));
    }

    /// The client is of no use any more.
    pub(super) fn forget(&mut self) {
        // To say goodbye to a network that is dead takes long.
        if let Some(client) = self.client.take() {
            std::thread::Builder::new().name("goodbye".to_owned()).spawn(move || drop(client)).ok();
        }
    }
}

/// What the server's refusal means.
pub(super) fn refused(place: &str, error: postgres::Error) -> StorageError {
    let place = place.to_owned();
    match error.code().map(SqlState::code) {
        Some("53100") => StorageError::DiskFull { place },
        Some("57014") => StorageError::Busy { place, waited_s: PATIENCE.as_secs() },
        Some("XX001" | "XX002") => StorageError::Damaged { place, what: error.to_string() },
        // The messages of the client itself leave out what the server says.
        _ => match error.as_db_error() {
            Some(said) => StorageError::Refused { place, source: said.message().to_owned().into() },
            None => StorageError::Refused { place, source: error.into() },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::target::Surroundings;
    use super::*;

    #[test]
    fn a_connection_is_shared_by_those_who_say_the_same_of_it() {
        let around = Surroundings { variable: Box::new(|_| None) };
        let server = |rest: &str| Server::of(&Target::parse(rest, &around).unwrap());
        let one = server("u:a@h/d");
        assert!(Arc::ptr_eq(&one, &server("u:a@h/d")));
        for other in [
            "u@h/d",
            "u:b@h/d",
            "u:a@h/d?connect_timeout=3",
            "u:a@h/d?sslrootcert=own.pem",
            "u:a@h/d?sslmode=disable",
            "u:a@h/d?lease=5",
        ] {
            let server = server(other);
            assert!(!Arc::ptr_eq(&one, &server), "{other}");
        }
    }
}

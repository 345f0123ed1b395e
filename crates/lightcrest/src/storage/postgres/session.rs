//! A session: one connection at a time, made anew when it breaks.
//!
//! Whoever asks the server something waits for it, but not for ever: a network that passes nothing on any
//! more, or a server that is stopped, is given up after some silence, and the next connection tells what
//! became of it. The server itself gives up sooner what waits for a lock, so that what it still does when its
//! client is gone is over soon.

use super::failure::{Failure, PATIENCE, unreachable};
use super::target::Target;
use super::tls;
use crate::storage::{Cause, StorageError};
use futures_util::TryStreamExt;
use futures_util::future::join;
use std::collections::HashMap;
use std::convert::identity;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls, Row, SimpleQueryMessage, Statement};

/// How long the server works on one statement at most.
const LONGEST: Duration = Duration::from_secs(30);
/// How much later than the server itself a client gives up.
const MARGIN: Duration = Duration::from_secs(1);
/// How often whoever waits looks whether to give up.
pub(super) const SLICE: Duration = Duration::from_millis(100);

/// Rows of cells as texts.
pub(super) type Texts = Vec<Vec<Option<String>>>;

/// Values of a statement.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What an answer comes to, which is waited for as long as the limit says.
async fn heard<T>(
    client: &Client,
    limit: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|error| Failure::of(error, client)),
        Err(_) => Err(Failure::silence(limit)),
    }
}

/// The rows that a statement gives, of which each is waited for as long as the limit says.
async fn rows<T>(
    client: &Client,
    limit: Duration,
    statement: &Statement,
    parameters: Parameters<'_>,
    mut take: impl FnMut(Row) -> T,
) -> Result<Vec<T>, Failure> {
    let parameters = parameters.iter().map(|parameter| *parameter as &dyn ToSql);
    let mut stream = pin!(heard(client, limit, client.query_raw(statement, parameters)).await?);
    let mut taken = Vec::new();
    while let Some(row) = heard(client, limit, stream.try_next()).await? {
        taken.push(take(row));
    }
    Ok(taken)
}

/// A connection.
struct Link {
    client: Client,
    /// Reads and writes while somebody waits.
    traffic: JoinHandle<Result<(), Error>>,
    /// What the server knows already.
    statements: HashMap<&'static str, Statement>,
    runtime: Runtime,
}

impl Link {
    fn statement(&mut self, limit: Duration, sql: &'static str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let (client, runtime) = (&self.client, &self.runtime);
        let statement = runtime.block_on(heard(client, limit, client.prepare(sql)))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// Says goodbye, to a server that listens.
    fn close(self) {
        let Self { client, traffic, runtime, .. } = self;
        drop(client);
        // Where nobody listens, that is all the same.
        runtime.block_on(async { tokio::time::timeout(MARGIN, traffic).await.ok() });
        runtime.shutdown_background();
    }
}

/// What the thread of a connection has: a connection, while there is one.
pub(super) struct Session {
    target: Target,
    place: String,
    link: Option<Link>,
    /// How many connections there were: whoever sees another number than before may have missed what a server
    /// lost in a crash.
    pub(super) count: u64,
    /// The row of this process.
    worker: i64,
}

impl Session {
    pub(super) fn new(target: Target) -> Self {
        let place = target.place();
        let worker = getrandom::u64().map_or(1, |random| (random >> 1) as i64);
        Self { target, place, link: None, count: 0, worker }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// How long an answer is waited for.
    fn silence(&self) -> Duration {
        self.target.lock_timeout() + MARGIN
    }

    /// A connection. Where there was one before, the server is waited for.
    fn connect(&mut self) -> Result<&mut Link, StorageError> {
        if self.link.as_ref().is_some_and(|link| link.client.is_closed()) {
            self.forget();
        }
        let begun = Instant::now();
        while self.link.is_none() {
            match self.try_connect() {
                Ok(link) => {
                    self.link = Some(link);
                    self.count += 1;
                }
                Err((source, passing)) if !passing || self.count == 0 || begun.elapsed() > PATIENCE => {
                    return Err(unreachable(&self.place, source));
                }
                Err(_) => std::thread::sleep(SLICE),
            }
        }
        self.link.as_mut().ok_or_else(|| unreachable(&self.place, "not connected"))
    }

    /// `Err`: why not, and whether that may pass.
    fn try_connect(&self) -> Result<Link, (Cause, bool)> {
        let Target { hosts, user, database, password, encrypted, connect_timeout, .. } = &self.target;
        let mut config = Config::new();
        config.user(user).dbname(database).application_name("lightcrest").connect_timeout(*connect_timeout);
        for (host, port) in hosts {
            config.host(host).port(*port);
        }
        if let Some(password) = password {
            config.password(password);
        }
        // Also where nobody asks anything, what lies between must not forget the connection.
        config.keepalives(true).keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
        config.tcp_user_timeout(self.silence());
        config.ssl_mode(if *encrypted { SslMode::Require } else { SslMode::Disable });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| (error.into(), true))?;
        let failed = |error: Error| {
            // What the server itself says stays so, unless it is starting, stopping or full.
            let code = error.code().map(|code| code.code().to_owned());
            let passing = code.is_none_or(|code| code.starts_with("57P") || code.starts_with("53"));
            (Cause::from(error), passing)
        };
        let limit = (*connect_timeout).max(self.silence());
        let settings = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = '60s'; \
             SET client_min_messages = 'warning'",
            LONGEST.as_millis(),
            self.target.lock_timeout().as_millis()
        );
        let connecting = async {
            let (client, traffic) = match encrypted {
                true => {
                    let encryption = tls::connector(&self.target).map_err(|error| (error, false))?;
                    let (client, connection) = config.connect(encryption).await.map_err(failed)?;
                    (client, tokio::spawn(connection))
                }
                false => {
                    let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
                    (client, tokio::spawn(connection))
                }
            };
            client.batch_execute(&settings).await.map_err(failed)?;
            Ok((client, traffic))
        };
        // Its clock is that of the runtime.
        let connected = runtime.block_on(async { tokio::time::timeout(limit, connecting).await });
        let silent = || (Cause::from(format!("it has not answered for {} s", limit.as_secs())), true);
        let (client, traffic) = connected.map_err(|_| silent())??;
        Ok(Link { client, traffic, statements: HashMap::new(), runtime })
    }

    /// Runs a statement that is prepared once.
    pub(super) fn once(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Result<Vec<Row>, Failure>, StorageError> {
        self.once_within(self.silence(), sql, parameters)
    }

    fn once_within(
        &mut self,
        limit: Duration,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Result<Vec<Row>, Failure>, StorageError> {
        let link = self.connect()?;
        Ok(link.statement(limit, sql).and_then(|statement| {
            link.runtime.block_on(rows(&link.client, limit, &statement, parameters, identity))
        }))
    }

    /// Runs two statements, each a transaction, one after the other, and waits for both together.
    #[allow(clippy::type_complexity, reason = "what became of the one and of the other")]
    fn both<T>(
        &mut self,
        limit: Duration,
        [(first, a), (second, b)]: [(&'static str, Parameters<'_>); 2],
        take: impl FnMut(Row) -> T,
    ) -> Result<Result<(Vec<T>, Result<Vec<Row>, Failure>), Failure>, StorageError> {
        let link = self.connect()?;
        let mut prepared = |sql| link.statement(limit, sql);
        let (first, second) = match (prepared(first), prepared(second)) {
            (Ok(first), Ok(second)) => (first, second),
            (Err(failure), _) | (_, Err(failure)) => return Ok(Err(failure)),
        };
        // They are sent in this order, since each is when it is first polled.
        let (first, second) =
            (rows(&link.client, limit, &first, a, take), rows(&link.client, limit, &second, b, identity));
        let both = join(first, second);
        let (first, second) = link.runtime.block_on(both);
        Ok(first.map(|first| (first, second)))
    }

    /// Runs a statement that may be run twice.
    ///
    /// # Errors
    /// If the server refuses it, or does not come back.
    pub(super) fn query(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StorageError> {
        let limit = self.silence();
        self.patiently(|session| session.once_within(limit, sql, parameters))
    }

    /// As [`query`](Self::query), where the server may have much to do before it says something.
    ///
    /// # Errors
    /// As there.
    pub(super) fn query_long(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StorageError> {
        self.patiently(|session| session.once_within(LONGEST + MARGIN, sql, parameters))
    }

    /// As [`query`](Self::query), two statements that are asked together; `long` as
    /// [`query_long`](Self::query_long). `take` is given each row of the first when it comes, so that the
    /// rows of a large study are never in memory all at once.
    ///
    /// # Errors
    /// As there.
    pub(super) fn query_both<T>(
        &mut self,
        long: bool,
        statements: [(&'static str, Parameters<'_>); 2],
        mut take: impl FnMut(Row) -> T,
    ) -> Result<(Vec<T>, Vec<Row>), StorageError> {
        let limit = if long { LONGEST + MARGIN } else { self.silence() };
        self.patiently(|session| {
            let both = session.both(limit, statements, &mut take)?;
            Ok(both.and_then(|(first, second)| Ok((first, second?))))
        })
    }

    fn patiently<T>(
        &mut self,
        mut work: impl FnMut(&mut Self) -> Result<Result<T, Failure>, StorageError>,
    ) -> Result<T, StorageError> {
        let begun = Instant::now();
        loop {
            match work(self)? {
                Ok(rows) => return Ok(rows),
                Err(failure) => self.recover(failure, begun)?,
            }
        }
    }

    /// Gets ready to try again what failed.
    ///
    /// # Errors
    /// If that is of no use, or was tried for long enough.
    pub(super) fn recover(&mut self, failure: Failure, begun: Instant) -> Result<(), StorageError> {
        let lost = matches!(failure, Failure::Lost(_));
        if lost {
            self.forget();
        }
        if begun.elapsed() > PATIENCE || matches!(failure, Failure::Refused(_)) {
            return Err(failure.last(&self.place));
        }
        if !lost {
            self.pause();
        }
        Ok(())
    }

    /// Runs a write, and where its end must not be lost, waits for the server's disk. `true`: the disk has
    /// it; else see [`flush`](Self::flush).
    pub(super) fn write(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
        durable: bool,
    ) -> Result<Result<(Vec<Row>, bool), Failure>, StorageError> {
        if !durable {
            return Ok(self.once(sql, parameters)?.map(|rows| (rows, false)));
        }
        let worker = self.worker;
        let both = self.both(self.silence(), [(sql, parameters), (BEAT, &[&worker])], identity)?;
        Ok(match both {
            Ok((_, Err(Failure::Lost(cause)))) => Err(Failure::Lost(cause)),
            Ok((rows, beat)) => Ok((rows, beat.is_ok_and(|rows| !rows.is_empty()))),
            Err(failure) => Err(failure),
        })
    }

    /// Several statements without parameters, as one transaction.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), StorageError> {
        let count = self.current()?;
        self.texts(count, sql).map(drop)
    }

    /// Runs statements as they are with the connection of that number, and gives what they found, as texts.
    ///
    /// # Errors
    /// If the server refuses it, or the connection was lost: another one knows nothing of its transaction.
    pub(super) fn texts(&mut self, connection: u64, sql: &str) -> Result<Texts, StorageError> {
        let same = self.count == connection;
        let Some(link) = self.link.as_ref().filter(|link| same && !link.client.is_closed()) else {
            return Err(unreachable(&self.place, "the connection was lost in the middle of a transaction"));
        };
        let (client, limit) = (&link.client, LONGEST + MARGIN);
        let mut found = Vec::new();
        let asked = link.runtime.block_on(async {
            let mut stream = pin!(heard(client, limit, client.simple_query_raw(sql)).await?);
            while let Some(message) = heard(client, limit, stream.try_next()).await? {
                if let SimpleQueryMessage::Row(row) = message {
                    found.push((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect());
                }
            }
            Ok(())
        });
        asked.map_err(|failure: Failure| failure.last(&self.place))?;
        Ok(found)
    }

    /// Connects, if need be; which connection it is.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub(super) fn current(&mut self) -> Result<u64, StorageError> {
        self.connect()?;
        Ok(self.count)
    }

    /// Waits until the server's disk has all that was written before. The row belongs to this process, so
    /// that nobody waits for anybody, and the server syncs once for all that come together. `false` if the
    /// connection was lost: what it wrote before may be gone with a server that crashed.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub(super) fn flush(&mut self, connection: u64) -> Result<bool, StorageError> {
        let (worker, begun) = (self.worker, Instant::now());
        loop {
            if self.current()? != connection {
                return Ok(false);
            }
            match self.once(BEAT, &[&worker])? {
                Ok(rows) if rows.is_empty() => {
                    let insert = "INSERT INTO lightcrest.worker (id, host, process, beat)
                                  VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT (id) DO NOTHING";
                    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
                    self.query(insert, &[&worker, &host.trim(), &i64::from(std::process::id())])?;
                }
                Ok(_) => return Ok(self.count == connection),
                Err(failure @ Failure::Lost(_)) => {
                    self.recover(failure, begun)?;
                    return Ok(false);
                }
                Err(failure) => self.recover(failure, begun)?,
            }
        }
    }

    /// A moment, so that two who are in each other's way do not meet again.
    fn pause(&self) {
        let random = getrandom::u32().unwrap_or(0) % 20;
        std::thread::sleep(Duration::from_millis(5 + u64::from(random)));
    }

    /// The connection is of no use any more. Nobody is told: to say goodbye to a network that is dead takes
    /// long.
    pub(super) fn forget(&mut self) {
        if let Some(link) = self.link.take() {
            link.runtime.shutdown_background();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            link.close();
        }
    }
}

const BEAT: &str = "UPDATE lightcrest.worker SET beat = clock_timestamp() WHERE id = $1 RETURNING id";

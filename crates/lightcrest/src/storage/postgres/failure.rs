//! What becomes of statements that fail.

use crate::storage::{Cause, StorageError};
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// How long to go on trying when the server is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a statement.
pub(super) enum Failure {
    /// Nothing was done, and it may be tried again.
    Again(Error),
    /// The connection is gone: whether it was done, nobody knows.
    Lost(Cause),
    /// The server refuses it, and would again.
    Refused(Error),
}

impl Failure {
    pub(super) fn of(error: Error, client: &Client) -> Self {
        let Some(database) = error.as_db_error() else {
            let source = std::error::Error::source(&error);
            let cut =
                client.is_closed() || error.is_closed() || source.is_some_and(|s| s.is::<std::io::Error>());
            // What the client itself cannot send, it never can.
            return if cut { Self::Lost(error.into()) } else { Self::Refused(error) };
        };
        let code = database.code();
        if client.is_closed() || [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN].contains(code) {
            return Self::Lost(error.into());
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

    /// That the server said nothing for so long.
    pub(super) fn silence(limit: Duration) -> Self {
        Self::Lost(format!("it has not answered for {} s", limit.as_secs()).into())
    }

    /// What it means to whoever does not try again.
    pub(super) fn last(self, place: &str) -> StorageError {
        match self {
            Self::Again(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                refused(place, error)
            }
            Self::Again(error) => unreachable(place, error),
            Self::Lost(cause) => unreachable(place, cause),
            Self::Refused(error) => refused(place, error),
        }
    }
}

pub(super) fn unreachable(place: &str, source: impl Into<Cause>) -> StorageError {
    StorageError::Unreachable { place: place.to_owned(), source: source.into() }
}

/// What the server's refusal means.
pub(super) fn refused(place: &str, error: Error) -> StorageError {
    let place = place.to_owned();
    match error.code().map(SqlState::code) {
        Some("53100") => StorageError::DiskFull { place },
        Some("55P03" | "57014") => StorageError::Busy { place, waited_s: PATIENCE.as_secs() },
        Some("XX001" | "XX002") => StorageError::Damaged { place, what: error.to_string() },
        // The messages of the client itself leave out what the server says.
        _ => match error.as_db_error() {
            Some(said) => StorageError::Refused { place, source: said.message().to_owned().into() },
            None => StorageError::Refused { place, source: error.into() },
        },
    }
}

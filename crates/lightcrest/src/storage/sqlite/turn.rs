//! Turns: who writes next.
//!
//! Whoever finds a SQLite file locked sleeps, longer each time, while others come and go: with several busy
//! writers one may wait for seconds. So writers queue at the lock of a second file, `FILE-turn`, and ask
//! SQLite when they have it. It is a courtesy and no safeguard: whoever cannot get it soon, because its
//! holder was stopped, goes on without it, and SQLite's own lock decides.

use super::SLICE;
use crate::storage::StorageError;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to queue.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to sleep between two looks. Whoever has the turn mostly writes several times in this time, with
/// pages that it has read; with shorter naps, looks and reading again take half of a processor.
const NAP: Duration = Duration::from_micros(500);
/// Whoever has queued for so long looks more often, to be next.
const LONG: Duration = Duration::from_millis(20);
const SHORT_NAP: Duration = Duration::from_micros(100);

/// The queue of one handle.
pub(super) struct Turn(Option<File>);

impl Turn {
    pub(super) fn new(database: &Path) -> Self {
        let path = super::beside(database, "-turn");
        Self(OpenOptions::new().create(true).truncate(false).write(true).open(path).ok())
    }

    /// Waits for the turn; it is given up when what is returned is dropped. `heed` is asked about ten times a
    /// second whether to go on waiting.
    ///
    /// # Errors
    /// What `heed` gives.
    pub(super) fn take(
        &self,
        heed: impl Fn() -> Result<(), StorageError>,
    ) -> Result<Option<Taken<'_>>, StorageError> {
        let Some(file) = &self.0 else { return Ok(None) };
        let (begun, mut heeded) = (Instant::now(), Instant::now());
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Taken(file))),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {}
                Err(_) => return Ok(None),
            }
            if heeded.elapsed() >= SLICE {
                heed()?;
                heeded = Instant::now();
            }
            std::thread::sleep(if begun.elapsed() < LONG { NAP } else { SHORT_NAP });
        }
    }
}

/// The turn.
pub(super) struct Taken<'a>(&'a File);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

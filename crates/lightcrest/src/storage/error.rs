//! What can go wrong where trials are kept. Each error says what happened, whichever database it happened in.

use crate::history::TrialState;

/// What a database itself says of a failure.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a storage cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The study that is kept there differs from the one that was to be opened. Give the same definition, or
    /// another place.
    #[error("the stored study is another one: {difference}")]
    OtherStudy {
        /// The first difference, in words.
        difference: String,
    },
    /// A study was to be made, but one of that name is there already. Open it, or take another name.
    #[error("there is a study `{name}` already")]
    Exists {
        /// Its name.
        name: String,
    },
    /// A study was to be read, but none was made there yet.
    #[error("there is no study in it yet")]
    NoStudy,
    /// Somebody else took the number first, or it would leave a gap. Take over the
    /// [changes](super::Storage::changes) and try the next one.
    #[error("the next trial is number {next}, but number {number} was to be created")]
    NumberTaken {
        /// The number that was to be created.
        number: u64,
        /// The number that is free.
        next: u64,
    },
    /// A trial was to be changed that was never made.
    #[error("trial {number} does not exist")]
    UnknownTrial {
        /// Its number.
        number: u64,
    },
    /// Somebody else changed the trial first: it ended, or runs elsewhere. What was to be written is not.
    #[error("trial {number} is {found}, but it should be {expected}")]
    StateConflict {
        /// The number of the trial.
        number: u64,
        /// The state from which it was to be changed.
        expected: TrialState,
        /// The state in which it is.
        found: TrialState,
    },
    /// Whoever writes was taken for dead, and the trial was given to somebody else. Nothing is written: stop
    /// working on it.
    #[error(
        "trial {number} was given up: its worker was taken for dead, and nothing more is kept of this run"
    )]
    LeaseLost {
        /// The number of the trial.
        number: u64,
    },
    /// A file was to be read that does not exist.
    #[error("{place} does not exist")]
    Missing {
        /// The file.
        place: String,
    },
    /// What is there is no database, and left as it is.
    #[error("{place} is not a database")]
    NotADatabase {
        /// The file.
        place: String,
    },
    /// It is a database, but none of Lightcrest's, and left as it is.
    #[error("{place} is a database of another program ({mark})")]
    OtherProgram {
        /// The database.
        place: String,
        /// What it can be told by.
        mark: String,
    },
    /// What is there cannot be taken as what it was said to be; it is left as it is.
    #[error("{place}: {what}")]
    Strange {
        /// The database or file.
        place: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A newer version of Lightcrest wrote the database: use that one.
    #[error(
        "{place} has schema version {found}, but this program knows versions up to {supported}: use a newer one"
    )]
    NewerSchema {
        /// The database.
        place: String,
        /// The version of its schema.
        found: i64,
        /// The newest version that this program knows.
        supported: i64,
    },
    /// What was to be written is not, and all before it is whole: free some space and run again.
    #[error("no space left on the disk for {place}: what was stored is whole; free some space and run again")]
    DiskFull {
        /// The database that could not grow.
        place: String,
    },
    /// What is stored contradicts itself: something else changed it, or the disk lost a part. Nothing is
    /// guessed in its place.
    #[error("{place} is damaged: {what}; go back to a copy of it, or begin a new study in another place")]
    Damaged {
        /// The database.
        place: String,
        /// What is wrong, and where.
        what: String,
    },
    /// The file, its folder or the whole disk can only be read. Nothing was written.
    #[error(
        "{place} cannot be written, or its folder cannot: let them be written, or copy the study to another \
         place (`lightcrest studies copy`)"
    )]
    ReadOnly {
        /// The database.
        place: String,
    },
    /// The operating system refuses a file beside the database.
    #[error("cannot access {place}")]
    Io {
        /// The file.
        place: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Another process has held the database for longer than this one waits.
    #[error("the database {place} is locked by another process, also after {waited_s} s")]
    Busy {
        /// The database.
        place: String,
        /// How long it was waited for, in seconds.
        waited_s: u64,
    },
    /// Another process holds the database, and whoever waited for it was called off.
    #[error("the database {place} is locked by another process, and the wait for it was called off")]
    CalledOff {
        /// The database.
        place: String,
    },
    /// The file lies where the locks of a database in a file cannot be relied on. Nothing was opened.
    #[error(
        "{place} lies on a network file system ({kind}), whose locks a SQLite file cannot rely on: put it on a local \
         disk, or keep the study in PostgreSQL (postgresql://USER@HOST/DATABASE)"
    )]
    NetworkFolder {
        /// The file.
        place: String,
        /// The file system.
        kind: &'static str,
    },
    /// The URL of a database cannot be understood. What it says of passwords is left out.
    #[error("{what}: a path, `sqlite:///study.db` or `postgresql://USER@HOST/DATABASE` is needed")]
    BadUrl {
        /// What is wrong with it.
        what: String,
    },
    /// The server of the database cannot be reached, or does not let one in.
    #[error("cannot reach {place}")]
    Unreachable {
        /// The database.
        place: String,
        /// What the client says.
        source: Cause,
    },
    /// Anything else that the database refuses.
    #[error("the database {place} refuses")]
    Refused {
        /// The database.
        place: String,
        /// What it says.
        source: Cause,
    },
}

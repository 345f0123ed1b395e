//! Studies of Optuna: read from its databases and journals, and written into them.
//!
//! Optuna 3, 4 and 5 are read (and 2.6 to 2.10), in SQLite, PostgreSQL and files of `JournalStorage`; what is
//! written opens in Optuna 5 and its dashboard as it is. Nothing of Optuna is needed for it.
//!
//! [`read`] gives [`OptunaStudy`]s, which a storage [keeps](OptunaStudy::keep); [`OptunaStudy::of`] makes
//! one of a stored study, for [`write()`].

mod distribution;
mod engine;
mod journal;
mod json;
mod moment;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod sqlite;
mod tables;

pub use moment::Zone;
pub use record::OptunaStudy;

use super::{CallOff, StorageError};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a SQLite file begins with.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// In which form studies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The tables of `RDBStorage`.
    Tables,
    /// A file of `JournalStorage`.
    Journal,
}

/// A place that a URL names.
enum Place<'a> {
    File(PathBuf),
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "it is named to be refused"))]
    Server(&'a str),
}

fn place(url: &str) -> Result<Place<'_>, StorageError> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Ok(Place::File(PathBuf::from(url)));
    };
    match scheme.split('+').next().unwrap_or_default() {
        "sqlite" => {
            let path =
                rest.split('?').next().unwrap_or_default().strip_prefix('/').filter(|path| !path.is_empty());
            let what = || StorageError::BadUrl { what: format!("`{url}` names no file") };
            path.map(|path| Place::File(PathBuf::from(path))).ok_or_else(what)
        }
        "postgresql" | "postgres" => Ok(Place::Server(rest)),
        other => {
            let what = format!("`{other}://` is no database of Optuna's that is known");
            Err(StorageError::BadUrl { what })
        }
    }
}

#[cfg(not(feature = "postgres"))]
fn without_postgres() -> StorageError {
    StorageError::BadUrl { what: "this program was built without PostgreSQL".to_owned() }
}

/// The studies that a SQLite file, a journal or a database of PostgreSQL holds, or the one of a name. Times
/// of tables are those of the zone. Nothing is written.
///
/// # Errors
/// If there is nothing of Optuna's, or it cannot be read.
pub fn read(
    url: &str,
    name: Option<&str>,
    zone: Zone,
    call_off: Option<CallOff>,
) -> Result<Vec<OptunaStudy>, StorageError> {
    match place(url)? {
        Place::File(path) => {
            // Only servers are waited for.
            drop(call_off);
            match is_sqlite(&path)? {
                true => sqlite::read(&path, name, zone),
                false => journal::read(&path, name, zone),
            }
        }
        #[cfg(feature = "postgres")]
        Place::Server(rest) => postgres::read(rest, name, zone, call_off),
        #[cfg(not(feature = "postgres"))]
        Place::Server(_) => Err(without_postgres()),
    }
}

fn is_sqlite(path: &Path) -> Result<bool, StorageError> {
    let place = || path.display().to_string();
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StorageError::Missing { place: place() });
        }
        Err(source) => return Err(StorageError::Io { place: place(), source }),
    };
    let mut head = Vec::new();
    let read = file.by_ref().take(SQLITE.len() as u64).read_to_end(&mut head);
    read.map_err(|source| StorageError::Io { place: place(), source })?;
    Ok(head == SQLITE)
}

/// A file that was not there before.
fn new_file(path: &Path) -> Result<std::fs::File, StorageError> {
    let place = path.display().to_string();
    std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(|source| {
        match source.kind() {
            std::io::ErrorKind::AlreadyExists => StorageError::Strange {
                place,
                what: "it is there already: name a file that is not".to_owned(),
            },
            _ => StorageError::Io { place, source },
        }
    })
}

/// Writes studies into a new SQLite file, a new journal, or a database of PostgreSQL, whose tables are made
/// where there are none. Times of tables are those of the zone.
///
/// # Errors
/// If there is a file already, or a study of one of the names; if it cannot be written. Nothing is there
/// then.
pub fn write(
    url: &str,
    format: Format,
    studies: Vec<OptunaStudy>,
    zone: Zone,
    call_off: Option<CallOff>,
) -> Result<(), StorageError> {
    match (place(url)?, format) {
        (Place::File(path), Format::Tables) => {
            drop(call_off);
            sqlite::write(&path, &studies, zone)
        }
        (Place::File(path), Format::Journal) => journal::write(&path, &studies),
        #[cfg(feature = "postgres")]
        (Place::Server(rest), Format::Tables) => postgres::write(rest, studies, zone, call_off),
        #[cfg(not(feature = "postgres"))]
        (Place::Server(_), Format::Tables) => Err(without_postgres()),
        (Place::Server(_), Format::Journal) => Err(StorageError::BadUrl {
            what: "a journal is a file, which `postgresql://` does not name".to_owned(),
        }),
    }
}

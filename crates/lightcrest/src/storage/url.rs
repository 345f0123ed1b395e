//! Which database a URL means.
//!
//! `sqlite:///study.db` and `sqlite:////home/me/study.db` name files as SQLAlchemy does: after `sqlite:///`
//! comes the path. A plain path is a SQLite file, too. `?synchronous=full` makes each write wait for the
//! disk.

use super::{Catalog, Definition, SqliteCatalog, Storage, StorageError};
use crate::history::{FrozenTrial, TrialState};
use std::sync::Arc;

/// Whether to give up waiting for a database; asked about ten times a second by the thread that waits.
pub type CallOff = Arc<dyn Fn() -> bool + Send + Sync>;

/// The studies of the database that a URL names. `call_off` ends waits for it: for Ctrl-C.
///
/// # Errors
/// [`StorageError::BadUrl`] if it cannot be understood; what opening the database gives.
pub fn open_url(url: &str, call_off: Option<CallOff>) -> Result<Box<dyn Catalog>, StorageError> {
    let Some((scheme, rest)) = url.split_once("://") else {
        if url.trim().is_empty() {
            return Err(StorageError::BadUrl { what: "the URL of the storage is empty".to_owned() });
        }
        return Ok(Box::new(SqliteCatalog::new(url, call_off)));
    };
    // SQLAlchemy names the driver after a plus sign.
    match scheme.split('+').next().unwrap_or_default() {
        "sqlite" => sqlite(rest, call_off),
        #[cfg(feature = "postgres")]
        "postgresql" | "postgres" => Ok(Box::new(super::PostgresCatalog::new(rest, call_off)?)),
        #[cfg(not(feature = "postgres"))]
        "postgresql" | "postgres" => {
            Err(StorageError::BadUrl { what: "this program was built without PostgreSQL".to_owned() })
        }
        other => Err(StorageError::BadUrl { what: format!("`{other}://` is no database that is known") }),
    }
}

fn sqlite(rest: &str, call_off: Option<CallOff>) -> Result<Box<dyn Catalog>, StorageError> {
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    let Some(path) = path.strip_prefix('/').filter(|path| !path.is_empty()) else {
        let what = format!("`sqlite://{rest}` names no file");
        return Err(StorageError::BadUrl { what });
    };
    let mut full = false;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        full = match option.to_ascii_lowercase().as_str() {
            "synchronous=full" => true,
            "synchronous=normal" => false,
            other => {
                let what = format!("`{other}` is no option of a SQLite file, but synchronous=full is");
                return Err(StorageError::BadUrl { what });
            }
        };
    }
    Ok(Box::new(SqliteCatalog::new(path, call_off).with_full_durability(full)))
}

/// Copies a study into a storage that has none of that name yet, under the name `name`: its definition, what
/// it learns from, its attributes and its trials as they are at one moment. What runs there waits here.
///
/// # Errors
/// [`StorageError::NoStudy`] if there is nothing to copy, [`StorageError::Exists`] if there is one already;
/// if one of the two cannot be read or written. What was copied until then is deleted again.
pub fn copy(from: &mut dyn Storage, to: &mut dyn Storage, name: &str) -> Result<u64, StorageError> {
    let stored = from.definition()?.ok_or(StorageError::NoStudy)?;
    let definition = Definition { name: name.to_owned(), ..stored };
    let (memory, attributes, trials) = (from.memory()?, from.attributes()?, from.changes(0)?.trials);
    to.make(&definition)?;
    let fill = || {
        to.open(&definition)?;
        if !memory.sources().is_empty() {
            to.remember(&memory)?;
        }
        for (key, value) in attributes {
            to.set_attribute(&key, value)?;
        }
        let mut copied = 0;
        for mut trial in trials {
            if trial.state == TrialState::Running {
                trial.reset();
            }
            // Whoever ran it there has nothing to do with it here.
            to.create(&FrozenTrial { claim: None, ..trial })?;
            copied += 1;
        }
        Ok(copied)
    };
    fill().inspect_err(|_| {
        // The first error is what counts.
        to.delete().ok();
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Result<String, String> {
        open_url(url, None).map(|catalog| catalog.place()).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_name_files_as_sqlalchemy_does() {
        assert_eq!(place("sqlite:///a/b.db"), Ok("a/b.db".to_owned()));
        assert_eq!(place("sqlite:////tmp/a.db?synchronous=full"), Ok("/tmp/a.db".to_owned()));
        assert_eq!(place("sqlite+pysqlite:///a.db"), Ok("a.db".to_owned()));
        assert_eq!(place("runs/a.db"), Ok("runs/a.db".to_owned()));
    }

    #[test]
    fn what_is_no_url_of_a_database_is_said() {
        let known = "a path, `sqlite:///study.db` or `postgresql://USER@HOST/DATABASE` is needed";
        for (url, what) in [
            ("sqlite://", "`sqlite://` names no file"),
            ("sqlite:///", "`sqlite:///` names no file"),
            ("sqlite:///a.db?mode=ro", "`mode=ro` is no option of a SQLite file, but synchronous=full is"),
            ("mysql://u:secret@h/d", "`mysql://` is no database that is known"),
            (" ", "the URL of the storage is empty"),
        ] {
            assert_eq!(place(url), Err(format!("{what}: {known}")));
        }
    }
}

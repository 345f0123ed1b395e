//! Which database a URL means.
//!
//! `sqlite:///study.db` and `sqlite:////home/me/study.db` name files as SQLAlchemy does: after `sqlite:///`
//! comes the path. A plain path is a SQLite file, too. `?synchronous=full` makes each write wait for the
//! disk.

use super::{Catalog, SqliteCatalog, StorageError};
use std::path::Path;
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

/// The URL without its password: for messages, logs and files.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| !is_sqlite(scheme)) else {
        return url.to_owned();
    };
    let (place, options) = rest.split_once('?').map_or((rest, None), |(place, all)| (place, Some(all)));
    // The login ends at the last `@` before the first `/`; unless a password has a `/`, which it must not.
    let authority = place.split('/').next().unwrap_or_default();
    let port =
        |text: &str| text.split_once(':').is_none_or(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let end = authority.rfind('@').or_else(|| place.rfind('@').filter(|_| !port(authority)));
    let place = end.map_or_else(
        || place.to_owned(),
        |end| format!("{}{}", place[..end].split(':').next().unwrap_or_default(), &place[end..]),
    );
    let kept = |all: &str| {
        let words = all.split('&').filter(|word| !word.starts_with("password="));
        words.collect::<Vec<_>>().join("&")
    };
    let given = options.is_some_and(|all| all.split('&').any(|word| word.starts_with("password=")));
    let options =
        if given { options.map(kept).filter(|left| !left.is_empty()) } else { options.map(str::to_owned) };
    let options = options.map_or_else(String::new, |options| format!("?{options}"));
    format!("{scheme}://{place}{options}")
}

/// The URL with the path of a SQLite file as it is seen from everywhere; relative paths begin at `folder`.
///
/// # Errors
/// If the current folder is not known.
pub fn absolute(url: &str, folder: &Path) -> std::io::Result<String> {
    let (scheme, path, options) = match url.split_once("://") {
        None => ("sqlite", url, ""),
        Some((scheme, rest)) if is_sqlite(scheme) => match rest.strip_prefix('/') {
            Some(rest) => {
                let (path, options) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
                (scheme, path, options)
            }
            None => return Ok(url.to_owned()),
        },
        Some(_) => return Ok(url.to_owned()),
    };
    if path.trim().is_empty() {
        return Ok(url.to_owned());
    }
    let path = std::path::absolute(folder.join(path))?;
    Ok(format!("{scheme}:///{}{options}", path.display()))
}

/// Whether the scheme of a URL is that of SQLite; SQLAlchemy names the driver after a plus sign.
fn is_sqlite(scheme: &str) -> bool {
    scheme.split('+').next() == Some("sqlite")
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
    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgresql://ann:se:c@ret@h:1/d?lease=5", "postgresql://ann@h:1/d?lease=5"),
            ("postgresql://ann@h/d?password=secret&lease=5", "postgresql://ann@h/d?lease=5"),
            ("postgres+psycopg://:secret@h/d?password=secret", "postgres+psycopg://@h/d"),
            ("mysql://u:secret@h/d", "mysql://u@h/d"),
            ("postgresql:///d?host=/tmp", "postgresql:///d?host=/tmp"),
            ("postgresql://ann:se/c@ret@h/d", "postgresql://ann@h/d"),
            ("postgresql://h:1/d@x", "postgresql://h:1/d@x"),
            ("sqlite:///a:b@c.db?synchronous=full", "sqlite:///a:b@c.db?synchronous=full"),
            ("runs/a:b@c.db", "runs/a:b@c.db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn a_file_is_found_from_everywhere() {
        let absolute = |url: &str| absolute(url, Path::new("/specs")).unwrap();
        assert_eq!(absolute("sqlite:///a.db?synchronous=full"), "sqlite:////specs/a.db?synchronous=full");
        assert_eq!(absolute("sqlite:////tmp/a.db"), "sqlite:////tmp/a.db");
        assert_eq!(absolute("runs/a.db"), "sqlite:////specs/runs/a.db");
        for url in ["postgresql://u@h/d", "sqlite:///", "sqlite://", ""] {
            assert_eq!(absolute(url), url);
        }
    }
}

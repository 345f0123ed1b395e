//! Where a study lives that is not in the folder of its run: in the database that a URL names.
//!
//! The URL is that of `--storage`, else of the variable `LIGHTCREST_STORAGE`, else of `[study]` in the spec.
//! One on the command line has no password, since everybody on the machine sees it there. What is written and
//! said of a URL leaves its password out.

use std::fmt;
use std::io;
use std::path::Path;

use lightcrest::storage::{CallOff, Catalog, Storage, StorageError, absolute, open_url, without_password};

use crate::error::CliError;

/// The variable of the environment.
pub(crate) const VARIABLE: &str = "LIGHTCREST_STORAGE";

/// The URL of a database, which is found from any folder.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    whole: String,
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Url {
    fn new(text: &str, folder: &Path) -> Result<Self, CliError> {
        let whole = absolute(text, folder).map_err(|source| CliError::Read { path: text.into(), source })?;
        // What is wrong with it is said before anything else is done.
        let wrong = |source| CliError::Storage { what: "the storage cannot be used".into(), source };
        open_url(&whole, None).map_err(wrong)?;
        Ok(Self { whole })
    }

    /// One that the command line says; `-` for that of the environment.
    ///
    /// # Errors
    /// If it cannot be one, or has a password.
    pub(crate) fn said(text: &str) -> Result<Self, CliError> {
        Self::beside(text, Path::new(""))
    }

    /// As [`said`](Self::said), with relative paths that begin at `folder`.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn beside(text: &str, folder: &Path) -> Result<Self, CliError> {
        if text == "-" {
            return Self::of_environment()?.ok_or_else(missing);
        }
        if without_password(text) != text {
            let shown = without_password(text);
            return Err(CliError::Usage(format!(
                "{shown} was given with a password, which everybody on this machine sees in the list of processes: leave it \
                 out, and put it into ~/.pgpass, PGPASSWORD or the URL of {VARIABLE}"
            )));
        }
        Self::new(text, folder)
    }

    /// One that the command line says, or that of the environment.
    ///
    /// # Errors
    /// As [`said`](Self::said), and if there is none.
    pub(crate) fn needed(text: Option<&str>) -> Result<Self, CliError> {
        match text {
            Some(text) => Self::said(text),
            None => Self::of_environment()?.ok_or_else(missing),
        }
    }

    /// That of `LIGHTCREST_STORAGE`.
    fn of_environment() -> Result<Option<Self>, CliError> {
        let text = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
        text.map(|text| Self::new(&text, Path::new(""))).transpose()
    }

    /// That of the command line, of the environment or of a spec, whose relative paths begin at `folder`;
    /// none where nobody says one.
    ///
    /// # Errors
    /// If it cannot be one.
    pub(crate) fn choose(
        said: Option<&str>,
        spec: Option<&str>,
        folder: &Path,
    ) -> Result<Option<Self>, CliError> {
        if let Some(text) = said {
            return Self::said(text).map(Some);
        }
        match Self::of_environment()? {
            Some(url) => Ok(Some(url)),
            None => spec.map(|text| Self::new(text, folder)).transpose(),
        }
    }

    /// One that was [shown](Self::shown), with the password that the environment has for it.
    pub(crate) fn shown_before(shown: &str) -> Self {
        let known = Self::of_environment().ok().flatten().filter(|url| url.shown() == shown);
        known.unwrap_or_else(|| Self { whole: shown.to_owned() })
    }

    /// As it is shown and written: without its password.
    pub(crate) fn shown(&self) -> String {
        without_password(&self.whole)
    }

    /// As it is, with its password: not to be shown.
    pub(crate) fn whole(&self) -> &str {
        &self.whole
    }

    /// The studies of the database.
    ///
    /// # Errors
    /// If it cannot be one.
    pub(crate) fn catalog(&self, call_off: Option<CallOff>) -> Result<Box<dyn Catalog>, StorageError> {
        open_url(&self.whole, call_off)
    }

    /// A study of the database; the only one where no name is given.
    ///
    /// # Errors
    /// If the database cannot be read, or there are none or several.
    pub(crate) fn study(&self, name: Option<&str>) -> Result<Place, CliError> {
        if let Some(name) = name {
            return Ok(Place { url: self.clone(), study: name.to_owned() });
        }
        let summaries = self.catalog(None).and_then(|mut catalog| catalog.summaries());
        let summaries = summaries.map_err(|source| self.failed(source))?;
        match summaries.as_slice() {
            [only] => Ok(Place { url: self.clone(), study: only.name.clone() }),
            [] => Err(CliError::Usage(format!("there is no study in {}", self.shown()))),
            several => {
                const SHOWN: usize = 10;
                let names: Vec<String> =
                    several.iter().take(SHOWN).map(|study| format!("`{}`", study.name)).collect();
                let more = if several.len() > SHOWN { ", ..." } else { "" };
                Err(CliError::Usage(format!(
                    "{} holds {} studies, and one must be named: {}{more}",
                    self.shown(),
                    several.len(),
                    names.join(", ")
                )))
            }
        }
    }

    pub(crate) fn failed(&self, source: StorageError) -> CliError {
        CliError::Storage { what: format!("cannot use the studies in {}", self.shown()), source }
    }
}

fn missing() -> CliError {
    CliError::Usage(format!("the URL of a database is needed: name one, or set {VARIABLE}"))
}

/// A study of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) url: Url,
    pub(crate) study: String,
}

impl Place {
    /// The study, to work on, whether it is there yet or not.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub(crate) fn open(&self, call_off: Option<CallOff>) -> Result<Box<dyn Storage>, StorageError> {
        self.url.catalog(call_off)?.study(&self.study)
    }

    /// The study, to look at.
    ///
    /// # Errors
    /// If there is no database, or it cannot be opened.
    pub(crate) fn look(&self) -> Result<Box<dyn Storage>, StorageError> {
        self.url.catalog(None)?.look(&self.study)
    }

    pub(crate) fn failed(&self, source: StorageError) -> CliError {
        let what = format!("cannot use study `{}` in {}", self.study, self.url.shown());
        CliError::Storage { what, source }
    }

    /// Reads what [`text`](Self::text) wrote.
    ///
    /// # Errors
    /// If it is something else.
    pub(crate) fn parse(text: &str) -> io::Result<Self> {
        #[derive(serde::Deserialize)]
        struct Written {
            storage: String,
            study: String,
        }
        let Written { storage, study } = serde_json::from_str(text)?;
        Ok(Self { url: Url::shown_before(&storage), study })
    }

    /// As JSON, without a password.
    pub(crate) fn text(&self) -> String {
        let json = serde_json::json!({ "storage": self.url.shown(), "study": self.study });
        format!("{json:#}\n")
    }
}

/// A text with the passwords of all URLs in it left out.
pub(crate) fn without_passwords(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) =
        ["postgresql://", "postgresql+", "postgres://"].iter().filter_map(|s| rest.find(s)).min()
    {
        let (before, url) = rest.split_at(at);
        let end = url.find(|c: char| c.is_whitespace() || "\"'`".contains(c)).unwrap_or(url.len());
        clean.push_str(before);
        clean.push_str(&without_password(&url[..end]));
        rest = &url[end..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_on_the_command_line_is_refused_and_not_said() {
        let error = Url::said("postgresql://ann:hunter2@db/studies").unwrap_err().report();
        assert!(error.contains("postgresql://ann@db/studies was given with a password"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        let error = Url::said("mysql://ann@db").unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn passwords_are_taken_out_of_a_text() {
        let text = "a = 'postgresql://u:s3@h/d?password=s3'\n# postgres://u:s3@h\nb = \"sqlite:///a:b@c\"";
        let clean = "a = 'postgresql://u@h/d'\n# postgres://u@h\nb = \"sqlite:///a:b@c\"";
        assert_eq!(without_passwords(text), clean);
    }

    #[test]
    fn a_place_is_written_without_its_password_and_read_again() {
        let url = Url::new("postgresql://ann:hunter2@db/studies", Path::new("")).unwrap();
        let place = url.study(Some("a \"b\"")).unwrap();
        assert!(!place.text().contains("hunter2") && !format!("{place:?}").contains("hunter2"));
        let again = Place::parse(&place.text()).unwrap();
        assert_eq!((again.url.shown(), again.study), (url.shown(), "a \"b\"".to_owned()));
        assert!(Place::parse("{}").is_err());
    }
}

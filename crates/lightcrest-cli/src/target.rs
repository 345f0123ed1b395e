//! Where a run goes: its folder, and the database of its study if that lives elsewhere.

use std::path::{Path, PathBuf};

use lightcrest::storage::{Definition, Storage, StorageError};
use lightcrest_spec::StudySpec;

use crate::arguments::{Role, StudyArguments};
use crate::error::CliError;
use crate::place::{Place, Url, VARIABLE};
use crate::prepare;
use crate::run::RunFolder;
use crate::spec_file;

/// Where a run goes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its folder.
    pub(crate) root: PathBuf,
    /// Where its study lives, if not in the folder.
    pub(crate) place: Option<Place>,
}

impl Target {
    /// What the arguments, the environment and the spec ask for, whatever may be there. Reads nothing.
    ///
    /// # Errors
    /// If the URL of a database cannot be one.
    pub(crate) fn of(arguments: &StudyArguments, spec: &StudySpec) -> Result<Self, CliError> {
        let folder = spec_file::folder(&arguments.spec);
        let url = Url::choose(arguments.storage.as_deref(), spec.storage.as_deref(), folder)?;
        if arguments.fresh
            && let Some(url) = &url
        {
            return Err(CliError::Usage(format!(
                "--fresh moves a folder aside, but the study lives in {}: `lightcrest studies rename` or `delete` it there, and \
                 choose another folder with --out",
                url.shown()
            )));
        }
        if arguments.role == Role::Worker && url.is_none() {
            return Err(CliError::Usage(format!(
                "a worker needs the database that the study lives in: give --storage URL, or set {VARIABLE}"
            )));
        }
        let place = url.map(|url| url.study(Some(&spec.name))).transpose()?;
        Ok(Self { root: arguments.out.clone().unwrap_or_else(|| prepare::default_folder(spec)), place })
    }

    /// What the study is, if it is there already.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn stored(&self) -> Result<Option<Definition>, StorageError> {
        Ok(self.look()?.map(|mut storage| storage.definition()).transpose()?.flatten())
    }

    /// The study, to look at, if it may be there already.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn look(&self) -> Result<Option<Box<dyn Storage>>, StorageError> {
        match &self.place {
            Some(place) => match place.look() {
                Err(StorageError::Missing { .. }) => Ok(None),
                looked => looked.map(Some),
            },
            None => RunFolder::open(&self.root).ok().map(|folder| folder.look()).transpose(),
        }
    }

    /// Says that the study cannot be read.
    pub(crate) fn unreadable(&self, source: StorageError) -> CliError {
        match &self.place {
            Some(place) => place.failed(source),
            None => CliError::Unreadable { path: self.root.clone(), source },
        }
    }

    /// Says that the study which is there is not that of the spec, or cannot be one.
    pub(crate) fn other(&self, source: StorageError) -> CliError {
        match (&self.place, source) {
            (Some(place), source @ StorageError::OtherStudy { .. }) => {
                CliError::OtherStudy { place: place.clone(), source }
            }
            (Some(place), source) => place.failed(source),
            (None, source) => CliError::OtherRun { path: self.root.clone(), source },
        }
    }

    /// Checks whether the run could go on there. Writes nothing.
    ///
    /// # Errors
    /// What would keep it from that.
    pub(crate) fn check(&self, spec: &StudySpec, fresh: bool) -> Result<(), CliError> {
        let folder = RunFolder::inspect(&self.root, self.place.as_ref())?;
        if self.place.is_none() && !folder.has_study() {
            return Ok(());
        }
        // A fresh start moves aside any run of ours, whatever its spec, and nothing else.
        let stored = self.stored().map_err(|source| self.other(source))?;
        let study = prepare::study(spec).build().map_err(CliError::Hopeless)?;
        match stored.and_then(|stored| stored.difference(study.definition())) {
            Some(difference) if !fresh => Err(self.other(StorageError::OtherStudy { difference })),
            _ => Ok(()),
        }
    }

    /// The text of a spec as it is to be kept in the folder: it names the same database from there.
    pub(crate) fn adjusted(&self, text: &str, spec: &StudySpec) -> String {
        match (&self.place, &spec.storage) {
            (Some(place), Some(written)) => text.replace(written.as_str(), &place.url.shown()),
            _ => text.to_owned(),
        }
    }

    /// Whether a path leads to this run, as far as that can be told.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        path == self.root
    }
}

//! Where things lie in a run's folder, and who may write there.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use lightcrest::storage::{SqliteStorage, Storage, StorageError};

use super::file::{is_unfinished, write_file};
use crate::place::Place;

/// Why a run's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// It does not exist.
    #[error("there is no run in {}: no such folder", .0.display())]
    Missing(PathBuf),
    /// It is a folder of something else.
    #[error("{} is not the folder of a run: it has no study.db, but holds `{found}`; choose an empty or a new folder", .path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Something that lies in it.
        found: String,
    },
    /// It has no study.
    #[error("there is no run in {}: it has no study.db and no study.json", .0.display())]
    NoStudy(PathBuf),
    /// Its study lives in a database, and another place was asked for.
    #[error("the study of the run in {} is `{}` in {}: say --storage {}, or choose another folder with --out", .path.display(), .place.study, .place.url.shown(), .place.url.shown())]
    Elsewhere {
        /// The folder.
        path: PathBuf,
        /// Where the study lives.
        place: Place,
    },
    /// Its study lives in the folder, and a database was asked for.
    #[error("the run in {} keeps its study in study.db: leave --storage out, or choose another folder with --out", .0.display())]
    Here(PathBuf),
    /// Something that is no folder has its name.
    #[error("{} is a file; a run needs a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Another process searches in it.
    #[error("another search is running in {}; wait for it or choose another folder with --out", .0.display())]
    Locked(PathBuf),
    /// Something cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RunError {
    /// Whether what the user asked for is wrong, rather than the machine.
    pub(crate) fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Write { .. })
    }
}

/// A run's folder. One that was made by [`RunFolder::claim`] is locked until it is dropped.
#[derive(Debug)]
pub(crate) struct RunFolder {
    root: PathBuf,
    lock: Option<File>,
    /// Where its study lives, if not in the folder.
    place: Option<Place>,
}

impl RunFolder {
    /// The folder of a run that exists, to read.
    pub(crate) fn open(root: &Path) -> Result<Self, RunError> {
        if !root.exists() {
            return Err(RunError::Missing(root.to_path_buf()));
        }
        let folder = Self::at(root)?;
        if !folder.has_study() {
            return Err(RunError::NoStudy(root.to_path_buf()));
        }
        Ok(folder)
    }

    /// The folder, whatever is in it, to read.
    pub(crate) fn at(root: &Path) -> Result<Self, RunError> {
        let mut folder = Self { root: root.to_path_buf(), lock: None, place: None };
        let path = folder.study_place();
        if path.is_file() {
            let read = |source| RunError::Read { path: path.clone(), source };
            let text = fs::read_to_string(&path).map_err(read)?;
            folder.place = Some(Place::parse(&text).map_err(read)?);
        }
        Ok(folder)
    }

    /// Whether there is a study: its own, or one that lives elsewhere.
    pub(crate) fn has_study(&self) -> bool {
        self.place.is_some() || self.database().is_file()
    }

    /// Whether the study may be worked on by several processes, each of which writes into this folder.
    pub(crate) fn is_shared(&self) -> bool {
        self.place.is_some()
    }

    /// Whether its study is the one that is asked for: in a place, or its own.
    fn agrees(&self, place: Option<&Place>) -> Result<(), RunError> {
        match (&self.place, place) {
            // Whoever has a password and whoever has not may mean the same.
            (Some(here), Some(place)) if place.text() == here.text() => Ok(()),
            (Some(here), _) => Err(RunError::Elsewhere { path: self.root.clone(), place: here.clone() }),
            (None, Some(_)) if self.database().exists() => Err(RunError::Here(self.root.clone())),
            _ => Ok(()),
        }
    }

    /// Whether a search could use the folder: it is not there, empty, or holds a run whose study is its own,
    /// or lives in that place. Writes nothing.
    pub(crate) fn inspect(root: &Path, place: Option<&Place>) -> Result<Self, RunError> {
        if root.exists() && !root.is_dir() {
            return Err(RunError::NotAFolder(root.to_path_buf()));
        }
        let folder = Self::at(root)?;
        folder.agrees(place)?;
        if root.is_dir() && !folder.has_study() {
            // A run that was killed at its very start has left these and nothing else.
            let own = |name: &str| {
                matches!(
                    name,
                    "lock"
                        | "spec.toml"
                        | "images.json"
                        | "model.json"
                        | "table.json"
                        | "columns.json"
                        | "weights"
                        | "trials"
                ) || is_unfinished(name)
            };
            if let Some(found) = list(root)?.into_iter().find(|name| !own(name)) {
                return Err(RunError::Foreign { path: root.to_path_buf(), found });
            }
        }
        Ok(folder)
    }

    /// Makes the folder of a run whose study lives elsewhere if need be. Others may write into it, too; with
    /// `lock`, nobody else who asks for the lock.
    pub(crate) fn join(root: &Path, place: &Place, lock: bool) -> Result<Self, RunError> {
        Self::inspect(root, Some(place))?;
        let mut folder = match lock {
            true => Self::lock(root)?,
            false => {
                let made = fs::create_dir_all(root);
                made.map_err(|source| RunError::Write { path: root.to_path_buf(), source })?;
                Self { root: root.to_path_buf(), lock: None, place: None }
            }
        };
        if !folder.study_place().exists() {
            write_file(&folder.study_place(), place.text().as_bytes())?;
        }
        folder.place = Some(place.clone());
        Ok(folder)
    }

    /// Makes the folder if need be and locks it; with `fresh`, moves an earlier run aside first and says
    /// where to.
    pub(crate) fn claim(root: &Path, fresh: bool) -> Result<(Self, Option<PathBuf>), RunError> {
        Self::inspect(root, None)?;
        let mut folder = Self::lock(root)?;
        let mut moved = None;
        if fresh && folder.database().exists() {
            let aside = free_name(root);
            // The lock goes with the old folder, so nobody else can have begun in it.
            fs::rename(root, &aside).map_err(|source| RunError::Write { path: aside.clone(), source })?;
            folder = Self::lock(root)?;
            moved = Some(aside);
        }
        folder.sweep()?;
        Ok((folder, moved))
    }

    fn lock(root: &Path) -> Result<Self, RunError> {
        let made = fs::create_dir_all(root);
        made.map_err(|source| RunError::Write { path: root.to_path_buf(), source })?;
        let path = root.join("lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(|source| RunError::Write { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { root: root.to_path_buf(), lock: Some(file), place: None }),
            Err(TryLockError::WouldBlock) => Err(RunError::Locked(root.to_path_buf())),
            Err(TryLockError::Error(source)) => Err(RunError::Write { path, source }),
        }
    }

    /// Removes what a killed process was writing.
    fn sweep(&self) -> Result<(), RunError> {
        debug_assert!(self.lock.is_some(), "only the owner may clean");
        let mut folders = vec![self.root.clone(), self.root.join("weights"), self.root.join("front")];
        folders.extend(self.models()?.into_iter().map(|number| self.model(number)));
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            for name in list(folder)?.into_iter().filter(|name| is_unfinished(name)) {
                let path = folder.join(name);
                fs::remove_file(&path).map_err(|source| RunError::Write { path, source })?;
            }
        }
        Ok(())
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The database of the trials.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("study.db")
    }

    /// Where its study lives, if that is not in the folder.
    fn study_place(&self) -> PathBuf {
        self.root.join("study.json")
    }

    /// The study, to look at.
    pub(crate) fn look(&self) -> Result<Box<dyn Storage>, StorageError> {
        match &self.place {
            Some(place) => place.look(),
            None => Ok(Box::new(look(&self.database())?)),
        }
    }

    /// The spec as it was read last.
    pub(crate) fn spec(&self) -> PathBuf {
        self.root.join("spec.toml")
    }

    /// What the network of a compression is.
    pub(crate) fn original(&self) -> PathBuf {
        self.root.join("model.json")
    }

    /// What the images of a search are.
    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images.json")
    }

    /// What the table of a fit is.
    pub(crate) fn table(&self) -> PathBuf {
        self.root.join("table.json")
    }

    /// What was decided about its columns.
    pub(crate) fn columns(&self) -> PathBuf {
        self.root.join("columns.json")
    }

    /// The table of the front.
    pub(crate) fn front_csv(&self) -> PathBuf {
        self.root.join("front.csv")
    }

    /// The report.
    pub(crate) fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// What is kept of a trial that is on the front so far: its weights, or the whole model, as the `ending`
    /// of the file says.
    pub(crate) fn weights(&self, trial: u64, ending: &str) -> PathBuf {
        self.root.join("weights").join(format!("trial-{trial:04}{ending}"))
    }

    /// Folder of a model of the front.
    pub(crate) fn model(&self, trial: u64) -> PathBuf {
        self.root.join("front").join(format!("trial-{trial:04}"))
    }

    /// Folder of the trials that run a command.
    pub(crate) fn trials(&self) -> PathBuf {
        self.root.join("trials")
    }

    /// Folder of a trial that runs a command.
    pub(crate) fn trial(&self, trial: u64) -> PathBuf {
        self.trials().join(format!("{trial:06}"))
    }

    /// The log of a trial that runs a command.
    pub(crate) fn trial_log(&self, trial: u64) -> PathBuf {
        self.trial(trial).join("log.txt")
    }

    /// The trials of which weights with that ending lie in the folder.
    pub(crate) fn kept_weights(&self, ending: &str) -> Result<Vec<u64>, RunError> {
        numbers(&self.root.join("weights"), ending)
    }

    /// The trials whose models lie in the folder.
    pub(crate) fn models(&self) -> Result<Vec<u64>, RunError> {
        numbers(&self.root.join("front"), "")
    }

    /// Makes a folder inside.
    pub(crate) fn make(&self, folder: &Path) -> Result<(), RunError> {
        fs::create_dir_all(folder).map_err(|source| RunError::Write { path: folder.to_path_buf(), source })
    }

    /// Removes the weights of a trial if they are there.
    pub(crate) fn forget_weights(&self, trial: u64, ending: &str) -> Result<(), RunError> {
        gone(self.weights(trial, ending), |path| fs::remove_file(path))
    }

    /// Removes the model of a trial if it is there.
    pub(crate) fn forget_model(&self, trial: u64) -> Result<(), RunError> {
        gone(self.model(trial), |path| fs::remove_dir_all(path))
    }
}

/// A database, to look at.
pub(crate) fn look(path: &Path) -> Result<SqliteStorage, StorageError> {
    SqliteStorage::read(path)
}

fn gone(path: PathBuf, remove: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), RunError> {
    match remove(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(RunError::Write { path, source }),
        _ => Ok(()),
    }
}

fn list(folder: &Path) -> Result<Vec<String>, RunError> {
    let read = |source| RunError::Read { path: folder.to_path_buf(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        names.push(entry.map_err(read)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The numbers N of the files `trial-N` + `ending`, ascending; none when the folder is missing.
fn numbers(folder: &Path, ending: &str) -> Result<Vec<u64>, RunError> {
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let number = |name: &String| name.strip_prefix("trial-")?.strip_suffix(ending)?.parse().ok();
    Ok(list(folder)?.iter().filter_map(number).collect())
}

fn free_name(root: &Path) -> PathBuf {
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut candidates = (1u32..).map(|i| root.with_file_name(format!("{name}.old-{i}")));
    candidates.find(|path| !path.exists()).expect("some number is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_searches_cannot_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("run");
        let (first, _) = RunFolder::claim(&root, false).unwrap();
        assert!(matches!(RunFolder::claim(&root, false), Err(RunError::Locked(_))));
        drop(first);
        RunFolder::claim(&root, false).unwrap();
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "years of work").unwrap();
        for fresh in [false, true] {
            let error = RunFolder::claim(folder.path(), fresh).unwrap_err();
            assert!(matches!(&error, RunError::Foreign { found, .. } if found == "thesis.tex"), "{error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_fresh_start_moves_the_earlier_run_aside() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("run");
        for expected in [None, Some("run.old-1"), Some("run.old-2")] {
            let (run, moved) = RunFolder::claim(&root, true).unwrap();
            assert_eq!(moved, expected.map(|name| folder.path().join(name)));
            fs::write(run.database(), "trials").unwrap();
        }
        assert!(folder.path().join("run.old-1/study.db").exists());
    }

    #[test]
    fn what_a_killed_process_was_writing_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("run");
        let (run, _) = RunFolder::claim(&root, false).unwrap();
        run.make(&root.join("weights")).unwrap();
        fs::write(run.weights(3, ".safetensors"), "whole").unwrap();
        fs::write(root.join("weights/.trial-0004.safetensors.77.part"), "ha").unwrap();
        drop(run);
        let (run, _) = RunFolder::claim(&root, false).unwrap();
        assert_eq!(run.kept_weights(".safetensors").unwrap(), [3]);
        assert_eq!(fs::read_dir(root.join("weights")).unwrap().count(), 1);
    }
}

//! Where the `path` of `[data]`, or of `[model]`, leads.
//!
//! A relative path begins at the folder of its spec, whatever folder the program is started in. A spec that
//! comes through a pipe has no folder: there it begins at the current one. Files that are written from a spec
//! (`spec.toml` of a run, `config.toml` of a model) get a path that leads to the same images from where they
//! lie: a relative one when the spec, the images and the file lie in one folder, so that it can move as a
//! whole, and an absolute one otherwise.

use std::path::{Component, Path, PathBuf};

use lightcrest_model::spec::with_path;

/// A relative `path` of a table, resolved.
#[derive(Debug, Clone)]
pub(crate) struct DataPath {
    /// The table that has it.
    table: &'static str,
    /// As this process sees it.
    pub(crate) path: PathBuf,
    /// Absolute and without links, as far as it exists.
    real: PathBuf,
    /// The folder of the spec, likewise.
    folder: PathBuf,
    /// What the reader should know.
    pub(crate) warning: Option<String>,
}

impl DataPath {
    /// Resolves what `table` of a spec at `spec` says, whose relative paths begin at `folder`; none for an
    /// absolute path, which needs nothing.
    ///
    /// Before, a path began at the current folder. One that leads nowhere from the spec, and somewhere from
    /// here, is still taken from here, with a warning.
    pub(crate) fn resolve(table: &'static str, spec: &Path, folder: &Path, written: &Path) -> Option<Self> {
        if written.is_absolute() {
            return None;
        }
        let (beside, here) = (folder.join(written), written.to_path_buf());
        let from_here = !beside.exists() && here.exists();
        let warning = from_here.then(|| {
            let (written, spec, beside) = (written.display(), spec.display(), beside.display());
            format!(
                "warning: `path = \"{written}\"` of [{table}] in {spec} leads to {beside}, which is not there; {written} in the \
                 current folder is taken, but a relative path should begin at the folder of the spec"
            )
        });
        let path = if from_here { here } else { beside };
        Some(Self { table, real: real(&path), path, folder: real(folder), warning })
    }

    /// The text of a spec with the path as a file in `folder` must write it.
    pub(crate) fn seen_from(&self, text: &str, folder: &Path) -> String {
        // A spec is UTF-8; a path that is not cannot be written into one.
        let path = self.from(folder);
        path.to_str().map_or_else(|| text.to_owned(), |path| with_path(text, self.table, path))
    }

    /// The path as a file in `folder` must write it.
    fn from(&self, folder: &Path) -> PathBuf {
        let target = real(folder);
        let anchor = common(&self.real, &self.folder);
        let near = anchor == self.folder || Some(anchor.as_path()) == self.folder.parent();
        let movable = near && anchor.parent().is_some() && target.starts_with(&anchor);
        if movable { relative(&target, &self.real) } else { self.real.clone() }
    }
}

/// Absolute, with the links of what exists followed.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(Path::new(".").join(path)).unwrap_or_else(|_| path.to_path_buf());
    let mut missing = Vec::new();
    let mut known = absolute.as_path();
    loop {
        if let Ok(found) = known.canonicalize() {
            return missing.iter().rev().fold(found, |path, name| path.join(name));
        }
        match (known.parent(), known.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name);
                known = parent;
            }
            _ => return absolute,
        }
    }
}

/// The folder that holds both.
fn common(a: &Path, b: &Path) -> PathBuf {
    a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

/// The way from a folder to a path, both absolute.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = common(from, to).components().count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(shared)).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[data]\npath = 'photos'";

    /// What `specs/a.toml` says.
    fn resolve(root: &Path, written: &Path) -> Option<DataPath> {
        DataPath::resolve("data", &root.join("specs/a.toml"), &root.join("specs"), written)
    }

    fn made(folder: &Path, names: &[&str]) {
        names.iter().for_each(|name| std::fs::create_dir_all(folder.join(name)).unwrap());
        std::fs::write(folder.join("specs/a.toml"), TEXT).unwrap();
    }

    #[test]
    fn a_path_begins_at_the_spec_and_is_written_as_its_reader_needs_it() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        made(&root, &["specs/photos", "photos", "far/away/photos"]);
        let written =
            |path: &str, to: &str| resolve(&root, Path::new(path)).unwrap().seen_from(TEXT, &root.join(to));
        let line = |path: &str| format!("[data]\npath = \"{path}\"");
        assert_eq!(written("photos", "specs/runs/s/front/trial-0001"), line("../../../../photos"));
        assert_eq!(written("../photos", "runs/s"), line("../../photos"));
        assert_eq!(written("../photos", "specs"), line("../photos"));
        let absolute = root.join("specs/photos").display().to_string();
        assert_eq!(written("photos", "elsewhere/runs/s"), line(&absolute));
        assert!(resolve(&root, &root).is_none(), "an absolute path stays");
    }

    #[test]
    fn what_is_only_in_the_current_folder_is_taken_with_a_warning() {
        let place = tempfile::tempdir().unwrap();
        made(place.path(), &["specs"]);
        // The current folder of a test is that of its crate, which has a folder `src`.
        let found = resolve(place.path(), Path::new("src")).unwrap();
        assert_eq!(found.path, Path::new("src"));
        assert!(found.warning.unwrap().contains("specs/src, which is not there"));
        let found = resolve(place.path(), Path::new("nowhere")).unwrap();
        assert_eq!((found.path, found.warning), (place.path().join("specs/nowhere"), None));
    }
}

//! Which files of a folder are images, and what is passed over.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::{DataError, PassedOver};

/// Endings of the files that are read: those of torchvision's `ImageFolder`, GIF, and other endings of the
/// same formats.
const ENDINGS: [&str; 15] = [
    "bmp", "dib", "gif", "jfif", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff",
    "webp",
];

/// What operating systems leave in folders; nobody misses it.
const LITTER: [&str; 3] = ["Thumbs.db", "desktop.ini", "__MACOSX"];

/// An entry of a folder. Links count as what they lead to.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_folder: bool,
}

/// What a folder holds, by name. Hidden entries and litter are left out.
pub(super) fn entries(folder: &Path) -> Result<Vec<Entry>, DataError> {
    let read_error = |source| DataError::Read { path: folder.into(), source };
    let mut names: Vec<OsString> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read_error)? {
        names.push(entry.map_err(read_error)?.file_name());
    }
    names.sort();
    let entry = |file_name: OsString| {
        let (name, path) = (file_name.to_string_lossy().into_owned(), folder.join(&file_name));
        let shown = !name.starts_with('.') && !LITTER.contains(&name.as_str());
        let is_folder = path.is_dir();
        shown.then_some(Entry { name, path, is_folder })
    };
    Ok(names.into_iter().filter_map(entry).collect())
}

/// Sub-folders, by name.
pub(super) fn folders(folder: &Path) -> Result<Vec<Entry>, DataError> {
    Ok(entries(folder)?.into_iter().filter(|entry| entry.is_folder).collect())
}

/// The image files of a class, those in sub-folders included, in the order of their paths.
///
/// Links are followed. One that leads back to a folder above it, up to `root`, would never end: it is passed
/// over.
pub(super) fn images(
    root: &Path,
    class: &Path,
    passed_over: &mut PassedOver,
) -> Result<Vec<PathBuf>, DataError> {
    let mut walk = Walk { above: vec![real(root)?], found: vec![], passed_over };
    walk.visit(class)?;
    Ok(walk.found)
}

struct Walk<'a> {
    /// The folders from the root to here, without links.
    above: Vec<PathBuf>,
    found: Vec<PathBuf>,
    passed_over: &'a mut PassedOver,
}

impl Walk<'_> {
    fn visit(&mut self, folder: &Path) -> Result<(), DataError> {
        let place = real(folder)?;
        if self.above.contains(&place) {
            self.passed_over.add("link that leads back");
            return Ok(());
        }
        self.above.push(place);
        for entry in entries(folder)? {
            if entry.is_folder {
                self.visit(&entry.path)?;
            } else if is_image(&entry) {
                self.found.push(entry.path);
            } else {
                self.passed_over.add(&kind(&entry));
            }
        }
        self.above.pop();
        Ok(())
    }
}

/// Counts the files that lie where no class is.
pub(super) fn pass_over_loose(folder: &Path, passed_over: &mut PassedOver) -> Result<(), DataError> {
    for entry in entries(folder)?.iter().filter(|entry| !entry.is_folder) {
        let kind = kind(entry);
        let outside = if is_image(entry) { format!("{kind} outside of the class folders") } else { kind };
        passed_over.add(&outside);
    }
    Ok(())
}

fn real(folder: &Path) -> Result<PathBuf, DataError> {
    folder.canonicalize().map_err(|source| DataError::Read { path: folder.into(), source })
}

fn is_image(entry: &Entry) -> bool {
    ending(&entry.name).is_some_and(|ending| ENDINGS.contains(&ending.as_str())) && entry.path.is_file()
}

fn ending(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())
}

/// What a file that is passed over is called.
fn kind(entry: &Entry) -> String {
    if !entry.path.exists() {
        return "broken link".into();
    }
    match ending(&entry.name) {
        _ if !entry.path.is_file() => "special file".into(),
        Some(ending) if !ending.is_empty() => format!(".{ending}"),
        _ => "without an ending".into(),
    }
}

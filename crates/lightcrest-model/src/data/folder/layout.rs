//! How a folder is laid out: class folders at once, or splits with class folders in each.

use std::path::{Path, PathBuf};

use super::super::DataError;
use super::files::{Entry, entries, folders};

/// The splits that a folder has of its own.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) train: PathBuf,
    pub(super) validation: Option<PathBuf>,
    pub(super) test: Option<PathBuf>,
    /// Names of other folders beside them.
    pub(super) others: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Train,
    Validation,
    Test,
}

impl Part {
    const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The split of that name, in any case.
    fn of(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validation" => Some(Self::Validation),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }
}

/// The splits in `folder`; none when its sub-folders are classes.
///
/// # Errors
/// [`DataError::Layout`] when it could be either, two folders are the same split, or no split is there to
/// train on.
pub(super) fn layout(folder: &Path) -> Result<Option<Layout>, DataError> {
    let entries = folders(folder)?;
    let (parts, others): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| Part::of(&entry.name).is_some());
    let refuse = |reason: String| Err(DataError::Layout { path: folder.into(), reason });
    let of = |part: Part| parts.iter().copied().filter(move |entry| Part::of(&entry.name) == Some(part));
    for part in Part::ALL {
        if let (Some(first), Some(second)) = (of(part).next(), of(part).nth(1)) {
            return refuse(format!("`{}` and `{}` would be the same split", first.name, second.name));
        }
    }
    let [train, validation, test] = Part::ALL.map(|part| of(part).next());
    let Some(train) = train else {
        let splits = parts.len() > 1 && others.is_empty();
        return match parts.iter().copied().map(holds_folders).collect::<Result<Vec<_>, _>>()?.contains(&true)
        {
            true if splits => refuse("it has splits, but none to train on: no folder `train`".into()),
            _ => Ok(None),
        };
    };
    if validation.is_none() && test.is_none() && !others.is_empty() {
        // A class of locomotives, unless it looks like a split; then the folders beside it would be classes
        // by mistake.
        return match holds_folders(train)? {
            true => refuse(format!(
                "`{}` holds folders only, as a split does, but beside it are `{}` and no `val` or `test`",
                train.name, others[0].name
            )),
            false => Ok(None),
        };
    }
    Ok(Some(Layout {
        train: train.path.clone(),
        validation: validation.map(|entry| entry.path.clone()),
        test: test.map(|entry| entry.path.clone()),
        others: others.iter().map(|entry| entry.name.clone()).collect(),
    }))
}

/// Whether a folder holds two or more folders and nothing else.
fn holds_folders(entry: &Entry) -> Result<bool, DataError> {
    let entries = entries(&entry.path)?;
    Ok(entries.len() > 1 && entries.iter().all(|entry| entry.is_folder))
}

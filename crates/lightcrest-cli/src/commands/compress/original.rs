//! Whether the network is still the one that a run began with.

use std::fs;
use std::path::Path;

use lightcrest_model::compress::ModelIdentity;

use crate::error::CliError;
use crate::run::{RunError, RunFolder, write_file};

/// Refuses a network that is not the one that the run in `root` began with.
///
/// # Errors
/// [`CliError::OtherModel`], or a file that cannot be read.
pub(super) fn check_same(root: &Path, now: &ModelIdentity) -> Result<(), CliError> {
    let folder = RunFolder::at(root)?;
    let path = folder.original();
    if !folder.has_study() || !path.exists() {
        return Ok(());
    }
    let failed = |source| RunError::Read { path: path.clone(), source };
    let text = fs::read_to_string(&path).map_err(failed)?;
    let kept: ModelIdentity = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
    match kept.difference(now) {
        Some(difference) => Err(CliError::OtherModel { path: root.to_path_buf(), difference }),
        None => Ok(()),
    }
}

/// Keeps the identity of the network with a run, unless it is there.
pub(super) fn keep(folder: &RunFolder, identity: &ModelIdentity) -> Result<(), RunError> {
    let path = folder.original();
    if path.exists() {
        return Ok(());
    }
    let text = serde_json::to_string_pretty(identity).expect("plain data with string keys is JSON");
    write_file(&path, format!("{text}\n").as_bytes())
}

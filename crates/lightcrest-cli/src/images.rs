//! The images of a spec: loading them, what is said of it, and whether they are still those of a run or of a
//! model.

use std::fs;
use std::path::{Path, PathBuf};

use lightcrest_model::data::{DataConfig, DataIdentity, Loaded};

use crate::error::CliError;
use crate::run::{ModelCard, RunError, RunFolder, write_file};
use crate::terminal::tell;

/// Loads images; unless `quiet`, says what was passed over.
pub(crate) fn load(config: &DataConfig, quiet: bool) -> Result<Loaded, CliError> {
    let loaded = config.load_known()?;
    if !quiet && !loaded.passed_over.is_empty() {
        tell(&format!("images: {}", loaded.passed_over));
    }
    Ok(loaded)
}

/// Refuses images that are not those that the run in `root` began with. A run that keeps no identity of its
/// images, as one of an earlier version, goes on with a warning.
///
/// # Errors
/// [`CliError::OtherImages`], or a file that cannot be read.
pub(crate) fn check_same(root: &Path, now: &DataIdentity, quiet: bool) -> Result<(), CliError> {
    let folder = RunFolder::at(root)?;
    if !folder.has_study() {
        return Ok(());
    }
    match read(&folder.images())? {
        Some(kept) => match kept.difference(now) {
            Some(difference) => Err(CliError::OtherImages { path: root.to_path_buf(), difference }),
            None => Ok(()),
        },
        None => {
            // Somebody who has just joined keeps it in the next moment.
            if !quiet && !folder.is_shared() {
                let file = folder.images();
                tell(&format!(
                    "warning: there is no {}, so nobody knows whether the images are those that the run began with",
                    file.display()
                ));
            }
            Ok(())
        }
    }
}

/// Keeps the identity of the images with a run, unless it is there.
pub(crate) fn keep(folder: &RunFolder, identity: &DataIdentity) -> Result<(), RunError> {
    let path = folder.images();
    if path.exists() {
        return Ok(());
    }
    let text = serde_json::to_string_pretty(identity).expect("plain data with string keys is JSON");
    write_file(&path, format!("{text}\n").as_bytes())
}

/// A warning when the images are not those of the model that `config` describes. The files beside it know
/// them.
pub(crate) fn differs_from_model(config: &Path, now: &DataIdentity) -> Option<String> {
    let folder = config.parent()?;
    let card = ModelCard::read(folder).ok().flatten()?;
    if card.images? == now.checksum() {
        return None;
    }
    // `runs/NAME/front/trial-NNNN`: the run knows more.
    let run = folder.join("../..");
    let kept = RunFolder::open(&run).ok().and_then(|run| read(&run.images()).ok().flatten());
    let difference =
        kept.and_then(|kept| kept.difference(now)).map(|text| format!(": {text}")).unwrap_or_default();
    let config = config.display();
    Some(format!("warning: the images are not those that the model of {config} was trained on{difference}"))
}

fn read(path: &PathBuf) -> Result<Option<DataIdentity>, RunError> {
    if !path.exists() {
        return Ok(None);
    }
    let failed = |source| RunError::Read { path: path.clone(), source };
    let text = fs::read_to_string(path).map_err(failed)?;
    serde_json::from_str(&text).map(Some).map_err(|error| failed(error.into()))
}

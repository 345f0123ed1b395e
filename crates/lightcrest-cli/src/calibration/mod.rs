//! Inputs of a model from a file or a folder: arrays of NumPy, or images.

mod numpy;
mod picture;
mod zip;

use std::path::{Path, PathBuf};

use lightcrest_graph::compress::activation::Feed;
use lightcrest_graph::compress::feed;
use lightcrest_graph::onnx::Model;

use crate::arguments::PictureArguments;
use crate::error::CliError;

/// The runs that `data` holds for the model of the file `model_path`.
///
/// # Errors
/// [`CliError::Usage`] with the path and what does not fit.
pub(crate) fn feeds(
    model: &Model,
    model_path: &Path,
    data: &Path,
    pictures: &PictureArguments,
) -> Result<Vec<Feed>, CliError> {
    let found = match data.is_dir() {
        false => numpy::read(data).and_then(|arrays| feed::feeds(model, arrays)),
        true => match arrays(data) {
            Ok(files) if files.is_empty() => picture::feeds(model, model_path, data, pictures),
            Ok(files) => of_arrays(model, files),
            Err(reason) => Err(reason),
        },
    };
    found.map_err(|reason| refused(data, &reason))
}

/// Data that cannot be used.
pub(crate) fn refused(data: &Path, reason: &str) -> CliError {
    CliError::Usage(format!("--calibration {}: {reason}; nothing was written", data.display()))
}

/// The files of arrays in a folder, in the order of their names.
fn arrays(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("cannot be listed: {error}"))?;
    let is_array = |path: &PathBuf| {
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy") || e.eq_ignore_ascii_case("npz"))
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_array).collect();
    // The order of a folder is that of the names, not of the disk.
    files.sort();
    Ok(files)
}

fn of_arrays(model: &Model, files: Vec<PathBuf>) -> Result<Vec<Feed>, String> {
    let mut all = vec![];
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let runs = numpy::read(&file).and_then(|arrays| feed::feeds(model, arrays));
        all.extend(runs.map_err(|reason| format!("{name}: {reason}"))?);
    }
    Ok(all)
}

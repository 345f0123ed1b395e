//! ONNX files that a command reads, changes and writes.

use std::error::Error;
use std::path::Path;

use lightcrest_graph::onnx::Model;
use serde::Serialize;

use crate::error::CliError;
use crate::terminal::{print, tell};

/// What failed of a file, as an error of the program.
pub(crate) fn failed<E: Into<Box<dyn Error + Send + Sync>>>(
    path: &Path,
    failed: &'static str,
) -> impl FnOnce(E) -> CliError {
    move |source| CliError::Onnx { path: path.to_owned(), failed, source: source.into() }
}

/// Reads a file.
///
/// # Errors
/// If it is no sound model.
pub(crate) fn load(path: &Path) -> Result<Model, CliError> {
    Model::load(path).map_err(failed(path, "cannot be read"))
}

/// Reads a file of which a changed one is to be written elsewhere, and tells what its reader noted.
///
/// # Errors
/// If `out` is the file itself, or it is no sound model.
pub(crate) fn load_to_change(path: &Path, out: &Path) -> Result<Model, CliError> {
    if let (Ok(a), Ok(b)) = (path.canonicalize(), out.canonicalize())
        && a == b
    {
        let path = path.display();
        return Err(CliError::Usage(format!("--out is the model itself, {path}: choose another file")));
    }
    let model = load(path)?;
    model.notes().iter().for_each(|note| tell(&note.to_string()));
    Ok(model)
}

/// Writes a changed model.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn save(model: &Model, out: &Path) -> Result<(), CliError> {
    model.save(out).map_err(failed(out, "cannot be written"))
}

/// Prints what was done to a model: as JSON, or as a table and where the model was written.
///
/// # Errors
/// If standard output takes nothing.
pub(crate) fn print_report<R: Serialize>(
    report: &R,
    json: bool,
    table: fn(&R) -> String,
    out: &Path,
) -> Result<(), CliError> {
    if json {
        let json = serde_json::to_string_pretty(report).map_err(failed(out, "cannot be told"))?;
        return print(&json);
    }
    print(&table(report))?;
    print(&format!("written to {}", out.display()))
}

//! `cargo xtask bench NAME`: every figure that the project claims.

use std::path::Path;
use std::process::{Command, Stdio};

mod bo;
mod compress;
mod compress_search;
mod figures;
mod search;
mod search_peer;
mod storage;
mod study;
mod table;
mod train;

pub(crate) use bo::bo;
pub(crate) use compress::{compress, find, real_files as compress_files, rewrite_and_compare};
pub(crate) use figures::figures;
pub(crate) use search::search;
pub(crate) use storage::storage;
pub(crate) use study::study;
pub(crate) use table::table;
pub(crate) use train::train;

/// Mean and standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Runs a program and returns what it prints on standard output.
///
/// # Errors
/// When it does not start or fails.
fn output(command: &mut Command) -> Result<String, String> {
    let program = Path::new(command.get_program()).display().to_string();
    let result =
        command.stderr(Stdio::inherit()).output().map_err(|e| format!("{program} did not start: {e}"))?;
    if !result.status.success() {
        return Err(format!("{program} failed ({})", result.status));
    }
    String::from_utf8(result.stdout)
        .map(|text| text.trim_end().to_owned())
        .map_err(|e| format!("{program}: {e}"))
}

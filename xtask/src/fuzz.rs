//! `cargo xtask fuzz onnx`: damaged ONNX files through reading, inference, normalisation and writing.

use std::process::Command;

use crate::bench::compress_files;
use crate::process::{cargo, run, target_folder};

/// Address space that a damaged file may lead to, in KiB.
const MEMORY: &str = "6000000";

/// Mutates the real files of `bench compress` for so many minutes; the first panic ends it.
///
/// # Errors
/// When a file makes the library panic or take more memory than that, or an unknown option is given.
pub(crate) fn fuzz(options: &[&str]) -> Result<(), String> {
    let minutes = match options {
        ["onnx"] => "1",
        ["onnx", "--minutes", minutes] if minutes.parse().is_ok_and(|n: f64| n > 0.0) => minutes,
        _ => return Err(format!("unknown options `{}`: onnx [--minutes N] expected", options.join(" "))),
    };
    let files = compress_files()?;
    run(cargo().args(["build", "--release", "--package", "lightcrest-graph", "--example", "fuzz_onnx"]))?;
    let program = target_folder().join("release/examples/fuzz_onnx");
    // The limit is of the process alone.
    let limited = format!("ulimit -v {MEMORY}; exec \"$@\"");
    let folder = target_folder().join("fuzz-onnx");
    run(Command::new("sh").args(["-c", &limited, "sh"]).arg(program).arg(minutes).arg(folder).args(files))
}

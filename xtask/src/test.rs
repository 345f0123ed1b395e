//! `cargo xtask test`: the cheapest check first.

use std::process::Command;

use crate::process::{cargo, root, run, target_folder};
use crate::python;

/// Format, lints, tests, documentation, exported files.
///
/// # Errors
/// The first command that fails.
pub(crate) fn run_all() -> Result<(), String> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run(cargo().args(["test", "--workspace"]))?;
    run(cargo().args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    onnx()
}

/// Every operator and module, written as ONNX, must pass the ONNX checker and give the same output in onnxruntime.
fn onnx() -> Result<(), String> {
    let files = target_folder().join("onnx-check");
    let _ = std::fs::remove_dir_all(&files);
    run(cargo()
        .args(["run", "--quiet", "--package", "lightcrest-model", "--example", "write_onnx", "--"])
        .arg(&files))?;
    let python = python::environment("onnx")?;
    let script = root().join("crates/lightcrest-model/tests/onnx/check_onnx.py");
    run(Command::new(python).arg(script).arg(&files))
}

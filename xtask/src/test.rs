//! `cargo xtask test`: the cheapest check first.

use std::process::Command;

use crate::process::{cargo, root, run, target_folder};
use crate::python;

/// Format, lints, tests, documentation, exported files, the Python package.
///
/// # Errors
/// The first command that fails.
pub(crate) fn run_all() -> Result<(), String> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run(cargo().args(["test", "--workspace"]))?;
    packaged_images()?;
    run(cargo().args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    onnx()?;
    package()
}

/// The test of Fashion-MNIST as Debian packages it, where it is; a test that cannot run is named.
fn packaged_images() -> Result<(), String> {
    let folder = "/usr/share/datasets/fashion-mnist";
    if !std::path::Path::new(folder).is_dir() {
        println!(
            "not tested: the packaged Fashion-MNIST, because there is no {folder} (apt install dataset-fashion-mnist)"
        );
        return Ok(());
    }
    run(cargo().args([
        "test",
        "--package",
        "lightcrest-model",
        "--lib",
        "the_packaged_fashion_mnist",
        "--",
        "--ignored",
    ]))
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

/// The Python package, built as a wheel and installed into an environment of its own, must pass its tests there.
fn package() -> Result<(), String> {
    let python = python::environment("package")?;
    // The profile of the other tests, so that nothing is compiled twice.
    python::install_package(&python, "dev")?;
    run(python::module(&python, "pytest").args([
        "-q",
        "-p",
        "no:cacheprovider",
        "crates/lightcrest-python/tests",
    ]))
}

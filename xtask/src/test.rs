//! `cargo xtask test`: the cheapest check first.

use std::path::Path;
use std::process::Command;

use crate::bench;
use crate::process::{built, cargo, root, run, target_folder};
use crate::python;

/// `long`: more seeds of the tests that depend on chance. Format, lints, tests, documentation, exported,
/// pruned and decomposed files, the Python package.
///
/// # Errors
/// The first command that fails.
pub(crate) fn run_all(long: bool) -> Result<(), String> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    comments()?;
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    postgresql();
    let mut tests = cargo();
    tests.args(["test", "--workspace"]);
    if long {
        tests.env("LIGHTCREST_LONG", "1");
    }
    run(&mut tests)?;
    packaged_images()?;
    run(cargo().args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    onnx()?;
    pruning()?;
    decomposing()?;
    package()?;
    optuna()?;
    clusters()
}

/// Tests start a server of PostgreSQL from what is installed; where nothing is, that is said.
fn postgresql() {
    let debian = std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut versions| versions.next().is_some());
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !debian && !std::env::split_paths(&path).any(|folder| folder.join("initdb").exists()) {
        println!("not tested: PostgreSQL, because it is not installed (apt install postgresql)");
    }
}

/// Comments end where code does, at the `max_width` of rustfmt, which leaves them alone. Rows of tables
/// cannot be wrapped.
fn comments() -> Result<(), String> {
    const WIDTH: usize = 110;
    let mut long = Vec::new();
    let mut folders = ["crates", "xtask"].map(|folder| root().join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                let wide = |line: &str| {
                    let comment = line.trim_start().strip_prefix("//");
                    let row = |text: &str| text.trim_start_matches(['/', '!', ' ']).starts_with('|');
                    line.chars().count() > WIDTH && comment.is_some_and(|text| !row(text))
                };
                let lines = text.lines().enumerate().filter(|(_, line)| wide(line));
                long.extend(lines.map(|(number, _)| format!("{}:{}", path.display(), number + 1)));
            }
        }
    }
    match long.is_empty() {
        true => Ok(()),
        false => Err(format!("comments of more than {WIDTH} characters:\n{}", long.join("\n"))),
    }
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
    // Of the whole workspace, as the tests before: with other features everything would be compiled again.
    run(cargo().args(["test", "--workspace", "--lib", "the_packaged_fashion_mnist", "--", "--ignored"]))
}

/// Every operator and module, written as ONNX, must pass the ONNX checker and give the same output in
/// onnxruntime; and models in the spellings of other programs, read, normalised and written, that of the
/// original.
fn onnx() -> Result<(), String> {
    let files = target_folder().join("onnx-check");
    let _ = std::fs::remove_dir_all(&files);
    run(built("--example", "write_onnx")?.arg(&files))?;
    let python = python::environment("onnx")?;
    let script = root().join("crates/lightcrest-model/tests/onnx/check_onnx.py");
    run(Command::new(&python).arg(script).arg(&files))?;
    let made = target_folder().join("onnx-spellings");
    let _ = std::fs::remove_dir_all(&made);
    run(Command::new(&python).arg(root().join("xtask/python/make_onnx.py")).arg(&made))?;
    bench::rewrite_and_compare(&python, "normalize", &bench::find(&made, "onnx"), &[], &["--quiet"])?;
    vectors(&python)
}

/// How many of the vectors that the package `onnx` makes pass; the others need an element type or an operator
/// that is declined.
const VECTORS: &str = "1205";

/// What is inferred and computed of ONNX operators must be what the vectors of the standard say.
fn vectors(python: &Path) -> Result<(), String> {
    let folder = target_folder().join("onnx-vectors");
    let _ = std::fs::remove_dir_all(&folder);
    run(Command::new(python).arg(root().join("xtask/python/onnx_vectors.py")).arg(&folder))?;
    run(built("--example", "onnx_vectors")?.arg(&folder).arg(VECTORS))
}

/// What is pruned must be the original with zeros in place of what is gone, on graphs that are known to break
/// tools.
fn pruning() -> Result<(), String> {
    let program = built("--bin", "lightcrest")?;
    let program = program.get_program();
    let python = python::environment("onnx")?;
    let script = root().join("xtask/python/prune_check.py");
    run(Command::new(python).arg(script).arg(program).arg(target_folder().join("prune-check")))
}

/// What is decomposed must compute the same at full rank, and cost what is said of it.
fn decomposing() -> Result<(), String> {
    let program = built("--bin", "lightcrest")?;
    let program = program.get_program();
    let python = python::environment("onnx")?;
    let script = root().join("xtask/python/decompose_check.py");
    run(Command::new(python).arg(script).arg(program).arg(target_folder().join("decompose-check")))
}

/// The tests of the Python package, and among them those that run on clusters of Ray and Dask.
const PYTHON_TESTS: &str = "crates/lightcrest-python/tests";
const CLUSTER_TESTS: &str = "crates/lightcrest-python/tests/clusters";

/// What Optuna writes is read, and what is written for it is what it reads, in its dashboard as well.
fn optuna() -> Result<(), String> {
    let program = built("--bin", "lightcrest")?;
    let program = program.get_program();
    let python = python::environment("package")?;
    let script = root().join("xtask/python/optuna_files.py");
    run(Command::new(python).arg(script).arg("check").arg(program).arg(target_folder().join("optuna-check")))
}

/// The Python package, built as a wheel and installed into an environment of its own, must pass its tests
/// there.
fn package() -> Result<(), String> {
    let python = python::environment("package")?;
    // The profile of the other tests, so that nothing is compiled twice.
    python::install_package(&python, "dev")?;
    let program = built("--bin", "lightcrest")?;
    let tests = ["-q", "-p", "no:cacheprovider", PYTHON_TESTS, "--ignore", CLUSTER_TESTS];
    run(python::module(&python, "pytest").args(tests).env("LIGHTCREST", program.get_program()))
}

/// The same wheel must do its work on Ray and Dask, whose workers are killed. They are as large as the rest
/// together, so that who has no room for them may say so; that is told.
fn clusters() -> Result<(), String> {
    const WITHOUT: &str = "LIGHTCREST_NO_CLUSTERS";
    if std::env::var_os(WITHOUT).is_some() {
        println!("not tested: Ray and Dask, because {WITHOUT} is set");
        return Ok(());
    }
    if !Path::new("/usr/sbin/slurmctld").exists() {
        println!(
            "not tested: Slurm, because it is not installed (apt install slurmctld slurmd slurm-client munge)"
        );
    }
    let python = python::environment("clusters")?;
    python::install_wheel(&python)?;
    let program = built("--bin", "lightcrest")?;
    let tests = ["-q", "-rs", "-p", "no:cacheprovider", CLUSTER_TESTS];
    run(python::module(&python, "pytest").args(tests).env("LIGHTCREST", program.get_program()))
}

//! Python environments that the checks and benchmarks need, made on first use under `target/python/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{root, run, target_folder};

/// The interpreter of the environment that `xtask/python/NAME.txt` describes; made or renewed when the file
/// changed.
///
/// # Errors
/// When Python 3 is missing or a package cannot be installed.
pub(crate) fn environment(name: &str) -> Result<PathBuf, String> {
    let requirements = root().join("xtask/python").join(format!("{name}.txt"));
    let wanted =
        std::fs::read_to_string(&requirements).map_err(|e| format!("{}: {e}", requirements.display()))?;
    let folder = target_folder().join("python").join(name);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let stamp = folder.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let system = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&requirements))?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(python)
}

/// `python -m NAME` in the workspace's folder, which leaves no files of bytecode there.
pub(crate) fn module(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.current_dir(root()).env("PYTHONDONTWRITEBYTECODE", "1").args(["-m", name]);
    command
}

/// Builds the package as a wheel with a profile of cargo and installs it into an environment that has
/// maturin.
///
/// # Errors
/// When a step fails.
pub(crate) fn install_package(python: &Path, profile: &str) -> Result<(), String> {
    let wheels = target_folder().join("python/wheels");
    // There is nothing to remove the first time.
    std::fs::remove_dir_all(&wheels).ok();
    run(module(python, "maturin")
        .args(["build", "--quiet", "--locked", "--strip", "--profile", profile, "--out"])
        .arg(&wheels))?;
    install_wheel(python)
}

/// Installs the wheel that was built last.
///
/// # Errors
/// When there is none.
pub(crate) fn install_wheel(python: &Path) -> Result<(), String> {
    run(module(python, "pip")
        .args(["install", "--quiet", "--disable-pip-version-check", "--force-reinstall", "--no-deps"])
        .args(["--no-index", "--find-links"])
        .arg(target_folder().join("python/wheels"))
        .arg("lightcrest"))
}

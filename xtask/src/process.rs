//! Running other programs and saying so.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies inside the workspace").to_owned()
}

/// The cargo that started this program.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Prints the command, runs it and waits; its output goes where ours goes.
///
/// # Errors
/// When it cannot start or ends with another status than success.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let line = line(command);
    println!("$ {line}");
    let status = command.status().map_err(|e| format!("`{line}` did not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// Runs the command and waits, without a word unless it fails.
///
/// # Errors
/// As [`run`].
pub(crate) fn quiet(command: &mut Command) -> Result<(), String> {
    let line = line(command);
    // Pipes would be kept open by what it leaves running.
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.map_err(|e| format!("`{line}` did not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// A program of the workspace, built with the features that all of it together asks for: those of the
/// tests, so that nothing is compiled twice. `kind` is `--example` or `--bin`.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn built(kind: &str, name: &str) -> Result<Command, String> {
    // an example asks for what tests depend on, too
    let with = ["--example", "write_onnx"];
    run(cargo().args(["build", "--quiet", "--workspace", kind, name]).args(with))?;
    let folder = if kind == "--example" { "debug/examples" } else { "debug" };
    let mut command = Command::new(target_folder().join(folder).join(name));
    command.current_dir(root());
    Ok(command)
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(OsStr::new("?"));
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

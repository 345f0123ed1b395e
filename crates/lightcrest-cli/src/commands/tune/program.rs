//! What is started: the program of a spec, found once, and the command of a trial.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lightcrest::Configuration;
use lightcrest_spec::tune::{Place, TuneSpec};

use super::{process, script};
use crate::error::CliError;
use crate::run::{RunError, write_file};
use crate::spec_file;

/// A program that is there, and where it runs. All paths are absolute.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    directory: PathBuf,
}

/// The files of a trial.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) folder: PathBuf,
    pub(super) parameters: PathBuf,
    pub(super) metrics: PathBuf,
    pub(super) log: PathBuf,
}

impl Program {
    /// Finds the program of a spec that lies at `spec_path`.
    ///
    /// # Errors
    /// [`CliError::Program`] when it is not there, or has no folder to run in; [`CliError::Usage`] for a
    /// limit that this system does not know.
    pub(crate) fn find(spec: &TuneSpec, spec_path: &Path) -> Result<Self, CliError> {
        let name = &spec.command.program;
        let fail = |reason: String| CliError::Program { program: name.clone(), reason };
        if spec.command.limits.memory.is_some() && !process::KNOWS_MEMORY {
            return Err(CliError::Usage("limits.memory of [command] is for Linux; leave it out here".into()));
        }
        let beside = spec_file::folder(spec_path);
        let directory = match &spec.command.directory {
            Some(directory) => beside.join(directory),
            None => beside.to_path_buf(),
        };
        // An empty path is the current folder, which has a name of its own only once it is absolute.
        let directory = std::path::absolute(Path::new(".").join(directory))
            .map_err(|error| fail(format!("the current folder is gone ({error})")))?;
        if !directory.is_dir() {
            return Err(fail(format!("the folder that it runs in, {}, does not exist", directory.display())));
        }
        let directory = directory.canonicalize().unwrap_or(directory);
        let path = if Path::new(name).components().count() > 1 || name.starts_with('.') {
            let path = directory.join(name);
            match (path.exists(), is_executable(&path)) {
                (true, true) => path,
                (true, false) => return Err(fail(not_executable(&path))),
                _ => return Err(fail(format!("there is no file {}", path.display()))),
            }
        } else {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            let named = |folder: PathBuf| {
                let names = [name.clone(), format!("{name}{}", std::env::consts::EXE_SUFFIX)];
                let mut paths = names.iter().filter_map(|name| std::path::absolute(folder.join(name)).ok());
                paths.find(|path| is_executable(path))
            };
            let found = std::env::split_paths(&folders).find_map(named);
            let near = directory.join(name);
            let hint = if near.is_file() {
                format!("; for the file beside the spec write \"./{name}\"")
            } else {
                String::new()
            };
            found.ok_or_else(|| fail(format!("it is in no folder of PATH{hint}")))?
        };
        Ok(Self { path, directory })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it runs.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Why the file cannot be run, if that can be seen.
    pub(crate) fn suspicion(&self) -> Option<String> {
        script::suspicion(&self.path)
    }

    /// What to say when the system refuses to start it.
    pub(super) fn cannot_start(&self, error: &io::Error) -> String {
        let path = self.path.display();
        let hint = match error.kind() {
            _ if !self.directory.is_dir() => {
                Some(format!("the folder that it runs in, {}, is gone", self.directory.display()))
            }
            io::ErrorKind::NotFound if !self.path.exists() => Some("the file is gone".into()),
            io::ErrorKind::PermissionDenied if !is_executable(&self.path) => Some(not_executable(&self.path)),
            io::ErrorKind::ArgumentListTooLong => Some(
                "its arguments are too long; LIGHTCREST_PARAMETERS names a file with all parameters".into(),
            ),
            io::ErrorKind::ExecutableFileBusy => Some("somebody is writing the file".into()),
            _ => self.suspicion(),
        };
        let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
        format!("cannot start {path}: {error}{hint}")
    }

    /// The command of a trial, whose files are there.
    pub(super) fn command(
        &self,
        spec: &TuneSpec,
        configuration: &Configuration,
        (trial, seed): (u64, u64),
        files: &Files,
    ) -> Command {
        let Files { folder, parameters, metrics, .. } = files;
        let place = Place { trial, seed, folder, parameters, metrics };
        let invocation = spec.invocation(configuration, &place);
        let mut command = Command::new(&self.path);
        command.current_dir(&self.directory).args(invocation.arguments);
        // Python keeps what it prints to a pipe back until 8 kB are together: too late for reports.
        command.env("PYTHONUNBUFFERED", "1");
        command.env("LIGHTCREST_TRIAL", trial.to_string()).env("LIGHTCREST_SEED", seed.to_string());
        command.env("LIGHTCREST_FOLDER", folder);
        command.env("LIGHTCREST_PARAMETERS", parameters).env("LIGHTCREST_METRICS", metrics);
        command.envs(invocation.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Files {
    /// Empties the folder of a trial and writes its parameters there.
    ///
    /// # Errors
    /// If something cannot be written.
    pub(super) fn make(
        folder: PathBuf,
        spec: &TuneSpec,
        configuration: &Configuration,
    ) -> Result<Self, RunError> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| RunError::Write { path, source }
        };
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed(&folder))?;
        }
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let folder = std::path::absolute(&folder).map_err(failed(&folder))?;
        let files = Self {
            parameters: folder.join("parameters.json"),
            metrics: folder.join("metrics.jsonl"),
            log: folder.join("log.txt"),
            folder,
        };
        let values: BTreeMap<_, _> = spec.values(configuration).into_iter().collect();
        let text = serde_json::to_string_pretty(&values).expect("plain values with string keys are JSON");
        write_file(&files.parameters, format!("{text}\n").as_bytes())?;
        fs::write(&files.metrics, "").map_err(failed(&files.metrics))?;
        Ok(files)
    }
}

fn not_executable(path: &Path) -> String {
    let shown = path.display();
    match path.is_dir() {
        true => format!("{shown} is a folder, not a program"),
        false if cfg!(unix) => format!("{shown} is not an executable file; `chmod +x` makes it one"),
        false => format!("{shown} is not an executable file"),
    }
}

#[cfg(unix)]
pub(super) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_executable(path: &Path) -> bool {
    path.is_file()
}

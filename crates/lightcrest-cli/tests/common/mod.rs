//! Runs the program in a folder of its own.
#![allow(dead_code, reason = "every test file uses its part")]

pub(crate) mod onnx;
pub(crate) mod tuned;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lightcrest_graph::network::Weights;
use tempfile::TempDir;

/// A search of seconds: 60 training images, tiny networks, two objectives.
pub(crate) const TINY: &str = r#"
[study]
name = "tiny"
seed = 3

[[objectives]]
metric = "validation_accuracy"

[[objectives]]
metric = "parameters"

[data]
source = "digits"
train_images = 200
validation_images = 100

[training]
epochs = 2
batch_size = [16, 32]
learning_rate = { low = 1e-2, high = 1e-1, log = true }

[training.optimizer.sgd]
momentum = { low = 0.5, high = 0.95 }
[training.optimizer.adam]

[[architecture.stages]]
name = "stem"
stride = 2
[architecture.stages.modules.Conv]
out_channels = [4, 8, 12, 16]
kernel = 3

[budget]
trials = 6

[workers]
count = 2

[sampler]
name = "random"
"#;

/// A folder to run the program in.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// With `spec.toml` in it.
    pub(crate) fn new(spec: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.write("spec.toml", spec);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lightcrest"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        // Runtimes and databases that whoever tests may have.
        ["ORT_DYLIB_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "LIGHTCREST_STORAGE"].iter().for_each(|name| {
            command.env_remove(name);
        });
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result {
        Result::new(self.command(arguments).output().unwrap())
    }

    /// Runs and expects success.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> Result {
        let result = self.run(arguments);
        assert_eq!(result.code, Some(0), "{arguments:?}\n{}\n{}", result.stdout, result.stderr);
        result
    }

    /// Every file with its contents, to see that nothing was written.
    pub(crate) fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn visit(folder: &Path, list: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    list.push((path.clone(), vec![]));
                    visit(&path, list);
                } else {
                    list.push((path.clone(), fs::read(&path).unwrap()));
                }
            }
        }
        let mut list = Vec::new();
        visit(self.folder.path(), &mut list);
        list.sort();
        list
    }

    /// The trials of `runs/tiny` by number: state, values and attributes as they are stored.
    pub(crate) fn trials(&self) -> Vec<lightcrest::FrozenTrial> {
        self.trials_of("tiny")
    }

    /// The same of `runs/NAME`.
    pub(crate) fn trials_of(&self, name: &str) -> Vec<lightcrest::FrozenTrial> {
        use lightcrest::storage::{SqliteStorage, load};
        let mut storage = SqliteStorage::read(self.path(&format!("runs/{name}/study.db"))).unwrap();
        load(&mut storage).unwrap().1.trials().to_vec()
    }

    /// The weights in the folder of a model.
    pub(crate) fn weights(&self, folder: &str) -> Weights {
        Weights::load(&self.path(folder).join("model.safetensors")).unwrap().0
    }

    /// The names in a folder, sorted; none when it is missing.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return vec![] };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// What the program said.
pub(crate) struct Result {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Result {
    fn new(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

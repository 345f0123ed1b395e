//! The spec of `lightcrest tune`: one TOML file that says which command to run, with which parameters, and
//! what it is judged by.
//!
//! ```toml
//! [study]
//! name = "mine"
//!
//! [[objectives]]
//! metric = "validation_accuracy"          # a key of the JSON lines that the command writes
//! direction = "maximize"
//!
//! [command]
//! run = ["python3", "train.py", "--optimizer", "{optimizer}", ["--momentum", "{momentum}"]]
//! [command.limits]
//! time = "10m"
//!
//! [parameters]
//! learning_rate = { low = 1e-4, high = 1.0, log = true }
//! [parameters.optimizer.sgd]              # two tables: the parameter `optimizer` chooses
//! # `optimizer.sgd.momentum`, active under sgd; `{momentum}` in the command
//! momentum = { low = 0.0, high = 0.99 }
//! [parameters.optimizer.adam]
//! ```
//!
//! What the command writes is not known before it runs: metrics are plain names here, and the kind of a
//! parameter (whole number, number, word, truth value) is that of the values that it is written with.

mod parameter;
mod parse;
mod relocate;
mod schema;
mod template;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::path::PathBuf;
use std::time::Duration;

use lightcrest::space::{Configuration, Value};

use crate::constraint::ConstraintSpec;
use crate::diagnostic::SpecErrors;
use crate::study::StudySpec;
use parameter::ParameterSpec;
pub use relocate::with_directory;
pub use schema::json_schema;
pub use template::Place;
use template::{Argument, Template};

/// A spec of a command that was read and found right.
#[derive(Debug, Clone)]
pub struct TuneSpec {
    /// What it has in common with every other spec.
    pub study: StudySpec,
    /// Bounds on the command's metrics.
    pub constraints: Vec<ConstraintSpec>,
    /// The command.
    pub command: CommandSpec,
    parameters: Vec<ParameterSpec>,
}

/// How configurations are evaluated.
#[derive(Debug, Clone)]
pub struct CommandSpec {
    /// The program: a path, or a name that is looked up in PATH.
    pub program: String,
    /// Where it runs, relative to the folder of the spec; absent: in that folder.
    pub directory: Option<PathBuf>,
    /// Where its JSON lines are read.
    pub metrics: MetricsSource,
    /// What a trial may use.
    pub limits: Limits,
    arguments: Vec<Argument>,
    environment: Vec<(String, Template)>,
}

/// Where the JSON lines of a command are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsSource {
    /// On its standard output and in the file that `LIGHTCREST_METRICS` names.
    Both,
    /// On its standard output.
    Stdout,
    /// In the file that `LIGHTCREST_METRICS` names.
    File,
}

/// What a trial may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Time; absent: as long as it takes.
    pub time: Option<Duration>,
    /// Bytes of resident memory of all of its processes; absent: as much as there is.
    pub memory: Option<u64>,
    /// Time between asking it to stop and killing it.
    pub grace: Duration,
}

/// What one trial is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The arguments after the program.
    pub arguments: Vec<String>,
    /// Variables that its environment has beyond the inherited ones.
    pub environment: Vec<(String, String)>,
}

impl TuneSpec {
    /// The tables that only this kind of spec has.
    pub const TABLES: &[&str] = &["command", "parameters"];

    /// Reads a spec from its text; `path` is only for messages.
    ///
    /// # Errors
    /// [`SpecErrors`] holds everything that is wrong.
    pub fn parse(text: &str, path: &str) -> Result<Self, SpecErrors> {
        crate::document::read(text, path, parse::document_to_spec)
    }

    /// The active parameters of a configuration, fixed ones among them, by the names that the command knows:
    /// the last part of `optimizer.sgd.momentum` wherever that is enough to tell it from the others.
    pub fn values(&self, configuration: &Configuration) -> Vec<(&str, Value)> {
        let parameters = self.parameters.iter();
        parameters.filter_map(|p| Some((p.name.as_str(), p.value(configuration)?))).collect()
    }

    /// The command line and the environment of a trial.
    pub fn invocation(&self, configuration: &Configuration, place: &Place<'_>) -> Invocation {
        let values: Vec<Option<Value>> =
            self.parameters.iter().map(|parameter| parameter.value(configuration)).collect();
        let arguments = self.command.arguments.iter().flat_map(|argument| argument.render(&values, place));
        let variable =
            |(name, template): &(String, Template)| Some((name.clone(), template.render(&values, place)?));
        Invocation {
            arguments: arguments.collect(),
            environment: self.command.environment.iter().filter_map(variable).collect(),
        }
    }

    /// The command as a person reads it, with the names of the parameters in braces.
    pub fn command_line(&self) -> String {
        let arguments = self.command.arguments.iter().map(Argument::to_string);
        std::iter::once(self.command.program.clone()).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

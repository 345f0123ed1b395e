//! What can go wrong, and how the program says so.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use lightcrest::StudyError;
use lightcrest::storage::StorageError;
use lightcrest_model::data::DataError;
use lightcrest_report::SurrogateError;
use lightcrest_spec::SpecErrors;

use crate::place::Place;
use crate::plain::plain;
use crate::run::RunError;

/// Exit code of an interrupted program: 128 + SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A file cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The spec is wrong; the message shows where.
    #[error("{} in the spec\n\n{errors}", count(.errors.errors.len()))]
    Spec {
        /// What is wrong and where.
        errors: SpecErrors,
    },
    /// The data set cannot be loaded.
    #[error("cannot load the images")]
    Data(#[from] DataError),
    /// No configuration of the space keeps the constraints, or the sampler cannot handle the space.
    #[error("this search cannot begin")]
    Hopeless(#[source] StudyError),
    /// The run's database is not of this search.
    #[error("{} cannot go on with this spec; choose another folder with --out, or start anew with --fresh", .path.display())]
    OtherRun {
        /// The folder of the run.
        path: PathBuf,
        /// What is wrong with its database.
        source: StorageError,
    },
    /// The images are not those of the run.
    #[error(
        "the images changed since the run in {} began: {difference}; put them back as they were, or start anew with --fresh",
        .path.display()
    )]
    OtherImages {
        /// The folder of the run.
        path: PathBuf,
        /// What changed.
        difference: String,
    },
    /// The network is not that of the run.
    #[error(
        "the network changed since the run in {} began: {difference}; put it back as it was, or start anew with --fresh",
        .path.display()
    )]
    OtherModel {
        /// The folder of the run.
        path: PathBuf,
        /// What changed.
        difference: String,
    },
    /// The table is not that of the run.
    #[error(
        "the table changed since the run in {} began: {difference}; put it back as it was, or start anew with --fresh",
        .path.display()
    )]
    OtherTable {
        /// The folder of the run.
        path: PathBuf,
        /// What changed.
        difference: String,
    },
    /// A table that nothing can be learnt from, or be predicted.
    #[error(transparent)]
    Table(#[from] lightcrest_table::TableError),
    /// A network that cannot be compressed with these images.
    #[error("this network cannot be compressed")]
    Unfit(#[source] Box<dyn Error + Send + Sync>),
    /// The study in a database is not of this search.
    #[error("study `{}` in {} is another one than that of this spec; give the study of the spec another name, or delete that one", .place.study, .place.url.shown())]
    OtherStudy {
        /// Where it lives.
        place: Place,
        /// How they differ.
        source: StorageError,
    },
    /// A database cannot be used.
    #[error("{what}")]
    Storage {
        /// What cannot be done.
        what: String,
        /// Why.
        source: StorageError,
    },
    /// The run's database cannot be read.
    #[error("cannot read the run in {}", .path.display())]
    Unreadable {
        /// The folder of the run.
        path: PathBuf,
        /// What is wrong with its database.
        source: StorageError,
    },
    /// A model file is wrong, or does not fit the images or the memory.
    #[error("this model cannot be trained")]
    ModelFile(#[source] Box<dyn Error + Send + Sync>),
    /// The command line asks for something that does not go together.
    #[error("{0}")]
    Usage(String),
    /// The program of `[command]` is not there.
    #[error("cannot run `{program}` of [command]: {reason}")]
    Program {
        /// The program as the spec names it.
        program: String,
        /// Where it was looked for.
        reason: String,
    },
    /// Nothing but failures: something else is wrong than a configuration.
    #[error(
        "{} trials failed{}; trial {trial}: {}{}; when that is mended, the same command goes on, and --fresh starts anew",
        if *.early { format!("all of the first {count}") } else { format!("all {count}") },
        if *.early { ", so the search stopped" } else { "" },
        plain(.reason),
        .log.as_ref().map_or_else(String::new, |log| format!("\n\nits log is {}", log.display())),
    )]
    AllFailed {
        /// How many.
        count: usize,
        /// Before the budget was spent.
        early: bool,
        /// The last of them.
        trial: u64,
        /// Why it failed.
        reason: String,
        /// What it printed.
        log: Option<PathBuf>,
    },
    /// The run's folder cannot be used.
    #[error(transparent)]
    Folder(#[from] RunError),
    /// The search broke off.
    #[error("the search broke off; what is finished is stored, and the same command goes on")]
    Broken(#[source] StudyError),
    /// A model could not be trained or written.
    #[error(
        "cannot keep the model of trial {trial}; what is finished is stored, and the same command goes on"
    )]
    Model {
        /// The trial.
        trial: u64,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The Gaussian process cannot be drawn.
    #[error("cannot draw the surrogate")]
    Surrogate(#[from] SurrogateError),
    /// A training failed.
    #[error("training failed")]
    Training(#[source] Box<dyn Error + Send + Sync>),
    /// An ONNX file cannot be read, changed or written.
    #[error("{}: {failed}", .path.display())]
    Onnx {
        /// The file.
        path: PathBuf,
        /// What failed.
        failed: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Standard output takes nothing.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// Ctrl-C.
    #[error("interrupted; {0}")]
    Interrupted(String),
}

impl CliError {
    /// The exit code that `--help` documents.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted(_) => INTERRUPTED,
            Self::Broken(_)
            | Self::Model { .. }
            | Self::Training(_)
            | Self::AllFailed { .. }
            | Self::Output(_) => 1,
            Self::Surrogate(error) if !error.is_bad_question() => 1,
            Self::Folder(error) if !error.is_bad_input() => 1,
            _ => 2,
        }
    }

    /// The message and its causes, each once.
    pub(crate) fn report(&self) -> String {
        let mut text = format!("error: {self}");
        let mut last = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let message = error.to_string();
            // Transparent errors repeat their source, others add only a code to it.
            if !last.contains(message.trim()) && !message.contains(&last) {
                text.push_str(&format!("\n  caused by: {message}"));
            }
            last = message;
            cause = error.source();
        }
        one_screen(text.trim_end())
    }
}

fn count(errors: usize) -> String {
    if errors == 1 { "1 error".into() } else { format!("{errors} errors") }
}

/// A message that scrolls its own beginning away helps nobody.
const SCREEN: usize = 22;

fn one_screen(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= SCREEN {
        return text.into();
    }
    format!(
        "{}\n... and {} more lines; begin with these",
        lines[..SCREEN - 1].join("\n"),
        lines.len() - SCREEN + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_printed_once() {
        let source = io::Error::from(io::ErrorKind::NotFound);
        let error = CliError::Read { path: "no.toml".into(), source };
        assert_eq!(error.report(), "error: cannot read no.toml\n  caused by: entity not found");
        assert_eq!(error.exit_code(), 2);
        let inner = RunError::Write { path: "front.csv".into(), source: io::ErrorKind::StorageFull.into() };
        let error = CliError::from(inner);
        assert_eq!(error.report(), "error: cannot write front.csv\n  caused by: no storage space");
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_long_message_ends_with_the_screen() {
        let error = CliError::Usage((0..100).map(|i| format!("line {i}\n")).collect());
        assert_eq!(error.report().lines().count(), SCREEN);
    }
}

//! `lightcrest worker`: runs trials of a study beside others.

use crate::arguments::{EngineArguments, WorkerArguments};
use crate::error::CliError;
use crate::spec_file::{self, SpecKind};

/// Runs trials until the study has all of them.
pub(crate) fn worker(arguments: &WorkerArguments) -> Result<(), CliError> {
    let study = arguments.study();
    let shown = study.spec.display();
    // It is read once more by whoever runs its trials.
    if study.spec.to_str() == Some("-") {
        return Err(CliError::Usage("a worker reads its spec from a file, not from standard input".into()));
    }
    match SpecKind::of(&spec_file::read(&study.spec)?) {
        Some(SpecKind::Tune) => super::tune(&study),
        Some(SpecKind::Compress) => {
            super::compress(&study, &EngineArguments { onnxruntime: arguments.onnxruntime.clone() })
        }
        Some(SpecKind::Fit) => Err(CliError::Usage(format!(
            "{shown} is the spec of a table, whose trials one process runs: `lightcrest fit {shown}` does"
        ))),
        // What is no spec is said there.
        Some(SpecKind::Search) | None => super::search(&study),
    }
}

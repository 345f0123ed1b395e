//! `lightcrest show`: a run as text.

use crate::arguments::RunArguments;
use crate::error::CliError;
use crate::output;
use crate::recorded::Recorded;
use crate::run::RunFolder;
use crate::terminal::print;

/// Prints the front of a run, its history, which parameters mattered, the layers of its models and all
/// trials.
pub(crate) fn show(arguments: &RunArguments) -> Result<(), CliError> {
    let folder = RunFolder::open(&arguments.run)?;
    let view = Recorded::read(&folder)?.view;
    print(&output::text(&view))
}

//! `lightcrest show`: a run as text.

use crate::arguments::RunArguments;
use crate::console::print;
use crate::error::CliError;
use crate::output;
use crate::run::RunFolder;
use crate::view::View;

/// Prints the front of a run, its history, which parameters mattered, the layers of its models and all trials.
pub(crate) fn show(arguments: &RunArguments) -> Result<(), CliError> {
    let folder = RunFolder::open(&arguments.run)?;
    let view = View::read(&folder)?;
    print(&output::text(&view))
}

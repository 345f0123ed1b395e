//! `lightcrest report`: draws the page of a run again.

use crate::arguments::RunArguments;
use crate::console::print;
use crate::error::CliError;
use crate::output;
use crate::report;
use crate::run::{RunFolder, write_file};
use crate::view::View;

/// Writes `report.html`.
pub(crate) fn report(arguments: &RunArguments) -> Result<(), CliError> {
    let folder = RunFolder::open(&arguments.run)?;
    let view = View::read(&folder)?;
    write_file(&folder.report(), report::render(&output::report(&view)).as_bytes())?;
    print(&folder.report().display().to_string())
}

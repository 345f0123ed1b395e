//! `lightcrest report`: draws the page of a run again.

use lightcrest_report::page;

use crate::arguments::RunArguments;
use crate::error::CliError;
use crate::recorded::Recorded;
use crate::run::{RunFolder, write_file};
use crate::terminal::print;

/// Writes `report.html`.
pub(crate) fn report(arguments: &RunArguments) -> Result<(), CliError> {
    let folder = RunFolder::open(&arguments.run)?;
    write_file(&folder.report(), page::report(&Recorded::read(&folder)?.report()).as_bytes())?;
    print(&folder.report().display().to_string())
}

//! `lightcrest report`: draws the page of a run, or of a study.

use lightcrest_report::page;

use super::show::open;
use crate::arguments::ReportArguments;
use crate::error::CliError;
use crate::run::write_file;
use crate::terminal::print;

/// Writes `report.html`.
pub(crate) fn report(arguments: &ReportArguments) -> Result<(), CliError> {
    let (recorded, folder) = open(&arguments.of)?;
    let path = arguments.out.clone().unwrap_or_else(|| folder.join("report.html"));
    write_file(&path, page::report(&recorded.report()).as_bytes())?;
    print(&path.display().to_string())
}

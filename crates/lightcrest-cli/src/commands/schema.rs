//! `lightcrest schema`: the JSON schema of spec files.

use super::print;
use crate::error::CliError;

/// Prints the schema.
pub(crate) fn schema() -> Result<(), CliError> {
    print(&format!("{:#}", lightcrest_model::spec::json_schema()));
    Ok(())
}

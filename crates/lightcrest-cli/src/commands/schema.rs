//! `lightcrest schema`: the JSON schema of spec files.

use lightcrest_model::{compress, spec};
use lightcrest_spec::tune;

use crate::arguments::{SchemaArguments, SchemaOf};
use crate::error::CliError;
use crate::terminal::print;

/// Prints the schema.
pub(crate) fn schema(arguments: &SchemaArguments) -> Result<(), CliError> {
    let schema = match arguments.of {
        SchemaOf::Search => spec::json_schema(),
        SchemaOf::Tune => tune::json_schema(),
        SchemaOf::Compress => compress::json_schema(),
        SchemaOf::Fit => lightcrest_table::spec::json_schema(),
    };
    print(&format!("{schema:#}"))
}

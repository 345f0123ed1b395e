//! Files whose columns have names and types of their own: Parquet, Arrow and workbooks.
//!
//! Their values are given as the fields that delimited text would have, so that everything that follows is
//! the same for all; what a type says and text cannot is said beside.

use std::sync::Arc;

use csv::StringRecord;

use super::Source;
use super::source::Form;
use crate::error::TableError;

/// What the type of a column says of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Nothing that its fields do not tell.
    Nothing,
    /// An amount.
    Number,
    /// Levels.
    Category,
}

/// A file of typed columns.
pub(super) trait TypedFile: std::fmt::Debug + Send + Sync {
    /// The names of the columns, as they are.
    fn names(&self) -> Vec<String>;

    /// What their types say.
    fn said(&self) -> Vec<Said>;

    /// How many rows there are.
    fn rows(&self) -> u64;

    /// What was decided about the file, ready to read.
    fn decisions(&self) -> Vec<String> {
        Vec::new()
    }

    /// The rows from the beginning; of columns that are not wanted the fields are empty.
    ///
    /// # Errors
    /// If a column that is wanted is of a type that no column can have here.
    fn records(&self, wanted: &[bool]) -> Result<Box<dyn TypedRows>, TableError>;
}

/// The rows of such a file.
pub(super) trait TypedRows {
    /// Fills in the next row and gives its number in the file, from 1; none after the last.
    fn next_row(&mut self, record: &mut StringRecord) -> Result<Option<u64>, TableError>;
}

/// Opens a file that is not delimited text; none if it is.
///
/// `sheet` is that of a workbook; `no_header` whether its first row is one of the table.
pub(super) fn open(
    source: &Source,
    sheet: Option<&str>,
    no_header: bool,
) -> Result<Option<Arc<dyn TypedFile>>, TableError> {
    if let Some(sheet) = sheet.filter(|_| source.form() != Form::Workbook) {
        return Err(TableError::Unfit(format!(
            "--sheet {sheet}: {} is no workbook",
            source.path().display()
        )));
    }
    match source.form() {
        #[cfg(feature = "parquet")]
        form @ (Form::Parquet | Form::Arrow | Form::ArrowStream) => {
            Ok(Some(Arc::new(super::arrow::ArrowFile::open(source, form)?)))
        }
        #[cfg(feature = "xlsx")]
        Form::Workbook => Ok(Some(Arc::new(super::workbook::Workbook::open(source, sheet, no_header)?))),
        _ => {
            let _ = no_header;
            Ok(None)
        }
    }
}

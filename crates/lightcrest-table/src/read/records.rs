//! Records of fields; those of delimited text by RFC 4180.

use std::io::{self, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::encoding::{Decoded, Undecodable};
use super::separator;
use super::typed::TypedRows;
use crate::error::TableError;

/// What follows the text. Read as a record of its own, it shows that no quote is open; inside of a field,
/// that one is. No text has NUL in it.
const END: &str = "\n\0lightcrest: end of the table\0\n";
const END_FIELD: &str = "\0lightcrest: end of the table\0";

/// The rows of a table, one after the other.
pub struct Records(Rows);

enum Rows {
    Text(Box<TextRecords>),
    Typed(Box<dyn TypedRows>, StringRecord),
}

impl Records {
    pub(super) fn of_text(records: TextRecords) -> Self {
        Self(Rows::Text(Box::new(records)))
    }

    pub(super) fn of_typed(rows: Box<dyn TypedRows>) -> Self {
        Self(Rows::Typed(rows, StringRecord::new()))
    }

    /// The next record, and the line where it begins or the number of its row, from 1; none after the last.
    ///
    /// # Errors
    /// If it has another number of fields than the header, a quote is not closed, bytes are no text, or a
    /// file of typed columns is damaged.
    pub fn next_record(&mut self) -> Result<Option<(&StringRecord, u64)>, TableError> {
        match &mut self.0 {
            Rows::Text(records) => records.next_record(),
            Rows::Typed(rows, record) => {
                let row = rows.next_row(record)?;
                Ok(row.map(|row| (&*record, row)))
            }
        }
    }
}

/// The rows of delimited text.
pub(super) struct TextRecords {
    reader: csv::Reader<Chain<Decoded, Cursor<&'static [u8]>>>,
    record: StringRecord,
    path: PathBuf,
    separator: u8,
    fields: usize,
    trailing: bool,
}

impl TextRecords {
    pub(super) fn new(decoded: Decoded, path: &Path, separator: u8, fields: usize, trailing: bool) -> Self {
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(separator).buffer_capacity(1 << 16);
        let reader = builder.from_reader(decoded.chain(Cursor::new(END.as_bytes())));
        let record = StringRecord::new();
        Self { reader, record, path: path.to_path_buf(), separator, fields, trailing }
    }

    pub(super) fn skip_header(&mut self) -> Result<(), TableError> {
        self.advance().map(drop)
    }

    fn next_record(&mut self) -> Result<Option<(&StringRecord, u64)>, TableError> {
        let Some(line) = self.advance()? else { return Ok(None) };
        let found = self.record.len();
        if found != self.fields {
            let one_more =
                found == self.fields + 1 && self.record.get(self.fields).is_some_and(str::is_empty);
            if !(self.trailing && one_more) {
                let separator = separator::shown(self.separator);
                return Err(TableError::Fields { line, found, expected: self.fields, separator });
            }
            self.record.truncate(self.fields);
        }
        Ok(Some((&self.record, line)))
    }

    /// Reads a record of any number of fields.
    fn advance(&mut self) -> Result<Option<u64>, TableError> {
        match self.reader.read_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                let text = error.to_string();
                return Err(match error.into_kind() {
                    csv::ErrorKind::Io(error) => io_error(&self.path, error),
                    _ => TableError::Unfit(format!("{}: {text}", self.path.display())),
                });
            }
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        match self.record.iter().next_back() {
            Some(END_FIELD) if self.record.len() == 1 => Ok(None),
            Some(last) if last.contains(END_FIELD) => Err(TableError::OpenQuote { line }),
            _ => Ok(Some(line)),
        }
    }
}

/// What the reader says, with the place of what cannot be decoded.
pub(super) fn io_error(path: &Path, error: io::Error) -> TableError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Undecodable>()) {
        Some(Undecodable { line, column, bytes, encoding }) => {
            TableError::Undecodable { line: *line, column: *column, bytes: bytes.clone(), encoding }
        }
        None => TableError::Read { path: path.to_path_buf(), source: error },
    }
}

//! Tables as records of fields: delimited text, whatever its compression, encoding and separator, and files
//! whose columns have types.
//!
//! ```text
//! source     bytes of a file, decompressed; opened as often as they are read
//! encoding   bytes to UTF-8, with the place of what cannot be decoded
//! separator  which character separates fields
//! records    RFC 4180: quotes, line ends, fields counted, lines numbered
//! typed      files of typed columns, as if they were text
//! arrow      Parquet and Arrow files (feature `parquet`)
//! workbook   sheets of Excel and OpenDocument (feature `xlsx`)
//! columns    columns that are in memory already
//! ```
//!
//! A file is read as often as it takes: for its encoding, to decide what its columns are, to fill them.
//! Nothing is held but the columns themselves.

#[cfg(feature = "parquet")]
mod arrow;
mod columns;
mod encoding;
mod records;
mod separator;
mod source;
mod typed;
#[cfg(feature = "xlsx")]
mod workbook;

pub use columns::Cells;
pub use encoding::TextEncoding;
pub use records::Records;
pub use source::Source;
pub use typed::Said;

use std::sync::Arc;

use records::TextRecords;
use typed::TypedFile;

use crate::error::TableError;

/// How a table is to be read, where it does not say so itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadConfig {
    /// What separates fields; found out by default.
    pub separator: Option<u8>,
    /// The label of an encoding; found out by default.
    pub encoding: Option<String>,
    /// Whether the first record is a row already: columns are `column_1`, `column_2`, ... then.
    pub no_header: bool,
    /// The sheet of a workbook; the first one that is not empty by default.
    pub sheet: Option<String>,
}

/// A table whose form is known: it can be read as often as it takes.
#[derive(Debug, Clone)]
pub struct Text {
    source: Source,
    format: Format,
    names: Vec<String>,
    /// Columns that are read; of others, the fields may be empty.
    wanted: Vec<bool>,
    /// What was decided, ready to read.
    decisions: Vec<String>,
}

#[derive(Debug, Clone)]
enum Format {
    Delimited {
        encoding: TextEncoding,
        separator: u8,
        no_header: bool,
        /// Every record ends with a separator that the header does not have.
        trailing: bool,
    },
    Typed(Arc<dyn TypedFile>),
}

impl Text {
    /// Finds out the form of a table.
    ///
    /// # Errors
    /// If it cannot be read, is empty, has bytes that are no text, or two columns of one name.
    pub fn open(source: Source, config: &ReadConfig) -> Result<Self, TableError> {
        if let Some(file) = typed::open(&source, config.sheet.as_deref(), config.no_header)? {
            let mut decisions = file.decisions();
            let names = names(&file.names(), &mut decisions)?;
            let wanted = vec![true; names.len()];
            return Ok(Self { source, format: Format::Typed(file), names, wanted, decisions });
        }
        let encoding = TextEncoding::find(&source, config.encoding.as_deref())?;
        let sample = encoding.sample(&source)?;
        if sample.text.trim_matches(|c: char| c.is_whitespace() || c == '\0').is_empty() {
            return Err(TableError::Empty { path: source.path().to_path_buf(), least: crate::LEAST_ROWS });
        }
        let separator = config.separator.unwrap_or_else(|| separator::find(&sample));
        let mut decisions = Vec::new();
        if encoding.is_guessed() {
            decisions.push(format!("encoding {}: found out; --encoding names another", encoding.name()));
        }
        if separator != b',' && config.separator.is_none() {
            decisions.push(format!(
                "separator {}: found out; --separator names another",
                separator::shown(separator)
            ));
        }
        let (first, trailing) = separator::header(&sample, separator);
        let names = match config.no_header {
            true => (1..=first.len()).map(|i| format!("column_{i}")).collect(),
            false => names(&first, &mut decisions)?,
        };
        let (no_header, trailing) = (config.no_header, trailing && !config.no_header);
        let wanted = vec![true; names.len()];
        let format = Format::Delimited { encoding, separator, no_header, trailing };
        Ok(Self { source, format, names, wanted, decisions })
    }

    /// Leaves columns out that nobody asks for: files of typed columns do not read them then.
    pub fn want(&mut self, wanted: impl Fn(&str) -> bool) {
        self.wanted = self.names.iter().map(|name| wanted(name)).collect();
    }

    /// What the types of the columns say; nothing for text.
    pub fn said(&self) -> Vec<Said> {
        match &self.format {
            Format::Delimited { .. } => vec![Said::Nothing; self.names.len()],
            Format::Typed(file) => file.said(),
        }
    }

    /// How many rows there are, where the file says so.
    pub fn rows(&self) -> Option<u64> {
        match &self.format {
            Format::Delimited { .. } => None,
            Format::Typed(file) => Some(file.rows()),
        }
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What was found out about the form, ready to read.
    pub fn decisions(&self) -> &[String] {
        &self.decisions
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The rows from the beginning.
    ///
    /// # Errors
    /// If the file cannot be opened, or a column is of a type that no column can have.
    pub fn records(&self) -> Result<Records, TableError> {
        match &self.format {
            Format::Typed(file) => Ok(Records::of_typed(file.records(&self.wanted)?)),
            Format::Delimited { encoding, separator, no_header, trailing } => {
                let (decoded, path) = (encoding.reader(&self.source)?, self.source.path());
                let mut records = TextRecords::new(decoded, path, *separator, self.names.len(), *trailing);
                if !no_header {
                    records.skip_header()?;
                }
                Ok(Records::of_text(records))
            }
        }
    }
}

/// The names of the columns: clean, never empty, each once.
fn names(header: &[String], decisions: &mut Vec<String>) -> Result<Vec<String>, TableError> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    let mut positions = std::collections::HashMap::new();
    let mut folded = std::collections::HashMap::new();
    for (i, raw) in header.iter().enumerate() {
        let trimmed = raw.trim();
        let name = if trimmed.is_empty() { format!("column_{}", i + 1) } else { raw.clone() };
        if let Some(first) = positions.insert(name.clone(), i) {
            return Err(TableError::SameName { name, first: first + 1, second: i + 1 });
        }
        let plain: String = name.split_whitespace().collect();
        if let Some(first) = folded.insert(plain, i) {
            decisions.push(format!(
                "warning: the names of columns {} and {}, `{}` and `{name}`, differ in blanks only",
                first + 1,
                i + 1,
                names[first]
            ));
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests;

//! Excel workbooks (xlsx, xlsb, xls) and those of OpenDocument: one sheet is the table.

use std::sync::Arc;

use calamine::{Data, Range, Reader, Sheets, open_workbook_auto_from_rs};
use csv::StringRecord;

use super::Source;
use super::source::Form;
use super::typed::{Said, TypedFile, TypedRows};
use crate::error::TableError;

/// A sheet of a workbook.
#[derive(Debug)]
pub(super) struct Workbook {
    cells: Arc<Range<Data>>,
    names: Vec<String>,
    /// The first row of the table.
    first: usize,
    decisions: Vec<String>,
}

impl Workbook {
    /// The sheet of that name, or the first one that is not empty.
    ///
    /// # Errors
    /// If it is no workbook, has no such sheet, or only empty ones.
    pub(super) fn open(source: &Source, sheet: Option<&str>, no_header: bool) -> Result<Self, TableError> {
        let path = || source.path().to_path_buf();
        let damaged = |error: calamine::Error| TableError::Damaged {
            path: path(),
            format: Form::Workbook.name(),
            reason: error.to_string(),
        };
        let mut book: Sheets<_> = open_workbook_auto_from_rs(source.whole()?).map_err(damaged)?;
        let sheets = book.sheet_names();
        let mut range = |name: &str| book.worksheet_range(name).map_err(damaged);
        let mut decisions = Vec::new();
        let cells = match sheet {
            Some(name) if !sheets.iter().any(|known| known == name) => {
                let (path, name) = (path(), name.to_owned());
                return Err(TableError::NoSheet { path, name, sheets: sheets.join(", ") });
            }
            Some(name) => range(name)?,
            None => {
                let mut found = None;
                for name in &sheets {
                    let cells = range(name)?;
                    if !cells.is_empty() {
                        found = Some((name, cells));
                        break;
                    }
                }
                let (name, cells) =
                    found.ok_or_else(|| TableError::Empty { path: path(), least: crate::LEAST_ROWS })?;
                if sheets.len() > 1 {
                    decisions.push(format!(
                        "sheet `{name}` of {}: the first one with cells; --sheet names another",
                        sheets.len()
                    ));
                }
                cells
            }
        };
        if cells.is_empty() {
            return Err(TableError::Empty { path: path(), least: crate::LEAST_ROWS });
        }
        let header = cells.rows().next().unwrap_or_default();
        let names = match no_header {
            true => (1..=cells.width()).map(|i| format!("column_{i}")).collect(),
            false => header.iter().map(field).collect(),
        };
        Ok(Self { cells: Arc::new(cells), names, first: usize::from(!no_header), decisions })
    }
}

/// A cell as delimited text would have it; of errors nothing.
fn field(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::DateTime(moment) if moment.is_datetime() => {
            let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
            match (hour, minute, second, milli) {
                (0, 0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}"),
            }
        }
        // Days, as seconds.
        Data::DateTime(span) => (span.as_f64() * 86_400.0).to_string(),
        other => other.to_string(),
    }
}

impl TypedFile for Workbook {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn said(&self) -> Vec<Said> {
        vec![Said::Nothing; self.names.len()]
    }

    fn rows(&self) -> u64 {
        (self.cells.height() - self.first) as u64
    }

    fn decisions(&self) -> Vec<String> {
        self.decisions.clone()
    }

    fn records(&self, wanted: &[bool]) -> Result<Box<dyn TypedRows>, TableError> {
        Ok(Box::new(SheetRows { cells: Arc::clone(&self.cells), next: self.first, wanted: wanted.to_vec() }))
    }
}

struct SheetRows {
    cells: Arc<Range<Data>>,
    next: usize,
    wanted: Vec<bool>,
}

impl TypedRows for SheetRows {
    fn next_row(&mut self, record: &mut StringRecord) -> Result<Option<u64>, TableError> {
        let (start, width) = (self.cells.start().map_or(0, |(row, _)| row as usize), self.wanted.len());
        while self.next < self.cells.height() {
            let row = self.next;
            self.next += 1;
            let cell = |column: usize| self.cells.get((row, column)).unwrap_or(&Data::Empty);
            // Rows without anything are no rows, as in text.
            if (0..width).all(|column| *cell(column) == Data::Empty) {
                continue;
            }
            record.clear();
            for column in 0..width {
                record.push_field(&if self.wanted[column] { field(cell(column)) } else { String::new() });
            }
            return Ok(Some((start + row + 1) as u64));
        }
        Ok(None)
    }
}

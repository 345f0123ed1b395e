//! What can be wrong with a table.

use std::io;
use std::path::PathBuf;

/// Why a table cannot be used. Every message names the place, the value and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The path is an address.
    #[error("`{0}` is an address, and nothing is downloaded: fetch the file first and give its path")]
    Address(String),
    /// The path is a folder.
    #[error("{} is a folder: give the path of one table", .0.display())]
    Folder(PathBuf),
    /// The file is of a format that this program does not read.
    #[error("{} is {format}, which is not read here: {remedy}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is.
        format: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The file is not what its first bytes say.
    #[error("{} begins as {format}, but is damaged or something else ({reason}); write it again, or as CSV", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should be.
        format: &'static str,
        /// What its reader says.
        reason: String,
    },
    /// A workbook has no such sheet.
    #[error("{} has no sheet `{name}`: --sheet takes one of {sheets}", .path.display())]
    NoSheet {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// Those that there are.
        sheets: String,
    },
    /// A column of values that are no values of a table.
    #[error(
        "column `{column}` holds values of type {kind}, and numbers, words, dates and true or false are learnt from: leave \
         it out with --ignore {column}, or write its parts as columns of their own"
    )]
    ColumnType {
        /// The column.
        column: String,
        /// Its type, as Arrow names it.
        kind: String,
    },
    /// There is nothing in it.
    #[error("{} is empty: a table needs a header and at least {least} rows", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Rows that a fit needs.
        least: usize,
    },
    /// Bytes that are no text in the encoding.
    #[error(
        "line {line}, column {column}: bytes {bytes} are no text in {encoding}; name the encoding of the file, such as \
         --encoding windows-1252"
    )]
    Undecodable {
        /// The line, from 1.
        line: u64,
        /// The character in it, from 1.
        column: u64,
        /// The bytes in hexadecimal.
        bytes: String,
        /// The encoding.
        encoding: &'static str,
    },
    /// `--encoding` names none.
    #[error("there is no encoding `{0}`; try utf-8, windows-1252, shift_jis, utf-16le, ...")]
    UnknownEncoding(String),
    /// A record has another number of fields than the header.
    #[error(
        "line {line}: {found} fields, but the header has {expected} (the separator is {separator}); mend the line, or name \
         another separator with --separator"
    )]
    Fields {
        /// The line where the record begins, from 1.
        line: u64,
        /// Its fields.
        found: usize,
        /// Those of the header.
        expected: usize,
        /// The separator as a person writes it.
        separator: String,
    },
    /// A quoted field never ends.
    #[error(
        "line {line}: a quote is opened in this record and never closed; close it, or double it if it is meant as itself"
    )]
    OpenQuote {
        /// The line where the record begins, from 1.
        line: u64,
    },
    /// Two columns have one name.
    #[error("columns {first} and {second} are both named `{name}`: rename one of them")]
    SameName {
        /// The name.
        name: String,
        /// The position of the first, from 1.
        first: usize,
        /// The position of the second, from 1.
        second: usize,
    },
    /// A column that is asked for is not there.
    #[error("there is no column `{name}`{}; the columns are {columns}", .similar.as_ref().map_or_else(String::new, |it| format!(" (did you mean `{it}`?)")))]
    NoColumn {
        /// The name.
        name: String,
        /// One that is there and much like it.
        similar: Option<String>,
        /// All names, shortened.
        columns: String,
    },
    /// Columns that a model needs are not in its table.
    #[error(
        "{} missing: {}; add {}, or take missing values for {} with --allow-missing-columns",
        if .0.len() == 1 { "a column that the model needs is".into() } else { format!("{} columns that the model needs are", .0.len()) },
        .0.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        if .0.len() == 1 { "it" } else { "them" },
        if .0.len() == 1 { "it" } else { "them" },
    )]
    MissingColumns(Vec<String>),
    /// Too few rows.
    #[error("{found} {} a target, but a fit needs at least {least} rows with one", if *.found == 1 { "row has" } else { "rows have" })]
    TooFewRows {
        /// Rows with a target.
        found: usize,
        /// How many it takes.
        least: usize,
    },
    /// A target from which nothing can be learnt.
    #[error("nothing to predict: every row of `{column}` is {value}")]
    ConstantTarget {
        /// The target.
        column: String,
        /// Its value.
        value: String,
    },
    /// Most targets are missing.
    #[error(
        "{missing} of {rows} rows have no value in the target `{column}`; is it the right column? --drop-missing-target drops \
         those rows"
    )]
    MissingTarget {
        /// The target.
        column: String,
        /// Rows without one.
        missing: usize,
        /// All rows.
        rows: usize,
    },
    /// A target that is not what the task needs.
    #[error("{place}the target `{column}` has the value {value}; {remedy}")]
    Target {
        /// `line 7: ` or nothing.
        place: String,
        /// The target.
        column: String,
        /// The value.
        value: String,
        /// What to do.
        remedy: String,
    },
    /// Anything else that does not go together; the message says what would.
    #[error("{0}")]
    Unfit(String),
    /// The fit was given up.
    #[error("the fit was stopped")]
    Stopped,
    /// A model file that cannot be read.
    #[error("this is no model that can be read: {0}")]
    Model(String),
}

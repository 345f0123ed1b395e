//! What can go wrong, with the value that did.

use thiserror::Error;

/// An input that no trees can be grown on, or bytes that are no model.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// Nothing to learn from.
    #[error("at least one {what} is needed")]
    Empty {
        /// What there is none of.
        what: &'static str,
    },
    /// More of something than indices can name.
    #[error("at most {limit} {what} are possible, but there are {found}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many are possible.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// Two arrays that belong together differ in length.
    #[error("{what} must have {expected} entries, but has {found}")]
    Shape {
        /// The array that is wrong.
        what: &'static str,
        /// The length that it must have.
        expected: usize,
        /// The length that it has.
        found: usize,
    },
    /// A target that the loss is not defined for.
    #[error("the target of row {row} must be {needs}, but is {value}")]
    Target {
        /// The row.
        row: usize,
        /// Its target.
        value: f64,
        /// What the loss needs.
        needs: &'static str,
    },
    /// A weight that is negative or not finite, or weights that are all zero.
    #[error("the weight of row {row} must be finite and at least 0, and not 0 in all rows, but is {value}")]
    Weight {
        /// The row.
        row: usize,
        /// Its weight.
        value: f64,
    },
    /// A row that does not exist, or that is named twice.
    #[error("row {row} is named in `{what}`, but rows must be below {rows} and named once")]
    Row {
        /// Rows of training or of validation.
        what: &'static str,
        /// The row.
        row: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// A category's code that f32 does not hold exactly.
    #[error("codes of categories must be below {limit}, but row {row} of column {column} has {code}")]
    Code {
        /// The column.
        column: usize,
        /// The row.
        row: usize,
        /// The code.
        code: u32,
        /// The first code that is too large.
        limit: u32,
    },
    /// A setting outside of its domain.
    #[error("`{name}` must be {needs}, but is {value}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// Its domain.
        needs: &'static str,
    },
    /// A constraint on a column whose values have no order.
    #[error("column {column} has categories, which have no order: it cannot be monotone")]
    MonotoneCategory {
        /// The column.
        column: usize,
    },
    /// Scores that left the range of numbers.
    #[error("the scores are no longer finite in round {round}: a smaller learning rate may help")]
    Diverged {
        /// The round, from 0.
        round: usize,
    },
    /// Threads that could not be started.
    #[error("{threads} threads could not be started: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        reason: String,
    },
    /// Bytes that are no model.
    #[error(transparent)]
    Bytes(#[from] BytesError),
}

/// Why bytes are no model that this version reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BytesError {
    /// Another kind of file.
    #[error("these bytes are no model of trees: they must begin with `LCTREE`")]
    Foreign,
    /// A model that another version wrote.
    #[error("the model has format {found}, but this version reads format {readable}")]
    Version {
        /// The format of the bytes.
        found: u16,
        /// The format that can be read.
        readable: u16,
    },
    /// Bytes that end too early, go on too long or were changed.
    #[error("the model is damaged: {what} at byte {at}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
        /// Where it was found.
        at: usize,
    },
}

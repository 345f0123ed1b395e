//! What can go wrong, with the value that did.

use thiserror::Error;

/// An input that no Gaussian process can be made of, or a matrix that could not be factorised.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GpError {
    /// No observation at all.
    #[error("at least one observation is needed")]
    Empty,
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
    /// NaN or infinity where a number is needed.
    #[error("{what} must be finite, but entry {index} is {value}")]
    NotFinite {
        /// The array that holds the value.
        what: &'static str,
        /// Where in the array.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A hyperparameter outside its domain.
    #[error("{what} must be positive and finite, but is {value}")]
    Hyperparameter {
        /// Its name.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The columns of one block must be active together.
    #[error(
        "column {column} must be active exactly where the other columns of block {block} are, but row {row} differs"
    )]
    BlockActivity {
        /// The block.
        block: usize,
        /// The column that disagrees.
        column: usize,
        /// The row where it does.
        row: usize,
    },
    /// The kernel matrix stayed indefinite up to the last jitter tried.
    #[error(
        "the {rows} x {rows} kernel matrix is not positive definite, even with {jitter:e} of its mean diagonal added"
    )]
    NotPositiveDefinite {
        /// The size of the matrix.
        rows: usize,
        /// The largest relative jitter tried.
        jitter: f64,
    },
}

/// Checks that every entry of `values` is finite.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<(), GpError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(GpError::NotFinite { what, index, value: values[index] }),
        None => Ok(()),
    }
}

/// Checks a length.
pub(crate) fn length(what: &'static str, expected: usize, found: usize) -> Result<(), GpError> {
    if expected == found { Ok(()) } else { Err(GpError::Shape { what, expected, found }) }
}

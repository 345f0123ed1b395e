//! A feature as it comes in.

use crate::TreeError;

/// The code of a missing category.
pub const MISSING: u32 = u32::MAX;

/// Codes below this one are exact as f32, which rows of a prediction hold.
pub(crate) const CODE_LIMIT: u32 = 1 << 24;

/// One feature of all rows.
#[derive(Debug, Clone, Copy)]
pub enum Column<'a> {
    /// Numbers; NaN is missing, infinities are beyond every threshold.
    Number(&'a [f32]),
    /// Codes of categories, which have no order; [`MISSING`] is missing. Codes are below 2²⁴.
    Category(&'a [u32]),
}

impl Column<'_> {
    /// How many rows the column has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Category(codes) => codes.len(),
        }
    }

    /// Whether the column has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cell as predictions take it: codes as numbers, NaN for missing.
    pub(crate) fn value(&self, row: usize) -> f32 {
        match self {
            Self::Number(values) => values[row],
            Self::Category(codes) if codes[row] == MISSING => f32::NAN,
            // Codes from 2²⁴ on are unseen, and so are their neighbours as f32.
            Self::Category(codes) => codes[row] as f32,
        }
    }

    /// Refuses columns of different lengths, and codes that f32 does not hold.
    pub(crate) fn check(columns: &[Self], rows: usize) -> Result<(), TreeError> {
        for (column, cells) in columns.iter().enumerate() {
            if cells.len() != rows {
                return Err(TreeError::Shape { what: "every column", expected: rows, found: cells.len() });
            }
            let Self::Category(codes) = cells else { continue };
            let is_large = |code: &u32| *code >= CODE_LIMIT && *code != MISSING;
            if let Some(row) = codes.iter().position(is_large) {
                return Err(TreeError::Code { column, row, code: codes[row], limit: CODE_LIMIT });
            }
        }
        Ok(())
    }
}

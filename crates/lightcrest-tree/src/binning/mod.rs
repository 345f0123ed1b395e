//! Values as bins, at most 256 a feature: bytes.
//!
//! Bins know features only, no targets, so that one binning serves every fold and trial.

mod category;
mod number;

use crate::{Column, TreeError};

pub(crate) use category::CategoryBins;
pub(crate) use number::NumberBins;

/// How values become bins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinningConfig {
    /// Bins of a feature at most, in 2..=255; missing values have one of their own beside them.
    pub max_bins: usize,
    /// Rows of a bin, and of a level of categories, at least; rarer levels are one bin, with the unseen ones.
    pub min_rows_in_bin: usize,
    /// Edges are chosen on this many rows at most, evenly spaced.
    pub sample_rows: usize,
}

impl Default for BinningConfig {
    fn default() -> Self {
        Self { max_bins: 255, min_rows_in_bin: 3, sample_rows: 200_000 }
    }
}

impl BinningConfig {
    pub(crate) fn check(&self) -> Result<(), TreeError> {
        if (2..=255).contains(&self.max_bins) {
            return Ok(());
        }
        Err(TreeError::Setting { name: "max_bins", value: self.max_bins as f64, needs: "in 2..=255" })
    }
}

/// The bins of one feature. The last bin is for what has none of its own: missing numbers, rare and unseen
/// categories.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FeatureBins {
    /// Numbers, in order.
    Number(NumberBins),
    /// Categories, the most frequent first.
    Category(CategoryBins),
}

impl FeatureBins {
    pub(crate) fn new(column: &Column<'_>, config: &BinningConfig) -> Self {
        match column {
            Column::Number(values) => Self::Number(NumberBins::new(values, config)),
            Column::Category(codes) => Self::Category(CategoryBins::new(codes, config)),
        }
    }

    /// Bins beside the last one.
    pub(crate) fn values(&self) -> usize {
        match self {
            Self::Number(bins) => bins.values(),
            Self::Category(bins) => bins.levels(),
        }
    }

    /// The bin of each row.
    pub(crate) fn assign(&self, column: &Column<'_>, mut put: impl FnMut(usize, u8)) {
        match (self, column) {
            (Self::Number(bins), Column::Number(values)) => {
                for (row, &value) in values.iter().enumerate() {
                    put(row, bins.bin(value));
                }
            }
            (Self::Category(bins), Column::Category(codes)) => {
                for (row, &code) in codes.iter().enumerate() {
                    put(row, bins.bin(code));
                }
            }
            _ => unreachable!("bins are made of the column that they are assigned to"),
        }
    }
}

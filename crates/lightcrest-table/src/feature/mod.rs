//! From columns to what an algorithm is given.
//!
//! What is learnt from targets (means by level, words of texts) is learnt from the rows of one training
//! alone, and never from those that judge it. Means are cross-fitted: a row is told what other rows of its
//! level had, not itself. What does without targets (bins, the levels that are kept, the first date) may be
//! found on all rows but the test part.

mod prepare;
mod step;
mod text;

pub use prepare::{Encoding, Fit, Preparer};
pub use step::Step;

use crate::table::MISSING;

/// What an algorithm is given: columns of equal length.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    /// The columns.
    pub features: Vec<Feature>,
    /// The position of the table's column that each feature is made of.
    pub sources: Vec<usize>,
    /// How many rows there are.
    pub rows: usize,
}

/// One column of a [`Matrix`].
#[derive(Debug, Clone)]
pub enum Feature {
    /// Numbers; NaN is missing.
    Number(Vec<f32>),
    /// Levels by number; [`MISSING`] is missing.
    Codes(Vec<u32>),
}

impl Matrix {
    /// The features of one row: codes as numbers, NaN is missing.
    ///
    /// # Panics
    /// When `cells` has not as many places as there are features.
    pub fn row(&self, row: usize, cells: &mut [f32]) {
        assert_eq!(cells.len(), self.features.len(), "a place for each feature");
        for (cell, feature) in cells.iter_mut().zip(&self.features) {
            *cell = match feature {
                Feature::Number(values) => values[row],
                Feature::Codes(codes) if codes[row] == MISSING => f32::NAN,
                Feature::Codes(codes) => codes[row] as f32,
            };
        }
    }

    /// As the trees take it.
    pub fn columns(&self) -> Vec<lightcrest_tree::Column<'_>> {
        let columns = self.features.iter().map(|feature| match feature {
            Feature::Number(values) => lightcrest_tree::Column::Number(values),
            Feature::Codes(codes) => lightcrest_tree::Column::Category(codes),
        });
        columns.collect()
    }
}

#[cfg(test)]
mod tests;

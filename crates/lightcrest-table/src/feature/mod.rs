//! From columns to what an algorithm is given.
//!
//! Everything that is learnt on the way (the levels that are kept, means of the target, words of texts, the
//! first date) is learnt from the rows of one training alone, and never from those that judge it. Means of
//! the target are cross-fitted: a row is told what other rows of its level had, not itself.

mod prepare;
mod step;
mod text;

pub use prepare::{Encoding, Fit, Preparer};
pub use step::Step;

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
    /// Levels by number; [`MISSING`](crate::table::MISSING) is missing.
    Codes(Vec<u32>),
}

impl Matrix {
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

//! Predictions, one row at a time or many.

use super::Model;
use super::walk::Cells;
use crate::{Column, TreeError};

impl Model {
    /// Predictions of one row, K of them: probabilities for classes, of the second class for two.
    ///
    /// Codes of categories are numbers; NaN is missing in both kinds; codes that were not seen in training
    /// are unseen levels. The bits are those of [`Model::predict`].
    ///
    /// # Panics
    /// When the row has not as many cells as there are columns.
    #[must_use]
    pub fn predict_row(&self, row: &[f32]) -> Vec<f64> {
        let mut scores = self.score_row(row);
        self.link.apply(&mut scores);
        scores
    }

    /// Raw scores of one row, K of them, before the link.
    ///
    /// # Panics
    /// When the row has not as many cells as there are columns.
    #[must_use]
    pub fn score_row(&self, row: &[f32]) -> Vec<f64> {
        assert_eq!(row.len(), self.columns, "a row must have as many cells as the model has columns");
        let mut sums = vec![0.0_f32; self.outputs()];
        let mut cells = Cells::default();
        self.walk.read(self, |column| row[column], &mut cells);
        self.walk.add(&mut cells, &mut sums);
        self.base.iter().zip(sums).map(|(base, sum)| base + f64::from(sum)).collect()
    }

    /// Predictions of all rows of some columns, n x K, row by row.
    ///
    /// # Errors
    /// Another number of columns than in training, or columns of different lengths. A column of numbers may
    /// hold codes.
    pub fn predict(&self, columns: &[Column<'_>]) -> Result<Vec<f64>, TreeError> {
        let mut scores = self.score(columns)?;
        scores.chunks_exact_mut(self.outputs()).for_each(|row| self.link.apply(row));
        Ok(scores)
    }

    /// Raw scores of all rows of some columns, n x K, row by row.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn score(&self, columns: &[Column<'_>]) -> Result<Vec<f64>, TreeError> {
        if columns.len() != self.columns {
            let (expected, found) = (self.columns, columns.len());
            return Err(TreeError::Shape { what: "the list of columns", expected, found });
        }
        let rows = columns.first().map_or(0, Column::len);
        if let Some(column) = columns.iter().find(|column| column.len() != rows) {
            return Err(TreeError::Shape { what: "every column", expected: rows, found: column.len() });
        }
        let outputs = self.outputs();
        let mut scores = Vec::with_capacity(rows * outputs);
        let mut cells = Cells::default();
        let mut sums = vec![0.0_f32; outputs];
        for row in 0..rows {
            self.walk.read(self, |column| columns[column].value(row), &mut cells);
            sums.fill(0.0);
            self.walk.add(&mut cells, &mut sums);
            scores.extend(self.base.iter().zip(&sums).map(|(base, sum)| base + f64::from(*sum)));
        }
        Ok(scores)
    }
}

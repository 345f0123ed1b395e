//! Predictions, one row at a time or many.

use super::{IS_CATEGORY, MISSING_LEFT, Model, Packed, Tree, leaf};
use crate::{Column, TreeError};

/// Rows that go through a tree together, while it is in the cache.
const BLOCK: usize = 64;

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
        let outputs = self.outputs();
        if outputs == 1 {
            let sum: f32 = self.trees.iter().map(|tree| self.leaf_of(tree, row)).sum();
            return vec![self.base[0] + f64::from(sum)];
        }
        let mut sums = vec![0.0_f32; outputs];
        for round in self.trees.chunks_exact(outputs) {
            for (sum, tree) in sums.iter_mut().zip(round) {
                *sum += self.leaf_of(tree, row);
            }
        }
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
        let used = self.used_columns();
        let outputs = self.outputs();
        let mut scores: Vec<f64> = self.base.iter().copied().cycle().take(rows * outputs).collect();
        let mut cells = vec![f32::NAN; BLOCK * self.columns];
        let mut sums = vec![0.0_f32; BLOCK * outputs];
        for first in (0..rows).step_by(BLOCK) {
            let block = BLOCK.min(rows - first);
            for &column in &used {
                for row in 0..block {
                    cells[row * self.columns + column] = columns[column].value(first + row);
                }
            }
            self.add_block(&cells[..block * self.columns], &mut sums[..block * outputs]);
            let scores = &mut scores[first * outputs..(first + block) * outputs];
            scores.iter_mut().zip(&sums).for_each(|(score, sum)| *score += f64::from(*sum));
        }
        Ok(scores)
    }

    /// The sums of the trees over rows of cells.
    fn add_block(&self, cells: &[f32], sums: &mut [f32]) {
        let outputs = self.outputs();
        sums.fill(0.0);
        for (at, tree) in self.trees.iter().enumerate() {
            let rows = cells.chunks_exact(self.columns);
            for (row, sums) in rows.zip(sums.chunks_exact_mut(outputs)) {
                sums[at % outputs] += self.leaf_of(tree, row);
            }
        }
    }

    /// The value of the leaf that a row falls into.
    fn leaf_of(&self, tree: &Tree, row: &[f32]) -> f32 {
        if tree.branches.is_empty() {
            return tree.leaves[0];
        }
        let mut at = 0;
        loop {
            let branch = &tree.branches[at];
            let child =
                branch.children[usize::from(!self.goes_left(branch, row[usize::from(branch.column)]))];
            match usize::try_from(child) {
                Ok(branch) => at = branch,
                Err(_) => return tree.leaves[leaf(child)],
            }
        }
    }

    fn goes_left(&self, branch: &Packed, value: f32) -> bool {
        if branch.flags & IS_CATEGORY != 0 {
            let set = &self.sets[branch.threshold.to_bits() as usize];
            return set.contains(self.categories[set.categories].bins.bin_of_value(value));
        }
        value <= branch.threshold || (value.is_nan() && branch.flags & MISSING_LEFT != 0)
    }
}

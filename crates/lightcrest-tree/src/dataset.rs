//! Features as bins, made once and shared by every trial and fold.
//!
//! Bins lie in groups of [`GROUP`] features, row by row in a group: the histograms of a group fit into the
//! first-level cache, and one cache line serves a row in all of them.

use rayon::prelude::*;

use crate::binning::FeatureBins;
use crate::{BinningConfig, Column, TreeError};

/// Features of a group.
pub(crate) const GROUP: usize = 8;

/// Rows are counted in 24 bits of a histogram's cell.
pub(crate) const ROW_LIMIT: usize = (1 << 24) - 1;

/// Columns are named by 16 bits of a node.
const COLUMN_LIMIT: usize = 1 << 16;

/// The bins of all features that are not constant.
#[derive(Debug)]
pub struct Dataset {
    rows: usize,
    features: Vec<FeatureBins>,
    slots: Vec<Slot>,
    groups: Vec<Group>,
    cells: usize,
}

/// A feature that can be split.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// The column.
    pub(crate) feature: usize,
    /// Its bins beside the last one.
    pub(crate) values: usize,
    /// Where its cells begin in a histogram.
    pub(crate) offset: usize,
}

/// Up to [`GROUP`] slots, their bins row by row.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) first: usize,
    pub(crate) width: usize,
    pub(crate) bins: Vec<u8>,
}

impl Dataset {
    /// Bins columns, in parallel on the threads of the pool that it is called in.
    ///
    /// # Errors
    /// No columns or no rows, columns of different lengths, codes of categories from 2²⁴ on, too many rows
    /// (2²⁴ - 1 are possible) or columns (65536).
    pub fn new(columns: &[Column<'_>], config: &BinningConfig) -> Result<Self, TreeError> {
        config.check()?;
        let rows = columns.first().ok_or(TreeError::Empty { what: "column" })?.len();
        if rows == 0 {
            return Err(TreeError::Empty { what: "row" });
        }
        for (what, limit, found) in [("rows", ROW_LIMIT, rows), ("columns", COLUMN_LIMIT, columns.len())] {
            if found > limit {
                return Err(TreeError::TooMany { what, limit, found });
            }
        }
        Column::check(columns, rows)?;
        let features: Vec<FeatureBins> =
            columns.par_iter().map(|column| FeatureBins::new(column, config)).collect();
        let (slots, cells) = slots(columns, &features);
        let groups = (0..slots.len())
            .step_by(GROUP)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|first| Group::new(columns, &features, &slots, first))
            .collect();
        Ok(Self { rows, features, slots, groups, cells })
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.features.len()
    }

    /// Bytes of the bins, for those who plan memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows * self.slots.len()
    }

    /// Bytes of one histogram: training holds at most one a leaf, and at most about 256 MB of them.
    #[must_use]
    pub fn histogram_bytes(&self) -> usize {
        self.cells * size_of::<crate::histogram::Cell>()
    }

    pub(crate) fn is_category(&self, column: usize) -> bool {
        matches!(self.features[column], FeatureBins::Category(_))
    }

    pub(crate) fn features(&self) -> &[FeatureBins] {
        &self.features
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Cells of a histogram of all slots.
    pub(crate) fn cells(&self) -> usize {
        self.cells
    }

    /// The bins of a slot: those of row r are at `r * width + offset`.
    pub(crate) fn strided(&self, slot: usize) -> (&[u8], usize, usize) {
        let group = &self.groups[slot / GROUP];
        (&group.bins, group.width, slot % GROUP)
    }
}

/// Features whose rows are not all in one bin.
fn slots(columns: &[Column<'_>], features: &[FeatureBins]) -> (Vec<Slot>, usize) {
    let varies: Vec<bool> = columns
        .par_iter()
        .zip(features)
        .map(|(column, bins)| {
            let mut seen = [false; 256];
            bins.assign(column, |_, bin| seen[usize::from(bin)] = true);
            seen.iter().filter(|seen| **seen).count() > 1
        })
        .collect();
    let (mut slots, mut offset) = (Vec::new(), 0);
    for feature in (0..features.len()).filter(|feature| varies[*feature]) {
        let values = features[feature].values();
        slots.push(Slot { feature, values, offset });
        offset += values + 1;
    }
    (slots, offset)
}

impl Group {
    fn new(columns: &[Column<'_>], features: &[FeatureBins], slots: &[Slot], first: usize) -> Self {
        let slots = &slots[first..slots.len().min(first + GROUP)];
        let width = slots.len();
        let mut bins = vec![0; columns[0].len() * width];
        for (at, slot) in slots.iter().enumerate() {
            features[slot.feature].assign(&columns[slot.feature], |row, bin| bins[row * width + at] = bin);
        }
        Self { first, width, bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MISSING;

    #[test]
    fn constant_columns_have_no_slot_and_groups_hold_the_bins_of_rows() {
        let numbers: Vec<f32> = (0..30).map(|row| (row % 3) as f32).collect();
        let constant = [1.0; 30];
        let codes: Vec<u32> = (0..30).map(|row| if row % 2 == 0 { 7 } else { MISSING }).collect();
        let mut columns = vec![Column::Number(&constant), Column::Category(&codes)];
        columns.extend(vec![Column::Number(&numbers); 9]);
        let data = Dataset::new(&columns, &BinningConfig::default()).unwrap();
        assert_eq!(data.slots().len(), 10);
        assert_eq!(data.groups().iter().map(|group| group.width).collect::<Vec<_>>(), [8, 2]);
        let (bins, width, at) = data.strided(9);
        assert_eq!((0..30).map(|row| bins[row * width + at]).collect::<Vec<_>>()[..4], [0, 1, 2, 0]);
    }

    #[test]
    fn says_which_column_or_code_does_not_fit() {
        let (long, short) = ([1.0_f32; 3], [1.0_f32; 2]);
        let error = |columns: &[Column<'_>]| {
            Dataset::new(columns, &BinningConfig::default()).unwrap_err().to_string()
        };
        assert_eq!(error(&[]), "at least one column is needed");
        assert_eq!(error(&[Column::Number(&[])]), "at least one row is needed");
        assert_eq!(
            error(&[Column::Number(&long), Column::Number(&short)]),
            "every column must have 3 entries, but has 2"
        );
        assert_eq!(
            error(&[Column::Category(&[1, 1 << 24])]),
            "codes of categories must be below 16777216, but row 1 of column 0 has 16777216"
        );
    }
}

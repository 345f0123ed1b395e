//! How a row finds its leaves in small trees: cell by cell, not tree by tree (Lucchese et al. 2015,
//! *QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees*).
//!
//! Each tree has a set of leaves that a row may still fall into, a bit a leaf, the leftmost the lowest. A
//! branch whose question is answered with no takes the leaves of its left side away, and when all branches of
//! that answer have, the leftmost leaf that is left is the row's. The branches of all trees that ask for one
//! cell lie side by side, sorted by their thresholds, so that those with the answer no are the first ones:
//! one search, then one pass through memory, without a jump that depends on the row.
//!
//! Of that pass, most is done beforehand: what the first so many branches of a cell take away together, and
//! the first twice as many, and so on, is a set a tree, and those of all trees lie side by side, many in a
//! register. Only the branches behind the last such place are passed through one by one.
//!
//! With 8 to 32 leaves about half the branches answer no, and that is less work than to walk: each step of a
//! walk has to wait for the one before. Larger trees are walked (`walk`).

use std::collections::BTreeMap;

use super::walk::Cells;

/// Leaves of a tree at most: the bits of a set.
pub(super) const LEAVES: usize = u32::BITS as usize;

/// Branches that are passed through one by one in any case.
const FEWEST: usize = 8;

/// What a branch takes away.
#[derive(Debug, Clone, Copy)]
struct Mark {
    tree: u32,
    /// The leaves that are left of it.
    keeps: u32,
}

/// The branches that ask for one number.
#[derive(Debug, Clone)]
struct Number {
    cell: usize,
    /// Ascending, one a branch.
    thresholds: Vec<f32>,
    marks: Vec<Mark>,
    /// The leaves of each tree that the first 2^`shift` branches leave, then the first twice as many, and so
    /// on.
    together: Vec<u32>,
}

/// The branches that ask for one category.
#[derive(Debug, Clone)]
struct Category {
    cell: usize,
    /// The places of the sets of bins that go left, one a branch.
    sets: Vec<u32>,
    marks: Vec<Mark>,
}

/// Small trees of a model.
#[derive(Debug, Clone, Default)]
pub(super) struct Small {
    numbers: Vec<Number>,
    categories: Vec<Category>,
    /// Where the leaves of each tree begin, and what they are added to.
    trees: Vec<(u32, u32)>,
    leaves: Vec<f32>,
    /// Sets are kept together after every 2^shift branches of a cell, which is for memory to grow with the
    /// branches.
    shift: u32,
}

/// A branch of a small tree.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// Numbers up to the threshold go left.
    Number(f32),
    /// Bins of the set go left.
    Category(u32),
}

/// Collects small trees.
#[derive(Debug, Default)]
pub(super) struct Collector {
    small: Small,
    numbers: BTreeMap<usize, Vec<(f32, Mark)>>,
    categories: BTreeMap<usize, Vec<(u32, Mark)>>,
}

impl Collector {
    /// Begins a tree of an output, of leaves from left to right.
    pub(super) fn tree(&mut self, output: u32, leaves: impl Iterator<Item = f32>) {
        let first = u32::try_from(self.small.leaves.len()).expect("fewer than 2^32 leaves");
        self.small.trees.push((first, output));
        self.small.leaves.extend(leaves);
    }

    /// Adds a branch of that tree: the cell that it asks for, and which leaves are on its left side.
    pub(super) fn branch(&mut self, cell: u32, question: Question, left: std::ops::Range<u32>) {
        let tree = u32::try_from(self.small.trees.len() - 1).expect("fewer than 2^32 trees");
        // At least one leaf is on the right, so that no shift is by all bits.
        let left = ((1u32 << (left.end - left.start)) - 1) << left.start;
        let mark = Mark { tree, keeps: !left };
        match question {
            Question::Number(threshold) => {
                self.numbers.entry(cell as usize).or_default().push((threshold, mark));
            }
            Question::Category(set) => self.categories.entry(cell as usize).or_default().push((set, mark)),
        }
    }

    pub(super) fn finish(mut self) -> Small {
        let trees = self.small.trees.len();
        self.small.shift = (trees / 6).max(FEWEST).next_power_of_two().trailing_zeros();
        let stride = 1 << self.small.shift;
        for (cell, mut branches) in self.numbers {
            branches.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            let (thresholds, marks): (Vec<f32>, Vec<Mark>) = branches.into_iter().unzip();
            let (mut left, mut together) = (vec![u32::MAX; trees], Vec::new());
            for marks in marks.chunks_exact(stride) {
                marks.iter().for_each(|mark| left[mark.tree as usize] &= mark.keeps);
                together.extend_from_slice(&left);
            }
            self.small.numbers.push(Number { cell, thresholds, marks, together });
        }
        for (cell, branches) in self.categories {
            let (sets, marks) = branches.into_iter().unzip();
            self.small.categories.push(Category { cell, sets, marks });
        }
        self.small
    }
}

impl Small {
    /// Adds the leaves that a row falls into to the sums of their outputs; `sets` are those of bins.
    pub(super) fn add(&self, cells: &mut Cells, sets: &[[u32; 8]], sums: &mut [f32]) {
        let Cells { values, bins, left } = cells;
        left.clear();
        left.resize(self.trees.len(), u32::MAX);
        for Number { cell, thresholds, marks, together } in &self.numbers {
            let value = values[*cell];
            // NaN is not below any threshold.
            let no = match value.is_nan() {
                true => marks.len(),
                false => thresholds.partition_point(|threshold| *threshold < value),
            };
            let passed = no >> self.shift;
            if passed > 0 {
                let keeps = &together[(passed - 1) * left.len()..];
                left.iter_mut().zip(keeps).for_each(|(left, keeps)| *left &= keeps);
            }
            for mark in &marks[passed << self.shift..no] {
                left[mark.tree as usize] &= mark.keeps;
            }
        }
        for Category { cell, sets: asked, marks } in &self.categories {
            let bin = bins[*cell];
            for (set, mark) in asked.iter().zip(marks) {
                let is_left = sets[*set as usize][usize::from(bin / 32)] >> (bin % 32) & 1;
                left[mark.tree as usize] &= mark.keeps | is_left.wrapping_neg();
            }
        }
        for (left, (first, output)) in left.iter().zip(&self.trees) {
            sums[*output as usize] += self.leaves[(first + left.trailing_zeros()) as usize];
        }
    }
}

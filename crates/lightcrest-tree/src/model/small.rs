//! How a row finds its leaves in small trees: cell by cell, not tree by tree (Lucchese et al. 2015,
//! *QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees*).
//!
//! Each tree has a set of leaves that a row may still fall into, a bit a leaf, the leftmost the lowest. A
//! branch whose question is answered with no takes the leaves of its left side away, and when all branches of
//! that answer have, the leftmost leaf that is left is the row's. The branches of all trees that ask for one
//! cell lie side by side, sorted by their thresholds, so that those with the answer no are the first ones:
//! one search, then one pass through memory, without a jump that depends on the row.
//!
//! With 8 to 32 leaves about half the branches answer no, and that is less work than to walk: each step of a
//! walk has to wait for the one before. Larger trees are walked (`walk`).

use std::collections::BTreeMap;

use super::walk::Cells;

/// Leaves of a tree at most: the bits of a set.
pub(super) const LEAVES: usize = u32::BITS as usize;

/// What a branch takes away.
#[derive(Debug, Clone, Copy)]
struct Mark {
    tree: u32,
    /// The leaves that are left of it.
    keeps: u32,
}

/// The branches that ask for one cell.
#[derive(Debug, Clone)]
struct Asked {
    cell: usize,
    /// Of numbers, ascending.
    thresholds: Vec<f32>,
    /// Of categories, the places of the sets of bins that go left.
    sets: Vec<u32>,
    /// One a branch.
    marks: Vec<Mark>,
}

/// Small trees of a model.
#[derive(Debug, Clone, Default)]
pub(super) struct Small {
    asked: Vec<Asked>,
    /// Where the leaves of each tree begin, and what they are added to.
    trees: Vec<(u32, u32)>,
    leaves: Vec<f32>,
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
        for (cell, mut branches) in self.numbers {
            branches.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            let (thresholds, marks) = branches.into_iter().unzip();
            self.small.asked.push(Asked { cell, thresholds, sets: Vec::new(), marks });
        }
        for (cell, branches) in self.categories {
            let (sets, marks) = branches.into_iter().unzip();
            self.small.asked.push(Asked { cell, thresholds: Vec::new(), sets, marks });
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
        for Asked { cell, thresholds, sets: asked, marks } in &self.asked {
            if asked.is_empty() {
                let value = values[*cell];
                // NaN is not below any threshold.
                let no = match value.is_nan() {
                    true => marks.len(),
                    false => thresholds.partition_point(|threshold| *threshold < value),
                };
                for mark in &marks[..no] {
                    left[mark.tree as usize] &= mark.keeps;
                }
                continue;
            }
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

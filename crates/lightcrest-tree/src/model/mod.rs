//! What was learned: trees on values, in a compact layout.
//!
//! A branch has 12 bytes: where the row goes, and on what. Leaves are f32 on a grid (`grid`), so that their
//! sums are exact in f32 and in any order; the base, which may be much larger, is f64 beside them. In a file
//! (`bytes`) a branch with its leaf takes about 7 bytes.

mod build;
mod bytes;
mod grid;
mod predict;
mod small;
mod walk;

use crate::Link;
use crate::binning::CategoryBins;

pub(crate) use build::Builder;
use walk::Walk;

/// Trees that predict, with one row of features in and K numbers out.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    link: Link,
    columns: usize,
    /// One an output.
    base: Vec<f64>,
    /// Leaves are multiples of it; a power of two.
    unit: f64,
    /// Round by round, the outputs of a round in their order.
    trees: Vec<Tree>,
    /// Those of all trees, one after the other, so that a row walks through one piece of memory.
    branches: Vec<Packed>,
    leaves: Vec<f32>,
    sets: Vec<Set>,
    categories: Vec<Categories>,
    /// One a column.
    gains: Vec<f32>,
    /// Made of the trees when all are there.
    walk: Walk,
}

/// The bins of a column of categories.
#[derive(Debug, Clone, PartialEq)]
struct Categories {
    column: usize,
    bins: CategoryBins,
}

/// Which bins of a column of categories go left.
#[derive(Debug, Clone, PartialEq)]
struct Set {
    bins: [u64; 4],
}

/// One tree: where its branches, from the root on, and its leaves lie among those of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    first_branch: u32,
    branches: u16,
    first_leaf: u32,
}

/// A branch in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Packed {
    /// Values up to it go left; for categories, the bits are the place of a [`Set`].
    threshold: f32,
    column: u16,
    flags: u16,
    /// Branches from 0 on, leaves from -1 down.
    children: [i16; 2],
}

const MISSING_LEFT: u16 = 1;
const IS_CATEGORY: u16 = 2;

/// What a row is asked at a branch, as others read it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Branch<'a> {
    /// Numbers up to the threshold go left, larger ones right.
    Number {
        /// The column.
        column: usize,
        /// The largest number that goes left; +∞ where only missing ones go right.
        threshold: f32,
        /// Whether missing numbers go left.
        missing_left: bool,
    },
    /// Levels whose bins are in the set go left.
    Category {
        /// The column.
        column: usize,
        /// Whether each bin goes left, 256 bits from the lowest on; [`Model::category_bins`] has the bins.
        bins: &'a [u64; 4],
    },
}

/// Where a branch leads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// To another branch of the tree, by its place; always after the branch that leads there.
    Branch(usize),
    /// To a leaf, with its value.
    Leaf(f32),
}

/// How much a column is worth to a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Importance {
    /// The sum of the gains of its splits.
    pub gain: f32,
    /// How many branches ask for it.
    pub splits: usize,
}

impl Model {
    /// Columns of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Numbers that are predicted for a row, K: one, or one a class of several.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    /// How raw scores become predictions.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link
    }

    /// What is added to the sum of the trees, one an output.
    #[must_use]
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// All trees; tree t belongs to output t mod K.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// What a branch of a tree asks, and where its left and right side lead.
    #[must_use]
    pub fn branch(&self, tree: &Tree, branch: usize) -> (Branch<'_>, [Step; 2]) {
        let packed = &self.branches_of(tree)[branch];
        let column = usize::from(packed.column);
        let asked = if packed.flags & IS_CATEGORY == 0 {
            let missing_left = packed.flags & MISSING_LEFT != 0;
            Branch::Number { column, threshold: packed.threshold, missing_left }
        } else {
            Branch::Category { column, bins: &self.sets[packed.threshold.to_bits() as usize].bins }
        };
        (asked, packed.children.map(|child| self.step(tree, child)))
    }

    /// The bin of each code of a column of categories from 0 on, that of missing ones, and that of all
    /// others; nothing for numbers, and for columns that no branch asks for.
    #[must_use]
    pub fn category_bins(&self, column: usize) -> Option<(&[u8], u8, u8)> {
        let found = self.categories.iter().find(|categories| categories.column == column)?;
        let other = u8::try_from(found.bins.levels()).expect("at most 254 levels");
        Some((found.bins.codes(), found.bins.missing(), other))
    }

    /// How much each column is worth.
    #[must_use]
    pub fn importance(&self) -> Vec<Importance> {
        let mut found: Vec<Importance> =
            self.gains.iter().map(|&gain| Importance { gain, splits: 0 }).collect();
        for branch in &self.branches {
            found[usize::from(branch.column)].splits += 1;
        }
        found
    }

    /// The columns that any branch asks for.
    #[must_use]
    pub fn used_columns(&self) -> Vec<usize> {
        let importance = self.importance();
        (0..self.columns).filter(|column| importance[*column].splits > 0).collect()
    }
}

impl Model {
    fn branches_of(&self, tree: &Tree) -> &[Packed] {
        &self.branches[tree.first_branch as usize..][..usize::from(tree.branches)]
    }

    /// The values of a tree's leaves; a tree without branches has one.
    #[must_use]
    pub fn leaves(&self, tree: &Tree) -> &[f32] {
        &self.leaves[tree.first_leaf as usize..][..usize::from(tree.branches) + 1]
    }

    fn step(&self, tree: &Tree, child: i16) -> Step {
        match usize::try_from(child) {
            Ok(branch) => Step::Branch(branch),
            Err(_) => Step::Leaf(self.leaves(tree)[leaf(child)]),
        }
    }
}

impl Tree {
    /// How many branches there are; the first is the root.
    #[must_use]
    pub fn branches(&self) -> usize {
        usize::from(self.branches)
    }
}

/// The leaf that a negative child names.
fn leaf(child: i16) -> usize {
    usize::from(!child as u16)
}

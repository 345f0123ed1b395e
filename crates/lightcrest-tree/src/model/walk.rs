//! How a row walks through trees that are not `small`: several of them in turns, without jumps that could be
//! mispredicted.
//!
//! Which side a row takes cannot be foreseen, so a processor that waits for it in one tree after the other
//! spends most of its time waiting. Here [`TOGETHER`] trees take their steps in turns, and each step is
//! arithmetic: the left side of a node is the next one, the right side lies `skip` further. A leaf is a node
//! that leads to itself, so that trees of different depths can be walked together; trees are sorted by depth,
//! and the sums of their leaves are exact in any order (`grid`).
//!
//! A node asks a cell of the row: a number twice, as it is (NaN is not below any threshold and goes right)
//! and with -∞ for NaN (goes left); for categories, the bin, which is looked up once a row.

use super::small::{Collector, LEAVES, Question, Small};
use super::{IS_CATEGORY, MISSING_LEFT, Model, Packed, leaf};

/// The number of each cell by its column and the flags of the branches that ask for it.
type Numbers = std::collections::HashMap<(usize, u16), u32>;

/// Trees that are walked together.
const TOGETHER: usize = 8;

/// A node, 16 bytes.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Numbers up to it go left; a leaf's value.
    threshold: f32,
    /// Which cell is asked; a leaf asks the first one, which is NaN.
    cell: u32,
    /// How far behind the right side is; 0 for leaves.
    skip: u32,
    /// Which bins go left; the first set is empty.
    set: u32,
}

/// What a cell holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Number { missing_left: bool },
    Category { place: usize },
}

/// Up to [`TOGETHER`] trees.
#[derive(Debug, Clone)]
struct Group {
    roots: [u32; TOGETHER],
    outputs: [u32; TOGETHER],
    trees: usize,
    depth: usize,
}

/// The trees of a model, as rows walk through them.
#[derive(Debug, Clone, Default)]
pub(super) struct Walk {
    /// Small trees, which are not walked.
    small: Small,
    nodes: Vec<Node>,
    groups: Vec<Group>,
    /// Column and kind of each cell from the second on.
    cells: Vec<(usize, Kind)>,
    sets: Vec<[u32; 8]>,
}

impl PartialEq for Walk {
    /// It follows from the trees, which are compared beside it.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Cells of a row.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub(super) values: Vec<f32>,
    pub(super) bins: Vec<u8>,
    /// The leaves of small trees that the row may fall into.
    pub(super) left: Vec<u32>,
}

impl Walk {
    pub(super) fn new(model: &Model) -> Self {
        let mut walk = Self { sets: vec![[0; 8]], ..Self::default() };
        walk.sets.extend(model.sets.iter().map(|set| {
            std::array::from_fn(|word| (set.bins[word / 2] >> (32 * (word % 2)) & 0xffff_ffff) as u32)
        }));
        let mut cells = Numbers::new();
        let mut trees: Vec<(usize, u32, u32)> = Vec::new();
        let mut small = Collector::default();
        for at in 0..model.trees.len() {
            let output = place(at % model.outputs());
            if model.branches_of(&model.trees[at]).len() < LEAVES {
                walk.collect(model, at, output, &mut cells, &mut small);
                continue;
            }
            let root = place(walk.nodes.len());
            let depth = walk.add_tree(model, at, &mut cells);
            trees.push((depth, root, output));
        }
        walk.small = small.finish();
        trees.sort_by_key(|(depth, ..)| *depth);
        walk.groups = trees.chunks(TOGETHER).map(Group::new).collect();
        walk
    }

    /// The cell that a branch asks for.
    fn cell(&mut self, model: &Model, branch: &Packed, cells: &mut Numbers) -> u32 {
        let column = usize::from(branch.column);
        *cells.entry((column, branch.flags)).or_insert_with(|| {
            let kind = if branch.flags & IS_CATEGORY != 0 {
                let of_column = model.categories.iter().position(|found| found.column == column);
                Kind::Category { place: of_column.expect("a set is of a column of categories") }
            } else {
                Kind::Number { missing_left: branch.flags & MISSING_LEFT != 0 }
            };
            self.cells.push((column, kind));
            place(self.cells.len())
        })
    }

    /// Hands a small tree over.
    fn collect(
        &mut self,
        model: &Model,
        tree: usize,
        output: u32,
        cells: &mut Numbers,
        small: &mut Collector,
    ) {
        let tree = &model.trees[tree];
        let (branches, values) = (model.branches_of(tree), model.leaves(tree));
        // Branches lie in pre-order: those behind know already how many leaves they have.
        let mut counts = vec![0u32; branches.len()];
        let count = |counts: &[u32], child: i16| usize::try_from(child).map_or(1, |branch| counts[branch]);
        for at in (0..branches.len()).rev() {
            counts[at] = branches[at].children.iter().map(|child| count(&counts, *child)).sum();
        }
        let (mut leaves, mut questions) = (Vec::with_capacity(branches.len() + 1), Vec::new());
        let mut stack = vec![if branches.is_empty() { -1 } else { 0 }];
        while let Some(child) = stack.pop() {
            let Ok(branch) = usize::try_from(child) else {
                leaves.push(values[leaf(child)]);
                continue;
            };
            let branch = &branches[branch];
            let first = place(leaves.len());
            questions.push((branch, first..first + count(&counts, branch.children[0])));
            stack.extend([branch.children[1], branch.children[0]]);
        }
        small.tree(output, leaves.into_iter());
        for (branch, left) in questions {
            let question = match branch.flags & IS_CATEGORY != 0 {
                true => Question::Category(branch.threshold.to_bits() + 1),
                false => Question::Number(branch.threshold),
            };
            small.branch(self.cell(model, branch, cells), question, left);
        }
    }

    /// Adds the nodes of a tree; returns its depth.
    fn add_tree(&mut self, model: &Model, tree: usize, cells: &mut Numbers) -> usize {
        let tree = &model.trees[tree];
        let (branches, leaves) = (model.branches_of(tree), model.leaves(tree));
        let mut stack: Vec<(i16, usize, Option<usize>)> =
            vec![(if branches.is_empty() { -1 } else { 0 }, 0, None)];
        let mut deepest = 0;
        while let Some((child, depth, right_of)) = stack.pop() {
            let at = self.nodes.len();
            if let Some(parent) = right_of {
                self.nodes[parent].skip = place(at - parent);
            }
            let Ok(branch) = usize::try_from(child) else {
                deepest = deepest.max(depth);
                self.nodes.push(Node { threshold: leaves[leaf(child)], cell: 0, skip: 0, set: 0 });
                continue;
            };
            let branch = &branches[branch];
            let is_category = branch.flags & IS_CATEGORY != 0;
            let cell = self.cell(model, branch, cells);
            let (threshold, set) =
                if is_category { (f32::NAN, branch.threshold.to_bits() + 1) } else { (branch.threshold, 0) };
            self.nodes.push(Node { threshold, cell, skip: 0, set });
            stack.push((branch.children[1], depth + 1, Some(at)));
            stack.push((branch.children[0], depth + 1, None));
        }
        deepest
    }

    /// Reads the cells of a row that trees ask for.
    pub(super) fn read(&self, model: &Model, row: impl Fn(usize) -> f32, cells: &mut Cells) {
        cells.values.clear();
        cells.bins.clear();
        cells.values.push(f32::NAN);
        cells.bins.push(0);
        for &(column, kind) in &self.cells {
            let value = row(column);
            let (value, bin) = match kind {
                Kind::Number { missing_left } if missing_left && value.is_nan() => (f32::NEG_INFINITY, 0),
                Kind::Number { .. } => (value, 0),
                Kind::Category { place } => (f32::NAN, model.categories[place].bins.bin_of_value(value)),
            };
            cells.values.push(value);
            cells.bins.push(bin);
        }
    }

    /// Adds the leaves that a row falls into to the sums of their outputs.
    pub(super) fn add(&self, cells: &mut Cells, sums: &mut [f32]) {
        self.small.add(cells, &self.sets, sums);
        let has_categories = self.sets.len() > 1;
        for group in &self.groups {
            let leaves = if has_categories {
                self.leaves::<true>(group, cells)
            } else {
                self.leaves::<false>(group, cells)
            };
            for lane in 0..group.trees {
                sums[group.outputs[lane] as usize] += leaves[lane];
            }
        }
    }

    fn leaves<const CATEGORIES: bool>(&self, group: &Group, cells: &Cells) -> [f32; TOGETHER] {
        let mut at = group.roots;
        for _ in 0..group.depth {
            let mut moved = 0;
            for at in &mut at {
                let node = &self.nodes[*at as usize];
                let cell = node.cell as usize;
                let mut is_left = u32::from(cells.values[cell] <= node.threshold);
                if CATEGORIES {
                    let bin = cells.bins[cell];
                    is_left |= self.sets[node.set as usize][usize::from(bin / 32)] >> (bin % 32) & 1;
                }
                // 1 on the left, `skip` on the right.
                *at += node.skip ^ ((node.skip ^ 1) & is_left.wrapping_neg());
                moved |= node.skip;
            }
            if moved == 0 {
                break;
            }
        }
        at.map(|at| self.nodes[at as usize].threshold)
    }
}

impl Group {
    fn new(trees: &[(usize, u32, u32)]) -> Self {
        // Places that are left over walk the first tree, and are not counted.
        let tree = |lane: usize| trees.get(lane).unwrap_or(&trees[0]);
        Self {
            roots: std::array::from_fn(|lane| tree(lane).1),
            outputs: std::array::from_fn(|lane| tree(lane).2),
            trees: trees.len(),
            depth: trees.iter().map(|(depth, ..)| *depth).max().unwrap_or(0),
        }
    }
}

fn place(length: usize) -> u32 {
    u32::try_from(length).expect("fewer than 2^32 nodes")
}

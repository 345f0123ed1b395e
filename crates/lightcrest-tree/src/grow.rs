//! Grows one tree, leaf by leaf: always the leaf whose split gains most (Ke et al. 2017).
//!
//! Rows lie contiguously by leaf and in their order; a split partitions a leaf's rows stably. Of two children
//! the smaller one's histogram is summed from its rows, and the larger one's is what remains of the parent's.
//! Histograms that do not fit into memory are dropped and summed again: integers give the same bits.

use crate::dataset::Dataset;
use crate::histogram::{Cell, Source, count, subtract, subtract_all};
use crate::sample::{self, mix};
use crate::split::{Bounds, Node, Penalty, Rule, Search, Split};
use crate::{Monotone, TrainConfig};

/// Bytes of the histograms that are kept.
const MEMORY: usize = 256 << 20;

/// What a branch leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Child {
    Branch(usize),
    Leaf(usize),
}

/// A split that was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GrownBranch {
    pub(crate) slot: usize,
    pub(crate) rule: Rule,
    pub(crate) gain: f64,
    pub(crate) children: [Child; 2],
}

/// A leaf: its value, its bounds and its rows.
#[derive(Debug, Clone)]
pub(crate) struct GrownLeaf {
    pub(crate) value: f64,
    pub(crate) bounds: Bounds,
    /// Of [`GrownTree::rows`].
    pub(crate) rows: std::ops::Range<usize>,
}

/// A tree on bins.
#[derive(Debug)]
pub(crate) struct GrownTree {
    pub(crate) branches: Vec<GrownBranch>,
    pub(crate) leaves: Vec<GrownLeaf>,
    /// The rows that it was grown on, by leaf.
    pub(crate) rows: Vec<u32>,
}

/// A leaf while the tree grows.
struct OpenLeaf {
    leaf: GrownLeaf,
    total: Cell,
    depth: usize,
    /// The branch and side that lead here.
    parent: Option<(usize, usize)>,
    is_open: Vec<bool>,
    histogram: Option<Vec<Cell>>,
    split: Option<Split>,
}

/// Grows trees of one training.
pub(crate) struct Grower<'a> {
    data: &'a Dataset,
    config: &'a TrainConfig,
    /// Buffers that trees share.
    free: Vec<Vec<Cell>>,
    /// Histograms of leaves that wait.
    kept: usize,
    ordered: Vec<Cell>,
    scratch: Vec<u32>,
}

impl<'a> Grower<'a> {
    pub(crate) fn new(data: &'a Dataset, config: &'a TrainConfig) -> Self {
        Self { data, config, free: Vec::new(), kept: 0, ordered: Vec::new(), scratch: Vec::new() }
    }

    /// A tree on `rows`, whose gradients are in `cells`.
    pub(crate) fn grow(
        &mut self,
        rows: Vec<u32>,
        cells: &[Cell],
        scale: crate::histogram::Scale,
        seed: u64,
    ) -> GrownTree {
        let all = vec![true; self.data.slots().len()];
        let is_used = sample::slots(&all, self.config.column_fraction, seed);
        let source = Source { data: self.data, cells, is_used: &is_used, threads: self.config.threads };
        let search = Search { data: self.data, config: self.config, scale };
        let mut tree = GrownTree { branches: Vec::new(), leaves: Vec::new(), rows };
        let mut open = vec![self.root(&source, &search, &tree.rows, seed)];
        while open.len() < self.config.leaves {
            let Some(at) = best_leaf(&open) else { break };
            let is_last = open.len() + 1 == self.config.leaves;
            let parent = std::mem::replace(&mut open[at], self.placeholder());
            self.kept -= usize::from(parent.histogram.is_some());
            let [left, right] = self.split(&source, &search, &mut tree, parent, seed, is_last);
            open[at] = left;
            open.push(right);
        }
        for (at, leaf) in open.into_iter().enumerate() {
            if let Some((branch, side)) = leaf.parent {
                tree.branches[branch].children[side] = Child::Leaf(at);
            }
            self.kept -= usize::from(leaf.histogram.is_some());
            self.free.extend(leaf.histogram);
            tree.leaves.push(leaf.leaf);
        }
        tree
    }

    fn placeholder(&self) -> OpenLeaf {
        OpenLeaf {
            leaf: GrownLeaf { value: 0.0, bounds: Bounds::FREE, rows: 0..0 },
            total: [0; 2],
            depth: 0,
            parent: None,
            is_open: Vec::new(),
            histogram: None,
            split: None,
        }
    }

    fn root(&mut self, source: &Source<'_>, search: &Search<'_>, rows: &[u32], seed: u64) -> OpenLeaf {
        let total = source.total(rows);
        let penalty = Penalty::new(self.config, self.config.l2);
        let (gradient, hessian) = (search.scale.gradient(total), search.scale.hessian(total));
        let value = if hessian > 0.0 { penalty.value(gradient, hessian, Bounds::FREE) } else { 0.0 };
        let mut root = OpenLeaf {
            leaf: GrownLeaf { value, bounds: Bounds::FREE, rows: 0..rows.len() },
            total,
            is_open: source.is_used.to_vec(),
            ..self.placeholder()
        };
        if self.may_split(&root) {
            let mut histogram = self.buffer();
            source.build(rows, &mut histogram, &mut self.ordered);
            root.histogram = Some(histogram);
            self.find_split(search, &mut root, mix(seed, 3));
        }
        root
    }

    /// Makes the split of a leaf and looks for those of its children.
    fn split(
        &mut self,
        source: &Source<'_>,
        search: &Search<'_>,
        tree: &mut GrownTree,
        parent: OpenLeaf,
        seed: u64,
        is_last: bool,
    ) -> [OpenLeaf; 2] {
        let split = parent.split.expect("only leaves with a split are chosen");
        let branch = tree.branches.len();
        let children = [Child::Leaf(0); 2]; // Set when the children are known.
        tree.branches.push(GrownBranch { slot: split.slot, rule: split.rule, gain: split.gain, children });
        if let Some((above, side)) = parent.parent {
            tree.branches[above].children[side] = Child::Branch(branch);
        }
        let range = parent.leaf.rows.clone();
        let left_rows = self.partition(&split, &mut tree.rows[range.clone()]);
        let middle = range.start + left_rows;
        let feature = self.data.slots()[split.slot].feature;
        let monotone = self.config.monotone.get(feature).copied().unwrap_or(Monotone::Free);
        let (left_bounds, right_bounds) =
            parent.leaf.bounds.split(monotone, split.left_value, split.right_value);
        let child = |side, value, bounds, rows, total| OpenLeaf {
            leaf: GrownLeaf { value, bounds, rows },
            total,
            depth: parent.depth + 1,
            parent: Some((branch, side)),
            is_open: Vec::new(),
            histogram: None,
            split: None,
        };
        let right_total = subtract(parent.total, split.left);
        let mut left = child(0, split.left_value, left_bounds, range.start..middle, split.left);
        let mut right = child(1, split.right_value, right_bounds, middle..range.end, right_total);
        let searched = [!is_last && self.may_split(&left), !is_last && self.may_split(&right)];
        self.histograms(source, &tree.rows, parent.histogram, [&mut left, &mut right], searched);
        for (side, leaf) in [&mut left, &mut right].into_iter().enumerate() {
            if searched[side] {
                leaf.is_open.clone_from(&parent.is_open);
                self.find_split(search, leaf, mix(seed, 4 + 2 * branch as u64 + side as u64));
            }
        }
        [left, right]
    }

    /// Whether a leaf is large and shallow enough.
    fn may_split(&self, leaf: &OpenLeaf) -> bool {
        count(leaf.total) >= 2 * self.config.min_rows.max(1)
            && (self.config.max_depth == 0 || leaf.depth < self.config.max_depth)
    }

    /// The children's histograms, as far as they are searched.
    fn histograms(
        &mut self,
        source: &Source<'_>,
        rows: &[u32],
        parent: Option<Vec<Cell>>,
        [left, right]: [&mut OpenLeaf; 2],
        [left_searched, right_searched]: [bool; 2],
    ) {
        let is_left_smaller = left.leaf.rows.len() <= right.leaf.rows.len();
        let (small, small_searched, large, large_searched) = if is_left_smaller {
            (left, left_searched, right, right_searched)
        } else {
            (right, right_searched, left, left_searched)
        };
        let sum = |grower: &mut Self, leaf: &OpenLeaf| {
            let mut histogram = grower.buffer();
            source.build(&rows[leaf.leaf.rows.clone()], &mut histogram, &mut grower.ordered);
            histogram
        };
        match parent {
            Some(mut parent) if large_searched => {
                let child = sum(self, small);
                subtract_all(&mut parent, &child);
                large.histogram = Some(parent);
                if small_searched {
                    small.histogram = Some(child);
                } else {
                    self.free.push(child);
                }
            }
            parent => {
                self.free.extend(parent);
                if large_searched {
                    large.histogram = Some(sum(self, large));
                }
                if small_searched {
                    small.histogram = Some(sum(self, small));
                }
            }
        }
    }

    /// Looks for a leaf's split; a leaf without one gives its histogram back.
    fn find_split(&mut self, search: &Search<'_>, leaf: &mut OpenLeaf, seed: u64) {
        let Some(histogram) = leaf.histogram.take() else { return };
        let node = Node { total: leaf.total, bounds: leaf.leaf.bounds, seed };
        let fraction = self.config.column_fraction_by_node;
        leaf.split = if fraction < 1.0 {
            let drawn = sample::slots(&leaf.is_open, fraction, seed);
            search.best(&histogram, &node, &mut leaf.is_open, |slot| drawn[slot])
        } else {
            search.best(&histogram, &node, &mut leaf.is_open, |_| true)
        };
        let fits = (self.kept + 2) * self.data.histogram_bytes() <= MEMORY;
        if leaf.split.is_some() && (fits || self.kept == 0) {
            self.kept += 1;
            leaf.histogram = Some(histogram);
        } else {
            self.free.push(histogram);
        }
    }

    fn buffer(&mut self) -> Vec<Cell> {
        self.free.pop().unwrap_or_else(|| vec![[0; 2]; self.data.cells()])
    }

    /// Sorts a leaf's rows by side, stably; returns how many go left.
    fn partition(&mut self, split: &Split, rows: &mut [u32]) -> usize {
        partition(self.data, split.slot, &split.rule, rows, &mut self.scratch)
    }
}

/// The leaf with the largest gain; the first of several.
fn best_leaf(open: &[OpenLeaf]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (at, leaf) in open.iter().enumerate() {
        if let Some(split) = &leaf.split
            && best.is_none_or(|(_, gain)| split.gain > gain)
        {
            best = Some((at, split.gain));
        }
    }
    best.map(|(at, _)| at)
}

/// Sorts rows by the side that a rule sends them to, stably; returns how many go left.
pub(crate) fn partition(
    data: &Dataset,
    slot: usize,
    rule: &Rule,
    rows: &mut [u32],
    scratch: &mut Vec<u32>,
) -> usize {
    let goes_left = sides(rule, data.slots()[slot].values);
    let (bins, width, at) = data.strided(slot);
    if scratch.len() < rows.len() {
        scratch.resize(rows.len(), 0);
    }
    let (mut left, mut right) = (0, 0);
    for i in 0..rows.len() {
        let row = rows[i];
        let is_left = goes_left[usize::from(bins[row as usize * width + at])];
        rows[left] = row; // Overwritten where the row goes right.
        scratch[right] = row;
        left += usize::from(is_left);
        right += usize::from(!is_left);
    }
    rows[left..].copy_from_slice(&scratch[..right]);
    left
}

/// Which bins go left.
fn sides(rule: &Rule, values: usize) -> [bool; 256] {
    match rule {
        Rule::Number { last, missing_left } => {
            std::array::from_fn(|bin| if bin == values { *missing_left } else { bin <= usize::from(*last) })
        }
        Rule::Category { bins } => std::array::from_fn(|bin| bins[bin / 64] >> (bin % 64) & 1 == 1),
    }
}

impl GrownTree {
    /// Calls `visit` for each leaf with those of `rows` that are in it; sorts `rows` by leaf.
    pub(crate) fn route(
        &self,
        data: &Dataset,
        rows: &mut [u32],
        scratch: &mut Vec<u32>,
        mut visit: impl FnMut(usize, &[u32]),
    ) {
        let root = if self.branches.is_empty() { Child::Leaf(0) } else { Child::Branch(0) };
        let mut stack = vec![(root, 0..rows.len())];
        while let Some((child, range)) = stack.pop() {
            if range.is_empty() {
                continue;
            }
            match child {
                Child::Leaf(leaf) => visit(leaf, &rows[range]),
                Child::Branch(branch) => {
                    let branch = &self.branches[branch];
                    let left = partition(data, branch.slot, &branch.rule, &mut rows[range.clone()], scratch);
                    let middle = range.start + left;
                    stack.push((branch.children[1], middle..range.end));
                    stack.push((branch.children[0], range.start..middle));
                }
            }
        }
    }
}

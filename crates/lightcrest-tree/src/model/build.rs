//! From trees on bins to trees on values.

use std::collections::BTreeSet;

use super::{Categories, IS_CATEGORY, MISSING_LEFT, Model, Packed, Set, Tree, Walk, grid};
use crate::binning::FeatureBins;
use crate::grow::{Child, GrownBranch, GrownTree};
use crate::split::Rule;
use crate::{Dataset, Link, Mode, TrainConfig};

/// Collects the trees of a training.
pub(crate) struct Builder<'a> {
    data: &'a Dataset,
    link: Link,
    mode: Mode,
    base: Vec<f64>,
    trees: Vec<(Vec<GrownBranch>, Vec<f64>)>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(data: &'a Dataset, config: &TrainConfig, base: Vec<f64>) -> Self {
        Self { data, link: config.loss.link(config.mode), mode: config.mode, base, trees: Vec::new() }
    }

    pub(crate) fn push(&mut self, tree: GrownTree) {
        self.trees.push((tree.branches, tree.leaves.iter().map(|leaf| leaf.value).collect()));
    }

    /// The model of the first rounds.
    pub(crate) fn finish(mut self, rounds: usize) -> Model {
        let outputs = self.base.len();
        self.trees.truncate(rounds * outputs);
        if self.mode == Mode::Forest {
            let leaves = self.trees.iter_mut().flat_map(|(_, leaves)| leaves);
            leaves.for_each(|leaf| *leaf /= rounds as f64);
        }
        let mut largest = vec![Vec::new(); outputs];
        for (at, (_, leaves)) in self.trees.iter().enumerate() {
            largest[at % outputs].push(leaves.iter().fold(0.0, |most: f64, leaf| most.max(leaf.abs())));
        }
        let mut model = Model {
            link: self.link,
            columns: self.data.columns(),
            base: self.base.clone(),
            unit: grid::unit(&largest),
            trees: Vec::with_capacity(self.trees.len()),
            branches: Vec::new(),
            leaves: Vec::new(),
            sets: Vec::new(),
            categories: Vec::new(),
            gains: vec![0.0; self.data.columns()],
            walk: Walk::default(),
        };
        let mut gains = vec![0.0; self.data.columns()];
        model.categories = self.categories();
        for (branches, leaves) in &self.trees {
            model.pack(self.data, branches, leaves, &mut gains);
        }
        model.gains = gains.into_iter().map(|gain| gain as f32).collect();
        model.walk = Walk::new(&model);
        model
    }

    /// The columns of categories that branches ask for.
    fn categories(&self) -> Vec<Categories> {
        let branches = self.trees.iter().flat_map(|(branches, _)| branches);
        let used: BTreeSet<usize> = branches.map(|branch| self.data.slots()[branch.slot].feature).collect();
        let bins = |column| match &self.data.features()[column] {
            FeatureBins::Category(bins) => Some(Categories { column, bins: bins.clone() }),
            FeatureBins::Number(_) => None,
        };
        used.into_iter().filter_map(bins).collect()
    }
}

impl Model {
    /// Adds a tree in pre-order, as it is written.
    fn pack(&mut self, data: &Dataset, branches: &[GrownBranch], leaves: &[f64], gains: &mut [f64]) {
        let tree = self.begin_tree();
        let root = if branches.is_empty() { Child::Leaf(0) } else { Child::Branch(0) };
        // What is to come, with the branch and the side that lead there.
        let mut stack = vec![(root, None)];
        while let Some((child, from)) = stack.pop() {
            let place = match child {
                Child::Branch(branch) => {
                    let branch = &branches[branch];
                    gains[data.slots()[branch.slot].feature] += branch.gain;
                    let packed = self.pack_branch(data, branch);
                    let at = self.branches.len();
                    self.branches.push(packed);
                    stack.extend([(branch.children[1], Some((at, 1))), (branch.children[0], Some((at, 0)))]);
                    i16::try_from(at - tree.first_branch as usize).expect("at most 32767 branches")
                }
                Child::Leaf(leaf) => {
                    let at = self.leaves.len() - tree.first_leaf as usize;
                    self.leaves.push(grid::snap(leaves[leaf], self.unit));
                    !i16::try_from(at).expect("at most 32768 leaves")
                }
            };
            if let Some((branch, side)) = from {
                self.branches[branch].children[side] = place;
            }
        }
        self.end_tree(tree);
    }

    /// A tree whose branches and leaves follow.
    pub(super) fn begin_tree(&self) -> Tree {
        let place = |length: usize| u32::try_from(length).expect("fewer than 2^32 branches and leaves");
        Tree { first_branch: place(self.branches.len()), branches: 0, first_leaf: place(self.leaves.len()) }
    }

    /// Takes the branches and leaves since its begin as those of the tree.
    pub(super) fn end_tree(&mut self, tree: Tree) {
        let branches = self.branches.len() - tree.first_branch as usize;
        self.trees.push(Tree { branches: u16::try_from(branches).expect("at most 32767 branches"), ..tree });
    }

    fn pack_branch(&mut self, data: &Dataset, branch: &GrownBranch) -> Packed {
        let column = data.slots()[branch.slot].feature;
        let (threshold, flags) = match (&branch.rule, &data.features()[column]) {
            (Rule::Number { last, missing_left }, FeatureBins::Number(bins)) => {
                (bins.upper(usize::from(*last)), if *missing_left { MISSING_LEFT } else { 0 })
            }
            (Rule::Category { bins }, FeatureBins::Category(_)) => {
                self.sets.push(Set { bins: *bins });
                let set = u32::try_from(self.sets.len() - 1).expect("fewer sets than bytes of memory");
                (f32::from_bits(set), IS_CATEGORY)
            }
            _ => unreachable!("a rule is of its column's kind"),
        };
        let column = u16::try_from(column).expect("at most 65536 columns");
        Packed { threshold, column, flags, children: [0; 2] }
    }
}

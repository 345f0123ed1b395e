//! Trees as one `TreeEnsemble` node (version 5 of `ai.onnx.ml`).
//!
//! A row takes the same way as in `lightcrest-tree`: thresholds are f32 and so are the features; missing
//! numbers take the learned side; categories come as bins, and a set of bins is a `BRANCH_MEMBER`. Leaves lie
//! on a grid whose f32 sums are exact, so that the order in which a runtime adds trees does not matter. The
//! base, and trees that are a single leaf, are added in f64 behind it.

use lightcrest_tree::{Branch, Model, Step};

use super::graph::{Graph, ML};
use super::proto::{Attribute, Element, Tensor};

/// Modes of nodes.
const AT_MOST: u8 = 0;
const MEMBER: u8 = 6;

#[derive(Default)]
struct Ensemble {
    roots: Vec<i64>,
    features: Vec<i64>,
    splits: Vec<f32>,
    modes: Vec<u8>,
    /// By side, left first: where it leads, and whether that is a leaf.
    sides: [Vec<i64>; 2],
    is_leaf: [Vec<i64>; 2],
    missing_left: Vec<i64>,
    members: Vec<f32>,
    targets: Vec<i64>,
    weights: Vec<f32>,
}

/// Raw scores, f64, K a row. `place` says which column of `features` a feature is.
pub(super) fn add(
    graph: &mut Graph,
    model: &Model,
    features: &str,
    place: &dyn Fn(usize) -> usize,
) -> String {
    let mut ensemble = Ensemble::default();
    let mut base = model.base().to_vec();
    let outputs = model.outputs();
    for (at, tree) in model.trees().iter().enumerate() {
        if tree.branches() == 0 {
            base[at % outputs] += f64::from(model.leaves(tree)[0]);
        } else {
            ensemble.add(model, tree, at % outputs, place);
        }
    }
    let sums = ensemble.node(graph, features, outputs);
    let sums = graph.cast(&sums, Element::Double);
    let base = graph.doubles(&base, &[1, outputs as i64]);
    graph.apply("Add", &[&sums, &base])
}

impl Ensemble {
    fn add(
        &mut self,
        model: &Model,
        tree: &lightcrest_tree::Tree,
        output: usize,
        place: &dyn Fn(usize) -> usize,
    ) {
        let root = self.features.len() as i64;
        self.roots.push(root);
        for branch in 0..tree.branches() {
            let (asked, sides) = model.branch(tree, branch);
            let (feature, split, mode, missing_left) = match asked {
                Branch::Number { column, threshold, missing_left } => {
                    (column, threshold, AT_MOST, missing_left)
                }
                Branch::Category { column, bins } => {
                    let bins = (0..=255_u8).filter(|bin| bins[usize::from(bin / 64)] >> (bin % 64) & 1 == 1);
                    self.members.extend(bins.map(f32::from));
                    self.members.push(f32::NAN); // ends a set
                    (column, 0.0, MEMBER, false)
                }
            };
            self.features.push(place(feature) as i64);
            self.splits.push(split);
            self.modes.push(mode);
            self.missing_left.push(i64::from(missing_left));
            for (side, step) in sides.into_iter().enumerate() {
                let (to, is_leaf) = match step {
                    Step::Branch(branch) => (root + branch as i64, false),
                    Step::Leaf(value) => {
                        self.targets.push(output as i64);
                        self.weights.push(value);
                        (self.weights.len() as i64 - 1, true)
                    }
                };
                self.sides[side].push(to);
                self.is_leaf[side].push(i64::from(is_leaf));
            }
        }
    }

    fn node(&self, graph: &mut Graph, features: &str, outputs: usize) -> String {
        let mut attributes = vec![
            ("n_targets", Attribute::Int(outputs as i64)),
            ("aggregate_function", Attribute::Int(1)),
            ("post_transform", Attribute::Int(0)),
            ("tree_roots", Attribute::Ints(&self.roots)),
            ("nodes_featureids", Attribute::Ints(&self.features)),
            ("nodes_splits", Attribute::Tensor(Tensor::Floats(&self.splits))),
            ("nodes_modes", Attribute::Tensor(Tensor::Bytes(&self.modes))),
            ("nodes_truenodeids", Attribute::Ints(&self.sides[0])),
            ("nodes_trueleafs", Attribute::Ints(&self.is_leaf[0])),
            ("nodes_falsenodeids", Attribute::Ints(&self.sides[1])),
            ("nodes_falseleafs", Attribute::Ints(&self.is_leaf[1])),
            ("nodes_missing_value_tracks_true", Attribute::Ints(&self.missing_left)),
            ("leaf_targetids", Attribute::Ints(&self.targets)),
            ("leaf_weights", Attribute::Tensor(Tensor::Floats(&self.weights))),
        ];
        if !self.members.is_empty() {
            attributes.push(("membership_values", Attribute::Tensor(Tensor::Floats(&self.members))));
        }
        graph.node(ML, "TreeEnsemble", &[features], &attributes)
    }
}

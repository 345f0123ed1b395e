//! Follows labels through a graph, node by node in the order of the file.
//!
//! Constants bring labels, one for each position along each of their axes, when they are first read; nodes
//! tie labels and say what their outputs carry. One pass is enough: what a node says later about a label that
//! was met before reaches every place of it through its class. A node that is not understood, or whose shapes
//! are not known, pins all that it reads.

mod elementwise;
mod layer;
mod normalize;
mod reduce;
mod reshape;
mod select;

pub(super) use reshape::{expanded_shape, permutation, written_shape};

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::label::{Axis, Labels, Reason, STAYS};
use super::shuffle::{Shuffle, shuffles};
use super::surgery::width;
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::{Array, Dim, Facts, Index, Model, subgraphs};

/// Why channels are left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// They always stay.
    Fixed,
    /// A node is not crossed.
    Barrier(usize),
    /// A node meets them with positions that cannot go, or works across channels.
    Across(usize),
    /// They are an output of the graph.
    Output(String),
    /// The user wants the layer as it is.
    Kept(usize),
    /// The layer has no more than a few.
    Few(usize),
}

/// A layer with weights: what brings channels, and what reads them.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// Place of the node.
    pub(super) node: usize,
    /// The value that holds its weights.
    pub(super) weight: String,
    /// Axis of the weights along which outputs are, with their labels.
    pub(super) output: (usize, Axis),
    /// Axis of the weights along which inputs are, with their labels; none for one input a group.
    pub(super) input: Option<(usize, Axis)>,
    /// Whether each output depends on one group of few inputs that goes with it, as in a depthwise
    /// convolution: it brings no channels of its own.
    pub(super) depthwise: bool,
}

/// Says whether it knows the operator; `None` when it does, but cannot follow the node.
type Rule<'a> = fn(&mut Trace<'a>, usize, &'a NodeProto) -> Option<bool>;

/// Labels of every value of a graph.
pub(super) struct Trace<'a> {
    pub(super) model: &'a Model,
    pub(super) facts: &'a Facts,
    pub(super) index: &'a Index,
    pub(super) labels: Labels,
    pub(super) layers: Vec<Layer>,
    pub(super) causes: Vec<Cause>,
    /// Factors of normalisations that work on each channel, with their labels.
    pub(super) norms: Vec<(String, Axis)>,
    /// Nodes that are not crossed.
    pub(super) barriers: Vec<usize>,
    /// Chains of nodes that only permute channels, by the last of their nodes.
    pub(super) shuffles: HashMap<usize, Shuffle>,
    axes: HashMap<&'a str, Vec<Axis>>,
    /// Values that the subgraphs of a node read, by the node.
    captured: HashMap<usize, Vec<&'a str>>,
    /// The cause that stands for the node at hand.
    at: Reason,
}

impl<'a> Trace<'a> {
    /// The labels of the graph of `model`.
    pub(super) fn new(model: &'a Model, facts: &'a Facts, index: &'a Index) -> Self {
        let mut trace = Self {
            model,
            facts,
            index,
            labels: Labels::new(),
            layers: vec![],
            causes: vec![Cause::Fixed],
            norms: vec![],
            barriers: vec![],
            shuffles: shuffles(model.graph(), facts, index),
            axes: HashMap::new(),
            captured: captured(model.graph(), index),
            at: 0,
        };
        let inside: HashSet<usize> =
            trace.shuffles.values().flat_map(|shuffle| shuffle.inner.iter().copied()).collect();
        for (at, node) in model.graph().node.iter().enumerate() {
            if !inside.contains(&at) {
                trace.visit(at, node);
            }
        }
        for output in &model.graph().output {
            let reason = trace.cause(Cause::Output(output.name.clone()));
            trace.pin_all(&output.name, reason);
        }
        trace
    }

    /// The labels along each axis of a value; none for a value of unknown rank.
    pub(super) fn axes(&mut self, value: &'a str) -> Vec<Axis> {
        if !self.axes.contains_key(value) {
            let axes = self.unseen(value);
            self.axes.insert(value, axes);
        }
        self.axes[value].clone()
    }

    /// The labels of a value, if anything has asked for them.
    pub(super) fn known(&self, value: &str) -> Option<&[Axis]> {
        self.axes.get(value).map(Vec::as_slice)
    }

    /// The labels of every axis that could shrink, each axis once, in the order of the nodes.
    pub(super) fn all_axes(&self) -> Vec<Rc<[u32]>> {
        let mut seen = HashSet::new();
        let values = self.model.graph().node.iter().flat_map(|node| node.input.iter().chain(&node.output));
        let axes = values.filter_map(|value| self.axes.get(value.as_str())).flatten().flatten();
        axes.filter(|labels| seen.insert(Rc::as_ptr(labels))).cloned().collect()
    }

    /// A number for a reason.
    pub(super) fn cause(&mut self, cause: Cause) -> Reason {
        self.causes.push(cause);
        self.causes.len() as Reason - 1
    }

    /// Pins every axis of a value.
    pub(super) fn pin_all(&mut self, value: &str, reason: Reason) {
        let axes = self.axes.get(value).cloned().unwrap_or_default();
        for axis in &axes {
            self.labels.pin_axis(axis, reason);
        }
    }

    /// What a value carries that no node has written: constants bring labels, inputs of the graph do not.
    fn unseen(&mut self, value: &str) -> Vec<Axis> {
        let rank = self.rank(value).unwrap_or(0);
        let Some(at) = self.index.initializer(value) else { return vec![None; rank] };
        let tensor = &self.model.graph().initializer[at];
        if width(tensor.data_type).is_none() || tensor.data_location == 1 {
            return vec![None; rank];
        }
        tensor.dims.iter().map(|&size| self.labels.fresh(usize::try_from(size).unwrap_or(0))).collect()
    }

    fn visit(&mut self, at: usize, node: &'a NodeProto) {
        self.at = self.cause(Cause::Across(at));
        if subgraphs(node).next().is_some() || self.follow(at, node).is_none() {
            self.barrier(at, node);
        }
        for value in node.output.iter().filter(|value| !value.is_empty()) {
            // A rule that says nothing of an output, or of another rank than it has, knows nothing of it.
            let rank = self.rank(value).unwrap_or(0);
            if self.axes.get(value.as_str()).is_none_or(|axes| axes.len() != rank) {
                self.axes.insert(value, vec![None; rank]);
            }
        }
    }

    fn barrier(&mut self, at: usize, node: &'a NodeProto) {
        let reason = self.cause(Cause::Barrier(at));
        let mut stops = false;
        let captured = self.captured.get(&at).cloned().unwrap_or_default();
        for value in node.input.iter().map(String::as_str).chain(captured) {
            if !value.is_empty() {
                let held = self.index.initializer(value).is_some();
                let axes = self.axes(value);
                stops |= !held && axes.iter().any(Option::is_some);
                axes.iter().for_each(|axis| self.labels.pin_axis(axis, reason));
            }
        }
        for value in &node.output {
            self.axes.remove(value.as_str());
        }
        if stops {
            self.barriers.push(at);
        }
    }

    /// Applies the rule of the operator; `None` when there is none, or when it does not apply.
    fn follow(&mut self, at: usize, node: &'a NodeProto) -> Option<()> {
        if !node.is_standard() {
            return None;
        }
        if let Some(shuffle) = self.shuffles.get(&at) {
            let shuffle = shuffle.clone();
            return self.shuffle(node, &shuffle);
        }
        let rules: [Rule<'a>; 6] =
            [Self::layer, Self::elementwise, Self::normalize, Self::reduce, Self::reshape, Self::select];
        for rule in rules {
            if rule(self, at, node)? {
                return Some(());
            }
        }
        None
    }

    /// Number of axes of a value.
    fn rank(&self, value: &str) -> Option<usize> {
        self.facts.shape(value).map(<[Dim]>::len)
    }

    fn dims(&self, value: &str) -> Option<&'a [Dim]> {
        self.facts.shape(value)
    }

    /// A size, if it is known.
    fn size(&self, value: &str, axis: usize) -> Option<usize> {
        self.facts.shape(value)?.get(axis)?.known()
    }

    /// Whole numbers that a node reads as one of its inputs, if they are constant.
    pub(super) fn numbers(&self, node: &NodeProto, slot: usize) -> Option<Vec<i64>> {
        self.facts.constant(node.input_name(slot)?).and_then(Array::to_i64)
    }

    /// Labels of an input together with its name; `None` when it is left out or of unknown rank.
    fn input(&mut self, node: &'a NodeProto, slot: usize) -> Option<Vec<Axis>> {
        let value = node.input_name(slot)?;
        self.rank(value)?;
        Some(self.axes(value))
    }

    /// Says what the output of a node carries.
    fn set(&mut self, node: &'a NodeProto, slot: usize, axes: Vec<Axis>) {
        if let Some(value) = node.output.get(slot).filter(|value| !value.is_empty()) {
            self.axes.insert(value, axes);
        }
    }

    fn tie(&mut self, a: &Axis, b: &Axis) -> Axis {
        self.labels.tie_axes(a, b, self.at)
    }

    fn pin(&mut self, axis: &Axis) {
        self.labels.pin_axis(axis, self.at);
    }

    /// Pins all axes from `first` on and forgets them: positions in space stay.
    fn pin_from(&mut self, axes: &mut [Axis], first: usize) {
        for axis in axes.iter_mut().skip(first) {
            self.pin(axis);
            *axis = None;
        }
    }

    /// The labels of an axis of known length, positions that stay included.
    fn filled(&self, axis: &Axis, size: usize) -> Rc<[u32]> {
        axis.clone().unwrap_or_else(|| vec![STAYS; size].into())
    }

    fn opset(&self) -> i64 {
        self.model.opset()
    }
}

/// Values that subgraphs read, by the node that holds the subgraph.
fn captured<'a>(graph: &'a GraphProto, index: &Index) -> HashMap<usize, Vec<&'a str>> {
    let written = graph.node.iter().flat_map(|node| node.output.iter());
    let held = graph.initializer.iter().map(|tensor| &tensor.name);
    let mut captured: HashMap<usize, Vec<&str>> = HashMap::new();
    for value in written.chain(held) {
        for &node in index.captured_by(value) {
            captured.entry(node).or_default().push(value);
        }
    }
    captured
}

/// An axis of labels; `None` when all of them stay or only one is left.
fn axis_of(labels: Vec<u32>) -> Axis {
    let moves = labels.len() > 1 && labels.iter().any(|&label| label != STAYS);
    moves.then(|| labels.into())
}

/// An axis counted from the end if negative; `None` when there is none.
fn axis_at(axis: i64, rank: usize) -> Option<usize> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at).ok().filter(|&at| at < rank)
}

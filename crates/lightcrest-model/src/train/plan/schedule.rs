//! From a network to stages of steps: the forward pass.
//!
//! Batch normalisation needs statistics of the whole batch, so the pass falls into stages with such a barrier
//! between them. Inside a stage everything runs chunk after chunk of images, small enough that what one step
//! writes is still in the second cache when the next reads it. Values that are cheap to compute (normalised,
//! activated, gated) are never stored: each stage that needs them, forward or backward, computes them anew
//! from what is stored.

mod prepare;

use std::collections::HashMap;

use lightcrest_graph::network::{Activation, Dropout, Network, NodeId, Op, Weights};

use super::layer::{ChannelLayer, ConvLayer, NormLayer, Parameter};
use super::step::{PlanTensor, Stage, Step, StepOp, TensorId};
use super::{PlanMode, memory};
use crate::kernel::{Element, Layout};

/// Everything that a plan is made of.
pub(super) struct Schedule<E> {
    pub(super) tensors: Vec<PlanTensor>,
    pub(super) stages: Vec<Stage>,
    /// Number of stages of the forward pass; those of the backward pass follow.
    pub(super) forward: usize,
    /// Elements of each buffer.
    pub(super) buffers: Vec<usize>,
    pub(super) parameters: Vec<Parameter<E>>,
    pub(super) convs: Vec<ConvLayer<E>>,
    pub(super) norms: Vec<NormLayer<E>>,
    /// Inference: the norm folded into each convolution.
    pub(super) folds: Vec<Option<usize>>,
    /// Parameter of each convolution across channels.
    pub(super) channel_convs: Vec<usize>,
    pub(super) channel_layers: Vec<ChannelLayer<E>>,
    /// Numbers of room that local normalisations need.
    pub(super) room: usize,
}

pub(super) struct Scheduler<'a, E> {
    pub(super) network: &'a Network,
    pub(super) mode: PlanMode,
    lanes: usize,
    pub(super) tensors: Vec<PlanTensor>,
    pub(super) stages: Vec<Stage>,
    /// Layout of the value and of the gradient of each node.
    values: Vec<Layout>,
    pub(super) gradients: Vec<Layout>,
    /// Whether anything before the node is trained.
    pub(super) trained: Vec<bool>,
    /// The batch normalisation that an activation is fused with.
    pub(super) fused: Vec<Option<NodeId>>,
    /// Inference: a convolution's norm and activation, done by it.
    followers: HashMap<NodeId, (Option<NodeId>, Option<Activation>, NodeId)>,
    /// Stage in which the value of a node is first known.
    known: Vec<usize>,
    /// Stored values.
    home: Vec<Option<TensorId>>,
    /// Values computed anew, by stage.
    anew: HashMap<(usize, NodeId), TensorId>,
    pub(super) layer: Vec<Option<usize>>,
    parameters: Vec<Parameter<E>>,
    convs: Vec<ConvLayer<E>>,
    norms: Vec<NormLayer<E>>,
    folds: Vec<Option<usize>>,
    channel_convs: Vec<usize>,
    channel_layers: Vec<ChannelLayer<E>>,
}

impl<'a, E: Element> Scheduler<'a, E> {
    /// Plans `network`; `weights` must have been checked against it.
    pub(super) fn plan(
        network: &'a Network,
        weights: &Weights,
        batch: usize,
        mode: PlanMode,
        lanes: usize,
    ) -> Schedule<E> {
        let count = network.nodes().len();
        let mut s = Self {
            network,
            mode,
            lanes,
            tensors: vec![],
            stages: vec![],
            values: (0..count).map(|id| plain(network, id, lanes)).collect(),
            gradients: (0..count).map(|id| plain(network, id, lanes)).collect(),
            trained: vec![false; count],
            fused: vec![None; count],
            followers: HashMap::new(),
            known: vec![0; count],
            home: vec![None; count],
            anew: HashMap::new(),
            layer: vec![None; count],
            parameters: vec![],
            convs: vec![],
            norms: vec![],
            folds: vec![],
            channel_convs: vec![],
            channel_layers: vec![],
        };
        s.fuse();
        s.lay_out();
        s.layers(weights);
        s.forward();
        let forward = s.stages.len();
        if mode == PlanMode::Train {
            s.backward(forward);
        }
        let room = (0..count).map(|id| {
            network.shape(id).channels
                * match network.nodes()[id].op {
                    Op::LocalNorm(_) => 2,
                    Op::GroupNorm(_) => 4,
                    _ => 0,
                }
        });
        let room = room.max().unwrap_or(0);
        let buffers = memory::assign(&mut s.tensors, &mut s.stages, batch, size_of::<E>(), lanes);
        Schedule {
            tensors: s.tensors,
            stages: s.stages,
            forward,
            buffers,
            parameters: s.parameters,
            convs: s.convs,
            norms: s.norms,
            folds: s.folds,
            channel_convs: s.channel_convs,
            channel_layers: s.channel_layers,
            room,
        }
    }

    pub(super) fn layer(&self, node: NodeId) -> usize {
        self.layer[node].expect("the node has a layer")
    }

    pub(super) fn tensor(&mut self, layout: Layout) -> TensorId {
        self.tensors.push(PlanTensor { layout, buffer: 0, whole: false });
        self.tensors.len() - 1
    }

    pub(super) fn push(&mut self, stage: usize, op: StepOp, reads: Vec<TensorId>, write: Option<TensorId>) {
        while self.stages.len() <= stage {
            self.stages.push(Stage::default());
        }
        self.stages[stage].steps.push(Step::new(op, reads, write));
    }

    /// Whether a value is computed wherever it is needed instead of stored.
    fn is_cheap(&self, node: NodeId) -> bool {
        match self.network.nodes()[node].op {
            Op::BatchNorm(_) | Op::Affine(_) | Op::Activation(_) | Op::PRelu(_) | Op::Gate | Op::Slice(_) => {
                true
            }
            Op::Dropout(_) => self.mode == PlanMode::Infer,
            Op::Input(_)
            | Op::Conv2d(_)
            | Op::Linear(_)
            | Op::Pool2d(_)
            | Op::GlobalAvgPool
            | Op::Flatten
            | Op::Add
            | Op::Concat
            | Op::ChannelShuffle(_)
            | Op::ChannelConv(_)
            | Op::Mul
            | Op::ConvTranspose2d(_)
            | Op::LayerNorm(_)
            | Op::LocalNorm(_)
            | Op::Gather(_)
            | Op::Pad(_)
            | Op::Upsample(_)
            | Op::PixelShuffle(_)
            | Op::GroupNorm(_)
            | Op::Interpolate(_) => false,
        }
    }

    /// The tensor that holds the value of a node in a stage.
    pub(super) fn value(&mut self, stage: usize, node: NodeId) -> TensorId {
        if let Some(tensor) = self.home[node] {
            return tensor;
        }
        if let Some(&tensor) = self.anew.get(&(stage, node)) {
            return tensor;
        }
        let Self { network, .. } = *self;
        let inputs = &network.nodes()[node].inputs;
        let (op, reads) = match (&network.nodes()[node].op, self.fused[node]) {
            (Op::Activation(activation), Some(norm)) => {
                let x = self.value(stage, network.nodes()[norm].inputs[0]);
                (StepOp::Normalize(self.layer(norm), Some(*activation)), vec![x])
            }
            (Op::Activation(a), None) => (StepOp::Activate(*a), vec![self.value(stage, inputs[0])]),
            (Op::PRelu(_), _) => (StepOp::PRelu(self.layer(node)), vec![self.value(stage, inputs[0])]),
            (Op::BatchNorm(_) | Op::Affine(_), _) => {
                (StepOp::Normalize(self.layer(node), None), vec![self.value(stage, inputs[0])])
            }
            (Op::Gate, _) => (StepOp::Gate, vec![self.value(stage, inputs[0]), self.value(stage, inputs[1])]),
            (Op::Slice(slice), _) => (StepOp::Slice(slice.start), vec![self.value(stage, inputs[0])]),
            // at inference
            (Op::Dropout(_), _) => return self.value(stage, inputs[0]),
            (
                Op::Input(_)
                | Op::Conv2d(_)
                | Op::Linear(_)
                | Op::Pool2d(_)
                | Op::GlobalAvgPool
                | Op::Flatten
                | Op::Add
                | Op::Concat
                | Op::ChannelShuffle(_)
                | Op::ChannelConv(_)
                | Op::Mul
                | Op::ConvTranspose2d(_)
                | Op::LayerNorm(_)
                | Op::LocalNorm(_)
                | Op::Gather(_)
                | Op::Pad(_)
                | Op::Upsample(_)
                | Op::PixelShuffle(_)
                | Op::GroupNorm(_)
                | Op::Interpolate(_),
                _,
            ) => unreachable!("the value is stored"),
        };
        let tensor = self.tensor(self.values[node]);
        self.push(stage, op, reads, Some(tensor));
        self.anew.insert((stage, node), tensor);
        tensor
    }

    fn forward(&mut self) {
        let network = self.network;
        for (id, node) in network.nodes().iter().enumerate() {
            let mut stage = node.inputs.iter().map(|&i| self.known[i]).max().unwrap_or(0);
            if let (Op::BatchNorm(_), PlanMode::Train) = (&node.op, self.mode)
                && !node.frozen
            {
                let x = self.value(stage, node.inputs[0]);
                let norm = self.layer(id);
                self.push(stage, StepOp::Moments(norm), vec![x], None);
                self.stages[stage].finishes.push(norm);
                stage += 1;
            }
            self.known[id] = stage;
            if self.is_cheap(id) || self.home[id].is_some() {
                continue;
            }
            let x: Vec<TensorId> = node.inputs.iter().map(|&i| self.value(stage, i)).collect();
            let y = self.tensor(self.values[id]);
            self.home[id] = Some(y);
            let op = match &node.op {
                Op::Conv2d(_) | Op::Linear(_) => {
                    let mut activation = None;
                    if let Some(&(norm, a, last)) = self.followers.get(&id) {
                        activation = a;
                        self.tensors[y].layout = self.values[last];
                        for follower in [norm, Some(last)].into_iter().flatten() {
                            self.home[follower] = Some(y);
                        }
                    }
                    StepOp::Conv(self.layer(id), activation)
                }
                Op::Input(_) => StepOp::Input,
                Op::Pool2d(pool) => StepOp::Pool(*pool),
                Op::GlobalAvgPool => StepOp::GlobalAverage,
                Op::Flatten => StepOp::Flatten,
                Op::Dropout(Dropout { p }) => {
                    let mask = self.tensor(self.values[id]);
                    self.push(stage, StepOp::Mask(*p), vec![], Some(mask));
                    self.anew.insert((usize::MAX, id), mask);
                    self.push(stage, StepOp::Multiply, vec![x[0], mask], Some(y));
                    continue;
                }
                Op::Add => {
                    self.push(stage, StepOp::Add, x[..2].to_vec(), Some(y));
                    for &more in &x[2..] {
                        self.push(stage, StepOp::Accumulate, vec![more], Some(y));
                        self.stages[stage].steps.last_mut().expect("just pushed").accumulate = true;
                    }
                    continue;
                }
                Op::Concat => {
                    let mut start = 0;
                    for (part, &input) in x.into_iter().zip(&node.inputs) {
                        self.push(stage, StepOp::ConcatPart(start), vec![part], Some(y));
                        start += network.shape(input).channels;
                    }
                    continue;
                }
                Op::ChannelShuffle(shuffle) => StepOp::Shuffle(shuffle.groups),
                Op::ChannelConv(_) => StepOp::ChannelConv(self.layer(id)),
                Op::ConvTranspose2d(_) => StepOp::ConvInput(self.layer(id)),
                Op::Mul => StepOp::Multiply,
                Op::LayerNorm(_) => StepOp::LayerNorm(self.layer(id)),
                Op::LocalNorm(norm) => StepOp::LocalNorm(*norm),
                Op::Gather(gather) => StepOp::Gather(gather.channels.clone().into()),
                Op::Pad(pad) => StepOp::Pad(*pad),
                Op::Upsample(upsample) => StepOp::Upsample(*upsample),
                Op::PixelShuffle(shuffle) => StepOp::PixelShuffle(*shuffle),
                Op::GroupNorm(norm) => StepOp::GroupNorm(*norm),
                Op::Interpolate(interpolate) => StepOp::Interpolate(*interpolate),
                Op::BatchNorm(_)
                | Op::Affine(_)
                | Op::Activation(_)
                | Op::PRelu(_)
                | Op::Gate
                | Op::Slice(_) => continue,
            };
            self.push(stage, op, x, Some(y));
        }
        let output = network.output();
        let stage = self.known[output];
        let y = self.value(stage, output);
        self.push(stage, StepOp::Output, vec![y], None);
    }

    /// The dropout mask of a node.
    pub(super) fn mask(&self, node: NodeId) -> TensorId {
        self.anew[&(usize::MAX, node)]
    }
}

fn plain(network: &Network, id: NodeId, lanes: usize) -> Layout {
    let shape = network.shape(id);
    Layout::new(shape.channels, shape.height, shape.width, lanes)
}

//! From a network to stages of steps: the forward pass.
//!
//! Batch normalisation needs statistics of the whole batch, so the pass falls into stages with such a barrier
//! between them. Inside a stage everything runs chunk after chunk of images, small enough that what one step
//! writes is still in the second cache when the next reads it. Values that are cheap to compute (normalised,
//! activated, gated) are never stored: each stage that needs them, forward or backward, computes them anew
//! from what is stored.

use std::collections::HashMap;

use lightcrest_graph::network::{
    Activation, Conv2d, Dropout, LayerNorm, Linear, Network, Node, NodeId, Op, Padding, Weights,
};

use super::layer::{ChannelLayer, ConvLayer, NormKind, NormLayer, Parameter};
use super::step::{PlanTensor, Stage, Step, StepOp, TensorId};
use super::{PlanMode, memory};
use crate::kernel::activation::is_fused;
use crate::kernel::{Element, Layout, geometry};

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

/// Linear layers are pointwise convolutions of one pixel.
fn as_conv(op: &Op) -> Option<Conv2d> {
    match op {
        Op::Conv2d(conv) => Some(*conv),
        Op::Linear(Linear { in_features, out_features, bias }) => Some(Conv2d {
            bias: *bias,
            padding: Padding::NONE,
            ..Conv2d::new(*in_features, *out_features, 1, 1)
        }),
        Op::Input(_)
        | Op::BatchNorm(_)
        | Op::Activation(_)
        | Op::Pool2d(_)
        | Op::GlobalAvgPool
        | Op::Flatten
        | Op::Dropout(_)
        | Op::Add
        | Op::Gate
        | Op::Concat
        | Op::Slice(_)
        | Op::ChannelShuffle(_)
        | Op::ChannelConv(_)
        | Op::Mul
        | Op::ConvTranspose2d(_)
        | Op::Affine(_)
        | Op::LayerNorm(_)
        | Op::LocalNorm(_)
        | Op::PRelu(_)
        | Op::Gather(_)
        | Op::Pad(_)
        | Op::Upsample(_)
        | Op::PixelShuffle(_) => None,
    }
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
        let local = (0..count).filter(|&id| matches!(network.nodes()[id].op, Op::LocalNorm(_)));
        let room = local.map(|id| 2 * network.shape(id).channels).max().unwrap_or(0);
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

    /// Finds the activations that follow a norm, and for inference what follows a convolution.
    fn fuse(&mut self) {
        let nodes = self.network.nodes();
        let readers = self.network.only_readers();
        let only = |id: NodeId| readers[id];
        for (id, node) in nodes.iter().enumerate() {
            let own = !node.frozen && !node.op.parameters().is_empty();
            self.trained[id] = own || node.inputs.iter().any(|&i| self.trained[i]);
            if let (Op::BatchNorm(_) | Op::Affine(_), Some(reader)) = (&node.op, only(id))
                && let Op::Activation(a) = &nodes[reader].op
                && is_fused(a)
            {
                self.fused[reader] = Some(id);
            }
            if self.mode == PlanMode::Infer && as_conv(&node.op).is_some() {
                let (mut norm, mut activation, mut last) = (None, None, id);
                if let Some(reader) = only(last)
                    && matches!(nodes[reader].op, Op::BatchNorm(_) | Op::Affine(_))
                {
                    (norm, last) = (Some(reader), reader);
                }
                if let Some(reader) = only(last)
                    && let Op::Activation(a) = nodes[reader].op
                    && matches!(a, Activation::ReLU | Activation::ReLU6 | Activation::Hardswish)
                {
                    (activation, last) = (Some(a), reader);
                }
                if last != id {
                    self.followers.insert(id, (norm, activation, last));
                }
            }
        }
        for &(norm, _, _) in self.followers.values() {
            for fused in &mut self.fused {
                fused.take_if(|n| Some(*n) == norm);
            }
        }
    }

    /// Chooses halos and strides from what reads each value and gradient.
    fn lay_out(&mut self) {
        let nodes = self.network.nodes();
        for (id, node) in nodes.iter().enumerate() {
            let join = |a: (usize, usize), b: (usize, usize)| (a.0.max(b.0), a.1.max(b.1));
            if let Op::ConvTranspose2d(transposed) = &node.op {
                // what it writes is the input of its convolution
                let (conv, input) = (transposed.convolution(), node.inputs[0]);
                let (x, y) = (&self.values[id], &self.values[input]);
                let (forward, backward) =
                    (geometry::forward_halo(&conv, x, y), geometry::backward_halo(&conv, x, y));
                self.values[input].halo = join(self.values[input].halo, backward);
                self.gradients[id].halo = join(self.gradients[id].halo, forward);
                continue;
            }
            let Some(conv) = as_conv(&node.op) else { continue };
            let input = node.inputs[0];
            let (x, y) = (&self.values[input], &self.values[id]);
            let (forward, backward) =
                (geometry::forward_halo(&conv, x, y), geometry::backward_halo(&conv, x, y));
            self.values[input].halo = join(self.values[input].halo, forward);
            if self.trained[input] {
                self.gradients[id].halo = join(self.gradients[id].halo, backward);
            }
        }
        // images of few channels stay dense where only convolutions read them
        let dense = |node: &Node| as_conv(&node.op).is_some_and(|c| !c.is_depthwise());
        if nodes.iter().all(|node| !node.inputs.contains(&0) || dense(node)) && self.network.output() != 0 {
            self.values[0].stride = self.values[0].channels;
        }
    }

    fn layers(&mut self, weights: &Weights) {
        for (id, node) in self.network.nodes().iter().enumerate() {
            let first = self.parameters.len();
            self.parameters(node, weights);
            if let Op::ConvTranspose2d(transposed) = &node.op {
                let input = node.inputs[0];
                let bias = transposed.bias.then_some(first + 1);
                let (x, y) = (&self.gradients[id], &self.gradients[input]);
                let values = Some((Some(&self.values[id]), &self.values[input]));
                self.layer[id] = Some(self.convs.len());
                let conv = (transposed.convolution(), true);
                self.convs.push(ConvLayer::new(conv, (first, bias), self.lanes, x, y, values));
                self.folds.push(None);
            }
            if let Some(conv) = as_conv(&node.op) {
                let last = self.followers.get(&id).map_or(id, |f| f.2);
                let input = node.inputs[0];
                let dx = self.trained[input].then_some(&self.gradients[input]);
                let gradients = (self.mode == PlanMode::Train).then_some((dx, &self.gradients[id]));
                let (x, y) = (&self.values[input], &self.values[last]);
                let bias = conv.bias.then_some(first + 1);
                self.layer[id] = Some(self.convs.len());
                let conv = (conv, false);
                self.convs.push(ConvLayer::new(conv, (first, bias), self.lanes, x, y, gradients));
                self.folds.push(None);
            }
            match &node.op {
                Op::BatchNorm(norm) => {
                    let running = |role: &str| values(weights, &format!("{}.{role}", node.name));
                    let kind = if node.frozen { NormKind::Frozen(*norm) } else { NormKind::Batch(*norm) };
                    self.layer[id] = Some(self.norms.len());
                    self.norms.push(NormLayer::new(
                        (node.name.clone(), norm.channels, kind),
                        (Some(first), Some(first + 1)),
                        running("running_mean"),
                        running("running_var"),
                        self.lanes,
                    ));
                }
                Op::Affine(affine) => {
                    let channels = affine.channels;
                    let weight = affine.weight.then_some(first);
                    let bias = affine.bias.then_some(first + usize::from(affine.weight));
                    self.layer[id] = Some(self.norms.len());
                    self.norms.push(NormLayer::new(
                        (node.name.clone(), channels, NormKind::Affine),
                        (weight, bias),
                        vec![E::default(); channels],
                        vec![E::of(1.0); channels],
                        self.lanes,
                    ));
                }
                Op::LayerNorm(LayerNorm { channels, epsilon, bias }) => {
                    let parameters = [Some(first), bias.then_some(first + 1)];
                    self.layer[id] = Some(self.channel_layers.len());
                    self.channel_layers.push(ChannelLayer::new(parameters, *epsilon, *channels, self.lanes));
                }
                Op::PRelu(_) => {
                    let channels = self.network.shape(id).channels;
                    self.layer[id] = Some(self.channel_layers.len());
                    self.channel_layers.push(ChannelLayer::new(
                        [Some(first), None],
                        0.0,
                        channels,
                        self.lanes,
                    ));
                }
                Op::ChannelConv(_) => {
                    self.layer[id] = Some(self.channel_convs.len());
                    self.channel_convs.push(first);
                }
                // These have their layer already.
                Op::Conv2d(_) | Op::Linear(_) | Op::ConvTranspose2d(_) => {}
                Op::Input(_)
                | Op::Activation(_)
                | Op::Pool2d(_)
                | Op::GlobalAvgPool
                | Op::Flatten
                | Op::Dropout(_)
                | Op::Add
                | Op::Gate
                | Op::Concat
                | Op::Slice(_)
                | Op::ChannelShuffle(_)
                | Op::Mul
                | Op::LocalNorm(_)
                | Op::Gather(_)
                | Op::Pad(_)
                | Op::Upsample(_)
                | Op::PixelShuffle(_) => {}
            }
        }
        for (&conv, &(norm, _, _)) in &self.followers {
            let conv = self.layer[conv].expect("a convolution has a layer");
            self.folds[conv] = norm.map(|n| self.layer[n].expect("a norm has a layer"));
        }
    }

    /// The tensors of a node that are no running statistics.
    fn parameters(&mut self, node: &Node, weights: &Weights) {
        let running = matches!(node.op, Op::BatchNorm(_));
        let flat = matches!(node.op, Op::BatchNorm(_) | Op::Affine(_) | Op::LayerNorm(_) | Op::PRelu(_));
        node.op.tensors(|role| {
            if running && !role.trained {
                return;
            }
            let name = format!("{}.{}", node.name, role.name);
            let value = values(weights, &name);
            let gradient = vec![E::default(); value.len()];
            let decay = role.name == "weight" && !flat;
            let (trained, shape) = (role.trained && !node.frozen, role.shape.to_vec());
            self.parameters.push(Parameter { name, shape, decay, trained, value, gradient });
        });
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
            | Op::PixelShuffle(_) => false,
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
                | Op::PixelShuffle(_),
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

fn values<E: Element>(weights: &Weights, name: &str) -> Vec<E> {
    let tensor = weights.get(name).expect("the weights were checked");
    tensor.data.iter().map(|&v| E::of(f64::from(v))).collect()
}

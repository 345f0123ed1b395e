//! From a network to stages of steps: the backward pass.
//!
//! Nodes are visited from the output to the input. The gradient of a node is complete in the stage of its
//! last contribution; there its own contributions to its inputs begin. Batch normalisation passes its
//! gradient on one stage later, when its sums over the batch are known.

use lightcrest_graph::network::{Activation, NodeId, Op, PoolKind};

use super::schedule::Scheduler;
use super::step::{StepOp, TensorId};
use crate::kernel::{Element, Layout};

struct Gradients {
    tensor: Vec<Option<TensorId>>,
    /// Stage in which the gradient of a node is complete.
    ready: Vec<usize>,
}

impl<E: Element> Scheduler<'_, E> {
    /// Appends the stages of the backward pass, from stage `first` on.
    pub(super) fn backward(&mut self, first: usize) {
        let network = self.network;
        let count = network.nodes().len();
        let mut g = Gradients { tensor: vec![None; count], ready: vec![first; count] };
        self.contribute(&mut g, first, network.output(), StepOp::OutputGradient, vec![]);
        for (id, node) in network.nodes().iter().enumerate().rev() {
            let Some(dy) = g.tensor[id] else { continue };
            let stage = g.ready[id];
            let inputs = &node.inputs;
            match &node.op {
                Op::Input(_) => {}
                Op::Conv2d(_) | Op::Linear(_) => {
                    let layer = self.layer(id);
                    if !node.frozen {
                        let x = self.value(stage, inputs[0]);
                        self.push(stage, StepOp::ConvWeight(layer), vec![x, dy], None);
                    }
                    self.contribute(&mut g, stage, inputs[0], StepOp::ConvInput(layer), vec![dy]);
                }
                Op::ConvTranspose2d(_) => {
                    let layer = self.layer(id);
                    if !node.frozen {
                        let x = self.value(stage, inputs[0]);
                        self.push(stage, StepOp::ConvWeight(layer), vec![dy, x], None);
                    }
                    self.contribute(&mut g, stage, inputs[0], StepOp::Conv(layer, None), vec![dy]);
                }
                Op::BatchNorm(_) | Op::Affine(_) => self.norm(&mut g, id, None, id),
                Op::LayerNorm(_) => {
                    let layer = self.layer(id);
                    let x = self.value(stage, inputs[0]);
                    if !node.frozen {
                        self.push(stage, StepOp::LayerNormWeight(layer), vec![x, dy], None);
                    }
                    self.contribute(&mut g, stage, inputs[0], StepOp::LayerNormInput(layer), vec![x, dy]);
                }
                Op::PRelu(_) => {
                    let layer = self.layer(id);
                    let x = self.value(stage, inputs[0]);
                    if !node.frozen {
                        self.push(stage, StepOp::PReluWeight(layer), vec![x, dy], None);
                    }
                    self.contribute(&mut g, stage, inputs[0], StepOp::PRelu(layer), vec![x, dy]);
                }
                Op::LocalNorm(norm) => {
                    let x = self.value(stage, inputs[0]);
                    self.contribute(&mut g, stage, inputs[0], StepOp::LocalNorm(*norm), vec![x, dy]);
                }
                Op::Mul => {
                    for (to, by) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
                        if self.trained[to] {
                            let by = self.value(stage, by);
                            self.contribute(&mut g, stage, to, StepOp::Multiply, vec![dy, by]);
                        }
                    }
                }
                Op::Gather(gather) => {
                    let op = StepOp::GatherGradient(gather.channels.clone().into());
                    self.contribute(&mut g, stage, inputs[0], op, vec![dy]);
                }
                Op::Pad(pad) => {
                    self.contribute(&mut g, stage, inputs[0], StepOp::PadGradient(*pad), vec![dy]);
                }
                Op::Upsample(upsample) => {
                    let op = StepOp::UpsampleGradient(*upsample);
                    self.contribute(&mut g, stage, inputs[0], op, vec![dy]);
                }
                Op::GroupNorm(norm) => {
                    let x = self.value(stage, inputs[0]);
                    self.contribute(&mut g, stage, inputs[0], StepOp::GroupNorm(*norm), vec![x, dy]);
                }
                Op::Interpolate(interpolate) => {
                    let op = StepOp::InterpolateGradient(*interpolate);
                    self.contribute(&mut g, stage, inputs[0], op, vec![dy]);
                }
                Op::PixelShuffle(shuffle) => {
                    let op = StepOp::PixelShuffleGradient(*shuffle);
                    self.contribute(&mut g, stage, inputs[0], op, vec![dy]);
                }
                Op::Activation(a) => match self.fused[id] {
                    Some(norm) => self.norm(&mut g, norm, Some(*a), id),
                    None => {
                        let x = self.value(stage, inputs[0]);
                        self.contribute(&mut g, stage, inputs[0], StepOp::ActivateGradient(*a), vec![x, dy]);
                    }
                },
                Op::Pool2d(pool) if self.trained[inputs[0]] => {
                    let reads = match pool.kind {
                        PoolKind::Max => vec![dy, self.value(stage, inputs[0])],
                        PoolKind::Average => vec![dy],
                    };
                    self.contribute(&mut g, stage, inputs[0], StepOp::PoolGradient(*pool), reads);
                }
                Op::Pool2d(_) => {}
                Op::GlobalAvgPool => {
                    self.contribute(&mut g, stage, inputs[0], StepOp::GlobalAverageGradient, vec![dy]);
                }
                Op::Flatten => self.contribute(&mut g, stage, inputs[0], StepOp::FlattenGradient, vec![dy]),
                Op::Dropout(_) => {
                    let mask = self.mask(id);
                    self.contribute(&mut g, stage, inputs[0], StepOp::Multiply, vec![dy, mask]);
                }
                Op::Add => {
                    for &input in inputs {
                        self.contribute(&mut g, stage, input, StepOp::Accumulate, vec![dy]);
                    }
                }
                Op::Gate => {
                    if self.trained[inputs[0]] {
                        let gate = self.value(stage, inputs[1]);
                        self.contribute(&mut g, stage, inputs[0], StepOp::Gate, vec![dy, gate]);
                    }
                    if self.trained[inputs[1]] {
                        let map = self.value(stage, inputs[0]);
                        self.contribute(&mut g, stage, inputs[1], StepOp::GateGradient, vec![map, dy]);
                    }
                }
                Op::Concat => {
                    let mut start = 0;
                    for &input in inputs {
                        self.contribute(&mut g, stage, input, StepOp::Slice(start), vec![dy]);
                        start += network.shape(input).channels;
                    }
                }
                Op::Slice(slice) => {
                    self.contribute(&mut g, stage, inputs[0], StepOp::SliceGradient(slice.start), vec![dy]);
                }
                Op::ChannelShuffle(shuffle) => {
                    let inverse = network.shape(id).channels / shuffle.groups;
                    self.contribute(&mut g, stage, inputs[0], StepOp::Shuffle(inverse), vec![dy]);
                }
                Op::ChannelConv(_) => {
                    let layer = self.layer(id);
                    if !node.frozen {
                        let x = self.value(stage, inputs[0]);
                        self.push(stage, StepOp::ChannelConvWeight(layer), vec![x, dy], None);
                    }
                    self.contribute(&mut g, stage, inputs[0], StepOp::ChannelConvInput(layer), vec![dy]);
                }
            }
        }
        self.order_contributions(first, &g);
    }

    /// A step that adds to the gradient of `node`, unless nothing before it is trained.
    fn contribute(
        &mut self,
        g: &mut Gradients,
        stage: usize,
        node: NodeId,
        op: StepOp,
        reads: Vec<TensorId>,
    ) {
        if !self.trained[node] {
            return;
        }
        let tensor = match g.tensor[node] {
            Some(tensor) => tensor,
            None => *g.tensor[node].insert(self.tensor(self.gradients[node])),
        };
        g.ready[node] = g.ready[node].max(stage);
        self.push(stage, op, reads, Some(tensor));
    }

    /// Backward pass of a norm whose output, after `activation`, is the value of `node`.
    fn norm(&mut self, g: &mut Gradients, norm: NodeId, activation: Option<Activation>, node: NodeId) {
        let (stage, layer) = (g.ready[node], self.layer(norm));
        let input = self.network.nodes()[norm].inputs[0];
        let dy = g.tensor[node].expect("the gradient is complete");
        let x = self.value(stage, input);
        let dz = activation.map(|_| self.tensor(Layout { halo: (0, 0), ..self.gradients[norm] }));
        self.push(stage, StepOp::NormalizeGradient(layer, activation), vec![x, dy], dz);
        self.stages[stage].finishes.push(layer);
        if self.trained[input] {
            let x = self.value(stage + 1, input);
            self.contribute(g, stage + 1, input, StepOp::NormalizeInput(layer), vec![x, dz.unwrap_or(dy)]);
        }
    }

    /// The first step to write a gradient overwrites, the later ones add.
    fn order_contributions(&mut self, first: usize, g: &Gradients) {
        let mut written = vec![false; self.tensors.len()];
        for stage in &mut self.stages[first..] {
            for step in &mut stage.steps {
                let Some(tensor) = step.write else { continue };
                if g.tensor.contains(&Some(tensor)) {
                    step.accumulate = written[tensor];
                    written[tensor] = true;
                }
            }
        }
    }
}

//! What is settled before the first step: what is fused, how values lie in memory, and the layers with their
//! parameters.

use lightcrest_graph::network::{Activation, Conv2d, LayerNorm, Linear, Node, NodeId, Op, Padding, Weights};

use super::super::PlanMode;
use super::super::layer::{ChannelLayer, ConvLayer, NormKind, NormLayer, Parameter};
use super::Scheduler;
use crate::kernel::activation::is_fused;
use crate::kernel::{Element, geometry};

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
        | Op::PixelShuffle(_)
        | Op::GroupNorm(_)
        | Op::Interpolate(_) => None,
    }
}

impl<E: Element> Scheduler<'_, E> {
    /// Finds the activations that follow a norm, and for inference what follows a convolution.
    pub(super) fn fuse(&mut self) {
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
    pub(super) fn lay_out(&mut self) {
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

    pub(super) fn layers(&mut self, weights: &Weights) {
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
                | Op::PixelShuffle(_)
                | Op::GroupNorm(_)
                | Op::Interpolate(_) => {}
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
}

fn values<E: Element>(weights: &Weights, name: &str) -> Vec<E> {
    let tensor = weights.get(name).expect("the weights were checked");
    tensor.data.iter().map(|&v| E::of(f64::from(v))).collect()
}

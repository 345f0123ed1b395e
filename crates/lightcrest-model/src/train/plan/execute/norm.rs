//! Steps of normalisations, batch normalisation with the activation that is fused with it.

use lightcrest_graph::network::{Activation, GroupNorm, LocalNorm};

use super::{Chunk, Executor, NormLayer, Source, Step, Target};
use crate::kernel::group_norm::NormalizeGroups;
use crate::kernel::layer_norm::{LayerNorm, LayerNormGradient, LayerNormInput};
use crate::kernel::local_norm::Respond;
use crate::kernel::norm::{Moments, Normalize, NormalizeGradient, NormalizeInput};
use crate::kernel::{Element, Machine};

impl<E: Element, M: Machine<E>> Executor<E, M> {
    /// Adds the moments of a chunk to the statistics of the batch.
    pub(super) fn moments(&mut self, norm: usize, step: &Step, chunk: Chunk) {
        if !self.training {
            return;
        }
        let [mut pivot, mut sum, mut square] = std::mem::take(&mut self.norms[norm].chunk);
        let x = self.source(step, 0, chunk);
        let pixels = chunk.count * x.layout.area();
        self.machine.run(Moments {
            images: chunk.count,
            x: x.values,
            layout: x.layout,
            pivot: &mut pivot,
            sum: &mut sum,
            square: &mut square,
        });
        self.norms[norm].chunk = [pivot, sum, square];
        self.norms[norm].merge_moments(pixels);
    }

    pub(super) fn normalize(
        &self,
        norm: usize,
        activation: Option<Activation>,
        x: Source<'_, E>,
        y: Target<'_, E>,
    ) {
        let NormLayer { scale, shift, .. } = &self.norms[norm];
        self.machine.run(Normalize {
            images: y.images,
            activation,
            scale,
            shift,
            x: x.values,
            x_layout: x.layout,
            y: y.values,
            y_layout: y.layout,
        });
    }

    /// The sums of the gradient and, where an activation is fused, the gradient before it.
    pub(super) fn normalize_gradient(
        &mut self,
        norm: usize,
        activation: Option<Activation>,
        step: &Step,
        chunk: Chunk,
        dz: Option<Target<'_, E>>,
    ) {
        let [mut sum, mut product, rest] = std::mem::take(&mut self.norms[norm].chunk);
        let NormLayer { scale, shift, mean, .. } = &self.norms[norm];
        let (x, dy) = (self.source(step, 0, chunk), self.source(step, 1, chunk));
        self.machine.run(NormalizeGradient {
            images: chunk.count,
            activation,
            scale,
            shift,
            mean,
            x: x.values,
            x_layout: x.layout,
            dy: dy.values,
            dy_layout: dy.layout,
            dz: dz.map(|dz| (dz.values, dz.layout)),
            sum: &mut sum,
            product: &mut product,
        });
        self.norms[norm].chunk = [sum, product, rest];
        self.norms[norm].merge_gradient();
    }

    /// The gradient of the input, when the sums are known.
    pub(super) fn normalize_input(
        &self,
        norm: usize,
        x: Source<'_, E>,
        dz: Source<'_, E>,
        dx: Target<'_, E>,
    ) {
        let NormLayer { a, b, c, .. } = &self.norms[norm];
        self.machine.run(NormalizeInput {
            images: dx.images,
            a,
            b,
            c,
            x: x.values,
            x_layout: x.layout,
            dz: dz.values,
            dz_layout: dz.layout,
            dx: dx.values,
            dx_layout: dx.layout,
            accumulate: dx.accumulate,
        });
    }

    pub(super) fn layer_norm(&self, layer: usize, x: Source<'_, E>, y: Target<'_, E>) {
        let layer = &self.channel_layers[layer];
        self.machine.run(LayerNorm {
            images: y.images,
            epsilon: layer.epsilon,
            gamma: &layer.packed[0],
            beta: &layer.packed[1],
            x: x.values,
            x_layout: x.layout,
            y: y.values,
            y_layout: y.layout,
        });
    }

    pub(super) fn layer_norm_input(
        &self,
        layer: usize,
        x: Source<'_, E>,
        dy: Source<'_, E>,
        dx: Target<'_, E>,
    ) {
        let layer = &self.channel_layers[layer];
        self.machine.run(LayerNormInput {
            images: dx.images,
            epsilon: layer.epsilon,
            gamma: &layer.packed[0],
            x: x.values,
            x_layout: x.layout,
            dy: dy.values,
            dy_layout: dy.layout,
            dx: dx.values,
            dx_layout: dx.layout,
            accumulate: dx.accumulate,
        });
    }

    pub(super) fn layer_norm_weight(&mut self, layer: usize, step: &Step, chunk: Chunk) {
        let [mut gamma, mut beta] = std::mem::take(&mut self.channel_layers[layer].gradients);
        let (x, dy) = (self.source(step, 0, chunk), self.source(step, 1, chunk));
        self.machine.run(LayerNormGradient {
            images: chunk.count,
            epsilon: self.channel_layers[layer].epsilon,
            x: x.values,
            x_layout: x.layout,
            dy: dy.values,
            dy_layout: dy.layout,
            gamma: &mut gamma,
            beta: &mut beta,
            accumulate: chunk.first > 0,
        });
        self.channel_layers[layer].gradients = [gamma, beta];
    }

    /// Forward, or with two tensors read the gradient of the input.
    pub(super) fn local_norm(&mut self, norm: &LocalNorm, step: &Step, chunk: Chunk, y: Target<'_, E>) {
        let mut room = std::mem::take(&mut self.room);
        let x = self.source(step, 0, chunk);
        let dy = step.reads.get(1).map(|_| self.source(step, 1, chunk));
        self.machine.run(Respond {
            images: y.images,
            norm,
            x: x.values,
            x_layout: x.layout,
            dy: dy.map(|dy| (dy.values, dy.layout)),
            y: y.values,
            y_layout: y.layout,
            accumulate: y.accumulate,
            room: &mut room[..2 * x.layout.channels],
        });
        self.room = room;
    }

    /// Forward, or with two tensors read the gradient of the input.
    pub(super) fn group_norm(&mut self, norm: &GroupNorm, step: &Step, chunk: Chunk, y: Target<'_, E>) {
        let mut room = std::mem::take(&mut self.room);
        let x = self.source(step, 0, chunk);
        let dy = step.reads.get(1).map(|_| self.source(step, 1, chunk));
        self.machine.run(NormalizeGroups {
            images: y.images,
            norm,
            x: x.values,
            x_layout: x.layout,
            dy: dy.map(|dy| (dy.values, dy.layout)),
            y: y.values,
            y_layout: y.layout,
            accumulate: y.accumulate,
            room: &mut room[..4 * x.layout.channels],
        });
        self.room = room;
    }
}

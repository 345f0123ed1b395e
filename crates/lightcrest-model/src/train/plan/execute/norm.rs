//! Steps of batch normalisation, with the activation that is fused with it.

use lightcrest_graph::network::Activation;

use super::{Chunk, Executor, NormLayer, Source, Step, Target};
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
}

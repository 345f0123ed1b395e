//! Steps that work value by value: activations, sums, products, dropout.

use lightcrest_graph::network::Activation;
use rand::Rng;

use super::{Chunk, Executor, Source, Step, Target};
use crate::kernel::activation::{Activate, ActivateGradient};
use crate::kernel::elementwise::{Accumulate, Add, Gate, GateGradient};
use crate::kernel::layout::Runs;
use crate::kernel::prelu::{PRelu, PReluGradient};
use crate::kernel::{Element, Machine};

impl<E: Element, M: Machine<E>> Executor<E, M> {
    pub(super) fn activate(&self, activation: Activation, x: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(Activate {
            images: y.images,
            activation,
            x: x.values,
            x_layout: x.layout,
            y: y.values,
            y_layout: y.layout,
        });
    }

    pub(super) fn activate_gradient(
        &self,
        activation: Activation,
        x: Source<'_, E>,
        dy: Source<'_, E>,
        dx: Target<'_, E>,
    ) {
        self.machine.run(ActivateGradient {
            images: dx.images,
            activation,
            x: x.values,
            x_layout: x.layout,
            dy: dy.values,
            dy_layout: dy.layout,
            dx: dx.values,
            dx_layout: dx.layout,
            accumulate: dx.accumulate,
        });
    }

    pub(super) fn add(&self, a: Source<'_, E>, b: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(Add {
            images: y.images,
            a: a.values,
            a_layout: a.layout,
            b: b.values,
            b_layout: b.layout,
            y: y.values,
            y_layout: y.layout,
        });
    }

    /// y = (y or 0) + x, or x times the factor.
    pub(super) fn accumulate(&self, x: Source<'_, E>, factor: Option<Source<'_, E>>, y: Target<'_, E>) {
        self.machine.run(Accumulate {
            images: y.images,
            x: x.values,
            x_layout: x.layout,
            factor: factor.map(|factor| (factor.values, factor.layout)),
            y: y.values,
            y_layout: y.layout,
            accumulate: y.accumulate,
        });
    }

    pub(super) fn gate(&self, x: Source<'_, E>, gate: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(Gate {
            images: y.images,
            x: x.values,
            x_layout: x.layout,
            gate: gate.values,
            gate_layout: gate.layout,
            y: y.values,
            y_layout: y.layout,
            accumulate: y.accumulate,
        });
    }

    /// The gradient of the gate; that of the map is [`Executor::gate`] of its own gradient.
    pub(super) fn gate_gradient(&self, x: Source<'_, E>, dy: Source<'_, E>, dgate: Target<'_, E>) {
        self.machine.run(GateGradient {
            images: dgate.images,
            x: x.values,
            x_layout: x.layout,
            dy: dy.values,
            dy_layout: dy.layout,
            dgate: dgate.values,
            dgate_layout: dgate.layout,
            accumulate: dgate.accumulate,
        });
    }

    /// Forward, or with `dy` the gradient of the input.
    pub(super) fn prelu(&self, layer: usize, x: Source<'_, E>, dy: Option<Source<'_, E>>, y: Target<'_, E>) {
        self.machine.run(PRelu {
            images: y.images,
            slope: &self.channel_layers[layer].packed[0],
            x: x.values,
            x_layout: x.layout,
            dy: dy.map(|dy| (dy.values, dy.layout)),
            y: y.values,
            y_layout: y.layout,
            accumulate: y.accumulate,
        });
    }

    /// The gradient of the slopes.
    pub(super) fn prelu_weight(&mut self, layer: usize, step: &Step, chunk: Chunk) {
        let mut sum = std::mem::take(&mut self.channel_layers[layer].gradients[0]);
        let (x, dy) = (self.source(step, 0, chunk), self.source(step, 1, chunk));
        self.machine.run(PReluGradient {
            images: chunk.count,
            x: x.values,
            x_layout: x.layout,
            dy: dy.values,
            dy_layout: dy.layout,
            sum: &mut sum,
            accumulate: chunk.first > 0,
        });
        self.channel_layers[layer].gradients[0] = sum;
    }
}

/// Draws a dropout mask: 0 with probability `p`, else 1 / (1 - p); 1 everywhere without `rng`.
pub(super) fn mask<'r, E: Element>(p: f32, mut rng: Option<&mut (dyn Rng + 'r)>, y: Target<'_, E>) {
    let keep = E::of(1.0 / (1.0 - f64::from(p)));
    let threshold = (f64::from(p) * 4_294_967_296.0) as u64;
    let mut runs = Runs::new([y.layout], y.images, usize::MAX);
    while let Some(([at], pixels)) = runs.next() {
        for value in &mut y.values[at..][..pixels * y.layout.stride] {
            *value = match rng.as_deref_mut().map(|rng| u64::from(rng.next_u32()) < threshold) {
                Some(true) => E::default(),
                Some(false) => keep,
                None => E::of(1.0),
            };
        }
    }
}

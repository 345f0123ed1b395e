//! Steps of convolutions and linear layers.

use lightcrest_graph::network::Activation;

use super::{Chunk, Executor, Source, Step, Target};
use crate::kernel::conv::{Channels, Correlate};
use crate::kernel::conv_gradient::{ChannelSum, CorrelateGradient};
use crate::kernel::depthwise::{Depthwise, DepthwiseGradient};
use crate::kernel::geometry::Phase;
use crate::kernel::{Element, Machine};

/// One direction of a layer.
struct Pass<'a, E> {
    depthwise: bool,
    phases: &'a [Phase],
    channels: Channels,
    weight: &'a [E],
    bias: Option<&'a [E]>,
    activation: Option<Activation>,
}

impl<E: Element, M: Machine<E>> Executor<E, M> {
    /// The layer forward, its activation included.
    pub(super) fn conv(
        &self,
        layer: usize,
        activation: Option<Activation>,
        x: Source<'_, E>,
        y: Target<'_, E>,
    ) {
        let layer = &self.convs[layer];
        let pass = Pass {
            depthwise: layer.conv.is_depthwise(),
            phases: &layer.forward,
            channels: layer.forward_channels,
            weight: &layer.packed,
            bias: layer.packed_bias.as_deref().filter(|_| !layer.transposed),
            activation,
        };
        self.correlate(pass, x, y);
    }

    /// The gradient of the input; of a transposed layer, the way forward.
    pub(super) fn conv_input(&self, layer: usize, dy: Source<'_, E>, dx: Target<'_, E>) {
        let layer = &self.convs[layer];
        let depthwise = layer.conv.is_depthwise();
        let pass = Pass {
            depthwise,
            phases: &layer.backward,
            channels: layer.backward_channels,
            weight: if depthwise { &layer.packed } else { &layer.packed_backward },
            bias: layer.packed_bias.as_deref().filter(|_| layer.transposed),
            activation: None,
        };
        self.correlate(pass, dy, dx);
    }

    fn correlate(&self, pass: Pass<'_, E>, x: Source<'_, E>, y: Target<'_, E>) {
        let Pass { depthwise, phases, channels, weight, bias, activation } = pass;
        let (images, accumulate) = (y.images, y.accumulate);
        let (x_image, y_image, y_stride) = (x.layout.image(), y.layout.image(), y.layout.stride);
        if depthwise {
            self.machine.run(Depthwise {
                images,
                phases,
                x: x.values,
                x_image,
                y: y.values,
                y_image,
                weight,
                bias,
                padded: y_stride,
                accumulate,
                activation,
            });
        } else {
            self.machine.run(Correlate {
                images,
                phases,
                channels,
                x: x.values,
                x_image,
                y: y.values,
                y_image,
                y_stride,
                weight,
                bias,
                accumulate,
                activation,
            });
        }
    }

    /// The gradients of weight and bias.
    pub(super) fn conv_weight(&mut self, layer: usize, step: &Step, chunk: Chunk) {
        let mut dw = std::mem::take(&mut self.convs[layer].packed_gradient);
        let mut sum = std::mem::take(&mut self.convs[layer].bias_gradient);
        let (x, dy) = (self.source(step, 0, chunk), self.source(step, 1, chunk));
        let (images, accumulate) = (chunk.count, chunk.first > 0);
        let (x_image, dy_image) = (x.layout.image(), dy.layout.image());
        let planned = &self.convs[layer];
        let phase = planned.weight_phase.as_ref().expect("a training plan has gradients");
        if planned.conv.is_depthwise() {
            self.machine.run(DepthwiseGradient {
                images,
                phase,
                x: x.values,
                x_image,
                dy: dy.values,
                dy_image,
                dw: &mut dw,
                padded: dy.layout.stride,
                accumulate,
            });
        } else {
            self.machine.run(CorrelateGradient {
                images,
                phase,
                channels: planned.forward_channels,
                x: x.values,
                x_image,
                dy: dy.values,
                dy_image,
                dw: &mut dw,
                accumulate,
            });
        }
        if planned.bias.is_some() {
            let output = if planned.transposed { x } else { dy };
            let (layout, dy) = (output.layout, output.values);
            self.machine.run(ChannelSum { images, layout, dy, sum: &mut sum, accumulate });
        }
        self.convs[layer].packed_gradient = dw;
        self.convs[layer].bias_gradient = sum;
    }
}

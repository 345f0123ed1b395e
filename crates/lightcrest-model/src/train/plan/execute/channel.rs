//! Steps that move channels, and the convolution across them.

use super::{Chunk, Executor, Source, Step, Target};
use crate::kernel::channel::{ChannelConv, ChannelConvGradient, CopyChannels, Flatten, Shuffle};
use crate::kernel::{Element, Machine};

impl<E: Element, M: Machine<E>> Executor<E, M> {
    pub(super) fn flatten(&self, x: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(Flatten {
            images: y.images,
            map: x.layout,
            vector: y.layout,
            x: x.values,
            y: y.values,
            backward: false,
            accumulate: y.accumulate,
        });
    }

    pub(super) fn flatten_gradient(&self, dy: Source<'_, E>, dx: Target<'_, E>) {
        self.machine.run(Flatten {
            images: dx.images,
            map: dx.layout,
            vector: dy.layout,
            x: dy.values,
            y: dx.values,
            backward: true,
            accumulate: dx.accumulate,
        });
    }

    /// All channels of x to those of y from `start` on.
    pub(super) fn concat_part(&self, start: usize, x: Source<'_, E>, y: Target<'_, E>) {
        let len = x.layout.channels;
        self.copy_channels(0, start, len, x, Target { accumulate: false, ..y });
    }

    /// The channels of x from `start` on to all of y.
    pub(super) fn slice(&self, start: usize, x: Source<'_, E>, y: Target<'_, E>) {
        self.copy_channels(start, 0, y.layout.channels, x, y);
    }

    /// All channels of dy to those of dx from `start` on; the others are zero.
    pub(super) fn slice_gradient(&self, start: usize, dy: Source<'_, E>, dx: Target<'_, E>) {
        if !dx.accumulate {
            dx.values[..dx.images * dx.layout.image()].fill(E::default());
        }
        self.copy_channels(0, start, dy.layout.channels, dy, dx);
    }

    fn copy_channels(&self, from: usize, to: usize, len: usize, x: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(CopyChannels {
            images: y.images,
            x: x.values,
            x_layout: x.layout,
            from_start: from,
            y: y.values,
            y_layout: y.layout,
            to_start: to,
            len,
            accumulate: y.accumulate,
        });
    }

    pub(super) fn shuffle(&self, groups: usize, x: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(Shuffle {
            images: y.images,
            groups,
            x: x.values,
            x_layout: x.layout,
            y: y.values,
            y_layout: y.layout,
            accumulate: y.accumulate,
        });
    }

    /// The convolution across channels; `reversed` for the gradient of its input.
    pub(super) fn channel_conv(&self, layer: usize, reversed: bool, x: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(ChannelConv {
            images: y.images,
            layout: y.layout,
            weight: &self.parameters[self.channel_convs[layer]].value,
            x: x.values,
            x_layout: x.layout,
            y: y.values,
            reversed,
            accumulate: y.accumulate,
        });
    }

    /// The gradient of its weight.
    pub(super) fn channel_conv_weight(&mut self, layer: usize, step: &Step, chunk: Chunk) {
        let parameter = self.channel_convs[layer];
        let mut dw = std::mem::take(&mut self.parameters[parameter].gradient);
        let (x, dy) = (self.source(step, 0, chunk), self.source(step, 1, chunk));
        self.machine.run(ChannelConvGradient {
            images: chunk.count,
            x: x.values,
            x_layout: x.layout,
            dy: dy.values,
            dy_layout: dy.layout,
            dw: &mut dw,
            accumulate: chunk.first > 0,
        });
        self.parameters[parameter].gradient = dw;
    }
}

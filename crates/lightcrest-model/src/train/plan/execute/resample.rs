//! Steps that move values between pixels and channels.

use lightcrest_graph::network::{Interpolate, Pad, PixelShuffle, Upsample};

use super::{Executor, Source, Target};
use crate::kernel::resample::{Frame, Gather, Interpolation, Magnify, Shuffle};
use crate::kernel::{Element, Machine};

impl<E: Element, M: Machine<E>> Executor<E, M> {
    pub(super) fn gather(&self, channels: &[usize], backward: bool, x: Source<'_, E>, y: Target<'_, E>) {
        self.machine.run(Gather {
            images: y.images,
            channels,
            x: x.values,
            x_layout: x.layout,
            y: y.values,
            y_layout: y.layout,
            backward,
            accumulate: y.accumulate,
        });
    }

    pub(super) fn pad(&self, pad: &Pad, backward: bool, x: Source<'_, E>, y: Target<'_, E>) {
        let (inner, outer) = if backward { (y.layout, x.layout) } else { (x.layout, y.layout) };
        self.machine.run(Frame {
            images: y.images,
            pad,
            inner,
            outer,
            x: x.values,
            y: y.values,
            backward,
            accumulate: y.accumulate,
        });
    }

    pub(super) fn upsample(&self, upsample: Upsample, backward: bool, x: Source<'_, E>, y: Target<'_, E>) {
        let (small, large) = if backward { (y.layout, x.layout) } else { (x.layout, y.layout) };
        self.machine.run(Magnify {
            images: y.images,
            factor: upsample.factor,
            small,
            large,
            x: x.values,
            y: y.values,
            backward,
            accumulate: y.accumulate,
        });
    }

    pub(super) fn interpolate(
        &self,
        interpolate: Interpolate,
        backward: bool,
        x: Source<'_, E>,
        y: Target<'_, E>,
    ) {
        let (from, to) = if backward { (y.layout, x.layout) } else { (x.layout, y.layout) };
        self.machine.run(Interpolation {
            images: y.images,
            alignment: interpolate.alignment,
            from,
            to,
            x: x.values,
            y: y.values,
            backward,
            accumulate: y.accumulate,
        });
    }

    pub(super) fn pixel_shuffle(
        &self,
        shuffle: &PixelShuffle,
        backward: bool,
        x: Source<'_, E>,
        y: Target<'_, E>,
    ) {
        let (deep, wide) = if backward { (y.layout, x.layout) } else { (x.layout, y.layout) };
        self.machine.run(Shuffle {
            images: y.images,
            shuffle,
            deep,
            wide,
            x: x.values,
            y: y.values,
            backward,
            accumulate: y.accumulate,
        });
    }
}

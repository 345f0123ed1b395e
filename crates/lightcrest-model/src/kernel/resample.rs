//! Operators that move values between pixels and channels: gather, padding, magnification, interpolation,
//! pixel shuffle; each forward, and backward as the gradient for its input.

use lightcrest_graph::network::{Alignment, Pad, PixelShuffle};

use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout};

/// Channel i of y = channel `channels[i]` of x; backward, dx = (dx or 0) + dy, every channel to where it came
/// from.
pub(crate) struct Gather<'a, E> {
    pub(crate) images: usize,
    pub(crate) channels: &'a [usize],
    /// The input, or backward the gradient of the output.
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    /// The output, or backward the gradient of the input.
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
    pub(crate) backward: bool,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for Gather<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let (xs, ys) = (self.x_layout.stride, self.y_layout.stride);
        let mut runs = Runs::new([self.x_layout, self.y_layout], self.images, usize::MAX);
        while let Some(([x, y], pixels)) = runs.next() {
            let x = self.x[x..][..pixels * xs].chunks_exact(xs);
            let y = self.y[y..][..pixels * ys].chunks_exact_mut(ys);
            for (x, y) in x.zip(y) {
                if self.backward {
                    if !self.accumulate {
                        y.fill(E::default());
                    }
                    for (&value, &channel) in x.iter().zip(self.channels) {
                        y[channel] += value;
                    }
                } else {
                    for (y, &channel) in y.iter_mut().zip(self.channels) {
                        *y = x[channel];
                    }
                }
            }
        }
    }
}

/// A map between its borders.
pub(crate) struct Frame<'a, E> {
    pub(crate) images: usize,
    pub(crate) pad: &'a Pad,
    /// The smaller map: read forward.
    pub(crate) inner: &'a Layout,
    /// The larger map: written forward.
    pub(crate) outer: &'a Layout,
    pub(crate) x: &'a [E],
    pub(crate) y: &'a mut [E],
    pub(crate) backward: bool,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for Frame<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let Self { inner, outer, pad, .. } = self;
        let value = E::of(pad.value.into());
        let first = pad.padding.left * outer.stride + pad.channels.0;
        for image in 0..self.images {
            if !self.backward {
                for row in 0..outer.height {
                    let at = outer.row_start(image, row);
                    self.y[at..][..outer.width * outer.stride].fill(value);
                }
            }
            for row in 0..inner.height {
                let small = inner.row_start(image, row);
                let large = outer.row_start(image, row + pad.padding.top) + first;
                for column in 0..inner.width {
                    let (small, large) = (small + column * inner.stride, large + column * outer.stride);
                    let (from, to) = if self.backward { (large, small) } else { (small, large) };
                    let x = &self.x[from..][..inner.channels];
                    let y = &mut self.y[to..][..inner.channels];
                    if self.accumulate {
                        y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
                    } else {
                        y.copy_from_slice(x);
                    }
                }
            }
        }
    }
}

/// Every pixel of the small map as a block of the large one; backward, the sum of the block.
pub(crate) struct Magnify<'a, E> {
    pub(crate) images: usize,
    pub(crate) factor: (usize, usize),
    /// Read forward.
    pub(crate) small: &'a Layout,
    /// Written forward.
    pub(crate) large: &'a Layout,
    pub(crate) x: &'a [E],
    pub(crate) y: &'a mut [E],
    pub(crate) backward: bool,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for Magnify<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let Self { small, large, factor, .. } = self;
        let stride = small.stride;
        for image in 0..self.images {
            if self.backward && !self.accumulate {
                for row in 0..small.height {
                    self.y[small.row_start(image, row)..][..small.width * stride].fill(E::default());
                }
            }
            for row in 0..large.height {
                let large_row = large.row_start(image, row);
                let small_row = small.row_start(image, row / factor.0);
                for column in 0..large.width {
                    let at_large = large_row + column * stride;
                    let at_small = small_row + column / factor.1 * stride;
                    if self.backward {
                        let x = isa.vectors(&self.x[at_large..][..stride]);
                        let y = isa.vectors_mut(&mut self.y[at_small..][..stride]);
                        y.iter_mut().zip(x).for_each(|(y, &x)| *y = isa.add(*y, x));
                    } else {
                        self.y[at_large..][..stride].copy_from_slice(&self.x[at_small..][..stride]);
                    }
                }
            }
        }
    }
}

/// A map of another size by bilinear interpolation; backward, every gradient to the pixels that it came from.
pub(crate) struct Interpolation<'a, E> {
    pub(crate) images: usize,
    pub(crate) alignment: Alignment,
    /// Read forward.
    pub(crate) from: &'a Layout,
    /// Written forward.
    pub(crate) to: &'a Layout,
    pub(crate) x: &'a [E],
    pub(crate) y: &'a mut [E],
    pub(crate) backward: bool,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for Interpolation<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let Self { from, to, alignment, .. } = self;
        let stride = from.stride;
        for image in 0..self.images {
            if self.backward && !self.accumulate {
                for row in 0..from.height {
                    self.y[from.row_start(image, row)..][..from.width * stride].fill(E::default());
                }
            }
            for row in 0..to.height {
                let (top, bottom, down) = alignment.source(row, to.height, from.height);
                for column in 0..to.width {
                    let (left, right, along) = alignment.source(column, to.width, from.width);
                    let at = to.row_start(image, row) + column * stride;
                    let taps = [
                        (top, left, (1.0 - down) * (1.0 - along)),
                        (top, right, (1.0 - down) * along),
                        (bottom, left, down * (1.0 - along)),
                        (bottom, right, down * along),
                    ];
                    for (tap, (row, column, weight)) in taps.into_iter().enumerate() {
                        let pixel = from.row_start(image, row) + column * stride;
                        let weight = isa.splat(E::of(weight));
                        let (read, write) = if self.backward { (at, pixel) } else { (pixel, at) };
                        let x = isa.vectors(&self.x[read..][..stride]);
                        let y = isa.vectors_mut(&mut self.y[write..][..stride]);
                        let first = tap == 0 && !self.backward;
                        for (y, &x) in y.iter_mut().zip(x) {
                            *y = if first { isa.mul(x, weight) } else { isa.mul_add(x, weight, *y) };
                        }
                    }
                }
            }
        }
    }
}

/// Blocks of channels of the deep map to blocks of positions of the wide one, or back.
pub(crate) struct Shuffle<'a, E> {
    pub(crate) images: usize,
    pub(crate) shuffle: &'a PixelShuffle,
    /// Read forward.
    pub(crate) deep: &'a Layout,
    /// Written forward.
    pub(crate) wide: &'a Layout,
    pub(crate) x: &'a [E],
    pub(crate) y: &'a mut [E],
    pub(crate) backward: bool,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for Shuffle<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let Self { deep, wide, shuffle, .. } = self;
        let block = shuffle.block;
        for image in 0..self.images {
            for row in 0..wide.height {
                for column in 0..wide.width {
                    let at_wide = wide.row_start(image, row) + column * wide.stride;
                    let at_deep = deep.row_start(image, row / block) + column / block * deep.stride;
                    let pixel = (row % block, column % block);
                    for channel in 0..wide.channels {
                        let (deep, wide) =
                            (at_deep + shuffle.source(channel, pixel, wide.channels), at_wide + channel);
                        let (from, to) = if self.backward { (wide, deep) } else { (deep, wide) };
                        let old = if self.accumulate { self.y[to] } else { E::default() };
                        self.y[to] = old + self.x[from];
                    }
                }
            }
        }
    }
}

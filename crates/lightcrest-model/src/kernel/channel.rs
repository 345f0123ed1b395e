//! Operators that move channels: concatenation, slice, shuffle, flatten; and the convolution across channels.

use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout};

/// Channels `to_start ..` of y = (y or 0) + channels `from_start ..` of x: one part of a concatenation, a
/// slice, and the gradients of both.
pub(crate) struct CopyChannels<'a, E> {
    pub(crate) images: usize,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) from_start: usize,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
    pub(crate) to_start: usize,
    pub(crate) len: usize,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for CopyChannels<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let (xs, ys) = (self.x_layout.stride, self.y_layout.stride);
        let mut runs = Runs::new([self.x_layout, self.y_layout], self.images, usize::MAX);
        while let Some(([x, y], pixels)) = runs.next() {
            let x = &self.x[x..][..pixels * xs];
            let y = &mut self.y[y..][..pixels * ys];
            for (x, y) in x.chunks_exact(xs).zip(y.chunks_exact_mut(ys)) {
                let x = &x[self.from_start..][..self.len];
                let y = &mut y[self.to_start..][..self.len];
                if self.accumulate {
                    for (y, &x) in y.iter_mut().zip(x) {
                        *y += x;
                    }
                } else {
                    for (y, &x) in y.iter_mut().zip(x) {
                        *y = x;
                    }
                }
            }
        }
    }
}

/// Channel `j * groups + i` of y = (y or 0) + channel `i * (c / groups) + j` of x. The gradient is the
/// shuffle with `c / groups` groups.
pub(crate) struct Shuffle<'a, E> {
    pub(crate) images: usize,
    pub(crate) groups: usize,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for Shuffle<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let (stride, channels) = (self.x_layout.stride, self.x_layout.channels);
        let (groups, size) = (self.groups, channels / self.groups);
        let mut runs = Runs::new([self.x_layout, self.y_layout], self.images, usize::MAX);
        while let Some(([x, y], pixels)) = runs.next() {
            let x = &self.x[x..][..pixels * stride];
            let y = &mut self.y[y..][..pixels * stride];
            for (x, y) in x.chunks_exact(stride).zip(y.chunks_exact_mut(stride)) {
                let (x, y) = (&x[..channels], &mut y[..channels]);
                match (self.accumulate, groups, size) {
                    // the usual two halves, in the form that compilers vectorise
                    (false, 2, _) => {
                        let (a, b) = x.split_at(size);
                        for ((y, &a), &b) in y.chunks_exact_mut(2).zip(a).zip(b) {
                            y[0] = a;
                            y[1] = b;
                        }
                    }
                    (false, _, 2) => {
                        let (a, b) = y.split_at_mut(groups);
                        for ((x, a), b) in x.chunks_exact(2).zip(a).zip(b) {
                            *a = x[0];
                            *b = x[1];
                        }
                    }
                    _ => {
                        for i in 0..groups {
                            for j in 0..size {
                                let value = x[i * size + j];
                                let target = &mut y[j * groups + i];
                                *target = if self.accumulate { *target + value } else { value };
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Between a map and a vector of its values in channel-major order, as PyTorch flattens.
pub(crate) struct Flatten<'a, E> {
    pub(crate) images: usize,
    pub(crate) map: &'a Layout,
    pub(crate) vector: &'a Layout,
    pub(crate) x: &'a [E],
    pub(crate) y: &'a mut [E],
    /// False: x is the map. True: x is the vector (its gradient) and y the map.
    pub(crate) backward: bool,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for Flatten<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let (map, area) = (self.map, self.map.area());
        for image in 0..self.images {
            let vector = self.vector.row_start(image, 0);
            for row in 0..map.height {
                for column in 0..map.width {
                    let pixel = map.row_start(image, row) + column * map.stride;
                    let position = vector + row * map.width + column;
                    for channel in 0..map.channels {
                        let (mut from, mut to) = (pixel + channel, position + channel * area);
                        if self.backward {
                            (from, to) = (to, from);
                        }
                        let before = if self.accumulate { self.y[to] } else { E::default() };
                        self.y[to] = before + self.x[from];
                    }
                }
            }
        }
    }
}

/// y[c] = sum over k of w[k] x[c + k - kernel / 2], zero outside: forward, and the gradient for the input
/// with the kernel reversed.
pub(crate) struct ChannelConv<'a, E> {
    pub(crate) images: usize,
    pub(crate) layout: &'a Layout,
    pub(crate) weight: &'a [E],
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) y: &'a mut [E],
    pub(crate) reversed: bool,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for ChannelConv<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let (kernel, channels) = (self.weight.len(), self.layout.channels);
        for image in 0..self.images {
            let x = &self.x[self.x_layout.row_start(image, 0)..][..channels];
            let y = &mut self.y[self.layout.row_start(image, 0)..][..channels];
            for channel in 0..channels {
                let mut sum = if self.accumulate { y[channel] } else { E::default() };
                for k in 0..kernel {
                    let w = self.weight[if self.reversed { kernel - 1 - k } else { k }];
                    if let Some(&x) = (channel + k).checked_sub(kernel / 2).and_then(|at| x.get(at)) {
                        sum += w * x;
                    }
                }
                y[channel] = sum;
            }
        }
    }
}

/// dw[k] = (dw or 0) + sum over channels of x[c + k - kernel / 2] dy[c].
pub(crate) struct ChannelConvGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: &'a [E],
    pub(crate) dy_layout: &'a Layout,
    pub(crate) dw: &'a mut [E],
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for ChannelConvGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let (kernel, channels) = (self.dw.len(), self.x_layout.channels);
        if !self.accumulate {
            self.dw.fill(E::default());
        }
        for image in 0..self.images {
            let x = &self.x[self.x_layout.row_start(image, 0)..][..channels];
            let dy = &self.dy[self.dy_layout.row_start(image, 0)..][..channels];
            for k in 0..kernel {
                for (channel, &d) in dy.iter().enumerate() {
                    if let Some(&x) = (channel + k).checked_sub(kernel / 2).and_then(|at| x.get(at)) {
                        self.dw[k] += d * x;
                    }
                }
            }
        }
    }
}

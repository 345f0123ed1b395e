//! Layer normalisation over the channels of a pixel (Ba et al. 2016).
//!
//! | symbol | meaning |
//! |---|---|
//! | r | 1 / sqrt(var + epsilon), of the channels of one pixel |
//! | n = (x - mean) r | normalised input |
//! | y = gamma n + beta | output |
//! | g = gamma dy | gradient for n |
//!
//! dx = r (g - mean(g) - n mean(g n)); dgamma = sum of dy n and dbeta = sum of dy over pixels. Mean and r are
//! computed anew from x, so that nothing is stored.

use super::layout::Runs;
use super::simd::MAX_LANES;
use super::{Element, Isa, Kernel, Layout};

/// Sum of the lanes of a vector.
#[inline(always)]
fn lanes<I: Isa>(isa: I, vector: I::V) -> f64 {
    let mut lanes = [I::E::default(); MAX_LANES];
    // SAFETY: the array holds the widest vector.
    unsafe { isa.store(lanes.as_mut_ptr(), vector) };
    lanes[..I::LANES].iter().map(|v| v.f64()).sum()
}

/// The whole vectors of a pixel, and the channels behind them as a vector that ends with zeros.
#[inline(always)]
fn split<I: Isa>(isa: I, pixel: &[I::E], channels: usize) -> (&[I::V], I::V) {
    let rest = channels % I::LANES;
    // SAFETY: the rest of the channels lies inside of the pixel.
    let tail = unsafe { isa.load_first(pixel.as_ptr().wrapping_add(channels - rest), rest) };
    (isa.vectors(&pixel[..channels - rest]), tail)
}

/// Mean and r of a pixel; in two passes, so that a large mean does not cancel the variance.
#[inline(always)]
fn moments<I: Isa>(isa: I, pixel: &[I::E], channels: usize, epsilon: f64) -> (f64, f64) {
    let (whole, tail) = split(isa, pixel, channels);
    let mut sum = tail;
    for &v in whole {
        sum = isa.add(sum, v);
    }
    let mean = lanes(isa, sum) / channels as f64;
    let pivot = isa.splat(I::E::of(mean));
    let mut square = isa.zero();
    for &v in whole {
        let d = isa.sub(v, pivot);
        square = isa.mul_add(d, d, square);
    }
    let rest = channels - whole.len() * I::LANES;
    let tail: f64 = pixel[channels - rest..channels].iter().map(|v| (v.f64() - mean).powi(2)).sum();
    (mean, 1.0 / ((lanes(isa, square) + tail) / channels as f64 + epsilon).sqrt())
}

/// y = gamma n + beta
pub(crate) struct LayerNorm<'a, E> {
    pub(crate) images: usize,
    pub(crate) epsilon: f64,
    /// As long as the stride, zeros behind the channels.
    pub(crate) gamma: &'a [E],
    pub(crate) beta: &'a [E],
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
}

impl<E: Element> Kernel<E> for LayerNorm<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (stride, channels) = (self.x_layout.stride, self.x_layout.channels);
        let (gamma, beta) = (isa.vectors(&self.gamma[..stride]), isa.vectors(&self.beta[..stride]));
        let mut runs = Runs::new([self.x_layout, self.y_layout], self.images, usize::MAX);
        while let Some(([x, y], pixels)) = runs.next() {
            let x = self.x[x..][..pixels * stride].chunks_exact(stride);
            let y = self.y[y..][..pixels * stride].chunks_exact_mut(stride);
            for (x, y) in x.zip(y) {
                let (mean, r) = moments(isa, x, channels, self.epsilon);
                let (mean, r) = (isa.splat(E::of(mean)), isa.splat(E::of(r)));
                let (x, y) = (isa.vectors(x), isa.vectors_mut(y));
                for v in 0..gamma.len() {
                    let n = isa.mul(isa.sub(x[v], mean), r);
                    y[v] = isa.mul_add(n, gamma[v], beta[v]);
                }
            }
        }
    }
}

/// dx = (dx or 0) + r (g - mean(g) - n mean(g n))
pub(crate) struct LayerNormInput<'a, E> {
    pub(crate) images: usize,
    pub(crate) epsilon: f64,
    /// As long as the stride, zeros behind the channels.
    pub(crate) gamma: &'a [E],
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: &'a [E],
    pub(crate) dy_layout: &'a Layout,
    pub(crate) dx: &'a mut [E],
    pub(crate) dx_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for LayerNormInput<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (stride, channels) = (self.x_layout.stride, self.x_layout.channels);
        let gamma = isa.vectors(&self.gamma[..stride]);
        let mut runs = Runs::new([self.x_layout, self.dy_layout, self.dx_layout], self.images, usize::MAX);
        while let Some(([x, dy, dx], pixels)) = runs.next() {
            let len = pixels * stride;
            let x = self.x[x..][..len].chunks_exact(stride);
            let dy = self.dy[dy..][..len].chunks_exact(stride);
            let dx = self.dx[dx..][..len].chunks_exact_mut(stride);
            for ((x, dy), dx) in x.zip(dy).zip(dx) {
                let (mean, r) = moments(isa, x, channels, self.epsilon);
                let (center, scale) = (isa.splat(E::of(mean)), isa.splat(E::of(r)));
                let (mut sum, mut product) = (isa.zero(), isa.zero());
                let ((x_whole, x_tail), (dy_whole, dy_tail)) =
                    (split(isa, x, channels), split(isa, dy, channels));
                for v in 0..gamma.len() {
                    // zeros of the tail's gradient leave the sums alone
                    let (x, dy) = match x_whole.get(v) {
                        Some(&x) => (x, dy_whole[v]),
                        None => (x_tail, dy_tail),
                    };
                    let g = isa.mul(dy, gamma[v]);
                    sum = isa.add(sum, g);
                    product = isa.mul_add(g, isa.mul(isa.sub(x, center), scale), product);
                }
                let share = 1.0 / channels as f64;
                let sum = isa.splat(E::of(lanes(isa, sum) * share));
                let product = isa.splat(E::of(lanes(isa, product) * share));
                let (x, dy, dx) = (isa.vectors(x), isa.vectors(dy), isa.vectors_mut(dx));
                for v in 0..gamma.len() {
                    let n = isa.mul(isa.sub(x[v], center), scale);
                    let g = isa.sub(isa.mul(dy[v], gamma[v]), sum);
                    let value = isa.mul(scale, isa.sub(g, isa.mul(n, product)));
                    dx[v] = if self.accumulate { isa.add(dx[v], value) } else { value };
                }
            }
        }
    }
}

/// The gradients of gamma and beta: sums over pixels of dy n and of dy.
pub(crate) struct LayerNormGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) epsilon: f64,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: &'a [E],
    pub(crate) dy_layout: &'a Layout,
    /// As long as the stride.
    pub(crate) gamma: &'a mut [E],
    pub(crate) beta: &'a mut [E],
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for LayerNormGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (stride, channels) = (self.x_layout.stride, self.x_layout.channels);
        let gamma = isa.vectors_mut(&mut self.gamma[..stride]);
        let beta = isa.vectors_mut(&mut self.beta[..stride]);
        if !self.accumulate {
            gamma.fill(isa.zero());
            beta.fill(isa.zero());
        }
        let mut runs = Runs::new([self.x_layout, self.dy_layout], self.images, usize::MAX);
        while let Some(([x, dy], pixels)) = runs.next() {
            let x = self.x[x..][..pixels * stride].chunks_exact(stride);
            let dy = self.dy[dy..][..pixels * stride].chunks_exact(stride);
            for (x, dy) in x.zip(dy) {
                let (mean, r) = moments(isa, x, channels, self.epsilon);
                let (mean, r) = (isa.splat(E::of(mean)), isa.splat(E::of(r)));
                let (x, dy) = (isa.vectors(x), isa.vectors(dy));
                for v in 0..gamma.len() {
                    let n = isa.mul(isa.sub(x[v], mean), r);
                    gamma[v] = isa.mul_add(n, dy[v], gamma[v]);
                    beta[v] = isa.add(beta[v], dy[v]);
                }
            }
        }
    }
}

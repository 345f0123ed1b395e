//! Learnt slopes below zero, one a channel.

use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout};

/// y = x where x > 0, else slope x; with `dy` given, y = (y or 0) + the gradient for the input.
pub(crate) struct PRelu<'a, E> {
    pub(crate) images: usize,
    /// As long as the stride.
    pub(crate) slope: &'a [E],
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: Option<(&'a [E], &'a Layout)>,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for PRelu<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let stride = self.x_layout.stride;
        let slope = isa.vectors(&self.slope[..stride]);
        let dy_layout = self.dy.map_or(self.x_layout, |dy| dy.1);
        let mut runs = Runs::new([self.x_layout, dy_layout, self.y_layout], self.images, usize::MAX);
        while let Some(([x, dy, y], pixels)) = runs.next() {
            let len = pixels * stride;
            let x = isa.vectors(&self.x[x..][..len]);
            // forward, the value that passes is x itself
            let passed = self.dy.map_or(x, |(values, _)| isa.vectors(&values[dy..][..len]));
            let y = isa.vectors_mut(&mut self.y[y..][..len]);
            let pixels = x.chunks_exact(slope.len()).zip(passed.chunks_exact(slope.len()));
            for (y, (x, passed)) in y.chunks_exact_mut(slope.len()).zip(pixels) {
                for v in 0..slope.len() {
                    let below = isa.mul(passed[v], slope[v]);
                    let value = isa.select_greater(x[v], isa.zero(), passed[v], below);
                    y[v] = if self.accumulate { isa.add(y[v], value) } else { value };
                }
            }
        }
    }
}

/// sum[c] = (sum[c] or 0) + sum over pixels where x <= 0 of x dy: the gradient for the slopes.
pub(crate) struct PReluGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: &'a [E],
    pub(crate) dy_layout: &'a Layout,
    /// As long as the stride.
    pub(crate) sum: &'a mut [E],
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for PReluGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let stride = self.x_layout.stride;
        let sum = isa.vectors_mut(&mut self.sum[..stride]);
        if !self.accumulate {
            sum.fill(isa.zero());
        }
        let mut runs = Runs::new([self.x_layout, self.dy_layout], self.images, usize::MAX);
        while let Some(([x, dy], pixels)) = runs.next() {
            let len = pixels * stride;
            let (x, dy) = (isa.vectors(&self.x[x..][..len]), isa.vectors(&self.dy[dy..][..len]));
            for (x, dy) in x.chunks_exact(sum.len()).zip(dy.chunks_exact(sum.len())) {
                for v in 0..sum.len() {
                    let below = isa.select_greater(x[v], isa.zero(), isa.zero(), x[v]);
                    sum[v] = isa.mul_add(below, dy[v], sum[v]);
                }
            }
        }
    }
}

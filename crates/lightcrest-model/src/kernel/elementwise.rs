//! Sums and products of maps of one size, and the gate of squeeze-and-excite.

use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout};

/// y = (y or 0) + x, or + x * factor.
pub(crate) struct Accumulate<'a, E> {
    pub(crate) images: usize,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    /// Multiplied with x.
    pub(crate) factor: Option<(&'a [E], &'a Layout)>,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for Accumulate<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let factor_layout = self.factor.map_or(self.x_layout, |f| f.1);
        let mut runs = Runs::new([self.x_layout, self.y_layout, factor_layout], self.images, usize::MAX);
        while let Some(([from, to, by], pixels)) = runs.next() {
            let len = pixels * self.x_layout.stride;
            let x = isa.vectors(&self.x[from..][..len]);
            let y = isa.vectors_mut(&mut self.y[to..][..len]);
            match (self.factor, self.accumulate) {
                (None, false) => y.copy_from_slice(x),
                (None, true) => {
                    for (y, &x) in y.iter_mut().zip(x) {
                        *y = isa.add(*y, x);
                    }
                }
                (Some((factor, _)), accumulate) => {
                    let factor = isa.vectors(&factor[by..][..len]);
                    for ((y, &x), &f) in y.iter_mut().zip(x).zip(factor) {
                        *y = isa.mul_add(x, f, if accumulate { *y } else { isa.zero() });
                    }
                }
            }
        }
    }
}

/// y = a + b
pub(crate) struct Add<'a, E> {
    pub(crate) images: usize,
    pub(crate) a: &'a [E],
    pub(crate) a_layout: &'a Layout,
    pub(crate) b: &'a [E],
    pub(crate) b_layout: &'a Layout,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
}

impl<E: Element> Kernel<E> for Add<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let mut runs = Runs::new([self.a_layout, self.b_layout, self.y_layout], self.images, usize::MAX);
        while let Some(([a, b, y], pixels)) = runs.next() {
            let len = pixels * self.a_layout.stride;
            let (a, b) = (isa.vectors(&self.a[a..][..len]), isa.vectors(&self.b[b..][..len]));
            let y = isa.vectors_mut(&mut self.y[y..][..len]);
            for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
                *y = isa.add(a, b);
            }
        }
    }
}

/// y = (y or 0) + x * gate, one gate an image and channel: the product, and its gradient for the map.
pub(crate) struct Gate<'a, E> {
    pub(crate) images: usize,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) gate: &'a [E],
    pub(crate) gate_layout: &'a Layout,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for Gate<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (xl, yl) = (self.x_layout, self.y_layout);
        let len = xl.width * xl.stride;
        for image in 0..self.images {
            let at = self.gate_layout.row_start(image, 0);
            let gate = isa.vectors(&self.gate[at..][..xl.stride]);
            for row in 0..xl.height {
                let x = isa.vectors(&self.x[xl.row_start(image, row)..][..len]);
                let y = isa.vectors_mut(&mut self.y[yl.row_start(image, row)..][..len]);
                for (y, x) in y.chunks_exact_mut(gate.len()).zip(x.chunks_exact(gate.len())) {
                    for ((y, &x), &g) in y.iter_mut().zip(x).zip(gate) {
                        *y = isa.mul_add(x, g, if self.accumulate { *y } else { isa.zero() });
                    }
                }
            }
        }
    }
}

/// dgate = (dgate or 0) + sum over positions of dy * x: the gradient for the gate.
pub(crate) struct GateGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: &'a [E],
    pub(crate) dy_layout: &'a Layout,
    pub(crate) dgate: &'a mut [E],
    pub(crate) dgate_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for GateGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (xl, yl) = (self.x_layout, self.dy_layout);
        let len = xl.width * xl.stride;
        for image in 0..self.images {
            let at = self.dgate_layout.row_start(image, 0);
            let dgate = isa.vectors_mut(&mut self.dgate[at..][..xl.stride]);
            if !self.accumulate {
                dgate.fill(isa.zero());
            }
            for row in 0..xl.height {
                let x = isa.vectors(&self.x[xl.row_start(image, row)..][..len]);
                let dy = isa.vectors(&self.dy[yl.row_start(image, row)..][..len]);
                for (dy, x) in dy.chunks_exact(dgate.len()).zip(x.chunks_exact(dgate.len())) {
                    for ((g, &dy), &x) in dgate.iter_mut().zip(dy).zip(x) {
                        *g = isa.mul_add(dy, x, *g);
                    }
                }
            }
        }
    }
}

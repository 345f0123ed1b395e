//! Batch normalisation (Ioffe & Szegedy 2015), fused with the activation that follows it.
//!
//! | symbol | meaning |
//! |---|---|
//! | x | input, one value a pixel and channel |
//! | z = scale x + shift | normalised input: scale = gamma / sqrt(var + eps), shift = beta - mean scale |
//! | y = f(z) | output of the fused activation |
//! | dz = f'(z) dy | gradient for z |
//!
//! The passes are those between which the whole batch must be known: moments of x; y; dz with its two sums;
//! dx. z is computed anew from x wherever it is needed, which costs one multiply-add and saves a pass over
//! memory.

use lightcrest_graph::network::Activation;

use super::activation::{Pointwise, with_fused};
use super::conv::even_part;
use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout, Paired};

/// Elements of a block that stays in the first cache while every vector of channels passes over it.
const BLOCK: usize = 4096;

/// Sums of x - pivot and (x - pivot)^2 over pixels; the pivot is the first pixel, so that the variance does
/// not cancel when the mean is large.
pub(crate) struct Moments<'a, E> {
    pub(crate) images: usize,
    pub(crate) x: &'a [E],
    pub(crate) layout: &'a Layout,
    /// Overwritten; each as long as the stride.
    pub(crate) pivot: &'a mut [E],
    pub(crate) sum: &'a mut [E],
    pub(crate) square: &'a mut [E],
}

impl<E: Element> Kernel<E> for Moments<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let stride = self.layout.stride;
        self.pivot.copy_from_slice(&self.x[self.layout.origin()..][..stride]);
        let pivot = isa.vectors(self.pivot);
        let (sum, square) = (isa.vectors_mut(self.sum), isa.vectors_mut(self.square));
        sum.fill(isa.zero());
        square.fill(isa.zero());
        let mut runs = Runs::new([self.layout], self.images, (BLOCK / stride).max(16));
        while let Some(([at], pixels)) = runs.next() {
            let run = &self.x[at..][..pixels * stride];
            for v in 0..pivot.len() {
                let x = run.as_ptr().wrapping_add(v * I::LANES);
                let (mut s, mut q) = ([isa.zero(); 4], [isa.zero(); 4]);
                let mut pixel = 0;
                while pixel + 4 <= pixels {
                    for lane in 0..4 {
                        // SAFETY: vector v of a pixel of the run.
                        let x = unsafe { isa.load(x.wrapping_add((pixel + lane) * stride)) };
                        let d = isa.sub(x, pivot[v]);
                        s[lane] = isa.add(s[lane], d);
                        q[lane] = isa.mul_add(d, d, q[lane]);
                    }
                    pixel += 4;
                }
                while pixel < pixels {
                    // SAFETY: vector v of a pixel of the run.
                    let x = unsafe { isa.load(x.wrapping_add(pixel * stride)) };
                    let d = isa.sub(x, pivot[v]);
                    s[0] = isa.add(s[0], d);
                    q[0] = isa.mul_add(d, d, q[0]);
                    pixel += 1;
                }
                sum[v] = isa.add(sum[v], isa.add(isa.add(s[0], s[1]), isa.add(s[2], s[3])));
                square[v] = isa.add(square[v], isa.add(isa.add(q[0], q[1]), isa.add(q[2], q[3])));
            }
        }
    }
}

/// y = f(scale x + shift)
pub(crate) struct Normalize<'a, E> {
    pub(crate) images: usize,
    pub(crate) activation: Option<Activation>,
    pub(crate) scale: &'a [E],
    pub(crate) shift: &'a [E],
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
}

impl<E: Element> Kernel<E> for Normalize<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        with_fused!(self.activation, f => self.with(isa, f))
    }
}

impl<E: Element> Normalize<'_, E> {
    #[inline(always)]
    fn with<I: Isa<E = E>, F: Pointwise>(self, isa: I, f: F) {
        let stride = self.x_layout.stride;
        let (scale, shift) = (isa.vectors(&self.scale[..stride]), isa.vectors(&self.shift[..stride]));
        let mut runs = Runs::new([self.x_layout, self.y_layout], self.images, usize::MAX);
        while let Some(([x, y], pixels)) = runs.next() {
            let x = isa.vectors(&self.x[x..][..pixels * stride]);
            let y = isa.vectors_mut(&mut self.y[y..][..pixels * stride]);
            if let ([a], [b]) = (scale, shift) {
                let ((x, x_rest), (y, y_rest)) = (x.as_chunks(), y.as_chunks_mut());
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = f.value(Paired(isa), Paired(isa).mul_add(x, [*a; 2], [*b; 2]));
                }
                for (y, &x) in y_rest.iter_mut().zip(x_rest) {
                    *y = f.value(isa, isa.mul_add(x, *a, *b));
                }
                continue;
            }
            let n = scale.len();
            let (mut two_y, two_x) = (y.chunks_exact_mut(2 * n), x.chunks_exact(2 * n));
            let rest = two_x.remainder();
            for (y, x) in (&mut two_y).zip(two_x) {
                let (y0, y1) = y.split_at_mut(n);
                let (x0, x1) = x.split_at(n);
                let pixels = y0.iter_mut().zip(y1).zip(x0.iter().zip(x1));
                for (((y0, y1), (&x0, &x1)), (&a, &b)) in pixels.zip(scale.iter().zip(shift)) {
                    let z = Paired(isa).mul_add([x0, x1], [a; 2], [b; 2]);
                    [*y0, *y1] = f.value(Paired(isa), z);
                }
            }
            for (((y, &x), &a), &b) in two_y.into_remainder().iter_mut().zip(rest).zip(scale).zip(shift) {
                *y = f.value(isa, isa.mul_add(x, a, b));
            }
        }
    }
}

/// dz = f'(z) dy, and its sums over pixels of dz and of dz (x - mean).
pub(crate) struct NormalizeGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) activation: Option<Activation>,
    pub(crate) scale: &'a [E],
    pub(crate) shift: &'a [E],
    pub(crate) mean: &'a [E],
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: &'a [E],
    pub(crate) dy_layout: &'a Layout,
    /// `None` without activation, where dz is dy.
    pub(crate) dz: Option<(&'a mut [E], &'a Layout)>,
    /// Overwritten; each as long as the stride.
    pub(crate) sum: &'a mut [E],
    pub(crate) product: &'a mut [E],
}

impl<E: Element> Kernel<E> for NormalizeGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        with_fused!(self.activation, f => self.with(isa, f))
    }
}

impl<E: Element> NormalizeGradient<'_, E> {
    #[inline(always)]
    fn with<I: Isa<E = E>, F: Pointwise>(mut self, isa: I, f: F) {
        let stride = self.x_layout.stride;
        let (scale, shift) = (isa.vectors(&self.scale[..stride]), isa.vectors(&self.shift[..stride]));
        let mean = isa.vectors(&self.mean[..stride]);
        let (sum, product) = (isa.vectors_mut(self.sum), isa.vectors_mut(self.product));
        sum.fill(isa.zero());
        product.fill(isa.zero());
        let dz_layout = self.dz.as_ref().map_or(self.dy_layout, |d| d.1);
        let layouts = [self.x_layout, self.dy_layout, dz_layout];
        let mut runs = Runs::new(layouts, self.images, (BLOCK / stride).max(16));
        while let Some(([x, dy, dz], pixels)) = runs.next() {
            let x = self.x[x..][..pixels * stride].as_ptr();
            let dy = self.dy[dy..][..pixels * stride].as_ptr();
            let dz = self.dz.as_mut().map(|d| d.0[dz..][..pixels * stride].as_mut_ptr());
            let mut v = 0;
            while v < scale.len() {
                let n = even_part(scale.len() - v, 2);
                let at = v * I::LANES;
                let run = GradientRun {
                    pixels,
                    stride,
                    x: x.wrapping_add(at),
                    dy: dy.wrapping_add(at),
                    dz: dz.map(|dz| dz.wrapping_add(at)),
                    scale: &scale[v..v + n],
                    shift: &shift[v..v + n],
                    mean: &mean[v..v + n],
                };
                let (sum, product) = (&mut sum[v..v + n], &mut product[v..v + n]);
                // SAFETY: the slices above hold every pixel of the run.
                unsafe {
                    match n {
                        1 => gradient_run::<I, F, 1>(isa, f, &run, sum, product),
                        _ => gradient_run::<I, F, 2>(isa, f, &run, sum, product),
                    }
                }
                v += n;
            }
        }
    }
}

struct GradientRun<'a, I: Isa> {
    pixels: usize,
    stride: usize,
    x: *const I::E,
    dy: *const I::E,
    dz: Option<*mut I::E>,
    scale: &'a [I::V],
    shift: &'a [I::V],
    mean: &'a [I::V],
}

/// N neighbouring vectors of a run; two pixels at a time, so that neither slopes nor sums wait for each
/// other.
///
/// # Safety
/// Every pixel of the run must be in bounds.
#[inline(always)]
unsafe fn gradient_run<I: Isa, F: Pointwise, const N: usize>(
    isa: I,
    f: F,
    run: &GradientRun<'_, I>,
    sum: &mut [I::V],
    product: &mut [I::V],
) {
    let two = Paired(isa);
    let (mut s, mut q) = ([two.zero(); N], [two.zero(); N]);
    let mut at = 0;
    for _ in 0..run.pixels / 2 {
        for v in 0..N {
            let (first, second) = (at + v * I::LANES, at + run.stride + v * I::LANES);
            // SAFETY: vector v of two pixels of the run.
            let (x, dy) = unsafe {
                (
                    [isa.load(run.x.wrapping_add(first)), isa.load(run.x.wrapping_add(second))],
                    [isa.load(run.dy.wrapping_add(first)), isa.load(run.dy.wrapping_add(second))],
                )
            };
            let g = f.gradient(two, two.mul_add(x, [run.scale[v]; 2], [run.shift[v]; 2]), dy);
            if let Some(dz) = run.dz {
                // SAFETY: as above.
                unsafe {
                    isa.store(dz.wrapping_add(first), g[0]);
                    isa.store(dz.wrapping_add(second), g[1]);
                }
            }
            s[v] = two.add(s[v], g);
            q[v] = two.mul_add(g, two.sub(x, [run.mean[v]; 2]), q[v]);
        }
        at += 2 * run.stride;
    }
    if run.pixels % 2 == 1 {
        for v in 0..N {
            let at = at + v * I::LANES;
            // SAFETY: vector v of the last pixel of the run.
            let (x, dy) = unsafe { (isa.load(run.x.wrapping_add(at)), isa.load(run.dy.wrapping_add(at))) };
            let g = f.gradient(isa, isa.mul_add(x, run.scale[v], run.shift[v]), dy);
            if let Some(dz) = run.dz {
                // SAFETY: as above.
                unsafe { isa.store(dz.wrapping_add(at), g) };
            }
            s[v][0] = isa.add(s[v][0], g);
            q[v][0] = isa.mul_add(g, isa.sub(x, run.mean[v]), q[v][0]);
        }
    }
    for v in 0..N {
        sum[v] = isa.add(sum[v], isa.add(s[v][0], s[v][1]));
        product[v] = isa.add(product[v], isa.add(q[v][0], q[v][1]));
    }
}

/// dx = (dx or 0) + a dz + b x + c, channel by channel: the gradient for the input once the sums are known.
pub(crate) struct NormalizeInput<'a, E> {
    pub(crate) images: usize,
    pub(crate) a: &'a [E],
    pub(crate) b: &'a [E],
    pub(crate) c: &'a [E],
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dz: &'a [E],
    pub(crate) dz_layout: &'a Layout,
    pub(crate) dx: &'a mut [E],
    pub(crate) dx_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for NormalizeInput<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let stride = self.x_layout.stride;
        let (a, b) = (isa.vectors(&self.a[..stride]), isa.vectors(&self.b[..stride]));
        let c = isa.vectors(&self.c[..stride]);
        let layouts = [self.x_layout, self.dz_layout, self.dx_layout];
        let mut runs = Runs::new(layouts, self.images, usize::MAX);
        while let Some(([x, dz, dx], pixels)) = runs.next() {
            let len = pixels * stride;
            let (x, dz) = (isa.vectors(&self.x[x..][..len]), isa.vectors(&self.dz[dz..][..len]));
            let dx = isa.vectors_mut(&mut self.dx[dx..][..len]);
            let pixels = x.chunks_exact(a.len()).zip(dz.chunks_exact(a.len()));
            for (dx, (x, dz)) in dx.chunks_exact_mut(a.len()).zip(pixels) {
                for v in 0..a.len() {
                    let value = isa.mul_add(dz[v], a[v], isa.mul_add(x[v], b[v], c[v]));
                    dx[v] = if self.accumulate { isa.add(value, dx[v]) } else { value };
                }
            }
        }
    }
}

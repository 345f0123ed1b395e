//! Pooling: maximum and average over windows, mean over all positions.
//!
//! The gradient of the maximum goes to the FIRST maximum of a window in row order, as in PyTorch; the maximum
//! is found anew from the input, so that no index is stored.

use lightcrest_graph::network::Pool2d;

use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout};

/// Rows and columns of the input that an output pixel's window covers.
#[derive(Clone, Copy)]
struct Window {
    rows: (usize, usize),
    columns: (usize, usize),
}

#[inline(always)]
fn window(pool: &Pool2d, x: &Layout, row: usize, column: usize) -> Window {
    let (top, left) = (row * pool.stride.0, column * pool.stride.1);
    Window {
        rows: (top.saturating_sub(pool.padding.top), (top + pool.kernel.0 - pool.padding.top).min(x.height)),
        columns: (
            left.saturating_sub(pool.padding.left),
            (left + pool.kernel.1 - pool.padding.left).min(x.width),
        ),
    }
}

/// What the sum of a window is multiplied by for its average; windows at the borders may have their own.
#[inline(always)]
fn share<E: Element>(pool: &Pool2d, x: &Layout, (row, column): (usize, usize), same: E) -> E {
    if pool.divides_evenly() {
        return same;
    }
    E::of(1.0 / pool.divisor((row, column), (x.height, x.width)) as f64)
}

/// y = maximum, or average, over windows.
pub(crate) struct Pool<'a, E> {
    pub(crate) images: usize,
    pub(crate) pool: &'a Pool2d,
    pub(crate) maximum: bool,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
}

impl<E: Element> Kernel<E> for Pool<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (xl, yl) = (self.x_layout, self.y_layout);
        let vectors = xl.stride / I::LANES;
        let same = E::of(1.0 / (self.pool.kernel.0 * self.pool.kernel.1) as f64);
        for image in 0..self.images {
            for row in 0..yl.height {
                let target = yl.row_start(image, row);
                let y = isa.vectors_mut(&mut self.y[target..][..yl.width * yl.stride]);
                for (column, y) in y.chunks_exact_mut(vectors).enumerate() {
                    let w = window(self.pool, xl, row, column);
                    let mut first = true;
                    for h in w.rows.0..w.rows.1 {
                        let at = xl.row_start(image, h) + w.columns.0 * xl.stride;
                        let run = &self.x[at..][..(w.columns.1 - w.columns.0) * xl.stride];
                        for x in isa.vectors(run).chunks_exact(vectors) {
                            for (y, &x) in y.iter_mut().zip(x) {
                                *y = match (first, self.maximum) {
                                    (true, _) => x,
                                    // a value that is not a number wins, so that it cannot vanish
                                    (_, true) => isa.select_greater(*y, x, *y, x),
                                    (_, false) => isa.add(*y, x),
                                };
                            }
                            first = false;
                        }
                    }
                    if first {
                        y.fill(isa.zero());
                    }
                    if !self.maximum {
                        let share = isa.splat(share(self.pool, xl, (row, column), same));
                        y.iter_mut().for_each(|y| *y = isa.mul(*y, share));
                    }
                }
            }
        }
    }
}

/// dx = (dx or 0) + gradient of [`Pool`].
pub(crate) struct PoolGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) pool: &'a Pool2d,
    /// The input, for the maximum; `None` for the average.
    pub(crate) x: Option<(&'a [E], &'a Layout)>,
    pub(crate) dy: &'a [E],
    pub(crate) dy_layout: &'a Layout,
    pub(crate) dx: &'a mut [E],
    pub(crate) dx_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for PoolGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (yl, xl) = (self.dy_layout, self.dx_layout);
        let vectors = xl.stride / I::LANES;
        if !self.accumulate {
            let mut runs = Runs::new([xl], self.images, usize::MAX);
            while let Some(([at], pixels)) = runs.next() {
                self.dx[at..][..pixels * xl.stride].fill(E::default());
            }
        }
        let same = E::of(1.0 / (self.pool.kernel.0 * self.pool.kernel.1) as f64);
        for image in 0..self.images {
            for row in 0..yl.height {
                let source = yl.row_start(image, row);
                let dy = isa.vectors(&self.dy[source..][..yl.width * yl.stride]);
                for (column, dy) in dy.chunks_exact(vectors).enumerate() {
                    let w = window(self.pool, xl, row, column);
                    let width = w.columns.1 - w.columns.0;
                    let share = isa.splat(share(self.pool, xl, (row, column), same));
                    for v in 0..vectors {
                        let mut rest = dy[v];
                        let Some((x, layout)) = self.x else {
                            rest = isa.mul(rest, share);
                            for h in w.rows.0..w.rows.1 {
                                let at = xl.row_start(image, h) + w.columns.0 * xl.stride;
                                let dx = isa.vectors_mut(&mut self.dx[at..][..width * xl.stride]);
                                for i in 0..width {
                                    dx[i * vectors + v] = isa.add(dx[i * vectors + v], rest);
                                }
                            }
                            continue;
                        };
                        let mut best = None;
                        for h in w.rows.0..w.rows.1 {
                            let at = layout.row_start(image, h) + w.columns.0 * layout.stride;
                            let x = isa.vectors(&x[at..][..width * layout.stride]);
                            for i in 0..width {
                                let x = x[i * vectors + v];
                                best = Some(match best {
                                    None => x,
                                    Some(best) => isa.select_greater(best, x, best, x),
                                });
                            }
                        }
                        let Some(best) = best else { continue };
                        for h in w.rows.0..w.rows.1 {
                            let at = layout.row_start(image, h) + w.columns.0 * layout.stride;
                            let x = isa.vectors(&x[at..][..width * layout.stride]);
                            let at = xl.row_start(image, h) + w.columns.0 * xl.stride;
                            let dx = isa.vectors_mut(&mut self.dx[at..][..width * xl.stride]);
                            for i in 0..width {
                                let x = x[i * vectors + v];
                                let taken = isa.select_equal(x, best, rest, isa.zero());
                                rest = isa.select_equal(x, best, isa.zero(), rest);
                                dx[i * vectors + v] = isa.add(dx[i * vectors + v], taken);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// y = mean over all positions of an image.
pub(crate) struct GlobalAverage<'a, E> {
    pub(crate) images: usize,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
}

impl<E: Element> Kernel<E> for GlobalAverage<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (xl, yl) = (self.x_layout, self.y_layout);
        let share = isa.splat(E::of(1.0 / xl.area() as f64));
        for image in 0..self.images {
            let y = isa.vectors_mut(&mut self.y[yl.row_start(image, 0)..][..yl.stride]);
            y.fill(isa.zero());
            for row in 0..xl.height {
                let x = isa.vectors(&self.x[xl.row_start(image, row)..][..xl.width * xl.stride]);
                for pixel in x.chunks_exact(y.len()) {
                    for (y, &x) in y.iter_mut().zip(pixel) {
                        *y = isa.add(*y, x);
                    }
                }
            }
            for y in y {
                *y = isa.mul(*y, share);
            }
        }
    }
}

/// dx = (dx or 0) + dy / area at every position.
pub(crate) struct GlobalAverageGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) dy: &'a [E],
    pub(crate) dy_layout: &'a Layout,
    pub(crate) dx: &'a mut [E],
    pub(crate) dx_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for GlobalAverageGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (yl, xl) = (self.dy_layout, self.dx_layout);
        let share = isa.splat(E::of(1.0 / xl.area() as f64));
        for image in 0..self.images {
            let dy = isa.vectors(&self.dy[yl.row_start(image, 0)..][..yl.stride]);
            for row in 0..xl.height {
                let at = xl.row_start(image, row);
                let dx = isa.vectors_mut(&mut self.dx[at..][..xl.width * xl.stride]);
                for pixel in dx.chunks_exact_mut(dy.len()) {
                    for (dx, &dy) in pixel.iter_mut().zip(dy) {
                        let value = isa.mul(dy, share);
                        *dx = if self.accumulate { isa.add(*dx, value) } else { value };
                    }
                }
            }
        }
    }
}

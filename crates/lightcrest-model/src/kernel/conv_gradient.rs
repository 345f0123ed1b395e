//! Gradient of a dense convolution for its weights and its bias.
//!
//! | symbol | meaning |
//! |---|---|
//! | K | inputs (of one tap) of a register tile, 1..=8 |
//! | N | vectors of output channels of a register tile, 1..=3 |
//!
//! ```text
//! dw[t][k][n] = sum over pixels p: x[p + offset(t) + k] . dy[p][n]
//! ```
//!
//! The tile holds K x N vectors of sums over all pixels of a block of images: an outer product a pixel,
//! inputs broadcast from memory. Pixels are those of the forward phase.

use super::conv::{Channels, even_part, largest_tile, next_vectors};
use super::geometry::Phase;
use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout};

/// dw = (dw or 0) + x^T dy, packed as in [`super::conv`].
pub(crate) struct CorrelateGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) phase: &'a Phase,
    pub(crate) channels: Channels,
    pub(crate) x: &'a [E],
    pub(crate) x_image: usize,
    pub(crate) dy: &'a [E],
    pub(crate) dy_image: usize,
    pub(crate) dw: &'a mut [E],
    pub(crate) accumulate: bool,
}

struct Block<E> {
    x: *const E,
    x_image: usize,
    x_row: usize,
    x_column: usize,
    dy: *const E,
    dy_image: usize,
    dy_row: usize,
    dy_column: usize,
    images: usize,
    rows: usize,
    columns: usize,
    dw: *mut E,
    /// Elements from one input's gradients to the next.
    pitch: usize,
    accumulate: bool,
}

impl<E: Element> Kernel<E> for CorrelateGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let (c, phase) = (self.channels, self.phase);
        let taps = phase.offsets.len();
        assert_eq!(self.dw.len(), c.groups * taps * c.run * c.padded, "packed weight gradient");
        phase.check(
            self.images,
            (self.x.len(), self.x_image, (c.groups - 1) * c.input + c.run),
            (self.dy.len(), self.dy_image, (c.groups - 1) * c.output + c.padded),
        );
        let (images, rows, columns) = phase.merged(self.images, self.x_image, self.dy_image);
        let vectors = c.padded / I::LANES;
        for group in 0..c.groups {
            let mut v = 0;
            while v < vectors {
                let n = next_vectors(I::REGISTERS, vectors - v);
                for (tap, &offset) in phase.offsets.iter().enumerate() {
                    let x = self
                        .x
                        .as_ptr()
                        .wrapping_add(phase.x_origin + group * c.input)
                        .wrapping_offset(offset);
                    let dy = phase.y_origin + group * c.output + v * I::LANES;
                    let dw = (group * taps + tap) * c.run * c.padded + v * I::LANES;
                    let mut block = Block {
                        x,
                        x_image: self.x_image,
                        x_row: phase.x_row,
                        x_column: phase.x_column,
                        dy: self.dy.as_ptr().wrapping_add(dy),
                        dy_image: self.dy_image,
                        dy_row: phase.y_row,
                        dy_column: phase.y_column,
                        images,
                        rows,
                        columns,
                        dw: self.dw.as_mut_ptr().wrapping_add(dw),
                        pitch: c.padded,
                        accumulate: self.accumulate,
                    };
                    let mut k = 0;
                    while k < c.run {
                        // SAFETY: `check` above bounds every read of x and dy, the assertion every write of
                        // dw.
                        let done = unsafe {
                            match n {
                                1 => tiles::<I, 1>(isa, &block, c.run - k),
                                2 => tiles::<I, 2>(isa, &block, c.run - k),
                                _ => tiles::<I, 3>(isa, &block, c.run - k),
                            }
                        };
                        k += done;
                        block.x = block.x.wrapping_add(done);
                        block.dw = block.dw.wrapping_add(done * c.padded);
                    }
                }
                v += n;
            }
        }
    }
}

/// Does the first of the tiles that `left` inputs are split into and returns its K.
///
/// # Safety
/// Every pixel of the block and the gradients must be in bounds.
#[inline(always)]
unsafe fn tiles<I: Isa, const N: usize>(isa: I, block: &Block<I::E>, left: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        match even_part(left, const { largest_tile(I::REGISTERS, N) }) {
            1 => tile::<I, 1, N>(isa, block),
            2 => tile::<I, 2, N>(isa, block),
            3 => tile::<I, 3, N>(isa, block),
            4 => tile::<I, 4, N>(isa, block),
            5 => tile::<I, 5, N>(isa, block),
            6 => tile::<I, 6, N>(isa, block),
            7 => tile::<I, 7, N>(isa, block),
            _ => tile::<I, 8, N>(isa, block),
        }
    }
}

/// # Safety
/// Every pixel of the block and the gradients must be in bounds.
#[inline(always)]
unsafe fn tile<I: Isa, const K: usize, const N: usize>(isa: I, block: &Block<I::E>) -> usize {
    let mut sums = [[isa.zero(); N]; K];
    for image in 0..block.images {
        for row in 0..block.rows {
            let mut x = block.x.wrapping_add(image * block.x_image + row * block.x_row);
            let mut dy = block.dy.wrapping_add(image * block.dy_image + row * block.dy_row);
            for _ in 0..block.columns {
                let mut d = [isa.zero(); N];
                for v in 0..N {
                    // SAFETY: vector v of the output pixel.
                    d[v] = unsafe { isa.load(dy.wrapping_add(v * I::LANES)) };
                }
                for k in 0..K {
                    // SAFETY: input k of the pixel.
                    let value = isa.splat(unsafe { *x.wrapping_add(k) });
                    for v in 0..N {
                        sums[k][v] = isa.mul_add(value, d[v], sums[k][v]);
                    }
                }
                x = x.wrapping_add(block.x_column);
                dy = dy.wrapping_add(block.dy_column);
            }
        }
    }
    for k in 0..K {
        for v in 0..N {
            let at = block.dw.wrapping_add(k * block.pitch + v * I::LANES);
            // SAFETY: gradient of input k, vector v.
            unsafe {
                let value = if block.accumulate { isa.add(sums[k][v], isa.load(at)) } else { sums[k][v] };
                isa.store(at, value);
            }
        }
    }
    K
}

/// sum[c] = (sum[c] or 0) + sum over pixels of dy[c]: the gradient of a bias.
pub(crate) struct ChannelSum<'a, E> {
    pub(crate) images: usize,
    pub(crate) layout: &'a Layout,
    pub(crate) dy: &'a [E],
    /// As long as the stride.
    pub(crate) sum: &'a mut [E],
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for ChannelSum<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let sum = isa.vectors_mut(self.sum);
        if !self.accumulate {
            sum.fill(isa.zero());
        }
        let mut runs = Runs::new([self.layout], self.images, usize::MAX);
        while let Some(([at], pixels)) = runs.next() {
            let run = isa.vectors(&self.dy[at..][..pixels * self.layout.stride]);
            for pixel in run.chunks_exact(sum.len()) {
                for (total, &value) in sum.iter_mut().zip(pixel) {
                    *total = isa.add(*total, value);
                }
            }
        }
    }
}

//! Depthwise convolution, vectorised along channels: forward, and gradients for input and weights.
//!
//! Weights are packed as `[tap][channels, padded]`. The forward pass and the gradient for the input are one
//! kernel over phases (see [`super::geometry`]): R output pixels of one vector of channels are summed in
//! registers, every tap is one weight load and R multiply-adds with the input as memory operand. The gradient
//! for the weights holds the sums of up to nine taps in registers over a block of images.

use lightcrest_graph::network::{Activation, Conv2d};

use super::conv::{bounded, even_part};
use super::geometry::Phase;
use super::simd::MAX_LANES;
use super::{Element, Isa, Kernel};

/// y = (y or bias or 0) + x * w, channel by channel.
pub(crate) struct Depthwise<'a, E> {
    pub(crate) images: usize,
    pub(crate) phases: &'a [Phase],
    pub(crate) x: &'a [E],
    pub(crate) x_image: usize,
    pub(crate) y: &'a mut [E],
    pub(crate) y_image: usize,
    pub(crate) weight: &'a [E],
    pub(crate) bias: Option<&'a [E]>,
    /// Channels, padded to whole vectors.
    pub(crate) padded: usize,
    pub(crate) accumulate: bool,
    /// Applied last: `ReLU`, `ReLU6` or `Hardswish`.
    pub(crate) activation: Option<Activation>,
}

impl<E: Element> Kernel<E> for Depthwise<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let zeros = [E::default(); MAX_LANES];
        for phase in self.phases {
            let taps = phase.taps.iter().max().map_or(0, |t| t + 1);
            assert!(taps * self.padded <= self.weight.len(), "packed depthwise weights");
            assert!(self.bias.is_none_or(|b| b.len() == self.padded && !self.accumulate), "padded bias");
            phase.check(
                self.images,
                (self.x.len(), self.x_image, self.padded),
                (self.y.len(), self.y_image, self.padded),
            );
            let (images, rows, columns) = phase.merged(self.images, self.x_image, self.y_image);
            for image in 0..images {
                for row in 0..rows {
                    let x = image * self.x_image + phase.x_origin + row * phase.x_row;
                    let y = image * self.y_image + phase.y_origin + row * phase.y_row;
                    for channel in (0..self.padded).step_by(I::LANES) {
                        let mut column = 0;
                        while column < columns {
                            let r = even_part(columns - column, 8);
                            let y = self.y.as_mut_ptr().wrapping_add(y + column * phase.y_column + channel);
                            let (start, start_column) = match self.bias {
                                _ if self.accumulate => (y.cast_const(), phase.y_column),
                                Some(bias) => (bias.as_ptr().wrapping_add(channel), 0),
                                None => (zeros.as_ptr(), 0),
                            };
                            let tile = Tile {
                                x: self.x.as_ptr().wrapping_add(x + column * phase.x_column + channel),
                                y,
                                x_column: phase.x_column,
                                y_column: phase.y_column,
                                phase,
                                weight: self.weight.as_ptr().wrapping_add(channel),
                                pitch: self.padded,
                                start,
                                start_column,
                                activation: self.activation,
                            };
                            // SAFETY: `check` above bounds every read and write, the assertions the weights.
                            unsafe {
                                match r {
                                    1 => forward_tile::<I, 1>(isa, &tile),
                                    2 => forward_tile::<I, 2>(isa, &tile),
                                    3 => forward_tile::<I, 3>(isa, &tile),
                                    4 => forward_tile::<I, 4>(isa, &tile),
                                    5 => forward_tile::<I, 5>(isa, &tile),
                                    6 => forward_tile::<I, 6>(isa, &tile),
                                    7 => forward_tile::<I, 7>(isa, &tile),
                                    _ => forward_tile::<I, 8>(isa, &tile),
                                }
                            }
                            column += r;
                        }
                    }
                }
            }
        }
    }
}

struct Tile<'a, E> {
    x: *const E,
    y: *mut E,
    x_column: usize,
    y_column: usize,
    phase: &'a Phase,
    weight: *const E,
    pitch: usize,
    /// What the sums of the first pixel start from, and the distance to the next pixel's.
    start: *const E,
    start_column: usize,
    activation: Option<Activation>,
}

/// # Safety
/// R pixels of x and y and the weights of every tap must be in bounds.
#[inline(always)]
unsafe fn forward_tile<I: Isa, const R: usize>(isa: I, tile: &Tile<'_, I::E>) {
    let mut sums = [isa.zero(); R];
    for r in 0..R {
        // SAFETY: pixel r of the tile, or the bias.
        sums[r] = unsafe { isa.load(tile.start.wrapping_add(r * tile.start_column)) };
    }
    for (&offset, &tap) in tile.phase.offsets.iter().zip(&tile.phase.taps) {
        // SAFETY: weights hold every tap.
        let w = unsafe { isa.load(tile.weight.wrapping_add(tap * tile.pitch)) };
        let x = tile.x.wrapping_offset(offset);
        for r in 0..R {
            // SAFETY: pixel r of the tile.
            let value = unsafe { isa.load(x.wrapping_add(r * tile.x_column)) };
            sums[r] = isa.mul_add(value, w, sums[r]);
        }
    }
    for r in 0..R {
        let at = tile.y.wrapping_add(r * tile.y_column);
        // SAFETY: pixel r of the tile.
        unsafe { isa.store(at, sums[r]) };
    }
    if let Some(activation) = tile.activation {
        for r in 0..R {
            let at = tile.y.wrapping_add(r * tile.y_column);
            // SAFETY: pixel r of the tile.
            unsafe { isa.store(at, bounded(isa, activation, isa.load(at))) };
        }
    }
}

/// dw[tap][c] = (dw or 0) + sum over pixels of x[p + offset(tap)][c] dy[p][c].
pub(crate) struct DepthwiseGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) phase: &'a Phase,
    pub(crate) x: &'a [E],
    pub(crate) x_image: usize,
    pub(crate) dy: &'a [E],
    pub(crate) dy_image: usize,
    pub(crate) dw: &'a mut [E],
    pub(crate) padded: usize,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for DepthwiseGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let phase = self.phase;
        let taps = phase.offsets.len();
        assert_eq!(self.dw.len(), taps * self.padded, "packed depthwise gradient");
        phase.check(
            self.images,
            (self.x.len(), self.x_image, self.padded),
            (self.dy.len(), self.dy_image, self.padded),
        );
        let (images, rows, columns) = phase.merged(self.images, self.x_image, self.dy_image);
        for channel in (0..self.padded).step_by(I::LANES) {
            let mut tap = 0;
            while tap < taps {
                let t = even_part(taps - tap, 9);
                let block = Block {
                    x: self.x.as_ptr().wrapping_add(phase.x_origin + channel),
                    x_image: self.x_image,
                    dy: self.dy.as_ptr().wrapping_add(phase.y_origin + channel),
                    dy_image: self.dy_image,
                    images,
                    rows,
                    columns,
                    phase,
                    first: tap,
                    dw: self.dw.as_mut_ptr().wrapping_add(tap * self.padded + channel),
                    pitch: self.padded,
                    accumulate: self.accumulate,
                };
                // SAFETY: `check` above bounds every read, the assertion every write.
                unsafe {
                    match t {
                        1 => gradient_tile::<I, 1>(isa, &block),
                        2 => gradient_tile::<I, 2>(isa, &block),
                        3 => gradient_tile::<I, 3>(isa, &block),
                        4 => gradient_tile::<I, 4>(isa, &block),
                        5 => gradient_tile::<I, 5>(isa, &block),
                        6 => gradient_tile::<I, 6>(isa, &block),
                        7 => gradient_tile::<I, 7>(isa, &block),
                        8 => gradient_tile::<I, 8>(isa, &block),
                        _ => gradient_tile::<I, 9>(isa, &block),
                    }
                }
                tap += t;
            }
        }
    }
}

struct Block<'a, E> {
    x: *const E,
    x_image: usize,
    dy: *const E,
    dy_image: usize,
    images: usize,
    rows: usize,
    columns: usize,
    phase: &'a Phase,
    first: usize,
    dw: *mut E,
    pitch: usize,
    accumulate: bool,
}

/// # Safety
/// Every pixel of the block and T taps from `first` on must be in bounds.
#[inline(always)]
unsafe fn gradient_tile<I: Isa, const T: usize>(isa: I, block: &Block<'_, I::E>) {
    let mut sums = [isa.zero(); T];
    let mut offsets = [0; T];
    offsets.copy_from_slice(&block.phase.offsets[block.first..block.first + T]);
    for image in 0..block.images {
        for row in 0..block.rows {
            let mut x = block.x.wrapping_add(image * block.x_image + row * block.phase.x_row);
            let mut dy = block.dy.wrapping_add(image * block.dy_image + row * block.phase.y_row);
            for _ in 0..block.columns {
                // SAFETY: pixels of the block and its taps.
                unsafe {
                    let d = isa.load(dy);
                    for t in 0..T {
                        sums[t] = isa.mul_add(isa.load(x.wrapping_offset(offsets[t])), d, sums[t]);
                    }
                }
                x = x.wrapping_add(block.phase.x_column);
                dy = dy.wrapping_add(block.phase.y_column);
            }
        }
    }
    for t in 0..T {
        let at = block.dw.wrapping_add(t * block.pitch);
        // SAFETY: gradient of tap first + t.
        unsafe {
            let value = if block.accumulate { isa.add(sums[t], isa.load(at)) } else { sums[t] };
            isa.store(at, value);
        }
    }
}

/// Packs weights (channels, 1, kh, kw), each channel times `scale`.
pub(crate) fn pack<E: Element>(
    conv: &Conv2d,
    weight: &[E],
    scale: Option<&[E]>,
    lanes: usize,
    packed: &mut [E],
) {
    let taps = conv.kernel.0 * conv.kernel.1;
    let padded = conv.out_channels.next_multiple_of(lanes);
    for channel in 0..conv.out_channels {
        for tap in 0..taps {
            let value = weight[channel * taps + tap];
            packed[tap * padded + channel] = scale.map_or(value, |s| value * s[channel]);
        }
    }
}

/// The inverse of [`pack`] for the gradient.
pub(crate) fn unpack<E: Element>(conv: &Conv2d, packed: &[E], lanes: usize, weight: &mut [E]) {
    let taps = conv.kernel.0 * conv.kernel.1;
    let padded = conv.out_channels.next_multiple_of(lanes);
    for channel in 0..conv.out_channels {
        for tap in 0..taps {
            weight[channel * taps + tap] = packed[tap * padded + channel];
        }
    }
}

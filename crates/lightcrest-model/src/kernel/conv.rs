//! Dense (and grouped) convolution without im2col: forward, and the gradient for the input.
//!
//! | symbol | meaning |
//! |---|---|
//! | R | output pixels of a register tile, 1..=8 |
//! | N | vectors of output channels of a register tile, 1..=3 |
//!
//! The tile holds R x N vectors of sums. For every tap and input channel it loads N vectors of weights,
//! packed as `[group][tap][input channel][output channels, padded]`, and broadcasts R inputs straight from
//! memory. R x N is chosen so that both fused multiply-add units stay busy and the sums stay in registers.
//! Pointwise convolutions and linear layers are the case of one tap.

use lightcrest_graph::network::{Activation, Conv2d};

use super::geometry::Phase;
use super::simd::MAX_LANES;
use super::{Element, Isa, Kernel, Layout};

/// Channels of a grouped correlation.
///
/// Groups with fewer outputs than a vector has lanes are joined, as many as fit a vector; weights between
/// channels of different groups are zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channels {
    /// Joined groups.
    pub(crate) groups: usize,
    /// Groups of the convolution in each of them.
    pub(crate) joined: usize,
    /// Consecutive inputs of a tap.
    pub(crate) run: usize,
    /// Input channels of a joined group: the distance of the groups in a pixel.
    pub(crate) input: usize,
    /// Output channels of a joined group.
    pub(crate) output: usize,
    /// The same, padded to whole vectors.
    pub(crate) padded: usize,
}

impl Channels {
    /// Channels of the forward convolution.
    pub(crate) fn forward(conv: &Conv2d, lanes: usize) -> Self {
        Self::new(conv.groups, conv.in_channels, conv.out_channels, lanes)
    }

    /// Channels of the gradient for the input: from output to input.
    pub(crate) fn backward(conv: &Conv2d, lanes: usize) -> Self {
        Self::new(conv.groups, conv.out_channels, conv.in_channels, lanes)
    }

    fn new(groups: usize, input: usize, output: usize, lanes: usize) -> Self {
        let fits = |joined: &usize| groups.is_multiple_of(*joined) && joined * output / groups <= lanes;
        let joined = (1..=groups).filter(fits).max().unwrap_or(1);
        let groups = groups / joined;
        let (input, output) = (input / groups, output / groups);
        Self { groups, joined, run: input, input, output, padded: output.next_multiple_of(lanes) }
    }
}

/// Whether the pixels of `x` hold nothing but their channels, so that a row of taps is one run: fewer, longer
/// loops.
pub(crate) fn merges_taps(conv: &Conv2d, x: &Layout) -> bool {
    conv.groups == 1 && conv.dilation.1 == 1 && x.stride == conv.in_channels && conv.kernel.1 > 1
}

/// y = (y or bias or 0) + x * w, then bounded.
pub(crate) struct Correlate<'a, E> {
    pub(crate) images: usize,
    pub(crate) phases: &'a [Phase],
    pub(crate) channels: Channels,
    pub(crate) x: &'a [E],
    pub(crate) x_image: usize,
    pub(crate) y: &'a mut [E],
    pub(crate) y_image: usize,
    /// Elements of a pixel of y.
    pub(crate) y_stride: usize,
    /// Packed; the phases follow each other within a group.
    pub(crate) weight: &'a [E],
    /// Padded like the outputs of the weights.
    pub(crate) bias: Option<&'a [E]>,
    /// Whether `y` is added to instead of overwritten.
    pub(crate) accumulate: bool,
    /// Applied last: `ReLU`, `ReLU6` or `Hardswish`.
    pub(crate) activation: Option<Activation>,
}

/// Largest R (or K, see [`super::conv_gradient`]) for N vectors: R N sums, N vectors and a broadcast leave a
/// register over. With none over, compilers spill a sum in every turn of the loop.
pub(super) const fn largest_tile(registers: usize, vectors: usize) -> usize {
    match (registers >= 32, vectors) {
        (_, 1) | (true, _) => 8,
        (false, 2) => 6,
        (false, _) => 3,
    }
}

/// N for the first of `left` vectors. Two share the loads of six broadcasts on 16 registers, which beats
/// three that share three; but a single one left over would be worse than either.
#[inline(always)]
pub(super) fn next_vectors(registers: usize, left: usize) -> usize {
    if registers >= 32 || left == 3 { even_part(left, 3) } else { left.min(2) }
}

/// Size of the next of the parts that `total` is split into, as even as can be.
#[inline(always)]
pub(crate) fn even_part(total: usize, largest: usize) -> usize {
    total.div_ceil(total.div_ceil(largest))
}

struct Row<'a, E> {
    x: *const E,
    x_column: usize,
    y: *mut E,
    y_column: usize,
    columns: usize,
    offsets: &'a [isize],
    run: usize,
    weight: *const E,
    /// Elements from one input channel's weights to the next.
    pitch: usize,
    /// What the sums of the first pixel start from, and the distance to the next pixel's: the bias or zeros
    /// (0), or y.
    start: *const E,
    start_column: usize,
    activation: Option<Activation>,
    /// Lanes of the last vector that are stored.
    tail: usize,
    /// Room for a tile, used where `tail` is not a whole vector.
    aside: *mut E,
}

impl<E: Element> Kernel<E> for Correlate<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        let c = self.channels;
        let taps: usize = self.phases.iter().map(|p| p.offsets.len()).sum();
        assert_eq!(self.weight.len(), c.groups * taps * c.run * c.padded, "packed weights");
        assert!(self.bias.is_none_or(|b| b.len() == c.groups * c.padded && !self.accumulate), "packed bias");
        let vectors = c.padded / I::LANES;
        let zeros = [E::default(); MAX_LANES * 3];
        let mut aside = [E::default(); MAX_LANES * 3 * 8];
        for phase in self.phases {
            let x_reach = (c.groups - 1) * c.input + c.run;
            let y_reach = if c.groups == 1 { c.padded } else { self.y_stride };
            phase.check(
                self.images,
                (self.x.len(), self.x_image, x_reach),
                (self.y.len(), self.y_image, y_reach),
            );
        }
        for group in 0..c.groups {
            let mut weight_at = group * taps * c.run * c.padded;
            for phase in self.phases {
                let (images, rows, columns) = phase.merged(self.images, self.x_image, self.y_image);
                let mut v = 0;
                while v < vectors {
                    let n = next_vectors(I::REGISTERS, vectors - v);
                    // what a group writes beyond its channels (zeros, or what is there) the next group
                    // overwrites or adds to; beyond the pixel nobody would
                    let partial = v + n == vectors && group * c.output + c.padded > self.y_stride;
                    let tail = if partial { c.output - (vectors - 1) * I::LANES } else { I::LANES };
                    for image in 0..images {
                        for row in 0..rows {
                            let x =
                                image * self.x_image + phase.x_origin + row * phase.x_row + group * c.input;
                            let y = image * self.y_image
                                + phase.y_origin
                                + row * phase.y_row
                                + group * c.output
                                + v * I::LANES;
                            let y = self.y.as_mut_ptr().wrapping_add(y);
                            let (start, start_column) = match self.bias {
                                _ if self.accumulate => (y.cast_const(), phase.y_column),
                                Some(bias) => {
                                    (bias.as_ptr().wrapping_add(group * c.padded + v * I::LANES), 0)
                                }
                                None => (zeros.as_ptr(), 0),
                            };
                            let job = Row {
                                x: self.x.as_ptr().wrapping_add(x),
                                x_column: phase.x_column,
                                y,
                                y_column: phase.y_column,
                                columns,
                                offsets: &phase.offsets,
                                run: c.run,
                                weight: self.weight.as_ptr().wrapping_add(weight_at + v * I::LANES),
                                pitch: c.padded,
                                start,
                                start_column,
                                activation: self.activation,
                                tail,
                                aside: aside.as_mut_ptr(),
                            };
                            // SAFETY: `check` above bounds every read of x and write of y; the weights and
                            // the bias have their packed lengths.
                            unsafe {
                                match n {
                                    1 => row_of_tiles::<I, 1>(isa, &job),
                                    2 => row_of_tiles::<I, 2>(isa, &job),
                                    _ => row_of_tiles::<I, 3>(isa, &job),
                                }
                            }
                        }
                    }
                    v += n;
                }
                weight_at += phase.offsets.len() * c.run * c.padded;
            }
        }
    }
}

/// # Safety
/// Every pixel of the row and the weights must be in bounds.
#[inline(always)]
unsafe fn row_of_tiles<I: Isa, const N: usize>(isa: I, job: &Row<'_, I::E>) {
    let largest = const { largest_tile(I::REGISTERS, N) };
    let mut column = 0;
    while column < job.columns {
        let left = job.columns - column;
        let r = if left >= 4 * largest { largest } else { even_part(left, largest) };
        let x = job.x.wrapping_add(column * job.x_column);
        let y = job.y.wrapping_add(column * job.y_column);
        let start = job.start.wrapping_add(column * job.start_column);
        // SAFETY: the tile covers pixels of the row; the caller vouches for the row.
        unsafe {
            match r {
                1 => tile::<I, 1, N>(isa, job, x, y, start),
                2 => tile::<I, 2, N>(isa, job, x, y, start),
                3 => tile::<I, 3, N>(isa, job, x, y, start),
                4 => tile::<I, 4, N>(isa, job, x, y, start),
                5 => tile::<I, 5, N>(isa, job, x, y, start),
                6 => tile::<I, 6, N>(isa, job, x, y, start),
                7 => tile::<I, 7, N>(isa, job, x, y, start),
                _ => tile::<I, 8, N>(isa, job, x, y, start),
            }
        }
        column += r;
    }
}

/// Straight code on both sides of the loop, so that the sums never leave the registers.
///
/// # Safety
/// R pixels from `x` and `start` on, R pixels from `y` on, and the weights must be in bounds.
#[inline(always)]
unsafe fn tile<I: Isa, const R: usize, const N: usize>(
    isa: I,
    job: &Row<'_, I::E>,
    x: *const I::E,
    y: *mut I::E,
    start: *const I::E,
) {
    let mut sums = [[isa.zero(); N]; R];
    for r in 0..R {
        for v in 0..N {
            // SAFETY: pixel r of the tile, or the bias, padded like the weights.
            sums[r][v] = unsafe { isa.load(start.wrapping_add(r * job.start_column + v * I::LANES)) };
        }
    }
    let mut weight = job.weight;
    for &offset in job.offsets {
        let mut x = x.wrapping_offset(offset);
        for _ in 0..job.run {
            let mut w = [isa.zero(); N];
            for v in 0..N {
                // SAFETY: weights are packed for every tap, channel and vector.
                w[v] = unsafe { isa.load(weight.wrapping_add(v * I::LANES)) };
            }
            for r in 0..R {
                // SAFETY: pixel r of the tile, channel k of the run.
                let value = isa.splat(unsafe { *x.wrapping_add(r * job.x_column) });
                for v in 0..N {
                    sums[r][v] = isa.mul_add(value, w[v], sums[r][v]);
                }
            }
            weight = weight.wrapping_add(job.pitch);
            x = x.wrapping_add(1);
        }
    }
    let partial = job.tail < I::LANES;
    let (target, column) = if partial { (job.aside, N * I::LANES) } else { (y, job.y_column) };
    for r in 0..R {
        for v in 0..N {
            // SAFETY: pixel r of the tile, or room for a tile.
            unsafe { isa.store(target.wrapping_add(r * column + v * I::LANES), sums[r][v]) };
        }
    }
    // SAFETY: the same pixels; a group's last vector stores only its channels.
    unsafe {
        if partial {
            copy_tile(target, y, job.y_column, (R, (N - 1) * I::LANES + job.tail, N * I::LANES));
        }
        if let Some(activation) = job.activation {
            bound_tile::<I>(isa, activation, y, job.y_column, (R, (N - 1) * I::LANES + job.tail));
        }
    }
}

/// # Safety
/// `pixels` pixels of `channels` values must be in bounds of both.
unsafe fn copy_tile<E: Element>(
    from: *const E,
    to: *mut E,
    to_column: usize,
    (pixels, channels, from_column): (usize, usize, usize),
) {
    for pixel in 0..pixels {
        let (from, to) = (from.wrapping_add(pixel * from_column), to.wrapping_add(pixel * to_column));
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from, to, channels) };
    }
}

/// Applies an activation to a tile that was just stored.
///
/// # Safety
/// `pixels` pixels of `channels` values must be in bounds.
#[inline(always)]
unsafe fn bound_tile<I: Isa>(
    isa: I,
    activation: Activation,
    y: *mut I::E,
    column: usize,
    (pixels, channels): (usize, usize),
) {
    for pixel in 0..pixels {
        for channel in (0..channels).step_by(I::LANES) {
            let at = y.wrapping_add(pixel * column + channel);
            let count = (channels - channel).min(I::LANES);
            // SAFETY: the caller's promise.
            unsafe {
                if count == I::LANES {
                    isa.store(at, bounded(isa, activation, isa.load(at)));
                } else {
                    isa.store_first(at, bounded(isa, activation, isa.load_first(at, count)), count);
                }
            }
        }
    }
}

/// The activations without an exponential.
#[inline(always)]
pub(super) fn bounded<I: Isa>(isa: I, activation: Activation, x: I::V) -> I::V {
    let six = isa.splat(I::E::of(6.0));
    match activation {
        Activation::ReLU => isa.max(isa.zero(), x),
        Activation::ReLU6 => isa.min(six, isa.max(isa.zero(), x)),
        Activation::Hardswish => {
            let gate = isa.min(six, isa.max(isa.zero(), isa.add(x, isa.splat(I::E::of(3.0)))));
            isa.mul(x, isa.mul(gate, isa.splat(I::E::of(1.0 / 6.0))))
        }
        // the plan gives no other to a convolution
        _ => x,
    }
}

/// Packs weights (out, in / groups, kh, kw) for the forward convolution, each output channel times `scale`.
pub(crate) fn pack_forward<E: Element>(
    conv: &Conv2d,
    weight: &[E],
    scale: Option<&[E]>,
    lanes: usize,
    packed: &mut [E],
) {
    let taps = conv.kernel.0 * conv.kernel.1;
    let size = conv.in_channels / conv.groups;
    let c = Channels::forward(conv, lanes);
    for channel in 0..conv.out_channels {
        let scale = scale.map(|s| s[channel]);
        let (row, step) = packed_row(&c, taps, channel);
        for i in 0..size {
            let source = &weight[(channel * size + i) * taps..][..taps];
            for (tap, &value) in source.iter().enumerate() {
                packed[row + tap * step.0 + i * step.1] = scale.map_or(value, |s| value * s);
            }
        }
    }
}

/// The inverse of [`pack_forward`] for the gradient.
pub(crate) fn unpack_forward<E: Element>(conv: &Conv2d, packed: &[E], lanes: usize, weight: &mut [E]) {
    let taps = conv.kernel.0 * conv.kernel.1;
    let size = conv.in_channels / conv.groups;
    let c = Channels::forward(conv, lanes);
    for channel in 0..conv.out_channels {
        let (row, step) = packed_row(&c, taps, channel);
        for i in 0..size {
            let target = &mut weight[(channel * size + i) * taps..][..taps];
            for (tap, value) in target.iter_mut().enumerate() {
                *value = packed[row + tap * step.0 + i * step.1];
            }
        }
    }
}

/// Where the weights of an output channel lie: the first, and the steps from tap to tap and from input to
/// input.
fn packed_row(c: &Channels, taps: usize, channel: usize) -> (usize, (usize, usize)) {
    let (group, output) = (channel / c.output, channel % c.output);
    let member = output / (c.output / c.joined);
    let first = group * taps * c.input + member * (c.input / c.joined);
    (first * c.padded + output, (c.input * c.padded, c.padded))
}

/// Packs weights for the gradient of the input: input and output channels change places, taps in the order of
/// `phases`.
pub(crate) fn pack_backward<E: Element>(
    conv: &Conv2d,
    weight: &[E],
    phases: &[Phase],
    lanes: usize,
    packed: &mut [E],
) {
    let c = Channels::backward(conv, lanes);
    let taps = conv.kernel.0 * conv.kernel.1;
    // inputs of the convolution, here outputs, of one of its own groups
    let size = conv.in_channels / conv.groups;
    let mut at = 0;
    for group in 0..c.groups {
        for tap in phases.iter().flat_map(|p| &p.taps) {
            for o in 0..c.input {
                let member = o / (c.input / c.joined);
                let row = &mut packed[at + member * size..][..size];
                let source = (group * c.input + o) * size * taps + tap;
                for (i, value) in row.iter_mut().enumerate() {
                    *value = weight[source + i * taps];
                }
                at += c.padded;
            }
        }
    }
}

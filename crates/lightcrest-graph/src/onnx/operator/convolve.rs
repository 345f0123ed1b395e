//! Convolution as a product: windows laid out as columns, a part of the output at a time; depthwise directly.
//!
//! Maps have three spatial axes here; the missing ones are of size 1, in front.

use super::product::{Matrix, Real, multiply};
use super::window::Window;

/// Values of a block of columns: about what a second-level cache holds.
const BLOCK: usize = 1 << 17;

/// Sizes of a convolution of one group.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    pub(crate) input: [usize; 3],
    pub(crate) output: [usize; 3],
    kernel: [usize; 3],
    stride: [usize; 3],
    dilation: [usize; 3],
    before: [i64; 3],
}

/// Sizes with 1 in front.
fn three(sizes: &[usize]) -> Result<[usize; 3], String> {
    let mut three = [1; 3];
    if sizes.len() > 3 {
        return Err(format!("over {} spatial axes", sizes.len()));
    }
    three[3 - sizes.len()..].copy_from_slice(sizes);
    Ok(three)
}

impl Geometry {
    /// Of a window that slides over `input`.
    pub(crate) fn new(window: &Window, input: &[usize], output: &[usize]) -> Result<Self, String> {
        let before: Vec<i64> = (0..input.len()).map(|axis| window.padding(axis, input[axis]).0).collect();
        Self::padded(window, input, output, &before)
    }

    /// With that padding before each axis.
    pub(crate) fn padded(
        window: &Window,
        input: &[usize],
        output: &[usize],
        before: &[i64],
    ) -> Result<Self, String> {
        let mut all = [0; 3];
        all[3 - before.len().min(3)..].copy_from_slice(&before[before.len().saturating_sub(3)..]);
        Ok(Self {
            input: three(input)?,
            output: three(output)?,
            kernel: three(&window.kernel)?,
            stride: three(&window.stride)?,
            dilation: three(&window.dilation)?,
            before: all,
        })
    }

    pub(crate) fn pixels(&self) -> usize {
        self.output.iter().product()
    }

    pub(crate) fn input_pixels(&self) -> usize {
        self.input.iter().product()
    }

    pub(crate) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Whether the columns are the input itself.
    fn is_pointwise(&self) -> bool {
        self.taps() == 1 && self.stride == [1; 3] && self.before == [0; 3] && self.input == self.output
    }

    /// Place in the input that tap `k` of output `o` reads along an axis.
    fn place(&self, axis: usize, o: usize, k: usize) -> Option<usize> {
        let place = (o * self.stride[axis] + k * self.dilation[axis]) as i64 - self.before[axis];
        usize::try_from(place).ok().filter(|&place| place < self.input[axis])
    }

    /// Outputs along the last axis whose tap `k` lies inside, and the place that the first of them reads.
    fn span(&self, k: usize) -> (usize, usize, usize) {
        let shift = (k * self.dilation[2]) as i64 - self.before[2];
        let stride = self.stride[2] as i64;
        let first = if shift >= 0 { 0 } else { (-shift + stride - 1) / stride };
        let last = self.input[2] as i64 - shift;
        let end = if last <= 0 { 0 } else { (last + stride - 1) / stride };
        let end = end.min(self.output[2] as i64);
        if first >= end {
            (0, 0, 0)
        } else {
            (first as usize, end as usize, (first * stride + shift) as usize)
        }
    }

    /// Calls `f(line, tap, first, end, place)` for every line of the output in `lines` and every tap that has
    /// something to read: outputs `first..end` of the line read from `place` on.
    fn each(&self, lines: std::ops::Range<usize>, mut f: impl FnMut(usize, usize, usize, usize, usize)) {
        for line in lines {
            let (z, y) = (line / self.output[1], line % self.output[1]);
            let mut tap = 0;
            for kz in 0..self.kernel[0] {
                for ky in 0..self.kernel[1] {
                    let rows = self.place(0, z, kz).zip(self.place(1, y, ky));
                    for kx in 0..self.kernel[2] {
                        if let Some((z, y)) = rows {
                            let (first, end, x) = self.span(kx);
                            if first < end {
                                f(line, tap, first, end, (z * self.input[1] + y) * self.input[2] + x);
                            }
                        }
                        tap += 1;
                    }
                }
            }
        }
    }

    /// Calls `f(index, places)` for every window in order; `places(g)` calls `g` with every place of the
    /// input that the window covers.
    pub(crate) fn windows(&self, mut f: impl FnMut([usize; 3], &dyn Fn(&mut dyn FnMut(usize)))) {
        for z in 0..self.output[0] {
            for y in 0..self.output[1] {
                for x in 0..self.output[2] {
                    f([z, y, x], &|g| {
                        for kz in 0..self.kernel[0] {
                            let Some(z) = self.place(0, z, kz) else { continue };
                            for ky in 0..self.kernel[1] {
                                let Some(y) = self.place(1, y, ky) else { continue };
                                let line = (z * self.input[1] + y) * self.input[2];
                                for kx in 0..self.kernel[2] {
                                    if let Some(x) = self.place(2, x, kx) {
                                        g(line + x);
                                    }
                                }
                            }
                        }
                    });
                }
            }
        }
    }

    /// Number of places of a window that lie inside of the input with its padding, `behind` at the ends.
    pub(crate) fn padded_count(&self, window: [usize; 3], behind: &[i64]) -> usize {
        let counts = (0..3).map(|axis| {
            let behind = (axis + behind.len()).checked_sub(3).map_or(0, |at| behind[at]);
            let end = self.input[axis] as i64 + behind;
            let start = (window[axis] * self.stride[axis]) as i64 - self.before[axis];
            (0..self.kernel[axis]).filter(|k| end > start + (k * self.dilation[axis]) as i64).count()
        });
        counts.product()
    }

    /// Writes the windows of some lines as columns: (channels taps, lines width).
    fn columns<T: Real>(&self, x: &[T], channels: usize, lines: std::ops::Range<usize>, out: &mut [T]) {
        let (width, stride, taps) = (self.output[2], self.stride[2], self.taps());
        let (start, count) = (lines.start, lines.len() * width);
        out[..channels * taps * count].fill(T::default());
        for channel in 0..channels {
            let map = &x[channel * self.input_pixels()..];
            self.each(lines.clone(), |line, tap, first, end, place| {
                let row = (channel * taps + tap) * count + (line - start) * width;
                let target = &mut out[row + first..row + end];
                if stride == 1 {
                    target.copy_from_slice(&map[place..place + end - first]);
                } else {
                    for (value, from) in target.iter_mut().zip(map[place..].iter().step_by(stride)) {
                        *value = *from;
                    }
                }
            });
        }
    }
}

/// One image and one group: x (channels, input), w (filters, channels taps), out (filters, output), which
/// begins as the bias.
pub(crate) fn convolve<T: Real>(
    geometry: &Geometry,
    x: &[T],
    channels: usize,
    w: &[T],
    filters: usize,
    out: &mut [T],
    scratch: &mut Vec<T>,
) {
    let (pixels, taps) = (geometry.pixels(), geometry.taps());
    if pixels == 0 || filters == 0 {
        return;
    }
    let depth = channels * taps;
    let weight = Matrix::new(w, filters, depth);
    if geometry.is_pointwise() {
        multiply(weight, Matrix::new(x, depth, pixels), out, pixels, true);
        return;
    }
    if channels == 1 && filters == 1 {
        direct(geometry, x, w, out);
        return;
    }
    let (width, lines) = (geometry.output[2], geometry.output[0] * geometry.output[1]);
    let block = (BLOCK / (depth * width).max(1)).clamp(1, lines);
    scratch.resize(scratch.len().max(depth * block * width), T::default());
    for start in (0..lines).step_by(block) {
        let end = (start + block).min(lines);
        let count = (end - start) * width;
        geometry.columns(x, channels, start..end, scratch);
        let columns = Matrix::new(&scratch[..depth * count], depth, count);
        multiply(weight, columns, &mut out[start * width..], pixels, true);
    }
}

/// One channel and one filter.
fn direct<T: Real>(geometry: &Geometry, x: &[T], w: &[T], out: &mut [T]) {
    let (width, stride) = (geometry.output[2], geometry.stride[2]);
    geometry.each(0..geometry.output[0] * geometry.output[1], |line, tap, first, end, place| {
        let weight = w[tap];
        let target = &mut out[line * width + first..line * width + end];
        if stride == 1 {
            for (value, from) in target.iter_mut().zip(&x[place..place + end - first]) {
                *value += weight * *from;
            }
        } else {
            for (value, from) in target.iter_mut().zip(x[place..].iter().step_by(stride)) {
                *value += weight * *from;
            }
        }
    });
}

/// One image and one group, transposed: x (channels, pixels), w (channels, filters taps), out (filters, ...).
/// `geometry` is that of the convolution whose transpose it is: it reads `out` and writes `x`.
pub(crate) fn spread<T: Real>(
    geometry: &Geometry,
    x: &[T],
    channels: usize,
    w: &[T],
    filters: usize,
    out: &mut [T],
    scratch: &mut Vec<T>,
) {
    let (pixels, taps) = (geometry.pixels(), geometry.taps());
    let depth = filters * taps;
    if pixels == 0 || depth == 0 {
        return;
    }
    scratch.resize(scratch.len().max(depth * pixels), T::default());
    let columns = &mut scratch[..depth * pixels];
    let weight = Matrix::new(w, channels, depth).transposed();
    multiply(weight, Matrix::new(x, channels, pixels), columns, pixels, false);
    let (width, stride, size) = (geometry.output[2], geometry.stride[2], geometry.input_pixels());
    for filter in 0..filters {
        let map = &mut out[filter * size..(filter + 1) * size];
        geometry.each(0..geometry.output[0] * geometry.output[1], |line, tap, first, end, place| {
            let row = (filter * taps + tap) * pixels + line * width;
            for (value, from) in map[place..].iter_mut().step_by(stride).zip(&columns[row + first..row + end])
            {
                *value += *from;
            }
        });
    }
}

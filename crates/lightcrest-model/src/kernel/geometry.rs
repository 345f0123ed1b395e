//! A convolution as a list of phases: which input pixels meet which output pixels.
//!
//! Output pixel (i, j) of a phase reads, for every tap, `run` consecutive inputs:
//!
//! ```text
//! y[y_origin + i y_row + j y_column]  +=  sum over taps t, k < run:
//!     x[x_origin + i x_row + j x_column + offset(t) + k] . w[t][k]
//! ```
//!
//! A forward convolution is one phase. The gradient for the input of a convolution with stride s is s.s
//! phases, one for each residue of the pixel's position: the pixels of one residue meet the same taps
//! (Dumoulin & Visin 2016, section 4). Halos of zeros make every read valid.

use lightcrest_graph::network::Conv2d;

use super::Layout;

/// Pixels that meet the same taps.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    /// Offset of each tap from the pixel's base.
    pub(crate) offsets: Vec<isize>,
    /// Which tap (row * kernel width + column) each offset belongs to.
    pub(crate) taps: Vec<usize>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) x_origin: usize,
    pub(crate) x_row: usize,
    pub(crate) x_column: usize,
    pub(crate) y_origin: usize,
    pub(crate) y_row: usize,
    pub(crate) y_column: usize,
}

/// The halo that the input of a forward convolution needs.
pub(crate) fn forward_halo(conv: &Conv2d, x: &Layout, y: &Layout) -> (usize, usize) {
    let side = |size: usize, out: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| {
        let last = (out - 1) * stride + (kernel - 1) * dilation;
        padding.max((last + 1).saturating_sub(size + padding))
    };
    let ((kh, kw), (sh, sw), (ph, pw), (dh, dw)) =
        (conv.kernel, conv.stride, conv.padding.before(), conv.dilation);
    (side(x.height, y.height, kh, sh, ph, dh), side(x.width, y.width, kw, sw, pw, dw))
}

/// The halo that the output gradient needs for the gradient of the input.
pub(crate) fn backward_halo(conv: &Conv2d, x: &Layout, y: &Layout) -> (usize, usize) {
    let side = |size: usize, out: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| {
        let reach = (kernel - 1) * dilation;
        let before = reach.saturating_sub(padding).div_ceil(stride);
        let after = ((size - 1 + padding) / stride).saturating_sub(out - 1);
        before.max(after)
    };
    let ((kh, kw), (sh, sw), (ph, pw), (dh, dw)) =
        (conv.kernel, conv.stride, conv.padding.before(), conv.dilation);
    (side(x.height, y.height, kh, sh, ph, dh), side(x.width, y.width, kw, sw, pw, dw))
}

/// The one phase of a forward convolution from `x` to `y`.
pub(crate) fn forward(conv: &Conv2d, x: &Layout, y: &Layout) -> Phase {
    let (mut offsets, mut taps) = (Vec::new(), Vec::new());
    for kh in 0..conv.kernel.0 {
        for kw in 0..conv.kernel.1 {
            offsets.push((kh * conv.dilation.0 * x.row() + kw * conv.dilation.1 * x.stride) as isize);
            taps.push(kh * conv.kernel.1 + kw);
        }
    }
    Phase {
        offsets,
        taps,
        rows: y.height,
        columns: y.width,
        x_origin: x.origin() - conv.padding.top * x.row() - conv.padding.left * x.stride,
        x_row: conv.stride.0 * x.row(),
        x_column: conv.stride.1 * x.stride,
        y_origin: y.origin(),
        y_row: y.row(),
        y_column: y.stride,
    }
}

/// The phases of the gradient for the input: they read the output gradient `dy` and write `dx`.
pub(crate) fn backward(conv: &Conv2d, dx: &Layout, dy: &Layout) -> Vec<Phase> {
    // (tap, shift) along one axis for the positions a, a + stride, a + 2 stride, ...
    let axis =
        |a: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| -> Vec<(usize, isize)> {
            (0..kernel)
                .filter_map(|k| {
                    let shifted = (a + padding) as isize - (k * dilation) as isize;
                    (shifted.rem_euclid(stride as isize) == 0)
                        .then(|| (k, shifted.div_euclid(stride as isize)))
                })
                .collect()
        };
    let ((kh, kw), (sh, sw), (ph, pw), (dh, dw)) =
        (conv.kernel, conv.stride, conv.padding.before(), conv.dilation);
    let mut phases = Vec::new();
    for a in 0..sh.min(dx.height) {
        for b in 0..sw.min(dx.width) {
            let (mut offsets, mut taps) = (Vec::new(), Vec::new());
            for &(row, down) in &axis(a, kh, sh, ph, dh) {
                for &(column, right) in &axis(b, kw, sw, pw, dw) {
                    offsets.push(down * dy.row() as isize + right * dy.stride as isize);
                    taps.push(row * kw + column);
                }
            }
            phases.push(Phase {
                offsets,
                taps,
                rows: (dx.height - a).div_ceil(sh),
                columns: (dx.width - b).div_ceil(sw),
                x_origin: dy.origin(),
                x_row: dy.row(),
                x_column: dy.stride,
                y_origin: dx.origin() + a * dx.row() + b * dx.stride,
                y_row: sh * dx.row(),
                y_column: sw * dx.stride,
            });
        }
    }
    phases
}

impl Phase {
    /// The same phase for `images` images of `x_image` and `y_image` elements, as (images, rows, columns)
    /// with rows and images merged where memory is contiguous.
    pub(crate) fn merged(&self, images: usize, x_image: usize, y_image: usize) -> (usize, usize, usize) {
        let (mut images, mut rows, mut columns) = (images, self.rows, self.columns);
        if rows == 1 || (self.x_row == columns * self.x_column && self.y_row == columns * self.y_column) {
            columns *= rows;
            rows = 1;
            if x_image == columns * self.x_column && y_image == columns * self.y_column {
                columns *= images;
                images = 1;
            }
        }
        (images, rows, columns)
    }

    /// Panics unless every read of `x` and every write of `y` of `images` images is inside: the one bounds
    /// check of the convolution kernels.
    ///
    /// `x_reach` and `y_reach` are the elements touched from each base on.
    pub(crate) fn check(
        &self,
        images: usize,
        (x_len, x_image, x_reach): (usize, usize, usize),
        (y_len, y_image, y_reach): (usize, usize, usize),
    ) {
        if images == 0 || self.rows == 0 || self.columns == 0 {
            return;
        }
        let lowest = self.offsets.iter().copied().min().unwrap_or(0);
        let highest = self.offsets.iter().copied().max().unwrap_or(0);
        assert!(self.x_origin as isize + lowest >= 0, "convolution reads before its input");
        let x_last = (images - 1) * x_image
            + self.x_origin
            + (self.rows - 1) * self.x_row
            + (self.columns - 1) * self.x_column;
        assert!(
            x_last as isize + highest + x_reach as isize <= x_len as isize,
            "convolution reads past its input"
        );
        let y_last = (images - 1) * y_image
            + self.y_origin
            + (self.rows - 1) * self.y_row
            + (self.columns - 1) * self.y_column;
        assert!(y_last + y_reach <= y_len, "convolution writes past its output");
    }
}

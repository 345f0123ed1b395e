//! Kernels of convolutions, and the chains of smaller convolutions that stand in for them.
//!
//! | symbol | meaning |
//! |---|---|
//! | T, S | channels out and in (of a group) |
//! | kh, kw | height and width of the window; 1 x 1 for a linear layer |
//! | W | kernel (T, S, kh, kw), row-major |

use faer::{Mat, MatRef};

/// A kernel (T, S, kh, kw), row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// T.
    pub out: usize,
    /// S, of one group.
    pub input: usize,
    /// kh.
    pub height: usize,
    /// kw.
    pub width: usize,
    /// Elements; T S kh kw of them.
    pub data: Vec<f64>,
}

/// One convolution of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its kernel.
    pub kernel: Kernel,
    /// 1, or as many as there are channels.
    pub groups: usize,
    /// Whether it carries stride, padding and dilation of the height.
    pub vertical: bool,
    /// Whether it carries stride, padding and dilation of the width.
    pub horizontal: bool,
}

impl Kernel {
    /// A kernel of zeros.
    pub fn zeros(out: usize, input: usize, height: usize, width: usize) -> Self {
        Self { out, input, height, width, data: vec![0.0; out * input * height * width] }
    }

    /// kh kw.
    pub fn taps(&self) -> usize {
        self.height * self.width
    }

    /// Place of an element.
    pub fn at(&self, t: usize, s: usize, y: usize, x: usize) -> usize {
        ((t * self.input + s) * self.height + y) * self.width + x
    }

    /// Mode-0 unfolding, (T, S kh kw).
    pub fn by_output(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.data, self.out, self.input * self.taps())
    }

    /// Mode-1 unfolding, (S, T kh kw).
    pub fn by_input(&self) -> Mat<f64> {
        let taps = self.taps();
        Mat::from_fn(self.input, self.out * taps, |s, j| {
            self.data[(j / taps * self.input + s) * taps + j % taps]
        })
    }

    /// The kernel split into columns and rows of its window, (T kw, S kh).
    pub fn by_window(&self) -> Mat<f64> {
        let (kh, kw) = (self.height, self.width);
        Mat::from_fn(self.out * kw, self.input * kh, |i, j| {
            self.data[self.at(i / kw, j / kh, j % kh, i % kw)]
        })
    }

    /// From a mode-0 unfolding, (T, S kh kw).
    pub fn from_output(m: MatRef<'_, f64>, input: usize, height: usize, width: usize) -> Self {
        let data = (0..m.nrows()).flat_map(|i| (0..m.ncols()).map(move |j| m[(i, j)])).collect();
        Self { out: m.nrows(), input, height, width, data }
    }

    /// The kernel whose input channels are combined first: W x_1 M, of shape (T, R, kh, kw) for M (R, S).
    pub fn times_input(&self, m: MatRef<'_, f64>) -> Self {
        let product = m * self.by_input(); // (R, T kh kw)
        let taps = self.taps();
        let mut kernel = Self::zeros(self.out, m.nrows(), self.height, self.width);
        for t in 0..self.out {
            for r in 0..m.nrows() {
                for tap in 0..taps {
                    kernel.data[(t * m.nrows() + r) * taps + tap] = product[(r, t * taps + tap)];
                }
            }
        }
        kernel
    }

    /// The kernel whose output channels are combined: W x_0 M, of shape (R, S, kh, kw) for M (R, T).
    pub fn times_output(&self, m: MatRef<'_, f64>) -> Self {
        let product = m * self.by_output();
        Self::from_output(product.as_ref(), self.input, self.height, self.width)
    }

    /// Frobenius norm.
    pub fn norm(&self) -> f64 {
        self.data.iter().map(|v| v * v).sum::<f64>().sqrt()
    }

    /// Frobenius norm of the difference, relative to that of `self`; 0 when both are zero.
    pub fn relative_error(&self, other: &Self) -> f64 {
        let squares = self.data.iter().zip(&other.data).map(|(a, b)| (a - b) * (a - b));
        let difference = squares.sum::<f64>().sqrt();
        if difference == 0.0 { 0.0 } else { difference / self.norm() }
    }
}

impl Stage {
    /// A stage of one group.
    pub fn new(kernel: Kernel, vertical: bool, horizontal: bool) -> Self {
        Self { kernel, groups: 1, vertical, horizontal }
    }

    /// The kernel over all channels: that of a group in each block of a block-diagonal one.
    fn dense(&self) -> Kernel {
        if self.groups == 1 {
            return self.kernel.clone();
        }
        let (per_group, taps) = (self.kernel.out / self.groups, self.kernel.taps());
        let (input, whole) = (self.kernel.input, self.kernel.input * self.groups);
        let mut dense = Kernel::zeros(self.kernel.out, whole, self.kernel.height, self.kernel.width);
        for t in 0..self.kernel.out {
            let (from, to) = (t * input * taps, (t * whole + t / per_group * input) * taps);
            dense.data[to..to + input * taps].copy_from_slice(&self.kernel.data[from..from + input * taps]);
        }
        dense
    }
}

/// The kernel that a chain amounts to: K[t, s, y1 + y2, x1 + x2] = sum over r of B[t, r, y2, x2] A[r, s, y1,
/// x1] for A before B.
pub fn compose(stages: &[Stage]) -> Kernel {
    let mut stages = stages.iter();
    let mut kernel = stages.next().expect("a chain has a stage").dense();
    for stage in stages {
        kernel = if stage.groups == 1 { then(&kernel, &stage.kernel) } else { then_scaled(&kernel, stage) };
    }
    kernel
}

/// A, then B over all channels.
fn then(a: &Kernel, b: &Kernel) -> Kernel {
    let mut kernel = Kernel::zeros(b.out, a.input, a.height + b.height - 1, a.width + b.width - 1);
    for (y2, x2) in (0..b.height).flat_map(|y| (0..b.width).map(move |x| (y, x))) {
        let tap = Mat::from_fn(b.out, b.input, |t, r| b.data[b.at(t, r, y2, x2)]);
        let part = tap * a.by_output(); // (T, S kh kw) of A
        for t in 0..b.out {
            for s in 0..a.input {
                for (y1, x1) in (0..a.height).flat_map(|y| (0..a.width).map(move |x| (y, x))) {
                    let at = kernel.at(t, s, y1 + y2, x1 + x2);
                    kernel.data[at] += part[(t, (s * a.height + y1) * a.width + x1)];
                }
            }
        }
    }
    kernel
}

/// A, then a depthwise stage.
fn then_scaled(a: &Kernel, stage: &Stage) -> Kernel {
    let b = &stage.kernel;
    let mut kernel = Kernel::zeros(a.out, a.input, a.height + b.height - 1, a.width + b.width - 1);
    for t in 0..a.out {
        for s in 0..a.input {
            for (y1, x1) in (0..a.height).flat_map(|y| (0..a.width).map(move |x| (y, x))) {
                for (y2, x2) in (0..b.height).flat_map(|y| (0..b.width).map(move |x| (y, x))) {
                    let at = kernel.at(t, s, y1 + y2, x1 + x2);
                    kernel.data[at] += b.data[b.at(t, 0, y2, x2)] * a.data[a.at(t, s, y1, x1)];
                }
            }
        }
    }
    kernel
}

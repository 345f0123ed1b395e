//! Which decomposition of a layer at which ranks: its stages, its cost, and what full rank is.

use serde::{Deserialize, Serialize};

use super::cp::cp;
use super::kernel::{Kernel, Stage};
use super::singular::NumericError;
use super::spatial::spatial;
use super::svd::svd;
use super::tucker::tucker;

/// A decomposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Truncated SVD of the kernel as a matrix (T, S kh kw).
    Svd,
    /// Tucker-2: both channel modes.
    Tucker,
    /// Canonical polyadic: 1 x 1, depthwise kh x 1, depthwise 1 x kw, 1 x 1.
    Cp,
    /// kh x 1, then 1 x kw.
    Spatial,
}

/// Sizes of a kernel: T, S, kh, kw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelShape {
    /// T.
    pub out: usize,
    /// S.
    pub input: usize,
    /// kh.
    pub height: usize,
    /// kw.
    pub width: usize,
}

/// Positions of one sample at which a layer reads and writes: height and width of its input and of its
/// output, 1 for what a linear layer does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Positions {
    /// Height and width of the input.
    pub input: (usize, usize),
    /// Height and width of the output.
    pub out: (usize, usize),
}

impl KernelShape {
    fn taps(self) -> usize {
        self.height * self.width
    }
}

impl Kernel {
    /// T, S, kh, kw.
    pub fn shape(&self) -> KernelShape {
        KernelShape { out: self.out, input: self.input, height: self.height, width: self.width }
    }
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Svd, Self::Tucker, Self::Cp, Self::Spatial];

    /// The method that a kernel of this shape takes when this one is asked for: without a window there is
    /// only SVD, and a window of one row or one column cannot be split.
    pub fn on(self, shape: KernelShape) -> Self {
        match self {
            Self::Spatial if shape.height == 1 || shape.width == 1 => Self::Svd,
            _ if shape.taps() == 1 => Self::Svd,
            method => method,
        }
    }

    /// The ranks that a fraction is of: those at which SVD, Tucker (R1, R2) and the spatial split are exact,
    /// and max(T, S) for CP, whose exact rank is beyond what pays.
    pub fn full(self, shape: KernelShape) -> Vec<usize> {
        let KernelShape { out: t, input: s, height: kh, width: kw } = shape;
        let k = kh * kw;
        match self {
            Self::Svd => vec![t.min(s * k)],
            Self::Tucker => vec![s.min(t * k), t.min(s * k)],
            Self::Cp => vec![t.max(s)],
            Self::Spatial => vec![(t * kw).min(s * kh)],
        }
    }

    /// The highest ranks that mean anything.
    pub fn limit(self, shape: KernelShape) -> Vec<usize> {
        match self {
            Self::Cp => vec![shape.out.min(shape.input) * shape.taps()],
            _ => self.full(shape),
        }
    }

    /// The stages at ranks within [`Method::limit`].
    ///
    /// # Errors
    /// [`NumericError`].
    pub fn decompose(self, kernel: &Kernel, ranks: &[usize]) -> Result<Vec<Stage>, NumericError> {
        match self {
            Self::Svd => svd(kernel, ranks[0]),
            Self::Tucker => tucker(kernel, ranks[0], ranks[1]),
            Self::Cp => cp(kernel, ranks[0]),
            Self::Spatial => spatial(kernel, ranks[0]),
        }
    }

    /// Multiply-adds of one sample at these ranks, and weights without the bias.
    pub fn cost(self, shape: KernelShape, ranks: &[usize], at: Positions) -> (u64, u64) {
        let KernelShape { out: t, input: s, height: kh, width: kw } = shape;
        let r = ranks[0];
        let area = |(h, w): (usize, usize)| h * w;
        let (before, after) = (area(at.input), area(at.out));
        let between = at.out.0 * at.input.1;
        let stages = match self {
            Self::Svd => vec![(r * s * kh * kw, after), (t * r, after)],
            Self::Tucker => {
                vec![(r * s, before), (ranks[1] * r * kh * kw, after), (t * ranks[1], after)]
            }
            Self::Cp if kh == 1 || kw == 1 => vec![(r * s, before), (r * kh * kw, after), (t * r, after)],
            Self::Cp => vec![(r * s, before), (r * kh, between), (r * kw, after), (t * r, after)],
            Self::Spatial => vec![(r * s * kh, between), (t * r * kw, after)],
        };
        let macs = stages.iter().map(|&(weights, positions)| weights as u64 * positions as u64).sum();
        (macs, stages.iter().map(|&(weights, _)| weights as u64).sum())
    }
}

/// Multiply-adds of one sample of a layer as it is, and its weights without the bias.
pub fn dense_cost(shape: KernelShape, at: Positions) -> (u64, u64) {
    let weights = (shape.out * shape.input * shape.taps()) as u64;
    (weights * (at.out.0 * at.out.1) as u64, weights)
}

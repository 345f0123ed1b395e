//! Decomposition that minimises the error of the outputs instead of that of the weights.
//!
//! With inputs x of covariance C = L L^T (S, S), the squared error of the outputs of W' for a linear layer is
//! tr((W - W') C (W - W')^T) = |(W - W') L|^2: the kernel W x_1 L^T is decomposed as any other, and L^-1 goes
//! into the stage that reads the input. For windows the covariance between positions is left out. The mean of
//! the inputs needs no rank: a bias takes what it loses, (W - W') mean.

use faer::linalg::triangular_solve::solve_upper_triangular_in_place;
use faer::{Mat, Par, Side};

use super::kernel::{Kernel, Stage};
use super::singular::NumericError;

/// Added to the diagonal, relative to its mean: directions that the calibration never saw still cost
/// something.
const RIDGE: f64 = 1e-4;

/// L of a covariance (S, S).
#[derive(Clone, Debug)]
pub struct Whitening {
    l: Mat<f64>, // (S, S), lower
}

impl Whitening {
    /// The factor of `covariance` (S, S) with a small ridge.
    ///
    /// # Errors
    /// [`NumericError::Covariance`].
    pub fn new(covariance: &Mat<f64>) -> Result<Self, NumericError> {
        let n = covariance.nrows();
        let wrong = || NumericError::Covariance { channels: n };
        let mean = (0..n).map(|i| covariance[(i, i)]).sum::<f64>() / n.max(1) as f64;
        if !mean.is_finite() {
            return Err(wrong());
        }
        // Inputs that never vary say nothing: every direction counts alike.
        let ridge = if mean > 0.0 { RIDGE * mean } else { 1.0 };
        let mut c = covariance.clone();
        (0..n).for_each(|i| c[(i, i)] += ridge);
        let l = c.llt(Side::Lower).map_err(|_| wrong())?.L().to_owned();
        Ok(Self { l })
    }

    /// W x_1 L^T, whose plain decomposition is that of W weighted by the inputs.
    pub fn apply(&self, kernel: &Kernel) -> Kernel {
        kernel.times_input(self.l.transpose())
    }

    /// Puts L^-1 into the stage that reads the input.
    pub fn undo(&self, stages: &mut [Stage]) {
        let first = &mut stages[0].kernel; // (R, S, kh, kw), unfolded A with A L wanted
        let mut a = first.by_input(); // (S, R kh kw)
        solve_upper_triangular_in_place(self.l.transpose(), a.as_mut(), Par::Seq);
        let taps = first.taps();
        for s in 0..first.input {
            for j in 0..first.out * taps {
                first.data[(j / taps * first.input + s) * taps + j % taps] = a[(s, j)];
            }
        }
    }
}

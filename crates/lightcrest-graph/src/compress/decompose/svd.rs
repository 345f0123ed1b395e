//! SVD of the mode-0 unfolding: W ~ B A with A (R, S, kh, kw) and B (T, R, 1, 1).
//!
//! For linear layers and 1 x 1 convolutions it is the truncated SVD (Eckart and Young 1936); for larger
//! windows the scheme of Zhang et al. 2016, "Accelerating very deep convolutional networks", without its
//! nonlinearity. It pays where R < T S k / (T + S k), k = kh kw.

use faer::Mat;

use super::kernel::{Kernel, Stage};
use super::singular::{LeftSingular, NumericError, left_singular};

/// The two stages at rank `rank`; exact at min(T, S kh kw).
///
/// # Errors
/// [`NumericError`].
pub(super) fn svd(kernel: &Kernel, rank: usize) -> Result<Vec<Stage>, NumericError> {
    let LeftSingular { vectors, values } = left_singular(kernel.by_output())?;
    let u = vectors.subcols(0, rank); // (T, R)
    // Shared evenly, so that both stages have weights of one magnitude.
    let root = |r: usize| balance(values[r], values[0]);
    let a = u.transpose() * kernel.by_output(); // (R, S kh kw), rows of norm s_r
    let a = Mat::from_fn(rank, a.ncols(), |r, j| a[(r, j)] / root(r));
    let b = Mat::from_fn(kernel.out, rank, |t, r| u[(t, r)] * root(r));
    let first = Kernel::from_output(a.as_ref(), kernel.input, kernel.height, kernel.width);
    let second = Kernel::from_output(b.as_ref(), rank, 1, 1);
    Ok(vec![Stage::new(first, true, true), Stage::new(second, false, false)])
}

/// The square root of a singular value, kept away from 0 so that it can be divided by.
pub(super) fn balance(value: f64, largest: f64) -> f64 {
    if largest > 0.0 { value.max(1e-12 * largest).sqrt() } else { 1.0 }
}

//! Spatial split: W ~ a kh x 1 convolution (R, S, kh, 1), then a 1 x kw convolution (T, R, 1, kw), by SVD of
//! the kernel rearranged to (T kw, S kh) (Jaderberg et al. 2014, scheme 2; its closed form is that of Tai et
//! al. 2016).

use faer::Mat;

use super::kernel::{Kernel, Stage};
use super::singular::{LeftSingular, NumericError, left_singular};
use super::svd::balance;

/// The two stages at rank `rank`; exact at min(T kw, S kh).
///
/// # Errors
/// [`NumericError`].
pub(super) fn spatial(kernel: &Kernel, rank: usize) -> Result<Vec<Stage>, NumericError> {
    let (kh, kw) = (kernel.height, kernel.width);
    let window = kernel.by_window();
    let LeftSingular { vectors, values } = left_singular(window.as_ref())?;
    let u = vectors.subcols(0, rank); // (T kw, R)
    let root = |r: usize| balance(values[r], values[0]);
    let a = u.transpose() * &window; // (R, S kh)
    let a = Mat::from_fn(rank, a.ncols(), |r, j| a[(r, j)] / root(r));
    let vertical = Kernel::from_output(a.as_ref(), kernel.input, kh, 1);
    let mut horizontal = Kernel::zeros(kernel.out, rank, 1, kw);
    for t in 0..kernel.out {
        for r in 0..rank {
            for x in 0..kw {
                let at = horizontal.at(t, r, 0, x);
                horizontal.data[at] = u[(t * kw + x, r)] * root(r);
            }
        }
    }
    Ok(vec![Stage::new(vertical, true, false), Stage::new(horizontal, false, true)])
}

//! Tucker-2: 1 x 1 S -> R1, the window R1 -> R2, 1 x 1 R2 -> T (Kim et al. 2016, "Compression of deep
//! convolutional neural networks for fast and low power mobile applications").
//!
//! Starts at the truncated HOSVD and alternates (HOOI, De Lathauwer et al. 2000): the best U_T (T, R2) given
//! U_S (S, R1), and the other way round. The core is W x_0 U_T^T x_1 U_S^T.

use faer::{Mat, MatRef};

use super::kernel::{Kernel, Stage};
use super::singular::{NumericError, left_singular};

/// Sweeps at most.
const SWEEPS: usize = 10;
/// Growth of the norm of the core, relative, below which sweeping ends.
const TOLERANCE: f64 = 1e-5;

/// The three stages at ranks R1 of the input and R2 of the output; exact at min(S, T kh kw), min(T, S kh kw).
///
/// # Errors
/// [`NumericError`].
pub(super) fn tucker(kernel: &Kernel, r1: usize, r2: usize) -> Result<Vec<Stage>, NumericError> {
    // A rank may not exceed what the other leaves: the unfolding of the core has R1 kh kw columns.
    let r2 = r2.min(r1 * kernel.taps());
    let r1 = r1.min(r2 * kernel.taps());
    let mut u_s = leading(kernel.by_input().as_ref(), r1)?;
    let mut norm = 0.0;
    let (mut u_t, mut core);
    let mut sweep = 0;
    loop {
        let narrow = kernel.times_input(u_s.transpose()); // (T, R1, kh, kw)
        u_t = leading(narrow.by_output(), r2)?;
        core = narrow.times_output(u_t.transpose()); // (R2, R1, kh, kw)
        let grown = core.norm();
        sweep += 1;
        if sweep > SWEEPS || grown - norm <= TOLERANCE * grown {
            break;
        }
        norm = grown;
        let short = kernel.times_output(u_t.transpose()); // (R2, S, kh, kw)
        u_s = leading(short.by_input().as_ref(), r1)?;
    }
    let reduce = Kernel::from_output(u_s.transpose(), kernel.input, 1, 1);
    let restore = Kernel::from_output(u_t.as_ref(), r2, 1, 1);
    Ok(vec![
        Stage::new(reduce, false, false),
        Stage::new(core, true, true),
        Stage::new(restore, false, false),
    ])
}

/// The leading `rank` left singular vectors.
fn leading(a: MatRef<'_, f64>, rank: usize) -> Result<Mat<f64>, NumericError> {
    Ok(left_singular(a)?.vectors.subcols(0, rank).to_owned())
}

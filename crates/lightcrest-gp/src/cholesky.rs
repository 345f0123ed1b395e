//! Cholesky factor that grows by rows, with an explicit jitter ladder.

use crate::error::GpError;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Mat, MatMut, MatRef, Par, Side};

/// Relative to the mean diagonal: what is added to the diagonal, in this order, until the factorisation
/// succeeds. Duplicated rows with almost no noise need the first steps; the last is close to "all noise".
pub const JITTER_LADDER: [f64; 6] = [0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4];

/// Relative to the mean diagonal: what is left of the variance of a row, given the rows before it, below
/// which it is rounding.
const ROUNDING: f64 = 1e-13;

/// L with L Lᵀ = K + diag(jitter).
#[derive(Debug, Clone)]
pub struct Cholesky {
    l: Mat<f64>,      // (n, n), lower
    jitter: Vec<f64>, // (n,)
    /// What every row that is appended gets, as the first ones did.
    common: f64,
}

impl Cholesky {
    /// Factorises the symmetric `k`, of which only the lower triangle is read.
    ///
    /// # Errors
    /// [`GpError::NotPositiveDefinite`] when the whole [`JITTER_LADDER`] fails.
    pub fn new(k: &Mat<f64>) -> Result<Self, GpError> {
        let n = k.nrows();
        let diagonal = (0..n).map(|i| k[(i, i)]).sum::<f64>() / n.max(1) as f64;
        for relative in JITTER_LADDER {
            let jitter = relative * diagonal;
            let attempt = if jitter == 0.0 {
                k.llt(Side::Lower)
            } else {
                let mut k = k.clone();
                (0..n).for_each(|i| k[(i, i)] += jitter);
                k.llt(Side::Lower)
            };
            if let Ok(llt) = attempt {
                let l = llt.L().to_owned();
                if (0..n).all(|i| l[(i, i)].is_finite() && l[(i, i)] > 0.0) {
                    return Ok(Self { l, jitter: vec![jitter; n], common: jitter });
                }
            }
        }
        Err(GpError::NotPositiveDefinite { rows: n, jitter: JITTER_LADDER[JITTER_LADDER.len() - 1] })
    }

    /// The number of rows, n.
    pub fn len(&self) -> usize {
        self.l.nrows()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was added to the diagonal, row by row: appended rows may have needed more. (n)
    pub fn jitter(&self) -> &[f64] {
        &self.jitter
    }

    /// The factor.
    pub fn l(&self) -> MatRef<'_, f64> {
        self.l.as_ref()
    }

    /// log det(L Lᵀ).
    pub fn log_determinant(&self) -> f64 {
        2.0 * (0..self.len()).map(|i| self.l[(i, i)].ln()).sum::<f64>()
    }

    /// rhs ← L⁻¹ rhs. Shapes: rhs (n, m).
    pub fn forward(&self, rhs: MatMut<'_, f64>) {
        solve_lower_triangular_in_place(self.l.as_ref(), rhs, Par::Seq);
    }

    /// rhs ← L⁻ᵀ rhs. Shapes: rhs (n, m).
    pub fn backward(&self, rhs: MatMut<'_, f64>) {
        solve_upper_triangular_in_place(self.l.transpose(), rhs, Par::Seq);
    }

    /// K⁻¹ y.
    pub fn solve(&self, y: &[f64]) -> Vec<f64> {
        let mut x = Mat::from_fn(y.len(), 1, |i, _| y[i]);
        self.forward(x.as_mut());
        self.backward(x.as_mut());
        (0..y.len()).map(|i| x[(i, 0)]).collect()
    }

    /// K⁻¹, lower triangle only.
    pub(crate) fn inverse(&self) -> Mat<f64> {
        let n = self.len();
        let mut inverse = Mat::zeros(n, n);
        let mut memory = MemBuffer::new(llt::inverse::inverse_scratch::<f64>(n, Par::Seq));
        llt::inverse::inverse(inverse.as_mut(), self.l.as_ref(), Par::Seq, MemStack::new(&mut memory));
        inverse
    }

    /// Adds m rows and columns in O(m n² + m³): `k` holds their covariances with the n rows, (n, m), `own`
    /// those among themselves, (m, m), lower triangle, noise included.
    ///
    /// Where duplicates leave nothing but rounding of a new row, or a block that is not positive definite,
    /// 1e-6 of its own mean diagonal is added.
    ///
    /// # Errors
    /// [`GpError::NotPositiveDefinite`] when that does not help either; then nothing is added.
    pub fn append(&mut self, mut k: Mat<f64>, own: &Mat<f64>) -> Result<(), GpError> {
        let (n, m) = (self.len(), own.nrows());
        if m == 0 {
            return Ok(());
        }
        self.forward(k.as_mut()); // (n, m)
        let mut rest = own - k.transpose() * &k; // the Schur complement
        let mut jitter = vec![self.common; m];
        (0..m).for_each(|i| rest[(i, i)] += self.common);
        let mean = (0..m).map(|i| own[(i, i)]).sum::<f64>() / m as f64;
        // The ladder begins at the diagonal of the rest, which may be rounding itself.
        let is_sound = |corner: &Self| (0..m).all(|i| corner.l[(i, i)].powi(2) > ROUNDING * mean);
        let corner = match Self::new(&rest) {
            Ok(corner) if is_sound(&corner) => corner,
            _ => {
                for i in 0..m {
                    let lifted = rest[(i, i)].max(0.0) + 1e-6 * mean;
                    jitter[i] += lifted - rest[(i, i)];
                    rest[(i, i)] = lifted;
                }
                Self::new(&rest)?
            }
        };
        self.jitter.extend(jitter.iter().zip(&corner.jitter).map(|(own, ladder)| own + ladder));
        self.l.resize_with(n + m, n + m, |i, j| match (i < n, j < n) {
            (false, true) => k[(j, i - n)],
            (false, false) => corner.l[(i - n, j - n)],
            _ => 0.0,
        });
        Ok(())
    }
}

//! Singular values and left singular vectors of a matrix, largest first.
//!
//! They come from the eigenvectors of the smaller Gram matrix: kernels have one short side, and only one
//! side's vectors are wanted. Squaring costs half of the digits of the singular values, which leaves 1e-8 of
//! the largest, below what f32 weights hold. The vectors are orthonormal whatever the singular values are.

use faer::{Mat, MatRef, Side};

/// U (m, k) and the singular values (k), k = min(m, n), of a matrix (m, n).
#[derive(Clone, Debug)]
pub struct LeftSingular {
    /// Left singular vectors.
    pub vectors: Mat<f64>,
    /// Singular values, descending.
    pub values: Vec<f64>,
}

/// Why a matrix cannot be decomposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumericError {
    /// An element that is not finite.
    #[error("an element of the weights is not finite")]
    NotFinite,
    /// The eigenvalues do not converge.
    #[error("the eigenvalues of a matrix of {rows} rows do not converge")]
    Eigenvalues {
        /// Its rows.
        rows: usize,
    },
    /// A covariance that is not one.
    #[error("the covariance of the {channels} input channels is not positive definite")]
    Covariance {
        /// Number of input channels.
        channels: usize,
    },
}

/// The left singular vectors of `a`.
///
/// # Errors
/// [`NumericError`].
pub fn left_singular(a: MatRef<'_, f64>) -> Result<LeftSingular, NumericError> {
    let (m, n) = (a.nrows(), a.ncols());
    if m <= n {
        let (vectors, values) = eigen(a * a.transpose())?;
        return Ok(LeftSingular { vectors, values });
    }
    let (v, values) = eigen(a.transpose() * a)?;
    // A V = U S; where S is nothing but rounding, orthogonalisation makes any vector of the rest.
    let vectors = orthonormal(&(a * v));
    Ok(LeftSingular { vectors, values })
}

/// The singular values of `a`, descending.
///
/// # Errors
/// [`NumericError`].
pub fn singular_values(a: MatRef<'_, f64>) -> Result<Vec<f64>, NumericError> {
    let gram = if a.nrows() <= a.ncols() { a * a.transpose() } else { a.transpose() * a };
    check(&gram)?;
    let failed = |_| NumericError::Eigenvalues { rows: gram.nrows() };
    let mut values = gram.self_adjoint_eigenvalues(Side::Lower).map_err(failed)?;
    values.reverse();
    Ok(values.into_iter().map(|v| v.max(0.0).sqrt()).collect())
}

/// An orthonormal basis that spans the columns of `a` (m, n), m >= n.
pub fn orthonormal(a: &Mat<f64>) -> Mat<f64> {
    a.qr().compute_thin_Q()
}

/// Eigenvectors of a Gram matrix, largest eigenvalue first, and the square roots of the eigenvalues.
fn eigen(gram: Mat<f64>) -> Result<(Mat<f64>, Vec<f64>), NumericError> {
    check(&gram)?;
    let n = gram.nrows();
    let eigen = gram.self_adjoint_eigen(Side::Lower).map_err(|_| NumericError::Eigenvalues { rows: n })?;
    let (u, s) = (eigen.U(), eigen.S().column_vector());
    let vectors = Mat::from_fn(n, n, |i, j| u[(i, n - 1 - j)]);
    let values = (0..n).map(|j| s[n - 1 - j].max(0.0).sqrt()).collect();
    Ok((vectors, values))
}

fn check(gram: &Mat<f64>) -> Result<(), NumericError> {
    let finite = (0..gram.ncols()).all(|j| (0..gram.nrows()).all(|i| gram[(i, j)].is_finite()));
    if finite { Ok(()) } else { Err(NumericError::NotFinite) }
}

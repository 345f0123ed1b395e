//! Gaussian-process numerics: arrays in, arrays out. Knows nothing of studies.
//!
//! | symbol | name in the code | shape | meaning |
//! |---|---|---|---|
//! | X | `rows` | n x d | inputs in the unit cube, one activity flag a cell |
//! | y | `y` | n | observations, standardised by the caller ([`transform`]), larger is better |
//! | ℓ | `length_scales` | d | one a column, in units of the cube |
//! | s | `scales` | B | variance of each block of the kernel |
//! | σ² | `noise` | 1 | variance of the observation noise |
//! | K | `k` | n x n | kernel matrix; `K + σ²I = L Lᵀ` |
//! | α | `alpha` | n | `(K + σ²I)⁻¹ y` |
//! | a, b | `warps` | 2 a warped column | exponents of the warp |
//! | θ | `theta` | d + B + 2 + 2 W | logarithms of all hyperparameters |
//!
//! The way through: [`Kernel`] + [`Data`] → [`fit()`] (maximum a posteriori by multi-start L-BFGS) →
//! [`Hyperparameters`] → [`Posterior`] (mean, variance, gradients, joint samples, cheap appends) →
//! [`acquisition`]. Everything is f64, sequential and deterministic. Whatever could be non-finite is checked
//! on the way in and reported as a [`GpError`].

pub mod acquisition;
mod cholesky;
mod draw;
mod error;
mod fit;
mod kernel;
pub mod lbfgs;
mod likelihood;
mod posterior;
mod prior;
mod robust;
mod rows;
pub mod special;
pub mod transform;

pub use cholesky::{Cholesky, JITTER_LADDER};
pub use draw::draw;
pub use error::GpError;
pub use fit::{Fit, FitConfig, fit};
pub use kernel::{Column, Conditional, Family, Hyperparameters, Kernel, Warp};
pub use likelihood::{Data, Likelihood};
pub use posterior::{Posterior, Prediction, PredictionGradient};
pub use prior::{LogPrior, Priors};
pub use rows::Rows;

//! Low rank: a layer becomes a chain of smaller ones.
//!
//! [`decompose`] finds the layers ([`layer`]), chooses ranks ([`rank`]), truncates their kernels ([`method`];
//! with [`Calibration`] weighted by what they read, [`whiten`]) and puts the chains in their places. The
//! numerics know nothing of models: [`kernel`] in, stages out.

mod cp;
pub mod evbmf;
mod job;
pub mod kernel;
pub mod layer;
pub mod method;
mod moments;
mod pass;
pub mod rank;
mod report;
mod rewrite;
pub mod singular;
mod spatial;
mod svd;
mod tucker;
pub mod whiten;

pub use method::Method;
pub use moments::{Calibration, Moments};
pub use pass::{Choice, DecomposeConfig, DecomposeError, Times, decompose};
pub use rank::Ranks;
pub use report::{Change, LayerReport, Outcome, Report};

#[cfg(test)]
mod pass_test;
#[cfg(test)]
mod run_test;
#[cfg(test)]
mod test;

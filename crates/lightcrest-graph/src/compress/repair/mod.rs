//! Repair without training: every layer of a compressed model is solved again so that it writes what the
//! original's layer wrote.
//!
//! Layers are visited in the order of the graph. A layer reads what the compressed model, repaired so far,
//! gives it, and its weights and bias are the ridge regression of the original's output on that: what was
//! lost before it is made up for as far as a linear layer can (He et al. 2017, "Channel pruning for
//! accelerating very deep neural networks", section 3.2; Luo et al. 2017, "ThiNet"). Batch normalisation gets
//! the mean and the variance of the original's channels. A change is kept only where it makes the error on
//! held-out inputs smaller, and so is the whole.
//!
//! A layer is repaired by itself, so that nodes which are not understood may stand anywhere: all that is
//! needed is an [`Executor`](super::activation::Executor) that runs them.

mod correspondence;
mod normalize;
mod pass;
mod report;
mod segment;
mod site;
mod solve;
#[cfg(test)]
mod test;

pub use correspondence::Correspondence;
pub use pass::{RepairConfig, RepairError, repair};
pub use report::{RepairOutcome, RepairReport, RepairedLayer};

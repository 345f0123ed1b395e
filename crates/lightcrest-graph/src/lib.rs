//! Networks as data: one layer graph ([`network`]) with its weights, its exact cost and the passes that
//! rewrite it, and the ONNX files it becomes ([`onnx`]). What is known of an operator stands in one file a
//! family, in `operator/`.
//!
//! Nothing here knows of data sets, of training or of spec files: what builds, trains or compresses a network
//! imports this crate, and it imports none of ours.

mod chain;
pub mod compress;
pub mod file;
pub mod network;
mod normalization;
pub mod onnx;
mod operator;
mod shape;
mod tensor;
#[cfg(test)]
mod testing;

pub use chain::chain;
pub use normalization::Normalization;

//! Networks as data: one layer graph ([`network`]) with its weights, its exact cost and the passes that rewrite it, and
//! the ONNX files it becomes ([`onnx`]).
//!
//! Nothing here knows of data sets, of training or of spec files: what builds, trains or compresses a network imports
//! this crate, and it imports none of ours.

pub mod file;
pub mod network;
mod normalization;
pub mod onnx;
#[cfg(test)]
mod testing;

pub use normalization::Normalization;

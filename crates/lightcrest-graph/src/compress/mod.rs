//! Passes that make an ONNX model lighter: a model goes in, another comes out with a report of what was done.

pub mod activation;
pub mod decompose;
mod edit;
pub mod feed;
mod parallel;
pub mod prune;
pub mod quantize;
pub mod repair;

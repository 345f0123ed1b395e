//! What is measured on this machine, rather than counted from the graph.

pub mod latency;
pub mod onnx;

pub use latency::{Latency, LatencyConfig, latency, latency_of};

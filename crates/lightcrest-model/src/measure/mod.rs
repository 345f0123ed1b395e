//! What is measured on this machine, rather than counted from the graph.

pub mod engine;
pub mod latency;
pub mod onnx;

pub use engine::{Engine, OwnEngine, Run};
pub use latency::{Latency, LatencyConfig, latency, latency_beside, latency_of};

//! What is measured on this machine, rather than counted from the graph.

pub mod latency;

pub use latency::{Latency, LatencyConfig, latency};

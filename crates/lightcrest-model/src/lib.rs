//! Light networks: one layer graph ([`network`]) that the module vocabulary ([`block`]) builds, the trainer runs, the
//! cost model counts and the exporters write.

pub mod block;
pub mod data;
pub mod file;
mod gate;
mod kernel;
pub mod kindle;
pub mod measure;
pub mod memory;
pub mod network;
pub mod objective;
pub mod onnx;
pub mod spec;
pub mod train;

//! Light networks: one layer graph ([`network`]) that the module vocabulary builds, the trainer runs, the cost
//! model counts and the exporters write.

pub mod data;
pub mod network;
pub mod train;

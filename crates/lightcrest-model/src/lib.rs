//! Light networks that learn: the module vocabulary ([`block`]) builds a layer graph ([`lightcrest_graph`]),
//! which the trainer ([`train`]) fits to a data set ([`data`]); [`objective`] makes that an objective of the
//! engine.

pub mod block;
pub mod compress;
pub mod data;
mod gate;
mod kernel;
pub mod kindle;
pub mod measure;
pub mod memory;
pub mod objective;
pub mod spec;
pub mod train;

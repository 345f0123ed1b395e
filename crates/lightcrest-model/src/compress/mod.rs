//! Compressing a network that exists: which methods, how strongly, for which layers.
//!
//! [`CompressSpec`] is the spec, [`Original`] the network that it names, [`Plan`] what a configuration does
//! to it, [`CompressObjective`] the objective of the engine. Layers are tied into sections ([`Section`]), so
//! that the space stays small.

mod error;
mod finetune;
mod int8;
mod judge;
mod latency;
mod low_rank;
mod objective;
mod original;
mod outline;
mod parse;
mod passes;
mod plan;
mod preprocessing;
mod repair;
mod resolve;
mod schema;
mod section;
mod spec;
mod starts;
mod test_images;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use error::CompressError;
pub use latency::{Beside, latency};
pub use objective::{CompressObjective, Compressed, ENGINE, preview};
pub use original::{ModelIdentity, Original, OriginalError};
pub use outline::{Channels, Layer, LayerKind, Outline};
pub use passes::{LayerFate, PlanCost};
pub use plan::{Change, LowRank, Plan};
pub use preprocessing::{Layout, Preprocessing, Stated, StatedError};
pub use schema::json_schema;
pub use section::Section;
pub use spec::{CompressSpec, Open};
pub use test_images::TestImages;

//! Suites that every storage, sampler and pruner must pass: those of this crate, and your own.
//!
//! Each function panics with a sentence when a rule of the trait's contract is broken. Call it in a test:
//!
//! ```
//! use lightcrest::sampler::RandomSampler;
//!
//! lightcrest::testing::sampler(&|| Box::new(RandomSampler::new()));
//! ```

mod history;
mod pruner;
mod sampler;
mod storage;

pub use history::{Deed, Event, Outcome, check_history};
pub use pruner::pruner;
pub use sampler::sampler;
pub use storage::{catalog, follow, shared_storage, storage};

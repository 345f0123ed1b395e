//! The search: one conditional space of algorithms, their preparation and their hyperparameters; what a trial
//! is and what it tells.
//!
//! ```text
//! space       what may vary, and the configurations that are tried first
//! problem     a table with its target, its parts and its metric
//! objective   one trial: fold after fold, then models of all rows
//! latency     how long a row takes
//! ```

mod latency;
mod objective;
mod problem;
mod space;

pub use latency::{Latency, latency};
pub use objective::{Limits, Made, TableObjective};
pub use problem::{Problem, ProblemConfig};
pub use space::{portfolio, space};

#[cfg(test)]
mod tests;

//! The search: one conditional space of algorithms, their preparation and their hyperparameters; what a trial
//! is and what it tells.
//!
//! ```text
//! space       what may vary
//! portfolio   the configurations that are tried first
//! problem     a table with its target, its parts and its metric
//! objective   one trial: its folds
//! judge       what a trial's folds tell
//! trainer     features of a part of the rows, and what learns from them
//! ensemble    weighted means of models of earlier trials
//! honest      what the best of many trials may be expected to score
//! growth      what a model gains by the rows that its folds did not learn from
//! effort      how many folds, rows and rounds the time is enough for
//! calibrate   temperature, threshold and factor, by rows that were not learnt from
//! deliver     the models of the front, made of all rows when the search is over
//! made        the models of a trial
//! latency     how long a row takes
//! ```

mod calibrate;
mod deliver;
mod effort;
mod ensemble;
mod growth;
mod honest;
mod judge;
mod latency;
mod made;
mod objective;
mod portfolio;
mod problem;
mod space;
mod trainer;

pub use deliver::{Take, Until};
pub use effort::Effort;
pub use ensemble::EnsembleMember;
pub use growth::LearningCurve;
pub use latency::{Latency, latency};
pub use made::Made;
pub use objective::{Limits, TableObjective};
pub use portfolio::{Boosting, portfolio, portfolio_within};
pub use problem::{Problem, ProblemConfig};
pub use space::space;

#[cfg(test)]
mod tests;

//! Tables that learn: reading them, what their columns are, features, folds and metrics, and the objective of
//! `lightcrest fit`.
//!
//! Two rules: never a silent guess that changes the result, and never a crash after the data was read. Every
//! automatic decision is kept with the column that it is about, for the report.

pub mod algorithm;
pub mod column;
pub mod diagnosis;
pub mod error;
pub mod export;
pub mod feature;
pub mod fit;
pub mod metric;
pub mod pipeline;
pub mod predict;
pub mod read;
pub mod search;
pub mod spec;
pub mod split;
pub mod table;
pub mod token;

pub use error::TableError;

use serde::{Deserialize, Serialize};

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One of some classes, with probabilities.
    Classification,
    /// A number.
    Regression,
}

/// Rows with a target that a fit needs at least.
pub const LEAST_ROWS: usize = 10;

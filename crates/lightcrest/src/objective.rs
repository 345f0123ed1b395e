//! What is optimised: directions, what is known beforehand, and what an evaluation gives.
//!
//! Larger is better or smaller is better is decided here and nowhere else: the engine compares
//! [oriented](Direction::orient) values, of which larger is always better.
//!
//! The trait that evaluates, [`Objective`](crate::trial::Objective), lives beside
//! [`Trial`](crate::trial::Trial); this module holds the plain data that samplers, pruners and storages need.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Whether an objective should become small or large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smaller is better.
    Minimize,
    /// Larger is better.
    Maximize,
}

impl Direction {
    /// The value such that larger is better. It is its own inverse: applied twice, the value is back.
    pub fn orient(self, value: f64) -> f64 {
        match self {
            Self::Minimize => -value,
            Self::Maximize => value,
        }
    }
}

/// The name of an objective and its direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveInfo {
    /// The metric, such as `validation_accuracy`.
    pub name: String,
    /// Whether it should become small or large.
    pub direction: Direction,
}

impl ObjectiveInfo {
    /// An objective that should become small.
    pub fn minimize(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::Minimize }
    }

    /// An objective that should become large.
    pub fn maximize(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::Maximize }
    }
}

/// Values in the direction in which larger is better, one for each objective. The inverse of itself.
///
/// # Shapes
/// `values` has one number for each of `objectives`.
pub fn orient(objectives: &[ObjectiveInfo], values: &[f64]) -> Vec<f64> {
    debug_assert_eq!(objectives.len(), values.len());
    objectives.iter().zip(values).map(|(objective, value)| objective.direction.orient(*value)).collect()
}

/// What is known of a configuration before it is evaluated, at the price of microseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preview {
    /// For each objective its exact value if that needs no evaluation (MACs, parameters). Empty: none is
    /// known.
    pub objectives: Vec<Option<f64>>,
    /// Other costs that are known already, always the same ones in the same order: such as the multiply-adds
    /// that a limit is on. They are no objectives, but tell samplers what is light, and what is alike.
    pub costs: Vec<f64>,
    /// Why the configuration breaks a `before` constraint, such as `macs = 1200000, but at most 1000000 are
    /// allowed`. Such a configuration is never proposed.
    pub violation: Option<String>,
}

/// What a finished evaluation gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// One value for each objective, in its own direction.
    pub values: Vec<f64>,
    /// Constraints by name, as value minus bound: at most 0 is satisfied.
    pub constraints: Vec<(String, f64)>,
    /// Anything else worth keeping: all metrics, seconds, epochs.
    pub attributes: BTreeMap<String, Json>,
}

impl Evaluation {
    /// An evaluation without constraints and attributes.
    pub fn new(values: impl Into<Vec<f64>>) -> Self {
        Self { values: values.into(), ..Self::default() }
    }
}

/// Why an evaluation gives no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// The pruner stopped the trial early; its reports count.
    #[error("stopped early: {reason}")]
    Pruned {
        /// Where and by what.
        reason: String,
    },
    /// The configuration cannot be evaluated: training diverged, a program crashed.
    #[error("failed: {reason}")]
    Failed {
        /// What went wrong, for a person to read.
        reason: String,
    },
    /// The run ends before the trial does. The trial goes back to waiting and is run again another time.
    #[error("interrupted")]
    Interrupted,
}

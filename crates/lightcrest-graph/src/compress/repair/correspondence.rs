//! Which channels of the original are left in the values of a compressed model.

use std::collections::HashMap;

use crate::compress::prune::PruneReport;

/// Channels that are left of the values of the original, by the name that a value has in both models. A value
/// that is not listed has all of its channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Correspondence {
    kept: HashMap<String, Vec<usize>>,
}

impl Correspondence {
    /// Nothing was removed: both models write the same values, as after a decomposition.
    pub fn identity() -> Self {
        Self::default()
    }

    /// The numbers of the channels that are left, in their order, by value.
    pub fn new(kept: HashMap<String, Vec<usize>>) -> Self {
        Self { kept }
    }

    /// What channel pruning left.
    pub fn of_pruned(report: &PruneReport) -> Self {
        Self::new(report.kept.clone().into_iter().collect())
    }

    /// The channels of the original that a value with `left` of `whole` channels has; `None` where nobody
    /// says.
    pub fn channels(&self, value: &str, left: usize, whole: usize) -> Option<Vec<usize>> {
        match self.kept.get(value) {
            Some(kept) if kept.len() == left && kept.iter().all(|&c| c < whole) => Some(kept.clone()),
            None if left == whole => Some((0..whole).collect()),
            _ => None,
        }
    }
}

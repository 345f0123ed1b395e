//! What became of each layer.

use serde::Serialize;

/// What repair did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RepairReport {
    /// Relative error of the model's outputs on the held-out inputs before: Frobenius norm of the difference
    /// to the original's, over that of the original's.
    pub before: f64,
    /// The same after.
    pub after: f64,
    /// Layers with weights and normalisations, in the order of the graph.
    pub layers: Vec<RepairedLayer>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RepairedLayer {
    /// Name of its node, or of its output.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: RepairOutcome,
}

/// What became of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum RepairOutcome {
    /// It was solved again.
    Repaired {
        /// Relative error of what it writes at held-out positions before.
        before: f64,
        /// The same after.
        after: f64,
    },
    /// It stayed.
    Kept {
        /// Why.
        reason: String,
    },
}

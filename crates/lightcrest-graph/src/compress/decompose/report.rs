//! What became of each layer.

use serde::Serialize;

use super::method::Method;

/// What the pass did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Multiply-accumulates of all layers with weights, for the batch that the model names (1 where it is
    /// free), before and after. Layers of free sizes count with one output position.
    pub macs: Change,
    /// Weights of these layers, without their biases.
    pub parameters: Change,
    /// Every layer with a kernel, in the order of the graph.
    pub layers: Vec<LayerReport>,
}

/// A number before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

/// What became of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReport {
    /// Name of its node, or of its output.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// Multiply-accumulates; `None` where nothing is known of them.
    pub macs: Option<Change>,
    /// Weights without the bias.
    pub parameters: Option<Change>,
    /// Whether sizes are free, so that `macs` are those of one output position.
    pub per_position: bool,
    /// How it was decomposed, or why it was not.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// It became a chain.
    Decomposed {
        /// The method, which is SVD wherever there is no window.
        method: Method,
        /// Its ranks: R, or R1 and R2 of Tucker-2.
        ranks: Vec<usize>,
        /// Relative error of the kernel, Frobenius.
        error: f64,
        /// Relative error of the outputs on the calibration inputs as the covariance of the layer's inputs
        /// tells it.
        #[serde(skip_serializing_if = "Option::is_none")]
        output_error: Option<f64>,
    },
    /// It stayed.
    Kept {
        /// Why.
        reason: String,
    },
}

impl Report {
    /// The layers that were decomposed.
    pub fn decomposed(&self) -> impl Iterator<Item = &LayerReport> {
        self.layers.iter().filter(|layer| matches!(layer.outcome, Outcome::Decomposed { .. }))
    }
}

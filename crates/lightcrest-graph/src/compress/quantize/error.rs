//! Why a model cannot be quantized.

/// Why a model cannot be quantized.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantizeError {
    /// It is of 8 bits already.
    #[error(
        "node `{node}` ({operator}) is of 8 bits already; quantize the model in fp32 that this one was made from"
    )]
    Quantized {
        /// Its name, or that of its first output.
        node: String,
        /// Its operator.
        operator: String,
    },
    /// Nothing to look at.
    #[error("there is no calibration input; ranges of activations need at least one")]
    NoCalibration,
    /// Inputs that are not those of the model.
    #[error("calibration input {number}: {reason}")]
    Feed {
        /// Which, from 0.
        number: usize,
        /// What does not fit.
        reason: String,
    },
    /// The model does not run.
    #[error("calibration input {number}: the model cannot be run: {reason}")]
    Run {
        /// Which, from 0.
        number: usize,
        /// Why.
        reason: String,
    },
    /// An activation that is not finite.
    #[error("calibration input {number} makes `{value}` infinite or NaN, of which there is no range")]
    NotFinite {
        /// Which, from 0.
        number: usize,
        /// The value.
        value: String,
    },
    /// A layer that is not there.
    #[error("there is no layer `{name}` to exclude; the layers are {layers}")]
    UnknownLayer {
        /// What was given.
        name: String,
        /// The first of those that are there.
        layers: String,
    },
    /// Nothing to quantize.
    #[error("there is nothing to quantize: {reason}")]
    Nothing {
        /// Why.
        reason: String,
    },
    /// An operator set that cannot be raised.
    #[error("opset {from} has no scales per channel, and it cannot be raised to 13: {reason}")]
    Opset {
        /// That of the file.
        from: i64,
        /// What stands in the way.
        reason: String,
    },
}

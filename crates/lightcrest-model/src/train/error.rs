//! Why a training ends without a network.

use lightcrest_graph::network::{NetworkError, Shape};

use super::ConfigError;

/// Why a training ends without a network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A setting cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network and its weights do not fit together.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The network reads other images.
    #[error("the network reads {network} images, but the data set has {data}")]
    Input {
        /// What the network reads.
        network: Shape,
        /// What the data set has.
        data: Shape,
    },
    /// The network does not return one value a class.
    #[error("the network returns {output}, but the data set has {classes} classes")]
    Output {
        /// What the network returns.
        output: Shape,
        /// Number of classes.
        classes: usize,
    },
    /// The training diverged.
    #[error("diverged in epoch {epoch}, step {step}: {divergence}")]
    Diverged {
        /// Number of the epoch, from 1.
        epoch: usize,
        /// Number of the step over all epochs, from 1.
        step: usize,
        /// How it showed.
        divergence: Divergence,
    },
    /// An observer ended the training.
    #[error("stopped in epoch {epoch}: {reason}")]
    Stopped {
        /// Why.
        reason: StopReason,
        /// Number of the epoch, from 1; 0 before the first.
        epoch: usize,
    },
    /// Distillation without anyone to learn from.
    #[error("distillation needs a teacher")]
    NoTeacher,
    /// A map that is not the one of the teacher that it is compared with.
    #[error("`{layer}` returns {network}, which are no channels of the teacher's {teacher}")]
    Border {
        /// The layer of the network.
        layer: String,
        /// What it returns.
        network: Shape,
        /// What the teacher's layer returns.
        teacher: Shape,
    },
    /// A layer to freeze, or to compare, that the network does not have.
    #[error("no layer of the network is named `{layer}`")]
    NoLayer {
        /// The path asked for.
        layer: String,
    },
    /// An evaluated network returns values that are not finite.
    #[error("the network returns values that are not finite")]
    NotFinite,
}

/// How a divergence showed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Divergence {
    /// The loss of a batch is not finite.
    #[error("the training loss is not finite")]
    Loss,
    /// The loss of a batch is far above that of a guess.
    #[error("the training loss {loss:.3e} exceeds {bound:.1}, a hundred times that of a guess")]
    LossAbove {
        /// The loss.
        loss: f64,
        /// The largest that is borne.
        bound: f64,
    },
    /// A weight is not finite.
    #[error("weight `{name}` is not finite")]
    Weight {
        /// Name of the tensor.
        name: String,
    },
    /// An output for a validation image is not finite.
    #[error("the validation loss is not finite")]
    Validation,
}

/// Why an observer ends a training.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// The trial does not promise enough.
    #[error("pruned: {0}")]
    Pruned(String),
    /// The user or the time limit ended the study.
    #[error("interrupted")]
    Interrupted,
}

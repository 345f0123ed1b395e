//! Why a network cannot be compressed.

use std::error::Error;

use lightcrest_graph::chain;
use lightcrest_spec::ConfigurationError;

use crate::data::DataError;
use crate::train::{ConfigError, OutOfMemory, TrainError};

type Cause = Box<dyn Error + Send + Sync>;

/// Why a configuration gives no model, or a network cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum CompressError {
    /// The configuration is not of the spec.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The training cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The images cannot be put together.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network cannot be run.
    #[error("the network cannot be run")]
    Run(#[source] Cause),
    /// A method cannot do what is asked for.
    #[error("{method}")]
    Method {
        /// Which.
        method: &'static str,
        /// Why.
        #[source]
        source: Cause,
    },
    /// An output that is no logits.
    #[error("the output of the network cannot be used: {0}")]
    Output(String),
    /// Images of other channels.
    #[error(
        "the network reads {network} channels, but the images have {images}; `channels` of [data] or the `layout` of \
         [model.preprocessing] may be wrong"
    )]
    Channels {
        /// Of the network.
        network: usize,
        /// Of the images.
        images: usize,
    },
    /// Another number of classes.
    #[error("the network tells {network} classes apart, but the images have {images}")]
    Classes {
        /// Of the network.
        network: usize,
        /// Of the images.
        images: usize,
    },
    /// Other classes.
    #[error("the file names the classes {network}, but those of the images are {images}")]
    ClassNames {
        /// Of the network.
        network: String,
        /// Of the images.
        images: String,
    },
    /// The fine-tuning failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The fine-tuning does not fit into memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// A bound that holds before any training is broken.
    #[error("{0}")]
    Violation(String),
    /// The user interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl CompressError {
    /// A network that cannot be run, with the causes of that in one line.
    pub(super) fn run(error: &(dyn Error + 'static)) -> Self {
        Self::Run(chain(error).into())
    }
}

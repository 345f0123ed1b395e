//! ONNX files: a network with its weights as other programs read it, and models that other programs wrote.
//!
//! A [`Model`] is everything that a file holds: it is read and checked ([`Model::load`]), changed by passes,
//! and written again ([`Model::save`]), and what no pass changes is the same as before.
//!
//! [`export`] writes a network of this library. Written are operators of opset 17 in the NCHW layout: a float
//! input `image` of shape (N, channels, height, width), with a batch `N` that is free, and an output `logits`
//! of shape (N, classes). What training alone needs (dropout) is left out, and batch normalisation is folded
//! into the convolutions unless [`ExportConfig::fold_batch_norm`] is off.

mod array;
pub(crate) mod builder;
mod check;
mod cost;
mod edit;
mod error;
mod external;
mod facts;
mod foreign;
mod index;
mod model;
mod normalize;
mod note;
mod operator;
mod opset;
pub mod proto;
mod read;
mod run;
mod save;
mod wire;
mod write;

use std::path::{Path, PathBuf};

use prost::Message;

use crate::file::write_atomically;
use crate::network::{Network, NetworkError, Weights};
use crate::normalization::Normalization;

pub use array::{Array, ArrayError, Data, half, shape_of};
pub use check::node_label;
pub use cost::{Cost, CostError, NodeCost, cost, input_shapes};
pub use edit::{Names, set_constant, unshare};
pub use error::{ModelError, ReadError};
pub use facts::{Dim, FOLD_LIMIT, Facts, FactsError};
pub use index::{Index, subgraphs};
pub use model::Model;
pub(crate) use normalize::strided;
pub use normalize::{NormalizeConfig, Opaque, normalize, normalize_with, opaque};
pub use note::{Level, Note};
pub(crate) use operator::converted;
pub use opset::OpsetError;
pub use read::{NEWEST_IR, NEWEST_OPSET, OLDEST_OPSET};
pub use run::{RunError, Runner};
pub use save::SaveError;

/// What goes into the file beside the network.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportConfig {
    /// Name of the graph.
    pub name: String,
    /// Whether batch normalisation becomes part of the convolution before it.
    pub fold_batch_norm: bool,
    /// If given, `image` holds pixels as they are, 0 to 255, and the graph begins by normalising them;
    /// otherwise `image` is normalised already.
    pub normalization: Option<Normalization>,
    /// Names of the classes, in the order of the output; may be empty.
    pub classes: Vec<String>,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self { name: "lightcrest".into(), fold_batch_norm: true, normalization: None, classes: vec![] }
    }
}

/// Why a network cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The weights are not those of the network.
    #[error("the weights do not fit the network")]
    Network(#[from] NetworkError),
    /// The normalisation is of images with another number of channels.
    #[error("the network reads {expected} channels, but the normalisation has {found}")]
    Normalization {
        /// Channels of the network.
        expected: usize,
        /// Channels of the normalisation.
        found: usize,
    },
    /// A protocol buffer ends at 2 GiB.
    #[error("the model has {bytes} bytes, and an ONNX file holds at most {}", i32::MAX)]
    TooLarge {
        /// Size of the model.
        bytes: usize,
    },
    /// The file system refused.
    #[error("{}: cannot write", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: std::io::Error,
    },
}

/// The network as an ONNX model.
///
/// The metadata of the model are `input` (what `image` holds) and, if known, `classes` and `normalization` as
/// JSON.
///
/// # Errors
/// [`ExportError`], never [`ExportError::File`].
pub fn export(
    network: &Network,
    weights: &Weights,
    config: &ExportConfig,
) -> Result<proto::ModelProto, ExportError> {
    weights.check(network)?;
    let channels = network.input_shape().channels;
    if let Some(normalization) = &config.normalization {
        let found = normalization.mean.len();
        if found != channels || normalization.std.len() != channels {
            return Err(ExportError::Normalization { expected: channels, found });
        }
    }
    let folded = if config.fold_batch_norm { Some(network.fold_batch_norm(weights)?) } else { None };
    let (network, weights) =
        folded.as_ref().map_or((network, weights), |(network, weights)| (network, weights));
    let model = write::model(network, weights, config);
    let bytes = model.encoded_len();
    if bytes > i32::MAX as usize { Err(ExportError::TooLarge { bytes }) } else { Ok(model) }
}

/// Writes the network to an ONNX file, all or nothing.
///
/// # Errors
/// [`ExportError`].
pub fn save(
    network: &Network,
    weights: &Weights,
    config: &ExportConfig,
    path: &Path,
) -> Result<(), ExportError> {
    let bytes = export(network, weights, config)?.encode_to_vec();
    write_atomically(path, &bytes).map_err(|source| ExportError::File { path: path.into(), source })
}

#[cfg(test)]
mod read_test;
#[cfg(test)]
mod test;
#[cfg(test)]
pub(crate) mod testing;

//! The network that is compressed, as its file has it.

use std::path::{Path, PathBuf};

use lightcrest_graph::Normalization;
use lightcrest_graph::onnx::proto::{Dimension, TypeValue, ValueInfoProto};
use lightcrest_graph::onnx::{Model, ReadError};
use serde::{Deserialize, Serialize};

use super::preprocessing::Layout;

/// A network that was opened.
#[derive(Debug, Clone)]
pub struct Original {
    /// Where it was found.
    pub path: PathBuf,
    /// What it is.
    pub identity: ModelIdentity,
    /// Everything in the file.
    pub model: Model,
    /// What the file says of the pixels that it reads.
    pub hint: Hint,
    /// Names of the classes, where the file says them.
    pub classes: Option<Vec<String>>,
    /// Name of the input that takes the image.
    pub input: String,
    /// Sizes of that input; none where they are free.
    pub sizes: Vec<Option<usize>>,
    /// Name of the output that holds the classes.
    pub output: String,
}

/// What a file is, to tell later whether it is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Bytes of the file.
    pub bytes: u64,
    /// Their checksum, in hexadecimal.
    pub checksum: String,
}

impl ModelIdentity {
    /// Of the bytes of a file.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, checksum: crate::data::checksum(bytes) }
    }

    /// What is different `now`, in words; none when nothing is.
    pub fn difference(&self, now: &Self) -> Option<String> {
        match (self.bytes == now.bytes, self == now) {
            (_, true) => None,
            (true, _) => Some(format!("it has as many bytes ({}), but others", now.bytes)),
            (false, _) => Some(format!("it had {} bytes, has {}", self.bytes, now.bytes)),
        }
    }
}

/// What a file says of the pixels that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// From 0 to 255, as they are.
    Pixels,
    /// Normalised, nobody knows how.
    Normalised,
    /// Nothing.
    None,
}

impl Hint {
    /// The normalisation that leaves pixels as they are.
    pub(super) fn pixels(channels: usize) -> Normalization {
        Normalization { mean: vec![0.0; channels], std: vec![1.0 / 255.0; channels] }
    }
}

/// Why a network cannot be compressed.
#[derive(Debug, thiserror::Error)]
pub enum OriginalError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] ReadError),
    /// The network does not read one image.
    #[error("{}: {reason}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Original {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`OriginalError`] when it cannot be read or does not read one image and write classes.
    pub fn open(path: &Path) -> Result<Self, OriginalError> {
        Self::of(path, Model::load(path)?)
    }

    /// The network `model` of the file at `path`.
    ///
    /// # Errors
    /// [`OriginalError::Unfit`] when it does not read one image and write classes.
    pub fn of(path: &Path, model: Model) -> Result<Self, OriginalError> {
        let identity = ModelIdentity::of(&model.to_bytes());
        let unfit = |reason: String| OriginalError::Unfit { path: path.into(), reason };
        let graph = model.graph();
        let own = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        let inputs: Vec<&ValueInfoProto> = graph.input.iter().filter(|input| !own(&input.name)).collect();
        let [input] = inputs[..] else {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            let names = if names.is_empty() { "none".into() } else { names.join(", ") };
            return Err(unfit(format!(
                "a network that reads one image is needed, and its inputs are: {names}"
            )));
        };
        let sizes = sizes(input).unwrap_or_default();
        if sizes.len() != 4 {
            let reason = format!("an input of four axes is needed, and `{}` has {}", input.name, sizes.len());
            return Err(unfit(reason));
        }
        let Some(output) = graph.output.first() else { return Err(unfit("it has no output".into())) };
        let metadata =
            |key: &str| model.proto().metadata_props.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let ours = model.proto().producer_name == "lightcrest";
        let hint = match metadata("input") {
            Some(text) if ours && text.starts_with("pixels from 0 to 255") => Hint::Pixels,
            Some(text) if ours && text.starts_with("normalised pixels") => Hint::Normalised,
            _ => Hint::None,
        };
        let classes = metadata("classes").and_then(|text| serde_json::from_str(text).ok());
        Ok(Self {
            path: path.into(),
            identity,
            hint,
            classes,
            input: input.name.clone(),
            output: output.name.clone(),
            sizes,
            model,
        })
    }

    /// The order of the axes, as the sizes tell.
    pub(super) fn layout(&self) -> Layout {
        let image = |at: usize| matches!(self.sizes[at], Some(1 | 3));
        if !image(1) && image(3) { Layout::Nhwc } else { Layout::Nchw }
    }

    /// Channels, height and width of the image.
    pub(super) fn image(&self, layout: Layout) -> (Option<usize>, Option<usize>, Option<usize>) {
        match layout {
            Layout::Nchw => (self.sizes[1], self.sizes[2], self.sizes[3]),
            Layout::Nhwc => (self.sizes[3], self.sizes[1], self.sizes[2]),
        }
    }

    /// How many images the network reads at once, where that is fixed.
    pub fn batch(&self) -> Option<usize> {
        self.sizes[0]
    }
}

/// Sizes of a value, none where they are free.
fn sizes(value: &ValueInfoProto) -> Option<Vec<Option<usize>>> {
    let Some(TypeValue::Tensor(tensor)) = value.r#type.as_ref()?.value.as_ref() else { return None };
    let size = |dimension: &Option<Dimension>| match dimension {
        Some(Dimension::Value(size)) => usize::try_from(*size).ok().filter(|&size| size > 0),
        _ => None,
    };
    Some(tensor.shape.as_ref()?.dim.iter().map(|dim| size(&dim.value)).collect())
}

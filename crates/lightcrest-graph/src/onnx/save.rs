//! From a model to its file: one file below 2 GiB, else the weights beside it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use prost::Message;

use super::proto::{Bytes, ModelProto, StringStringEntryProto, element};
use super::{Array, Model};
use crate::file::{write_atomically, write_atomically_with};

/// Why a model cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// A protocol buffer ends at 2 GiB, and what is beyond it are not weights, which could lie beside the
    /// file.
    #[error("the model without its weights has {bytes} bytes, and an ONNX file holds at most {}", i32::MAX)]
    TooLarge {
        /// Size of the model.
        bytes: usize,
    },
    /// The file system refused.
    #[error("{}: cannot be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
}

/// Where tensors begin in a file of external data: at whole lines of a processor's cache.
const ALIGNMENT: u64 = 64;

/// Elements of fewer bytes stay in the model.
const SMALL: usize = 1024;

impl Model {
    /// The model as the bytes of a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.proto().encode_to_vec()
    }

    /// Writes the model, all or nothing. What has 2 GiB or more is written without its large weights, which
    /// go to `NAME.data` beside it.
    ///
    /// # Errors
    /// [`SaveError`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        save_with(self.proto(), path.as_ref(), i32::MAX as usize)
    }
}

/// [`Model::save`] with at most `limit` bytes in one file.
pub(super) fn save_with(model: &ModelProto, path: &Path, limit: usize) -> Result<(), SaveError> {
    let refused = |path: &Path, source| SaveError::File { path: path.into(), source };
    if model.encoded_len() <= limit {
        return write_atomically(path, &model.encode_to_vec()).map_err(|source| refused(path, source));
    }
    let name = path.file_name().ok_or_else(|| refused(path, io::ErrorKind::InvalidInput.into()))?;
    let mut data_name: OsString = name.to_owned();
    data_name.push(".data");
    let data_path = path.with_file_name(&data_name);
    let (model, parts) = moved_out(model.clone(), &data_name.to_string_lossy());
    let bytes = model.encoded_len();
    if bytes > limit {
        return Err(SaveError::TooLarge { bytes });
    }
    // The data first: a model whose data is missing would be of no use.
    write_atomically_with(&data_path, |file| {
        let mut at = 0;
        for (offset, part) in &parts {
            file.write_all(&vec![0; (offset - at) as usize])?;
            file.write_all(part)?;
            at = offset + part.len() as u64;
        }
        Ok(())
    })
    .map_err(|source| refused(&data_path, source))?;
    write_atomically(path, &model.encode_to_vec()).map_err(|source| refused(path, source))
}

/// The model without the elements of its large constants, and these with their places in the file of data.
fn moved_out(mut model: ModelProto, file: &str) -> (ModelProto, Vec<(u64, Bytes)>) {
    let mut parts = Vec::new();
    let mut end = 0u64;
    for tensor in model.graph.iter_mut().flat_map(|graph| &mut graph.initializer) {
        if tensor.raw_data.is_none() && tensor.data_type == element::FLOAT {
            tensor.raw_data = Array::from_proto(tensor).ok().and_then(|array| array.to_proto("").raw_data);
            tensor.float_data.clear();
        }
        let Some(raw) = tensor.raw_data.take_if(|raw| raw.len() >= SMALL) else { continue };
        let offset = end.next_multiple_of(ALIGNMENT);
        end = offset + raw.len() as u64;
        let entry = |key: &str, value: String| StringStringEntryProto { key: key.into(), value };
        tensor.data_location = 1;
        tensor.external_data = vec![
            entry("location", file.into()),
            entry("offset", offset.to_string()),
            entry("length", raw.len().to_string()),
        ];
        parts.push((offset, raw));
    }
    (model, parts)
}

//! Weights in the safetensors format: f32 tensors under their names, and a few words of metadata.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::safetensors::tensor::TensorView;
use ::safetensors::{Dtype, SafeTensorError, SafeTensors, serialize};

use super::{Tensor, Weights};
use crate::file::write_atomically;

/// Why a safetensors file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
    /// The file system refused.
    #[error("{}: cannot {action}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        action: &'static str,
        /// What the file system said.
        #[source]
        source: std::io::Error,
    },
    /// The content is not safetensors, or is cut off.
    #[error("{}: not a whole safetensors file", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        #[source]
        source: SafeTensorError,
    },
    /// A tensor holds another type of number.
    #[error("{}: tensor `{name}` holds {found}, F32 expected", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
}

impl Weights {
    /// Writes every tensor to `path`, all or nothing. The metadata say `format` = `pt` (the layouts are
    /// PyTorch's) and `network` = `network`, a name for people. The same weights
    /// make the same bytes.
    ///
    /// # Errors
    /// [`SafetensorsError::File`] when the file cannot be written.
    pub fn save(&self, path: &Path, network: &str) -> Result<(), SafetensorsError> {
        let bytes: Vec<(&str, &Tensor, Vec<u8>)> = self
            .iter()
            .map(|(name, tensor)| (name, tensor, tensor.data.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let format = |source| SafetensorsError::Format { path: path.into(), source };
        let mut views = Vec::with_capacity(bytes.len());
        for (name, tensor, bytes) in &bytes {
            views.push((*name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(format)?));
        }
        let metadata = BTreeMap::from([("format", "pt"), ("network", network)]);
        let content = with_metadata(&serialize(views, None).map_err(format)?, &metadata);
        write_atomically(path, &content).map_err(|source| SafetensorsError::File {
            path: path.into(),
            action: "write",
            source,
        })
    }

    /// Reads every tensor of a file, and its metadata.
    ///
    /// # Errors
    /// [`SafetensorsError`] says what is wrong with the file.
    pub fn load(path: &Path) -> Result<(Self, BTreeMap<String, String>), SafetensorsError> {
        let content = std::fs::read(path).map_err(|source| SafetensorsError::File {
            path: path.into(),
            action: "read",
            source,
        })?;
        let format = |source| SafetensorsError::Format { path: path.into(), source };
        let (_, metadata) = SafeTensors::read_metadata(&content).map_err(format)?;
        let metadata = metadata.metadata().clone().unwrap_or_default().into_iter().collect();
        let tensors = SafeTensors::deserialize(&content).map_err(format)?;
        let mut weights = Self::new();
        for (name, view) in tensors.iter() {
            if view.dtype() != Dtype::F32 {
                let found = format!("{:?}", view.dtype());
                return Err(SafetensorsError::Type { path: path.into(), name: name.into(), found });
            }
            let (values, _) = view.data().as_chunks::<4>();
            let data = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            weights.insert(name, Tensor { shape: view.shape().to_vec(), data });
        }
        Ok((weights, metadata))
    }
}

/// Puts metadata in front of the tensors of a file that has none. The library keeps them in a map whose order
/// differs from run to run, and a file would with it.
///
/// A file is the length of its header as 8 bytes, little endian; the header, a JSON object filled up with
/// blanks to a multiple of 8 bytes; and the values, whose places the header counts from its own end.
fn with_metadata(file: &[u8], metadata: &BTreeMap<&str, &str>) -> Vec<u8> {
    let whole = "a file that was just written is whole";
    let (length, rest) = file.split_first_chunk::<8>().expect(whole);
    let (header, values) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let tensors = std::str::from_utf8(header).expect(whole).trim_end();
    let tensors = tensors.strip_prefix('{').expect(whole);
    let comma = if tensors == "}" { "" } else { "," };
    let metadata = serde_json::to_string(metadata).expect("words are JSON");
    let mut header = format!("{{\"__metadata__\":{metadata}{comma}{tensors}");
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), values].concat()
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::testing;

    fn weights() -> Weights {
        testing::weights(&testing::classifier())
    }

    #[test]
    fn weights_survive_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        weights().save(&path, "digits 7").unwrap();
        let (read, metadata) = Weights::load(&path).unwrap();
        assert_eq!(read, weights());
        assert_eq!(metadata["network"], "digits 7");
        assert_eq!(metadata["format"], "pt");
    }

    #[test]
    fn the_same_weights_make_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let header = b"{\"__metadata__\":{\"format\":\"pt\",\"network\":\"x\"},\"";
        // A map in random order has the right one by chance half of the time.
        for _ in 0..16 {
            weights().save(&path, "x").unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(&bytes[8..8 + header.len()], header);
            assert_eq!(bytes[0] % 8, 0, "the header is filled up");
        }
        Weights::new().save(&path, "x").unwrap();
        assert_eq!(Weights::load(&path).unwrap().0, Weights::new());
    }

    #[test]
    fn damaged_files_are_typed_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        assert!(matches!(Weights::load(&path), Err(SafetensorsError::File { action: "read", .. })));
        weights().save(&path, "x").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 4, 100, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(Weights::load(&path), Err(SafetensorsError::Format { .. })), "{length}");
        }
        let view = TensorView::new(Dtype::I64, vec![1], &[0; 8]).unwrap();
        std::fs::write(&path, serialize([("n", view)], None).unwrap()).unwrap();
        let message = Weights::load(&path).unwrap_err().to_string();
        assert!(message.ends_with("tensor `n` holds I64, F32 expected"), "{message}");
    }
}

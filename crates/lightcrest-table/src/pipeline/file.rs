//! A model as a file: data, and nothing that runs.
//!
//! ```text
//! 8 bytes   LCTABLE and a NUL
//! u16       version of the format, little-endian as all numbers
//! u32       bytes of the description
//!           schema, preparation and what is done to predictions: JSON, packed by DEFLATE
//! u32       bytes of the model
//!           the bytes of lightcrest-tree, packed by DEFLATE; of a constant, f64
//! u64       FNV-1a of everything before
//! ```

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use lightcrest_tree::Model;
use serde::{Deserialize, Serialize};

use super::{After, Pipeline};
use crate::algorithm::Fitted;
use crate::error::TableError;
use crate::feature::Preparer;
use crate::table::Schema;

const MAGIC: &[u8; 8] = b"LCTABLE\0";
const VERSION: u16 = 1;

/// A description of more bytes is no model of ours.
const MOST: u64 = 1 << 32;

#[derive(Serialize, Deserialize)]
struct Description {
    schema: Schema,
    preparer: Preparer,
    after: After,
    constant: bool,
}

impl Pipeline {
    /// The model as bytes: the same model, the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let description = Description {
            schema: self.schema.clone(),
            preparer: self.preparer.clone(),
            after: self.after,
            constant: matches!(self.fitted, Fitted::Constant(_)),
        };
        let description = serde_json::to_vec(&description).expect("plain data is JSON");
        let model = match &self.fitted {
            Fitted::Constant(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Fitted::Trees(model) => model.to_bytes(),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        for part in [description, model] {
            let packed = pack(&part);
            bytes.extend((packed.len() as u32).to_le_bytes());
            bytes.extend(packed);
        }
        let sum = checksum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`TableError::Model`] for bytes of another kind, of another version, cut off or changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TableError> {
        let wrong = |what: String| TableError::Model(what);
        if !bytes.starts_with(MAGIC) {
            return Err(wrong("it does not begin as a model.lightcrest does".into()));
        }
        let damaged = || TableError::Model("it was cut off or changed; make or copy it again".into());
        let version = bytes.get(8..10).ok_or_else(damaged)?;
        let version = u16::from_le_bytes(version.try_into().map_err(|_| damaged())?);
        if version != VERSION {
            let this = env!("CARGO_PKG_VERSION");
            return Err(wrong(format!(
                "it has version {version} of the format, and lightcrest {this} reads version {VERSION}; use the \
                 lightcrest that wrote it, or fit again"
            )));
        }
        let end = bytes.len().checked_sub(8).filter(|end| *end >= 10).ok_or_else(damaged)?;
        let (body, sum) = bytes.split_at(end);
        if checksum(body).to_le_bytes() != sum {
            return Err(damaged());
        }
        let mut rest = &body[10..];
        let mut part = || -> Option<Vec<u8>> {
            let (length, after) = rest.split_at_checked(4)?;
            let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
            let (packed, after) = after.split_at_checked(length)?;
            rest = after;
            unpack(packed)
        };
        let (description, model) = (part().ok_or_else(damaged)?, part().ok_or_else(damaged)?);
        let description: Description =
            serde_json::from_slice(&description).map_err(|error| wrong(error.to_string()))?;
        let Description { schema, preparer, after, constant } = description;
        let fitted = match constant {
            true => Fitted::Constant(
                model
                    .chunks_exact(8)
                    .map(|it| f64::from_le_bytes(it.try_into().expect("eight bytes")))
                    .collect(),
            ),
            false => {
                Fitted::Trees(Box::new(Model::from_bytes(&model).map_err(|error| wrong(error.to_string()))?))
            }
        };
        let pipeline = Self { schema, preparer, fitted, after };
        if pipeline.is_sound() { Ok(pipeline) } else { Err(damaged()) }
    }

    /// Whether the parts go together.
    fn is_sound(&self) -> bool {
        let columns = self.schema.columns.len();
        let targets = self.schema.columns.iter().filter(|it| it.role == crate::column::Role::Target).count();
        if targets != 1 || self.schema.levels.len() != columns {
            return false;
        }
        let features: usize = self.preparer.steps.iter().map(|(_, step)| step.width()).sum();
        let fits = match &self.fitted {
            Fitted::Constant(values) => values.len() == self.outputs(),
            Fitted::Trees(model) => {
                let outputs = if self.outputs() == 2 { 1 } else { self.outputs() };
                model.columns() == features && model.outputs() == outputs
            }
        };
        fits && self.preparer.steps.iter().all(|(column, _)| *column < columns)
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory does not fail")
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed).take(MOST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

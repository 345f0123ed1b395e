//! A model as a file: data, and nothing that runs.
//!
//! ```text
//! 8 bytes   LCTABLE and a NUL
//! u16       version of the format, little-endian as all numbers
//! u32       bytes of the description
//!           schema, and of each member its preparation and what is done to predictions: JSON, packed by
//!           DEFLATE
//! of each member
//!   u32     bytes of the model
//!           the bytes of lightcrest-tree, packed by DEFLATE; of a constant, f64; of a linear model, JSON;
//!           of a perceptron, JSON and f32
//! u64       FNV-1a of everything before
//! ```

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use lightcrest_tree::Model;
use serde::{Deserialize, Serialize};

use super::{After, Member, Pipeline};
use crate::algorithm::{Fitted, Mlp};
use crate::error::TableError;
use crate::feature::Preparer;
use crate::table::Schema;

const MAGIC: &[u8; 8] = b"LCTABLE\0";
const VERSION: u16 = 2;

/// A description of more bytes is no model of ours.
const MOST: u64 = 1 << 32;

#[derive(Serialize, Deserialize)]
struct Description {
    schema: Schema,
    members: Vec<MemberDescription>,
    after: After,
}

#[derive(Serialize, Deserialize)]
struct MemberDescription {
    weight: f64,
    preparer: Preparer,
    after: After,
    kind: Kind,
}

/// What the bytes of a member are.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Constant,
    Trees,
    Linear,
    Mlp,
}

impl Fitted {
    fn kind(&self) -> Kind {
        match self {
            Self::Constant(_) => Kind::Constant,
            Self::Trees(_) => Kind::Trees,
            Self::Linear(_) => Kind::Linear,
            Self::Mlp(_) => Kind::Mlp,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Constant(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Trees(model) => model.to_bytes(),
            Self::Linear(model) => serde_json::to_vec(model).expect("plain data is JSON"),
            Self::Mlp(model) => model.to_bytes(),
        }
    }

    fn from_bytes(kind: &Kind, bytes: &[u8]) -> Result<Self, TableError> {
        let wrong = |what: String| TableError::Model(what);
        Ok(match kind {
            Kind::Constant => {
                let value = |it: &[u8]| f64::from_le_bytes(it.try_into().expect("eight bytes"));
                Self::Constant(bytes.chunks_exact(8).map(value).collect())
            }
            Kind::Trees => {
                Self::Trees(Box::new(Model::from_bytes(bytes).map_err(|error| wrong(error.to_string()))?))
            }
            Kind::Linear => {
                Self::Linear(serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?)
            }
            Kind::Mlp => Self::Mlp(Mlp::from_bytes(bytes).map_err(wrong)?),
        })
    }
}

impl Pipeline {
    /// The model as bytes: the same model, the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let description = Description {
            schema: self.schema.clone(),
            members: self.members.iter().map(describe).collect(),
            after: self.after,
        };
        let description = serde_json::to_vec(&description).expect("plain data is JSON");
        let models = self.members.iter().map(|member| member.fitted.to_bytes());
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        for part in std::iter::once(description).chain(models) {
            let packed = pack(&part);
            bytes.extend((packed.len() as u32).to_le_bytes());
            bytes.extend(packed);
        }
        let sum = checksum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// How many of those are of what was learnt, without schema and preparation.
    pub(crate) fn bytes_of_models(&self) -> usize {
        self.members.iter().map(|member| pack(&member.fitted.to_bytes()).len()).sum()
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
        let description = part().ok_or_else(damaged)?;
        let description: Description =
            serde_json::from_slice(&description).map_err(|error| wrong(error.to_string()))?;
        let Description { schema, members, after } = description;
        let member = |described: MemberDescription| -> Result<Member, TableError> {
            let MemberDescription { weight, preparer, after, kind } = described;
            let fitted = Fitted::from_bytes(&kind, &part().ok_or_else(damaged)?)?;
            Ok(Member { weight, preparer, fitted, after })
        };
        let members = members.into_iter().map(member).collect::<Result<_, _>>()?;
        let pipeline = Self { schema, members, after };
        if pipeline.is_sound() { Ok(pipeline) } else { Err(damaged()) }
    }

    /// Whether the parts go together.
    fn is_sound(&self) -> bool {
        let columns = self.schema.columns.len();
        let targets = self.schema.columns.iter().filter(|it| it.role == crate::column::Role::Target).count();
        let scores = if self.outputs() == 2 { 1 } else { self.outputs() };
        let fits = |member: &Member| {
            let features = member.preparer.width();
            let fits = match &member.fitted {
                Fitted::Constant(values) => values.len() == self.outputs(),
                Fitted::Trees(model) => model.columns() == features && model.outputs() == scores,
                Fitted::Linear(model) => {
                    model.is_sound() && model.columns() == features && model.outputs() == scores
                }
                Fitted::Mlp(model) => {
                    model.is_sound() && model.columns() == features && model.outputs() == scores
                }
            };
            fits && member.preparer.steps.iter().all(|(column, _)| *column < columns)
        };
        targets == 1
            && self.schema.levels.len() == columns
            && !self.members.is_empty()
            && self.members.iter().all(fits)
    }
}

fn describe(member: &Member) -> MemberDescription {
    MemberDescription {
        weight: member.weight,
        preparer: member.preparer.clone(),
        after: member.after,
        kind: member.fitted.kind(),
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

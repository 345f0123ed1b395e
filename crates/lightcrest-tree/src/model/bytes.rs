//! Models as bytes, versioned, about 7 of them a leaf.
//!
//! ```text
//! "LCTREE", format u16, link u8
//! varint columns, varint outputs, base f64 an output, exponent of the unit i16
//! varint used columns, each: varint distance to the last one, gain f32, kind u8,
//!     0: varint thresholds, each f32, rising      (numbers)
//!     1: varint codes, the bin of each u8, levels u8, bin of missing u8      (categories)
//! varint rounds, then the trees, each in pre-order:
//!     varint 0: a leaf: zigzag varint, in units
//!     varint 1 + 2 u + m: a branch on used column u, missing left if m; then the threshold's place u8, or
//!         ceil((levels + 1) / 8) bytes of bits, whose bins go left; then its left and its right side
//! FNV-1a of all bytes before, u32
//! ```
//! Numbers are little-endian. Pre-order makes children that do not exist impossible; sums of lengths are
//! checked before anything is allocated; whatever is left over, or changed, is an error.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Categories, IS_CATEGORY, MISSING_LEFT, Model, Packed, Set, Walk, leaf};
use crate::binning::CategoryBins;
use crate::{BytesError, Link};

const MAGIC: &[u8] = b"LCTREE";
const FORMAT: u16 = 1;

/// Links by their byte.
const LINKS: [Link; 6] =
    [Link::Identity, Link::Exponential, Link::Logistic, Link::Softmax, Link::Probability, Link::Shares];

impl Model {
    /// The model as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT.to_le_bytes());
        let link = LINKS.iter().position(|link| *link == self.link).expect("all links are listed");
        out.push(u8::try_from(link).expect("a few links"));
        put(&mut out, self.columns as u64);
        put(&mut out, self.outputs() as u64);
        self.base.iter().for_each(|base| out.extend(base.to_le_bytes()));
        let exponent = self.unit.log2().round() as i16;
        out.extend(exponent.to_le_bytes());
        let used = self.used_columns();
        let places: Vec<Place> = used.iter().map(|column| self.place(*column)).collect();
        put(&mut out, used.len() as u64);
        let mut last = 0;
        for (&column, place) in used.iter().zip(&places) {
            put(&mut out, (column - last) as u64);
            last = column;
            out.extend(self.gains[column].to_le_bytes());
            place.write(&mut out);
        }
        put(&mut out, (self.trees.len() / self.outputs()) as u64);
        let of_column: BTreeMap<usize, usize> = used.iter().copied().zip(0..).collect();
        for tree in &self.trees {
            let (branches, leaves) = (self.branches_of(tree), self.leaves(tree));
            let mut stack = vec![if branches.is_empty() { -1 } else { 0 }];
            while let Some(child) = stack.pop() {
                let Ok(branch) = usize::try_from(child) else {
                    out.push(0);
                    put(&mut out, zigzag((f64::from(leaves[leaf(child)]) / self.unit) as i64));
                    continue;
                };
                let branch = &branches[branch];
                let used = of_column[&usize::from(branch.column)];
                put(&mut out, 1 + 2 * used as u64 + u64::from(branch.flags & MISSING_LEFT));
                places[used].write_branch(branch, &self.sets, &mut out);
                stack.extend([branch.children[1], branch.children[0]]);
            }
        }
        let sum = checksum(&out);
        out.extend(sum.to_le_bytes());
        out
    }

    /// Reads what [`Model::to_bytes`] wrote.
    ///
    /// # Errors
    /// Bytes of another kind, of another version, or damaged; never a panic.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BytesError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.take(MAGIC.len()).ok() != Some(MAGIC) {
            return Err(BytesError::Foreign);
        }
        let found = u16::from_le_bytes(reader.array()?);
        if found != FORMAT {
            return Err(BytesError::Version { found, readable: FORMAT });
        }
        let body = bytes.len().saturating_sub(4).max(reader.at);
        let mut sum = Reader { bytes, at: body };
        if u32::from_le_bytes(sum.array()?) != checksum(&bytes[..body]) {
            return Err(sum.damaged("its checksum is another one"));
        }
        reader.bytes = &bytes[..body];
        let model = reader.model()?;
        if reader.at < body {
            return Err(reader.damaged("there is more than the model"));
        }
        Ok(model)
    }

    /// What branches of a column are written by.
    fn place(&self, column: usize) -> Place {
        if let Some(found) = self.categories.iter().find(|categories| categories.column == column) {
            return Place::Category(found.bins.clone());
        }
        let mut thresholds: Vec<f32> = self
            .branches
            .iter()
            .filter(|branch| usize::from(branch.column) == column)
            .map(|b| b.threshold)
            .collect();
        thresholds.sort_unstable_by(f32::total_cmp);
        thresholds.dedup();
        Place::Number(thresholds)
    }
}

/// A column that branches ask for.
enum Place {
    Number(Vec<f32>),
    Category(CategoryBins),
}

impl Place {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(thresholds) => {
                out.push(0);
                put(out, thresholds.len() as u64);
                thresholds.iter().for_each(|threshold| out.extend(threshold.to_le_bytes()));
            }
            Self::Category(bins) => {
                out.push(1);
                put(out, bins.codes().len() as u64);
                out.extend_from_slice(bins.codes());
                out.extend([u8::try_from(bins.levels()).expect("at most 254 levels"), bins.missing()]);
            }
        }
    }

    fn write_branch(&self, branch: &Packed, sets: &[Set], out: &mut Vec<u8>) {
        match self {
            Self::Number(thresholds) => {
                let place = thresholds.partition_point(|threshold| *threshold < branch.threshold);
                out.push(u8::try_from(place).expect("at most 255 thresholds, one a bin"));
            }
            Self::Category(bins) => {
                let set = &sets[branch.threshold.to_bits() as usize];
                let bytes = set.bins.iter().flat_map(|word| word.to_le_bytes());
                out.extend(bytes.take(set_bytes(bins)));
            }
        }
    }
}

/// Bytes of a set of bins.
fn set_bytes(bins: &CategoryBins) -> usize {
    (bins.levels() + 1).div_ceil(8)
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Bytes and how far they are read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn damaged(&self, what: &'static str) -> BytesError {
        BytesError::Damaged { what, at: self.at }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], BytesError> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = rest.get(..count) else { return Err(self.damaged("it ends too early")) };
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BytesError> {
        Ok(self.take(N)?.try_into().expect("as many bytes as were taken"))
    }

    fn byte(&mut self) -> Result<u8, BytesError> {
        Ok(self.array::<1>()?[0])
    }

    fn varint(&mut self) -> Result<u64, BytesError> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number is too long"))
    }

    /// How many of something that takes at least `bytes` bytes each, so that a damaged number reserves no
    /// memory.
    fn length(&mut self, bytes: usize) -> Result<usize, BytesError> {
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count > (self.bytes.len() - self.at) / bytes {
            return Err(self.damaged("it is shorter than it says"));
        }
        Ok(count)
    }

    fn model(&mut self) -> Result<Model, BytesError> {
        let link = *LINKS.get(usize::from(self.byte()?)).ok_or_else(|| self.damaged("an unknown link"))?;
        let columns = self.varint()?;
        if !(1..=65_536).contains(&columns) {
            return Err(self.damaged("columns must be in 1..=65536"));
        }
        let columns = columns as usize;
        let outputs = self.length(8)?;
        if outputs == 0 {
            return Err(self.damaged("there must be an output"));
        }
        let mut base = Vec::with_capacity(outputs);
        for _ in 0..outputs {
            base.push(f64::from_le_bytes(self.array()?));
        }
        if base.iter().any(|base| !base.is_finite()) {
            return Err(self.damaged("a base is not finite"));
        }
        let exponent = i16::from_le_bytes(self.array()?);
        if !(-126..=103).contains(&exponent) {
            return Err(self.damaged("the unit is no f32"));
        }
        let unit = 2.0_f64.powi(i32::from(exponent));
        let mut model = Model {
            link,
            columns,
            base,
            unit,
            trees: Vec::new(),
            branches: Vec::new(),
            leaves: Vec::new(),
            sets: Vec::new(),
            categories: Vec::new(),
            gains: vec![0.0; columns],
            walk: Walk::default(),
        };
        let places = self.places(&mut model)?;
        let rounds = self.length(2)?;
        let trees = rounds.checked_mul(outputs).filter(|trees| *trees <= (self.bytes.len() - self.at) / 2);
        for _ in 0..trees.ok_or_else(|| self.damaged("it is shorter than it says"))? {
            self.tree(&mut model, &places)?;
        }
        model.walk = Walk::new(&model);
        Ok(model)
    }

    fn places(&mut self, model: &mut Model) -> Result<Vec<(u16, Place)>, BytesError> {
        let used = self.length(6)?;
        let mut places = Vec::with_capacity(used);
        let mut column = 0;
        for at in 0..used {
            let distance = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
            column = usize::saturating_add(column, distance);
            if column >= model.columns || (at > 0 && distance == 0) {
                return Err(self.damaged("a column is not one of the model's, or listed twice"));
            }
            model.gains[column] = f32::from_le_bytes(self.array()?);
            let place = match self.byte()? {
                0 => self.thresholds()?,
                1 => {
                    let codes = self.length(1)?;
                    let bins = self.take(codes)?.to_vec();
                    let [levels, missing] = self.array()?;
                    let bins = CategoryBins::from_parts(bins, levels, missing)
                        .ok_or_else(|| self.damaged("a category has no bin"))?;
                    model.categories.push(Categories { column, bins: bins.clone() });
                    Place::Category(bins)
                }
                _ => return Err(self.damaged("a column of an unknown kind")),
            };
            places.push((u16::try_from(column).expect("columns are in 1..=65536"), place));
        }
        Ok(places)
    }

    fn thresholds(&mut self) -> Result<Place, BytesError> {
        let count = self.length(4)?;
        let mut thresholds = Vec::with_capacity(count);
        for _ in 0..count {
            thresholds.push(f32::from_le_bytes(self.array()?));
        }
        if thresholds.iter().any(|threshold| threshold.is_nan()) || count > 256 {
            return Err(self.damaged("a threshold is no number, or there are too many"));
        }
        Ok(Place::Number(thresholds))
    }

    fn tree(&mut self, model: &mut Model, places: &[(u16, Place)]) -> Result<(), BytesError> {
        let tree = model.begin_tree();
        // Branches whose sides are still to come, with the side that is next.
        let mut open: Vec<(usize, usize)> = Vec::new();
        loop {
            let tag = self.varint()?;
            let child = if tag == 0 {
                let value = self.varint()?;
                let units = (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
                if units.unsigned_abs() > 1 << 24 {
                    return Err(self.damaged("a leaf is too large"));
                }
                let at = model.leaves.len() - tree.first_leaf as usize;
                let child = i16::try_from(at).map_err(|_| self.damaged("a tree is too large"))?;
                model.leaves.push((units as f64 * model.unit) as f32);
                !child
            } else {
                let branch = self.branch(tag - 1, model, places)?;
                let at = model.branches.len() - tree.first_branch as usize;
                let child = i16::try_from(at).map_err(|_| self.damaged("a tree is too large"))?;
                model.branches.push(branch);
                child
            };
            if let Some((branch, side)) = open.last_mut() {
                model.branches[*branch].children[*side] = child;
                *side += 1;
            }
            if tag != 0 {
                open.push((model.branches.len() - 1, 0));
            }
            while open.last().is_some_and(|(_, side)| *side == 2) {
                open.pop();
            }
            if open.is_empty() {
                model.end_tree(tree);
                return Ok(());
            }
        }
    }

    fn branch(&mut self, tag: u64, model: &mut Model, places: &[(u16, Place)]) -> Result<Packed, BytesError> {
        let used = usize::try_from(tag / 2).unwrap_or(usize::MAX);
        let (column, place) =
            places.get(used).ok_or_else(|| self.damaged("a branch asks for an unknown column"))?;
        let (threshold, flags) = match place {
            Place::Number(thresholds) => {
                let threshold = thresholds.get(usize::from(self.byte()?)).copied();
                let threshold = threshold.ok_or_else(|| self.damaged("a branch has an unknown threshold"))?;
                (threshold, if tag % 2 == 1 { MISSING_LEFT } else { 0 })
            }
            Place::Category(of_column) => {
                let mut bytes = [0; 32];
                let count = set_bytes(of_column);
                bytes[..count].copy_from_slice(self.take(count)?);
                let (words, _) = bytes.as_chunks::<8>();
                let bins = std::array::from_fn(|word| u64::from_le_bytes(words[word]));
                model.sets.push(Set { bins });
                let set = u32::try_from(model.sets.len() - 1).expect("fewer sets than bytes");
                (f32::from_bits(set), IS_CATEGORY)
            }
        };
        Ok(Packed { threshold, column: *column, flags, children: [0; 2] })
    }
}

impl Serialize for Model {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}

//! The form of a model that passes work on: what says the same in many ways is said in one.
//!
//! Files spell things as their programs do: weights as `Constant` nodes, behind `Identity`, or as inputs;
//! normalisation beside the convolution that it belongs to; shapes computed by five nodes. Every rule here
//! replaces one such spelling by the plain one. A rule is exact up to rounding: the model computes what it
//! did, for every input. Names, order, types and free sizes of inputs and outputs stay, as do metadata and
//! the nodes that are not understood.

mod affine;
mod computed;
mod constant;
mod fold;
mod identity;
mod input;
mod opaque;
mod pattern;
mod plain;
pub(crate) mod strided;
mod unused;

use super::{Model, Note};

pub use opaque::{Opaque, opaque};

/// What to normalise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalizeConfig {
    /// Whether batch normalisation, and factors and offsets a channel, become part of the layer before them.
    pub fold: bool,
}

impl Default for NormalizeConfig {
    fn default() -> Self {
        Self { fold: true }
    }
}

/// Rounds after which rules rest; each but the last changed something, and real files need three.
const ROUNDS: usize = 16;

/// The model in the form that passes work on, and what was done to it and left alone.
pub fn normalize(model: &Model) -> (Model, Vec<Note>) {
    normalize_with(model, &NormalizeConfig::default())
}

/// [`normalize`] with a choice.
pub fn normalize_with(model: &Model, config: &NormalizeConfig) -> (Model, Vec<Note>) {
    let mut changed = model.clone();
    let mut notes = model.notes().to_vec();
    notes.extend(opaque(model).iter().map(Opaque::note));
    let before = changed.graph().node.len();
    input::release(&mut changed, &mut notes);
    constant::lift(&mut changed, &mut notes);
    for _ in 0..ROUNDS {
        let mut again = identity::remove(&mut changed, &mut notes);
        again |= plain::respell(&mut changed, &mut notes);
        again |= computed::fold(&mut changed, &mut notes);
        again |= pattern::recognise(&mut changed, &mut notes);
        again |= config.fold && fold::fold(&mut changed, &mut notes);
        again |= unused::remove_nodes(&mut changed);
        if !again {
            break;
        }
    }
    unused::remove_constants(&mut changed, &mut notes);
    let after = changed.graph().node.len();
    if after != before {
        notes.push(Note::info("the graph", format!("{before} nodes became {after}")));
    }
    if changed.proto() != model.proto() {
        unused::forget_types(&mut changed);
    }
    (changed, notes)
}

#[cfg(test)]
mod test;

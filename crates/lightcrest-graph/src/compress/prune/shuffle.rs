//! Channel shuffles: a `Reshape` that splits an axis, a `Transpose` of its parts and a `Reshape` that joins
//! them. Each by itself could only shrink by whole rows or columns; the chain as a whole is a permutation,
//! after which any positions may be left out.

use std::collections::HashMap;

use super::trace::permutation;
use crate::onnx::proto::GraphProto;
use crate::onnx::{Dim, Facts, Index};

/// A chain that permutes the positions of one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shuffle {
    /// The nodes before the last one.
    pub(super) inner: [usize; 2],
    /// The axis.
    pub(super) axis: usize,
    /// For each position of the output, that of the input.
    pub(super) order: Vec<usize>,
}

/// The shuffles of a graph, by their last node.
pub(super) fn shuffles(graph: &GraphProto, facts: &Facts, index: &Index) -> HashMap<usize, Shuffle> {
    let ends = (0..graph.node.len()).filter(|&at| graph.node[at].op_type == "Reshape");
    ends.filter_map(|at| Some((at, shuffle(graph, facts, index, at)?))).collect()
}

fn shuffle(graph: &GraphProto, facts: &Facts, index: &Index, last: usize) -> Option<Shuffle> {
    // The node before, if nothing else reads what it writes.
    let before = |at: usize, operator: &str| {
        let value = graph.node[at].input_name(0)?;
        let (from, _) = index.producer(value)?;
        let alone = index.consumers(value).len() == 1
            && index.captured_by(value).is_empty()
            && !index.is_output(value);
        (alone && graph.node[from].op_type == operator && graph.node[from].is_standard()).then_some(from)
    };
    let middle = before(last, "Transpose")?;
    let first = before(middle, "Reshape")?;
    let read = facts.shape(graph.node[first].input_name(0)?)?;
    let split = facts.shape(graph.node[first].output.first()?)?;
    let written = facts.shape(graph.node[last].output.first()?)?;
    let perm = permutation(&graph.node[middle], split.len())?;
    let extra = split.len().checked_sub(read.len())?;
    if extra == 0 || read.len() != written.len() {
        return None;
    }
    let axis = (0..read.len()).find(|&at| read[at] != split[at])?;
    let end = axis + extra + 1;
    let parts: Vec<usize> = split[axis..end].iter().map(Dim::known).collect::<Option<_>>()?;
    let inside = |at: &usize| (axis..end).contains(at);
    let stays = (0..split.len()).filter(|at| !inside(at)).all(|at| perm[at] == at);
    let same = read[axis + 1..] == split[end..] && written == read;
    let size = read[axis].known()?;
    if !stays || !same || parts.iter().product::<usize>() != size || size == 0 {
        return None;
    }
    let perm: Vec<usize> = perm[axis..end].iter().map(|&from| from - axis).collect();
    let order = (0..size).map(|at| {
        // The parts of a position of the output, innermost last, then the position of the input they name.
        let mut rest = at;
        let mut place = vec![0; parts.len()];
        for &part in perm.iter().rev() {
            place[part] = rest % parts[part];
            rest /= parts[part];
        }
        place.iter().zip(&parts).fold(0, |at, (&place, &size)| at * size + place)
    });
    Some(Shuffle { inner: [first, middle], axis, order: order.collect() })
}

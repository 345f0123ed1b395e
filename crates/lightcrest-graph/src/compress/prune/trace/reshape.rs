//! Operators that move elements and change none: reshapes, transpositions, blocks of pixels.

use std::collections::HashMap;
use std::ops::Range;

use super::super::label::{Axis, STAYS};
use super::super::shuffle::Shuffle;
use super::{Trace, axis_at, axis_of};
use crate::onnx::Dim;
use crate::onnx::proto::NodeProto;

/// Axes that are taken apart position by position have at most as many as this together.
const LARGEST_BLOCK: usize = 1 << 24;

impl<'a> Trace<'a> {
    pub(super) fn reshape(&mut self, _: usize, node: &'a NodeProto) -> Option<bool> {
        match node.op_type.as_str() {
            "Reshape" => {
                let x = self.input(node, 0)?;
                if x.iter().any(Option::is_some) && self.numbers(node, 1).is_none() {
                    // The shape is written anew, so it must be possible to write it.
                    written_shape(self.dims(node.input_name(0)?)?, self.dims(node.output.first()?)?)?;
                }
                self.regroup(node, x)?;
            }
            "Flatten" => {
                let x = self.input(node, 0)?;
                self.regroup(node, x)?;
            }
            "Transpose" => {
                let x = self.input(node, 0)?;
                let axes = permutation(node, x.len())?.iter().map(|&from| x[from].clone()).collect();
                self.set(node, 0, axes);
            }
            "Squeeze" | "Unsqueeze" => {
                let x = self.input(node, 0)?;
                // An axis of one position has no labels, so those that have keep their order.
                let out = self.dims(node.output.first()?)?;
                let read = self.dims(node.input_name(0)?)?;
                let mut left =
                    read.iter().zip(x).filter(|(dim, _)| **dim != Dim::Known(1)).map(|(_, axis)| axis);
                let wide = |dim: &&Dim| **dim != Dim::Known(1);
                if read.iter().filter(wide).count() != out.iter().filter(wide).count() {
                    return None;
                }
                let axes =
                    out.iter().map(|dim| if *dim == Dim::Known(1) { None } else { left.next().flatten() });
                let axes = axes.collect();
                self.set(node, 0, axes);
            }
            "Expand" => self.expand(node)?,
            "DepthToSpace" => {
                let mut x = self.input(node, 0)?;
                self.pin_from(&mut x, 2);
                let area =
                    usize::try_from(node.int_or("blocksize", 0).pow(2)).ok().filter(|&area| area > 0)?;
                if let Some(labels) = x[1].clone() {
                    let left = labels.len() / area;
                    x[1] = match node.string_or("mode", "DCR") {
                        "DCR" => self.labels.tie_chunks(&labels, left, self.at),
                        _ => self.labels.tie_runs(&labels, area, self.at),
                    };
                }
                self.set(node, 0, x);
            }
            "SpaceToDepth" => {
                let mut x = self.input(node, 0)?;
                self.pin_from(&mut x, 2);
                let area = usize::try_from(node.int_or("blocksize", 0).pow(2)).ok()?;
                x[1] = x[1].as_ref().map(|labels| labels.repeat(area).into());
                self.set(node, 0, x);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// A chain of nodes whose whole effect is to permute the positions of one axis.
    pub(super) fn shuffle(&mut self, node: &'a NodeProto, shuffle: &Shuffle) -> Option<()> {
        let model = self.model;
        let first = &model.graph().node[shuffle.inner[0]];
        let mut x = self.input(first, 0)?;
        let axis = x.get_mut(shuffle.axis)?;
        *axis = axis.as_ref().map(|labels| shuffle.order.iter().map(|&from| labels[from]).collect());
        self.set(node, 0, x);
        Some(())
    }

    /// Carries labels from the axes of the input to those of the output, which hold the same elements in the
    /// same order.
    fn regroup(&mut self, node: &'a NodeProto, x: Vec<Axis>) -> Option<()> {
        let (read, written) = (self.dims(node.input_name(0)?)?, self.dims(node.output.first()?)?);
        let mut out = vec![None; written.len()];
        for (from, to) in blocks(read, written)? {
            if from.len() == 1 && to.len() == 1 {
                out[to.start] = x[from.start].clone();
            } else if x[from.clone()].iter().any(Option::is_some) {
                let axes = self.block(&read[from.clone()], &x[from.clone()], &written[to.clone()]);
                for (at, axis) in to.zip(axes) {
                    out[at] = axis;
                }
            }
        }
        self.set(node, 0, out);
        Some(())
    }

    /// The same for one block of axes whose sizes have the same product.
    fn block(&mut self, read: &[Dim], x: &[Axis], written: &[Dim]) -> Vec<Axis> {
        let sizes = |dims: &[Dim]| dims.iter().map(Dim::known).collect::<Option<Vec<usize>>>();
        let nothing = vec![None; written.len()];
        let whole = sizes(read).zip(sizes(written)).filter(|(read, written)| {
            let elements: usize = read.iter().product();
            elements > 0 && elements <= LARGEST_BLOCK && elements == written.iter().product::<usize>()
        });
        let longest = (0..x.len()).max_by_key(|&at| x[at].as_ref().map_or(0, |labels| labels.len()));
        let Some(((read, written), longest)) = whole.zip(longest) else {
            x.iter().for_each(|axis| self.pin(axis));
            return nothing;
        };
        // Of two axes that could both shrink, one does: what is left must be a block again.
        for (at, axis) in x.iter().enumerate().filter(|&(at, _)| at != longest) {
            let _ = at;
            self.pin(axis);
        }
        let Some(labels) = x[longest].clone() else { return nothing };
        let inner: usize = read[longest + 1..].iter().product();
        let elements: usize = read.iter().product();
        let flat: Vec<u32> =
            (0..elements).map(|at| self.labels.find(labels[at / inner % labels.len()])).collect();
        let wide: Vec<usize> = (0..written.len()).filter(|&at| written[at] > 1).collect();
        let mut out = nothing;
        if let [only] = wide[..] {
            out[only] = Some((0..elements).map(|at| labels[at / inner % labels.len()]).collect());
            return out;
        }
        let Some((chosen, stride)) = self.widest(&flat, &written, &wide) else { return out };
        let size = written[chosen];
        let mut first: Vec<u32> = vec![STAYS; size];
        for (at, &label) in flat.iter().enumerate() {
            let position = at / stride % size;
            if at < size * stride && at % stride == 0 {
                first[position] = label;
            }
            self.labels.tie(first[position], label, self.at);
        }
        out[chosen] = axis_of(first);
        out
    }

    /// The axis of the output along which most classes of labels stay apart, with its stride.
    fn widest(&mut self, flat: &[u32], written: &[usize], wide: &[usize]) -> Option<(usize, usize)> {
        let mut best: Option<(usize, usize, usize)> = None;
        for &axis in wide {
            let stride: usize = written[axis + 1..].iter().product();
            let size = written[axis];
            let mut classes = Small::default();
            for (at, &label) in flat.iter().enumerate() {
                classes.tie(label, u32::MAX - (at / stride % size) as u32);
            }
            let apart = classes.count(self, flat);
            // Of two parts of one axis, the inner one shrinks: of each group some channels. Of more, the
            // outer one, which is where channels stand.
            let better =
                |(_, _, most): &(usize, usize, usize)| apart > *most || (apart == *most && wide.len() == 2);
            if best.as_ref().is_none_or(better) {
                best = Some((axis, stride, apart));
            }
        }
        best.map(|(axis, stride, _)| (axis, stride))
    }

    /// Repeats axes of one position.
    fn expand(&mut self, node: &'a NodeProto) -> Option<()> {
        let x = self.input(node, 0)?;
        let (read, written) = (self.dims(node.input_name(0)?)?, self.dims(node.output.first()?)?);
        let constant = self.numbers(node, 1).is_some();
        let ahead = written.len().checked_sub(read.len())?;
        let mut out = Vec::with_capacity(written.len());
        for (at, dim) in written.iter().enumerate() {
            let own = at.checked_sub(ahead).map(|at| (&read[at], x[at].clone()));
            out.push(match own {
                Some((size, axis)) if size == dim && (constant || *dim != Dim::Known(1)) => axis,
                Some((Dim::Known(1), _)) | None if constant => {
                    dim.known().and_then(|size| self.labels.fresh(size))
                }
                Some((_, axis)) => {
                    self.pin(&axis);
                    None
                }
                None => None,
            });
        }
        if !constant && out.iter().any(Option::is_some) && expanded_shape(read, written).is_none() {
            return None;
        }
        self.set(node, 0, out);
        Some(())
    }
}

/// Disjoint sets of few labels, by name.
#[derive(Default)]
struct Small {
    place: HashMap<u32, u32>,
    parent: Vec<u32>,
}

impl Small {
    fn place(&mut self, label: u32) -> u32 {
        let next = self.parent.len() as u32;
        let place = *self.place.entry(label).or_insert(next);
        if place == next {
            self.parent.push(next);
        }
        place
    }

    fn find(&mut self, mut at: u32) -> u32 {
        while self.parent[at as usize] != at {
            self.parent[at as usize] = self.parent[self.parent[at as usize] as usize];
            at = self.parent[at as usize];
        }
        at
    }

    fn tie(&mut self, a: u32, b: u32) {
        let (a, b) = (self.place(a), self.place(b));
        let (a, b) = (self.find(a), self.find(b));
        self.parent[a as usize] = b;
    }

    /// Number of classes that may go.
    fn count(&mut self, trace: &mut Trace<'_>, flat: &[u32]) -> usize {
        let mut stays: HashMap<u32, bool> = HashMap::new();
        for &label in flat {
            let place = self.place(label);
            let root = self.find(place);
            *stays.entry(root).or_default() |= trace.labels.pinned(label).is_some();
        }
        stays.values().filter(|stays| !**stays).count()
    }
}

/// The permutation of a `Transpose`: from which axis each one comes.
pub(in super::super) fn permutation(node: &NodeProto, rank: usize) -> Option<Vec<usize>> {
    match node.ints("perm").filter(|perm| !perm.is_empty()) {
        None => Some((0..rank).rev().collect()),
        Some(perm) if perm.len() == rank => perm.iter().map(|&axis| axis_at(axis, rank)).collect(),
        Some(_) => None,
    }
}

/// Runs of axes on both sides that hold the same elements; `None` when that cannot be said.
fn blocks(read: &[Dim], written: &[Dim]) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    let shortest = read.len().min(written.len());
    let ahead = (0..shortest).take_while(|&at| read[at] == written[at]).count();
    let behind = (1..=shortest - ahead)
        .take_while(|&back| read[read.len() - back] == written[written.len() - back])
        .count();
    let mut blocks: Vec<_> = (0..ahead).map(|at| (at..at + 1, at..at + 1)).collect();
    let (ends, end) = (read.len() - behind, written.len() - behind);
    let known = |dims: &[Dim]| dims.iter().all(|dim| dim.known().is_some());
    if known(&read[ahead..ends]) && known(&written[ahead..end]) {
        let size = |dims: &[Dim], at: usize| dims[at].known().unwrap_or(1);
        let (mut i, mut j) = (ahead, ahead);
        while i < ends || j < end {
            let (from, to) = (i, j);
            let (mut left, mut right) = (1usize, 1usize);
            loop {
                if left <= right && i < ends && (left < right || i == from) {
                    left = left.checked_mul(size(read, i))?;
                    i += 1;
                } else if right <= left && j < end && (right < left || j == to) {
                    right = right.checked_mul(size(written, j))?;
                    j += 1;
                } else {
                    break;
                }
            }
            if left != right {
                return None;
            }
            blocks.push((from..i, to..j));
        }
    } else {
        blocks.push((ahead..ends, ahead..end));
    }
    blocks.extend((0..behind).rev().map(|back| {
        let (from, to) = (read.len() - back - 1, written.len() - back - 1);
        (from..from + 1, to..to + 1)
    }));
    Some(blocks)
}

/// The shape to write for a `Reshape` to `written`: numbers, 0 for a free size that stays where it is, and -1
/// for one other; `None` when more than one is free.
pub(in super::super) fn written_shape(read: &[Dim], written: &[Dim]) -> Option<Vec<i64>> {
    let mut open = 0;
    let entry = |(at, dim): (usize, &Dim)| match dim {
        Dim::Known(size) => *size as i64,
        free if read.get(at) == Some(free) && *free != Dim::Unknown => 0,
        _ => {
            open += 1;
            -1
        }
    };
    let shape: Vec<i64> = written.iter().enumerate().map(entry).collect();
    // A zero copies a size, so it cannot say that there is nothing.
    (open <= 1 && !written.contains(&Dim::Known(0))).then_some(shape)
}

/// The shape to write for an `Expand`: 1 keeps a size.
pub(in super::super) fn expanded_shape(read: &[Dim], written: &[Dim]) -> Option<Vec<i64>> {
    let ahead = written.len().checked_sub(read.len())?;
    let entry = |(at, dim): (usize, &Dim)| match dim {
        Dim::Known(size) => i64::try_from(*size).ok(),
        free => (at.checked_sub(ahead).and_then(|at| read.get(at)) == Some(free)).then_some(1),
    };
    written.iter().enumerate().map(entry).collect()
}

#[cfg(test)]
mod test {
    use super::*;

    fn dims(sizes: &[usize]) -> Vec<Dim> {
        // Zero stands for a free batch.
        sizes.iter().map(|&n| if n == 0 { Dim::Named("N".into()) } else { Dim::Known(n) }).collect()
    }

    #[test]
    fn finds_which_axes_hold_the_same_elements() {
        let of = |a: &[usize], b: &[usize]| blocks(&dims(a), &dims(b));
        assert_eq!(of(&[0, 6, 4, 4], &[0, 96]), Some(vec![(0..1, 0..1), (1..4, 1..2)]));
        assert_eq!(
            of(&[0, 6, 4, 4], &[0, 2, 3, 4, 4]),
            Some(vec![(0..1, 0..1), (1..2, 1..3), (2..3, 3..4), (3..4, 4..5)])
        );
        assert_eq!(
            of(&[0, 6, 1, 1], &[0, 6]),
            Some(vec![(0..1, 0..1), (1..2, 1..2), (2..3, 2..2), (3..4, 2..2)])
        );
        assert_eq!(of(&[2, 6], &[3, 5]), None);
    }

    #[test]
    fn writes_a_shape_with_one_free_size_that_moves() {
        let shape = written_shape(&dims(&[0, 6, 4]), &dims(&[0, 24]));
        assert_eq!(shape, Some(vec![0, 24]));
        assert_eq!(written_shape(&dims(&[0, 6]), &dims(&[6, 0])), Some(vec![6, -1]));
        assert_eq!(written_shape(&dims(&[0, 6]), &dims(&[6, 0, 0])), None);
    }
}

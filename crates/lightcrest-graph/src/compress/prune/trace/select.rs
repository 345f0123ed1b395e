//! Operators that choose and join positions: concatenation, splits, slices, gathering, padding, tiling.

use super::super::label::{Axis, STAYS};
use super::{Trace, axis_at, axis_of};
use crate::onnx::proto::NodeProto;

/// What a `Slice` takes along each axis: (axis, positions of the input in the order of the output, step).
pub(in super::super) type Slices = Vec<(usize, Vec<usize>, i64)>;

impl<'a> Trace<'a> {
    pub(super) fn select(&mut self, _: usize, node: &'a NodeProto) -> Option<bool> {
        match node.op_type.as_str() {
            "Concat" => self.concat(node)?,
            "Split" => self.split(node)?,
            "Slice" => {
                let mut x = self.input(node, 0)?;
                for (axis, positions, _) in self.slices(node)? {
                    x[axis] = self.chosen(&x[axis].clone(), &positions);
                }
                self.set(node, 0, x);
            }
            "Gather" => self.gather(node)?,
            "Pad" => self.pad(node)?,
            "Tile" => {
                let mut x = self.input(node, 0)?;
                let repeats = self.numbers(node, 1)?;
                for (axis, &times) in x.iter_mut().zip(&repeats) {
                    let times = usize::try_from(times).ok()?;
                    *axis = axis.as_ref().map(|labels| labels.repeat(times).into());
                }
                self.set(node, 0, x);
            }
            "Shape" => self.shape(node)?,
            "ConstantOfShape" => {
                // A constant shape is written anew; a computed one follows by itself, or not at all.
                let sizes = self.numbers(node, 0).unwrap_or_default();
                let fresh = |&size: &i64| self.labels.fresh(usize::try_from(size).unwrap_or(0));
                let axes = sizes.iter().map(fresh).collect();
                self.set(node, 0, axes);
            }
            // What is made from nothing, or from numbers that only `Shape` could change.
            "Constant" | "Range" => {}
            _ => return Some(false),
        }
        Some(true)
    }

    fn concat(&mut self, node: &'a NodeProto) -> Option<()> {
        let values: Vec<&str> = node.input.iter().map(String::as_str).collect();
        let rank = self.rank(values.first()?)?;
        let at = axis_at(node.int_or("axis", 1), rank)?;
        let mut out: Vec<Axis> = vec![None; rank];
        let mut joined: Option<Vec<u32>> = Some(vec![]);
        for (place, value) in values.iter().enumerate() {
            let axes = self.input(node, place)?;
            if axes.len() != rank {
                return None;
            }
            for axis in (0..rank).filter(|&axis| axis != at) {
                out[axis] =
                    if place == 0 { axes[axis].clone() } else { self.tie(&out[axis].clone(), &axes[axis]) };
            }
            match self.size(value, at) {
                Some(size) => {
                    let labels = self.filled(&axes[at], size);
                    joined.iter_mut().for_each(|joined| joined.extend(labels.iter()));
                }
                None => joined = None,
            }
        }
        match joined {
            Some(labels) => out[at] = axis_of(labels),
            // Something of unknown length stands among them: places of what follows are not known.
            None => {
                for place in 0..values.len() {
                    let axes = self.input(node, place)?;
                    self.pin(&axes[at]);
                }
            }
        }
        self.set(node, 0, out);
        Some(())
    }

    fn split(&mut self, node: &'a NodeProto) -> Option<()> {
        let x = self.input(node, 0)?;
        let at = axis_at(node.int_or("axis", 0), x.len())?;
        let mut start = 0;
        for (slot, value) in node.output.iter().enumerate() {
            let mut axes = x.clone();
            if let Some(labels) = &x[at] {
                let size = self.size(value, at)?;
                axes[at] = axis_of(labels.get(start..start + size)?.to_vec());
                if size == 1 {
                    self.labels.pin(labels[start], self.at);
                }
                start += size;
            }
            self.set(node, slot, axes);
        }
        Some(())
    }

    /// Positions that a `Slice` takes, of the axes that have labels.
    pub(in super::super) fn slices(&mut self, node: &'a NodeProto) -> Option<Slices> {
        let value = node.input_name(0)?;
        let (x, dims) = (self.axes(value), self.dims(value)?);
        if x.iter().all(Option::is_none) {
            return Some(vec![]);
        }
        let listed = |name: &str, slot: usize| match node.ints(name) {
            Some(numbers) => Some(numbers.to_vec()),
            None => self.numbers(node, slot),
        };
        let axes = match node.input_name(3).is_some() || node.attribute("axes").is_some() {
            true => listed("axes", 3)?,
            false => (0..x.len() as i64).collect(),
        };
        let axes: Vec<usize> = axes.iter().map(|&axis| axis_at(axis, x.len())).collect::<Option<_>>()?;
        if axes.iter().all(|&axis| x[axis].is_none()) {
            // Bounds may be computed where nothing shrinks.
            return Some(vec![]);
        }
        let (starts, ends) = (listed("starts", 1)?, listed("ends", 2)?);
        let steps = if node.input_name(4).is_some() { self.numbers(node, 4)? } else { vec![1; axes.len()] };
        let mut slices = vec![];
        for (place, &axis) in axes.iter().enumerate().filter(|&(_, &axis)| x[axis].is_some()) {
            let size = dims[axis].known()?;
            let step = *steps.get(place)?;
            if step != 1 && axes.len() > 1 {
                // What is left of every other channel is no range, and a list of places holds one axis.
                return None;
            }
            slices.push((axis, positions(size, *starts.get(place)?, *ends.get(place)?, step)?, step));
        }
        Some(slices)
    }

    fn gather(&mut self, node: &'a NodeProto) -> Option<()> {
        let x = self.input(node, 0)?;
        let at = axis_at(node.int_or("axis", 0), x.len())?;
        let indices = self.input(node, 1)?;
        let mut middle = indices;
        if let Some(labels) = &x[at] {
            match self.numbers(node, 1) {
                Some(numbers) if middle.len() < 2 => {
                    let places: Vec<usize> =
                        numbers.iter().map(|&at| axis_at(at, labels.len())).collect::<Option<_>>()?;
                    let chosen = self.chosen(&x[at], &places);
                    if let Some(axis) = middle.first_mut() {
                        // The indices are written anew: they bring no labels of their own.
                        *axis = chosen;
                    } else {
                        places.iter().for_each(|&place| self.labels.pin(labels[place], self.at));
                    }
                }
                _ => self.pin(&x[at]),
            }
        }
        let axes = x[..at].iter().chain(&middle).chain(&x[at + 1..]).cloned().collect();
        self.set(node, 0, axes);
        Some(())
    }

    /// Padding with a constant may shrink with what it is added to; copies of other positions do not.
    fn pad(&mut self, node: &'a NodeProto) -> Option<()> {
        let mut x = self.input(node, 0)?;
        let constant = node.string_or("mode", "constant") == "constant";
        let (before, after) = self.pads(node, x.len())?;
        for at in 0..x.len() {
            let (before, after) = (before[at], after[at]);
            if (before, after) == (0, 0) {
                continue;
            }
            let growing = before >= 0 && after >= 0 && constant && at == 1;
            let Some(labels) = x[at].clone().filter(|_| growing) else {
                self.stop(&mut x, at)?;
                continue;
            };
            let padding = |labels: &mut super::super::label::Labels, count: i64| match count {
                0 => vec![],
                1 => vec![STAYS],
                _ => labels.fresh(count as usize).map_or(vec![], |labels| labels.to_vec()),
            };
            let mut joined = padding(&mut self.labels, before);
            joined.extend(labels.iter());
            joined.extend(padding(&mut self.labels, after));
            x[at] = Some(joined.into());
        }
        self.set(node, 0, x);
        Some(())
    }

    /// Padding before and after each axis.
    pub(in super::super) fn pads(&self, node: &NodeProto, rank: usize) -> Option<(Vec<i64>, Vec<i64>)> {
        let pads = match node.ints("pads").or(node.ints("paddings")) {
            Some(pads) => pads.to_vec(),
            None => self.numbers(node, 1)?,
        };
        let axes: Vec<usize> = match node.input_name(3) {
            Some(_) => {
                let axes = self.numbers(node, 3)?;
                axes.iter().map(|&axis| axis_at(axis, rank)).collect::<Option<_>>()?
            }
            None => (0..rank).collect(),
        };
        if pads.len() != 2 * axes.len() {
            return None;
        }
        let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
        for (place, &axis) in axes.iter().enumerate() {
            (before[axis], after[axis]) = (pads[place], pads[axes.len() + place]);
        }
        Some((before, after))
    }

    /// The labels of chosen positions.
    fn chosen(&mut self, axis: &Axis, positions: &[usize]) -> Axis {
        let labels = axis.as_ref()?;
        if let [only] = positions {
            self.labels.pin(labels[*only], self.at);
        }
        axis_of(positions.iter().map(|&at| labels[at]).collect())
    }

    /// Sizes that a graph computes with follow what shrinks, as long as they only say shapes. Where they
    /// become factors of activations, what they are sizes of stays.
    fn shape(&mut self, node: &'a NodeProto) -> Option<()> {
        let x = self.input(node, 0)?;
        if x.iter().all(Option::is_none) {
            return Some(());
        }
        let value = node.output.first()?;
        let whole = node.attribute("start").is_none() && node.attribute("end").is_none();
        let model = self.model;
        let mut stays = vec![false; x.len()];
        if self.index.is_output(value) {
            stays.fill(true);
        }
        for &(at, slot) in self.index.consumers(value) {
            let reader = &model.graph().node[at];
            let one = (reader.op_type == "Gather" && slot == 0 && whole)
                .then(|| self.numbers(reader, 1))
                .flatten()
                .filter(|places| places.len() == 1)
                .and_then(|places| axis_at(places[0], x.len()));
            match one {
                Some(axis) => stays[axis] |= !self.says_shapes(&reader.output[0], 0),
                None if !self.is_shape_slot(at, slot, 0) => stays.fill(true),
                None => {}
            }
        }
        if self.index.captured_by(value).iter().next().is_some() {
            stays.fill(true);
        }
        for (axis, _) in x.iter().zip(stays).filter(|(_, stays)| *stays) {
            self.pin(axis);
        }
        Some(())
    }

    /// Whether all that reads the value uses it as a shape.
    fn says_shapes(&self, value: &str, depth: usize) -> bool {
        let readers = self.index.consumers(value);
        depth < 64
            && !self.index.is_output(value)
            && self.index.captured_by(value).is_empty()
            && readers.iter().all(|&(at, slot)| self.is_shape_slot(at, slot, depth))
    }

    fn is_shape_slot(&self, at: usize, slot: usize, depth: usize) -> bool {
        let node = &self.model.graph().node[at];
        match (node.op_type.as_str(), slot) {
            ("Reshape" | "Expand" | "Tile" | "Split", 1) | ("ConstantOfShape", 0) => true,
            ("Slice" | "Resize" | "Pad", 1..) | ("Upsample", 1) => true,
            (
                "Gather" | "Slice" | "Concat" | "Unsqueeze" | "Squeeze" | "Cast" | "Identity" | "Reshape"
                | "Add" | "Sub" | "Mul" | "Div" | "Floor" | "Min" | "Max" | "Equal" | "Where" | "ReduceProd"
                | "Mod",
                _,
            ) => node.output.iter().all(|value| self.says_shapes(value, depth + 1)),
            _ => false,
        }
    }
}

/// The positions `start..end` with a step, as `Slice` reads them.
fn positions(size: usize, start: i64, end: i64, step: i64) -> Option<Vec<usize>> {
    let n = size as i64;
    let from = |at: i64| if at < 0 { at.saturating_add(n) } else { at };
    let mut out = vec![];
    if step > 0 {
        let (start, end) = (from(start).clamp(0, n), from(end).clamp(0, n));
        out.extend((start..end).step_by(usize::try_from(step).ok()?).map(|at| at as usize));
    } else if step < 0 {
        let (mut at, end) = (from(start).clamp(-1, n - 1), from(end).clamp(-1, n));
        while at > end {
            out.push(at as usize);
            at = at.saturating_add(step).max(-1);
            if at < 0 {
                break;
            }
        }
    } else {
        return None;
    }
    Some(out)
}

#[cfg(test)]
mod test {
    use super::positions;

    #[test]
    fn reads_bounds_as_the_standard_does() {
        assert_eq!(positions(6, 1, -1, 1), Some(vec![1, 2, 3, 4]));
        assert_eq!(positions(6, 0, i64::MAX, 2), Some(vec![0, 2, 4]));
        assert_eq!(positions(4, -1, i64::MIN, -1), Some(vec![3, 2, 1, 0]));
        assert_eq!(positions(4, 3, 0, -2), Some(vec![3, 1]));
        assert_eq!(positions(4, 0, 4, 0), None);
    }
}

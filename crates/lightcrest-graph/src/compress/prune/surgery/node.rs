//! Nodes that name sizes, places or counts of positions.

use super::super::trace::{expanded_shape, written_shape};
use super::{Surgery, count};
use crate::onnx::Dim;
use crate::onnx::proto::{AttributeKind, AttributeProto, NodeProto};

impl Surgery<'_, '_> {
    /// Changes a node so that it does to what is left what it did before.
    pub(super) fn edit(&mut self, at: usize, node: &mut NodeProto) {
        if !node.is_standard() {
            return;
        }
        if self.trace.shuffles.contains_key(&at) {
            self.shuffle(at, node);
            return;
        }
        match node.op_type.as_str() {
            "Conv" | "ConvTranspose" => self.groups(node),
            "Reshape" => self.reshape(node),
            "Expand" => self.expand(node),
            "ConstantOfShape" => self.filled(node),
            "Split" => self.split(node),
            "Slice" => self.slice(at, node),
            "Gather" => self.gather(node),
            "Pad" => self.pad(node),
            "Resize" => self.resized(node),
            _ => {}
        }
    }

    /// Groups that are left, where groups go as a whole.
    fn groups(&mut self, node: &mut NodeProto) {
        let groups = node.int_or("group", 1);
        let Some(weight) = node.input.get(1).cloned().filter(|_| groups > 1) else { return };
        let Some(before) = self.trace.facts.shape(&weight).map(<[Dim]>::to_vec) else { return };
        let data = node.input[0].clone();
        let channels = self.trace.facts.shape(&data).and_then(|dims| dims.get(1)?.known());
        let Some((after, true)) = self.shape(&data) else { return };
        let known = |dims: &[Dim], axis: usize| dims.get(axis).and_then(Dim::known);
        let (Some(first), Some(second)) = (known(&before, 0), known(&before, 1)) else { return };
        // Inputs and outputs of a group.
        let each = match node.op_type.as_str() {
            "Conv" => (second, first / groups as usize),
            _ => (first / groups as usize, second),
        };
        if (each.0 == 1 || each.1 == 1) && channels.is_some() {
            let left = known(&after, 1).unwrap_or(0) / each.0;
            set_int(node, "group", left as i64);
        }
    }

    /// A permutation of what is left, as the same chain if that can still say it.
    fn shuffle(&mut self, at: usize, node: &mut NodeProto) {
        let shuffle = self.trace.shuffles[&at].clone();
        let first = &self.trace.model.graph().node[shuffle.inner[0]];
        let Some(read) = first.input_name(0).map(str::to_string) else { return };
        let axis = self.axis(&read, shuffle.axis);
        let Some(kept) = self.stay(&axis) else { return };
        // Where each position that is left stands among those that are.
        let mut place = vec![0i64; kept.len()];
        let left = place.iter_mut().zip(&kept).filter(|(_, kept)| **kept);
        for (next, (place, _)) in left.enumerate() {
            *place = next as i64;
        }
        let order = shuffle.order.iter().filter(|&&from| kept[from]).map(|&from| place[from]).collect();
        node.op_type = "Gather".into();
        node.attribute.clear();
        node.input = vec![read];
        set_int(node, "axis", shuffle.axis as i64);
        self.give(node, 1, "order", order);
    }

    /// Constant numbers of a shape are corrected; a computed shape is replaced.
    fn reshape(&mut self, node: &mut NodeProto) {
        let (read, written) = (node.input[0].clone(), node.output[0].clone());
        let Some((out, true)) = self.shape(&written) else { return };
        let Some((into, _)) = self.shape(&read) else { return };
        let shape = match self.trace.numbers(node, 1) {
            Some(numbers) => {
                let zeros = node.int_or("allowzero", 0) == 0;
                let right = |(at, (&number, dim)): (usize, (&i64, &Dim))| match dim {
                    // A size that is copied or computed is right by itself.
                    Dim::Known(size) if number > 0 => *size as i64,
                    Dim::Known(size) if number == 0 && zeros && into.get(at) != Some(dim) => *size as i64,
                    _ => number,
                };
                let shape: Vec<i64> = numbers.iter().zip(&out).enumerate().map(right).collect();
                if shape == numbers {
                    return;
                }
                shape
            }
            None => match written_shape(&into, &out) {
                Some(shape) => shape,
                None => return,
            },
        };
        self.give(node, 1, "shape", shape);
    }

    fn expand(&mut self, node: &mut NodeProto) {
        let (read, written) = (node.input[0].clone(), node.output[0].clone());
        let Some((out, true)) = self.shape(&written) else { return };
        let Some((into, _)) = self.shape(&read) else { return };
        let shape = match self.trace.numbers(node, 1) {
            Some(numbers) => {
                // The shape may be shorter than what is expanded.
                let ahead = out.len() - numbers.len().min(out.len());
                let right = |(&number, dim): (&i64, &Dim)| match dim {
                    Dim::Known(size) if number != 1 => *size as i64,
                    _ => number,
                };
                Some(numbers.iter().zip(&out[ahead..]).map(right).collect())
            }
            None => expanded_shape(&into, &out),
        };
        if let Some(shape) = shape {
            self.give(node, 1, "shape", shape);
        }
    }

    fn filled(&mut self, node: &mut NodeProto) {
        let written = node.output[0].clone();
        let Some((out, true)) = self.shape(&written) else { return };
        let sizes = out.iter().map(|dim| dim.known().map(|size| size as i64)).collect::<Option<Vec<_>>>();
        if let Some(sizes) = sizes {
            self.give(node, 0, "shape", sizes);
        }
    }

    /// Sizes of all parts, said one by one.
    fn split(&mut self, node: &mut NodeProto) {
        let Some((dims, true)) = self.shape(&node.input[0].clone()) else { return };
        let axis = node.int_or("axis", 0);
        let axis = if axis < 0 { axis + dims.len() as i64 } else { axis } as usize;
        let mut sizes = vec![];
        for value in node.output.clone() {
            match self.shape(&value).and_then(|(dims, _)| dims.get(axis)?.known()) {
                Some(size) => sizes.push(size as i64),
                None => return,
            }
        }
        node.attribute.retain(|attribute| attribute.name != "split" && attribute.name != "num_outputs");
        if self.trace.model.opset() < 13 {
            set_ints(node, "split", sizes);
        } else {
            self.give(node, 1, "sizes", sizes);
        }
    }

    /// A range of what is left is a range; steps are spelled out.
    fn slice(&mut self, at: usize, node: &mut NodeProto) {
        let model = self.trace.model;
        let Some(slices) = self.trace.slices(&model.graph().node[at]) else { return };
        let data = node.input[0].clone();
        let Some(rank) = self.trace.facts.shape(&data).map(<[Dim]>::len) else { return };
        for (axis, positions, step) in slices {
            let labels = self.axis(&data, axis);
            let Some(kept) = self.stay(&labels) else { continue };
            let before = |at: usize| count(&kept[..at]);
            if step != 1 {
                let places = positions.iter().filter(|&&at| kept[at]).map(|&at| before(at) as i64).collect();
                self.pick(node, axis, places);
                return;
            }
            let (Some(&first), Some(&last)) = (positions.first(), positions.last()) else { continue };
            let (start, end) = (before(first) as i64, before(last + 1) as i64);
            self.bound(node, axis, rank, start, end);
        }
    }

    fn gather(&mut self, node: &mut NodeProto) {
        let data = node.input[0].clone();
        let Some(rank) = self.trace.facts.shape(&data).map(<[Dim]>::len) else { return };
        let axis = node.int_or("axis", 0);
        let axis = if axis < 0 { axis + rank as i64 } else { axis } as usize;
        let labels = self.axis(&data, axis);
        let Some(kept) = self.stay(&labels) else { return };
        let Some(numbers) = self.trace.numbers(node, 1) else { return };
        let from = |at: i64| (if at < 0 { at + kept.len() as i64 } else { at }) as usize;
        let left = numbers.iter().map(|&at| from(at)).filter(|&at| kept[at]);
        let places: Vec<i64> = left.map(|at| count(&kept[..at]) as i64).collect();
        let scalar = self.trace.facts.shape(&node.input[1]).is_some_and(<[Dim]>::is_empty);
        self.give(node, 1, "order", places);
        if scalar && let Some(tensor) = self.made.last_mut() {
            tensor.dims.clear();
        }
    }

    fn pad(&mut self, node: &mut NodeProto) {
        let (read, written) = (node.input[0].clone(), node.output[0].clone());
        let axis = self.axis(&written, 1);
        let Some(kept) = self.stay(&axis) else { return };
        let Some(rank) = self.trace.facts.shape(&read).map(<[Dim]>::len) else { return };
        let Some((mut before, mut after)) = self.trace.pads(node, rank) else { return };
        if (before[1], after[1]) == (0, 0) {
            return;
        }
        let (ahead, behind) = (before[1] as usize, after[1] as usize);
        before[1] = count(&kept[..ahead]) as i64;
        after[1] = count(&kept[kept.len() - behind..]) as i64;
        before.append(&mut after);
        if self.trace.model.opset() < 11 {
            set_ints(node, "pads", before);
        } else {
            // Pads of all axes, in their order.
            if node.input.len() > 3 {
                node.input.truncate(3);
            }
            self.give(node, 1, "pads", before);
        }
    }

    /// Constant sizes to resize to.
    fn resized(&mut self, node: &mut NodeProto) {
        let Some((out, true)) = self.shape(&node.output[0].clone()) else { return };
        if let Some(mut sizes) = self.trace.numbers(node, 3)
            && sizes.len() == out.len()
        {
            for (size, dim) in sizes.iter_mut().zip(&out) {
                *size = dim.known().map_or(*size, |known| known as i64);
            }
            self.give(node, 3, "sizes", sizes);
        }
    }

    /// Sets the bounds of one axis of a `Slice`.
    fn bound(&mut self, node: &mut NodeProto, axis: usize, rank: usize, start: i64, end: i64) {
        let at = |axes: &[i64]| axes.iter().position(|&at| (at + rank as i64) % rank as i64 == axis as i64);
        if node.input.len() < 2 {
            let axes = node.ints("axes").map_or_else(|| (0..rank as i64).collect(), <[i64]>::to_vec);
            let Some(place) = at(&axes) else { return };
            for (name, number) in [("starts", start), ("ends", end)] {
                let mut numbers = node.ints(name).unwrap_or(&[]).to_vec();
                numbers[place] = number;
                set_ints(node, name, numbers);
            }
            return;
        }
        let axes = if node.input_name(3).is_some() {
            self.numbers_of(node, 3)
        } else {
            Some((0..rank as i64).collect())
        };
        let Some(place) = axes.and_then(|axes| at(&axes)) else { return };
        for (slot, suffix, number) in [(1, "starts", start), (2, "ends", end)] {
            let Some(mut numbers) = self.numbers_of(node, slot) else { return };
            numbers[place] = number;
            self.give(node, slot, suffix, numbers);
        }
    }

    /// Replaces a `Slice` with steps by the places that it takes.
    fn pick(&mut self, node: &mut NodeProto, axis: usize, places: Vec<i64>) {
        node.op_type = "Gather".into();
        node.input.truncate(1);
        node.attribute.clear();
        set_int(node, "axis", axis as i64);
        self.give(node, 1, "order", places);
    }

    /// Whole numbers that a node reads, those that were just made included.
    fn numbers_of(&self, node: &NodeProto, slot: usize) -> Option<Vec<i64>> {
        let name = node.input_name(slot)?;
        let made = self.made.iter().find(|tensor| tensor.name == name);
        match made {
            Some(tensor) => crate::onnx::Array::from_proto(tensor).ok()?.to_i64(),
            None => self.trace.numbers(node, slot),
        }
    }
}

fn set_int(node: &mut NodeProto, name: &str, value: i64) {
    node.attribute.retain(|attribute| attribute.name != name);
    node.attribute.push(AttributeProto {
        name: name.into(),
        i: Some(value),
        r#type: AttributeKind::Int as i32,
        ..Default::default()
    });
}

fn set_ints(node: &mut NodeProto, name: &str, ints: Vec<i64>) {
    node.attribute.retain(|attribute| attribute.name != name);
    node.attribute.push(AttributeProto {
        name: name.into(),
        ints,
        r#type: AttributeKind::Ints as i32,
        ..Default::default()
    });
}

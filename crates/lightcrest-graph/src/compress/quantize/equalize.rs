//! Equalisation: channels of one tensor are scaled so that one scale for all of them loses little.
//!
//! What a layer writes may be divided by `s_c` per channel when everything that reads it multiplies by it,
//! and what is in between is homogeneous (`Relu`, `Add`, pools): in fp32 nothing changes. With scales of
//! weights per output channel the rows of the writer are free; what counts are the ranges `r_c` of the
//! channels against the columns `w_c` of the readers, each relative to the largest weight of its row:
//!
//! `s_c = sqrt(r_c / w_c)`, so that `r_c / s_c = w_c s_c`; before depthwise layers, whose columns are
//! rows of their own, `s_c = r_c`.
//!
//! Through a `Clip` at H (`Relu6`), channels that were seen to reach it are left alone, and others grow to no
//! more than half of it, so that it stays out of their way. Sources: Nagel et al. 2019, "Data-free
//! quantization through weight equalization and bias correction", section 4.1; the square root of activation
//! over weight is Xiao et al. 2023, "SmoothQuant", equation 4.

use std::collections::{HashMap, HashSet};

use super::affine::Channels;
use super::pass::Work;
use super::placement::bounds_of;
use super::run::Seen;
use super::scale::Ties;
use super::weight::channel_axis;
use crate::onnx::proto::NodeProto;
use crate::onnx::{Array, Data};

/// No channel is scaled by more than this against the others.
const LARGEST: f32 = 256.0;

/// Scales the channels of a model; returns how many tensors changed.
pub(super) fn equalize(work: &mut Work, seen: &Seen) -> usize {
    let groups = groups(work);
    let mut changed = 0;
    for group in &groups {
        if let Some(scale) = scale_of(work, group, seen) {
            apply(work, group, &scale);
            changed += 1;
        }
    }
    if changed > 0 {
        *work = Work::new(work.model.clone());
    }
    changed
}

/// Values whose channels must be scaled as one.
struct Group {
    values: Vec<String>,
    /// Layers that write one of them.
    writers: Vec<usize>,
    /// Layers that read one of them.
    readers: Vec<usize>,
    /// The least upper bound of a `Clip` among them.
    bound: f32,
    channels: usize,
}

fn groups(work: &Work) -> Vec<Group> {
    let nodes = work.nodes();
    let mut ties = Ties::default();
    for at in 0..nodes.len() {
        if is_tie(work, at) {
            for value in nodes[at].input.iter().filter(|name| !work.constants.contains(name)) {
                ties.tie(value, &nodes[at].output[0]);
            }
        } else if is_layer(work, &nodes[at]) {
            ties.add(&nodes[at].output[0]);
        }
    }
    ties.groups().into_iter().filter_map(|values| group(work, values)).collect()
}

fn group(work: &Work, values: Vec<String>) -> Option<Group> {
    let nodes = work.nodes();
    let mut group =
        Group { values: vec![], writers: vec![], readers: vec![], bound: f32::INFINITY, channels: 0 };
    for value in &values {
        let (at, _) = work.index.producer(value)?;
        if work.index.is_output(value) || !work.index.captured_by(value).is_empty() {
            return None;
        }
        if is_tie(work, at) {
            if let Some(bounds) = bounds_of(&nodes[at], &work.constants) {
                group.bound = group.bound.min(bounds.high);
            }
        } else if is_layer(work, &nodes[at]) {
            group.writers.push(at);
        } else {
            return None;
        }
        for &(reader, slot) in work.index.consumers(value) {
            if is_tie(work, reader) {
                continue;
            }
            if slot != 0 || !is_layer(work, &nodes[reader]) {
                return None;
            }
            group.readers.push(reader);
        }
    }
    let outputs = |at: usize| -> Option<usize> {
        let weight = work.constants.f32(nodes[at].input_name(1)?)?;
        let axis = channel_axis(&nodes[at]);
        // A transposed convolution with groups has as many outputs in each.
        let groups = if nodes[at].op_type == "ConvTranspose" { groups_of(&nodes[at]) } else { 1 };
        Some(weight.shape[axis] * groups)
    };
    group.channels = outputs(*group.writers.first()?)?;
    let same = group.writers.iter().all(|&at| outputs(at) == Some(group.channels));
    let fits = group.readers.iter().all(|&at| inputs_of(work, at) == Some(group.channels));
    let bias = |at: usize| nodes[at].input_name(2).and_then(|name| work.constants.f32(name)).map(Array::len);
    let biases = group.writers.iter().all(|&at| bias(at).is_none_or(|len| len == group.channels));
    // A layer that reads what it writes into its own group would be scaled twice over.
    group.readers.sort_unstable();
    group.readers.dedup();
    let apart = group.writers.iter().all(|at| !group.readers.contains(at));
    group.values = values;
    (same && fits && biases && apart && !group.readers.is_empty() && group.channels > 1).then_some(group)
}

/// Nodes that pass a positive factor of a channel on.
fn is_tie(work: &Work, at: usize) -> bool {
    let node = &work.nodes()[at];
    if !node.is_standard() || node.output.iter().filter(|name| !name.is_empty()).count() != 1 {
        return false;
    }
    match node.op_type.as_str() {
        "Relu" | "LeakyRelu" | "MaxPool" | "AveragePool" | "GlobalAveragePool" => true,
        "Clip" => bounds_of(node, &work.constants).is_some_and(|bounds| bounds.low == 0.0),
        "Add" => node.input.iter().all(|name| !work.constants.contains(name)),
        // Behind a global pool a channel is one element.
        "Flatten" => {
            node.int_or("axis", 1) == 1
                && work
                    .index
                    .producer(&node.input[0])
                    .is_some_and(|(before, _)| work.nodes()[before].op_type == "GlobalAveragePool")
        }
        _ => false,
    }
}

/// Layers whose constants are theirs alone, so that they can be scaled.
fn is_layer(work: &Work, node: &NodeProto) -> bool {
    let plain = match node.op_type.as_str() {
        "Conv" | "ConvTranspose" => true,
        "Gemm" => {
            node.int_or("transA", 0) == 0
                && node.float_or("alpha", 1.0) == 1.0
                && node.float_or("beta", 1.0) == 1.0
        }
        _ => false,
    };
    let own = |slot: usize| match node.input_name(slot) {
        None => slot == 2,
        Some(name) => {
            work.constants.f32(name).is_some()
                && work.index.consumers(name).len() == 1
                && work.index.captured_by(name).is_empty()
                && !work.index.is_output(name)
        }
    };
    plain && node.is_standard() && own(1) && own(2)
}

fn groups_of(node: &NodeProto) -> usize {
    if node.op_type == "Gemm" { 1 } else { node.int_or("group", 1).max(1) as usize }
}

fn inputs_of(work: &Work, at: usize) -> Option<usize> {
    let node = &work.nodes()[at];
    let shape = &work.constants.f32(node.input_name(1)?)?.shape;
    Some(match node.op_type.as_str() {
        "Conv" => shape[1] * groups_of(node),
        "Gemm" => shape[1 - channel_axis(node)],
        _ => shape[0],
    })
}

/// Input channel and row (output channel) of every weight of a layer.
fn places(node: &NodeProto, shape: &[usize], element: usize) -> (usize, usize) {
    let first = Channels::of(shape, 0).channel(element);
    let second = Channels::of(shape, 1).channel(element);
    let groups = groups_of(node);
    match node.op_type.as_str() {
        "Conv" => (first / (shape[0] / groups) * shape[1] + second, first),
        "Gemm" if channel_axis(node) == 0 => (second, first),
        "Gemm" => (first, second),
        _ => (first, first / (shape[0] / groups) * shape[1] + second),
    }
}

fn scale_of(work: &Work, group: &Group, seen: &Seen) -> Option<Vec<f32>> {
    let nodes = work.nodes();
    let mut range = vec![0f32; group.channels];
    for channels in group.values.iter().filter_map(|value| seen.channels.get(value)) {
        for (range, (low, high)) in range.iter_mut().zip(channels.low.iter().zip(&channels.high)) {
            *range = range.max(*high).max(-low);
        }
    }
    let widest = range.iter().copied().fold(0f32, f32::max);
    if widest <= 0.0 {
        return None;
    }
    let mut columns = vec![0f32; group.channels];
    let mut all_depthwise = true;
    for &at in &group.readers {
        let node = &nodes[at];
        let array = work.constants.f32(&node.input[1])?;
        let weights = array.as_f32()?;
        if node.op_type == "Conv" && array.shape[1] == 1 {
            continue;
        }
        all_depthwise = false;
        let rows = 1 + (0..weights.len()).map(|element| places(node, &array.shape, element).1).max()?;
        let mut largest = vec![0f32; rows];
        for (element, w) in weights.iter().enumerate() {
            let row = places(node, &array.shape, element).1;
            largest[row] = largest[row].max(w.abs());
        }
        for (element, w) in weights.iter().enumerate() {
            let (column, row) = places(node, &array.shape, element);
            if largest[row] > 0.0 {
                columns[column] = columns[column].max(w.abs() / largest[row]);
            }
        }
    }
    let bounded = group.bound.is_finite();
    let scale = range.iter().zip(&columns).map(|(&range, &column)| {
        // A channel that is never there, or that nobody looks at, is left alone.
        if range <= widest / (LARGEST * LARGEST) || (!all_depthwise && column <= 0.0) {
            return 1.0;
        }
        let relative = range / if bounded { group.bound } else { widest };
        let wished = if all_depthwise { relative } else { (relative / column).sqrt() };
        if !bounded {
            wished.clamp(1.0 / LARGEST, LARGEST)
        } else if range >= 0.5 * group.bound {
            1.0
        } else {
            wished.clamp((2.0 * relative).max(1.0 / LARGEST), 1.0)
        }
    });
    Some(scale.collect())
}

fn apply(work: &mut Work, group: &Group, scale: &[f32]) {
    let nodes = work.nodes().to_vec();
    let mut factors: HashMap<String, Vec<f32>> = HashMap::new();
    let mut done = HashSet::new();
    for (&at, reads) in
        group.readers.iter().map(|at| (at, true)).chain(group.writers.iter().map(|at| (at, false)))
    {
        if !done.insert((at, reads)) {
            continue;
        }
        let node = &nodes[at];
        let Some(array) = work.constants.f32(&node.input[1]) else { continue };
        let shape = array.shape.clone();
        let factor = |element: usize| {
            let (column, row) = places(node, &shape, element);
            if reads { scale[column] } else { 1.0 / scale[row] }
        };
        factors.insert(node.input[1].clone(), (0..array.len()).map(factor).collect());
        if let (false, Some(bias)) = (reads, node.input_name(2)) {
            factors.insert(bias.into(), scale.iter().map(|s| 1.0 / s).collect());
        }
    }
    for (name, factors) in factors {
        work.change(&name, |data| {
            if let Data::F32(values) = data {
                values.iter_mut().zip(&factors).for_each(|(value, factor)| *value *= factor);
            }
        });
    }
}

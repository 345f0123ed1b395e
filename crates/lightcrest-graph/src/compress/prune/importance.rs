//! How much each channel matters.
//!
//! | symbol | meaning |
//! |---|---|
//! | c | a channel of a group: all positions of its class |
//! | m | a member of the group: one side (outputs or inputs) of the weights of one layer |
//! | s(m, c) | sum of the scores of the positions of c in m |
//! | S(c) | mean over members of s(m, c) / mean of s(m, ·) over the group's channels |
//!
//! Dividing by the mean lets layers of different scale speak with one voice; a mean of 1 makes groups
//! comparable when all channels are ranked together. Scores of positions:
//!
//! - L1 and L2: the norm of the filter that writes the position, and of the weights that read it (Li et al.,
//!   *Pruning filters for efficient convnets*, ICLR 2017; over a group as in Fang et al., *DepGraph*, CVPR
//!   2023).
//! - BN: |γ| of batch normalisations along the channel (Liu et al., *Network slimming*, ICCV 2017).
//! - FPGM: Σ_j ‖F_c − F_j‖₂, the distance of a filter to all others (He et al., CVPR 2019).
//! - Reading: Σ w² E\[x²\] over the weights that read the position, what they lose without it up to
//!   correlations; second moments E\[x²\] come from calibration.
//! - Given: scores by output of each layer, for example Σ |w ∂L/∂w| (Molchanov et al., CVPR 2019).

use std::collections::HashMap;

use super::group::Group;
use super::label::Axis;
use super::trace::{Layer, Trace};
use super::{PruneError, layer_name};
use crate::onnx::proto::{TensorProto, element};
use crate::onnx::{Array, Data, half};

/// How channels are ranked.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Importance {
    /// Sums of absolute weights.
    #[default]
    L1,
    /// Euclidean norms of weights.
    L2,
    /// Factors of batch normalisation; L1 where a group has none.
    BatchNorm,
    /// Distances of filters to each other.
    Fpgm,
    /// Second moments of the values that layers read, by the name of the value, one a channel: what readers
    /// lose. L1 where a group's readers have none.
    Reading(HashMap<String, Vec<f64>>),
    /// Scores of the outputs of layers, by the name of the layer's weights; L1 where a group has none.
    Given(HashMap<String, Vec<f64>>),
}

/// Scores by label.
struct Member {
    axis: Axis,
    scores: Vec<f64>,
}

/// The importance of every channel of every group.
///
/// # Errors
/// [`PruneError::NotFinite`], [`PruneError::Scores`].
pub(super) fn scores(
    trace: &mut Trace<'_>,
    groups: &[Group],
    importance: &Importance,
) -> Result<Vec<Vec<f64>>, PruneError> {
    let mut totals = Totals::new(trace, groups);
    for member in members(trace, importance)? {
        totals.add(trace, &member);
    }
    if totals.counts.iter().flatten().any(|&count| count == 0) && *importance != Importance::L1 {
        // Groups of which that importance says nothing are ranked by their weights.
        let mut weights = Totals::new(trace, groups);
        for member in members(trace, &Importance::L1)? {
            weights.add(trace, &member);
        }
        for group in 0..groups.len() {
            if totals.counts[group].contains(&0) {
                totals.sums[group] = std::mem::take(&mut weights.sums[group]);
                totals.counts[group] = std::mem::take(&mut weights.counts[group]);
            }
        }
    }
    let mean = |(sums, counts): (Vec<f64>, Vec<u32>)| -> Vec<f64> {
        sums.iter().zip(counts).map(|(sum, count)| sum / f64::from(count.max(1))).collect()
    };
    Ok(totals.sums.into_iter().zip(totals.counts).map(mean).collect())
}

/// Sums over the members of each group.
struct Totals {
    /// For each label that stands for a channel: its group and its place there.
    place: Vec<Option<(u32, u32)>>,
    sums: Vec<Vec<f64>>,
    counts: Vec<Vec<u32>>,
}

impl Totals {
    fn new(trace: &Trace<'_>, groups: &[Group]) -> Self {
        let mut place = vec![None; trace.labels.len()];
        for (at, group) in groups.iter().enumerate() {
            for (channel, of) in group.channels.iter().enumerate() {
                place[of.root as usize] = Some((at as u32, channel as u32));
            }
        }
        let sums = groups.iter().map(|group| vec![0.0; group.channels.len()]).collect();
        let counts = groups.iter().map(|group| vec![0; group.channels.len()]).collect();
        Self { place, sums, counts }
    }

    fn add(&mut self, trace: &mut Trace<'_>, member: &Member) {
        let Some(labels) = &member.axis else { return };
        // By group: channels that the member has, with their sums.
        let mut own: HashMap<u32, HashMap<u32, f64>> = HashMap::new();
        for (&label, &score) in labels.iter().zip(&member.scores) {
            if let Some((group, channel)) = self.place[trace.labels.find(label) as usize] {
                *own.entry(group).or_default().entry(channel).or_default() += score;
            }
        }
        for (group, channels) in own {
            // Sums in a fixed order: floating-point addition is not associative.
            let mut sorted: Vec<(u32, f64)> = channels.into_iter().collect();
            sorted.sort_unstable_by_key(|&(channel, _)| channel);
            let mean = sorted.iter().map(|(_, sum)| sum).sum::<f64>() / sorted.len() as f64;
            for (channel, sum) in sorted {
                let share = if mean > 0.0 { sum / mean } else { 1.0 };
                self.sums[group as usize][channel as usize] += share;
                self.counts[group as usize][channel as usize] += 1;
            }
        }
    }
}

fn members(trace: &Trace<'_>, importance: &Importance) -> Result<Vec<Member>, PruneError> {
    let mut members = vec![];
    if *importance == Importance::BatchNorm {
        for (value, axis) in &trace.norms {
            if let Some(array) = array(trace, value) {
                let scores = along(&array, 0, f64::abs);
                members.push(finite(trace, value, axis, scores)?);
            }
        }
        return Ok(members);
    }
    for layer in &trace.layers {
        let Some(weights) = array(trace, &layer.weight) else { continue };
        let (output, outputs) = &layer.output;
        let mut add = |axis: &Axis, scores: Vec<f64>| -> Result<(), PruneError> {
            members.push(finite(trace, &layer.weight, axis, scores)?);
            Ok(())
        };
        match importance {
            Importance::L1 | Importance::L2 => {
                let norm = |axis: usize| match importance {
                    Importance::L1 => along(&weights, axis, f64::abs),
                    _ => along(&weights, axis, |w| w * w).into_iter().map(f64::sqrt).collect(),
                };
                add(outputs, norm(*output))?;
                if let Some((input, inputs)) = &layer.input {
                    add(inputs, norm(*input))?;
                }
            }
            Importance::Fpgm => add(outputs, distances(&weights, *output))?,
            Importance::Reading(moments) => {
                if let Some((input, inputs)) = &layer.input
                    && let Some(moments) = moments.get(&read_by(trace, layer))
                {
                    let mut scores = along(&weights, *input, |w| w * w);
                    let positions = scores.len();
                    if moments.len() % positions.max(1) != 0 {
                        let (expected, found) = (positions, moments.len());
                        return Err(PruneError::Scores { name: read_by(trace, layer), expected, found });
                    }
                    for (at, score) in scores.iter_mut().enumerate() {
                        // In a grouped convolution a position reads one channel of each group.
                        let own = moments.iter().skip(at).step_by(positions);
                        *score *= own.sum::<f64>() / (moments.len() / positions) as f64;
                    }
                    add(inputs, scores)?;
                }
            }
            Importance::Given(given) => {
                if let Some(scores) = given.get(&layer.weight) {
                    let expected = weights.shape.get(*output).copied().unwrap_or(0);
                    if scores.len() != expected {
                        let (name, found) = (layer.weight.clone(), scores.len());
                        return Err(PruneError::Scores { name, expected, found });
                    }
                    add(outputs, scores.clone())?;
                }
            }
            Importance::BatchNorm => {}
        }
    }
    Ok(members)
}

/// The value that a layer multiplies its weights with.
fn read_by(trace: &Trace<'_>, layer: &Layer) -> String {
    let node = &trace.model.graph().node[layer.node];
    node.input.iter().find(|name| **name != layer.weight).cloned().unwrap_or_default()
}

fn array(trace: &Trace<'_>, value: &str) -> Option<Array> {
    match trace.index.initializer(value) {
        Some(at) => {
            let tensor = &trace.model.graph().initializer[at];
            widened(tensor).or_else(|| Array::from_proto(tensor).ok())
        }
        None => trace.facts.constant(value).cloned(),
    }
}

/// Numbers of half precision as f32.
fn widened(tensor: &TensorProto) -> Option<Array> {
    let bits: Vec<u16> = match &tensor.raw_data {
        Some(raw) => raw.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect(),
        None => tensor.int32_data.iter().map(|&bits| bits as u16).collect(),
    };
    let read: fn(u16) -> f32 = match tensor.data_type {
        element::BFLOAT16 => |bits: u16| f32::from_bits(u32::from(bits) << 16),
        element::FLOAT16 => half,
        _ => return None,
    };
    let shape = tensor.dims.iter().map(|&size| usize::try_from(size).ok()).collect::<Option<Vec<_>>>()?;
    let values: Vec<f32> = bits.into_iter().map(read).collect();
    (values.len() == shape.iter().product::<usize>()).then(|| Array::f32(shape, values))
}

fn finite(trace: &Trace<'_>, value: &str, axis: &Axis, scores: Vec<f64>) -> Result<Member, PruneError> {
    if scores.iter().all(|score| score.is_finite()) {
        return Ok(Member { axis: axis.clone(), scores });
    }
    let reader = trace.index.consumers(value).first();
    let layer = reader.map_or_else(String::new, |&(at, _)| layer_name(&trace.model.graph().node[at]));
    Err(PruneError::NotFinite { weight: value.into(), layer })
}

/// Sums of `f` of the elements at each position of an axis.
fn along(array: &Array, axis: usize, f: impl Fn(f64) -> f64) -> Vec<f64> {
    let Some(&positions) = array.shape.get(axis) else { return vec![] };
    let inner: usize = array.shape[axis + 1..].iter().product();
    let mut sums = vec![0.0; positions];
    let mut add = |values: &mut dyn Iterator<Item = f64>| {
        for (at, value) in values.enumerate() {
            sums[at / inner % positions] += f(value);
        }
    };
    if let Data::F32(values) = &array.data {
        for (row, values) in values.chunks_exact(inner.max(1)).enumerate() {
            sums[row % positions] += values.iter().map(|&value| f(value.into())).sum::<f64>();
        }
        return sums;
    }
    match &array.data {
        Data::F32(_) => {}
        Data::F64(values) => add(&mut values.iter().copied()),
        Data::I64(values) => add(&mut values.iter().map(|&value| value as f64)),
        Data::I32(values) => add(&mut values.iter().map(|&value| value.into())),
        Data::I8(values) => add(&mut values.iter().map(|&value| value.into())),
        Data::U8(values) => add(&mut values.iter().map(|&value| value.into())),
        Data::Bool(values) => add(&mut values.iter().map(|&value| f64::from(u8::from(value)))),
    }
    sums
}

/// Σ_j ‖F_c − F_j‖₂ of the filters along an axis.
fn distances(array: &Array, axis: usize) -> Vec<f64> {
    let Some(&filters) = array.shape.get(axis) else { return vec![] };
    let inner: usize = array.shape[axis + 1..].iter().product();
    let Some(values) = array.as_f32() else { return vec![1.0; filters] };
    // One filter a row.
    let length = values.len() / filters.max(1);
    let mut rows = vec![0.0f32; values.len()];
    let mut filled = vec![0; filters];
    for (block, values) in values.chunks_exact(inner.max(1)).enumerate() {
        let filter = block % filters;
        let start = filter * length + filled[filter];
        rows[start..start + values.len()].copy_from_slice(values);
        filled[filter] += values.len();
    }
    let row = |at: usize| &rows[at * length..(at + 1) * length];
    let mut sums = vec![0.0; filters];
    for a in 0..filters {
        for b in a + 1..filters {
            let squares = row(a).iter().zip(row(b)).map(|(x, y)| (x - y) * (x - y)).sum::<f32>();
            let distance = f64::from(squares).sqrt();
            sums[a] += distance;
            sums[b] += distance;
        }
    }
    sums
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn sums_along_either_axis() {
        let array = Array::f32(vec![2, 3], vec![1.0, -2.0, 3.0, 4.0, 5.0, -6.0]);
        assert_eq!(along(&array, 0, f64::abs), [6.0, 15.0]);
        assert_eq!(along(&array, 1, f64::abs), [5.0, 7.0, 9.0]);
    }

    #[test]
    fn half_precision_is_read() {
        let bits = [0x3c00u16, 0xc000, 0x3555, 0x0001, 0x7bff];
        let raw: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let tensor = TensorProto {
            dims: vec![5],
            data_type: element::FLOAT16,
            raw_data: Some(raw.into()),
            ..Default::default()
        };
        let array = widened(&tensor).unwrap();
        assert_eq!(array.as_f32().unwrap(), [1.0, -2.0, 0.33325195, 5.9604645e-8, 65504.0]);
    }

    #[test]
    fn the_filter_in_the_middle_is_the_one_that_others_replace() {
        let array = Array::f32(vec![3, 1], vec![0.0, 1.0, 3.0]);
        assert_eq!(distances(&array, 0), [4.0, 3.0, 5.0]);
    }
}

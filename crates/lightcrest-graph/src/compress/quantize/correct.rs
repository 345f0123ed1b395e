//! Bias correction: the mean of every channel of a layer is what it is in fp32.
//!
//! Rounding shifts means: a weight that is always rounded down, a `Relu` whose small values all become zero.
//! The shift that is seen on the calibration inputs is taken from the bias, layer after layer in the order of
//! the graph, each fed by layers that are corrected already, so that nothing is corrected twice. Source:
//! Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction", section 4.2
//! and appendix D (empirical).

use std::collections::{HashMap, HashSet};

use super::error::QuantizeError;
use super::pass::Work;
use super::placement::{Placement, Role};
use super::rewrite::Written;
use super::run::{ChannelRange, Feed, Seen, run_each};
use crate::onnx::proto::{GraphProto, ValueInfoProto};
use crate::onnx::{Array, Data, Index, Model};

/// How many inputs are looked at: means need few.
const INPUTS: usize = 16;

/// New biases by node, for the layers of the placement.
pub(super) fn biases(
    work: &Work,
    placement: &Placement,
    seen: &Seen,
    written: &Written,
    feeds: &[Feed],
) -> Result<HashMap<usize, Vec<f32>>, QuantizeError> {
    let mut states: Vec<Feed> = feeds[..feeds.len().min(INPUTS)].to_vec();
    let mut corrected = HashMap::new();
    let graph = written.model.graph();
    let index = Index::new(graph);
    let mut start = 0;
    for &(at, place) in &written.places {
        let node = &work.nodes()[at];
        let Some(expected) = seen.outputs.get(&at) else { continue };
        let biased = node.op_type != "MatMul";
        if placement.role(at) != Some(Role::Compute) || !biased {
            continue;
        }
        let value = graph.node[place].output[0].clone();
        states = advance(&written.model, &index, start..place + 1, &states)?;
        start = place + 1;
        let axis = usize::from(node.op_type == "Conv");
        let mut found = ChannelRange::default();
        for state in &states {
            if let Some((_, array)) = state.iter().find(|(name, _)| *name == value) {
                let axis = if axis == 1 { 1 } else { array.shape.len() - 1 };
                found.observe(array, axis);
            }
        }
        let shift: Vec<f32> = expected
            .mean()
            .iter()
            .zip(found.mean())
            .map(|(expected, found)| (expected - found) as f32)
            .collect();
        for state in &mut states {
            for (_, array) in state.iter_mut().filter(|(name, _)| *name == value) {
                add(array, &shift);
            }
        }
        let own = node.input_name(2).and_then(|name| work.constants.f32(name)?.as_f32());
        let bias = match own {
            Some(own) => own.iter().zip(&shift).map(|(bias, shift)| bias + shift).collect(),
            None => shift,
        };
        corrected.insert(at, bias);
    }
    Ok(corrected)
}

/// Adds to every channel, which lie on axis 1 or, without more axes, on the last.
fn add(array: &mut Array, shift: &[f32]) {
    let inner: usize = array.shape.iter().skip(2).product();
    if let Data::F32(values) = &mut array.data {
        for (block, elements) in values.chunks_mut(inner.max(1)).enumerate() {
            let shift = shift[block % shift.len()];
            elements.iter_mut().for_each(|x| *x += shift);
        }
    }
}

/// Runs some nodes on values that are known before them; returns those that are read behind them.
fn advance(
    model: &Model,
    index: &Index,
    nodes: std::ops::Range<usize>,
    states: &[Feed],
) -> Result<Vec<Feed>, QuantizeError> {
    let graph = model.graph();
    let piece = &graph.node[nodes.clone()];
    let written: HashSet<&str> = piece.iter().flat_map(|node| &node.output).map(String::as_str).collect();
    let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let known: HashSet<&str> = states[0].iter().map(|(name, _)| name.as_str()).collect();
    let read_later = |name: &str| {
        name == graph.node[nodes.end - 1].output[0]
            || index.consumers(name).iter().any(|&(at, _)| at >= nodes.end)
            || index.captured_by(name).iter().any(|&at| at >= nodes.end)
    };
    let wanted: Vec<&str> =
        written.iter().copied().filter(|name| !name.is_empty() && read_later(name)).collect();
    // A subgraph may read anything.
    let all = piece.iter().any(|node| crate::onnx::subgraphs(node).next().is_some());
    let named: HashSet<&str> = piece.iter().flat_map(|node| &node.input).map(String::as_str).collect();
    let read = |name: &str| all || named.contains(name);
    let mut segment = model.clone();
    *segment.graph_mut() = GraphProto {
        name: graph.name.clone(),
        node: piece.to_vec(),
        initializer: graph.initializer.iter().filter(|t| read(&t.name)).cloned().collect(),
        input: known
            .iter()
            .filter(|name| read(name) && !constants.contains(*name))
            .map(|&name| value_of(name, &states[0]))
            .collect(),
        output: wanted
            .iter()
            .map(|&name| ValueInfoProto { name: name.into(), ..Default::default() })
            .collect(),
        ..Default::default()
    };
    let inputs: Vec<Feed> =
        states.iter().map(|state| state.iter().filter(|(name, _)| read(name)).cloned().collect()).collect();
    let mut next: Vec<Feed> = vec![];
    run_each(&segment, &inputs, &wanted, |number, values| {
        let kept = states[number].iter().filter(|(name, _)| read_later(name)).cloned();
        next.push(kept.chain(values).collect());
        Ok(())
    })?;
    Ok(next)
}

fn value_of(name: &str, state: &Feed) -> ValueInfoProto {
    use crate::onnx::proto::{DimensionProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue};
    let array = state.iter().find(|(other, _)| other == name).map(|(_, array)| array);
    let elem_type = array.map_or(0, Array::element);
    // Sizes are free: another input may have others.
    let dim = array.map(|array| array.shape.iter().map(|_| DimensionProto::default()).collect());
    let tensor = TensorTypeProto { elem_type, shape: dim.map(|dim| TensorShapeProto { dim }) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), ..Default::default() }),
        ..Default::default()
    }
}

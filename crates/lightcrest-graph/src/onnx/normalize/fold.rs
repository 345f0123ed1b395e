//! Factors and offsets a channel become part of the layer before them: batch normalisation, and what
//! multiplies or adds constants.
//!
//! | layer | weight W | folded |
//! |---|---|---|
//! | `Conv` | (out, in/groups, k...) | scale_o W_o |
//! | `ConvTranspose` | (in, out/groups, k...) | scale_o W_{i,o}, o of the group of i |
//! | `Gemm` | (in, out), or (out, in) with `transB` | scale_o times the column, or the row |
//!
//! and the bias b becomes scale b + shift. It is allowed where nobody else sees the value in between, and
//! where no other layer has the same weights. Nothing is folded backwards across anything: a padding between
//! the two puts zeros where the normalisation would have put its shift.

use std::collections::HashSet;

use super::affine::{self, Affine, Constants};
use crate::onnx::edit::{Names, only_reader, remove_nodes, set_constant};
use crate::onnx::proto::NodeProto;
use crate::onnx::{Array, Index, Model, Note, node_label};

/// Folds what can be folded; says whether anything was.
pub(super) fn fold(model: &mut Model, notes: &mut Vec<Note>) -> bool {
    let index = Index::new(model.graph());
    let mut names = Names::new(model.graph());
    let mut removed = HashSet::new();
    let mut changes = Vec::new();
    for at in 0..model.graph().node.len() {
        if let Some(change) = plan(model, &index, at, &mut names) {
            removed.insert(change.reader);
            changes.push(change);
        }
    }
    for change in &changes {
        let graph = model.graph_mut();
        let reader = graph.node[change.reader].clone();
        notes.push(Note::info(
            node_label(&reader),
            format!("it is part of {} now", node_label(&graph.node[change.layer])),
        ));
        let layer = &mut graph.node[change.layer];
        layer.output[0] = reader.output[0].clone();
        layer.input.resize(3, String::new());
        layer.input[2] = change.bias.0.clone();
        // Its factor of the bias is in the bias.
        layer.attribute.retain(|attribute| layer.op_type != "Gemm" || attribute.name != "beta");
        let weight = layer.input[1].clone();
        set_constant(model, &weight, &change.weight);
        set_constant(model, &change.bias.0, &change.bias.1);
    }
    remove_nodes(model.graph_mut(), &removed);
    !changes.is_empty()
}

/// A node that goes into the layer before it.
struct Change {
    layer: usize,
    reader: usize,
    weight: Array,
    bias: (String, Array),
}

/// A layer that is linear in its input, with a bias.
struct Layer {
    /// Rank of its output.
    rank: usize,
    /// Channels of its output.
    channels: usize,
    /// Which channel an element of the weight belongs to.
    stride: Stride,
    /// What the bias is multiplied by.
    beta: f64,
}

/// Which channel an element of a weight belongs to.
enum Stride {
    /// So many elements after each other.
    Rows(usize),
    /// One after another, again and again.
    Columns,
    /// Of a transposed convolution: elements of a kernel, channels of a group, inputs of a group.
    Transposed(usize, usize, usize),
}

fn plan(model: &Model, index: &Index, at: usize, names: &mut Names) -> Option<Change> {
    let graph = model.graph();
    let node = &graph.node[at];
    let constants = Constants { graph, index };
    let [output] = node.output.as_slice() else { return None };
    let (reader, slot) = only_reader(index, output)?;
    let weight_name = node.input_name(1)?;
    // Others with the same weights want them as they are.
    only_reader(index, weight_name)?;
    let mut weight = constants.f32(weight_name)?;
    let layer = layer(node, &weight)?;
    let size = (layer.rank, layer.channels);
    let Affine { scale, shift } = affine::of(&graph.node[reader], slot, size, model.opset(), &constants)?;
    let old = match node.input_name(2) {
        Some(name) if layer.rank == 2 => affine::per_channel(&constants.f32(name)?, 2, layer.channels)?,
        Some(name) => {
            // The bias of a convolution has one shape.
            let array = constants.f32(name).filter(|array| array.shape == [layer.channels])?;
            array.as_f32()?.iter().map(|&value| f64::from(value)).collect()
        }
        None => vec![0.0; layer.channels],
    };
    let bias: Vec<f32> =
        (0..layer.channels).map(|c| (scale[c] * layer.beta * old[c] + shift[c]) as f32).collect();
    let crate::onnx::Data::F32(values) = &mut weight.data else { return None };
    for (element, value) in values.iter_mut().enumerate() {
        *value = (f64::from(*value) * scale[layer.stride.channel(element, layer.channels)]) as f32;
    }
    if !values.iter().chain(&bias).all(|value| value.is_finite()) {
        return None;
    }
    let bias_name = match node.input_name(2) {
        Some(name) if only_reader(index, name).is_some() => name.to_owned(),
        Some(name) => names.fresh(name),
        None => names.fresh(&format!("{}.bias", weight_name.strip_suffix(".weight").unwrap_or(weight_name))),
    };
    let bias = (bias_name, Array::f32([layer.channels], bias));
    Some(Change { layer: at, reader, weight, bias })
}

impl Stride {
    fn channel(&self, element: usize, channels: usize) -> usize {
        match *self {
            Self::Rows(length) => element / length,
            Self::Columns => element % channels,
            Self::Transposed(kernel, outputs, inputs) => {
                let (input, output) = (element / (kernel * outputs), element / kernel % outputs);
                input / inputs * outputs + output
            }
        }
    }
}

/// How the weight of a layer belongs to its channels.
fn layer(node: &NodeProto, weight: &Array) -> Option<Layer> {
    if !node.is_standard() || weight.is_empty() {
        return None;
    }
    let rank = weight.shape.len();
    match node.op_type.as_str() {
        "Conv" if rank >= 3 => {
            let channels = weight.shape[0];
            let stride = Stride::Rows(weight.len() / channels);
            Some(Layer { rank, channels, stride, beta: 1.0 })
        }
        "ConvTranspose" if rank >= 3 => {
            let groups = usize::try_from(node.int_or("group", 1)).ok().filter(|&groups| groups > 0)?;
            let (inputs, outputs) = (weight.shape[0], weight.shape[1]);
            let kernel = weight.shape[2..].iter().product();
            let stride = Stride::Transposed(kernel, outputs, (inputs / groups).max(1));
            (inputs % groups == 0).then_some(Layer { rank, channels: groups * outputs, stride, beta: 1.0 })
        }
        "Gemm" if rank == 2 => {
            let by_rows = node.int_or("transB", 0) != 0;
            let channels = weight.shape[if by_rows { 0 } else { 1 }];
            let stride = if by_rows { Stride::Rows(weight.shape[1]) } else { Stride::Columns };
            Some(Layer { rank, channels, stride, beta: f64::from(node.float_or("beta", 1.0)) })
        }
        _ => None,
    }
}

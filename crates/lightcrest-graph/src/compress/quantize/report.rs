//! What became of each layer.

use std::collections::HashMap;

use prost::Message;

use super::observer::Method;
use super::pass::Work;
use super::placement::{Placement, Role};
use super::rewrite::Written;
use crate::onnx::Model;
use crate::onnx::proto::{NodeProto, TensorProto, element};

/// What became of a model.
#[derive(Clone, Debug, serde::Serialize)]
pub struct QuantizeReport {
    /// Layers with weights, in the order of the graph.
    pub layers: Vec<QuantizedLayer>,
    /// Signal-to-noise ratio of every output on calibration inputs, in dB, by name.
    pub snr: Vec<(String, f64)>,
    /// How ranges of activations were chosen.
    pub method: Method,
    /// Bytes of the file before.
    pub bytes_before: usize,
    /// Bytes of the file.
    pub bytes: usize,
    /// Bytes of constants before.
    pub payload_before: usize,
    /// Bytes of constants, scales and zero points among them.
    pub payload: usize,
    /// Version of the operators before.
    pub opset_before: i64,
    /// Version of the operators.
    pub opset: i64,
    /// Tensors whose channels were equalised.
    pub equalized: usize,
    /// Layers whose biases were corrected.
    pub corrected: usize,
}

/// What became of a layer.
#[derive(Clone, Debug, serde::Serialize)]
pub struct QuantizedLayer {
    /// Its name, or that of what it writes.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// What it computes with.
    pub precision: Precision,
    /// Why it is not of 8 bits.
    pub reason: Option<Reason>,
    /// Bytes of its weights before.
    pub bytes_before: usize,
    /// Bytes of its weights.
    pub bytes: usize,
}

/// What a layer computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Activations and weights of 8 bits.
    Int8,
    /// Weights are stored in 8 bits, and it computes in fp32.
    Int8Weights,
    /// As it was.
    Fp32,
}

/// Why a layer is not of 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It was asked for.
    Excluded,
    /// The outputs would lose too much.
    Sensitive,
    /// Its weights are computed, given from outside or not of f32.
    NoConstantWeights,
    /// Its attributes or the shape of its bias are not those of an operator of 8 bits.
    Form,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reason::Excluded => "excluded",
            Reason::Sensitive => "the outputs would lose too much",
            Reason::NoConstantWeights => "its weights are no constants of f32",
            Reason::Form => "there is no operator of 8 bits of its form",
        })
    }
}

/// The name of a node, or of its first output.
pub(super) fn layer_name(node: &NodeProto) -> String {
    [&node.name].into_iter().chain(&node.output).find(|name| !name.is_empty()).cloned().unwrap_or_default()
}

pub(super) fn report(
    before: &Model,
    work: &Work,
    placement: &Placement,
    written: &Written,
    reasons: &HashMap<usize, Reason>,
    snr: &[(String, f64)],
) -> QuantizeReport {
    let nodes = work.nodes();
    let layer = |at: usize| {
        let node = &nodes[at];
        let weight = node.input_name(1).and_then(|name| work.constants.f32(name));
        let precision = match placement.role(at) {
            Some(Role::Store) => Precision::Int8Weights,
            Some(_) => Precision::Int8,
            None => Precision::Fp32,
        };
        let why = || {
            reasons.get(&at).copied().unwrap_or(match weight {
                None => Reason::NoConstantWeights,
                Some(_) => Reason::Form,
            })
        };
        let elements = weight.map_or(0, |weight| weight.len());
        QuantizedLayer {
            name: layer_name(node),
            operator: node.op_type.clone(),
            precision,
            reason: (precision == Precision::Fp32).then(why),
            bytes_before: 4 * elements,
            bytes: if precision == Precision::Fp32 { 4 * elements } else { elements },
        }
    };
    let is_layer = |at: &usize| {
        nodes[*at].is_standard()
            && matches!(nodes[*at].op_type.as_str(), "Conv" | "ConvTranspose" | "Gemm" | "MatMul")
    };
    QuantizeReport {
        layers: (0..nodes.len()).filter(is_layer).map(layer).collect(),
        snr: snr.to_vec(),
        method: Method::default(),
        bytes_before: before.proto().encoded_len(),
        bytes: written.model.proto().encoded_len(),
        payload_before: payload(before),
        payload: payload(&written.model),
        opset_before: before.opset(),
        opset: written.model.opset(),
        equalized: 0,
        corrected: 0,
    }
}

/// Bytes of the constants of f32, s32 and of 8 bits.
fn payload(model: &Model) -> usize {
    let bytes = |tensor: &TensorProto| {
        let elements: i64 = tensor.dims.iter().product();
        let width = match tensor.data_type {
            element::FLOAT | element::INT32 => 4,
            element::INT8 | element::UINT8 => 1,
            _ => 0,
        };
        elements.max(0) as usize * width
    };
    let constant = model.graph().node.iter().flat_map(|node| &node.attribute).filter_map(|a| a.t.as_ref());
    model.graph().initializer.iter().chain(constant).map(bytes).sum()
}

//! The model in the form that is quantized: normalised, of opset 13 or newer, with matrix products that
//! runtimes have in 8 bits.

use super::constant::Constants;
use super::error::QuantizeError;
use crate::onnx::proto::NodeProto;
use crate::onnx::{Facts, Index, Model, normalize};

/// The model to be quantized.
pub(super) fn prepare(model: &Model) -> Result<Model, QuantizeError> {
    let from = model.opset();
    let raised = model.raise_opset();
    let model = raised.map_err(|error| QuantizeError::Opset { from, reason: error.to_string() })?;
    let mut model = normalized(model);
    matrix_products(&mut model);
    Ok(model)
}

/// The normalised model: of version 14 instead of 13 where that gives it `HardSwish`, which 13 has no name
/// for. Nothing else changes between the two but outputs of batch normalisation in training.
fn normalized(mut model: Model) -> Model {
    let training = |node: &NodeProto| node.op_type == "BatchNormalization" && node.output.len() > 1;
    if model.opset() != 13 || model.graph().node.iter().any(training) {
        return normalize(&model).0;
    }
    set_opset(&mut model, 14);
    let mut normal = normalize(&model).0;
    if !normal.graph().node.iter().any(|node| node.op_type == "HardSwish") {
        set_opset(&mut normal, 13);
    }
    normal
}

fn set_opset(model: &mut Model, version: i64) {
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let sets = model.proto_mut().opset_import.iter_mut();
    sets.filter(|set| standard(&set.domain)).for_each(|set| set.version = version);
}

/// A `MatMul` of a matrix with a constant and the `Add` of a bias behind it become a `Gemm`, which runtimes
/// have in 8 bits together with its bias.
fn matrix_products(model: &mut Model) {
    let Ok(facts) = Facts::infer(model) else { return };
    let constants = Constants::new(model);
    let graph = model.graph();
    let index = Index::new(graph);
    let mut merged: Vec<(usize, usize, String)> = vec![];
    for (at, node) in graph.node.iter().enumerate() {
        if node.op_type != "MatMul" || !node.is_standard() {
            continue;
        }
        let matrix = facts.shape(&node.input[0]).is_some_and(|shape| shape.len() == 2);
        let Some(weight) = constants.f32(&node.input[1]).filter(|weight| weight.shape.len() == 2) else {
            continue;
        };
        let product = &node.output[0];
        let &[(add, slot)] = index.consumers(product) else { continue };
        if !matrix || graph.node[add].op_type != "Add" || index.is_output(product) {
            continue;
        }
        let bias = &graph.node[add].input[1 - slot];
        let fits = constants.f32(bias).is_some_and(|bias| {
            bias.len() == weight.shape[1] && (bias.shape.len() == 1 || bias.shape == [1, weight.shape[1]])
        });
        if fits && index.captured_by(product).is_empty() {
            merged.push((at, add, bias.clone()));
        }
    }
    let nodes = &mut model.graph_mut().node;
    for (at, add, bias) in &merged {
        nodes[*at].op_type = "Gemm".into();
        nodes[*at].input.push(bias.clone());
        nodes[*at].output = nodes[*add].output.clone();
    }
    let mut at = 0;
    nodes.retain(|_| {
        at += 1;
        !merged.iter().any(|(_, add, _)| *add == at - 1)
    });
}

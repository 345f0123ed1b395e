//! What must be so before a model is quantized.

use std::collections::HashSet;

use super::error::QuantizeError;
use super::pass::Work;
use super::placement::{Placement, Role};
use super::report::layer_name;
use super::run::Feed;
use crate::onnx::Model;

/// Operators that only files of 8 bits have.
const QUANTIZED: &[&str] = &[
    "ConvInteger",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "DynamicQuantizeLSTM",
    "DynamicQuantizeMatMul",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "MatMulNBits",
    "QGemm",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
];

pub(super) fn not_quantized(model: &Model) -> Result<(), QuantizeError> {
    let found = model.graph().node.iter().find(|node| QUANTIZED.contains(&node.op_type.as_str()));
    match found {
        None => Ok(()),
        Some(node) => {
            Err(QuantizeError::Quantized { node: layer_name(node), operator: node.op_type.clone() })
        }
    }
}

/// The nodes of the names that stay in fp32: names of nodes, of what they write, or of their weights.
pub(super) fn excluded(work: &Work, names: &[String]) -> Result<HashSet<usize>, QuantizeError> {
    let placement = work.placement(&HashSet::new());
    let layers: Vec<usize> = (0..work.nodes().len()).filter(|&at| placement.role(at).is_some()).collect();
    let mut excluded = HashSet::new();
    for name in names {
        let called = |at: &&usize| {
            let node = &work.nodes()[**at];
            node.name == *name || node.output.contains(name) || node.input.get(1) == Some(name)
        };
        let before = excluded.len();
        excluded.extend(layers.iter().filter(called));
        if excluded.len() == before {
            let weighted =
                layers.iter().filter(|&&at| matches!(placement.role(at), Some(Role::Compute | Role::Store)));
            let known: Vec<String> =
                weighted.map(|&at| format!("`{}`", layer_name(&work.nodes()[at]))).collect();
            let shown = known.len().min(12);
            let more = if known.len() > shown {
                format!(" and {} more", known.len() - shown)
            } else {
                String::new()
            };
            let layers = format!("{}{more}", known[..shown].join(", "));
            return Err(QuantizeError::UnknownLayer { name: name.clone(), layers });
        }
    }
    Ok(excluded)
}

pub(super) fn feeds(work: &Work, feeds: &[Feed]) -> Result<(), QuantizeError> {
    if feeds.is_empty() {
        return Err(QuantizeError::NoCalibration);
    }
    for (number, feed) in feeds.iter().enumerate() {
        for (name, array) in feed {
            let values = array.as_f32().unwrap_or(&[]);
            if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                let reason =
                    format!("element {at} of `{name}` is {}, which has no place in a range", values[at]);
                return Err(QuantizeError::Feed { number, reason });
            }
        }
        let missing = work.model.graph().input.iter().find(|input| {
            !work.constants.contains(&input.name)
                && work.index.initializer(&input.name).is_none()
                && !feed.iter().any(|(name, _)| *name == input.name)
        });
        if let Some(input) = missing {
            let given: Vec<&str> = feed.iter().map(|(name, _)| name.as_str()).collect();
            let reason = format!("input `{}` is missing; given are {given:?}", input.name);
            return Err(QuantizeError::Feed { number, reason });
        }
    }
    Ok(())
}

pub(super) fn something_to_do(work: &Work, placement: &Placement) -> Result<(), QuantizeError> {
    let any = (0..work.nodes().len()).any(|at| placement.role(at) == Some(Role::Compute));
    if any {
        return Ok(());
    }
    let reason = "no Conv, Gemm or MatMul with constant weights of f32 is left".into();
    Err(QuantizeError::Nothing { reason })
}

/// Refuses to leave every layer in fp32, which would be the model as it was.
pub(super) fn some_left(
    work: &Work,
    fp32: &HashSet<usize>,
    target: f64,
    reached: f64,
) -> Result<(), QuantizeError> {
    let placement = work.placement(fp32);
    if (0..work.nodes().len()).any(|at| placement.role(at) == Some(Role::Compute)) {
        return Ok(());
    }
    let reason = format!(
        "every layer would have to stay in fp32 for each output to keep {target} dB (the least signal-to-noise \
         ratio that was asked for); with all layers in 8 bits the worst has {reached:.1} dB"
    );
    Err(QuantizeError::Nothing { reason })
}

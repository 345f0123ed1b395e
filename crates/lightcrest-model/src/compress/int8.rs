//! 8-bit integers, at the end of everything.

use std::collections::HashSet;

use lightcrest_graph::compress::activation::Feed;
use lightcrest_graph::compress::quantize::{Method, Precision, QuantizeConfig, candidates, quantize as pass};
use lightcrest_graph::onnx::Model;

use super::error::CompressError;
use super::passes::LayerFate;

/// Training images that ranges of activations are taken from.
pub(super) const IMAGES: usize = 64;

/// Names of the layers of a model that can have 8 bits; none where the model cannot be quantized at all.
pub(super) fn possible(model: &Model) -> HashSet<String> {
    candidates(&named(model)).unwrap_or_default().into_iter().collect()
}

/// The model with 8-bit weights and activations in the layers whose fate it is, calibrated on `feeds`.
///
/// # Errors
/// [`CompressError::Method`], also when a layer stays in fp32: its bytes were counted as if it could.
pub(super) fn quantize(model: &Model, layers: &[LayerFate], feeds: &[Feed]) -> Result<Model, CompressError> {
    let failed = |source| CompressError::Method { method: "int8", source };
    let model = named(model);
    let chosen: HashSet<&str> =
        layers.iter().filter(|layer| layer.int8).map(|layer| layer.name.as_str()).collect();
    let known = candidates(&model).map_err(|error| failed(error.into()))?;
    let exclude: Vec<String> = known.into_iter().filter(|name| !is_of(name, &chosen)).collect();
    // How much is lost is what the search looks at: no layer goes back to fp32 on its own.
    let config = QuantizeConfig { method: Some(Method::Mse), exclude, min_snr: None, ..Default::default() };
    let (model, report) = pass(&model, feeds, &config).map_err(|error| failed(error.into()))?;
    let stayed = report
        .layers
        .iter()
        .find(|layer| layer.precision == Precision::Fp32 && chosen.contains(layer.name.as_str()));
    match stayed {
        None => Ok(model),
        Some(layer) => {
            let reason = layer.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            Err(failed(format!("layer `{}` stayed in fp32{reason}", layer.name).into()))
        }
    }
}

/// Whether a layer is one of these, or a stage of one that was taken apart (`NAME/0`).
fn is_of(name: &str, layers: &HashSet<&str>) -> bool {
    let stage = |(layer, number): (&str, &str)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && layers.contains(layer)
    };
    layers.contains(name) || name.rsplit_once('/').is_some_and(stage)
}

/// The model with every layer called what reports call it: what a nameless one writes may be called
/// otherwise when nodes were merged.
fn named(model: &Model) -> Model {
    let mut model = model.clone();
    for node in &mut model.graph_mut().node {
        let layer = matches!(node.op_type.as_str(), "Conv" | "ConvTranspose" | "Gemm" | "MatMul");
        if layer && node.name.is_empty() {
            node.name = node.output.first().cloned().unwrap_or_default();
        }
    }
    model
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_belong_to_their_layer() {
        let layers = HashSet::from(["conv", "block/1"]);
        let found = ["conv", "conv/0", "block/1", "block/1/2"].map(|name| is_of(name, &layers));
        assert_eq!(found, [true; 4]);
        let others = ["conv2", "conv/", "conv/a", "block", "block/10"].map(|name| is_of(name, &layers));
        assert_eq!(others, [false; 5]);
    }
}

//! The structure of what is written; `cargo xtask test` runs the files in onnxruntime.

use std::collections::HashSet;

use prost::Message;

use super::proto::{Dimension, ModelProto, TypeValue};
use super::*;
use crate::network::Op;
use crate::testing;

fn classifier() -> (Network, Weights) {
    let network = testing::classifier();
    let weights = testing::weights(&network);
    (network, weights)
}

fn written(config: &ExportConfig) -> ModelProto {
    let (network, weights) = classifier();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    save(&network, &weights, config, &path).unwrap();
    ModelProto::decode(std::fs::read(&path).unwrap().as_slice()).unwrap()
}

#[test]
fn values_are_defined_once_and_before_they_are_read() {
    let normalization = Some(Normalization { mean: vec![0.5; 3], std: vec![0.25; 3] });
    for config in [
        ExportConfig::default(),
        ExportConfig { fold_batch_norm: false, ..ExportConfig::default() },
        ExportConfig { normalization, ..ExportConfig::default() },
    ] {
        let model = written(&config);
        let graph = model.graph.unwrap();
        let mut known = HashSet::from(["image".to_string()]);
        for tensor in &graph.initializer {
            assert!(known.insert(tensor.name.clone()), "{} twice", tensor.name);
        }
        for node in &graph.node {
            for input in &node.input {
                assert!(known.contains(input), "{} reads {input} before it is written", node.name);
            }
            assert!(known.insert(node.output[0].clone()), "{} twice", node.output[0]);
        }
        assert!(known.contains("logits"));
        assert_eq!(graph.output.len(), 1);
        assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    }
}

#[test]
fn folding_leaves_no_normalisation_and_dropout_is_never_written() {
    let count = |config: &ExportConfig, op: &str| {
        written(config).graph.unwrap().node.iter().filter(|node| node.op_type == op).count()
    };
    let kept = ExportConfig { fold_batch_norm: false, ..ExportConfig::default() };
    assert_eq!(count(&ExportConfig::default(), "BatchNormalization"), 0);
    let norms = classifier().0.nodes().iter().filter(|node| matches!(node.op, Op::BatchNorm(_))).count();
    assert_eq!(count(&kept, "BatchNormalization"), norms);
    assert_eq!(count(&kept, "Dropout"), 0);
}

#[test]
fn the_file_says_what_goes_in_and_what_comes_out() {
    let normalization = Some(Normalization { mean: vec![0.5; 3], std: vec![0.25; 3] });
    let classes = vec!["a \"b\"".to_string(), "c".to_string()];
    let model = written(&ExportConfig { normalization, classes: classes.clone(), ..ExportConfig::default() });
    let get = |key: &str| &model.metadata_props.iter().find(|entry| entry.key == key).unwrap().value;
    assert_eq!(serde_json::from_str::<Vec<String>>(get("classes")).unwrap(), classes);
    assert_eq!(serde_json::from_str::<Normalization>(get("normalization")).unwrap().std, [0.25; 3]);
    assert!(get("input").starts_with("pixels from 0 to 255, red, green, blue"));
    let input = model.graph.unwrap().input.remove(0).r#type.unwrap().value.unwrap();
    let TypeValue::Tensor(input) = input else { panic!("{input:?}") };
    let sizes: Vec<Dimension> = input.shape.unwrap().dim.into_iter().map(|dim| dim.value.unwrap()).collect();
    let known = |size| Dimension::Value(size);
    assert_eq!(sizes, [Dimension::Param("N".into()), known(3), known(16), known(16)]);
}

#[test]
fn wrong_weights_and_wrong_normalisation_are_errors() {
    let (network, weights) = classifier();
    assert!(matches!(
        export(&network, &Weights::new(), &ExportConfig::default()),
        Err(ExportError::Network(_))
    ));
    let normalization = Some(Normalization { mean: vec![0.5], std: vec![0.25] });
    let error = export(&network, &weights, &ExportConfig { normalization, ..ExportConfig::default() });
    assert_eq!(error.unwrap_err().to_string(), "the network reads 3 channels, but the normalisation has 1");
    let missing = Path::new("no/such/folder/model.onnx");
    let error = save(&network, &weights, &ExportConfig::default(), missing).unwrap_err();
    assert!(matches!(error, ExportError::File { .. }));
    assert!(error.to_string().ends_with("model.onnx: cannot write"));
}

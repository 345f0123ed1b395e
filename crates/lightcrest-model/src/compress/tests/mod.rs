mod messages;
mod objective;
mod spec;

use std::path::Path;
use std::sync::Arc;

use lightcrest_graph::network::{Activation, Conv2d, Linear, Network, Op, Shape, Weights};
use lightcrest_graph::onnx::proto::*;
use lightcrest_graph::onnx::{ExportConfig, Model, export};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{CompressSpec, Original, OriginalError};

/// A small spec with every kind of value.
pub(super) const BASE: &str = r#"[study]
name = "test"
seed = 3

[[objectives]]
metric = "validation_accuracy"

[[objectives]]
metric = "macs"

[[constraints]]
metric = "accuracy_drop"
max = 0.02

[model]
path = "model.onnx"
[model.preprocessing]
mean = 0.5
std = [0.25]

[data]
source = "digits"

[compress]
methods = ["prune", "svd", "tucker"]
keep = ["conv3"]
importance = "l1"

[compress.sections.stage1-inner]
method = ["prune", "tucker"]
ratio = { low = 0.1, high = 0.5 }

[finetune]
epochs = 2
learning_rate = { low = 1e-3, high = 1e-1, log = true }
[finetune.optimizer.sgd]
momentum = [0.8, 0.9]
[finetune.distillation]
weight = { low = 0.1, high = 1.0 }
features = 0.5

[budget]
trials = 20
"#;

/// Three convolutions of their own and a classifier, for grey images of 8x8 pixels.
pub(super) fn network() -> Model {
    let mut network = Network::new(Shape::new(1, 8, 8));
    let mut last = 0;
    for (name, from, stride) in [("conv1", 1, 1), ("conv2", 8, 1), ("conv3", 8, 2)] {
        let conv = Conv2d { bias: true, ..Conv2d::new(from, 8, 3, stride) };
        last = network.push(name, Op::Conv2d(conv), &[last]).unwrap();
        last = network.push(format!("{name}.act"), Op::Activation(Activation::ReLU), &[last]).unwrap();
    }
    last = network.push("pool", Op::GlobalAvgPool, &[last]).unwrap();
    let fc = Linear { in_features: 8, out_features: 10, bias: true };
    network.push("fc", Op::Linear(fc), &[last]).unwrap();
    let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(1));
    Model::new(export(&network, &weights, &ExportConfig::default()).unwrap()).unwrap()
}

/// A model that reads an image of those sizes, none where they are free.
pub(super) fn model(sizes: [Option<i64>; 4], metadata: &[(&str, &str)]) -> Model {
    let value = |name: &str, sizes: &[Option<i64>]| {
        let dim = sizes
            .iter()
            .map(|size| DimensionProto { value: size.map(Dimension::Value), ..Default::default() });
        let shape = Some(TensorShapeProto { dim: dim.collect() });
        let tensor = TensorTypeProto { elem_type: element::FLOAT, shape };
        let kind = TypeProto { value: Some(TypeValue::Tensor(tensor)), ..Default::default() };
        ValueInfoProto { name: name.into(), r#type: Some(kind), ..Default::default() }
    };
    let metadata = metadata
        .iter()
        .map(|(key, value)| StringStringEntryProto { key: key.to_string(), value: value.to_string() });
    let graph = GraphProto {
        input: vec![value("image", &sizes)],
        output: vec![value("logits", &[None, Some(10)])],
        ..Default::default()
    };
    Model::new(ModelProto {
        producer_name: "lightcrest".into(),
        metadata_props: metadata.collect(),
        graph: Some(graph),
        ..Default::default()
    })
    .unwrap()
}

pub(super) fn original(model: Model) -> Result<Arc<Original>, OriginalError> {
    Original::of(Path::new("model.onnx"), model).map(Arc::new)
}

pub(super) fn parse(text: &str) -> Result<CompressSpec, String> {
    parse_with(text, network())
}

pub(super) fn parse_with(text: &str, model: Model) -> Result<CompressSpec, String> {
    let open = |path: &Path| match path.to_str() {
        Some("model.onnx") => original(model.clone()).map_err(|error| error.to_string()),
        _ => Err(format!("{}: there is no such file", path.display())),
    };
    CompressSpec::parse(text, "a.toml", &open).map_err(|errors| errors.to_string())
}

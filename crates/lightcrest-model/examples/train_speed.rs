//! Our side of `cargo xtask bench train`: one JSON line of figures on standard output, one thread.
//!
//! ```text
//! train_speed list                          names of the networks
//! train_speed describe NAME JSON ONNX       the layer graph for PyTorch, the inference graph for onnxruntime
//! train_speed speed NAME                    images/s in training and inference, time at batch 1, memory;
//!                                           NAME may be an ONNX file, whose network is read
//! train_speed data FOLDER                   10,000 training and test images of Fashion-MNIST as raw bytes
//! train_speed accuracy NAME FOLDER SEED     test accuracy after 3 epochs on them
//! ```
#![allow(clippy::print_stdout)] // its output is what it is for

use std::path::Path;
use std::time::Instant;

use lightcrest_graph::network::{
    Activation, BatchNorm, ChannelConv, ChannelShuffle, Conv2d, Dropout, Linear, Network, NetworkError,
    NodeId, Op, Pool2d, PoolKind, Shape, Slice, Weights,
};
use lightcrest_graph::onnx::{self, ExportConfig, Model, NormalizeConfig, normalize_with};
use lightcrest_model::block::{Module, stage};
use lightcrest_model::data::idx;
use lightcrest_model::train::optimizer::Optimizer;
use lightcrest_model::train::{LossConfig, OptimizerConfig, Plan, PlanMode};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

const BATCH: usize = 64;
/// Images of a batch where they are larger than 64 x 64.
const LARGE_BATCH: usize = 16;
const CLASSES: usize = 10;
/// Stretches of a measurement, of which the best counts; the caller repeats the whole in rounds.
const STRETCHES: usize = 2;
const SGD: OptimizerConfig = OptimizerConfig::Sgd { momentum: 0.9, nesterov: false };

/// Arguments of a module for a number of channels and a stride.
type Arguments = fn(usize, usize) -> Value;

/// One network a module of the vocabulary: three stages of two modules on 28 x 28 images.
fn modules() -> Vec<(&'static str, &'static str, Arguments)> {
    vec![
        ("conv", "Conv", |c, s| json!([c, 3, s])),
        ("dw-conv", "DWConv", |c, s| json!([c, 3, s])),
        ("separable-conv", "SeparableConv", |c, s| json!([c, 3, s])),
        ("basic-block", "BasicBlock", |c, s| json!([c, s])),
        ("bottleneck", "Bottleneck", |c, _| json!([c])),
        ("inverted-residual-v2", "InvertedResidualv2", |c, s| json!([c, 3, s])),
        ("inverted-residual-v3", "InvertedResidualv3", |c, s| json!([5, 3, c, true, true, s])),
        ("eca-inverted-residual", "ECAInvertedResidual", |c, s| json!([c, 3, s])),
        ("mb-conv", "MBConv", |c, s| json!([3, c, s, 3])),
        ("fused-mb-conv", "FusedMBConv", |c, s| json!([3, c, s, 3])),
        ("fire", "Fire", |c, _| json!([c / 4, c / 2, c / 2])),
        ("ghost", "GhostBottleneck", |c, s| json!([3, 3, c, true, s])),
        ("shuffle-net-v2", "ShuffleNetV2", |c, s| json!([c, s])),
    ]
}

fn names() -> Vec<&'static str> {
    ["net-a", "net-b"].into_iter().chain(modules().iter().map(|m| m.0)).collect()
}

/// The network of a file, batch normalisation kept as it is in training.
fn read(file: &str) -> Result<Network, Failure> {
    let (model, _) = normalize_with(&Model::load(file)?, &NormalizeConfig { fold: false });
    Ok(Network::from_onnx(&model)?.network)
}

fn network(name: &str) -> Result<Network, Failure> {
    if name.ends_with(".onnx") {
        return read(name);
    }
    let mut network = Network::new(Shape::new(1, 28, 28));
    let last = match name {
        "net-a" => net_a(&mut network)?,
        "net-b" => net_b(&mut network)?,
        _ => {
            let list = modules();
            let (_, module, arguments) =
                list.iter().find(|m| m.0 == name).ok_or(format!("no network is called `{name}`"))?;
            let mut x = conv_norm(&mut network, "stem", 0, Conv2d::new(1, 16, 3, 1), true)?;
            for (index, (channels, stride)) in [(16, 1), (24, 2), (40, 2)].into_iter().enumerate() {
                let arguments = arguments(channels, stride);
                let positional = arguments.as_array().expect("arguments are a list");
                let module = Module::parse(module, positional, &serde_json::Map::new())?;
                x = stage(&mut network, &format!("stage{index}"), &module, 2, x)?;
                // modules without a stride
                if stride == 2 && network.shape(x).height > 28 >> index {
                    x = network.push(
                        format!("pool{index}"),
                        Op::Pool2d(Pool2d::new(PoolKind::Max, 2, 2, 0)),
                        &[x],
                    )?;
                }
            }
            x
        }
    };
    let pooled = network.push("pool", Op::GlobalAvgPool, &[last])?;
    let in_features = network.shape(pooled).channels;
    network.push(
        "linear",
        Op::Linear(Linear { in_features, out_features: CLASSES, bias: true }),
        &[pooled],
    )?;
    Ok(network)
}

fn conv_norm(
    network: &mut Network,
    path: &str,
    input: NodeId,
    conv: Conv2d,
    relu: bool,
) -> Result<NodeId, NetworkError> {
    let x = network.push(format!("{path}.conv"), Op::Conv2d(conv), &[input])?;
    let x = network.push(format!("{path}.norm"), Op::BatchNorm(BatchNorm::new(conv.out_channels)), &[x])?;
    if relu { network.push(format!("{path}.relu"), Op::Activation(Activation::ReLU), &[x]) } else { Ok(x) }
}

/// Three 3x3 convolutions, 16-32-64.
fn net_a(network: &mut Network) -> Result<NodeId, NetworkError> {
    let mut x = 0;
    for (index, (from, to)) in [(1, 16), (16, 32), (32, 64)].into_iter().enumerate() {
        x = conv_norm(network, &format!("layer{index}"), x, Conv2d::new(from, to, 3, 1), true)?;
        if index < 2 {
            x = network.push(
                format!("layer{index}.pool"),
                Op::Pool2d(Pool2d::new(PoolKind::Max, 2, 2, 0)),
                &[x],
            )?;
        }
    }
    Ok(x)
}

/// Three MBConv without squeeze-and-excite, 16-24-40, expansion 3.
fn net_b(network: &mut Network) -> Result<NodeId, NetworkError> {
    let mut x = conv_norm(network, "stem", 0, Conv2d::new(1, 16, 3, 1), true)?;
    for (index, (from, to, stride)) in [(16, 16, 1), (16, 24, 2), (24, 40, 2)].into_iter().enumerate() {
        let (path, middle) = (format!("block{index}"), 3 * from);
        let e = conv_norm(network, &format!("{path}.expand"), x, Conv2d::new(from, middle, 1, 1), true)?;
        let depthwise = Conv2d::new(middle, middle, 3, stride).with_groups(middle);
        let d = conv_norm(network, &format!("{path}.depthwise"), e, depthwise, true)?;
        let p = conv_norm(network, &format!("{path}.project"), d, Conv2d::new(middle, to, 1, 1), false)?;
        x = if stride == 1 && from == to {
            network.push(format!("{path}.add"), Op::Add, &[x, p])?
        } else {
            p
        };
    }
    Ok(x)
}

/// Best images/s of `rounds` stretches of `seconds`; `work` handles `count` images.
fn best_rate(mut work: impl FnMut(), count: usize, seconds: f64, rounds: usize) -> f64 {
    for _ in 0..3 {
        work();
    }
    let mut best = 0.0f64;
    for _ in 0..rounds {
        let (start, mut done) = (Instant::now(), 0);
        while start.elapsed().as_secs_f64() < seconds {
            work();
            done += count;
        }
        best = best.max(done as f64 / start.elapsed().as_secs_f64());
    }
    best
}

/// Largest resident memory so far, in MB; 0 where the system does not tell.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok()).map_or(0.0, |kb| kb / 1024.0)
}

fn speed(name: &str) -> Result<Value, Failure> {
    let network = network(name)?;
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let weights = Weights::init(&network, rng);
    let classes = network.output_shape().len();
    let batch = if network.input_shape().area() > 64 * 64 { LARGE_BATCH } else { BATCH };
    let images: Vec<f32> = (0..batch * network.input_shape().len())
        .map(|i| (i as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32 * 2.0 - 1.0)
        .collect();
    let targets: Vec<f32> =
        (0..batch * classes).map(|i| f32::from(u8::from(i / classes % CLASSES == i % classes))).collect();

    let before_mb = peak_mb();
    let mut plan = Plan::new(&network, &weights, batch, PlanMode::Train)?;
    let sizes: Vec<usize> = plan.parameters_mut().map(|p| p.value.len()).collect();
    let mut optimizer = Optimizer::new(SGD, 0.0, sizes.iter().copied());
    let mut gradient = vec![0.0; batch * classes];
    let train = best_rate(
        || {
            let outputs = plan.forward(&images, batch, true, rng);
            LossConfig::default().value_and_gradient(outputs, &targets, classes, &mut gradient);
            plan.backward(&gradient);
            optimizer.begin_step();
            for (index, p) in plan.parameters_mut().enumerate() {
                optimizer.update(index, 0.01, 1.0, p.decay, p.value, p.gradient);
            }
        },
        batch,
        0.5,
        STRETCHES,
    );
    let train_peak_mb = peak_mb();
    let mut plan = Plan::new(&network, &weights, batch, PlanMode::Infer)?;
    let infer = best_rate(|| _ = plan.forward(&images, batch, false, rng), batch, 0.25, STRETCHES);
    let mut plan = Plan::new(&network, &weights, 1, PlanMode::Infer)?;
    let one = &images[..network.input_shape().len()];
    let batch1 = best_rate(|| _ = plan.forward(one, 1, false, rng), 1, 0.25, STRETCHES);
    Ok(json!({
        "train_images_per_s": train,
        "infer64_images_per_s": infer,
        "batch1_us": 1e6 / batch1,
        "train_peak_mb": train_peak_mb,
        "train_added_mb": train_peak_mb - before_mb,
        "parameters": sizes.iter().sum::<usize>(),
    }))
}

/// The layer graph as JSON, one object a node with the fields that `torch_network.py` reads.
fn description(network: &Network) -> Value {
    let pool = |p: &Pool2d| json!({ "kernel": p.kernel, "stride": p.stride, "padding": p.padding.before() });
    let nodes: Vec<Value> = network
        .nodes()
        .iter()
        .map(|node| {
            let mut fields = match &node.op {
                Op::Conv2d(c) => json!({
                    "in_channels": c.in_channels, "out_channels": c.out_channels, "kernel": c.kernel,
                    "stride": c.stride, "padding": c.padding.before(), "dilation": c.dilation, "groups": c.groups,
                    "bias": c.bias,
                }),
                Op::BatchNorm(norm) => json!({ "channels": norm.channels, "epsilon": norm.epsilon }),
                Op::Pool2d(p) => pool(p),
                Op::Linear(Linear { in_features, out_features, bias }) => {
                    json!({ "in_features": in_features, "out_features": out_features, "bias": bias })
                }
                Op::Dropout(Dropout { p }) => json!({ "p": p }),
                Op::Slice(Slice { start, len }) => json!({ "start": start, "len": len }),
                Op::ChannelShuffle(ChannelShuffle { groups }) => json!({ "groups": groups }),
                Op::ChannelConv(ChannelConv { kernel }) => json!({ "kernel": kernel }),
                Op::Input(_)
                | Op::Activation(_)
                | Op::GlobalAvgPool
                | Op::Flatten
                | Op::Add
                | Op::Gate
                | Op::Concat => json!({}),
                Op::Mul
                | Op::ConvTranspose2d(_)
                | Op::Affine(_)
                | Op::LayerNorm(_)
                | Op::LocalNorm(_)
                | Op::PRelu(_)
                | Op::Gather(_)
                | Op::Pad(_)
                | Op::Upsample(_)
                | Op::PixelShuffle(_)
                | Op::GroupNorm(_)
                | Op::Interpolate(_) => unreachable!("none of the networks has one"),
            };
            let op = if matches!(node.op, Op::Conv2d(_)) { "Conv2d" } else { node.op.name() };
            fields["op"] = json!(op);
            fields["name"] = json!(node.name);
            fields["inputs"] = json!(node.inputs);
            fields
        })
        .collect();
    let shape = network.input_shape();
    json!({ "input": [shape.channels, shape.height, shape.width], "nodes": nodes, "output": network.output() })
}

fn describe(name: &str, description_file: &str, onnx_file: &str) -> Result<(), Failure> {
    let network = network(name)?;
    std::fs::write(description_file, description(&network).to_string())?;
    let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(0));
    onnx::save(&network, &weights, &ExportConfig::default(), Path::new(onnx_file))?;
    Ok(())
}

/// Images of a part of the accuracy comparison.
const IMAGES: usize = 10_000;

fn data(folder: &str) -> Result<(), Failure> {
    let source = idx::fashion_mnist(Path::new(idx::FASHION_MNIST_FOLDER))?;
    let test = source.test.ok_or("Fashion-MNIST has a test split")?;
    for (part, set) in [("train", source.train), ("test", test)] {
        let images: Vec<u8> = (0..IMAGES).flat_map(|i| set.image(i).to_vec()).collect();
        let labels: Vec<u8> = set.labels()[..IMAGES].iter().map(|&l| l as u8).collect();
        std::fs::write(Path::new(folder).join(format!("{part}_images.u8")), images)?;
        std::fs::write(Path::new(folder).join(format!("{part}_labels.u8")), labels)?;
    }
    Ok(())
}

/// SGD 0.05 with momentum 0.9, cosine schedule, batch 64: the same as `train_speed.py`.
fn accuracy(name: &str, folder: &str, seed: u64) -> Result<Value, Failure> {
    let read = |file: &str| std::fs::read(Path::new(folder).join(file));
    let images = |file: &str| -> Result<Vec<f32>, Failure> {
        Ok(read(file)?.iter().map(|&v| (f32::from(v) / 255.0 - 0.2860) / 0.3530).collect())
    };
    let (x, y) = (images("train_images.u8")?, read("train_labels.u8")?);
    let (x_test, y_test) = (images("test_images.u8")?, read("test_labels.u8")?);
    let network = network(name)?;
    let pixels = network.input_shape().len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let weights = Weights::init(&network, &mut rng);
    let mut plan = Plan::new(&network, &weights, BATCH, PlanMode::Train)?;
    let sizes: Vec<usize> = plan.parameters_mut().map(|p| p.value.len()).collect();
    let mut optimizer = Optimizer::new(SGD, 0.0, sizes);
    let (steps, mut step) = (3 * (IMAGES / BATCH), 0);
    let (mut batch, mut gradient) = (vec![0.0; BATCH * pixels], vec![0.0; BATCH * CLASSES]);
    let mut order: Vec<usize> = (0..IMAGES).collect();
    for _ in 0..3 {
        order.shuffle(&mut rng);
        for chosen in order.chunks_exact(BATCH) {
            let mut targets = vec![0.0; BATCH * CLASSES];
            for (i, &image) in chosen.iter().enumerate() {
                batch[i * pixels..][..pixels].copy_from_slice(&x[image * pixels..][..pixels]);
                targets[i * CLASSES + usize::from(y[image])] = 1.0;
            }
            let rate = 0.025 * (1.0 + (std::f64::consts::PI * f64::from(step) / steps as f64).cos());
            step += 1;
            let outputs = plan.forward(&batch, BATCH, true, &mut rng);
            LossConfig::default().value_and_gradient(outputs, &targets, CLASSES, &mut gradient);
            plan.backward(&gradient);
            optimizer.begin_step();
            for (index, p) in plan.parameters_mut().enumerate() {
                optimizer.update(index, rate, 1.0, p.decay, p.value, p.gradient);
            }
        }
    }
    let mut plan = Plan::new(&network, &plan.weights(), BATCH, PlanMode::Infer)?;
    let mut hits = 0;
    for (images, labels) in x_test.chunks(BATCH * pixels).zip(y_test.chunks(BATCH)) {
        let outputs = plan.forward(images, labels.len(), false, &mut rng);
        for (row, &label) in outputs.chunks_exact(CLASSES).zip(labels) {
            let best = (0..CLASSES).max_by(|&a, &b| row[a].total_cmp(&row[b]));
            hits += usize::from(best == Some(usize::from(label)));
        }
    }
    Ok(json!({ "accuracy": hits as f64 / IMAGES as f64 }))
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => println!("{}", names().join("\n")),
        ["describe", name, json, onnx] => describe(name, json, onnx)?,
        ["speed", name] => println!("{}", speed(name)?),
        ["data", folder] => data(folder)?,
        ["accuracy", name, folder, seed] => println!("{}", accuracy(name, folder, seed.parse()?)?),
        _ => {
            return Err(
                "usage: train_speed list | describe | speed | data | accuracy, see the head of the file"
                    .into(),
            );
        }
    }
    Ok(())
}

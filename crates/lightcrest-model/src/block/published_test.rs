//! Published networks, built from the vocabulary, against the figures of their authors.
//!
//! The CIFAR-10 figures (parameters / MACs in millions) are those of
//! github.com/chenyaofo/pytorch-cifar-models: ResNet-20 0.27 / 40.8, ResNet-56 0.86 / 125.8, MobileNetV2 x0.5
//! 0.70 / 28.0, ShuffleNetV2 x0.5 0.35 / 10.9.

use lightcrest_graph::network::{Network, NodeId, Shape};
use serde_json::{Map, Value, json};

use super::{Module, make_divisible, stage};

struct Builder {
    network: Network,
    last: NodeId,
    count: usize,
}

impl Builder {
    fn new(input: Shape) -> Self {
        Self { network: Network::new(input), last: 0, count: 0 }
    }

    fn add(&mut self, repeat: usize, name: &str, arguments: Value) {
        let module = Module::parse(name, arguments.as_array().unwrap(), &Map::new()).unwrap();
        let path = format!("stage{}", self.count);
        self.last = stage(&mut self.network, &path, &module, repeat, self.last).unwrap();
        self.count += 1;
    }

    /// Compares millions of parameters and MACs with printed figures, to their last digit (0.01 and 0.1).
    fn check(&mut self, classes: usize, parameters: f64, macs: f64) {
        self.add(1, "GlobalAvgPool", json!([]));
        self.add(1, "Linear", json!([classes]));
        let cost = self.network.cost();
        assert!((cost.parameters as f64 / 1e6 - parameters).abs() < 0.0051, "{cost:?}");
        assert!((cost.macs as f64 / 1e6 - macs).abs() < 0.0551, "{cost:?}");
    }
}

fn resnet(blocks: usize) -> Builder {
    let mut b = Builder::new(Shape::new(3, 32, 32));
    b.add(1, "Conv", json!([16, 3]));
    b.add(blocks, "BasicBlock", json!([16]));
    b.add(blocks, "BasicBlock", json!([32, 2]));
    b.add(blocks, "BasicBlock", json!([64, 2]));
    b
}

#[test]
fn resnet_20_on_cifar() {
    let mut b = resnet(3);
    b.check(10, 0.27, 40.8);
    // Counted by hand: 40,550,400 in the 3x3 convolutions, 262,144 in the two shortcuts, 640 in the
    // classifier.
    assert_eq!(b.network.cost().macs, 40_550_400 + 262_144 + 640);
}

#[test]
fn resnet_56_on_cifar() {
    resnet(9).check(10, 0.86, 125.8);
}

/// The strides that give the published figure: 1 in the stem and in the second stage (2 and 2 on ImageNet), 2
/// in the third, fourth and sixth, so that 32x32 ends as 4x4.
#[test]
fn mobilenet_v2_half_on_cifar() {
    let width = |channels: usize| make_divisible(channels as f64 * 0.5, 8);
    let mut b = Builder::new(Shape::new(3, 32, 32));
    b.add(1, "Conv", json!([width(32), 3, 1, null, 1, "ReLU6"]));
    for (t, c, n, s) in [
        (1, 16, 1, 1),
        (6, 24, 2, 1),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ] {
        b.add(n, "InvertedResidualv2", json!([width(c), t, s]));
    }
    b.add(1, "Conv", json!([1280, 1, 1, null, 1, "ReLU6"]));
    b.add(1, "Dropout", json!([0.2]));
    b.check(10, 0.70, 28.0);
}

/// A stem of stride 1 without the max pooling of the ImageNet network.
#[test]
fn shufflenet_v2_half_on_cifar() {
    let mut b = Builder::new(Shape::new(3, 32, 32));
    b.add(1, "Conv", json!([24, 3]));
    for (channels, repeat) in [(48, 4), (96, 8), (192, 4)] {
        b.add(repeat, "ShuffleNetV2", json!([channels, 2]));
    }
    b.add(1, "Conv", json!([1024, 1]));
    b.check(10, 0.35, 10.9);
}

/// torchvision's table: 2,542,856 parameters, 56.5 M MACs (Howard et al. 2019: 56 M).
#[test]
fn mobilenet_v3_small_on_imagenet() {
    let mut b = Builder::new(Shape::new(3, 224, 224));
    b.add(1, "Conv", json!([16, 3, 2, null, 1, "Hardswish"]));
    // kernel, hidden channels, out, squeeze-excite, h-swish, stride
    let rows = [
        (3, 16, 16, 1, 0, 2),
        (3, 72, 24, 0, 0, 2),
        (3, 88, 24, 0, 0, 1),
        (5, 96, 40, 1, 1, 2),
        (5, 240, 40, 1, 1, 1),
        (5, 240, 40, 1, 1, 1),
        (5, 120, 48, 1, 1, 1),
        (5, 144, 48, 1, 1, 1),
        (5, 288, 96, 1, 1, 2),
        (5, 576, 96, 1, 1, 1),
        (5, 576, 96, 1, 1, 1),
    ];
    for (kernel, hidden, out, se, hs, stride) in rows {
        let expansion = f64::from(hidden) / b.network.shape(b.last).channels as f64;
        b.add(1, "InvertedResidualv3", json!([kernel, expansion, out, se, hs, stride]));
    }
    b.add(1, "Conv", json!([576, 1, 1, null, 1, "Hardswish"]));
    b.add(1, "GlobalAvgPool", json!([]));
    b.add(1, "Linear", json!([1024, "Hardswish"]));
    b.add(1, "Linear", json!([1000]));
    assert_eq!(b.network.cost().parameters, 2_542_856);
    assert_eq!(b.network.cost().macs / 100_000, 565);
}

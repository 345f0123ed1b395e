//! Networks that together use every operator and every module: what the ONNX checks run on.

use lightcrest_graph::network::{
    Activation, BatchNorm, ChannelConv, ChannelShuffle, Conv2d, Dropout, Linear, Network, NodeId, Op,
    Padding, Pool2d, PoolKind, Shape, Slice,
};
use lightcrest_model::block::{Module, stage};

/// A network under construction.
struct Case {
    network: Network,
}

impl Case {
    fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { network: Network::new(Shape::new(channels, height, width)) }
    }

    fn push(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        self.network.push(name, op, inputs).expect("the case is well formed")
    }
}

/// Every case with its name.
pub(crate) fn cases() -> Vec<(String, Network)> {
    let mut list: Vec<(String, Network)> =
        Module::NAMES.iter().map(|name| (name.to_string(), module(name))).collect();
    for (name, network) in [
        ("convolutions", convolutions()),
        ("activations", activations()),
        ("normalisations", normalisations()),
        ("pools", pools()),
        ("branches", branches()),
        ("vectors", vectors()),
        ("map-output", map_output()),
        ("identity", Network::new(Shape::new(2, 3, 4))),
    ] {
        list.push((name.to_string(), network));
    }
    list
}

/// Two repetitions of a module's example between a stem and a classifier.
fn module(name: &str) -> Network {
    let mut case = Case::new(3, 12, 12);
    let stem = Module::example("Conv").expect("known");
    let mut x = stage(&mut case.network, "stem", &stem, 1, 0).expect("fits");
    if name == "Linear" {
        x = case.push("pool", Op::GlobalAvgPool, &[x]);
    }
    let module = Module::example(name).expect("known");
    x = stage(&mut case.network, "stage", &module, 2, x).expect("fits");
    let x = case.push("gap", Op::GlobalAvgPool, &[x]);
    let in_features = case.network.shape(x).channels;
    case.push("classifier", Op::Linear(Linear { in_features, out_features: 5, bias: true }), &[x]);
    case.network
}

/// Rectangular, strided, dilated, padded, grouped, with and without bias.
fn convolutions() -> Network {
    let mut case = Case::new(4, 13, 9);
    let conv = Conv2d {
        in_channels: 4,
        out_channels: 6,
        kernel: (3, 2),
        stride: (2, 1),
        padding: (2, 1).into(),
        dilation: (2, 3),
        groups: 2,
        bias: true,
    };
    let a = case.push("a", Op::Conv2d(conv), &[0]);
    let b = case.push("b", Op::Conv2d(Conv2d::new(6, 6, 5, 1).with_groups(6)), &[a]);
    let c = case.push("c", Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(6, 3, 1, 2) }), &[b]);
    case.push("flatten", Op::Flatten, &[c]);
    case.network
}

fn activations() -> Network {
    let mut case = Case::new(2, 6, 6);
    let kinds = [
        Activation::ReLU,
        Activation::ReLU6,
        Activation::Hardswish,
        Activation::Hardsigmoid,
        Activation::Swish,
        Activation::Sigmoid,
    ];
    let scale = case.push("scale", Op::BatchNorm(BatchNorm::new(2)), &[0]);
    let wide = case.push("wide", Op::Add, &[scale, scale, scale, scale]);
    let outputs = kinds.map(|kind| case.push(&format!("{kind:?}"), Op::Activation(kind), &[wide]));
    case.push("concat", Op::Concat, &outputs);
    case.network
}

/// A normalisation without a convolution before it, one whose convolution is read twice, one on a vector.
fn normalisations() -> Network {
    let mut case = Case::new(3, 6, 6);
    let a = case.push("a", Op::BatchNorm(BatchNorm::new(3)), &[0]);
    let conv = case.push("conv", Op::Conv2d(Conv2d::new(3, 4, 3, 1)), &[a]);
    let b = case.push("b", Op::BatchNorm(BatchNorm::new(4)), &[conv]);
    let sum = case.push("sum", Op::Add, &[conv, b]);
    let x = case.push("flatten", Op::Flatten, &[sum]);
    let x = case.push("linear", Op::Linear(Linear { in_features: 144, out_features: 7, bias: false }), &[x]);
    let x = case.push("c", Op::BatchNorm(BatchNorm::new(7)), &[x]);
    let x = case.push("act", Op::Activation(Activation::ReLU), &[x]);
    case.push("d", Op::BatchNorm(BatchNorm::new(7)), &[x]);
    case.network
}

/// Windows that overlap, leave a rest and reach into the padding.
fn pools() -> Network {
    let mut case = Case::new(2, 11, 8);
    let window = |kind, kernel, stride, padding| {
        Op::Pool2d(Pool2d { kernel, stride, padding: Padding::from(padding), ..Pool2d::new(kind, 1, 1, 0) })
    };
    let a = case.push("max", window(PoolKind::Max, (3, 2), (2, 1), (1, 1)), &[0]);
    let b = case.push("average", window(PoolKind::Average, (3, 4), (2, 3), (1, 2)), &[a]);
    case.push("flatten", Op::Flatten, &[b]);
    case.network
}

/// Slices, shuffles, sums, gates and a convolution across channels.
fn branches() -> Network {
    let mut case = Case::new(12, 5, 4);
    let a = case.push("first", Op::Slice(Slice { start: 0, len: 3 }), &[0]);
    let b = case.push("rest", Op::Slice(Slice { start: 3, len: 9 }), &[0]);
    let x = case.push("concat", Op::Concat, &[b, a]);
    let x = case.push("shuffle3", Op::ChannelShuffle(ChannelShuffle { groups: 3 }), &[x]);
    let x = case.push("sum", Op::Add, &[x, 0, x]);
    let pool = case.push("pool", Op::GlobalAvgPool, &[x]);
    let gate = case.push("across", Op::ChannelConv(ChannelConv { kernel: 5 }), &[pool]);
    let gate = case.push("gate", Op::Activation(Activation::Sigmoid), &[gate]);
    let x = case.push("scale", Op::Gate, &[x, gate]);
    let x = case.push("shuffle2", Op::ChannelShuffle(ChannelShuffle { groups: 2 }), &[x]);
    case.push("flatten", Op::Flatten, &[x]);
    case.network
}

/// Vectors that meet maps: every place where a rank must change.
fn vectors() -> Network {
    let mut case = Case::new(4, 3, 3);
    let linear = |in_features, out_features, bias| Op::Linear(Linear { in_features, out_features, bias });
    let pool = case.push("pool", Op::GlobalAvgPool, &[0]);
    let small = case.push("reduce", linear(4, 2, false), &[pool]);
    let gate = case.push("expand", linear(2, 4, true), &[small]);
    let x = case.push("gated", Op::Gate, &[0, gate]);
    let mean = case.push("mean", Op::GlobalAvgPool, &[x]);
    let sum = case.push("sum", Op::Add, &[gate, mean, gate]);
    let both = case.push("both", Op::Concat, &[gate, sum]);
    let map = case.push("conv", Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(8, 6, 1, 1) }), &[both]);
    let vector = case.push("linear", linear(6, 6, true), &[map]);
    let x = case.push("conv2", Op::Conv2d(Conv2d::new(6, 6, 3, 1)), &[vector]);
    let flat = case.push("flat", Op::Flatten, &[x]);
    let again = case.push("again", Op::Flatten, &[flat]);
    let shuffled = case.push("shuffle", Op::ChannelShuffle(ChannelShuffle { groups: 3 }), &[again]);
    let across = case.push("across", Op::ChannelConv(ChannelConv { kernel: 3 }), &[again]);
    let pooled = case.push("pooled", Op::GlobalAvgPool, &[again]);
    let sliced = case.push("slice", Op::Slice(Slice { start: 1, len: 4 }), &[again]);
    let x = case.push("concat", Op::Concat, &[shuffled, across, pooled, sliced]);
    let x = case.push("dropout", Op::Dropout(Dropout { p: 0.5 }), &[x]);
    let y = case.push("tail", linear(22, 4, true), &[x]);
    let product = case.push("product", Op::Gate, &[y, gate]);
    case.push("dropout2", Op::Dropout(Dropout { p: 0.5 }), &[product]);
    case.network
}

fn map_output() -> Network {
    let mut case = Case::new(2, 5, 5);
    let a = case.push("conv", Op::Conv2d(Conv2d::new(2, 2, 3, 1)), &[0]);
    let b = case.push("add", Op::Add, &[a, 0]);
    case.push("dropout", Op::Dropout(Dropout { p: 0.1 }), &[b]);
    case.network
}

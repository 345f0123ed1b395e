//! A network for tests that has every operator.

use rand::SeedableRng;

use crate::network::{
    Activation, BatchNorm, ChannelConv, ChannelShuffle, Conv2d, Dropout, Linear, Network, NodeId, Op, Pool2d,
    PoolKind, Shape, Slice, Weights,
};

/// Convolution, batch normalisation, activation.
fn conv(network: &mut Network, name: &str, conv: Conv2d, activation: Activation, input: NodeId) -> NodeId {
    let mut push = |part: &str, op, input| network.push(format!("{name}.{part}"), op, &[input]).unwrap();
    let x = push("conv", Op::Conv2d(conv), input);
    let x = push("bn", Op::BatchNorm(BatchNorm::new(conv.out_channels)), x);
    push("activation", Op::Activation(activation), x)
}

/// A classifier of colour images, 16x16, in four classes.
pub(crate) fn classifier() -> Network {
    use Activation::{Hardsigmoid, Hardswish, ReLU, ReLU6, Sigmoid, Swish};
    let mut n = Network::new(Shape::new(3, 16, 16));
    let stem = conv(&mut n, "stem", Conv2d::new(3, 8, 3, 2), ReLU, 0);
    let x = conv(&mut n, "depthwise", Conv2d::new(8, 8, 3, 1).with_groups(8), Hardswish, stem);
    // squeeze and excite
    let s = n.push("squeeze", Op::GlobalAvgPool, &[x]).unwrap();
    let s = n.push("reduce", Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(8, 2, 1, 1) }), &[s]).unwrap();
    let s = n.push("between", Op::Activation(Swish), &[s]).unwrap();
    let s = n.push("expand", Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(2, 8, 1, 1) }), &[s]).unwrap();
    let s = n.push("gate", Op::Activation(Hardsigmoid), &[s]).unwrap();
    let x = n.push("excite", Op::Gate, &[x, s]).unwrap();
    let x = n.push("residual", Op::Add, &[stem, x]).unwrap();
    // two branches, shuffled
    let left = n.push("left", Op::Slice(Slice { start: 0, len: 4 }), &[x]).unwrap();
    let right = n.push("right", Op::Slice(Slice { start: 4, len: 4 }), &[x]).unwrap();
    let right = conv(&mut n, "branch", Conv2d::new(4, 4, 3, 1).with_groups(2), ReLU6, right);
    let x = n.push("concat", Op::Concat, &[left, right]).unwrap();
    let x = n.push("shuffle", Op::ChannelShuffle(ChannelShuffle { groups: 2 }), &[x]).unwrap();
    // efficient channel attention
    let s = n.push("pooled", Op::GlobalAvgPool, &[x]).unwrap();
    let s = n.push("across", Op::ChannelConv(ChannelConv { kernel: 3 }), &[s]).unwrap();
    let s = n.push("sigmoid", Op::Activation(Sigmoid), &[s]).unwrap();
    let x = n.push("attend", Op::Gate, &[x, s]).unwrap();
    let window = |kind| Op::Pool2d(Pool2d::new(kind, 2, 2, 0));
    let x = n.push("max", window(PoolKind::Max), &[x]).unwrap();
    let x = n.push("average", window(PoolKind::Average), &[x]).unwrap();
    let x = n.push("flatten", Op::Flatten, &[x]).unwrap();
    let x = n.push("dropout", Op::Dropout(Dropout { p: 0.1 }), &[x]).unwrap();
    n.push("linear", Op::Linear(Linear { in_features: 32, out_features: 4, bias: true }), &[x]).unwrap();
    n
}

/// Weights of `network` as after some training.
pub(crate) fn weights(network: &Network) -> Weights {
    Weights::random(network, &mut rand_chacha::ChaCha8Rng::seed_from_u64(3))
}

//! Small networks that together hold every operator, in the combinations that plans treat apart.

use lightcrest_graph::network::{
    Activation, Affine, Alignment, BatchNorm, ChannelConv, ChannelShuffle, Conv2d, ConvTranspose2d, Dropout,
    Gather, GroupNorm, Interpolate, LayerNorm, Linear, LocalNorm, Network, NodeId, Op, PRelu, Pad, Padding,
    PixelShuffle, Pool2d, PoolKind, Shape, Slice, Upsample,
};

/// Pushes layers under numbered names.
struct Maker {
    network: Network,
    count: usize,
}

impl Maker {
    fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { network: Network::new(Shape::new(channels, height, width)), count: 0 }
    }

    fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.count += 1;
        let name = format!("{}{}", if matches!(op, Op::BatchNorm(_)) { "norm" } else { "n" }, self.count);
        self.network.push(name, op, inputs).unwrap()
    }

    fn channels(&self, id: NodeId) -> usize {
        self.network.shape(id).channels
    }

    fn conv(&mut self, x: NodeId, out: usize, kernel: usize, stride: usize) -> NodeId {
        let conv = Conv2d::new(self.channels(x), out, kernel, stride);
        self.push(Op::Conv2d(conv), &[x])
    }

    fn depthwise(&mut self, x: NodeId, kernel: usize, stride: usize) -> NodeId {
        let c = self.channels(x);
        self.push(Op::Conv2d(Conv2d::new(c, c, kernel, stride).with_groups(c)), &[x])
    }

    fn norm(&mut self, x: NodeId) -> NodeId {
        let channels = self.channels(x);
        self.push(Op::BatchNorm(BatchNorm::new(channels)), &[x])
    }

    fn act(&mut self, x: NodeId, activation: Activation) -> NodeId {
        self.push(Op::Activation(activation), &[x])
    }

    fn head(mut self, x: NodeId) -> Network {
        let pooled = self.push(Op::GlobalAvgPool, &[x]);
        let in_features = self.channels(pooled);
        self.push(Op::Linear(Linear { in_features, out_features: 3, bias: true }), &[pooled]);
        self.network
    }
}

fn pool(kind: PoolKind, kernel: usize, stride: usize, padding: usize) -> Op {
    Op::Pool2d(Pool2d::new(kind, kernel, stride, padding))
}

pub(super) fn all() -> Vec<(&'static str, Network)> {
    vec![
        ("plain", plain()),
        ("odd convolutions", odd_convolutions()),
        ("groups", groups()),
        ("strides", strides()),
        ("residual", residual()),
        ("squeeze and excite", squeeze_excite()),
        ("shuffle unit", shuffle_unit()),
        ("ghost", ghost()),
        ("pools", pools()),
        ("flatten", flatten()),
        ("norm first", norm_first()),
        ("bare activations", bare_activations()),
        ("a map as output", map_output()),
        ("wide", wide()),
        ("read activations", read_activations()),
        ("uneven padding", uneven_padding()),
        ("transposed", transposed()),
        ("read norms", read_norms()),
        ("groups of channels", group_norms()),
        ("interpolated", interpolated()),
        ("moved", moved()),
        ("products", products()),
        ("frozen", frozen()),
    ]
}

fn plain() -> Network {
    let mut m = Maker::new(1, 8, 8);
    let x = m.conv(0, 6, 3, 1);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU);
    let x = m.push(pool(PoolKind::Max, 2, 2, 0), &[x]);
    let x = m.conv(x, 20, 3, 1);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU6);
    m.head(x)
}

fn odd_convolutions() -> Network {
    let mut m = Maker::new(3, 9, 7);
    let first = Conv2d { kernel: (3, 5), padding: (0, 2).into(), bias: true, ..Conv2d::new(3, 5, 3, 1) };
    let x = m.push(Op::Conv2d(first), &[0]);
    let x = m.act(x, Activation::Swish);
    let second =
        Conv2d { dilation: (2, 1), padding: (2, 3).into(), stride: (1, 2), ..Conv2d::new(5, 17, 3, 1) };
    let x = m.push(Op::Conv2d(second), &[x]);
    let x = m.norm(x);
    let x = m.act(x, Activation::Hardswish);
    // padding beyond the reach of the kernel
    let third = Conv2d { padding: (2, 1).into(), bias: true, ..Conv2d::new(17, 4, 1, 1) };
    let x = m.push(Op::Conv2d(third), &[x]);
    m.head(x)
}

fn groups() -> Network {
    let mut m = Maker::new(2, 6, 6);
    let x = m.conv(0, 12, 3, 1);
    let grouped = Conv2d { bias: true, ..Conv2d::new(12, 18, 3, 2).with_groups(3) };
    let x = m.push(Op::Conv2d(grouped), &[x]);
    let x = m.act(x, Activation::ReLU);
    // one input, two outputs a group
    let x = m.push(Op::Conv2d(Conv2d::new(18, 36, 3, 1).with_groups(18)), &[x]);
    let x = m.norm(x);
    // groups that are joined, and their gradient added to another
    let a = m.push(Op::Conv2d(Conv2d::new(36, 24, 3, 1).with_groups(12)), &[x]);
    let b = m.push(Op::Conv2d(Conv2d::new(36, 24, 1, 1).with_groups(4)), &[x]);
    let x = m.push(Op::Add, &[a, b]);
    m.head(x)
}

fn strides() -> Network {
    let mut m = Maker::new(3, 11, 10);
    let x = m.conv(0, 8, 3, 2);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU);
    let x = m.depthwise(x, 5, 2);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU);
    // a stride larger than the kernel leaves inputs unread
    let a = m.conv(x, 10, 1, 2);
    let b = m.conv(x, 10, 3, 2);
    let x = m.push(Op::Add, &[a, b]);
    m.head(x)
}

fn residual() -> Network {
    let mut m = Maker::new(1, 6, 6);
    let x = m.conv(0, 8, 3, 1);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU);
    let mut y = x;
    for _ in 0..2 {
        let e = m.conv(y, 24, 1, 1);
        let e = m.norm(e);
        let e = m.act(e, Activation::ReLU6);
        let d = m.depthwise(e, 3, 1);
        let d = m.norm(d);
        let d = m.act(d, Activation::ReLU6);
        let p = m.conv(d, 8, 1, 1);
        let p = m.norm(p);
        y = m.push(Op::Add, &[y, p]);
    }
    let x = m.push(Op::Add, &[x, y, x]);
    let x = m.conv(x, 5, 3, 1);
    m.head(x)
}

fn squeeze_excite() -> Network {
    let mut m = Maker::new(2, 6, 5);
    let x = m.conv(0, 18, 3, 1);
    let x = m.norm(x);
    let x = m.act(x, Activation::Hardswish);
    let squeezed = m.push(Op::GlobalAvgPool, &[x]);
    let down = m.push(Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(18, 4, 1, 1) }), &[squeezed]);
    let down = m.act(down, Activation::ReLU);
    let up = m.push(Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(4, 18, 1, 1) }), &[down]);
    let gate = m.act(up, Activation::Hardsigmoid);
    let x = m.push(Op::Gate, &[x, gate]);
    let x = m.conv(x, 9, 1, 1);
    let x = m.norm(x);
    // channel attention (ECA)
    let squeezed = m.push(Op::GlobalAvgPool, &[x]);
    let mixed = m.push(Op::ChannelConv(ChannelConv { kernel: 3 }), &[squeezed]);
    let gate = m.act(mixed, Activation::Sigmoid);
    let x = m.push(Op::Gate, &[x, gate]);
    m.head(x)
}

fn shuffle_unit() -> Network {
    let mut m = Maker::new(1, 6, 6);
    let mut x = m.conv(0, 20, 3, 1);
    for _ in 0..2 {
        let left = m.push(Op::Slice(Slice { start: 0, len: 10 }), &[x]);
        let right = m.push(Op::Slice(Slice { start: 10, len: 10 }), &[x]);
        let r = m.conv(right, 10, 1, 1);
        let r = m.norm(r);
        let r = m.act(r, Activation::ReLU);
        let r = m.depthwise(r, 3, 1);
        let r = m.norm(r);
        let joined = m.push(Op::Concat, &[left, r]);
        x = m.push(Op::ChannelShuffle(ChannelShuffle { groups: 2 }), &[joined]);
    }
    let x = m.push(Op::ChannelShuffle(ChannelShuffle { groups: 5 }), &[x]);
    let x = m.conv(x, 6, 1, 1);
    m.head(x)
}

fn ghost() -> Network {
    let mut m = Maker::new(3, 5, 5);
    let p = m.conv(0, 9, 1, 1);
    let p = m.norm(p);
    let p = m.act(p, Activation::ReLU);
    let c = m.depthwise(p, 3, 1);
    let c = m.norm(c);
    let c = m.act(c, Activation::ReLU);
    let x = m.push(Op::Concat, &[p, c, p]);
    let x = m.conv(x, 7, 3, 2);
    m.head(x)
}

fn pools() -> Network {
    let mut m = Maker::new(2, 9, 9);
    let x = m.conv(0, 7, 3, 1);
    let a = m.push(pool(PoolKind::Max, 3, 2, 1), &[x]);
    let b = m.push(pool(PoolKind::Average, 3, 2, 1), &[x]);
    let x = m.push(Op::Add, &[a, b]);
    let x = m.push(pool(PoolKind::Average, 2, 2, 0), &[x]);
    let x = m.conv(x, 4, 1, 1);
    m.head(x)
}

fn flatten() -> Network {
    let mut m = Maker::new(1, 4, 5);
    let x = m.conv(0, 5, 3, 1);
    let x = m.act(x, Activation::Sigmoid);
    let x = m.push(Op::Flatten, &[x]);
    let x = m.push(Op::Linear(Linear { in_features: 100, out_features: 11, bias: false }), &[x]);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU);
    let x = m.push(Op::Dropout(Dropout { p: 0.3 }), &[x]);
    m.push(Op::Linear(Linear { in_features: 11, out_features: 4, bias: true }), &[x]);
    m.network
}

fn norm_first() -> Network {
    let mut m = Maker::new(3, 5, 5);
    let x = m.norm(0);
    let x = m.act(x, Activation::ReLU);
    let x = m.conv(x, 6, 3, 1);
    let y = m.norm(x);
    // a norm that two layers read is not fused
    let a = m.act(y, Activation::Swish);
    let x = m.push(Op::Add, &[y, a]);
    let x = m.act(x, Activation::Hardswish);
    let x = m.norm(x);
    let x = m.conv(x, 4, 1, 1);
    m.head(x)
}

fn bare_activations() -> Network {
    let mut m = Maker::new(2, 4, 4);
    let mut x = 0;
    for activation in [
        Activation::ReLU,
        Activation::ReLU6,
        Activation::Hardswish,
        Activation::Hardsigmoid,
        Activation::Swish,
        Activation::Sigmoid,
    ] {
        x = m.push(Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(m.channels(x), 5, 3, 1) }), &[x]);
        x = m.act(x, activation);
        x = m.depthwise(x, 3, 1);
        x = m.act(x, activation);
    }
    m.head(x)
}

fn map_output() -> Network {
    let mut m = Maker::new(2, 4, 3);
    let x = m.conv(0, 5, 3, 1);
    let x = m.norm(x);
    m.act(x, Activation::Swish);
    m.network
}

/// More output vectors and longer rows than a register tile holds.
fn wide() -> Network {
    let mut m = Maker::new(1, 3, 37);
    let x = m.conv(0, 85, 3, 1);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU);
    let x = m.conv(x, 70, 1, 1);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU);
    m.head(x)
}

/// What only networks that were read have, each in a branch of its own, so that no gradient vanishes.
fn read_activations() -> Network {
    let mut m = Maker::new(2, 4, 4);
    let mut branches = vec![];
    for activation in [
        Activation::LeakyReLU { slope: 0.1 },
        Activation::Elu { alpha: 0.7 },
        Activation::Clip { low: -0.3, high: 0.9 },
        Activation::Ramp { slope: 0.2, offset: 0.5 },
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Erf,
        Activation::Tanh,
        Activation::Softplus,
    ] {
        let x = m.conv(0, 3, 3, 1);
        let x = m.act(x, activation);
        let x = m.depthwise(x, 3, 1);
        branches.push(m.act(x, activation));
    }
    let x = m.push(Op::Concat, &branches);
    let x = m.conv(x, 6, 3, 1);
    // not fused with the norm
    let x = m.norm(x);
    let x = m.act(x, Activation::Gelu);
    let x = m.push(Op::PRelu(PRelu { slopes: 6 }), &[x]);
    let x = m.conv(x, 6, 1, 1);
    let x = m.push(Op::PRelu(PRelu { slopes: 1 }), &[x]);
    m.head(x)
}

/// Padding that differs from side to side, and windows that reach beyond it.
fn uneven_padding() -> Network {
    let mut m = Maker::new(3, 8, 9);
    let padding = Padding { top: 0, left: 0, bottom: 1, right: 2 };
    let x = m.push(Op::Conv2d(Conv2d { padding, ..Conv2d::new(3, 6, 3, 2) }), &[0]);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU6);
    let padding = Padding { top: 2, left: 1, bottom: 0, right: 3 };
    let x = m.push(Op::Conv2d(Conv2d { padding, ..Conv2d::new(6, 6, 3, 1).with_groups(6) }), &[x]);
    let ceil = |kind, padding, count_padding| {
        Op::Pool2d(Pool2d { padding, ceil: true, count_padding, ..Pool2d::new(kind, 3, 2, 0) })
    };
    let a = m.push(ceil(PoolKind::Max, (1, 0).into(), true), &[x]);
    let b = m.push(ceil(PoolKind::Average, (1, 0).into(), false), &[x]);
    let c = m.push(ceil(PoolKind::Average, (1, 0).into(), true), &[x]);
    let x = m.push(Op::Add, &[a, b, c]);
    let padding = Padding { top: 0, left: 1, bottom: 1, right: 0 };
    let x = m.push(
        Op::Pool2d(Pool2d { padding, count_padding: false, ..Pool2d::new(PoolKind::Average, 2, 1, 0) }),
        &[x],
    );
    m.head(x)
}

fn transposed() -> Network {
    let mut m = Maker::new(2, 4, 3);
    let x = m.conv(0, 6, 3, 1);
    let up = ConvTranspose2d {
        in_channels: 6,
        out_channels: 9,
        kernel: (3, 2),
        stride: (2, 3),
        padding: Padding { top: 1, left: 0, bottom: 0, right: 1 },
        output_padding: (1, 2),
        dilation: (1, 1),
        groups: 3,
        // a bias before a norm has no gradient but rounding
        bias: false,
    };
    let x = m.push(Op::ConvTranspose2d(up), &[x]);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU);
    let deep =
        ConvTranspose2d { in_channels: 9, out_channels: 9, groups: 9, dilation: (2, 1), bias: true, ..up };
    let x = m.push(Op::ConvTranspose2d(deep), &[x]);
    let last = ConvTranspose2d {
        in_channels: 9,
        out_channels: 17,
        groups: 1,
        stride: (1, 1),
        output_padding: (0, 0),
        bias: false,
        ..up
    };
    let x = m.push(Op::ConvTranspose2d(last), &[x]);
    m.head(x)
}

fn read_norms() -> Network {
    let mut m = Maker::new(3, 5, 4);
    let constant = Affine { channels: 3, weight: true, bias: true, trained: false };
    let x = m.push(Op::Affine(constant), &[0]);
    let x = m.conv(x, 21, 3, 1);
    let x = m.push(Op::BatchNorm(BatchNorm { epsilon: 1e-2, momentum: 0.3, ..BatchNorm::new(21) }), &[x]);
    let x = m.push(Op::LocalNorm(LocalNorm { size: 5, alpha: 0.3, beta: 0.75, offset: 1.2 }), &[x]);
    let x = m.push(Op::LayerNorm(LayerNorm { channels: 21, epsilon: 1e-3, bias: true }), &[x]);
    let y = m.conv(x, 21, 1, 1);
    let scale = Affine { channels: 21, weight: true, bias: false, trained: true };
    let y = m.push(Op::Affine(scale), &[y]);
    let x = m.push(Op::Add, &[x, y]);
    let x = m.push(Op::LocalNorm(LocalNorm { size: 2, alpha: 0.2, beta: 0.6, offset: 1.0 }), &[x]);
    let shift = Affine { channels: 21, weight: false, bias: true, trained: true };
    let x = m.push(Op::Affine(shift), &[x]);
    let x = m.act(x, Activation::Hardswish);
    let x = m.push(Op::LayerNorm(LayerNorm { channels: 21, epsilon: 1e-3, bias: false }), &[x]);
    m.head(x)
}

/// Normalisation by groups and by single channels, with scale and shift behind it.
fn group_norms() -> Network {
    let mut m = Maker::new(3, 5, 4);
    let x = m.push(Op::GroupNorm(GroupNorm { groups: 3, epsilon: 1e-2 }), &[0]);
    let x = m.conv(x, 18, 3, 1);
    let y = m.push(Op::GroupNorm(GroupNorm { groups: 3, epsilon: 1e-3 }), &[x]);
    let y = m.push(Op::Affine(Affine { channels: 18, weight: true, bias: true, trained: true }), &[y]);
    let y = m.act(y, Activation::Hardswish);
    let x = m.push(Op::Add, &[x, y]);
    let x = m.push(Op::GroupNorm(GroupNorm { groups: 18, epsilon: 1e-3 }), &[x]);
    let x = m.conv(x, 6, 3, 2);
    m.head(x)
}

/// Bilinear interpolation to more and to fewer pixels, by every alignment.
fn interpolated() -> Network {
    let mut m = Maker::new(2, 5, 4);
    let interpolate = |size, alignment| Op::Interpolate(Interpolate { size, alignment });
    let x = m.push(interpolate((7, 3), Alignment::HalfPixel), &[0]);
    let x = m.conv(x, 9, 3, 1);
    let y = m.push(interpolate((3, 8), Alignment::Corners), &[x]);
    let z = m.push(interpolate((3, 8), Alignment::First), &[x]);
    let x = m.push(Op::Mul, &[y, z]);
    let x = m.conv(x, 5, 3, 2);
    let x = m.push(interpolate((1, 1), Alignment::Corners), &[x]);
    m.head(x)
}

/// Values that change their places.
fn moved() -> Network {
    let mut m = Maker::new(1, 4, 3);
    let x = m.conv(0, 8, 3, 1);
    let gather = Gather { channels: vec![3, 1, 1, 7, 0, 2, 6, 5, 4, 3, 0, 7] };
    let x = m.push(Op::Gather(gather), &[x]);
    let x = m.push(Op::PixelShuffle(PixelShuffle { block: 2, block_first: false }), &[x]);
    let padding = Padding { top: 1, left: 0, bottom: 2, right: 1 };
    let x = m.push(Op::Pad(Pad { padding, channels: (0, 0), value: 0.5 }), &[x]);
    let x = m.conv(x, 4, 3, 2);
    let y = m.push(Op::PixelShuffle(PixelShuffle { block: 2, block_first: true }), &[x]);
    let z = m.push(Op::Pad(Pad { padding: Padding::NONE, channels: (1, 2), value: 0.0 }), &[y]);
    let x = m.push(Op::Upsample(Upsample { factor: (2, 2) }), &[x]);
    let x = m.push(Op::Add, &[x, z]);
    let x = m.conv(x, 5, 3, 1);
    m.head(x)
}

/// Products, and values that one layer reads twice.
fn products() -> Network {
    let mut m = Maker::new(2, 3, 4);
    let x = m.conv(0, 7, 3, 1);
    let y = m.conv(x, 7, 1, 1);
    let y = m.act(y, Activation::Tanh);
    let x = m.push(Op::Mul, &[x, y]);
    let x = m.norm(x);
    let x = m.push(Op::Mul, &[x, x]);
    let x = m.push(Op::Add, &[x, x]);
    let x = m.push(Op::Concat, &[x, x]);
    let x = m.conv(x, 5, 1, 1);
    m.head(x)
}

/// Layers that training leaves alone, before and between those that it changes.
fn frozen() -> Network {
    let mut m = Maker::new(2, 4, 4);
    let x = m.conv(0, 6, 3, 1);
    let x = m.norm(x);
    let x = m.act(x, Activation::ReLU);
    let x = m.conv(x, 7, 3, 1);
    let x = m.norm(x);
    let x = m.act(x, Activation::Swish);
    let x = m.conv(x, 5, 3, 1);
    let x = m.norm(x);
    let mut network = m.head(x);
    network.freeze(|path| ["n1", "norm2", "norm5", "n7"].contains(&path));
    network
}

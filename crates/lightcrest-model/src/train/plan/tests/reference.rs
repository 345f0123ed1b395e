//! Operators as their definitions read (those of networks that were read from a file by the graph's own
//! definition): f64, one image plane after the other, no SIMD, no layout tricks. What
//! the plan computes is compared with this.

use lightcrest_graph::network::reference::layer;
use lightcrest_graph::network::{
    BatchNorm, ChannelConv, ChannelShuffle, Linear, Network, Op, PoolKind, Shape, Slice, Weights,
};

/// Value of one node for every image: (image, channel, row, column) row-major.
type Map = Vec<f64>;

/// Output of the network in (image, row, column, channel) order; batch statistics when `training`.
pub(super) fn forward(
    network: &Network,
    weights: &Weights,
    images: &[f32],
    n: usize,
    training: bool,
) -> Vec<f64> {
    let mut values: Vec<Map> = vec![];
    for (id, node) in network.nodes().iter().enumerate() {
        let shape = network.shape(id);
        let weight = |role: &str| -> Vec<f64> {
            let tensor = weights.get(&format!("{}.{role}", node.name)).unwrap();
            tensor.data.iter().map(|&v| f64::from(v)).collect()
        };
        let inputs: Vec<(&Map, Shape)> =
            node.inputs.iter().map(|&i| (&values[i], network.shape(i))).collect();
        let value = match &node.op {
            Op::Input(_) => build(n, shape, |b, c, y, x| {
                f64::from(images[((b * shape.height + y) * shape.width + x) * shape.channels + c])
            }),
            Op::Conv2d(conv) => {
                let (w, (input, from)) = (weight("weight"), inputs[0]);
                let bias = if conv.bias { weight("bias") } else { vec![0.0; conv.out_channels] };
                let (ci, co) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
                build(n, shape, |b, c, y, x| {
                    let mut sum = bias[c];
                    for i in 0..ci {
                        for kh in 0..conv.kernel.0 {
                            for kw in 0..conv.kernel.1 {
                                let row =
                                    (y * conv.stride.0 + kh * conv.dilation.0).wrapping_sub(conv.padding.top);
                                let column = (x * conv.stride.1 + kw * conv.dilation.1)
                                    .wrapping_sub(conv.padding.left);
                                if row < from.height && column < from.width {
                                    sum += w[((c * ci + i) * conv.kernel.0 + kh) * conv.kernel.1 + kw]
                                        * input[at(from, b, c / co * ci + i, row, column)];
                                }
                            }
                        }
                    }
                    sum
                })
            }
            Op::Linear(Linear { in_features, out_features, bias }) => {
                let (w, input) = (weight("weight"), inputs[0].0);
                let bias = if *bias { weight("bias") } else { vec![0.0; *out_features] };
                build(n, shape, |b, c, _, _| {
                    let row = &w[c * in_features..][..*in_features];
                    bias[c] + row.iter().zip(&input[b * in_features..]).map(|(w, x)| w * x).sum::<f64>()
                })
            }
            Op::BatchNorm(BatchNorm { channels, epsilon, .. }) => {
                let (input, from) = inputs[0];
                let (gamma, beta) = (weight("weight"), weight("bias"));
                let (mut mean, mut var) = (weight("running_mean"), weight("running_var"));
                if training && !node.frozen {
                    for c in 0..*channels {
                        let all: Vec<f64> = (0..n)
                            .flat_map(|b| (0..from.area()).map(move |p| (b, p)))
                            .map(|(b, p)| input[at(from, b, c, p / from.width, p % from.width)])
                            .collect();
                        mean[c] = all.iter().sum::<f64>() / all.len() as f64;
                        var[c] = all.iter().map(|v| (v - mean[c]).powi(2)).sum::<f64>() / all.len() as f64;
                    }
                }
                build(n, shape, |b, c, y, x| {
                    (input[at(from, b, c, y, x)] - mean[c]) / (var[c] + epsilon).sqrt() * gamma[c] + beta[c]
                })
            }
            Op::Activation(a) => inputs[0].0.iter().map(|&x| a.apply(x)).collect(),
            Op::Pool2d(p) => {
                let (input, from) = inputs[0];
                let maximum = p.kind == PoolKind::Max;
                build(n, shape, |b, c, y, x| {
                    let mut inside = vec![];
                    for kh in 0..p.kernel.0 {
                        for kw in 0..p.kernel.1 {
                            let row = (y * p.stride.0 + kh).wrapping_sub(p.padding.top);
                            let column = (x * p.stride.1 + kw).wrapping_sub(p.padding.left);
                            if row < from.height && column < from.width {
                                inside.push(input[at(from, b, c, row, column)]);
                            }
                        }
                    }
                    match maximum {
                        true => inside.into_iter().fold(f64::NEG_INFINITY, f64::max),
                        false => {
                            inside.iter().sum::<f64>() / p.divisor((y, x), (from.height, from.width)) as f64
                        }
                    }
                })
            }
            Op::GlobalAvgPool => {
                let (input, from) = inputs[0];
                build(n, shape, |b, c, _, _| {
                    let start = at(from, b, c, 0, 0);
                    input[start..start + from.area()].iter().sum::<f64>() / from.area() as f64
                })
            }
            Op::Flatten | Op::Dropout(_) => inputs[0].0.clone(),
            Op::Add => build(n, shape, |b, c, y, x| {
                inputs.iter().map(|(input, from)| input[at(*from, b, c, y, x)]).sum()
            }),
            Op::Gate => {
                let ((map, from), (gate, _)) = (inputs[0], inputs[1]);
                build(n, shape, |b, c, y, x| map[at(from, b, c, y, x)] * gate[b * from.channels + c])
            }
            Op::Concat => build(n, shape, |b, c, y, x| {
                let mut c = c;
                for (input, from) in &inputs {
                    if c < from.channels {
                        return input[at(*from, b, c, y, x)];
                    }
                    c -= from.channels;
                }
                unreachable!()
            }),
            Op::Slice(Slice { start, .. }) => {
                let (input, from) = inputs[0];
                build(n, shape, |b, c, y, x| input[at(from, b, c + start, y, x)])
            }
            Op::ChannelShuffle(ChannelShuffle { groups }) => {
                let (input, from) = inputs[0];
                build(n, shape, |b, c, y, x| {
                    input[at(from, b, c % groups * (from.channels / groups) + c / groups, y, x)]
                })
            }
            Op::ChannelConv(ChannelConv { kernel }) => {
                let (w, (input, from)) = (weight("weight"), inputs[0]);
                build(n, shape, |b, c, _, _| {
                    (0..*kernel)
                        .filter(|k| (kernel / 2..from.channels + kernel / 2).contains(&(c + k)))
                        .map(|k| w[k] * input[b * from.channels + c + k - kernel / 2])
                        .sum()
                })
            }
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
            | Op::Interpolate(_) => {
                let weight = |role: &str| -> Vec<f64> {
                    let tensor = weights.get(&format!("{}.{role}", node.name));
                    tensor.map(|t| t.data.iter().map(|&v| f64::from(v)).collect()).unwrap_or_default()
                };
                let image = |b: usize| {
                    let inputs: Vec<(&[f64], Shape)> = inputs
                        .iter()
                        .map(|(values, from)| (&values[b * from.len()..][..from.len()], *from))
                        .collect();
                    layer(&node.op, &inputs, shape, &weight)
                };
                (0..n).flat_map(image).collect()
            }
        };
        values.push(value);
    }
    let (shape, output) = (network.output_shape(), &values[network.output()]);
    let mut dense = vec![];
    for b in 0..n {
        for y in 0..shape.height {
            for x in 0..shape.width {
                dense.extend((0..shape.channels).map(|c| output[at(shape, b, c, y, x)]));
            }
        }
    }
    dense
}

fn at(shape: Shape, b: usize, c: usize, y: usize, x: usize) -> usize {
    ((b * shape.channels + c) * shape.height + y) * shape.width + x
}

fn build(n: usize, shape: Shape, value: impl Fn(usize, usize, usize, usize) -> f64) -> Map {
    let mut map = Vec::with_capacity(n * shape.len());
    for b in 0..n {
        for c in 0..shape.channels {
            for y in 0..shape.height {
                map.extend((0..shape.width).map(|x| value(b, c, y, x)));
            }
        }
    }
    map
}

//! The reference evaluation: each operator as its definition reads, in f64, one image at a time, channels first.
//!
//! It is the yardstick for the kernels, the passes and the exporters, and far too slow for anything else.

use super::{Activation, BATCH_NORM_EPSILON, Network, NetworkError, Op, Pool2d, Shape, Weights};

/// Output of the network in inference for one `image` (channels, height, width).
///
/// # Errors
/// [`NetworkError::Weight`] when `weights` are not those of this network, [`NetworkError::Shape`] when the image has
/// another size than the input.
pub fn evaluate(network: &Network, weights: &Weights, image: &[f32]) -> Result<Vec<f32>, NetworkError> {
    weights.check(network)?;
    if image.len() != network.input_shape().len() {
        let reason = format!("{} values given for an image of {}", image.len(), network.input_shape());
        return Err(NetworkError::Shape { layer: "input".into(), op: "Input", reason });
    }
    let mut values: Vec<Vec<f64>> = Vec::with_capacity(network.nodes().len());
    for (id, node) in network.nodes().iter().enumerate() {
        let inputs: Vec<(&[f64], Shape)> =
            node.inputs.iter().map(|&input| (values[input].as_slice(), network.shape(input))).collect();
        let weight = |role: &str| -> Vec<f64> {
            let tensor = weights.get(&format!("{}.{role}", node.name));
            tensor.map(|t| t.data.iter().map(|&v| f64::from(v)).collect()).unwrap_or_default()
        };
        let output = match &node.op {
            Op::Input(_) => image.iter().map(|&v| f64::from(v)).collect(),
            op => apply(op, &inputs, network.shape(id), &weight),
        };
        values.push(output);
    }
    Ok(values[network.output()].iter().map(|&v| v as f32).collect())
}

/// Value of an activation.
pub fn activate(activation: Activation, x: f64) -> f64 {
    let hard = (x + 3.0).clamp(0.0, 6.0) / 6.0;
    let sigmoid = 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::ReLU => x.max(0.0),
        Activation::ReLU6 => x.clamp(0.0, 6.0),
        Activation::Hardswish => x * hard,
        Activation::Hardsigmoid => hard,
        Activation::Swish => x * sigmoid,
        Activation::Sigmoid => sigmoid,
    }
}

fn apply(op: &Op, inputs: &[(&[f64], Shape)], out: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64> {
    let (x, shape) = inputs[0];
    match op {
        Op::Input(_) | Op::Flatten | Op::Dropout { .. } => x.to_vec(),
        Op::Conv2d(c) => {
            let (w, bias) = (weight("weight"), weight("bias"));
            let (in_group, out_group) = (c.in_channels / c.groups, c.out_channels / c.groups);
            let mut y = Vec::with_capacity(out.len());
            positions(out, |channel, row, column| {
                let mut sum = bias.get(channel).copied().unwrap_or(0.0);
                for i in 0..in_group {
                    let plane = channel / out_group * in_group + i;
                    for (ki, kj) in pairs(c.kernel) {
                        let at =
                            (row * c.stride.0 + ki * c.dilation.0, column * c.stride.1 + kj * c.dilation.1);
                        if let Some(v) = pixel(x, shape, plane, at, c.padding) {
                            sum += v * w[((channel * in_group + i) * c.kernel.0 + ki) * c.kernel.1 + kj];
                        }
                    }
                }
                y.push(sum);
            });
            y
        }
        Op::BatchNorm { .. } => {
            let (gamma, beta) = (weight("weight"), weight("bias"));
            let (mean, var) = (weight("running_mean"), weight("running_var"));
            let mut y = Vec::with_capacity(out.len());
            positions(out, |c, _, _| {
                y.push((x[y.len()] - mean[c]) / (var[c] + BATCH_NORM_EPSILON).sqrt() * gamma[c] + beta[c]);
            });
            y
        }
        Op::Activation(activation) => x.iter().map(|&v| activate(*activation, v)).collect(),
        Op::MaxPool(p) => {
            pool(x, shape, out, p, |seen| seen.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        }
        Op::AvgPool(p) => {
            let count = (p.kernel.0 * p.kernel.1) as f64;
            pool(x, shape, out, p, |seen| seen.iter().sum::<f64>() / count)
        }
        Op::GlobalAvgPool => x
            .chunks_exact(shape.area())
            .map(|plane| plane.iter().sum::<f64>() / shape.area() as f64)
            .collect(),
        Op::Linear { in_features, .. } => {
            let (w, bias) = (weight("weight"), weight("bias"));
            let dot = |row: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            let rows = w.chunks_exact(*in_features).enumerate();
            rows.map(|(i, row)| dot(row) + bias.get(i).copied().unwrap_or(0.0)).collect()
        }
        Op::Add => (0..x.len()).map(|i| inputs.iter().map(|(values, _)| values[i]).sum()).collect(),
        Op::Gate => x.iter().enumerate().map(|(i, v)| v * inputs[1].0[i / shape.area()]).collect(),
        Op::Concat => inputs.iter().flat_map(|(values, _)| values.iter().copied()).collect(),
        Op::Slice { start, len } => x[start * shape.area()..(start + len) * shape.area()].to_vec(),
        Op::ChannelShuffle { groups } => {
            let each = shape.channels / groups;
            let sources = (0..shape.channels).map(|c| (c % groups) * each + c / groups);
            sources.flat_map(|c| x[c * shape.area()..(c + 1) * shape.area()].iter().copied()).collect()
        }
        Op::ChannelConv { kernel } => {
            let w = weight("weight");
            let tap = |c: usize, k: usize| (c + k).checked_sub(kernel / 2).and_then(|i| x.get(i));
            (0..x.len()).map(|c| (0..*kernel).filter_map(|k| tap(c, k).map(|v| v * w[k])).sum()).collect()
        }
    }
}

fn pool(x: &[f64], shape: Shape, out: Shape, p: &Pool2d, reduce: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut y = Vec::with_capacity(out.len());
    let mut seen = Vec::new();
    positions(out, |channel, row, column| {
        seen.clear();
        let taps = pairs(p.kernel).map(|(ki, kj)| (row * p.stride.0 + ki, column * p.stride.1 + kj));
        seen.extend(taps.filter_map(|at| pixel(x, shape, channel, at, p.padding)));
        y.push(reduce(&seen));
    });
    y
}

/// Value at a position counted from the corner of the padding; `None` in the padding.
fn pixel(
    x: &[f64],
    shape: Shape,
    channel: usize,
    at: (usize, usize),
    padding: (usize, usize),
) -> Option<f64> {
    let (row, column) = (at.0.checked_sub(padding.0)?, at.1.checked_sub(padding.1)?);
    let inside = row < shape.height && column < shape.width;
    inside.then(|| x[(channel * shape.height + row) * shape.width + column])
}

fn pairs(size: (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    (0..size.0).flat_map(move |i| (0..size.1).map(move |j| (i, j)))
}

fn positions(shape: Shape, mut visit: impl FnMut(usize, usize, usize)) {
    for channel in 0..shape.channels {
        for (row, column) in pairs((shape.height, shape.width)) {
            visit(channel, row, column);
        }
    }
}

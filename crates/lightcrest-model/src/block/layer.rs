//! Groups of layers that several modules share, and how their fields read.

use serde::{Deserialize, Deserializer};

use lightcrest_graph::network::{Activation, BatchNorm, Conv2d, Network, NetworkError, NodeId, Op};

/// Convolution, batch normalisation and, if given, an activation: `PATH.conv`, `PATH.bn`, `PATH.act`.
pub(super) fn conv_bn_act(
    network: &mut Network,
    path: &str,
    conv: Conv2d,
    activation: Option<Activation>,
    input: NodeId,
) -> Result<NodeId, NetworkError> {
    let channels = conv.out_channels;
    let conv = network.push(format!("{path}.conv"), Op::Conv2d(conv), &[input])?;
    let norm = network.push(format!("{path}.bn"), Op::BatchNorm(BatchNorm::new(channels)), &[conv])?;
    match activation {
        Some(activation) => network.push(format!("{path}.act"), Op::Activation(activation), &[norm]),
        None => Ok(norm),
    }
}

/// Depthwise convolution of stride `stride` that keeps the channels, as [`conv_bn_act`].
pub(super) fn depthwise(
    network: &mut Network,
    path: &str,
    kernel: usize,
    stride: usize,
    activation: Option<Activation>,
    input: NodeId,
) -> Result<NodeId, NetworkError> {
    let channels = network.shape(input).channels;
    let conv = Conv2d::new(channels, channels, kernel, stride).with_groups(channels);
    conv_bn_act(network, path, conv, activation, input)
}

/// 1x1 convolution to `out_channels`, as [`conv_bn_act`].
pub(super) fn pointwise(
    network: &mut Network,
    path: &str,
    out_channels: usize,
    activation: Option<Activation>,
    input: NodeId,
) -> Result<NodeId, NetworkError> {
    let conv = Conv2d::new(network.shape(input).channels, out_channels, 1, 1);
    conv_bn_act(network, path, conv, activation, input)
}

/// Squeeze-and-excitation (Hu et al. 2018): pool, 1x1 down to `squeeze` channels, `inner`, 1x1 back, `gate`,
/// scale. Both convolutions have a bias.
pub(super) fn squeeze_excite(
    network: &mut Network,
    path: &str,
    squeeze: usize,
    inner: Activation,
    gate: Activation,
    input: NodeId,
) -> Result<NodeId, NetworkError> {
    let channels = network.shape(input).channels;
    let down = Conv2d { bias: true, ..Conv2d::new(channels, squeeze, 1, 1) };
    let up = Conv2d { bias: true, ..Conv2d::new(squeeze, channels, 1, 1) };
    let pool = network.push(format!("{path}.pool"), Op::GlobalAvgPool, &[input])?;
    let down = network.push(format!("{path}.reduce"), Op::Conv2d(down), &[pool])?;
    let inner = network.push(format!("{path}.act"), Op::Activation(inner), &[down])?;
    let up = network.push(format!("{path}.expand"), Op::Conv2d(up), &[inner])?;
    let gate = network.push(format!("{path}.gate"), Op::Activation(gate), &[up])?;
    network.push(format!("{path}.scale"), Op::Gate, &[input, gate])
}

/// `output` plus `input` as `PATH.add` when the stride is 1 and the channels agree; `output` otherwise.
pub(super) fn residual(
    network: &mut Network,
    path: &str,
    stride: usize,
    input: NodeId,
    output: NodeId,
) -> Result<NodeId, NetworkError> {
    if stride == 1 && network.shape(input).channels == network.shape(output).channels {
        network.push(format!("{path}.add"), Op::Add, &[input, output])
    } else {
        Ok(output)
    }
}

/// `channels * expansion`, not yet rounded.
pub(super) fn expanded(
    path: &str,
    module: &'static str,
    channels: usize,
    expansion: f64,
) -> Result<f64, NetworkError> {
    if expansion > 0.0 && expansion <= 64.0 {
        Ok(channels as f64 * expansion)
    } else {
        let reason = format!("expansion must be in (0, 64], but is {expansion}");
        Err(NetworkError::Module { path: path.into(), module, reason })
    }
}

pub(super) fn one() -> usize {
    1
}

pub(super) fn three() -> usize {
    3
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn relu() -> Option<Activation> {
    Some(Activation::ReLU)
}

/// Reads an activation; null, `"None"` and `"Identity"` mean none.
pub(super) fn optional_activation<'de, D: Deserializer<'de>>(
    reader: D,
) -> Result<Option<Activation>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Raw {
        Text(String),
        Null(()),
    }
    match Raw::deserialize(reader)
        .map_err(|_| serde::de::Error::custom("the name of an activation is expected"))?
    {
        Raw::Null(()) => Ok(None),
        Raw::Text(name) if name == "None" || name == "Identity" => Ok(None),
        Raw::Text(name) => {
            let name = serde::de::value::StrDeserializer::<D::Error>::new(&name);
            Activation::deserialize(name).map(Some)
        }
    }
}

/// Reads a flag that is written as true, false, 1 or 0.
pub(super) fn flag<'de, D: Deserializer<'de>>(reader: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Raw {
        Flag(bool),
        Number(u64),
    }
    match Raw::deserialize(reader) {
        Ok(Raw::Flag(flag)) => Ok(flag),
        Ok(Raw::Number(number @ (0 | 1))) => Ok(number == 1),
        _ => Err(serde::de::Error::custom("true, false, 1 or 0 is expected")),
    }
}

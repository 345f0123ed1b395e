//! Inverted residual with efficient channel attention (ECA-Net, Wang et al. 2020).

use lightcrest_graph::network::{Activation, ChannelConv, Network, NetworkError, NodeId, Op};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{depthwise, expanded, one, pointwise, residual, three};

/// The inverted residual of MobileNetV2 whose output is scaled by an attention over channels, as in the
/// authors' ECA-MobileNetV2: pool, a one-dimensional convolution across channels, sigmoid, scale. The input
/// is added when the stride is 1 and the channels agree. In a repeat the first one has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EcaInvertedResidualConfig {
    /// Channels written.
    pub out_channels: usize,
    /// Inner channels over the channels that arrive.
    pub expansion: f64,
    /// Step of the depthwise convolution.
    #[serde(default = "one")]
    pub stride: usize,
    /// Size of the depthwise kernel.
    #[serde(default = "three")]
    pub kernel: usize,
    /// Odd size of the kernel across channels; by default from the channels C, `|log2(C) / 2 + 1 / 2|` made
    /// odd (equation 9 of the paper).
    #[serde(default)]
    pub channel_kernel: Option<usize>,
}

/// Equation 9 of the paper with gamma = 2 and b = 1: the integer part, or one more if that is even.
fn adaptive_kernel(channels: usize) -> usize {
    let t = ((channels as f64).log2() + 1.0) / 2.0;
    t as usize | 1
}

impl Block for EcaInvertedResidualConfig {
    const ARGUMENTS: &'static [&'static str] =
        &["out_channels", "expansion", "stride", "kernel", "channel_kernel"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let act = Some(Activation::ReLU6);
        let in_channels = network.shape(input).channels;
        let hidden =
            expanded(path, "ECAInvertedResidual", in_channels, self.expansion)?.round_ties_even() as usize;
        let mut x = input;
        if self.expansion != 1.0 {
            x = pointwise(network, &format!("{path}.expand"), hidden, act, x)?;
        }
        x = depthwise(network, &format!("{path}.depthwise"), self.kernel, self.stride, act, x)?;
        x = pointwise(network, &format!("{path}.project"), self.out_channels, None, x)?;
        let kernel = self.channel_kernel.unwrap_or_else(|| adaptive_kernel(self.out_channels));
        let pool = network.push(format!("{path}.eca.pool"), Op::GlobalAvgPool, &[x])?;
        let conv =
            network.push(format!("{path}.eca.conv"), Op::ChannelConv(ChannelConv { kernel }), &[pool])?;
        let gate = network.push(format!("{path}.eca.gate"), Op::Activation(Activation::Sigmoid), &[conv])?;
        x = network.push(format!("{path}.eca.scale"), Op::Gate, &[x, gate])?;
        residual(network, path, self.stride, input, x)
    }

    fn example() -> Self {
        Self { out_channels: 16, expansion: 3.0, stride: 1, kernel: 3, channel_kernel: None }
    }

    fn at(&self, index: usize, _count: usize, _in_channels: usize) -> Self {
        Self { stride: if index == 0 { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

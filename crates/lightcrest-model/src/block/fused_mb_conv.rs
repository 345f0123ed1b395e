//! Fused MBConv of EfficientNetV2 (Tan and Le 2021).

use lightcrest_graph::network::{Activation, Conv2d, Network, NetworkError, NodeId};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{conv_bn_act, expanded, one, pointwise, residual, three};

/// A full convolution in place of MBConv's 1x1 and depthwise pair, up to `floor(in * expansion)` channels,
/// then a linear 1x1 down; with Swish and without squeeze and excitation. When the expansion leaves the
/// channels as they arrive, one convolution goes straight to `out_channels`. The input is added when the
/// stride is 1 and the channels agree. In a repeat the first one has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FusedMbConvConfig {
    /// Inner channels over the channels that arrive.
    pub expansion: f64,
    /// Channels written.
    pub out_channels: usize,
    /// Step of the first convolution.
    #[serde(default = "one")]
    pub stride: usize,
    /// Size of the first kernel.
    #[serde(default = "three")]
    pub kernel: usize,
}

impl Block for FusedMbConvConfig {
    const ARGUMENTS: &'static [&'static str] = &["expansion", "out_channels", "stride", "kernel"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let act = Some(Activation::Swish);
        let in_channels = network.shape(input).channels;
        let hidden = expanded(path, "FusedMBConv", in_channels, self.expansion)? as usize;
        let fused = |out| Conv2d::new(in_channels, out, self.kernel, self.stride);
        let x = if hidden == in_channels {
            conv_bn_act(network, &format!("{path}.fused"), fused(self.out_channels), act, input)?
        } else {
            let x = conv_bn_act(network, &format!("{path}.fused"), fused(hidden), act, input)?;
            pointwise(network, &format!("{path}.project"), self.out_channels, None, x)?
        };
        residual(network, path, self.stride, input, x)
    }

    fn example() -> Self {
        Self { expansion: 3.0, out_channels: 16, stride: 1, kernel: 3 }
    }

    fn at(&self, index: usize, _count: usize, _in_channels: usize) -> Self {
        Self { stride: if index == 0 { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

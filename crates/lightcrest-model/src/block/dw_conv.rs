//! One grouped convolution with as many groups as the channels allow.

use lightcrest_graph::network::{Activation, Conv2d, Network, NetworkError, NodeId};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{conv_bn_act, one, optional_activation, relu};

/// A convolution in `gcd(in, out)` groups, batch normalisation and an activation, after kindle's module of
/// that name: depthwise when the channels stay, and cheap but never mixing channels across groups otherwise.
/// For a depthwise convolution followed by a 1x1 convolution see
/// [`SeparableConvConfig`](super::SeparableConvConfig). In a repeat the last one has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DwConvConfig {
    /// Channels written.
    pub out_channels: usize,
    /// Size of the square kernel.
    pub kernel: usize,
    /// Step.
    #[serde(default = "one")]
    pub stride: usize,
    /// Zeros on each side; `kernel / 2` when absent.
    #[serde(default)]
    pub padding: Option<usize>,
    /// Activation, ReLU by default; null or `"None"` for none.
    #[serde(default = "relu", deserialize_with = "optional_activation")]
    pub activation: Option<Activation>,
}

impl Block for DwConvConfig {
    const ARGUMENTS: &'static [&'static str] = &["out_channels", "kernel", "stride", "padding", "activation"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let in_channels = network.shape(input).channels;
        let padding = self.padding.unwrap_or(self.kernel / 2);
        let conv = Conv2d::new(in_channels, self.out_channels, self.kernel, self.stride)
            .with_groups(gcd(in_channels, self.out_channels));
        conv_bn_act(
            network,
            path,
            Conv2d { padding: (padding, padding).into(), ..conv },
            self.activation,
            input,
        )
    }

    fn example() -> Self {
        Self { out_channels: 16, kernel: 3, stride: 1, padding: None, activation: relu() }
    }

    fn at(&self, index: usize, count: usize, _in_channels: usize) -> Self {
        Self { stride: if index + 1 == count { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

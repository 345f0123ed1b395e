//! Convolution, batch normalisation, activation.

use lightcrest_graph::network::{Activation, Conv2d, Network, NetworkError, NodeId};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{conv_bn_act, one, optional_activation, relu};

/// A convolution without bias, batch normalisation and an activation. In a repeat the last one has the
/// stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvConfig {
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
    /// Number of groups.
    #[serde(default = "one")]
    pub groups: usize,
    /// Activation, ReLU by default; null or `"None"` for none.
    #[serde(default = "relu", deserialize_with = "optional_activation")]
    pub activation: Option<Activation>,
}

impl ConvConfig {
    /// A convolution of one group with padding `kernel / 2` and ReLU.
    pub fn new(out_channels: usize, kernel: usize, stride: usize) -> Self {
        Self { out_channels, kernel, stride, padding: None, groups: 1, activation: relu() }
    }
}

impl Block for ConvConfig {
    const ARGUMENTS: &'static [&'static str] =
        &["out_channels", "kernel", "stride", "padding", "groups", "activation"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let padding = self.padding.unwrap_or(self.kernel / 2);
        let conv = Conv2d::new(network.shape(input).channels, self.out_channels, self.kernel, self.stride)
            .with_groups(self.groups);
        conv_bn_act(
            network,
            path,
            Conv2d { padding: (padding, padding).into(), ..conv },
            self.activation,
            input,
        )
    }

    fn example() -> Self {
        Self::new(16, 3, 1)
    }

    fn at(&self, index: usize, count: usize, _in_channels: usize) -> Self {
        Self { stride: if index + 1 == count { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

//! Depthwise separable convolution (MobileNet, Howard et al. 2017).

use lightcrest_graph::network::{Activation, Network, NetworkError, NodeId};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{depthwise, one, optional_activation, pointwise, relu, three};

/// A depthwise convolution and a 1x1 convolution, each with batch normalisation and activation. In a repeat
/// the first one has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeparableConvConfig {
    /// Channels written.
    pub out_channels: usize,
    /// Size of the depthwise kernel.
    #[serde(default = "three")]
    pub kernel: usize,
    /// Step of the depthwise convolution.
    #[serde(default = "one")]
    pub stride: usize,
    /// Activation after each, ReLU by default; null or `"None"` for none.
    #[serde(default = "relu", deserialize_with = "optional_activation")]
    pub activation: Option<Activation>,
}

impl Block for SeparableConvConfig {
    const ARGUMENTS: &'static [&'static str] = &["out_channels", "kernel", "stride", "activation"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let path_depthwise = format!("{path}.depthwise");
        let x = depthwise(network, &path_depthwise, self.kernel, self.stride, self.activation, input)?;
        pointwise(network, &format!("{path}.pointwise"), self.out_channels, self.activation, x)
    }

    fn example() -> Self {
        Self { out_channels: 16, kernel: 3, stride: 1, activation: relu() }
    }

    fn at(&self, index: usize, _count: usize, _in_channels: usize) -> Self {
        Self { stride: if index == 0 { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

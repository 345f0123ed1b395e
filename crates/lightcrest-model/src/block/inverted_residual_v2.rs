//! Inverted residual of MobileNetV2 (Sandler et al. 2018).

use lightcrest_graph::network::{Activation, Network, NetworkError, NodeId};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{depthwise, expanded, one, pointwise, residual};

/// 1x1 up to `round(in * expansion)` channels (left out when the expansion is 1), 3x3 depthwise, linear 1x1
/// down, with ReLU6; the input is added when the stride is 1 and the channels agree. In a repeat the first
/// one has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvertedResidualV2Config {
    /// Channels written.
    pub out_channels: usize,
    /// Inner channels over the channels that arrive.
    pub expansion: f64,
    /// Step of the depthwise convolution.
    #[serde(default = "one")]
    pub stride: usize,
}

impl Block for InvertedResidualV2Config {
    const ARGUMENTS: &'static [&'static str] = &["out_channels", "expansion", "stride"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let act = Some(Activation::ReLU6);
        let in_channels = network.shape(input).channels;
        let hidden =
            expanded(path, "InvertedResidualv2", in_channels, self.expansion)?.round_ties_even() as usize;
        let mut x = input;
        if self.expansion != 1.0 {
            x = pointwise(network, &format!("{path}.expand"), hidden, act, x)?;
        }
        x = depthwise(network, &format!("{path}.depthwise"), 3, self.stride, act, x)?;
        x = pointwise(network, &format!("{path}.project"), self.out_channels, None, x)?;
        residual(network, path, self.stride, input, x)
    }

    fn example() -> Self {
        Self { out_channels: 16, expansion: 3.0, stride: 1 }
    }

    fn at(&self, index: usize, _count: usize, _in_channels: usize) -> Self {
        Self { stride: if index == 0 { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

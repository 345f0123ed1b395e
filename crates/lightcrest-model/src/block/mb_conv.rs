//! MBConv of EfficientNet (Tan and Le 2019).

use lightcrest_graph::network::{Activation, Network, NetworkError, NodeId};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{depthwise, expanded, one, pointwise, residual, squeeze_excite, three};

/// 1x1 up to `floor(in * expansion)` channels (left out when that is what arrives), depthwise, squeeze and
/// excitation with `in / 4` channels (at least 1), linear 1x1 down, with Swish; the input is added when the
/// stride is 1 and the channels agree. In a repeat the first one has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MbConvConfig {
    /// Inner channels over the channels that arrive.
    pub expansion: f64,
    /// Channels written.
    pub out_channels: usize,
    /// Step of the depthwise convolution.
    #[serde(default = "one")]
    pub stride: usize,
    /// Size of the depthwise kernel.
    #[serde(default = "three")]
    pub kernel: usize,
}

impl Block for MbConvConfig {
    const ARGUMENTS: &'static [&'static str] = &["expansion", "out_channels", "stride", "kernel"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let act = Some(Activation::Swish);
        let in_channels = network.shape(input).channels;
        let hidden = expanded(path, "MBConv", in_channels, self.expansion)? as usize;
        let mut x = input;
        if hidden != in_channels {
            x = pointwise(network, &format!("{path}.expand"), hidden, act, x)?;
        }
        x = depthwise(network, &format!("{path}.depthwise"), self.kernel, self.stride, act, x)?;
        let squeeze = (in_channels / 4).max(1);
        let (inner, gate) = (Activation::Swish, Activation::Sigmoid);
        x = squeeze_excite(network, &format!("{path}.se"), squeeze, inner, gate, x)?;
        x = pointwise(network, &format!("{path}.project"), self.out_channels, None, x)?;
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

//! Inverted residual of MobileNetV3 (Howard et al. 2019).

use lightcrest_graph::network::{Activation, Network, NetworkError, NodeId};
use serde::{Deserialize, Serialize};

use super::layer::{depthwise, expanded, flag, one, pointwise, residual, squeeze_excite};
use super::{Block, make_divisible};

/// 1x1 up to `h = make_divisible(in * expansion, 8)` channels (left out when `h` is what arrives), depthwise,
/// squeeze and excitation with `make_divisible(h / 4, 8)` channels, linear 1x1 down; the input is added when
/// the stride is 1 and the channels agree. In a repeat the first one has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvertedResidualV3Config {
    /// Size of the depthwise kernel.
    pub kernel: usize,
    /// Inner channels over the channels that arrive.
    pub expansion: f64,
    /// Channels written.
    pub out_channels: usize,
    /// Whether squeeze and excitation follows the depthwise convolution (true, false, 1 or 0).
    #[serde(deserialize_with = "flag")]
    pub squeeze_excite: bool,
    /// h-swish if set, ReLU otherwise (true, false, 1 or 0).
    #[serde(deserialize_with = "flag")]
    pub hard_swish: bool,
    /// Step of the depthwise convolution.
    #[serde(default = "one")]
    pub stride: usize,
}

impl Block for InvertedResidualV3Config {
    const ARGUMENTS: &'static [&'static str] =
        &["kernel", "expansion", "out_channels", "squeeze_excite", "hard_swish", "stride"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let act = Some(if self.hard_swish { Activation::Hardswish } else { Activation::ReLU });
        let in_channels = network.shape(input).channels;
        let hidden = make_divisible(expanded(path, "InvertedResidualv3", in_channels, self.expansion)?, 8);
        let mut x = input;
        if hidden != in_channels {
            x = pointwise(network, &format!("{path}.expand"), hidden, act, x)?;
        }
        x = depthwise(network, &format!("{path}.depthwise"), self.kernel, self.stride, act, x)?;
        if self.squeeze_excite {
            let squeeze = make_divisible((hidden / 4) as f64, 8);
            let (inner, gate) = (Activation::ReLU, Activation::Hardsigmoid);
            x = squeeze_excite(network, &format!("{path}.se"), squeeze, inner, gate, x)?;
        }
        x = pointwise(network, &format!("{path}.project"), self.out_channels, None, x)?;
        residual(network, path, self.stride, input, x)
    }

    fn example() -> Self {
        Self {
            kernel: 3,
            expansion: 3.0,
            out_channels: 16,
            squeeze_excite: true,
            hard_swish: true,
            stride: 1,
        }
    }

    fn at(&self, index: usize, _count: usize, _in_channels: usize) -> Self {
        Self { stride: if index == 0 { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

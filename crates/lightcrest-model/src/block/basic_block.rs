//! Basic residual block (He et al. 2016).

use lightcrest_graph::network::{Activation, Conv2d, Network, NetworkError, NodeId, Op};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{conv_bn_act, one, optional_activation, relu};

/// Two 3x3 convolutions and a shortcut: the input itself, or a 1x1 convolution with batch normalisation when
/// the stride or the channels change (option B of the paper). The activation follows the sum. In a repeat the
/// first one has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicBlockConfig {
    /// Channels written.
    pub out_channels: usize,
    /// Step of the first convolution and of the shortcut.
    #[serde(default = "one")]
    pub stride: usize,
    /// Activation, ReLU by default; null or `"None"` for none.
    #[serde(default = "relu", deserialize_with = "optional_activation")]
    pub activation: Option<Activation>,
}

impl Block for BasicBlockConfig {
    const ARGUMENTS: &'static [&'static str] = &["out_channels", "stride", "activation"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let in_channels = network.shape(input).channels;
        let first = Conv2d::new(in_channels, self.out_channels, 3, self.stride);
        let second = Conv2d::new(self.out_channels, self.out_channels, 3, 1);
        let x = conv_bn_act(network, &format!("{path}.first"), first, self.activation, input)?;
        let x = conv_bn_act(network, &format!("{path}.second"), second, None, x)?;
        let shortcut = if self.stride == 1 && in_channels == self.out_channels {
            input
        } else {
            let conv = Conv2d::new(in_channels, self.out_channels, 1, self.stride);
            conv_bn_act(network, &format!("{path}.shortcut"), conv, None, input)?
        };
        let sum = network.push(format!("{path}.add"), Op::Add, &[shortcut, x])?;
        match self.activation {
            Some(activation) => network.push(format!("{path}.act"), Op::Activation(activation), &[sum]),
            None => Ok(sum),
        }
    }

    fn example() -> Self {
        Self { out_channels: 16, stride: 1, activation: relu() }
    }

    fn at(&self, index: usize, _count: usize, _in_channels: usize) -> Self {
        Self { stride: if index == 0 { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

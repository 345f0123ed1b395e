//! Fire module of SqueezeNet (Iandola et al. 2016).

use lightcrest_graph::network::{Activation, Conv2d, Network, NetworkError, NodeId, Op};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{conv_bn_act, pointwise};

/// A 1x1 convolution down to `squeeze` channels, then a 1x1 and a 3x3 convolution side by side, concatenated
/// to `expand1x1 + expand3x3` channels. Each convolution has batch normalisation (which the paper has not)
/// and ReLU. No stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FireConfig {
    /// Channels of the squeeze convolution.
    pub squeeze: usize,
    /// Channels of the 1x1 half.
    pub expand1x1: usize,
    /// Channels of the 3x3 half.
    pub expand3x3: usize,
}

impl Block for FireConfig {
    const ARGUMENTS: &'static [&'static str] = &["squeeze", "expand1x1", "expand3x3"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let act = Some(Activation::ReLU);
        let x = pointwise(network, &format!("{path}.squeeze"), self.squeeze, act, input)?;
        let one = pointwise(network, &format!("{path}.expand1x1"), self.expand1x1, act, x)?;
        let conv = Conv2d::new(self.squeeze, self.expand3x3, 3, 1);
        let three = conv_bn_act(network, &format!("{path}.expand3x3"), conv, act, x)?;
        network.push(format!("{path}.concat"), Op::Concat, &[one, three])
    }

    fn example() -> Self {
        Self { squeeze: 8, expand1x1: 16, expand3x3: 16 }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self {
            squeeze: width(self.squeeze),
            expand1x1: width(self.expand1x1),
            expand3x3: width(self.expand3x3),
        }
    }
}

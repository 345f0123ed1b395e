//! Unit of ShuffleNetV2 (Ma et al. 2018).

use lightcrest_graph::network::{Activation, ChannelShuffle, Network, NetworkError, NodeId, Op, Slice};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{depthwise, one, pointwise};

/// When the stride is 1 and the channels stay, half of the channels pass and the other half goes through 1x1,
/// depthwise 3x3 (no activation), 1x1. Otherwise both branches read everything, and the first is a depthwise
/// 3x3 and a 1x1. The branches are concatenated and their channels shuffled. `out_channels` is even. In a
/// repeat the first one has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShuffleNetV2Config {
    /// Channels written; even.
    pub out_channels: usize,
    /// Step of the depthwise convolutions.
    #[serde(default = "one")]
    pub stride: usize,
}

impl Block for ShuffleNetV2Config {
    const ARGUMENTS: &'static [&'static str] = &["out_channels", "stride"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        if !self.out_channels.is_multiple_of(2) {
            let reason = format!("out_channels must be even, but is {}", self.out_channels);
            return Err(NetworkError::Module { path: path.into(), module: "ShuffleNetV2", reason });
        }
        let act = Some(Activation::ReLU);
        let half = self.out_channels / 2;
        let (left, mut right) = if self.stride == 1 && network.shape(input).channels == self.out_channels {
            let left =
                network.push(format!("{path}.left"), Op::Slice(Slice { start: 0, len: half }), &[input])?;
            let right = network.push(
                format!("{path}.right"),
                Op::Slice(Slice { start: half, len: half }),
                &[input],
            )?;
            (left, right)
        } else {
            let left = depthwise(network, &format!("{path}.left.depthwise"), 3, self.stride, None, input)?;
            (pointwise(network, &format!("{path}.left.pointwise"), half, act, left)?, input)
        };
        right = pointwise(network, &format!("{path}.right.expand"), half, act, right)?;
        right = depthwise(network, &format!("{path}.right.depthwise"), 3, self.stride, None, right)?;
        right = pointwise(network, &format!("{path}.right.project"), half, act, right)?;
        let both = network.push(format!("{path}.concat"), Op::Concat, &[left, right])?;
        network.push(format!("{path}.shuffle"), Op::ChannelShuffle(ChannelShuffle { groups: 2 }), &[both])
    }

    fn example() -> Self {
        Self { out_channels: 16, stride: 1 }
    }

    fn at(&self, index: usize, _count: usize, _in_channels: usize) -> Self {
        Self { stride: if index == 0 { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

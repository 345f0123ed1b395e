//! Bottleneck of a 1x1 and a 3x3 convolution, as kindle and YOLO have it.

use lightcrest_graph::network::{Activation, Conv2d, Network, NetworkError, NodeId};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{conv_bn_act, expanded, flag, one, optional_activation, pointwise, relu, residual, yes};

/// A 1x1 convolution to `floor(out_channels * expansion)` channels, a 3x3 convolution to `out_channels`, and
/// the input added when `shortcut` is set and the channels agree. No stride. In a repeat all but the last
/// keep the channels that arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BottleneckConfig {
    /// Channels written.
    pub out_channels: usize,
    /// Whether the input is added when it has `out_channels` channels.
    #[serde(default = "yes", deserialize_with = "flag")]
    pub shortcut: bool,
    /// Groups of the 3x3 convolution.
    #[serde(default = "one")]
    pub groups: usize,
    /// Inner channels over `out_channels`.
    #[serde(default = "half")]
    pub expansion: f64,
    /// Activation after each convolution, ReLU by default; null or `"None"` for none.
    #[serde(default = "relu", deserialize_with = "optional_activation")]
    pub activation: Option<Activation>,
}

fn half() -> f64 {
    0.5
}

impl Block for BottleneckConfig {
    const ARGUMENTS: &'static [&'static str] =
        &["out_channels", "shortcut", "groups", "expansion", "activation"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let hidden = expanded(path, "Bottleneck", self.out_channels, self.expansion)? as usize;
        let x = pointwise(network, &format!("{path}.reduce"), hidden, self.activation, input)?;
        let conv = Conv2d::new(hidden, self.out_channels, 3, 1).with_groups(self.groups);
        let x = conv_bn_act(network, &format!("{path}.expand"), conv, self.activation, x)?;
        if self.shortcut { residual(network, path, 1, input, x) } else { Ok(x) }
    }

    fn example() -> Self {
        Self { out_channels: 16, shortcut: true, groups: 1, expansion: 0.5, activation: relu() }
    }

    fn at(&self, index: usize, count: usize, in_channels: usize) -> Self {
        let out_channels = if index + 1 == count { self.out_channels } else { in_channels };
        Self { out_channels, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

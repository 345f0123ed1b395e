//! Ghost bottleneck of GhostNet (Han et al. 2020).

use lightcrest_graph::network::{Activation, Network, NetworkError, NodeId, Op, Slice};
use serde::{Deserialize, Serialize};

use super::layer::{depthwise, expanded, flag, one, pointwise, squeeze_excite};
use super::{Block, make_divisible};

/// A ghost module up to `h = make_divisible(in * expansion, 8)` channels, a depthwise convolution when the
/// stride is above 1, squeeze and excitation with `make_divisible(h / 4, 4)` channels if asked for, a linear
/// ghost module to `out_channels`, plus a shortcut: the input itself, or a depthwise and a 1x1 convolution
/// when the stride or the channels change. In a repeat the first one has the stride.
///
/// A ghost module makes half of its channels by a 1x1 convolution and the others from them by a 3x3 depthwise
/// one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GhostBottleneckConfig {
    /// Size of the depthwise kernel that has the stride, and of the shortcut's.
    pub kernel: usize,
    /// Inner channels over the channels that arrive.
    pub expansion: f64,
    /// Channels written.
    pub out_channels: usize,
    /// Whether squeeze and excitation follows (true, false, 1 or 0).
    #[serde(default, deserialize_with = "flag")]
    pub squeeze_excite: bool,
    /// Step.
    #[serde(default = "one")]
    pub stride: usize,
}

/// Half of the channels by a 1x1 convolution, the rest by a cheap depthwise one on them.
fn ghost_module(
    network: &mut Network,
    path: &str,
    out_channels: usize,
    act: Option<Activation>,
    input: NodeId,
) -> Result<NodeId, NetworkError> {
    let half = out_channels.div_ceil(2);
    let primary = pointwise(network, &format!("{path}.primary"), half, act, input)?;
    let cheap = depthwise(network, &format!("{path}.cheap"), 3, 1, act, primary)?;
    let both = network.push(format!("{path}.concat"), Op::Concat, &[primary, cheap])?;
    if 2 * half == out_channels {
        return Ok(both);
    }
    network.push(format!("{path}.slice"), Op::Slice(Slice { start: 0, len: out_channels }), &[both])
}

impl Block for GhostBottleneckConfig {
    const ARGUMENTS: &'static [&'static str] =
        &["kernel", "expansion", "out_channels", "squeeze_excite", "stride"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let in_channels = network.shape(input).channels;
        let hidden = make_divisible(expanded(path, "GhostBottleneck", in_channels, self.expansion)?, 8);
        let act = Some(Activation::ReLU);
        let mut x = ghost_module(network, &format!("{path}.expand"), hidden, act, input)?;
        if self.stride > 1 {
            x = depthwise(network, &format!("{path}.depthwise"), self.kernel, self.stride, None, x)?;
        }
        if self.squeeze_excite {
            let squeeze = make_divisible(hidden as f64 / 4.0, 4);
            let (inner, gate) = (Activation::ReLU, Activation::Hardsigmoid);
            x = squeeze_excite(network, &format!("{path}.se"), squeeze, inner, gate, x)?;
        }
        x = ghost_module(network, &format!("{path}.project"), self.out_channels, None, x)?;
        let shortcut = if self.stride == 1 && in_channels == self.out_channels {
            input
        } else {
            let path = format!("{path}.shortcut");
            let y = depthwise(network, &format!("{path}.depthwise"), self.kernel, self.stride, None, input)?;
            pointwise(network, &format!("{path}.pointwise"), self.out_channels, None, y)?
        };
        network.push(format!("{path}.add"), Op::Add, &[shortcut, x])
    }

    fn example() -> Self {
        Self { kernel: 3, expansion: 3.0, out_channels: 16, squeeze_excite: true, stride: 1 }
    }

    fn at(&self, index: usize, _count: usize, _in_channels: usize) -> Self {
        Self { stride: if index == 0 { self.stride } else { 1 }, ..self.clone() }
    }

    fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
        Self { out_channels: width(self.out_channels), ..self.clone() }
    }
}

//! The module vocabulary: what a stage of a network can be made of.
//!
//! A module is a small configuration ([`ConvConfig`], [`InvertedResidualV2Config`], ...) that appends its
//! layers to a [`Network`]. [`Module`] is the choice between them, [`stage`] repeats one. Channel numbers in
//! a configuration are final; [`Module::scaled`] applies a width multiplier before.
//!
//! | module | positional arguments | stride in a repeat |
//! |---|---|---|
//! | `Conv` | out_channels, kernel, stride, padding (default kernel / 2), groups, activation | last |
//! | `DWConv` | out_channels, kernel, stride, padding, activation | last |
//! | `SeparableConv` | out_channels, kernel, stride, activation | first |
//! | `Bottleneck` | out_channels, shortcut, groups, expansion, activation | none; the last repeat widens |
//! | `BasicBlock` | out_channels, stride, activation | first |
//! | `InvertedResidualv2` | out_channels, expansion, stride | first |
//! | `InvertedResidualv3` | kernel, expansion, out_channels, squeeze_excite, hard_swish, stride | first |
//! | `ECAInvertedResidual` | out_channels, expansion, stride, kernel, channel_kernel | first |
//! | `MBConv`, `FusedMBConv` | expansion, out_channels, stride, kernel | first |
//! | `Fire` | squeeze, expand1x1, expand3x3 | none |
//! | `GhostBottleneck` | kernel, expansion, out_channels, squeeze_excite, stride | first |
//! | `ShuffleNetV2` | out_channels, stride | first |
//! | `MaxPool`, `AvgPool` | kernel, stride (default kernel), padding | every |
//! | `GlobalAvgPool`, `Flatten`, `Pass` | | |
//! | `Linear` | out_features, activation, bias | |
//! | `Dropout` | p | |

mod basic_block;
mod bottleneck;
mod conv;
mod dw_conv;
mod eca_inverted_residual;
mod fire;
mod fused_mb_conv;
mod ghost_bottleneck;
mod head;
mod inverted_residual_v2;
mod inverted_residual_v3;
mod layer;
mod mb_conv;
mod module;
mod pool;
mod scale;
mod separable_conv;
mod shuffle_net_v2;

pub use basic_block::BasicBlockConfig;
pub use bottleneck::BottleneckConfig;
pub use conv::ConvConfig;
pub use dw_conv::DwConvConfig;
pub use eca_inverted_residual::EcaInvertedResidualConfig;
pub use fire::FireConfig;
pub use fused_mb_conv::FusedMbConvConfig;
pub use ghost_bottleneck::GhostBottleneckConfig;
pub use head::{DropoutConfig, FlattenConfig, GlobalAvgPoolConfig, LinearConfig, PassConfig};
pub use inverted_residual_v2::InvertedResidualV2Config;
pub use inverted_residual_v3::InvertedResidualV3Config;
pub use mb_conv::MbConvConfig;
pub(crate) use module::nearest;
pub use module::{Module, ModuleError};
pub use pool::{AvgPoolConfig, MaxPoolConfig};
pub use scale::{make_divisible, scaled_repeat};
pub use separable_conv::SeparableConvConfig;
pub use shuffle_net_v2::ShuffleNetV2Config;

use lightcrest_graph::network::{Network, NetworkError, NodeId};

/// A configuration that appends layers to a network.
pub trait Block: Clone + serde::Serialize + serde::de::DeserializeOwned {
    /// Fields in the order in which they are written without their names.
    const ARGUMENTS: &'static [&'static str];

    /// Appends the layers under `path` and returns the last of them (`input` itself when there is none).
    ///
    /// # Errors
    /// Whatever [`Network::push`] finds wrong with a layer, or [`NetworkError::Module`].
    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError>;

    /// A working configuration, the one that examples and tests use.
    fn example() -> Self;

    /// The configuration of repetition `index` of `count` when `in_channels` arrive.
    fn at(&self, _index: usize, _count: usize, _in_channels: usize) -> Self {
        self.clone()
    }

    /// The same module with every channel number passed through `width`.
    fn scaled(&self, _width: &dyn Fn(usize) -> usize) -> Self {
        self.clone()
    }
}

/// Appends `repeat` copies of a module as `PATH.0`, `PATH.1`, ... and returns the last layer.
///
/// # Errors
/// Whatever [`Module::build`] finds wrong.
pub fn stage(
    network: &mut Network,
    path: &str,
    module: &Module,
    repeat: usize,
    input: NodeId,
) -> Result<NodeId, NetworkError> {
    let mut last = input;
    for index in 0..repeat {
        let in_channels = network.shape(last).channels;
        last = module.at(index, repeat, in_channels).build(network, &format!("{path}.{index}"), last)?;
    }
    Ok(last)
}

#[cfg(test)]
mod published_test;
#[cfg(test)]
mod test;

//! The small ones: what ends a network, and what does nothing.

use lightcrest_graph::network::{Activation, Dropout, Linear, Network, NetworkError, NodeId, Op};
use serde::{Deserialize, Serialize};

use super::Block;
use super::layer::{flag, optional_activation, yes};

/// Mean over all positions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAvgPoolConfig {}

/// A map to a vector, channel-major.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlattenConfig {}

/// The identity; adds no layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassConfig {}

/// Zeroes values in training with probability `p`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutConfig {
    /// Probability, in [0, 1).
    pub p: f32,
}

/// A fully connected layer on a vector or a (c, 1, 1) map. A width multiplier leaves it alone: it is the
/// classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearConfig {
    /// Features written.
    pub out_features: usize,
    /// Activation, none by default.
    #[serde(default, deserialize_with = "optional_activation")]
    pub activation: Option<Activation>,
    /// Whether a bias is added.
    #[serde(default = "yes", deserialize_with = "flag")]
    pub bias: bool,
}

impl Block for GlobalAvgPoolConfig {
    const ARGUMENTS: &'static [&'static str] = &[];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        network.push(format!("{path}.pool"), Op::GlobalAvgPool, &[input])
    }

    fn example() -> Self {
        Self {}
    }
}

impl Block for FlattenConfig {
    const ARGUMENTS: &'static [&'static str] = &[];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        network.push(format!("{path}.flatten"), Op::Flatten, &[input])
    }

    fn example() -> Self {
        Self {}
    }
}

impl Block for PassConfig {
    const ARGUMENTS: &'static [&'static str] = &[];

    fn build(&self, _network: &mut Network, _path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        Ok(input)
    }

    fn example() -> Self {
        Self {}
    }
}

impl Block for DropoutConfig {
    const ARGUMENTS: &'static [&'static str] = &["p"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        network.push(format!("{path}.dropout"), Op::Dropout(Dropout { p: self.p }), &[input])
    }

    fn example() -> Self {
        Self { p: 0.2 }
    }
}

impl Block for LinearConfig {
    const ARGUMENTS: &'static [&'static str] = &["out_features", "activation", "bias"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let in_features = network.shape(input).channels;
        let op = Op::Linear(Linear { in_features, out_features: self.out_features, bias: self.bias });
        let x = network.push(format!("{path}.linear"), op, &[input])?;
        match self.activation {
            Some(activation) => network.push(format!("{path}.act"), Op::Activation(activation), &[x]),
            None => Ok(x),
        }
    }

    fn example() -> Self {
        Self { out_features: 10, activation: None, bias: true }
    }
}

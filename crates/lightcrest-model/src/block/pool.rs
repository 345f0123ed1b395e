//! Pooling over windows.

use lightcrest_graph::network::{Network, NetworkError, NodeId, Op, Pool2d, PoolKind};
use serde::{Deserialize, Serialize};

use super::Block;

/// Maximum over square windows. Every repetition has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPoolConfig {
    /// Size of the window.
    pub kernel: usize,
    /// Step; `kernel` when absent.
    #[serde(default)]
    pub stride: Option<usize>,
    /// Padding on each side.
    #[serde(default)]
    pub padding: usize,
}

/// Average over square windows; padding counts as zeros. Every repetition has the stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPoolConfig {
    /// Size of the window.
    pub kernel: usize,
    /// Step; `kernel` when absent.
    #[serde(default)]
    pub stride: Option<usize>,
    /// Padding on each side.
    #[serde(default)]
    pub padding: usize,
}

fn pool(kind: PoolKind, kernel: usize, stride: Option<usize>, padding: usize) -> Op {
    let stride = stride.unwrap_or(kernel);
    Op::Pool2d(Pool2d::new(kind, kernel, stride, padding))
}

impl Block for MaxPoolConfig {
    const ARGUMENTS: &'static [&'static str] = &["kernel", "stride", "padding"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let pool = pool(PoolKind::Max, self.kernel, self.stride, self.padding);
        network.push(format!("{path}.pool"), pool, &[input])
    }

    fn example() -> Self {
        Self { kernel: 3, stride: Some(2), padding: 1 }
    }
}

impl Block for AvgPoolConfig {
    const ARGUMENTS: &'static [&'static str] = &["kernel", "stride", "padding"];

    fn build(&self, network: &mut Network, path: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        let pool = pool(PoolKind::Average, self.kernel, self.stride, self.padding);
        network.push(format!("{path}.pool"), pool, &[input])
    }

    fn example() -> Self {
        Self { kernel: 3, stride: Some(2), padding: 1 }
    }
}

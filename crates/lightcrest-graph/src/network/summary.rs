//! A table of the layers of a network, as rows of data.

use super::{Network, Shape};

/// One layer of a summary.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SummaryRow {
    /// Path of the layer.
    pub path: String,
    /// Operator, with what distinguishes it: `Conv2d 3x3/2 g4`.
    pub operator: String,
    /// Shape of the output, `channels x height x width`.
    pub output: Shape,
    /// Trainable values.
    pub parameters: u64,
    /// Multiply-accumulates of one image.
    pub macs: u64,
}

impl Network {
    /// The layers in order, the input first. Their parameters and MACs add up to [`Network::cost`].
    pub fn summary(&self) -> Vec<SummaryRow> {
        let costs = self.layer_costs();
        let rows = self.nodes().iter().zip(costs).enumerate().map(|(id, (node, cost))| SummaryRow {
            path: node.name.clone(),
            operator: node.op.describe(),
            output: self.shape(id),
            parameters: cost.parameters,
            macs: cost.macs,
        });
        rows.collect()
    }
}

#[cfg(test)]
mod test {
    use crate::testing;

    #[test]
    fn rows_add_up_to_the_cost() {
        let network = testing::classifier();
        let (rows, cost) = (network.summary(), network.cost());
        assert_eq!(rows.iter().map(|row| row.macs).sum::<u64>(), cost.macs);
        assert_eq!(rows.iter().map(|row| row.parameters).sum::<u64>(), cost.parameters);
        let row = |path: &str| rows.iter().find(|row| row.path == path).unwrap();
        assert_eq!(row("stem.conv").operator, "Conv2d 3x3/2");
        assert_eq!(row("stem.conv").output.to_string(), "8x8x8");
        assert_eq!(row("depthwise.conv").operator, "DepthwiseConv2d 3x3");
        assert_eq!(row("branch.conv").operator, "Conv2d 3x3 g2");
        assert_eq!(row("right").operator, "Slice 4..8");
    }
}

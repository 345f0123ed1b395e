//! A table of the layers of a network, as rows of data.

use super::{Network, Op, Shape};

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
            operator: describe(&node.op),
            output: self.shape(id),
            parameters: cost.parameters,
            macs: cost.macs,
        });
        rows.collect()
    }
}

/// Name and window, stride (after `/`) and groups (after `g`) of an operator.
fn describe(op: &Op) -> String {
    let sizes = |kernel: (usize, usize), stride: (usize, usize)| {
        let step = match stride {
            (1, 1) => String::new(),
            (rows, columns) if rows == columns => format!("/{rows}"),
            (rows, columns) => format!("/{rows}x{columns}"),
        };
        format!(" {}x{}{step}", kernel.0, kernel.1)
    };
    let detail = match op {
        Op::Conv2d(c) if c.groups > 1 && !c.is_depthwise() => {
            format!("{} g{}", sizes(c.kernel, c.stride), c.groups)
        }
        Op::Conv2d(c) => sizes(c.kernel, c.stride),
        Op::MaxPool(p) | Op::AvgPool(p) => sizes(p.kernel, p.stride),
        Op::Dropout { p } => format!(" {p}"),
        Op::Slice { start, len } => format!(" {start}..{}", start + len),
        Op::ChannelShuffle { groups } => format!(" g{groups}"),
        Op::ChannelConv { kernel } => format!(" {kernel}"),
        _ => String::new(),
    };
    format!("{}{detail}", op.name())
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

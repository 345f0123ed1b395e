//! What a network costs to store and to run, counted exactly from the graph.
//!
//! Conventions:
//! - **MACs** are multiply-accumulates of one image: a convolution has `Ho * Wo * kh * kw * (Cin / groups) *
//!   Cout`, a linear layer `in * out`, a convolution across channels `kernel * C`. Adding a bias, batch
//!   normalisation, activations, pooling, gates and sums count zero, as in the tables of papers. FLOPs are
//!   twice the MACs.
//! - **parameters** are trainable values: running statistics of batch normalisation are not among them.
//! - **model bytes** are all values as f32, running statistics included.
//! - **peak activation bytes** is the largest sum of f32 values that are alive at once when the layers run
//!   one after the other, in the order of the graph, on one image. A value lives from the layer that writes
//!   it to the last that reads it; while a layer runs, its inputs and its output are both alive. Dropout (the
//!   identity in inference) and flatten share the memory of their input; batch normalisation, activations and
//!   gates run in place when no later layer reads their first input.

use super::{Network, NodeId, Op};
use crate::operator::{Placement, product};

/// Cost of a network, or of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// Multiply-accumulates of one image.
    pub macs: u64,
    /// Trainable values.
    pub parameters: u64,
    /// Bytes of all values as f32, running statistics included.
    pub model_bytes: u64,
    /// Largest sum of bytes of activations alive at once, for one image; of one layer: what is alive while it
    /// runs.
    pub peak_activation_bytes: u64,
}

impl Network {
    /// Cost of the whole network on one image.
    pub fn cost(&self) -> Cost {
        self.layer_costs().iter().fold(Cost::default(), |sum, layer| Cost {
            macs: sum.macs.saturating_add(layer.macs),
            parameters: sum.parameters.saturating_add(layer.parameters),
            model_bytes: sum.model_bytes.saturating_add(layer.model_bytes),
            peak_activation_bytes: sum.peak_activation_bytes.max(layer.peak_activation_bytes),
        })
    }

    /// Cost of each node, in the order of [`Network::nodes`].
    pub fn layer_costs(&self) -> Vec<Cost> {
        let live = live_bytes(self);
        self.nodes()
            .iter()
            .enumerate()
            .map(|(id, node)| {
                let (parameters, buffers) = values(&node.op);
                Cost {
                    macs: node.op.macs(self.shape(id)),
                    parameters,
                    model_bytes: parameters.saturating_add(buffers).saturating_mul(4),
                    peak_activation_bytes: live[id],
                }
            })
            .collect()
    }
}

/// Trainable values and running statistics of one layer.
fn values(op: &Op) -> (u64, u64) {
    let (mut trained, mut updated) = (0u64, 0u64);
    op.tensors(|role| {
        let total = if role.trained { &mut trained } else { &mut updated };
        *total = total.saturating_add(product(role.shape));
    });
    (trained, updated)
}

/// Bytes alive while each node runs.
fn live_bytes(network: &Network) -> Vec<u64> {
    let nodes = network.nodes();
    // A value is known by the node that allocated it; `owner` follows shared memory back to it.
    let mut owner: Vec<NodeId> = (0..nodes.len()).collect();
    let mut last_reader = last_readers(network);
    let size = |id: NodeId| (network.shape(id).len() as u64).saturating_mul(4);
    let mut live = vec![0u64; nodes.len()];
    let mut alive = 0u64;
    for (id, node) in nodes.iter().enumerate() {
        let source = node.inputs.first().map(|&input| owner[input]);
        let shared = source.filter(|&source| match node.op.placement() {
            Placement::Own => false,
            Placement::Shared => true,
            Placement::InPlace => last_reader[source] == id,
        });
        if let Some(source) = shared {
            owner[id] = source;
            last_reader[source] = last_reader[source].max(last_reader[id]);
        } else {
            alive = alive.saturating_add(size(id));
        }
        live[id] = alive;
        let mut released: Vec<NodeId> =
            node.inputs.iter().map(|&input| owner[input]).chain([owner[id]]).collect();
        released.sort_unstable();
        released.dedup();
        for value in released {
            if last_reader[value] <= id {
                alive = alive.saturating_sub(size(value));
            }
        }
    }
    live
}

/// The last node that reads each value; a value that nobody reads dies at once, the output never.
fn last_readers(network: &Network) -> Vec<NodeId> {
    let readers = network.readers();
    let mut last: Vec<NodeId> =
        readers.iter().enumerate().map(|(id, list)| list.last().copied().unwrap_or(id)).collect();
    last[network.output()] = usize::MAX;
    last
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::network::{Activation, BatchNorm, Conv2d, Linear, Shape};

    /// Input 3x8x8; conv 3x3 to 4, BN, ReLU; conv 1x1 to 4 with bias; add; pool; linear to 2.
    fn small() -> Network {
        let mut n = Network::new(Shape::new(3, 8, 8));
        let a = n.push("a", Op::Conv2d(Conv2d::new(3, 4, 3, 1)), &[0]).unwrap();
        let b = n.push("b", Op::BatchNorm(BatchNorm::new(4)), &[a]).unwrap();
        let c = n.push("c", Op::Activation(Activation::ReLU), &[b]).unwrap();
        let d = n.push("d", Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(4, 4, 1, 1) }), &[c]).unwrap();
        let e = n.push("e", Op::Add, &[c, d]).unwrap();
        let f = n.push("f", Op::GlobalAvgPool, &[e]).unwrap();
        let g = n.push("g", Op::Flatten, &[f]).unwrap();
        n.push("h", Op::Linear(Linear { in_features: 4, out_features: 2, bias: true }), &[g]).unwrap();
        n
    }

    #[test]
    fn counts_by_hand() {
        let cost = small().cost();
        assert_eq!(cost.macs, 64 * 9 * 3 * 4 + 64 * 4 * 4 + 4 * 2);
        assert_eq!(cost.parameters, 9 * 3 * 4 + 2 * 4 + (4 * 4 + 4) + (4 * 2 + 2));
        assert_eq!(cost.model_bytes, 4 * (cost.parameters + 2 * 4));
    }

    #[test]
    fn liveness_by_hand() {
        let live: Vec<u64> = small().layer_costs().iter().map(|c| c.peak_activation_bytes / 4).collect();
        // input 192; a joins it with 256; b and c in place; d beside c; e beside both; f beside e; g is f; h
        // beside it.
        assert_eq!(live, [192, 192 + 256, 256, 256, 512, 768, 260, 4, 6]);
    }
}

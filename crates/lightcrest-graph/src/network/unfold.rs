//! Batch normalisation put back where it was folded away, for training: the same function, which learns as
//! the network did before an exporter folded it.
//!
//! | symbol | meaning |
//! |---|---|
//! | w, b | weight and bias of a convolution |
//! | m, v | mean and variance of what w alone gives, over training images |
//!
//! With γ = √(v + ε) and β = m + b the normalisation γ (w x - m) / √(v + ε) + β is w x + b: what was there,
//! in inference. In training the batch gives m and v, so that the scale of w counts no longer (Ioffe &
//! Szegedy 2015). Folding it again ([`Network::fold_batch_norm`]) leaves a convolution with a bias.

use std::collections::BTreeMap;

use super::{BatchNorm, Conv2d, Network, NetworkError, Node, NodeId, Op, Tensor, Weights};

/// The places of a network where a batch normalisation may have been folded away: convolutions with a bias
/// whose output is a map that no layer normalises. Those that are frozen, that work on single pixels (as
/// gates do) and those that give the classes are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldedNorms {
    /// Paths of the normalisations, by the convolutions that they belong behind.
    paths: BTreeMap<NodeId, String>,
}

impl FoldedNorms {
    /// Those of `network`.
    pub fn of(network: &Network) -> Self {
        let readers = network.readers();
        let nodes = network.nodes();
        let is_place = |&(id, node): &(NodeId, &Node)| {
            let any = |test: fn(&Op) -> bool| readers[id].iter().any(|&reader| test(&nodes[reader].op));
            matches!(node.op, Op::Conv2d(Conv2d { bias: true, .. }))
                && !node.frozen
                && id != network.output()
                && network.shape(id).area() > 1
                && any(|op| !matches!(op, Op::GlobalAvgPool | Op::Flatten))
                && !any(|op| matches!(op, Op::BatchNorm(_) | Op::GroupNorm(_) | Op::LayerNorm(_)))
        };
        let path =
            |(id, node): (NodeId, &Node)| (id, network.free_path(&format!("{}/batch_norm", node.name)));
        Self { paths: nodes.iter().enumerate().filter(is_place).map(path).collect() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The path of what computes in the restored network what a node of this one does.
    pub fn path<'a>(&'a self, network: &'a Network, id: NodeId) -> &'a str {
        self.paths.get(&id).unwrap_or(&network.nodes()[id].name)
    }

    /// The network with normalisations that nobody reads, and everything else frozen: passes in training give
    /// their running statistics, those of the convolutions' outputs.
    ///
    /// # Errors
    /// [`NetworkError`] when `network` is not the one that this is of.
    pub fn observed(&self, network: &Network, weights: &Weights) -> Result<(Network, Weights), NetworkError> {
        let (mut observed, mut weights) = (network.clone(), weights.clone());
        for (&conv, path) in &self.paths {
            let norm = BatchNorm::new(network.shape(conv).channels);
            observed.push(path.clone(), Op::BatchNorm(norm), &[conv])?;
            for (role, value) in [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)]
            {
                weights.insert(format!("{path}.{role}"), Tensor::full(vec![norm.channels], value));
            }
        }
        observed.set_output(network.output());
        observed.freeze(|path| network.find(path).is_some());
        Ok((observed, weights))
    }

    /// The network with the normalisations in their places; `statistics` are the weights of
    /// [`FoldedNorms::observed`] after passes over training images.
    ///
    /// # Errors
    /// [`NetworkError`] when `network` is not the one that this is of, or the statistics are not.
    pub fn restored(
        &self,
        network: &Network,
        statistics: &Weights,
    ) -> Result<(Network, Weights), NetworkError> {
        let mut restored = Network::new(network.input_shape());
        let mut weights = Weights::new();
        let mut place: Vec<NodeId> = vec![0; network.nodes().len()];
        for (id, node) in network.nodes().iter().enumerate().skip(1) {
            let inputs: Vec<NodeId> = node.inputs.iter().map(|&input| place[input]).collect();
            let path = self.paths.get(&id);
            let op = match (&node.op, path) {
                (Op::Conv2d(conv), Some(_)) => Op::Conv2d(Conv2d { bias: false, ..*conv }),
                (op, _) => op.clone(),
            };
            for (role, _) in op.parameters().into_iter().chain(op.buffers()) {
                let name = format!("{}.{role}", node.name);
                if let Some(tensor) = statistics.get(&name) {
                    weights.insert(name, tensor.clone());
                }
            }
            place[id] = restored.push(node.name.clone(), op, &inputs)?;
            if let Some(path) = path {
                let norm = BatchNorm::new(network.shape(id).channels);
                place[id] = restored.push(path.clone(), Op::BatchNorm(norm), &[place[id]])?;
                normalize(&mut weights, statistics, (&node.name, path), norm);
            }
        }
        restored.set_output(place[network.output()]);
        let frozen = |path: &str| network.find(path).is_some_and(|id| network.nodes()[id].frozen);
        restored.freeze(frozen);
        weights.check(&restored)?;
        Ok((restored, weights))
    }

    /// The weights of the network that `restored` was made of.
    ///
    /// # Errors
    /// [`NetworkError::Weight`] when `weights` are not those of `restored`.
    pub fn folded(&self, restored: &Network, weights: &Weights) -> Result<Weights, NetworkError> {
        let of_these = |path: &str| self.paths.values().any(|other| other == path);
        restored.fold_batch_norms(weights, &of_these).map(|(_, folded)| folded)
    }
}

/// The normalisation at which `conv` computes what it did.
fn normalize(weights: &mut Weights, statistics: &Weights, (conv, path): (&str, &str), norm: BatchNorm) {
    let values = |name: String| statistics.get(&name).map(|tensor| tensor.data.clone()).unwrap_or_default();
    let bias = values(format!("{conv}.bias"));
    // the statistics are those of outputs with the bias
    let beta = values(format!("{path}.running_mean"));
    let var = values(format!("{path}.running_var"));
    let mean = beta.iter().zip(&bias).map(|(m, b)| m - b).collect();
    let gamma = var.iter().map(|&v| (f64::from(v) + norm.epsilon).sqrt() as f32).collect();
    for (role, data) in [("weight", gamma), ("bias", beta), ("running_mean", mean), ("running_var", var)] {
        weights.insert(format!("{path}.{role}"), Tensor { shape: vec![norm.channels], data });
    }
}

#[cfg(test)]
mod test {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::network::reference::evaluate;
    use crate::network::{Activation, Linear, Shape};
    use crate::testing;

    fn biased(inputs: usize, outputs: usize, kernel: usize) -> Op {
        Op::Conv2d(Conv2d { bias: true, ..Conv2d::new(inputs, outputs, kernel, 1) })
    }

    fn paths(network: &Network) -> Vec<String> {
        FoldedNorms::of(network).paths.into_values().collect()
    }

    #[test]
    fn what_was_folded_is_put_back_and_nothing_else() {
        // gates, slices and sums, after the batch normalisations were folded
        let network = testing::classifier();
        let norms = |network: &Network| {
            network.nodes().iter().filter(|node| matches!(node.op, Op::BatchNorm(_))).count()
        };
        let (folded, _) = network.fold_batch_norm(&testing::weights(&network)).unwrap();
        assert_eq!((norms(&network), norms(&folded)), (3, 0));
        let convs = ["stem.conv", "depthwise.conv", "branch.conv"];
        assert_eq!(paths(&folded), convs.map(|conv| format!("{conv}/batch_norm")));
        assert_eq!(paths(&network), [""; 0], "they stand there already");
        let mut frozen = folded;
        frozen.freeze(|path| path == "stem.conv");
        assert_eq!(paths(&frozen).len(), 2);
    }

    #[test]
    fn convolutions_that_give_the_classes_are_left_alone() {
        let mut network = Network::new(Shape::new(2, 4, 4));
        let a = network.push("a", biased(2, 3, 3), &[0]).unwrap();
        let b = network.push("b", Op::Activation(Activation::ReLU), &[a]).unwrap();
        let c = network.push("c", biased(3, 4, 1), &[b]).unwrap();
        network.push("d", Op::GlobalAvgPool, &[c]).unwrap();
        assert_eq!(paths(&network), ["a/batch_norm"]);
    }

    #[test]
    fn a_network_put_back_and_folded_computes_the_same() {
        let mut network = Network::new(Shape::new(2, 4, 4));
        let a = network.push("a", biased(2, 3, 3), &[0]).unwrap();
        let b = network.push("b", Op::Activation(Activation::ReLU), &[a]).unwrap();
        // read twice
        let c = network.push("c", biased(3, 3, 3), &[b]).unwrap();
        let d = network.push("d", Op::Activation(Activation::ReLU6), &[c]).unwrap();
        let e = network.push("e", Op::Add, &[c, d]).unwrap();
        let f = network.push("f", Op::Flatten, &[e]).unwrap();
        let linear = Linear { in_features: 48, out_features: 2, bias: true };
        network.push("g", Op::Linear(linear), &[f]).unwrap();
        let weights = Weights::random(&network, &mut ChaCha8Rng::seed_from_u64(1));

        let norms = FoldedNorms::of(&network);
        let (observed, mut statistics) = norms.observed(&network, &weights).unwrap();
        assert_eq!(observed.output_shape(), network.output_shape());
        for (name, values) in [("a", [0.3, -2.0, 0.0]), ("c", [1.0, 5.0, 0.1])]
            .map(|(conv, v)| (format!("{conv}/batch_norm"), v))
        {
            statistics.get_mut(&format!("{name}.running_mean")).unwrap().data = values.to_vec();
            statistics.get_mut(&format!("{name}.running_var")).unwrap().data =
                values.map(|v: f32| v.abs()).to_vec();
        }
        let (restored, inside) = norms.restored(&network, &statistics).unwrap();
        assert_eq!(restored.nodes().len(), network.nodes().len() + 2);
        let image: Vec<f32> = (0..32u8).map(|i| f32::from(i % 7) - 3.0).collect();
        let run = |network: &Network, weights: &Weights| evaluate(network, weights, &image).unwrap();
        let expected = run(&network, &weights);
        let near =
            |found: &[f32]| found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5 * (1.0 + b.abs()));
        assert!(near(&run(&restored, &inside)));
        let folded = norms.folded(&restored, &inside).unwrap();
        folded.check(&network).unwrap();
        assert!(near(&run(&network, &folded)));
    }
}

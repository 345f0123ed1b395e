//! Batch normalisation folded into the convolution or linear layer before it: the same function, fewer
//! layers.
//!
//! In inference, `y = gamma * (w x + b - mean) / sqrt(var + eps) + beta` is one affine map: with
//! `scale = gamma / sqrt(var + eps)`, the weight becomes `w * scale` per output channel and the bias
//! `(b - mean) * scale + beta` (Jacob et al. 2018, section 3.2).

use super::{BATCH_NORM_EPSILON, Conv2d, Linear, Network, NetworkError, NodeId, Op, Tensor, Weights};

impl Network {
    /// The network and its weights with every batch normalisation folded whose input is a convolution or a
    /// linear layer that nothing else reads; such a layer gets a bias. The others stay.
    ///
    /// # Errors
    /// [`NetworkError::Weight`] when `weights` are not those of this network.
    pub fn fold_batch_norm(&self, weights: &Weights) -> Result<(Network, Weights), NetworkError> {
        self.fold_batch_norms(weights, &|_| true)
    }

    /// [`Network::fold_batch_norm`] of the normalisations that `chosen` says, by their paths.
    pub(super) fn fold_batch_norms(
        &self,
        weights: &Weights,
        chosen: &dyn Fn(&str) -> bool,
    ) -> Result<(Network, Weights), NetworkError> {
        weights.check(self)?;
        let only_reader = self.only_readers();
        let mut folded_by: Vec<Option<NodeId>> = vec![None; self.nodes().len()];
        for (id, node) in self.nodes().iter().enumerate() {
            if let (Op::BatchNorm(_), [input]) = (&node.op, node.inputs.as_slice())
                && with_bias(&self.nodes()[*input].op).is_some()
                && only_reader[*input] == Some(id)
                && chosen(&node.name)
            {
                folded_by[*input] = Some(id);
            }
        }

        let mut network = Network::new(self.input_shape());
        let mut folded = Weights::new();
        let mut new_id: Vec<NodeId> = vec![0; self.nodes().len()];
        for (id, node) in self.nodes().iter().enumerate().skip(1) {
            if let Some(&input) = node.inputs.first().filter(|&&input| folded_by[input] == Some(id)) {
                new_id[id] = new_id[input];
                continue;
            }
            let inputs: Vec<NodeId> = node.inputs.iter().map(|&input| new_id[input]).collect();
            let norm = folded_by[id].map(|norm| self.nodes()[norm].name.as_str());
            let op = norm.and_then(|_| with_bias(&node.op)).unwrap_or_else(|| node.op.clone());
            new_id[id] = network.push(node.name.clone(), op, &inputs)?;
            for (role, _) in node.op.parameters().into_iter().chain(node.op.buffers()) {
                let name = format!("{}.{role}", node.name);
                if let Some(tensor) = weights.get(&name) {
                    folded.insert(name, tensor.clone());
                }
            }
            if let Some(norm) = norm {
                let epsilon = match &self.nodes()[self.find(norm).expect("it is a node")].op {
                    Op::BatchNorm(norm) => norm.epsilon,
                    _ => BATCH_NORM_EPSILON,
                };
                fold(&mut folded, weights, &node.name, (norm, epsilon));
            }
        }
        network.set_output(new_id[self.output()]);
        folded.check(&network)?;
        Ok((network, folded))
    }
}

/// The operator with a bias, when it is an affine map of each output channel, which takes a normalisation in.
fn with_bias(op: &Op) -> Option<Op> {
    match op {
        Op::Conv2d(conv) => Some(Op::Conv2d(Conv2d { bias: true, ..*conv })),
        Op::Linear(linear) => Some(Op::Linear(Linear { bias: true, ..*linear })),
        Op::Input(_)
        | Op::BatchNorm(_)
        | Op::Activation(_)
        | Op::Pool2d(_)
        | Op::GlobalAvgPool
        | Op::Flatten
        | Op::Dropout(_)
        | Op::Add
        | Op::Gate
        | Op::Concat
        | Op::Slice(_)
        | Op::ChannelShuffle(_)
        | Op::ChannelConv(_)
        | Op::Mul
        | Op::ConvTranspose2d(_)
        | Op::Affine(_)
        | Op::LayerNorm(_)
        | Op::LocalNorm(_)
        | Op::PRelu(_)
        | Op::Gather(_)
        | Op::Pad(_)
        | Op::Upsample(_)
        | Op::PixelShuffle(_)
        | Op::GroupNorm(_)
        | Op::Interpolate(_) => None,
    }
}

/// Scales the weight of `layer` and gives it the bias, in f64.
fn fold(folded: &mut Weights, weights: &Weights, layer: &str, (norm, epsilon): (&str, f64)) {
    let values = |role: &str| {
        let tensor = weights.get(&format!("{norm}.{role}"));
        tensor
            .map(|tensor| tensor.data.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>())
            .unwrap_or_default()
    };
    let (gamma, beta, mean, var) =
        (values("weight"), values("bias"), values("running_mean"), values("running_var"));
    let scale: Vec<f64> = gamma.iter().zip(&var).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
    if let Some(weight) = folded.get_mut(&format!("{layer}.weight")) {
        let row = weight.data.len() / scale.len().max(1);
        for (row, scale) in weight.data.chunks_exact_mut(row.max(1)).zip(&scale) {
            row.iter_mut().for_each(|w| *w = (f64::from(*w) * scale) as f32);
        }
    }
    let name = format!("{layer}.bias");
    let before = weights.get(&name);
    let bias = (0..scale.len()).map(|c| {
        let b = before.map_or(0.0, |tensor| f64::from(tensor.data[c]));
        ((b - mean[c]) * scale[c] + beta[c]) as f32
    });
    let bias = Tensor { shape: vec![scale.len()], data: bias.collect() };
    folded.insert(name, bias);
}

#[cfg(test)]
mod test {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::network::{BatchNorm, Shape};

    #[test]
    fn a_convolution_read_twice_keeps_its_normalisation() {
        let mut network = Network::new(Shape::new(2, 4, 4));
        let conv = network.push("conv", Op::Conv2d(Conv2d::new(2, 2, 3, 1)), &[0]).unwrap();
        let norm = network.push("bn", Op::BatchNorm(BatchNorm::new(2)), &[conv]).unwrap();
        network.push("add", Op::Add, &[conv, norm]).unwrap();
        let weights = Weights::random(&network, &mut ChaCha8Rng::seed_from_u64(1));
        let (folded, _) = network.fold_batch_norm(&weights).unwrap();
        assert_eq!(folded, network);
    }

    #[test]
    fn foreign_weights_are_an_error() {
        let mut network = Network::new(Shape::new(2, 4, 4));
        network.push("bn", Op::BatchNorm(BatchNorm::new(2)), &[0]).unwrap();
        assert!(matches!(network.fold_batch_norm(&Weights::new()), Err(NetworkError::Weight { .. })));
    }
}

//! The numbers of a network, by name.

use std::collections::BTreeMap;

use rand::Rng;
use rand_distr::{Distribution, Uniform};

use super::{Network, NetworkError, Op};

/// A dense array of f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Values; as many as the product of `shape`.
    pub data: Vec<f32>,
}

impl Tensor {
    /// An array filled with one value.
    pub fn full(shape: Vec<usize>, value: f32) -> Self {
        let len = shape.iter().product();
        Self { shape, data: vec![value; len] }
    }
}

/// Tensors by name (`stage2.0.conv.weight`), in the layouts that [`Op`] documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// No tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fresh values as PyTorch draws them: weights and biases of convolutions and linear layers uniform in
    /// +-1/sqrt(fan-in), the fan-in of a convolution being that of ONE group, `kh * kw * in / groups`; batch
    /// normalisation the identity.
    ///
    /// Batch normalisation makes the scale of the weights before it a matter of the step size alone: the gradient
    /// grows as they shrink. He's scale (2015, over the fan-out) makes every step of the first epochs shorter; after
    /// three epochs of Fashion-MNIST a network of three convolutions was one to two points less accurate with it.
    pub fn init(network: &Network, rng: &mut impl Rng) -> Self {
        let mut weights = Self::new();
        for node in network.nodes() {
            let mut bound = None;
            for (role, shape) in node.op.parameters() {
                let mut tensor = Tensor::full(shape, 0.0);
                if matches!(node.op, Op::BatchNorm { .. }) {
                    tensor.data.fill(if role == "weight" { 1.0 } else { 0.0 });
                } else {
                    // the weight comes first, and its fan-in bounds the bias too
                    let bound = *bound.get_or_insert_with(|| {
                        let fan_in: usize = tensor.shape[1..].iter().product();
                        1.0 / (fan_in as f32).sqrt()
                    });
                    let uniform = Uniform::new_inclusive(-bound, bound).expect("finite bound");
                    tensor.data.iter_mut().for_each(|v| *v = uniform.sample(rng));
                }
                weights.insert(format!("{}.{role}", node.name), tensor);
            }
            for (role, shape) in node.op.buffers() {
                let value = if role == "running_var" { 1.0 } else { 0.0 };
                weights.insert(format!("{}.{role}", node.name), Tensor::full(shape, value));
            }
        }
        weights
    }

    /// [`Weights::init`] with every bias, scale and running statistic random too, as after some training: for tests of
    /// passes and exporters, which identities would let through.
    pub fn random(network: &Network, rng: &mut impl Rng) -> Self {
        let mut weights = Self::init(network, rng);
        let around_zero = Uniform::new(-0.5f32, 0.5).expect("finite bounds");
        let around_one = Uniform::new(0.5f32, 1.5).expect("finite bounds");
        for node in network.nodes() {
            let norm = matches!(node.op, Op::BatchNorm { .. });
            for (role, _) in node.op.parameters().into_iter().chain(node.op.buffers()) {
                let range = match role {
                    "running_var" => &around_one,
                    "weight" if norm => &around_one,
                    "weight" => continue,
                    _ => &around_zero,
                };
                if let Some(tensor) = weights.get_mut(&format!("{}.{role}", node.name)) {
                    tensor.data.iter_mut().for_each(|v| *v = range.sample(rng));
                }
            }
        }
        weights
    }

    /// Stores a tensor under a name, replacing what was there.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The tensor of that name, to change its values.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Tensor> {
        self.tensors.get_mut(name)
    }

    /// Every tensor with its name, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Checks that every tensor the network asks for is there in its shape.
    ///
    /// # Errors
    /// [`NetworkError::Weight`] names the first that is not.
    pub fn check(&self, network: &Network) -> Result<(), NetworkError> {
        for node in network.nodes() {
            for (role, expected) in node.op.parameters().into_iter().chain(node.op.buffers()) {
                let name = format!("{}.{role}", node.name);
                let found = self.get(&name).map(|t| t.shape.clone()).unwrap_or_default();
                if found != expected {
                    return Err(NetworkError::Weight { name, expected, found });
                }
            }
        }
        Ok(())
    }
}

//! The numbers of a network, by name.

use std::collections::BTreeMap;

use rand::Rng;
use rand_distr::{Distribution, Normal, Uniform};

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

    /// Fresh values: convolutions He-normal over the fan-out of ONE group, `kh * kw * out / groups` (He et al. 2015),
    /// linear and channel convolutions uniform in +-1/sqrt(fan-in), biases zero, batch normalisation the identity.
    ///
    /// torchvision does not divide by the groups, which makes a depthwise filter sqrt(channels) times too small; the
    /// authors' TensorFlow code of MobileNet and EfficientNet counts as here.
    pub fn init(network: &Network, rng: &mut impl Rng) -> Self {
        let mut weights = Self::new();
        for node in network.nodes() {
            for (role, shape) in node.op.parameters() {
                let mut tensor = Tensor::full(shape, 0.0);
                match (&node.op, role) {
                    (Op::Conv2d(c), "weight") => {
                        let fan_out = c.kernel.0 * c.kernel.1 * c.out_channels / c.groups;
                        let normal =
                            Normal::new(0.0, (2.0 / fan_out as f32).sqrt()).expect("finite deviation");
                        tensor.data.iter_mut().for_each(|v| *v = normal.sample(rng));
                    }
                    (Op::BatchNorm { .. }, "weight") => tensor.data.fill(1.0),
                    (Op::Linear { .. } | Op::ChannelConv { .. }, "weight") => {
                        let fan_in = tensor.shape[1..].iter().product::<usize>();
                        let bound = 1.0 / (fan_in as f32).sqrt();
                        let uniform = Uniform::new_inclusive(-bound, bound).expect("finite bound");
                        tensor.data.iter_mut().for_each(|v| *v = uniform.sample(rng));
                    }
                    _ => {}
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

//! The weights of a network: fresh ones, and whether they fit.

use rand::Rng;
use rand_distr::{Distribution, Uniform};

use super::{Network, NetworkError, Start, Tensor, Weights};

impl Weights {
    /// Fresh values as PyTorch draws them: weights and biases of convolutions and linear layers uniform in
    /// +-1/sqrt(fan-in), the fan-in of a convolution being that of ONE group, `kh * kw * in / groups`; batch
    /// normalisation the identity.
    ///
    /// Batch normalisation makes the scale of the weights before it a matter of the step size alone: the
    /// gradient grows as they shrink. He's scale (2015, over the fan-out) makes every step of the first
    /// epochs shorter; after three epochs of Fashion-MNIST a network of three convolutions was one to two
    /// points less accurate with it.
    pub fn init(network: &Network, rng: &mut impl Rng) -> Self {
        let mut weights = Self::new();
        for node in network.nodes() {
            let mut bound = None;
            node.op.tensors(|role| {
                let mut tensor = Tensor::full(role.shape.to_vec(), 0.0);
                match role.start {
                    Start::Constant(value) => tensor.data.fill(value),
                    Start::FanIn => {
                        // the weight comes first, and its fan-in bounds the bias too
                        let bound = *bound.get_or_insert_with(|| {
                            let fan_in: usize = role.shape[1..].iter().product();
                            1.0 / (fan_in as f32).sqrt()
                        });
                        let uniform = Uniform::new_inclusive(-bound, bound).expect("finite bound");
                        tensor.data.iter_mut().for_each(|v| *v = uniform.sample(rng));
                    }
                }
                weights.insert(format!("{}.{}", node.name, role.name), tensor);
            });
        }
        weights
    }

    /// [`Weights::init`] with every bias, scale and running statistic random too, as after some training: for
    /// tests of passes and exporters, which identities would let through.
    pub fn random(network: &Network, rng: &mut impl Rng) -> Self {
        let mut weights = Self::init(network, rng);
        let around_zero = Uniform::new(-0.5f32, 0.5).expect("finite bounds");
        let around_one = Uniform::new(0.5f32, 1.5).expect("finite bounds");
        for node in network.nodes() {
            node.op.tensors(|role| {
                let range = match role.start {
                    Start::FanIn if role.name == "weight" => return,
                    Start::FanIn => &around_zero,
                    Start::Constant(value) => {
                        if value == 0.0 {
                            &around_zero
                        } else {
                            &around_one
                        }
                    }
                };
                if let Some(tensor) = weights.get_mut(&format!("{}.{}", node.name, role.name)) {
                    tensor.data.iter_mut().for_each(|v| *v = range.sample(rng));
                }
            });
        }
        weights
    }

    /// Checks that every tensor the network asks for is there in its shape.
    ///
    /// # Errors
    /// [`NetworkError::Weight`] names the first that is not.
    pub fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let mut result = Ok(());
        for node in network.nodes() {
            node.op.tensors(|role| {
                let name = format!("{}.{}", node.name, role.name);
                let found = self.get(&name).map(|tensor| &tensor.shape[..]).unwrap_or_default();
                if result.is_ok() && found != role.shape {
                    let (expected, found) = (role.shape.to_vec(), found.to_vec());
                    result = Err(NetworkError::Weight { name, expected, found });
                }
            });
        }
        result
    }
}

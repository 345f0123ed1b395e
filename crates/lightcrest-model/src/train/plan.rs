//! The graph executor: a network with buffers for its parameters, gradients and activations.
//!
//! A [`Plan`] is made once for a network and a largest batch. Making it chooses every loop, layout and
//! buffer; running it allocates nothing. One plan belongs to one thread; trials run in parallel, each with
//! its own.
//!
//! The same inputs give the same bits on the same instruction set.

mod backward;
mod execute;
mod layer;
mod memory;
mod schedule;
mod step;
#[cfg(test)]
mod tests;

use pulp::Arch;
use rand::Rng;

use execute::Executor;
use layer::NormKind;
use lightcrest_graph::network::{Network, NetworkError, Tensor, Weights};

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanMode {
    /// Forward and backward passes; weights may change between passes.
    Train,
    /// Forward passes only, batch normalisation folded into the convolutions, weights fixed.
    Infer,
}

/// A trainable tensor of a plan.
pub struct ParameterMut<'a> {
    /// `NODE.ROLE`, as in [`Weights`].
    pub name: &'a str,
    /// Sizes in the layout of PyTorch, outermost first.
    pub shape: &'a [usize],
    /// Whether weight decay applies: not to biases and batch normalisation.
    pub decay: bool,
    /// Values, row-major.
    pub value: &'a mut [f32],
    /// Gradients of the last backward pass.
    pub gradient: &'a mut [f32],
}

/// A network ready to run on batches of images.
pub struct Plan {
    executor: Executor<f32, Arch>,
}

impl Plan {
    /// Plans `network` for batches of at most `batch` images on the best instruction set of this machine.
    ///
    /// # Errors
    /// [`NetworkError::Weight`] when a tensor is missing or has another shape.
    pub fn new(
        network: &Network,
        weights: &Weights,
        batch: usize,
        mode: PlanMode,
    ) -> Result<Self, NetworkError> {
        Self::with_arch(network, weights, batch, mode, Arch::new())
    }

    fn with_arch(
        network: &Network,
        weights: &Weights,
        batch: usize,
        mode: PlanMode,
        arch: Arch,
    ) -> Result<Self, NetworkError> {
        Ok(Self { executor: Executor::new(network, weights, batch, mode, arch)? })
    }

    /// Runs `n` images, channels last and dense, and returns `n` outputs, one after the other, channels last.
    ///
    /// With `training`, batch normalisation uses the statistics of these images and updates the running ones,
    /// and dropout draws from `rng`; without, `rng` is not used.
    ///
    /// # Panics
    /// When `n` exceeds the plan's batch, `images` does not hold `n` images, or `training` is asked of an
    /// inference plan.
    pub fn forward(&mut self, images: &[f32], n: usize, training: bool, rng: &mut impl Rng) -> &[f32] {
        self.executor.forward(images, n, training, rng);
        let values = self.executor.output.len() / self.executor.batch;
        &self.executor.output[..n * values]
    }

    /// Gradients of the last forward pass for the gradient of its output; overwrites those of the parameters.
    ///
    /// # Panics
    /// When `d_output` is not as long as the last output, or the plan is for inference.
    pub fn backward(&mut self, d_output: &[f32]) {
        self.executor.backward(d_output);
    }

    /// Sets the weight of the newest batch in the running statistics of every batch normalisation that is not
    /// frozen.
    pub fn set_momentum(&mut self, momentum: f64) {
        for norm in &mut self.executor.norms {
            if let NormKind::Batch(norm) = &mut norm.kind {
                norm.momentum = momentum;
            }
        }
    }

    /// Every tensor that is trained, in the order of the network; those of frozen layers are not.
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = ParameterMut<'_>> {
        self.executor.parameters.iter_mut().filter(|p| p.trained).map(|p| ParameterMut {
            name: &p.name,
            shape: &p.shape,
            decay: p.decay,
            value: &mut p.value,
            gradient: &mut p.gradient,
        })
    }

    /// The values as they are now, running statistics included.
    pub fn weights(&self) -> Weights {
        let mut weights = Weights::new();
        for p in &self.executor.parameters {
            weights.insert(p.name.clone(), Tensor { shape: p.shape.clone(), data: p.value.clone() });
        }
        for norm in self.executor.norms.iter().filter(|norm| norm.kind != NormKind::Affine) {
            for (role, data) in [("running_mean", &norm.running_mean), ("running_var", &norm.running_var)] {
                let tensor = Tensor { shape: vec![norm.channels], data: data.clone() };
                weights.insert(format!("{}.{role}", norm.name), tensor);
            }
        }
        weights
    }
}

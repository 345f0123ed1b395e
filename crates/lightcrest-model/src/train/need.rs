//! What a training needs of memory at least, before it begins.
//!
//! Counted is what no training does without, so that nothing that fits is refused:
//!
//! | what | bytes |
//! |---|---|
//! | weights: values, gradients, three packed copies, those kept of the best epoch | 4 P · 6 |
//! | state of the optimizer (momentum 1, Adam 2), average of the weights (1) | 4 P · 0 to 3 |
//! | inputs of convolutions and linear layers, kept for their gradients | 4 B · their values for one image |
//! | the images at the size of the network, where that is not their own | one byte a value |
//!
//! P is the number of trainable values, B the batch.

use lightcrest_graph::network::{Network, NodeId, Op};

use super::{OptimizerConfig, TrainConfig};
use crate::data::Splits;
use crate::memory::{Bytes, Memory};

/// A training that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "its training needs {} of memory at least ({} for weights, {} for a batch of {}{}), and {} are there",
    Bytes(need.total()), Bytes(need.weights), Bytes(need.activations), need.batch, need.images_said(), Bytes(*limit)
)]
pub struct OutOfMemory {
    /// What it needs.
    pub need: Need,
    /// What may be used, in bytes.
    pub limit: u64,
}

/// What a training needs at least, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Weights with gradients, copies and the state of the optimizer.
    pub weights: u64,
    /// Activations that are kept for the gradients.
    pub activations: u64,
    /// Images at the size of the network.
    pub images: u64,
    /// Images of a batch.
    pub batch: usize,
}

impl Need {
    /// Of a training of `network` on `data`.
    pub fn of(network: &Network, config: &TrainConfig, data: &Splits) -> Self {
        let batch = config.batch_size.min(data.train.len());
        let state = match config.optimizer {
            OptimizerConfig::Sgd { momentum: 0.0, .. } => 0,
            OptimizerConfig::Sgd { .. } => 1,
            OptimizerConfig::Adam { .. } | OptimizerConfig::AdamW { .. } => 2,
        };
        let average = u64::from(config.ema_decay.is_some());
        Self::with(network, 6 + state + average, batch, data)
    }

    /// Not less than any training of `network` on `data` needs.
    pub(crate) fn at_most(network: &Network, data: &Splits) -> Self {
        Self::with(network, 9, data.train.len(), data)
    }

    fn with(network: &Network, copies: u64, batch: usize, data: &Splits) -> Self {
        let values = network.cost().parameters;
        let readers = network.nodes().iter().filter(|node| {
            matches!(node.op, Op::Conv2d(_) | Op::Linear(_) | Op::ConvTranspose2d(_) | Op::ChannelConv(_))
        });
        let mut inputs: Vec<NodeId> = readers.map(|node| node.inputs[0]).collect();
        inputs.sort_unstable();
        inputs.dedup();
        let kept = inputs.iter().fold(0u64, |sum, &id| sum.saturating_add(network.shape(id).len() as u64));
        let (shape, own) = (network.input_shape(), data.train.shape());
        let images = if shape == own { 0 } else { data.train.len() + data.validation.len() };
        Self {
            weights: values.saturating_mul(4 * copies),
            activations: kept.saturating_mul(4).saturating_mul(batch as u64),
            images: (images as u64).saturating_mul(shape.len() as u64),
            batch,
        }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights.saturating_add(self.activations).saturating_add(self.images)
    }

    /// Whether it fits when nothing else is trained.
    ///
    /// # Errors
    /// [`OutOfMemory`] with the numbers.
    pub fn check(self, memory: &Memory) -> Result<(), OutOfMemory> {
        memory.check(self.total()).map_err(|limit| OutOfMemory { need: self, limit })
    }

    fn images_said(&self) -> String {
        if self.images == 0 { String::new() } else { format!(", {} for resized images", Bytes(self.images)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataConfig, SourceKind};
    use lightcrest_graph::network::{Linear, Shape};

    #[test]
    fn a_need_counts_weights_and_activations() {
        let (splits, _) = DataConfig::new(SourceKind::Digits).load().unwrap();
        let mut network = Network::new(splits.train.shape());
        let flat = network.push("flat", Op::Flatten, &[0]).unwrap();
        network
            .push("linear", Op::Linear(Linear { in_features: 64, out_features: 10, bias: false }), &[flat])
            .unwrap();
        let optimizer = OptimizerConfig::Sgd { momentum: 0.9, nesterov: false };
        let config = TrainConfig { batch_size: 32, optimizer, ema_decay: None, ..TrainConfig::default() };
        let need = Need::of(&network, &config, &splits);
        assert_eq!((need.weights, need.activations, need.images), (4 * 640 * 7, 4 * 64 * 32, 0));
        let most = Need::at_most(&network, &splits);
        assert!(most.weights >= need.weights && most.activations >= need.activations);
        let all = TrainConfig { batch_size: usize::MAX, ..config };
        assert_eq!(Need::of(&network, &all, &splits).batch, splits.train.len());
        let larger = Network::new(Shape::new(1, 16, 16));
        assert_eq!(
            Need::of(&larger, &all, &splits).images,
            (splits.train.len() + splits.validation.len()) as u64 * 256
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_numbers() {
        let memory = Memory::new(Some(16_000_000_000));
        let need = |weights| Need { weights, activations: 2000, images: 0, batch: 8 };
        need(14_000_000_000).check(&memory).unwrap();
        let error = need(4_400_000_000_000).check(&memory).unwrap_err().to_string();
        let expected = "its training needs 4.4 TB of memory at least (4.4 TB for weights, 2.0 kB for a batch of 8), and 16.0 GB are there";
        assert_eq!(error, expected);
    }
}

//! Fine-tuning: a network that has weights already is trained on, with or without a teacher.
//!
//! It is the training of [`super::train`] from given weights, with metrics before it, layers that stay as
//! they are, batch normalisation where it was folded away, and distillation.

use std::ops::ControlFlow;

use lightcrest_graph::network::{FoldedNorms, Network, NodeId, Weights};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::augmentation::{AugmentationConfig, Batcher};
use super::distillation::nodes;
use super::fit::{check_shapes, train_with};
use super::plan::{Plan, PlanMode};
use super::{
    Border, DistillationConfig, Metrics, Observer, ScheduleConfig, Teacher, TrainConfig, TrainError, Trained,
    evaluate,
};
use crate::data::Splits;
use crate::gate::GATE;

/// Images whose statistics a batch normalisation that is put back begins with.
const STATISTICS_IMAGES: usize = 2048;

/// How a network is trained on. Every field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FinetuneConfig {
    /// The training itself.
    pub train: TrainConfig,
    /// What is learnt from the teacher; nothing if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distillation: Option<DistillationConfig>,
    /// Paths of layers that stay as they are, running statistics included; one ends with `*` to name all that
    /// begin so.
    pub frozen: Vec<String>,
    /// Whether batch normalisation is put back for the training where it may have been folded away
    /// ([`FoldedNorms`]), and folded again afterwards.
    pub batch_norm: bool,
}

impl Default for FinetuneConfig {
    /// Three epochs at a fifth of the rate of a training from scratch, with batch normalisation, without
    /// distillation.
    fn default() -> Self {
        let schedule = ScheduleConfig::Cosine { warmup_epochs: 0.1, final_factor: 0.0 };
        let train = TrainConfig { epochs: 3, learning_rate: 0.01, schedule, ..TrainConfig::default() };
        Self { train, distillation: None, frozen: vec![], batch_norm: true }
    }
}

/// A network that was trained on.
#[derive(Clone, Debug)]
pub struct Finetuned {
    /// Metrics on the validation images before the first step.
    pub before: Metrics,
    /// The training.
    pub trained: Trained,
}

/// Trains `network` on from `weights` as [`super::train`] does, and says how good it was before. A teacher
/// says what it thinks of the same images; `config.distillation` says how much that counts. The weights that
/// it returns are those of `network`, whatever normalisations the training had.
///
/// # Errors
/// [`TrainError::NoTeacher`] when distillation is asked for without a teacher, [`TrainError::NoLayer`] when a
/// frozen layer is not there; the others as [`super::train`] and [`evaluate`].
pub fn finetune(
    network: &Network,
    weights: Weights,
    teacher: Option<Teacher<'_>>,
    data: &Splits,
    config: &FinetuneConfig,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Finetuned, TrainError> {
    let teacher = match (config.distillation, teacher) {
        (None, _) => None,
        (Some(distillation), Some(teacher)) => Some((teacher, distillation)),
        (Some(_), None) => return Err(TrainError::NoTeacher),
    };
    let network = frozen(network, &config.frozen)?;
    let before = evaluate(&network, &weights, &data.validation, &data.normalization)?;
    if let ControlFlow::Break(reason) = observer.before(&before) {
        return Err(TrainError::Stopped { reason, epoch: 0 });
    }
    let norms = FoldedNorms::of(&network);
    if norms.is_empty() || !config.batch_norm {
        let trained = train_with(&network, weights, teacher, data, &config.train, seed, observer)?;
        return Ok(Finetuned { before, trained });
    }
    let (observed, weights) = norms.observed(&network, &weights)?;
    let batch = config.train.batch_size.max(1);
    let batches = STATISTICS_IMAGES.div_ceil(batch);
    let statistics = reestimate(&observed, &weights, data, batch, batches, seed)?;
    let (restored, weights) = norms.restored(&network, &statistics)?;
    let borders = match teacher {
        Some((teacher, _)) => behind(&norms, &network, teacher.borders)?,
        None => vec![],
    };
    let teacher = teacher.map(|(teacher, config)| (Teacher { borders: &borders, ..teacher }, config));
    let mut trained = train_with(&restored, weights, teacher, data, &config.train, seed, observer)?;
    trained.weights = norms.folded(&restored, &trained.weights)?;
    Ok(Finetuned { before, trained })
}

/// The borders in the network whose normalisations are back.
fn behind(norms: &FoldedNorms, network: &Network, borders: &[Border]) -> Result<Vec<Border>, TrainError> {
    let layers = nodes(network, borders, |border| &border.layer)?;
    let restored = |(border, layer): (&Border, NodeId)| Border {
        layer: norms.path(network, layer).to_owned(),
        ..border.clone()
    };
    Ok(borders.iter().zip(layers).map(restored).collect())
}

/// The network with these layers frozen.
fn frozen(network: &Network, patterns: &[String]) -> Result<Network, TrainError> {
    let matches = |pattern: &str, path: &str| match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => path == pattern,
    };
    let unknown = |pattern: &&String| !network.nodes().iter().any(|node| matches(pattern, &node.name));
    if let Some(pattern) = patterns.iter().find(unknown) {
        return Err(TrainError::NoLayer { layer: pattern.clone() });
    }
    let mut network = network.clone();
    if !patterns.is_empty() {
        network.freeze(|path| patterns.iter().any(|pattern| matches(pattern, path)));
    }
    Ok(network)
}

/// The weights with the running statistics of batch normalisation taken anew, as the mean over `batches`
/// batches of training images: after channels or kernels were changed, those of the file are those of another
/// network. Everything else stays.
///
/// # Errors
/// [`TrainError`] when the arguments do not fit together.
pub fn reestimate(
    network: &Network,
    weights: &Weights,
    data: &Splits,
    batch_size: usize,
    batches: usize,
    seed: u64,
) -> Result<Weights, TrainError> {
    check_shapes(network, &data.train)?;
    let batch = batch_size.clamp(1, data.train.len());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..data.train.len()).collect();
    order.shuffle(&mut rng);
    let mut plan = Plan::new(network, weights, batch, PlanMode::Train)?;
    let mut batcher = Batcher::new(AugmentationConfig::default(), &data.train, &data.normalization, batch);
    for (index, chosen) in order.chunks_exact(batch).take(batches.max(1)).enumerate() {
        let _permit = GATE.train();
        // a mean over all batches so far
        plan.set_momentum(1.0 / (index + 1) as f64);
        let images = batcher.augmented(&data.train, chosen, &mut rng).images;
        plan.forward(images, batch, true, &mut rng);
    }
    Ok(plan.weights())
}

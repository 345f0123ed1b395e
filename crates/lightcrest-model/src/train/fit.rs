//! The training loop.

use std::ops::ControlFlow;
use std::time::Instant;

use lightcrest_graph::network::{Network, NodeId, Shape, Weights};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::augmentation::Batcher;
use super::average::AveragedWeights;
use super::config::Check;
use super::distillation::{DistillationConfig, Distiller, Teacher, nodes};
use super::error::{Divergence, StopReason, TrainError};
use super::metrics::{Metrics, MetricsSum};
use super::optimizer::Optimizer;
use super::plan::{Plan, PlanMode};
use super::schedule::Schedule;
use super::{EarlyStoppingConfig, TrainConfig};
use crate::data::{Dataset, Normalization, Splits};
use crate::gate::GATE;

/// A batch loss above so many times that of a guess, ln(classes), counts as divergence.
const DIVERGED_LOSS_FACTOR: f64 = 100.0;

/// Images of one pass of [`evaluate`]; small enough that activations stay in the cache.
const EVALUATION_BATCH: usize = 32;

/// What happened in an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Epochs that the configuration asks for.
    pub epochs: usize,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean training loss over the epoch, on augmented images and with the configured loss.
    pub train_loss: f64,
    /// Metrics on the validation images after the epoch.
    pub validation: Metrics,
    /// Wall-clock seconds of the training steps.
    pub train_seconds: f64,
    /// Wall-clock seconds of the validation.
    pub validation_seconds: f64,
}

/// Watches a training and may end it. A closure `|report: &EpochReport| ...` is an observer of epochs.
pub trait Observer {
    /// Called before the first step of a network that was given weights to train on from, with what it is
    /// worth on the validation images.
    fn before(&mut self, metrics: &Metrics) -> ControlFlow<StopReason> {
        let _ = metrics;
        ControlFlow::Continue(())
    }

    /// Called after optimizer step `step` of `steps` (from 1, over all epochs).
    fn step(&mut self, step: usize, steps: usize) -> ControlFlow<StopReason> {
        let _ = (step, steps);
        ControlFlow::Continue(())
    }

    /// Called after the validation of an epoch.
    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<StopReason>;
}

impl<F: FnMut(&EpochReport) -> ControlFlow<StopReason>> Observer for F {
    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<StopReason> {
        self(report)
    }
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The weights: with early stopping those of the best epoch, else of the last.
    pub weights: Weights,
    /// Their metrics on the validation images.
    pub validation: Metrics,
    /// Number of the epoch they come from, from 1.
    pub epoch: usize,
    /// Every epoch that was run.
    pub epochs: Vec<EpochReport>,
}

/// Trains `network` from `weights` on one thread. Between two steps it waits while a latency is measured.
///
/// The order of the images, augmentation and dropout come from `seed`: the same arguments give the same
/// weights, bit for bit, on the same instruction set. When fewer images than a batch are left in an epoch,
/// they are dropped; an epoch over fewer images than one batch is one batch of all of them.
///
/// # Errors
/// [`TrainError::Diverged`] when a loss or a weight is not finite or the loss is far above that of a guess;
/// [`TrainError::Stopped`] when `observer` says so; the others when the arguments do not fit together.
pub fn train(
    network: &Network,
    weights: Weights,
    data: &Splits,
    config: &TrainConfig,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    train_with(network, weights, None, data, config, seed, observer)
}

/// [`train`], with a teacher or without.
pub(super) fn train_with<'a>(
    network: &'a Network,
    weights: Weights,
    teacher: Option<(Teacher<'a>, DistillationConfig)>,
    data: &'a Splits,
    config: &'a TrainConfig,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    config.validate()?;
    check_shapes(network, &data.train)?;
    let mut run = match teacher {
        None => Run::new(network, weights, &[], data, config, seed)?,
        Some((teacher, distillation)) => {
            let mut check = Check::default();
            distillation.validate(&mut check);
            check.first()?;
            check_shapes(teacher.network, &data.train)?;
            let borders = if distillation.features > 0.0 { teacher.borders } else { &[] };
            let looked_at = nodes(network, borders, |border| &border.layer)?;
            let mut run = Run::new(network, weights, &looked_at, data, config, seed)?;
            let teacher = Teacher { borders, ..teacher };
            let (student, augmentation) = ((network, &looked_at[..]), config.augmentation);
            let distiller = Distiller::new(student, teacher, distillation, augmentation, data, run.batch)?;
            run.distiller = Some(distiller);
            run
        }
    };
    let mut keeper = Keeper::new(config.early_stopping);
    let mut reports = Vec::with_capacity(config.epochs);
    for epoch in 1..=config.epochs {
        let passed = run.epoch(epoch, observer)?;
        let (report, weights) = run.validate(epoch, passed)?;
        let control = observer.epoch(&report);
        let patience_over = keeper.offer(&report, weights);
        reports.push(report);
        if let ControlFlow::Break(reason) = control {
            return Err(TrainError::Stopped { reason, epoch });
        }
        if patience_over {
            break;
        }
    }
    let (weights, validation, epoch) = keeper.kept.expect("at least one epoch was run");
    Ok(Trained { weights, validation, epoch, epochs: reports })
}

/// A training under way.
struct Run<'a> {
    network: &'a Network,
    data: &'a Splits,
    config: &'a TrainConfig,
    classes: usize,
    batch: usize,
    steps_per_epoch: usize,
    /// A loss above it is divergence.
    bound: f64,
    plan: Plan,
    average: Option<AveragedWeights>,
    optimizer: Optimizer,
    schedule: Schedule,
    batcher: Batcher,
    distiller: Option<Distiller<'a>>,
    /// (batch, classes): outputs, and gradients of the loss in them.
    logits: Vec<f32>,
    d_logits: Vec<f32>,
    /// (batch, classes and the maps that are looked at).
    d_outputs: Vec<f32>,
    order: Vec<usize>,
    order_rng: ChaCha8Rng,
    augmentation_rng: ChaCha8Rng,
    dropout_rng: ChaCha8Rng,
    /// Steps done.
    step: usize,
}

/// An epoch's steps, done.
struct Passed {
    loss: f64,
    learning_rate: f64,
    seconds: f64,
}

impl<'a> Run<'a> {
    /// `looked_at`: nodes whose maps the loss depends on.
    fn new(
        network: &'a Network,
        weights: Weights,
        looked_at: &[NodeId],
        data: &'a Splits,
        config: &'a TrainConfig,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let classes = data.train.classes().len();
        let batch = config.batch_size.min(data.train.len());
        let steps_per_epoch = data.train.len() / batch;
        // One stream for each purpose, so that augmentation does not change the order of the images.
        let stream = |number: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            rng
        };
        let open = network.returning_also(looked_at)?;
        let mut plan = Plan::new(&open, &weights, batch, PlanMode::Train)?;
        let sizes: Vec<usize> = plan.parameters_mut().map(|p| p.value.len()).collect();
        Ok(Self {
            network,
            data,
            config,
            classes,
            batch,
            steps_per_epoch,
            bound: DIVERGED_LOSS_FACTOR * (classes.max(2) as f64).ln(),
            plan,
            average: config.ema_decay.map(|decay| AveragedWeights::new(decay, weights)),
            optimizer: Optimizer::new(config.optimizer, config.weight_decay, sizes),
            schedule: Schedule::new(config.schedule, config.learning_rate, config.epochs, steps_per_epoch),
            batcher: Batcher::new(config.augmentation, &data.train, &data.normalization, batch),
            distiller: None,
            logits: vec![],
            d_logits: vec![0.0; batch * classes],
            d_outputs: vec![0.0; batch * open.output_shape().len()],
            order: (0..data.train.len()).collect(),
            order_rng: stream(0),
            augmentation_rng: stream(1),
            dropout_rng: stream(2),
            step: 0,
        })
    }

    /// The steps of an epoch.
    fn epoch(&mut self, epoch: usize, observer: &mut dyn Observer) -> Result<Passed, TrainError> {
        let start = Instant::now();
        let steps = self.steps_per_epoch * self.config.epochs;
        let mut order = std::mem::take(&mut self.order);
        order.shuffle(&mut self.order_rng);
        let (mut loss_sum, mut learning_rate) = (0.0, 0.0);
        for indices in order.chunks_exact(self.batch) {
            let permit = GATE.train();
            loss_sum += self.gradients(epoch, indices)?;
            learning_rate = self.update();
            drop(permit);
            if let ControlFlow::Break(reason) = observer.step(self.step, steps) {
                return Err(TrainError::Stopped { reason, epoch });
            }
        }
        self.order = order;
        let loss = loss_sum / self.steps_per_epoch as f64;
        Ok(Passed { loss, learning_rate, seconds: start.elapsed().as_secs_f64() })
    }

    /// Loss and gradients of a batch.
    fn gradients(&mut self, epoch: usize, indices: &[usize]) -> Result<f64, TrainError> {
        let batch = self.batcher.augmented(&self.data.train, indices, &mut self.augmentation_rng);
        let outputs = self.plan.forward(batch.images, self.batch, true, &mut self.dropout_rng);
        let (classes, width) = (self.classes, outputs.len() / self.batch);
        let (logits, d_logits) = (&mut self.logits, &mut self.d_logits);
        logits.clear();
        outputs.chunks_exact(width).for_each(|row| logits.extend_from_slice(&row[..classes]));
        let mut loss = self.config.loss.value_and_gradient(logits, batch.targets, classes, d_logits);
        if let Some(distiller) = &mut self.distiller {
            loss = distiller.mix(loss, (&batch, indices), logits, d_logits);
        }
        for (row, d) in self.d_outputs.chunks_exact_mut(width).zip(d_logits.chunks_exact(classes)) {
            row[..classes].copy_from_slice(d);
            row[classes..].fill(0.0);
        }
        if let Some(distiller) = &self.distiller {
            loss += distiller.compare(self.batch, outputs, &mut self.d_outputs);
        }
        let step = self.step + 1;
        let diverged = |divergence| TrainError::Diverged { epoch, step, divergence };
        if !loss.is_finite() {
            return Err(diverged(Divergence::Loss));
        }
        if loss > self.bound {
            return Err(diverged(Divergence::LossAbove { loss, bound: self.bound }));
        }
        self.plan.backward(&self.d_outputs);
        Ok(loss)
    }

    /// A step of the optimizer; returns its learning rate.
    fn update(&mut self) -> f64 {
        let learning_rate = self.schedule.learning_rate(self.step);
        let scale = self.config.clip_norm.map_or(1.0, |norm| clip_scale(&mut self.plan, norm));
        self.optimizer.begin_step();
        for (index, p) in self.plan.parameters_mut().enumerate() {
            self.optimizer.update(index, learning_rate, scale, p.decay, p.value, p.gradient);
        }
        self.step += 1;
        if let Some(average) = &mut self.average {
            average.update(self.step, &self.plan);
        }
        learning_rate
    }

    /// The report of an epoch, and the weights that it speaks of.
    fn validate(&mut self, epoch: usize, passed: Passed) -> Result<(EpochReport, Weights), TrainError> {
        let start = Instant::now();
        let weights =
            self.average.as_ref().map_or_else(|| self.plan.weights(), |average| average.weights(&self.plan));
        let diverged = |divergence| TrainError::Diverged { epoch, step: self.step, divergence };
        if let Some(name) = first_not_finite(&weights) {
            return Err(diverged(Divergence::Weight { name }));
        }
        let validation = metrics(self.network, &weights, &self.data.validation, &self.data.normalization)?
            .ok_or_else(|| diverged(Divergence::Validation))?;
        self.schedule.epoch_ended(validation.loss);
        let report = EpochReport {
            epoch,
            epochs: self.config.epochs,
            learning_rate: passed.learning_rate,
            train_loss: passed.loss,
            validation,
            train_seconds: passed.seconds,
            validation_seconds: start.elapsed().as_secs_f64(),
        };
        Ok((report, weights))
    }
}

/// Metrics of a network on `data`, with batch normalisation in inference mode and without augmentation.
///
/// # Errors
/// [`TrainError::NotFinite`] when an output is not finite; the others when the arguments do not fit together.
pub fn evaluate(
    network: &Network,
    weights: &Weights,
    data: &Dataset,
    normalization: &Normalization,
) -> Result<Metrics, TrainError> {
    check_shapes(network, data)?;
    metrics(network, weights, data, normalization)?.ok_or(TrainError::NotFinite)
}

fn metrics(
    network: &Network,
    weights: &Weights,
    data: &Dataset,
    normalization: &Normalization,
) -> Result<Option<Metrics>, TrainError> {
    let batch = EVALUATION_BATCH.min(data.len().max(1));
    let mut plan = Plan::new(network, weights, batch, PlanMode::Infer)?;
    let mut batcher = Batcher::new(Default::default(), data, normalization, batch);
    let mut unused_rng = ChaCha8Rng::seed_from_u64(0); // nothing is random in inference
    let mut sum = MetricsSum::new(data.classes().len());
    for start in (0..data.len()).step_by(batch) {
        let end = (start + batch).min(data.len());
        let _permit = GATE.train();
        let images = batcher.plain(data, start..end);
        let outputs = plan.forward(images, end - start, false, &mut unused_rng);
        sum.add(outputs, data.labels()[start..end].iter().copied());
    }
    Ok(sum.finish())
}

pub(super) fn check_shapes(network: &Network, data: &Dataset) -> Result<(), TrainError> {
    let (expected, found) = (data.shape(), network.input_shape());
    if expected != found {
        return Err(TrainError::Input { network: found, data: expected });
    }
    let (output, classes) = (network.output_shape(), data.classes().len());
    if output != Shape::vector(classes) {
        return Err(TrainError::Output { output, classes });
    }
    Ok(())
}

/// What the gradient is multiplied by so that its norm is at most `norm`; 1e-6 keeps the division finite, as
/// in PyTorch's `clip_grad_norm_`. A norm that is not finite leaves the gradient alone: the next loss shows
/// the divergence.
fn clip_scale(plan: &mut Plan, norm: f64) -> f64 {
    let squares = |values: &[f32]| values.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
    let total = plan.parameters_mut().map(|p| squares(p.gradient)).sum::<f64>().sqrt();
    if total.is_finite() { (norm / (total + 1e-6)).min(1.0) } else { 1.0 }
}

fn first_not_finite(weights: &Weights) -> Option<String> {
    let broken = |data: &[f32]| data.iter().any(|v| !v.is_finite());
    weights.iter().find(|(_, tensor)| broken(&tensor.data)).map(|(name, _)| name.to_string())
}

/// Keeps the weights that training returns.
struct Keeper {
    config: Option<EarlyStoppingConfig>,
    kept: Option<(Weights, Metrics, usize)>,
    /// Accuracy that the next rise is measured from, and its epoch.
    reference: (f64, usize),
}

impl Keeper {
    fn new(config: Option<EarlyStoppingConfig>) -> Self {
        Self { config, kept: None, reference: (f64::NEG_INFINITY, 0) }
    }

    /// Takes the weights of an epoch; true when patience is over.
    fn offer(&mut self, report: &EpochReport, weights: Weights) -> bool {
        let accuracy = report.validation.accuracy;
        let best = self.kept.as_ref().map_or(f64::NEG_INFINITY, |(_, metrics, _)| metrics.accuracy);
        if self.config.is_none() || accuracy > best {
            self.kept = Some((weights, report.validation.clone(), report.epoch));
        }
        let Some(EarlyStoppingConfig { patience, min_delta }) = self.config else { return false };
        if accuracy > self.reference.0 + min_delta {
            self.reference = (accuracy, report.epoch);
        }
        report.epoch - self.reference.1 >= patience
    }
}

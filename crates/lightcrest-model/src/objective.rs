//! The engine's objective over networks: builds a configuration's network, checks it, trains it, measures it.
//!
//! ```text
//! preview    network -> cost -> objectives that the architecture alone decides, `before` constraints
//! evaluate   network -> [latency] -> train, a report an epoch -> metrics -> objectives, constraints
//! ```

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use lightcrest::objective::{Evaluation, ObjectiveInfo, Preview, TrialError};
use lightcrest::space::Configuration;
use lightcrest::{Objective, Trial};
use lightcrest_graph::network::{Network, NetworkError, Shape, Weights};
use lightcrest_spec::ConstraintSpec;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::data::{DataError, Dataset, Splits};
use crate::measure::{Latency, LatencyConfig, latency};
use crate::memory::Memory;
use crate::spec::{BuildError, Candidate, Metrics, Phase, Spec};
use crate::train::{EpochReport, Need, Observer, OutOfMemory, StopReason, TrainError, train};

/// A trained model with everything that is known of it.
#[derive(Debug, Clone)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// Everything that was counted and measured.
    pub metrics: Metrics,
    /// The latency in full.
    pub latency: Latency,
    /// The seed of its training.
    pub seed: u64,
    /// Every epoch of its training.
    pub epochs: Vec<EpochReport>,
    /// The epoch that the weights come from, from 1.
    pub epoch: usize,
    /// Seconds from the first layer built to the last measurement.
    pub seconds: f64,
}

/// Why a configuration gives no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is no network, or not of this spec.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The training failed or was stopped.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The weights do not fit.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The images cannot be put together.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The training does not fit into memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

/// Trains the networks of a [`Spec`].
pub struct NetworkObjective {
    spec: Spec,
    infos: Vec<ObjectiveInfo>,
    splits: Arc<Splits>,
    /// The same images at other sizes, or with the validation images among those to train on.
    variants: Mutex<BTreeMap<Variant, Arc<Splits>>>,
    memory: Memory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Variant {
    height: usize,
    width: usize,
    validation_too: bool,
}

impl NetworkObjective {
    /// The objective of a spec on images: those of [`Spec::data`] for the phase that is run.
    pub fn new(spec: &Spec, splits: Splits) -> Self {
        let infos = spec.study.objectives.clone();
        Self {
            spec: spec.clone(),
            infos,
            splits: Arc::new(splits),
            variants: Mutex::default(),
            memory: Memory::of_this_process(),
        }
    }

    /// The same with another limit of memory than that of this process.
    pub fn with_memory(self, memory: Memory) -> Self {
        Self { memory, ..self }
    }

    /// The spec.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Trains one configuration, outside of any study. The spec's own seed comes before `seed`.
    ///
    /// # Errors
    /// [`ModelError`] when the network cannot be built or trained; [`TrainError::Stopped`] when `observer`
    /// ends it.
    pub fn train(
        &self,
        configuration: &Configuration,
        phase: Phase,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<Model, ModelError> {
        let start = Instant::now();
        let candidate = self.candidate(configuration, phase)?;
        let mut metrics = static_metrics(&candidate.network, candidate.halvings);
        self.fit(candidate, &mut metrics, None, seed, start, observer)
    }

    /// The network and the training of a configuration.
    ///
    /// # Errors
    /// [`BuildError`] when layers do not fit or the configuration is not of this spec.
    pub fn candidate(&self, configuration: &Configuration, phase: Phase) -> Result<Candidate, BuildError> {
        let classes = self.splits.train.classes().len();
        self.spec.build(configuration, self.splits.train.shape(), classes, phase)
    }

    /// Why the training of a configuration in the search does not fit into memory, if it does not. Cheap
    /// where it does by far.
    pub fn out_of_memory(&self, configuration: &Configuration) -> Option<OutOfMemory> {
        let (input, classes) = (self.splits.train.shape(), self.splits.train.classes().len());
        let (network, _) = self.spec.network(configuration, input, classes).ok()?;
        self.too_large(configuration, &network)
    }

    fn too_large(&self, configuration: &Configuration, network: &Network) -> Option<OutOfMemory> {
        if Need::at_most(network, &self.splits).check(&self.memory).is_ok() {
            return None;
        }
        let candidate = self.candidate(configuration, Phase::Search).ok()?;
        Need::of(network, &candidate.train, &self.splits).check(&self.memory).err()
    }

    fn fit(
        &self,
        candidate: Candidate,
        metrics: &mut Metrics,
        measured: Option<Latency>,
        seed: u64,
        start: Instant,
        observer: &mut dyn Observer,
    ) -> Result<Model, ModelError> {
        let Candidate { network, train: config, validation_too, seed: own_seed, .. } = candidate;
        let seed = own_seed.unwrap_or(seed);
        let need = Need::of(&network, &config, &self.splits);
        let _share = self.memory.take(need.total()).map_err(|limit| OutOfMemory { need, limit })?;
        let splits = self.variant(&network, validation_too)?;
        let trained = train(&network, initial_weights(&network, seed), &splits, &config, seed, observer)?;
        metrics.set("validation_accuracy", trained.validation.accuracy);
        metrics.set("macro_f1", trained.validation.macro_f1);
        metrics.set("loss", trained.validation.loss);
        let latency = match measured {
            Some(latency) => latency,
            None => latency(&network, &trained.weights, &LatencyConfig::once())?,
        };
        metrics.set("latency_ms", latency.median_ms);
        Ok(Model {
            network,
            weights: trained.weights,
            metrics: *metrics,
            latency,
            seed,
            epochs: trained.epochs,
            epoch: trained.epoch,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// The images as a network reads them.
    fn variant(&self, network: &Network, validation_too: bool) -> Result<Arc<Splits>, DataError> {
        let (shape, own) = (network.input_shape(), self.splits.train.shape());
        if shape == own && !validation_too {
            return Ok(self.splits.clone());
        }
        let key = Variant { height: shape.height, width: shape.width, validation_too };
        let mut variants = self.variants.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(splits) = variants.get(&key) {
            return Ok(splits.clone());
        }
        let mut splits = match shape == own {
            true => (*self.splits).clone(),
            false => self.splits.resized(shape.height, shape.width),
        };
        if validation_too {
            splits.train = joined(&splits.train, &splits.validation)?;
        }
        let splits = Arc::new(splits);
        variants.insert(key, splits.clone());
        Ok(splits)
    }

    /// Whether the latency must be known while the network trains, or before.
    fn needs_latency(&self) -> bool {
        let metric = "latency_ms";
        let objective = |objective: &crate::spec::ObjectiveSpec| objective.metrics().contains(&metric);
        let constraint = |constraint: &ConstraintSpec| constraint.metric == metric;
        self.spec.objectives.iter().any(objective) || self.spec.constraints.iter().any(constraint)
    }
}

impl Objective for NetworkObjective {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.infos
    }

    fn preview(&self, configuration: &Configuration) -> Preview {
        let (input, classes) = (self.splits.train.shape(), self.splits.train.classes().len());
        let too_large =
            |network: &Network| self.too_large(configuration, network).map(|error| error.to_string());
        preview_with(&self.spec, input, classes, configuration, &too_large)
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
        self.run(trial).map(|(evaluation, _)| evaluation)
    }
}

impl NetworkObjective {
    /// Evaluates a trial as [`Objective::evaluate`] does, and hands out the trained model.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub fn run(&self, trial: &mut Trial<'_>) -> Result<(Evaluation, Model), TrialError> {
        let start = Instant::now();
        let failed = |error: &dyn std::fmt::Display| TrialError::Failed { reason: error.to_string() };
        let configuration = trial.configuration().clone();
        // A seed that a spec file can hold: TOML's integers end at 2^63 - 1.
        let seed = trial.seed() & i64::MAX as u64;
        let candidate = self.candidate(&configuration, Phase::Search).map_err(|error| failed(&error))?;
        let mut metrics = static_metrics(&candidate.network, candidate.halvings);
        let need = Need::of(&candidate.network, &candidate.train, &self.splits);
        need.check(&self.memory).map_err(|error| failed(&error))?;
        let mut measured = None;
        if self.needs_latency() {
            let weights = initial_weights(&candidate.network, candidate.seed.unwrap_or(seed));
            let found = latency(&candidate.network, &weights, &LatencyConfig::default())
                .map_err(|error| failed(&error))?;
            metrics.set("latency_ms", found.median_ms);
            measured = Some(found);
        }
        for (name, value) in metrics.iter() {
            trial.set_attribute(name, value);
        }
        if let Some(violation) = violation(&self.spec, &metrics) {
            return Err(TrialError::Pruned { reason: format!("{violation}, before training") });
        }
        let known = metrics;
        let mut observer = Reporter { objective: self, trial, known, error: None };
        let model = self.fit(candidate, &mut metrics, measured, seed, start, &mut observer);
        let stopped = observer.error.take();
        let model = match (model, stopped) {
            (Ok(model), _) => model,
            (Err(_), Some(error)) => return Err(error),
            (Err(error), None) => return Err(failed(&error)),
        };
        let evaluation = self.evaluation(&model)?;
        Ok((evaluation, model))
    }

    /// What the engine keeps of a trained model.
    fn evaluation(&self, model: &Model) -> Result<Evaluation, TrialError> {
        let mut values = Vec::with_capacity(self.infos.len());
        for objective in &self.spec.objectives {
            match objective.value(&model.metrics).filter(|value| value.is_finite()) {
                Some(value) => values.push(value),
                None => {
                    let reason = format!("objective `{}` is not a finite number", objective.info.name);
                    return Err(TrialError::Failed { reason });
                }
            }
        }
        let constraints = self.spec.constraints.iter().filter_map(|constraint| {
            let value = model.metrics.get(&constraint.metric)?;
            Some((constraint.metric.clone(), constraint.excess(value)))
        });
        let mut attributes: BTreeMap<String, serde_json::Value> =
            model.metrics.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        attributes.insert("latency_p90_ms".into(), model.latency.p90_ms.into());
        attributes.insert("latency_iqr_ms".into(), model.latency.iqr_ms.into());
        attributes.extend(model.latency.cpu_ms.map(|cpu| ("latency_cpu_ms".to_owned(), cpu.into())));
        attributes.insert("latency_reference_ms".into(), model.latency.reference_ms.into());
        attributes.insert("latency_disturbed".into(), u8::from(model.latency.disturbed).into());
        attributes.insert("epochs".into(), model.epochs.len().into());
        attributes.insert("epoch".into(), model.epoch.into());
        attributes.insert("seed".into(), model.seed.into());
        attributes.insert("seconds".into(), model.seconds.into());
        Ok(Evaluation { values, constraints: constraints.collect(), attributes })
    }
}

/// Passes the epochs of a training on to the trial, and the end that the trial asks for back.
struct Reporter<'a, 'b> {
    objective: &'a NetworkObjective,
    trial: &'a mut Trial<'b>,
    known: Metrics,
    error: Option<TrialError>,
}

impl Observer for Reporter<'_, '_> {
    fn step(&mut self, _: usize, _: usize) -> ControlFlow<StopReason> {
        if self.trial.interrupted() {
            self.error = Some(TrialError::Interrupted);
            return ControlFlow::Break(StopReason::Interrupted);
        }
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<StopReason> {
        let mut metrics = self.known;
        metrics.set("validation_accuracy", report.validation.accuracy);
        metrics.set("macro_f1", report.validation.macro_f1);
        metrics.set("loss", report.validation.loss);
        let unknown = self.objective.spec.objectives.iter().filter(|objective| !objective.is_static());
        let values: Vec<f64> = unknown.map_while(|objective| objective.value(&metrics)).collect();
        if values.is_empty() {
            return ControlFlow::Continue(());
        }
        let last = report.epoch == report.epochs;
        let result = self.trial.report_values(report.epoch as u64, &values);
        // A trial that has run its last epoch is complete: there is nothing left to save.
        match result.and_then(|()| if last { Ok(()) } else { self.trial.check() }) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                let reason = match &error {
                    TrialError::Pruned { reason } => StopReason::Pruned(reason.clone()),
                    _ => StopReason::Interrupted,
                };
                self.error = Some(error);
                ControlFlow::Break(reason)
            }
        }
    }
}

/// The metrics that the architecture alone decides.
fn static_metrics(network: &Network, halvings: u32) -> Metrics {
    let cost = network.cost();
    let mut metrics = Metrics::default();
    metrics.set("macs", cost.macs as f64);
    metrics.set("parameters", cost.parameters as f64);
    metrics.set("model_bytes", cost.model_bytes as f64);
    metrics.set("peak_activation_bytes", cost.peak_activation_bytes as f64);
    metrics.set("halvings", f64::from(halvings));
    metrics
}

/// What is known of a configuration before it is trained, given the shape of the images and how many classes
/// they have: what [`NetworkObjective`] previews, without the images and the memory of this machine.
pub fn preview(spec: &Spec, input: Shape, classes: usize, configuration: &Configuration) -> Preview {
    preview_with(spec, input, classes, configuration, &|_| None)
}

/// The same; `refuse` says why a network cannot be trained.
fn preview_with(
    spec: &Spec,
    input: Shape,
    classes: usize,
    configuration: &Configuration,
    refuse: &dyn Fn(&Network) -> Option<String>,
) -> Preview {
    match spec.network(configuration, input, classes) {
        Ok((network, halvings)) => {
            let metrics = static_metrics(&network, halvings);
            let objectives = spec.objectives.iter().map(|objective| objective.value(&metrics)).collect();
            let violation = violation(spec, &metrics).or_else(|| refuse(&network));
            Preview { objectives, costs: other_costs(spec, &metrics), violation }
        }
        // A network that cannot be built is never proposed.
        Err(error) => {
            let objectives = vec![None; spec.objectives.len()];
            Preview { objectives, violation: Some(error.to_string()), ..Preview::default() }
        }
    }
}

/// What the architecture alone decides beside the objectives, and what networks of different modules can be
/// compared by.
fn other_costs(spec: &Spec, metrics: &Metrics) -> Vec<f64> {
    let is_objective = |name: &str| spec.objectives.iter().any(|objective| objective.metrics() == [name]);
    let others =
        ["macs", "parameters", "peak_activation_bytes"].into_iter().filter(|name| !is_objective(name));
    others.filter_map(|name| metrics.get(name)).collect()
}

/// The bound that known metrics break, said in words, among the constraints that hold before training.
fn violation(spec: &Spec, metrics: &Metrics) -> Option<String> {
    let before = spec.constraints.iter().filter(|constraint| constraint.before);
    before.filter_map(|constraint| constraint.violation(metrics.get(&constraint.metric)?)).next()
}

/// The weights that a training with this seed begins from.
fn initial_weights(network: &Network, seed: u64) -> Weights {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1 << 32); // the trainer uses the first streams of the same seed
    Weights::init(network, &mut rng)
}

/// The images of both, in this order.
fn joined(first: &Dataset, second: &Dataset) -> Result<Dataset, DataError> {
    let mut images = Vec::with_capacity((first.len() + second.len()) * first.shape().len());
    for part in [first, second] {
        (0..part.len()).for_each(|index| images.extend_from_slice(part.image(index)));
    }
    let labels = [first.labels(), second.labels()].concat();
    Dataset::new(first.name(), first.classes().to_vec(), first.shape(), images, labels)
}

#[cfg(test)]
mod tests;

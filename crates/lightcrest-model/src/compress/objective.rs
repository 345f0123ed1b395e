//! The engine's objective over compressions of one network.
//!
//! ```text
//! preview    plan -> exact cost -> objectives that it alone decides, `before` constraints
//! evaluate   plan -> channels cut, layers apart -> [latency] -> repair -> fine-tuning, a report an epoch
//!            -> int8 -> metrics -> objectives, constraints
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use lightcrest::objective::{Direction, Evaluation, ObjectiveInfo, Preview, TrialError};
use lightcrest::space::Configuration;
use lightcrest::{Objective, Trial};
use lightcrest_graph::chain;
use lightcrest_graph::compress::repair::Correspondence;
use lightcrest_graph::network::Shape;
use lightcrest_graph::onnx::Model;

use super::error::CompressError;
use super::judge::Judge;
use super::latency::latency;
use super::passes::{LayerFate, PlanCost};
use super::plan::{Change, Plan};
use super::repair::repaired;
use super::spec::CompressSpec;
use crate::data::Splits;
use crate::measure::{Engine, LatencyConfig, OwnEngine};
use crate::memory::Memory;
use crate::spec::{Metrics, Phase};

/// The attribute of a trial that names what took its latency.
pub const ENGINE: &str = "engine";

/// A compressed network with everything that is known of it.
#[derive(Debug, Clone)]
pub struct Compressed {
    /// The network.
    pub model: Model,
    /// What was done to each layer of the original, in its order.
    pub layers: Vec<LayerFate>,
    /// Everything that was counted and measured.
    pub metrics: Metrics,
    /// What the passes say of what they did not do.
    pub notes: Vec<String>,
    /// Epochs of its fine-tuning.
    pub epochs: usize,
    /// The seed of its fine-tuning.
    pub seed: u64,
    /// Seconds from the first cut to the last measurement.
    pub seconds: f64,
    /// Seconds of its fine-tuning.
    pub training_seconds: f64,
}

/// Compresses the network of a [`CompressSpec`].
pub struct CompressObjective {
    pub(super) spec: CompressSpec,
    infos: Vec<ObjectiveInfo>,
    pub(super) judge: Judge,
    pub(super) memory: Memory,
    pub(super) tuner: super::finetune::Tuner,
    engine: Arc<dyn Engine>,
}

impl CompressObjective {
    /// The objective of a spec on images, those of [`CompressSpec::data`]. Runs the original on them.
    ///
    /// # Errors
    /// [`CompressError`] when the images are not those of the network, or it cannot be run.
    pub fn new(spec: &CompressSpec, splits: &Splits) -> Result<Self, CompressError> {
        let judge = Judge::new(spec, splits)?;
        let tuner = super::finetune::Tuner::new(spec, judge.splits.train.len());
        let infos = spec.study.objectives.clone();
        let (memory, engine) = (Memory::of_this_process(), Arc::new(OwnEngine));
        Ok(Self { spec: spec.clone(), infos, judge, memory, tuner, engine })
    }

    /// The same with latencies that `engine` takes, not our own executor.
    pub fn with_engine(self, engine: Arc<dyn Engine>) -> Self {
        Self { engine, ..self }
    }

    /// What takes latencies.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// The spec.
    pub fn spec(&self) -> &CompressSpec {
        &self.spec
    }

    /// What is known of the original.
    pub fn original(&self) -> Metrics {
        let mut metrics = self.judge.original_metrics();
        cost_metrics(&mut metrics, self.spec.original_cost());
        metrics
    }

    /// Names of the classes, in the order of the outputs.
    pub fn classes(&self) -> Vec<String> {
        super::judge::class_names(&self.spec, self.judge.classes)
    }

    /// How many images there are to learn from.
    pub fn images(&self) -> usize {
        self.judge.splits.train.len()
    }

    /// Shape of the images that the network reads.
    pub fn image(&self) -> Shape {
        self.judge.splits.validation.shape()
    }

    /// Why compressed networks are not fine-tuned although the spec asks for it, if they are not.
    pub fn untrained(&self) -> Option<&str> {
        self.tuner.refusal()
    }

    /// The configurations to begin with.
    pub fn starts(&self) -> Vec<Configuration> {
        super::starts::starts(&self.spec)
    }

    /// Makes the model of a configuration, outside of any study. The spec's own seed comes before `seed`;
    /// ends early when `stop` says so.
    ///
    /// # Errors
    /// [`CompressError`].
    pub fn make(
        &self,
        configuration: &Configuration,
        phase: Phase,
        seed: u64,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Compressed, CompressError> {
        let plan = self.spec.plan(configuration)?;
        let mut silent = Quiet(stop);
        self.compress(&plan, configuration, phase, seed, &mut silent)
    }

    /// What a model is worth on the validation images.
    ///
    /// # Errors
    /// [`CompressError`].
    pub fn judge(&self, model: &Model, stop: &(dyn Fn() -> bool + Sync)) -> Result<Metrics, CompressError> {
        self.judge.judge(&self.spec, model, &Quiet(stop))
    }

    /// Whether the first objective that must be judged is better under `new` than under `old`.
    pub fn is_better(&self, new: &Metrics, old: &Metrics) -> bool {
        let judged =
            self.spec.objectives.iter().zip(&self.infos).find(|(objective, _)| !objective.is_static());
        judged.is_some_and(|(objective, info)| match objective.value(new).zip(objective.value(old)) {
            Some((new, old)) if info.direction == Direction::Maximize => new > old,
            Some((new, old)) => new < old,
            None => false,
        })
    }

    /// Whether the latency must be known of a trial.
    pub fn needs_latency(&self) -> bool {
        let metric = "latency_ms";
        let objectives = self.spec.objectives.iter().flat_map(|objective| objective.metrics());
        let constraints = self.spec.constraints.iter().map(|constraint| constraint.metric.as_str());
        objectives.chain(constraints).any(|other| other == metric)
    }
}

/// Hears what becomes of a compression under way.
pub(super) trait Listener {
    /// A metric is known before anything is judged.
    fn known(&mut self, name: &str, value: f64);

    /// Whether it must end.
    fn interrupted(&self) -> bool;

    /// The repaired network, or that of an epoch, was judged; an error ends the compression.
    fn judged(&mut self, step: u64, last: bool, metrics: &Metrics) -> Result<(), TrialError>;
}

/// Hears nothing but the user.
struct Quiet<'a>(&'a (dyn Fn() -> bool + Sync));

impl Listener for Quiet<'_> {
    fn known(&mut self, _: &str, _: f64) {}

    fn interrupted(&self) -> bool {
        (self.0)()
    }

    fn judged(&mut self, _: u64, _: bool, _: &Metrics) -> Result<(), TrialError> {
        match self.interrupted() {
            true => Err(TrialError::Interrupted),
            false => Ok(()),
        }
    }
}

impl Objective for CompressObjective {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.infos
    }

    fn preview(&self, configuration: &Configuration) -> Preview {
        preview(&self.spec, configuration)
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
        self.run(trial).map(|(evaluation, _)| evaluation)
    }
}

/// What is known of a configuration before anything is made.
pub fn preview(spec: &CompressSpec, configuration: &Configuration) -> Preview {
    let plan = match spec.plan(configuration) {
        Ok(plan) => plan,
        Err(error) => {
            let objectives = vec![None; spec.objectives.len()];
            return Preview { objectives, violation: Some(error.to_string()), ..Preview::default() };
        }
    };
    let mut metrics = Metrics::default();
    cost_metrics(&mut metrics, spec.cost(&plan));
    let objectives = spec.objectives.iter().map(|objective| objective.value(&metrics)).collect();
    Preview { objectives, violation: violation(spec, &metrics), ..Preview::default() }
}

/// The metrics that a plan alone decides.
fn cost_metrics(metrics: &mut Metrics, cost: PlanCost) {
    metrics.set("macs", cost.macs as f64);
    metrics.set("parameters", cost.parameters as f64);
    metrics.set("model_bytes", cost.bytes as f64);
}

/// The bound that known metrics break, said in words, among the constraints that hold before any training.
fn violation(spec: &CompressSpec, metrics: &Metrics) -> Option<String> {
    let before = spec.constraints.iter().filter(|constraint| constraint.before);
    before.filter_map(|constraint| constraint.violation(metrics.get(&constraint.metric)?)).next()
}

impl CompressObjective {
    /// Evaluates a trial as [`Objective::evaluate`] does, and hands out the compressed network.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub fn run(&self, trial: &mut Trial<'_>) -> Result<(Evaluation, Compressed), TrialError> {
        let failed = |error: &dyn std::error::Error| TrialError::Failed { reason: chain(error) };
        let configuration = trial.configuration().clone();
        // A seed that a spec file can hold: TOML's integers end at 2^63 - 1.
        let seed = trial.seed() & i64::MAX as u64;
        let plan = self.spec.plan(&configuration).map_err(|error| failed(&error))?;
        let mut known = Metrics::default();
        cost_metrics(&mut known, self.spec.cost(&plan));
        for (name, value) in known.iter() {
            trial.set_attribute(name, value);
        }
        if let Some(violation) = violation(&self.spec, &known) {
            return Err(TrialError::Pruned { reason: format!("{violation}, before anything was made") });
        }
        let mut reporter = Reporter { objective: self, trial, known, error: None };
        let made = self.compress(&plan, &configuration, Phase::Search, seed, &mut reporter);
        let stopped = reporter.error.take();
        let compressed = match (made, stopped) {
            (Ok(compressed), _) => compressed,
            (Err(_), Some(error)) => return Err(error),
            (Err(CompressError::Interrupted), None) => return Err(TrialError::Interrupted),
            (Err(CompressError::Violation(reason)), None) => {
                return Err(TrialError::Pruned { reason: format!("{reason}, before any repair") });
            }
            (Err(error), None) => return Err(failed(&error)),
        };
        let evaluation = self.evaluation(&compressed)?;
        Ok((evaluation, compressed))
    }

    /// What a plan makes of the original.
    pub(super) fn compress(
        &self,
        plan: &Plan,
        configuration: &Configuration,
        phase: Phase,
        seed: u64,
        listener: &mut dyn Listener,
    ) -> Result<Compressed, CompressError> {
        let start = Instant::now();
        let spec = &self.spec;
        let sections: Vec<_> = spec.sections().collect();
        let mut applied = spec.passes.apply(&spec.original.model, &sections, plan)?;
        let mut metrics = Metrics::default();
        cost_metrics(&mut metrics, spec.cost(plan));
        if listener.interrupted() {
            return Err(CompressError::Interrupted);
        }
        if self.needs_latency() {
            // Time does not depend on the weights: it is measured before they are repaired and trained.
            let mut measured = applied.clone();
            if plan.has_int8() {
                measured.quantize(spec, &self.judge)?;
            }
            let found = latency(spec, &measured.model, &LatencyConfig::default(), self.engine())?;
            for (name, value) in found.metrics() {
                listener.known(name, value);
                metrics.set(name, value);
            }
            if let Some(violation) = violation(spec, &metrics) {
                return Err(CompressError::Violation(violation));
            }
        }
        let changed = plan.changes.iter().any(|change| *change != Change::Keep);
        let kept = if changed { spec.passes.kept(&sections, plan) } else { HashMap::new() };
        let kept = Correspondence::new(kept);
        if changed && spec.repairs() {
            let (model, note) = repaired(spec, &self.judge, &applied.model, &kept);
            applied.model = model;
            applied.notes.extend(note);
            if listener.interrupted() {
                return Err(CompressError::Interrupted);
            }
        }
        let finetune = spec.finetune(configuration, phase)?;
        let seed = finetune.as_ref().and_then(|(_, seed)| *seed).unwrap_or(seed);
        let tuned = self.tuner.tune(
            self,
            (&mut applied, &kept),
            finetune.as_ref().map(|(finetune, _)| finetune),
            seed,
            listener,
        )?;
        if plan.has_int8() {
            applied.quantize(spec, &self.judge)?;
        }
        // What counts is what the file does, whatever the training said of the network in it.
        let found = self.judge.judge(spec, &applied.model, listener)?;
        found.iter().for_each(|(name, value)| metrics.set(name, value));
        Ok(Compressed {
            model: applied.model,
            layers: applied.layers,
            notes: applied.notes,
            metrics,
            epochs: tuned.epochs,
            seed,
            seconds: start.elapsed().as_secs_f64(),
            training_seconds: tuned.seconds,
        })
    }

    /// What the engine keeps of a compressed network.
    fn evaluation(&self, compressed: &Compressed) -> Result<Evaluation, TrialError> {
        let mut values = Vec::with_capacity(self.infos.len());
        for objective in &self.spec.objectives {
            match objective.value(&compressed.metrics).filter(|value| value.is_finite()) {
                Some(value) => values.push(value),
                None => {
                    let reason = format!("objective `{}` is not a finite number", objective.info.name);
                    return Err(TrialError::Failed { reason });
                }
            }
        }
        let constraints = self.spec.constraints.iter().filter_map(|constraint| {
            let value = compressed.metrics.get(&constraint.metric)?;
            Some((constraint.metric.clone(), constraint.excess(value)))
        });
        let mut attributes: BTreeMap<String, serde_json::Value> =
            compressed.metrics.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        if compressed.metrics.get("latency_ms").is_some() {
            attributes.insert(ENGINE.into(), self.engine.name().into());
        }
        attributes.insert("epochs".into(), compressed.epochs.into());
        attributes.insert("seed".into(), compressed.seed.into());
        attributes.insert("seconds".into(), compressed.seconds.into());
        attributes.insert("training_seconds".into(), compressed.training_seconds.into());
        Ok(Evaluation { values, constraints: constraints.collect(), attributes })
    }
}

/// Passes what is judged on to the trial, and the end that the trial asks for back.
struct Reporter<'a, 'b> {
    objective: &'a CompressObjective,
    trial: &'a mut Trial<'b>,
    known: Metrics,
    error: Option<TrialError>,
}

impl Listener for Reporter<'_, '_> {
    fn known(&mut self, name: &str, value: f64) {
        self.known.set(name, value);
        self.trial.set_attribute(name, value);
    }

    fn interrupted(&self) -> bool {
        self.trial.interrupted()
    }

    fn judged(&mut self, step: u64, last: bool, metrics: &Metrics) -> Result<(), TrialError> {
        let mut known = self.known;
        metrics.iter().for_each(|(name, value)| known.set(name, value));
        let unknown = self.objective.spec.objectives.iter().filter(|objective| !objective.is_static());
        let values: Vec<f64> = unknown.map_while(|objective| objective.value(&known)).collect();
        if values.is_empty() {
            return Ok(());
        }
        let result = self.trial.report_values(step, &values);
        // A trial that has run its last epoch is complete: there is nothing left to save.
        result.and_then(|()| if last { Ok(()) } else { self.trial.check() }).inspect_err(|error| {
            self.error = Some(error.clone());
        })
    }
}

//! Fine-tuning of compressed networks: what was read is trained as if it had been built here, and the weights
//! go back into the file.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use lightcrest::objective::TrialError;
use lightcrest_graph::chain;
use lightcrest_graph::compress::repair::Correspondence;
use lightcrest_graph::network::{ImportConfig, ImportError, Imported, Network, NodeId, Op, write_back};
use lightcrest_graph::onnx::Model;

use super::error::CompressError;
use super::objective::{CompressObjective, Listener};
use super::passes::Applied;
use super::spec::CompressSpec;
use crate::train::{
    self, Answers, Border, EpochReport, FinetuneConfig, Need, Observer, OutOfMemory, StopReason, Teacher,
    TrainError,
};

/// Fine-tunes compressed networks, if they can be trained.
pub(super) struct Tuner {
    /// The original, who teaches.
    teacher: Option<Imported>,
    answers: Answers,
    refusal: Option<String>,
}

/// What became of a network.
pub(super) struct Tuned {
    /// Epochs that were run.
    pub(super) epochs: usize,
    /// Seconds that they took, the validation after each included.
    pub(super) seconds: f64,
}

impl Tuner {
    /// Whether what the spec names can be trained, on so many images.
    pub(super) fn new(spec: &CompressSpec, images: usize) -> Self {
        let answers = Answers::new(images);
        let read = match (&spec.finetune, spec.preprocessing.bgr) {
            (None, _) => return Self { teacher: None, answers, refusal: None },
            (Some(_), true) => Err("networks that read blue first are not trained".to_owned()),
            (Some(_), false) => imported(spec, &spec.original.model).map_err(|error| chain(&error)),
        };
        match read {
            Ok(teacher) => Self { teacher: Some(teacher), answers, refusal: None },
            Err(refusal) => Self { teacher: None, answers, refusal: Some(refusal) },
        }
    }

    /// Why nothing is trained although the spec asks for it, if so.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Trains the network, with a report before the first epoch and after each. `kept`: the channels of the
    /// original's values that it has.
    pub(super) fn tune(
        &self,
        objective: &CompressObjective,
        (applied, kept): (&mut Applied, &Correspondence),
        finetune: Option<&FinetuneConfig>,
        seed: u64,
        listener: &mut dyn Listener,
    ) -> Result<Tuned, CompressError> {
        let (Some(finetune), Some(teacher)) = (finetune, &self.teacher) else {
            let found = objective.judge.judge(&objective.spec, &applied.model, listener)?;
            return match listener.judged(0, true, &found) {
                Ok(()) => Ok(Tuned { epochs: 0, seconds: 0.0 }),
                Err(_) => Err(CompressError::Interrupted),
            };
        };
        let failed = |source| CompressError::Method { method: "fine-tuning", source };
        let read = imported(&objective.spec, &applied.model).map_err(|error| failed(error.into()))?;
        let (network, splits) = (&read.network, &objective.judge.splits);
        let borders = borders(teacher, &read, kept);
        let need = Need::of(network, &finetune.train, splits);
        let _share = objective.memory.take(need.total()).map_err(|limit| OutOfMemory { need, limit })?;
        let mut reports = Reports { objective, listener, error: None };
        let teacher = Teacher {
            network: &teacher.network,
            weights: &teacher.weights,
            answers: &self.answers,
            borders: &borders,
        };
        let weights = read.weights.clone();
        let tuned = train::finetune(network, weights, Some(teacher), splits, finetune, seed, &mut reports);
        let trained = match (tuned, reports.error) {
            (Err(TrainError::Stopped { .. }), _) | (_, Some(_)) => return Err(CompressError::Interrupted),
            (tuned, None) => tuned?.trained,
        };
        write_back(&mut applied.model, &read.origins, &trained.weights)
            .map_err(|error| failed(error.into()))?;
        let seconds = trained.epochs.iter().map(|epoch| epoch.train_seconds + epoch.validation_seconds).sum();
        Ok(Tuned { epochs: trained.epochs.len(), seconds })
    }
}

/// The last maps of each size, in the original and in what was made of it.
fn borders(teacher: &Imported, student: &Imported, kept: &Correspondence) -> Vec<Border> {
    let network = &teacher.network;
    let readers = network.readers();
    let mut borders = BTreeMap::new();
    for id in 0..network.nodes().len() {
        let area = network.shape(id).area();
        let is_last = area > 1 && readers[id].iter().any(|&reader| network.shape(reader).area() < area);
        if let Some(border) = is_last.then(|| border(teacher, id, student, kept)).flatten() {
            borders.insert(area, border);
        }
    }
    borders.into_values().collect()
}

/// A map of the original and the same in what was made of it, if it is there.
fn border(teacher: &Imported, id: NodeId, student: &Imported, kept: &Correspondence) -> Option<Border> {
    let layer = values(teacher, id).find_map(|value| student.values.get(value).copied())?;
    let (own, whole) = (student.network.shape(layer), teacher.network.shape(id));
    if (own.height, own.width) != (whole.height, whole.width) {
        return None;
    }
    let channels = channels(teacher, id, own.channels, kept)?;
    let name = |network: &Network, id: NodeId| network.nodes()[id].name.clone();
    Some(Border { layer: name(&student.network, layer), of_teacher: name(&teacher.network, id), channels })
}

/// The values of the file that a layer computes.
fn values(network: &Imported, layer: NodeId) -> impl Iterator<Item = &String> {
    network.values.iter().filter(move |(_, id)| **id == layer).map(|(value, _)| value)
}

/// The channels of the original's layer that are left: what is known of its value, or of the one whose
/// channels it passes on.
fn channels(teacher: &Imported, layer: NodeId, left: usize, kept: &Correspondence) -> Option<Vec<usize>> {
    let (network, mut at) = (&teacher.network, layer);
    loop {
        let whole = network.shape(at).channels;
        if let Some(channels) = values(teacher, at).find_map(|value| kept.channels(value, left, whole)) {
            return Some(channels);
        }
        let node = &network.nodes()[at];
        at = match node.op {
            Op::Activation(_)
            | Op::PRelu(_)
            | Op::Add
            | Op::BatchNorm(_)
            | Op::Affine(_)
            | Op::Dropout(_) => node.inputs[0],
            _ => return None,
        };
    }
}

/// The network that is trained.
fn imported(spec: &CompressSpec, model: &Model) -> Result<Imported, ImportError> {
    let config =
        ImportConfig { shape: Some(spec.preprocessing.shape(1)), output: Some(spec.original.output.clone()) };
    Network::from_onnx_with(model, &config)
}

/// Passes epochs on.
struct Reports<'a> {
    objective: &'a CompressObjective,
    listener: &'a mut dyn Listener,
    error: Option<TrialError>,
}

impl Observer for Reports<'_> {
    fn before(&mut self, metrics: &train::Metrics) -> ControlFlow<StopReason> {
        self.report(0, false, metrics)
    }

    fn step(&mut self, _: usize, _: usize) -> ControlFlow<StopReason> {
        match self.listener.interrupted() {
            true => ControlFlow::Break(StopReason::Interrupted),
            false => ControlFlow::Continue(()),
        }
    }

    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<StopReason> {
        self.report(report.epoch as u64, report.epoch == report.epochs, &report.validation)
    }
}

impl Reports<'_> {
    fn report(&mut self, step: u64, last: bool, validation: &train::Metrics) -> ControlFlow<StopReason> {
        match self.listener.judged(step, last, &self.objective.judge.reported(validation)) {
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

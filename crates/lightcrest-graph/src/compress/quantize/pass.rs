//! The pass: from a model and inputs to a model of 8 bits and what became of each layer.

use std::collections::{HashMap, HashSet};

use super::constant::Constants;
use super::error::QuantizeError;
use super::observer::Method;
use super::placement::{Placement, Role};
use super::probe::{PROBED, Probe, least};
use super::report::{self, QuantizeReport, Reason};
use super::rewrite::{Plan, Written, rewrite};
use super::run::{Feed, Seen, run_each};
use super::scale::Scales;
use super::weight::{self, LayerWeights, Request, WeightBits};
use super::{check, correct, equalize, prepare, sensitivity};
use crate::onnx::proto::NodeProto;
use crate::onnx::{Data, Index, Model};

/// How a model is quantized.
#[derive(Clone, Debug)]
pub struct QuantizeConfig {
    /// How ranges of activations are chosen; `None` takes the best of min-max, percentile and MSE, as
    /// measured.
    pub method: Option<Method>,
    /// Whether every output channel of a layer has a scale of its weights.
    pub per_channel: bool,
    /// Bits of weights.
    pub bits: WeightBits,
    /// Layers that stay in fp32, by name.
    pub exclude: Vec<String>,
    /// Whether channels are equalised where that helps.
    pub equalize: bool,
    /// Whether biases are corrected where that helps.
    pub correct_bias: bool,
    /// Layers that lose most stay in fp32 until no output has a signal-to-noise ratio below this, in dB.
    pub min_snr: Option<f64>,
}

impl Default for QuantizeConfig {
    fn default() -> Self {
        Self {
            method: None,
            per_channel: true,
            bits: WeightBits::Guarded,
            exclude: vec![],
            equalize: true,
            correct_bias: true,
            min_snr: Some(20.0),
        }
    }
}

/// A model on its way.
pub(super) struct Work {
    pub(super) model: Model,
    pub(super) index: Index,
    pub(super) constants: Constants,
}

impl Work {
    pub(super) fn new(model: Model) -> Self {
        let index = Index::new(model.graph());
        let constants = Constants::new(&model);
        Self { model, index, constants }
    }

    /// Changes a constant of f32.
    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut Data)) {
        let Some(mut array) = self.constants.f32(name).cloned() else { return };
        change(&mut array.data);
        let place = self.index.initializer(name);
        if let Some(tensor) = place.and_then(|at| self.model.graph_mut().initializer.get_mut(at)) {
            *tensor = array.to_proto(name);
        }
        self.constants.set(name, array);
    }

    pub(super) fn nodes(&self) -> &[NodeProto] {
        &self.model.graph().node
    }

    pub(super) fn placement(&self, fp32: &HashSet<usize>) -> Placement {
        Placement::new(&self.model, &self.index, &self.constants, fp32)
    }

    /// Runs the model on the feeds and looks at what the placement quantizes.
    pub(super) fn observe(&self, placement: &Placement, feeds: &[Feed]) -> Result<Seen, QuantizeError> {
        let nodes = self.nodes();
        let mut wanted = vec![];
        let mut by_channel: HashMap<&str, bool> = HashMap::new();
        let mut by_output: HashMap<&str, usize> = HashMap::new();
        for at in (0..nodes.len()).filter(|&at| placement.role(at).is_some()) {
            for (slot, name) in nodes[at].input.iter().enumerate() {
                if placement.reads_quantized(nodes, at, slot) && !self.constants.contains(name) {
                    wanted.push(name.as_str());
                }
            }
            if placement.role(at) == Some(Role::Compute) {
                by_channel.insert(&nodes[at].input[0], nodes[at].op_type == "Conv");
            }
            wanted.extend(placement.results(nodes, at).iter().map(String::as_str));
            if let Some(Role::Compute) = placement.role(at) {
                wanted.push(&nodes[at].output[0]);
                by_output.insert(&nodes[at].output[0], at);
            }
        }
        wanted.retain(|name| !name.is_empty());
        wanted.sort_unstable();
        wanted.dedup();
        let mut seen = Seen::default();
        run_each(&self.model, feeds, &wanted, |number, values| {
            for (value, array) in &values {
                let Some(elements) = array.as_f32() else { continue };
                if !seen.ranges.entry(value.clone()).or_default().observe(elements) {
                    return Err(QuantizeError::NotFinite { number, value: value.clone() });
                }
                if let Some(&at) = by_output.get(value.as_str()) {
                    let axis = if nodes[at].op_type == "Conv" { 1 } else { array.shape.len() - 1 };
                    seen.outputs.entry(at).or_default().observe(array, axis);
                }
                if let Some(&convolution) = by_channel.get(value.as_str()) {
                    let axis = if convolution { 1 } else { array.shape.len() - 1 };
                    seen.channels.entry(value.clone()).or_default().observe(array, axis);
                }
            }
            Ok(())
        })?;
        Ok(seen)
    }
}

/// What is chosen of the numbers of a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// How ranges are chosen.
    pub(super) method: Method,
    /// Biases other than those of the model, by node.
    pub(super) biases: HashMap<usize, Vec<f32>>,
}

/// What is settled of the numbers of a model.
pub(super) struct Numbers {
    pub(super) scales: Scales,
    pub(super) weights: HashMap<usize, LayerWeights>,
}

/// Scales of activations and numbers of weights for a placement.
pub(super) fn numbers(
    work: &Work,
    placement: &Placement,
    seen: &Seen,
    choice: &Choice,
    config: &QuantizeConfig,
) -> Numbers {
    let nodes = work.nodes();
    let scales = Scales::new(nodes, &work.constants, placement, &seen.ranges, choice.method);
    let mut weights = HashMap::new();
    for at in 0..nodes.len() {
        let input = match placement.role(at) {
            Some(Role::Compute) => scales.get(&nodes[at].input[0]),
            Some(Role::Store) => None,
            _ => continue,
        };
        let peak = input.and_then(|affine| {
            let channels = seen.channels.get(&nodes[at].input[0])?;
            Some(channels.high.iter().map(|&high| affine.quantize(high)).collect::<Vec<u8>>())
        });
        let request = Request {
            node: &nodes[at],
            constants: &work.constants,
            bias: choice.biases.get(&at).map(Vec::as_slice),
            input,
            input_peak: peak.as_deref(),
            per_channel: config.per_channel,
            bits: config.bits,
        };
        if let Some(layer) = weight::quantize(&request) {
            weights.insert(at, layer);
        }
    }
    Numbers { scales, weights }
}

/// The model of 8 bits.
pub(super) fn write(work: &Work, placement: &Placement, numbers: &Numbers) -> Written {
    rewrite(&Plan {
        model: &work.model,
        constants: &work.constants,
        placement,
        scales: &numbers.scales,
        weights: &numbers.weights,
    })
}

/// A choice of numbers with the model that they make.
pub(super) struct Candidate {
    pub(super) work: Work,
    pub(super) seen: Seen,
    pub(super) choice: Choice,
    pub(super) written: Written,
    pub(super) snr: Vec<(String, f64)>,
}

impl Candidate {
    /// The model without any correction.
    fn new(
        work: Work,
        placement: &Placement,
        feeds: &[Feed],
        probe: &Probe,
        config: &QuantizeConfig,
    ) -> Result<Self, QuantizeError> {
        let seen = work.observe(placement, feeds)?;
        let choice = Choice { method: config.method.unwrap_or_default(), ..Choice::default() };
        let (written, snr) = attempt(&work, &seen, placement, &choice, probe, config)?;
        Ok(Self { work, seen, choice, written, snr })
    }

    /// Another choice for the same model and placement.
    fn with(
        &self,
        placement: &Placement,
        choice: &Choice,
        probe: &Probe,
        config: &QuantizeConfig,
    ) -> Result<(Written, Vec<(String, f64)>), QuantizeError> {
        attempt(&self.work, &self.seen, placement, choice, probe, config)
    }

    /// Takes another choice if it is better.
    fn improve(&mut self, choice: Choice, (written, snr): (Written, Vec<(String, f64)>)) -> bool {
        let better = least(&snr) > least(&self.snr);
        if better {
            (self.choice, self.written, self.snr) = (choice, written, snr);
        }
        better
    }
}

/// Writes a model and measures it.
pub(super) fn attempt(
    work: &Work,
    seen: &Seen,
    placement: &Placement,
    choice: &Choice,
    probe: &Probe,
    config: &QuantizeConfig,
) -> Result<(Written, Vec<(String, f64)>), QuantizeError> {
    let written = write(work, placement, &numbers(work, placement, seen, choice, config));
    let snr = probe.snr(&written.model)?;
    Ok((written, snr))
}

/// Quantizes a model.
///
/// # Errors
/// [`QuantizeError`].
pub fn quantize(
    model: &Model,
    feeds: &[Feed],
    config: &QuantizeConfig,
) -> Result<(Model, QuantizeReport), QuantizeError> {
    check::not_quantized(model)?;
    let work = Work::new(prepare::prepare(model)?);
    let excluded = check::excluded(&work, &config.exclude)?;
    check::feeds(&work, feeds)?;
    let placement = work.placement(&excluded);
    check::something_to_do(&work, &placement)?;
    // Some inputs say what all of them say.
    let probe = Probe::new(&work.model, &feeds[..feeds.len().min(PROBED)])?;
    let mut best = Candidate::new(work, &placement, feeds, &probe, config)?;
    let mut equalized = 0;
    if config.equalize {
        let mut work = Work::new(best.work.model.clone());
        let count = equalize::equalize(&mut work, &best.seen);
        if count > 0 {
            let other = Candidate::new(work, &placement, feeds, &probe, config)?;
            if least(&other.snr) > least(&best.snr) {
                (best, equalized) = (other, count);
            }
        }
    }
    for method in methods(config) {
        let plain = Choice { method, ..Choice::default() };
        let (written, snr) = best.with(&placement, &plain, &probe, config)?;
        let biases = match config.correct_bias {
            true => correct::biases(&best.work, &placement, &best.seen, &written, feeds)?,
            false => HashMap::new(),
        };
        best.improve(plain, (written, snr));
        if !biases.is_empty() {
            let corrected = Choice { method, biases };
            let attempt = best.with(&placement, &corrected, &probe, config)?;
            best.improve(corrected, attempt);
        }
    }
    let mut reasons: HashMap<usize, Reason> = excluded.iter().map(|&at| (at, Reason::Excluded)).collect();
    if let Some(target) = config.min_snr.filter(|target| least(&best.snr) < *target) {
        let fp32 = sensitivity::search(&best, &excluded, &probe, config, target)?;
        check::some_left(&best.work, &fp32, target, least(&best.snr))?;
        reasons.extend(fp32.difference(&excluded).map(|&at| (at, Reason::Sensitive)));
    }
    let placement = best.work.placement(&reasons.keys().copied().collect());
    if reasons.len() > excluded.len() {
        (best.written, best.snr) = best.with(&placement, &best.choice, &probe, config)?;
    }
    let report = report::report(model, &best.work, &placement, &best.written, &reasons, &best.snr);
    let corrected = best.choice.biases.len();
    let report = QuantizeReport { method: best.choice.method, equalized, corrected, ..report };
    Ok((best.written.model, report))
}

/// The ways to choose ranges that are tried.
fn methods(config: &QuantizeConfig) -> Vec<Method> {
    config.method.map_or_else(|| vec![Method::MinMax, Method::Mse, Method::Percentile], |method| vec![method])
}

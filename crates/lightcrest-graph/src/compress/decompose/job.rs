//! One layer on its way: what is asked of it, what it costs and what it loses.

use std::collections::HashMap;

use super::kernel::{Kernel, Stage, compose};
use super::layer::{Kind, Layer, layer_name};
use super::method::{Method, dense_cost};
use super::moments::Moments;
use super::pass::{Choice, DecomposeConfig, DecomposeError};
use super::rank::{Ranks, Rung, Spectrum, fraction};
use super::report::{Change, LayerReport, Outcome};
use super::singular::NumericError;
use super::whiten::Whitening;
use crate::onnx::{Dim, Facts, Model};

/// Steps of the ladder of ranks on which a cost is looked for.
const LADDER: usize = 24;

/// What all layers have in common.
pub(super) struct Context<'a> {
    pub(super) model: &'a Model,
    pub(super) facts: &'a Facts,
    pub(super) config: &'a DecomposeConfig,
}

/// A layer that is asked for.
pub(super) struct Wanted {
    /// Where it stands in the report.
    pub(super) place: usize,
    pub(super) layer: Layer,
    pub(super) method: Method,
    /// `None` where they follow from its weights.
    pub(super) ranks: Option<Vec<usize>>,
}

/// A layer on its way.
pub(super) struct Job {
    pub(super) place: usize,
    pub(super) layer: Layer,
    pub(super) method: Method,
    /// `None` for a layer that stays.
    pub(super) ranks: Option<Vec<usize>>,
    kernel: Kernel,
    whitening: Option<Whitening>,
    /// The kernel as it is truncated: weighted, if inputs are known.
    weighted: Kernel,
    /// Mean of a patch, where a bias takes what it loses.
    mean: Option<Vec<f64>>,
    spectrum: Option<Spectrum>,
}

/// What a chain loses of a layer.
pub(super) struct Loss {
    /// Relative error of the kernel.
    pub(super) kernel: f64,
    /// Relative error of the outputs, if inputs are known.
    pub(super) output: Option<f64>,
    /// What the bias must take, a channel.
    pub(super) bias: Option<Vec<f64>>,
}

impl Context<'_> {
    /// Method and, if they are given, ranks of a layer; or why it stays.
    pub(super) fn method_of(&self, layer: &Layer) -> Result<(Method, Option<Vec<usize>>), String> {
        if self.config.keep.contains(&layer.name) {
            return Err("it is to be kept".into());
        }
        match &self.config.choice {
            Choice::Uniform { method, ranks, layers } => {
                if !layers.is_empty() && !layers.contains(&layer.name) {
                    return Err("it is not among the layers asked for".into());
                }
                let method = method.on(layer.shape);
                let given = match *ranks {
                    Ranks::Fraction(share) => Some(fraction(method, layer.shape, share)),
                    Ranks::Evbmf | Ranks::Macs(_) => None,
                };
                Ok((method, given))
            }
            Choice::Explicit(chosen) => {
                let (method, ranks) =
                    chosen.get(&layer.name).ok_or("it is not among the layers asked for")?;
                Ok((method.on(layer.shape), Some(ranks.clone())))
            }
        }
    }

    /// The entry of a layer that stays.
    pub(super) fn as_it_is(&self, at: usize, reason: String) -> LayerReport {
        let node = &self.model.graph().node[at];
        let weight = self.facts.known_shape(node.input.get(1).map_or("", String::as_str));
        let same = |value: u64| Change { before: value, after: value };
        let parameters = weight.as_ref().map(|shape| shape.iter().product::<usize>() as u64);
        let positions = positions(self.facts, node.op_type.as_str(), &node.input[0], &node.output[0]);
        LayerReport {
            name: layer_name(node).into(),
            operator: node.op_type.clone(),
            macs: parameters.map(|weights| same(weights * positions.unwrap_or(1))),
            parameters: parameters.map(same),
            per_position: positions.is_none(),
            outcome: Outcome::Kept { reason },
        }
    }

    /// What the layers read, by the weight that they may share.
    pub(super) fn moments<'b>(&self, layers: impl Iterator<Item = &'b Layer>) -> HashMap<String, Moments> {
        let mut merged: HashMap<String, Moments> = HashMap::new();
        let Some(calibration) = &self.config.calibration else { return merged };
        for layer in layers {
            let output = &self.model.graph().node[layer.node].output[0];
            let Some(moments) = calibration.moments.get(output) else { continue };
            match merged.get_mut(&layer.weight) {
                Some(sum) => sum.merge(moments),
                None => drop(merged.insert(layer.weight.clone(), moments.clone())),
            }
        }
        merged
    }

    /// The bias of a layer that takes `lost` (T) as well; `None` where it cannot.
    pub(super) fn bias(&self, layer: &Layer, lost: &[f64]) -> Option<Vec<f32>> {
        let node = &self.model.graph().node[layer.node];
        let (old, scale) = match layer.kind {
            Kind::MatMul => return None,
            Kind::Conv(_) => (node.input_name(2), 1.0),
            Kind::Gemm { .. } => {
                let (alpha, beta) = (node.float_or("alpha", 1.0), node.float_or("beta", 1.0));
                (node.input_name(2), f64::from(alpha) / f64::from(beta))
            }
        };
        let Some(old) = old else {
            return Some(lost.iter().map(|&lost| (scale * lost) as f32).collect());
        };
        let values = self.facts.constant(old)?.as_f32()?;
        let at = |t: usize| match values.len() {
            1 => Some(values[0]),
            n if n == lost.len() => Some(values[t]),
            _ => None,
        };
        let sum = |(t, &lost): (usize, &f64)| Some((f64::from(at(t)?) + scale * lost) as f32);
        let bias: Option<Vec<f32>> = lost.iter().enumerate().map(sum).collect();
        bias.filter(|bias| bias.iter().all(|v| v.is_finite()))
    }
}

/// Positions at which a layer meets its weights, for the batch that the model names; `None` where sizes are
/// free.
fn positions(facts: &Facts, operator: &str, input: &str, output: &str) -> Option<u64> {
    let (value, axes) = match operator {
        "ConvTranspose" => (input, 2..),
        "Conv" => (output, 2..),
        _ => {
            let shape = facts.shape(output)?;
            let (batch, rows) = shape.split_last()?.1.split_first().unwrap_or((&Dim::Known(1), &[]));
            let rows: Option<usize> = rows.iter().map(Dim::known).product();
            return Some((batch.known().unwrap_or(1) * rows?) as u64);
        }
    };
    let shape = facts.shape(value)?;
    let area: Option<usize> = shape.get(axes)?.iter().map(Dim::known).product();
    Some((shape[0].known().unwrap_or(1) * area?) as u64)
}

impl Job {
    /// Its kernel, weighted if inputs are known, and its ranks if its weights tell them.
    pub(super) fn new(
        context: &Context<'_>,
        moments: &HashMap<String, Moments>,
        wanted: &Wanted,
    ) -> Result<Self, DecomposeError> {
        let layer = wanted.layer.clone();
        let failed = |source| DecomposeError::Numeric { layer: wanted.layer.name.clone(), source };
        let kernel = layer.kernel(context.facts);
        let moments = moments
            .get(&layer.weight)
            .filter(|moments| moments.fits(layer.shape.input, layer.shape.height * layer.shape.width));
        let absorbs = context.bias(&layer, &vec![0.0; layer.shape.out]).is_some();
        let whitening = moments.map(|moments| Whitening::new(&moments.covariance(absorbs)));
        let whitening = whitening.transpose().map_err(failed)?;
        let weighted = whitening.as_ref().map_or_else(|| kernel.clone(), |w| w.apply(&kernel));
        let mut job = Self {
            place: wanted.place,
            layer,
            method: wanted.method,
            ranks: wanted.ranks.clone(),
            kernel,
            whitening,
            weighted,
            mean: moments.filter(|_| absorbs).map(Moments::mean),
            spectrum: None,
        };
        if job.ranks.is_none() {
            let spectrum = Spectrum::new(&job.weighted, job.method).map_err(failed)?;
            job.ranks = Some(spectrum.evbmf(job.method));
            job.spectrum = Some(spectrum);
        }
        Ok(job)
    }

    /// Multiply-accumulates and weights as it is.
    pub(super) fn dense(&self) -> (u64, u64) {
        let (macs, weights) = dense_cost(self.layer.shape, self.layer.positions);
        (macs * self.layer.repeats as u64, weights)
    }

    /// Multiply-accumulates and weights at these ranks.
    pub(super) fn cost(&self, ranks: &[usize]) -> (u64, u64) {
        let (macs, weights) = self.method.cost(self.layer.shape, ranks, self.layer.positions);
        (macs * self.layer.repeats as u64, weights)
    }

    /// The ranks at which it is decomposed, or why it stays.
    pub(super) fn verdict(&self, config: &DecomposeConfig) -> Result<Vec<usize>, String> {
        let ranks = self.ranks.clone().ok_or("at the wanted cost it loses least as it is")?;
        let ((before, _), (after, _)) = (self.dense(), self.cost(&ranks));
        if after >= before && !config.allow_growth {
            return Err(format!(
                "at rank {} it would take {after} multiply-accumulates, and it takes {before}",
                shown(&ranks)
            ));
        }
        match config.measured.get(&self.layer.name) {
            Some(times) if times.after_ms >= times.before_ms => Err(format!(
                "at rank {} it was measured at {} ms, and it takes {} ms",
                shown(&ranks),
                times.after_ms,
                times.before_ms
            )),
            _ => Ok(ranks),
        }
    }

    /// Ranks that cost less than the layer as it is, from few to many, and the layer as it is.
    pub(super) fn ladder(&self) -> Vec<Rung> {
        let dense = Rung { ranks: None, macs: self.dense().0, dropped: 0.0 };
        let Some(spectrum) = &self.spectrum else { return vec![dense] };
        let mut rungs: Vec<Rung> = Vec::new();
        for step in 1..=LADDER {
            let ranks = fraction(self.method, self.layer.shape, step as f64 / LADDER as f64);
            let macs = self.cost(&ranks).0;
            let seen = rungs.last().is_some_and(|rung| rung.ranks.as_ref() == Some(&ranks));
            if !seen && macs < dense.macs {
                let dropped = spectrum.dropped(&ranks);
                rungs.push(Rung { ranks: Some(ranks), macs, dropped });
            }
        }
        rungs.push(dense);
        rungs
    }

    /// Its chain.
    pub(super) fn stages(&self, ranks: &[usize]) -> Result<Vec<Stage>, DecomposeError> {
        let failed =
            |source: NumericError| DecomposeError::Numeric { layer: self.layer.name.clone(), source };
        let mut stages = self.method.decompose(&self.weighted, ranks).map_err(failed)?;
        if let Some(whitening) = &self.whitening {
            whitening.undo(&mut stages);
        }
        Ok(stages)
    }

    /// What the chain loses.
    pub(super) fn loss(&self, stages: &[Stage]) -> Loss {
        let found = compose(stages);
        let output = self.whitening.as_ref().map(|w| self.weighted.relative_error(&w.apply(&found)));
        let row = self.kernel.input * self.kernel.taps();
        let bias = self.mean.as_ref().map(|mean| {
            let lost = |t: usize| {
                let difference = |j: usize| self.kernel.data[t * row + j] - found.data[t * row + j];
                mean.iter().enumerate().map(|(j, mean)| difference(j) * mean).sum::<f64>()
            };
            (0..self.kernel.out).map(lost).collect()
        });
        Loss { kernel: self.kernel.relative_error(&found), output, bias }
    }
}

/// Ranks for a message.
fn shown(ranks: &[usize]) -> String {
    ranks.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

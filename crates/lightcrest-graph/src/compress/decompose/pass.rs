//! The pass: from a model to one whose layers are chains of smaller ones, and what became of each layer.

use std::collections::{BTreeMap, HashMap};

use super::job::{Context, Job, Wanted};
use super::layer::{Layer, layer_name, recognize};
use super::method::Method;
use super::moments::Calibration;
use super::rank::{Ranks, Rung, spread};
use super::report::{Change, Outcome, Report};
use super::rewrite::Rewriter;
use super::singular::NumericError;
use crate::compress::parallel;
use crate::onnx::{Facts, FactsError, Index, Model};

/// What is decomposed, and how.
#[derive(Clone, Debug)]
pub struct DecomposeConfig {
    /// Which layers at which ranks.
    pub choice: Choice,
    /// Names of layers that stay as they are.
    pub keep: Vec<String>,
    /// Whether layers are decomposed even where this takes no fewer multiply-accumulates.
    pub allow_growth: bool,
    /// Times that the caller measured of a layer as it is and of its chain, by its name: where they do not
    /// fall, it stays.
    pub measured: HashMap<String, Times>,
    /// What the layers read; with it the error of the outputs is what is made small, without it that of the
    /// weights.
    pub calibration: Option<Calibration>,
}

/// Which layers at which ranks.
#[derive(Clone, Debug)]
pub enum Choice {
    /// One method and one rule for all layers, or for those of the list.
    Uniform {
        /// The method; SVD where there is no window.
        method: Method,
        /// The rule.
        ranks: Ranks,
        /// Names of layers; all where there are none.
        layers: Vec<String>,
    },
    /// These layers and no others, by their name.
    Explicit(BTreeMap<String, (Method, Vec<usize>)>),
}

/// Measured times of one layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// As it is, in milliseconds.
    pub before_ms: f64,
    /// As a chain, in milliseconds.
    pub after_ms: f64,
}

/// Why a model cannot be decomposed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecomposeError {
    /// A graph that contradicts itself.
    #[error("the model cannot be understood")]
    Facts(#[from] FactsError),
    /// A layer that is not there.
    #[error("there is no layer `{name}`; layers with weights are {layers}")]
    UnknownLayer {
        /// What was given.
        name: String,
        /// Those that are there.
        layers: String,
    },
    /// A share beyond its range.
    #[error("{what} must be above 0 and at most 1, but is {value}")]
    Share {
        /// What it is of.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// Ranks that the method does not have.
    #[error("layer `{layer}`: {method:?} takes ranks from 1 to {limit:?}, but got {found:?}")]
    Ranks {
        /// The layer.
        layer: String,
        /// The method.
        method: Method,
        /// The highest of each.
        limit: Vec<usize>,
        /// What was given.
        found: Vec<usize>,
    },
    /// Numbers that cannot be computed.
    #[error("layer `{layer}` cannot be decomposed")]
    Numeric {
        /// The layer.
        layer: String,
        /// Why.
        #[source]
        source: NumericError,
    },
}

impl DecomposeConfig {
    /// One method and one rule for all layers.
    pub fn uniform(method: Method, ranks: Ranks) -> Self {
        Self::of(Choice::Uniform { method, ranks, layers: vec![] })
    }

    /// These layers and no others.
    pub fn explicit(layers: BTreeMap<String, (Method, Vec<usize>)>) -> Self {
        Self::of(Choice::Explicit(layers))
    }

    fn of(choice: Choice) -> Self {
        Self { choice, keep: vec![], allow_growth: false, measured: HashMap::new(), calibration: None }
    }
}

/// Decomposes layers of a model.
///
/// What is not decomposed stays as it is, nodes that are not understood included. Names of the values between
/// layers stay, so that the value that a layer wrote is the one that the last stage of its chain writes.
///
/// # Errors
/// [`DecomposeError`].
pub fn decompose(model: &Model, config: &DecomposeConfig) -> Result<(Model, Report), DecomposeError> {
    let facts = Facts::infer(model)?;
    let index = Index::new(model.graph());
    let context = Context { model, facts: &facts, config };
    let found: Vec<(usize, Result<Layer, String>)> = (0..model.graph().node.len())
        .filter_map(|at| Some((at, recognize(model, &index, &facts, at)?)))
        .collect();
    check(&context, &found)?;
    let mut report = Report::default();
    let mut wanted = Vec::new();
    for (place, (at, layer)) in found.into_iter().enumerate() {
        let choice = layer.and_then(|layer| Ok((context.method_of(&layer)?, layer)));
        let reason = match choice {
            Ok(((method, ranks), layer)) => {
                wanted.push(Wanted { place, layer, method, ranks });
                String::new()
            }
            Err(reason) => reason,
        };
        report.layers.push(context.as_it_is(at, reason));
    }
    let moments = context.moments(wanted.iter().map(|wanted| &wanted.layer));
    let jobs = parallel::map(&wanted, |wanted| Job::new(&context, &moments, wanted));
    let mut jobs = jobs.into_iter().collect::<Result<Vec<_>, _>>()?;
    for job in &jobs {
        // A chain can be told apart from the layer only by costs of the same positions.
        let entry = &mut report.layers[job.place];
        let (macs, parameters) = job.dense();
        entry.macs = Some(Change { before: macs, after: macs });
        entry.parameters = Some(Change { before: parameters, after: parameters });
        entry.per_position = job.layer.per_position;
    }
    if let Choice::Uniform { ranks: Ranks::Macs(share), .. } = config.choice {
        reach(&mut jobs, &report, share);
    }
    let verdicts: Vec<Result<Vec<usize>, String>> = jobs.iter().map(|job| job.verdict(config)).collect();
    let pairs: Vec<_> = jobs.iter().zip(&verdicts).collect();
    let stages = parallel::map(&pairs, |(job, verdict)| match verdict {
        Ok(ranks) => job.stages(ranks).map(Some),
        Err(_) => Ok(None),
    });
    let stages = stages.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut rewriter = Rewriter::new(model);
    let mut written = HashMap::new();
    for ((job, verdict), stages) in jobs.iter().zip(verdicts).zip(stages) {
        let entry = &mut report.layers[job.place];
        let (ranks, stages) = match (verdict, stages) {
            (Ok(ranks), Some(stages)) => (ranks, stages),
            (verdict, _) => {
                let reason = verdict.err().unwrap_or_default();
                entry.outcome = Outcome::Kept { reason };
                continue;
            }
        };
        // Layers that share a weight share its stages.
        let key = (job.layer.weight.clone(), job.method, ranks.clone(), job.layer.kind);
        let names = written.entry(key).or_insert_with(|| rewriter.write(&job.layer, &stages)).clone();
        let loss = job.loss(&stages);
        let bias = loss.bias.and_then(|lost| context.bias(&job.layer, &lost));
        rewriter.replace(&job.layer, &stages, &names, bias.as_deref());
        let (macs, parameters) = job.cost(&ranks);
        entry.macs = entry.macs.map(|change| Change { after: macs, ..change });
        entry.parameters = entry.parameters.map(|change| Change { after: parameters, ..change });
        let (error, output_error) = (loss.kernel, loss.output);
        entry.outcome = Outcome::Decomposed { method: job.method, ranks, error, output_error };
    }
    for layer in &report.layers {
        let add = |total: &mut Change, part: Option<Change>| {
            total.before += part.map_or(0, |part| part.before);
            total.after += part.map_or(0, |part| part.after);
        };
        add(&mut report.macs, layer.macs);
        add(&mut report.parameters, layer.parameters);
    }
    Ok((rewriter.finish(), report))
}

/// Ranks that together cost at most this share of what the model does.
fn reach(jobs: &mut [Job], report: &Report, share: f64) {
    let before: u64 = report.layers.iter().filter_map(|layer| layer.macs).map(|macs| macs.before).sum();
    let free: u64 = jobs.iter().map(|job| job.dense().0).sum();
    let target = (share * before as f64) as u64;
    let ladders: Vec<Vec<Rung>> = jobs.iter().map(Job::ladder).collect();
    let rungs = spread(&ladders, target.saturating_sub(before.saturating_sub(free)));
    for (job, rung) in jobs.iter_mut().zip(rungs) {
        job.ranks = rung.ranks;
    }
}

/// Names, shares and ranks that were given.
fn check(context: &Context<'_>, found: &[(usize, Result<Layer, String>)]) -> Result<(), DecomposeError> {
    let config = context.config;
    let name_at = |at: &usize| layer_name(&context.model.graph().node[*at]);
    let names: Vec<&str> = found.iter().map(|(at, _)| name_at(at)).collect();
    let known = |name: &str| match names.contains(&name) {
        true => Ok(()),
        false => Err(DecomposeError::UnknownLayer { name: name.into(), layers: listed(&names) }),
    };
    config.keep.iter().try_for_each(|name| known(name))?;
    match &config.choice {
        Choice::Uniform { ranks, layers, .. } => {
            layers.iter().try_for_each(|name| known(name))?;
            let (what, value) = match *ranks {
                Ranks::Fraction(value) => ("the share of the full rank", value),
                Ranks::Macs(value) => ("the share of the multiply-accumulates", value),
                Ranks::Evbmf => return Ok(()),
            };
            let good = value > 0.0 && value <= 1.0;
            if good { Ok(()) } else { Err(DecomposeError::Share { what, value }) }
        }
        Choice::Explicit(chosen) => {
            chosen.keys().try_for_each(|name| known(name))?;
            for layer in found.iter().filter_map(|(_, layer)| layer.as_ref().ok()) {
                let Some((method, ranks)) = chosen.get(&layer.name) else { continue };
                let method = method.on(layer.shape);
                let limit = method.limit(layer.shape);
                let fits = ranks.len() == limit.len()
                    && ranks.iter().zip(&limit).all(|(rank, limit)| (1..=*limit).contains(rank));
                if !fits {
                    let (layer, found) = (layer.name.clone(), ranks.clone());
                    return Err(DecomposeError::Ranks { layer, method, limit, found });
                }
            }
            Ok(())
        }
    }
}

/// Names for a message, the first of many.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".into(),
        n if n > SHOWN => format!("{shown} and {} more", n - SHOWN),
        _ => shown,
    }
}

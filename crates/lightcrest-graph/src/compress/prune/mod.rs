//! Channel pruning of any ONNX model.
//!
//! 1. `prepare` gives every reader of a shared constant its own.
//! 2. `trace` labels every position of every axis that could shrink and follows the labels through the
//!    graph. Positions whose labels are tied go together or stay together; where nothing may go, labels are
//!    pinned.
//! 3. `group` sorts what is free by the layers that bring it, `importance` ranks it, `choice` says what
//!    goes.
//! 4. `surgery` slices the constants and corrects the nodes that name sizes or places.
//!
//! Following single positions, not whole layers, is what makes concatenations of one tensor with itself,
//! blocks that straddle branches, flattened images of either layout and computed shuffles plain cases. What
//! is left computes exactly what the original does when the weights that read removed channels are zero; only
//! where a normalisation takes statistics over channels are they those of the channels that are left.

mod choice;
mod group;
mod importance;
mod label;
mod prepare;
mod report;
mod shuffle;
mod size;
mod surgery;
mod trace;

use std::collections::{BTreeMap, HashMap};

use crate::onnx::proto::{NodeProto, TensorProto, element};
use crate::onnx::{Cost, Facts, FactsError, Index, Model, cost};
use choice::Amount;
use group::Group;
pub use importance::Importance;
use prepare::Prepared;
pub use report::{PruneReport, PrunedLayer};
pub use size::{SizedLayer, Sizer, Sizes};
use trace::Trace;

/// What to prune.
#[derive(Clone, Debug, PartialEq)]
pub struct PruneConfig {
    /// The share of channels that goes, of each group or of all together; between 0 and 1, both excluded.
    pub ratio: f64,
    /// Shares of single groups, by name ([`groups`]); they may be 0. Groups that are not named use `ratio`.
    /// Not with `global`.
    pub ratios: BTreeMap<String, f64>,
    /// How channels are ranked.
    pub importance: Importance,
    /// Ranks all channels together. At least 8 channels of each group, or a tenth, are left.
    pub global: bool,
    /// What is left of each layer is a multiple of this, where that is possible.
    pub round_to: usize,
    /// Layers whose outputs stay, by the name of the node, of its first output or of its weights.
    pub keep: Vec<String>,
    /// The share of multiply-accumulates to end at or below; `ratio` is then found and not read.
    pub macs: Option<f64>,
    /// Steps in which the share is reached; channels are ranked anew in each.
    pub steps: usize,
}

impl Default for PruneConfig {
    fn default() -> Self {
        Self {
            ratio: 0.5,
            ratios: BTreeMap::new(),
            importance: Importance::default(),
            global: false,
            round_to: 1,
            keep: vec![],
            macs: None,
            steps: 1,
        }
    }
}

/// Why a model cannot be pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// A share that leaves all or nothing.
    #[error("`{name}` must be above 0 and below 1, but got {value}")]
    Ratio {
        /// Which share.
        name: String,
        /// The share.
        value: f64,
    },
    /// No step, or a multiple of nothing.
    #[error("`{name}` must be at least 1, but got 0")]
    Zero {
        /// Which number.
        name: &'static str,
    },
    /// A layer or group that is not there.
    #[error("the model has no {kind} `{name}`{nearest}")]
    Unknown {
        /// Layer or group.
        kind: &'static str,
        /// The name.
        name: String,
        /// What may have been meant.
        nearest: String,
    },
    /// Weights that are not numbers.
    #[error("the weights `{weight}` of layer `{layer}` are not all finite: channels cannot be ranked")]
    NotFinite {
        /// The weights.
        weight: String,
        /// The layer that reads them.
        layer: String,
    },
    /// Scores of another number of channels.
    #[error("`{name}` has {expected} channels, but {found} scores")]
    Scores {
        /// The value or the weights.
        name: String,
        /// Its channels.
        expected: usize,
        /// Number of scores.
        found: usize,
    },
    /// The model is not one that can be run.
    #[error("the model is not consistent")]
    Model(#[from] FactsError),
    /// A share of multiply-accumulates that even the largest ratio does not reach.
    #[error("multiply-accumulates fall to {reached:.3} of what they were at most, not to {wanted}")]
    Macs {
        /// The wanted share.
        wanted: f64,
        /// The smallest share.
        reached: f64,
    },
    /// Multiply-accumulates are not known.
    #[error("a share of multiply-accumulates needs their number: {reason}")]
    Cost {
        /// Why.
        reason: String,
    },
    /// A fault of this pass.
    #[error("`{value}` came out as {found}, where {expected} was meant; this is a fault of channel pruning")]
    Fault {
        /// A value of the pruned model.
        value: String,
        /// Its shape.
        found: String,
        /// The shape that it should have.
        expected: String,
    },
}

/// A group of channels among which a share can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ChannelGroup {
    /// The name of its first layer, with a number if the layer belongs to several groups.
    pub name: String,
    /// The layers that bring the channels.
    pub layers: Vec<String>,
    /// Number of channels that go or stay by themselves.
    pub channels: usize,
    /// Outputs of the first layer that each of them is.
    pub width: usize,
}

/// The groups of channels of a model that can be pruned, in the order of the file.
///
/// # Errors
/// [`PruneError::Model`], [`PruneError::Unknown`].
pub fn groups(model: &Model, keep: &[String]) -> Result<Vec<ChannelGroup>, PruneError> {
    let prepared = Prepared::new(model.clone());
    let facts = Facts::infer(&prepared.model)?;
    let index = Index::new(prepared.model.graph());
    let mut trace = Trace::new(&prepared.model, &facts, &index);
    let keep = kept_layers(&trace, keep)?;
    group::pin(&mut trace, &keep);
    let groups = group::groups(&mut trace);
    Ok(described(&trace, &groups))
}

/// The model without a share of its channels. Without anything to remove, it is the model as it was.
///
/// # Errors
/// [`PruneError`].
pub fn prune(model: &Model, config: &PruneConfig) -> Result<(Model, PruneReport), PruneError> {
    check(config)?;
    let before = cost_of(model);
    let (pruned, mut report) = match config.macs {
        None => steps(model, config)?,
        Some(share) => {
            let macs = before.as_ref().map_err(|reason| PruneError::Cost { reason: reason.clone() })?.macs;
            to_macs(model, config, share, macs)?
        }
    };
    let after = cost_of(&pruned);
    report.macs_before = before.as_ref().ok().map(|cost| cost.macs);
    report.macs_after = after.as_ref().ok().map(|cost| cost.macs);
    report.parameters_before = before.map_or_else(|_| parameters(model), |cost| cost.parameters);
    report.parameters_after = after.map_or_else(|_| parameters(&pruned), |cost| cost.parameters);
    Ok((pruned, report))
}

/// The least share of channels that brings the multiply-accumulates down to a share of `macs`, by bisection.
fn to_macs(
    model: &Model,
    config: &PruneConfig,
    share: f64,
    macs: u64,
) -> Result<(Model, PruneReport), PruneError> {
    let at = |ratio: f64| -> Result<(f64, Model, PruneReport), PruneError> {
        let (pruned, report) = steps(model, &PruneConfig { ratio, ..config.clone() })?;
        let cost = cost_of(&pruned).map_err(|reason| PruneError::Cost { reason })?;
        Ok((cost.macs as f64 / macs.max(1) as f64, pruned, report))
    };
    let (mut low, mut high) = (0.0, LARGEST_RATIO);
    let (reached, pruned, report) = at(high)?;
    if reached > share {
        return Err(PruneError::Macs { wanted: share, reached });
    }
    let mut best = (pruned, report);
    for _ in 0..BISECTIONS {
        let middle = (low + high) / 2.0;
        let (reached, pruned, report) = at(middle)?;
        if reached > share {
            low = middle;
        } else {
            high = middle;
            best = (pruned, report);
        }
    }
    Ok(best)
}

/// As many halvings find the share of channels to a ten-thousandth.
const BISECTIONS: usize = 13;

/// Beyond this, layers are left with their last channels anyway.
const LARGEST_RATIO: f64 = 0.99;

/// What the model costs for one input, or why that is not known.
fn cost_of(model: &Model) -> Result<Cost, String> {
    cost(model, &HashMap::new()).map_err(|error| error.to_string())
}

/// Elements of the constants that are numbers, where what outputs depend on is not known.
fn parameters(model: &Model) -> u64 {
    let float = |tensor: &&TensorProto| {
        matches!(tensor.data_type, element::FLOAT | element::FLOAT16 | element::DOUBLE)
    };
    let size = |tensor: &TensorProto| tensor.dims.iter().map(|&size| size.max(0) as u64).product::<u64>();
    model.graph().initializer.iter().filter(float).map(size).sum()
}

fn steps(model: &Model, config: &PruneConfig) -> Result<(Model, PruneReport), PruneError> {
    let mut current = model.clone();
    let mut report: Option<PruneReport> = None;
    for _ in 0..config.steps {
        // The shares that are left after each step multiply to what is left in the end.
        let share = |ratio: f64| 1.0 - (1.0 - ratio).powf(1.0 / config.steps as f64);
        let (next, done) = step(&current, config, &share)?;
        current = next;
        report = Some(match report.take() {
            None => done,
            Some(before) => joined(before, done),
        });
    }
    Ok((current, report.unwrap_or_default()))
}

fn check(config: &PruneConfig) -> Result<(), PruneError> {
    let share = |name: &str, value: f64, least: bool| {
        let right = value < 1.0 && (value > 0.0 || (least && value == 0.0));
        if right { Ok(()) } else { Err(PruneError::Ratio { name: name.into(), value }) }
    };
    share("ratio", config.ratio, false)?;
    config.macs.map_or(Ok(()), |macs| share("macs", macs, false))?;
    for (name, &value) in &config.ratios {
        share(name, value, true)?;
    }
    match (config.steps, config.round_to) {
        (0, _) => Err(PruneError::Zero { name: "steps" }),
        (_, 0) => Err(PruneError::Zero { name: "round_to" }),
        _ => Ok(()),
    }
}

fn step(
    model: &Model,
    config: &PruneConfig,
    share: &dyn Fn(f64) -> f64,
) -> Result<(Model, PruneReport), PruneError> {
    let (prepared, copies) = Prepared::new(model.clone()).into_parts();
    let facts = Facts::infer(&prepared)?;
    let index = Index::new(prepared.graph());
    let mut trace = Trace::new(&prepared, &facts, &index);
    let keep = kept_layers(&trace, &config.keep)?;
    group::pin(&mut trace, &keep);
    let groups = group::groups(&mut trace);
    let scores = importance::scores(&mut trace, &groups, &config.importance)?;
    let amount = if config.global {
        Amount::Together(share(config.ratio))
    } else {
        let described = described(&trace, &groups);
        for name in config.ratios.keys() {
            let names = described.iter().map(|group| group.name.as_str());
            known("group", name, names)?;
        }
        let ratio = |group: &ChannelGroup| *config.ratios.get(&group.name).unwrap_or(&config.ratio);
        Amount::Shares(described.iter().map(|group| share(ratio(group))).collect())
    };
    let gone = choice::choose(&mut trace, &groups, &scores, &amount, config.round_to);
    let layers = report::layers(&mut trace, &gone);
    let warnings = report::warnings(&trace);
    let kept = report::kept(&mut trace, &gone);
    let report = PruneReport { layers, warnings, kept, ..Default::default() };
    if !gone.contains(&true) {
        return Ok((model.clone(), report));
    }
    let mut out = surgery::cut(&mut trace, &gone);
    verify(&mut trace, &gone, &out)?;
    Prepared::join(&copies, &mut out);
    Ok((out, report))
}

/// Whether the shapes of the new model are those of the old one without what is gone.
fn verify(trace: &mut Trace<'_>, gone: &[bool], out: &Model) -> Result<(), PruneError> {
    let facts = Facts::infer(out)?;
    for value in out.graph().node.iter().flat_map(|node| &node.output) {
        let (Some(before), Some(after)) = (trace.facts.shape(value), facts.shape(value)) else { continue };
        let axes = trace.known(value).unwrap_or(&[]).to_vec();
        for (at, dim) in before.iter().enumerate() {
            let kept = axes.get(at).and_then(|axis| choice::kept(trace, axis, gone));
            let size = kept.map(|kept| kept.iter().filter(|&&kept| kept).count());
            let expected = size.or(dim.known());
            let found = after.get(at).and_then(crate::onnx::Dim::known);
            if before.len() != after.len() || (expected.is_some() && found.is_some() && expected != found) {
                let (expected, found) = (format!("{expected:?} along axis {at}"), format!("{after:?}"));
                return Err(PruneError::Fault { value: value.clone(), found, expected });
            }
        }
    }
    Ok(())
}

/// What two steps did together.
fn joined(first: PruneReport, second: PruneReport) -> PruneReport {
    let layers = first.layers.into_iter().zip(second.layers).map(|(before, after)| PrunedLayer {
        outputs_before: before.outputs_before,
        inputs_before: before.inputs_before,
        ..after
    });
    let mut kept = first.kept;
    for (value, left) in second.kept {
        let of_first = |at: &usize| kept.get(&value).map_or(*at, |before| before[*at]);
        let left = left.iter().map(of_first).collect();
        kept.insert(value, left);
    }
    PruneReport { layers: layers.collect(), kept, ..second }
}

/// The groups with names.
fn described(trace: &Trace<'_>, groups: &[Group]) -> Vec<ChannelGroup> {
    let name = |layer: usize| layer_name(&trace.model.graph().node[trace.layers[layer].node]);
    let mut out: Vec<ChannelGroup> = vec![];
    for group in groups {
        let layers: Vec<String> = group.layers.iter().map(|&layer| name(layer)).collect();
        let stem = layers[0].clone();
        let same = out.iter().filter(|other| other.layers[0] == stem).count();
        let total: usize = group.channels.iter().map(|channel| channel.width).sum();
        out.push(ChannelGroup {
            name: if same == 0 { stem } else { format!("{stem}#{}", same + 1) },
            layers,
            channels: group.channels.len(),
            width: total / group.channels.len().max(1),
        });
    }
    out
}

/// The nodes of layers given by name.
fn kept_layers(trace: &Trace<'_>, names: &[String]) -> Result<Vec<usize>, PruneError> {
    let mut nodes = vec![];
    for name in names {
        let graph = trace.model.graph();
        let is = |at: &usize| {
            let node = &graph.node[*at];
            node.name == *name || node.output.contains(name)
        };
        let named = trace.layers.iter().filter(|layer| is(&layer.node) || layer.weight == *name);
        let found: Vec<usize> = named.map(|layer| layer.node).collect();
        if found.is_empty() {
            let all: Vec<String> =
                trace.layers.iter().map(|layer| layer_name(&graph.node[layer.node])).collect();
            known("layer", name, all.iter().map(String::as_str))?;
        }
        nodes.extend(found);
    }
    Ok(nodes)
}

/// Refuses a name that is not among those that are, with the nearest ones.
fn known<'n>(kind: &'static str, name: &str, names: impl Iterator<Item = &'n str>) -> Result<(), PruneError> {
    let mut near: Vec<(usize, &str)> = names.map(|other| (strsim::levenshtein(name, other), other)).collect();
    if near.iter().any(|(distance, _)| *distance == 0) {
        return Ok(());
    }
    near.sort_unstable();
    near.dedup();
    let list: Vec<String> = near.iter().take(3).map(|(_, other)| format!("`{other}`")).collect();
    let nearest = if list.is_empty() {
        format!("; it has no {kind} that can be pruned")
    } else {
        format!("; the nearest names are {}", list.join(", "))
    };
    Err(PruneError::Unknown { kind, name: name.into(), nearest })
}

/// The name of a node, or else of its first output.
fn layer_name(node: &NodeProto) -> String {
    if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name.clone() }
}

#[cfg(test)]
mod random_test;
#[cfg(test)]
mod test;

//! The pass: layer by layer, and what became of each.

use std::collections::HashMap;

use faer::Mat;

use super::correspondence::Correspondence;
use super::normalize::{Norm, match_moments};
use super::report::{RepairOutcome, RepairReport, RepairedLayer};
use super::segment::Walker;
use super::site::{Kind, Site};
use super::solve::{Samples, solve, squares};
use crate::compress::activation::{Executor, Feed, Walk, sample};
use crate::compress::decompose::layer::layer_name;
use crate::onnx::{Array, Index, Model};

/// Below this relative error a layer writes what it should.
const EXACT: f64 = 1e-6;

/// How a model is repaired.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepairConfig {
    /// Positions of all inputs together at which a layer is looked at, at most.
    pub positions: usize,
    /// Share of the inputs that tells whether a change helps instead of making it.
    pub held_out: f64,
    /// Which positions are drawn.
    pub seed: u64,
}

impl Default for RepairConfig {
    fn default() -> Self {
        Self { positions: 4096, held_out: 0.25, seed: 0 }
    }
}

/// Why a model cannot be repaired.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RepairError {
    /// Too few inputs.
    #[error("repair takes 2 inputs or more, one of them to tell whether it helps, but got {found}")]
    Inputs {
        /// How many there were.
        found: usize,
    },
    /// A model that cannot be run.
    #[error("the {which} model cannot be run: {reason}")]
    Run {
        /// `original` or `compressed`.
        which: &'static str,
        /// What was said.
        reason: String,
    },
    /// Outputs that are not numbers.
    #[error("the original writes values that are infinite or NaN on the calibration inputs")]
    NotFinite,
}

/// Solves the layers of `compressed` again, so that they write what those of `original` do on the inputs
/// `feeds`.
///
/// The last [`RepairConfig::held_out`] of the feeds tell whether a change helps; with them the result is
/// never worse than `compressed`.
///
/// # Errors
/// [`RepairError`].
pub fn repair(
    original: &Model,
    compressed: &Model,
    correspondence: &Correspondence,
    executor: &dyn Executor,
    feeds: &[Feed],
    config: &RepairConfig,
) -> Result<(Model, RepairReport), RepairError> {
    if feeds.len() < 2 {
        return Err(RepairError::Inputs { found: feeds.len() });
    }
    let held_out = ((feeds.len() as f64 * config.held_out).round() as usize).clamp(1, feeds.len() - 1);
    let mut pass = Pass {
        correspondence,
        executor,
        feeds,
        fit: feeds.len() - held_out,
        config,
        targets: HashMap::new(),
    };
    pass.collect(original, compressed)?;
    let (model, layers) = pass.layers(compressed)?;
    let outputs = pass.outputs(original, "original")?;
    let before = difference(&outputs, &pass.outputs(compressed, "compressed")?);
    let after = difference(&outputs, &pass.outputs(&model, "compressed")?);
    if !before.is_finite() {
        return Err(RepairError::NotFinite);
    }
    // Layer by layer it helped; where the whole does not show it, nothing was won.
    if after < before {
        return Ok((model, RepairReport { before, after, layers }));
    }
    let reason = || "the outputs of the model became no better".to_owned();
    let kept = |layer: RepairedLayer| match layer.outcome {
        RepairOutcome::Repaired { .. } => {
            RepairedLayer { outcome: RepairOutcome::Kept { reason: reason() }, ..layer }
        }
        RepairOutcome::Kept { .. } => layer,
    };
    let layers = layers.into_iter().map(kept).collect();
    Ok((compressed.clone(), RepairReport { before, after: before, layers }))
}

/// What the original writes at some positions.
struct Target {
    /// Sizes of the value, feed by feed.
    shapes: Vec<Vec<usize>>,
    /// The positions that were drawn, feed by feed.
    positions: Vec<Vec<usize>>,
    /// The values there, (P, channels of the original).
    values: Vec<Mat<f64>>,
}

struct Pass<'a> {
    correspondence: &'a Correspondence,
    executor: &'a dyn Executor,
    feeds: &'a [Feed],
    /// Feeds that changes are made from; the others tell whether they help.
    fit: usize,
    config: &'a RepairConfig,
    /// By the value that is written.
    targets: HashMap<String, Target>,
}

/// Where channels lie in what a node writes.
fn channel_axis(operator: &str, rank: usize) -> usize {
    if matches!(operator, "Gemm" | "MatMul") { rank.saturating_sub(1) } else { 1.min(rank.saturating_sub(1)) }
}

impl Pass<'_> {
    /// Runs the original and keeps what its layers write.
    fn collect(&mut self, original: &Model, compressed: &Model) -> Result<(), RepairError> {
        let repairable = |op: &str| matches!(op, "Conv" | "Gemm" | "MatMul" | "BatchNormalization");
        let index = Index::new(original.graph());
        let operators: HashMap<String, String> = compressed
            .graph()
            .node
            .iter()
            .filter(|node| repairable(&node.op_type))
            .filter_map(|node| Some((node.output.first()?.clone(), node.op_type.clone())))
            .filter(|(value, _)| index.producer(value).is_some())
            .collect();
        let mut wanted: Vec<String> = operators.keys().cloned().collect();
        wanted.sort();
        let share = (self.config.positions / self.feeds.len()).max(1);
        let (targets, seed) = (&mut self.targets, self.config.seed);
        let run = self.executor.run_each(original, self.feeds, &wanted, &mut |number, values| {
            for (name, array) in values {
                let (Some(operator), Some(elements)) = (operators.get(&name), array.as_f32()) else {
                    continue;
                };
                let axis = channel_axis(operator, array.shape.len());
                let channels = array.shape.get(axis).copied().unwrap_or(1).max(1);
                let inner: usize = array.shape.iter().skip(axis + 1).product();
                let total = elements.len() / channels;
                let drawn = sample(total, share, seed.wrapping_add(number as u64));
                let values = Mat::from_fn(drawn.len(), channels, |p, t| {
                    let (block, within) = (drawn[p] / inner, drawn[p] % inner);
                    f64::from(elements[(block * channels + t) * inner + within])
                });
                let target = targets.entry(name).or_insert_with(|| Target {
                    shapes: vec![],
                    positions: vec![],
                    values: vec![],
                });
                target.shapes.push(array.shape);
                target.positions.push(drawn);
                target.values.push(values);
            }
            Ok(())
        });
        run.map_err(|reason| RepairError::Run { which: "original", reason })
    }

    /// Visits the layers in the order of the graph.
    fn layers(&self, compressed: &Model) -> Result<(Model, Vec<RepairedLayer>), RepairError> {
        let mut model = compressed.clone();
        let mut walker = Walker::new(self.executor, self.feeds);
        let mut layers = Vec::new();
        for at in 0..model.graph().node.len() {
            let index = Index::new(model.graph());
            let site = Site::new(&model, &index, at);
            let norm = Norm::new(&model, &index, at);
            if site.is_none() && norm.is_none() {
                continue;
            }
            walker.advance(&model, at).map_err(|reason| RepairError::Run { which: "compressed", reason })?;
            let outcome = match (site, norm) {
                (Some(site), _) => site.and_then(|site| self.layer(&mut model, &walker, site)),
                (_, Some(norm)) => norm.and_then(|norm| self.normalization(&mut model, &walker, norm)),
                (None, None) => continue,
            };
            let node = &model.graph().node[at];
            let outcome = match outcome {
                Ok((before, after)) => RepairOutcome::Repaired { before, after },
                Err(reason) => RepairOutcome::Kept { reason },
            };
            layers.push(RepairedLayer {
                name: layer_name(node).into(),
                operator: node.op_type.clone(),
                outcome,
            });
        }
        Ok((model, layers))
    }

    /// What the original writes where a node does, restricted to the channels that are left.
    fn target(&self, model: &Model, at: usize, channels: usize) -> Result<(&Target, Vec<usize>), String> {
        let name = &model.graph().node[at].output[0];
        let target = self.targets.get(name).ok_or("the original has no value of that name")?;
        if target.values.len() != self.feeds.len() {
            return Err("the original does not write f32 there".into());
        }
        let whole = target.values[0].ncols();
        let kept = self.correspondence.channels(name, channels, whole);
        let kept = kept.ok_or_else(|| {
            format!("nobody says which {channels} of the original's {whole} channels it writes")
        })?;
        Ok((target, kept))
    }

    /// Solves for a layer; its relative error before and after.
    fn layer(&self, model: &mut Model, walker: &Walker<'_>, mut site: Site) -> Result<(f64, f64), String> {
        let node = model.graph().node[site.node].clone();
        let (target, kept) = self.target(model, site.node, site.out)?;
        let inputs = walker.value(&node.input[0]).ok_or("what it reads is not there")?;
        let mut samples: Vec<Samples> = Vec::new();
        let mut wanted = Vec::new();
        for (feed, input) in inputs.iter().enumerate() {
            let values = finite(input)?;
            let walk = site.walk(&node, &input.shape)?;
            let drawn = &target.positions[feed];
            if !same_positions(&walk, site.kind, &target.shapes[feed]) {
                return Err("the original writes other sizes there".into());
            }
            let x = walk.patches(values, drawn);
            let y = Mat::from_fn(drawn.len(), site.out, |p, t| target.values[feed][(p, kept[t])]);
            let r = &y - site.outputs(&x);
            samples.push(Samples { x, r });
            wanted.push(squares(&y));
        }
        let (fit, held_out) = (stacked(&samples[..self.fit]), stacked(&samples[self.fit..]));
        let scale: f64 = wanted[self.fit..].iter().sum();
        let before = relative(squares(&held_out.r), scale);
        if before < EXACT && relative(squares(&fit.r), wanted[..self.fit].iter().sum()) < EXACT {
            return Err("it writes what the original does".into());
        }
        let (row, per_group) = (site.weight.ncols(), site.out / site.groups);
        let mut left = 0.0;
        let mut changed = false;
        for group in 0..site.groups {
            let part = |samples: &Samples| Samples {
                x: samples.x.subcols(group * row, row).to_owned(),
                r: samples.r.subcols(group * per_group, per_group).to_owned(),
            };
            let held_out = part(&held_out);
            let Some(change) = solve(&part(&fit), &held_out, site.with_bias) else {
                left += squares(&held_out.r);
                continue;
            };
            changed = true;
            left += change.squares;
            for t in 0..per_group {
                let out = group * per_group + t;
                (0..row).for_each(|j| site.weight[(out, j)] += change.weight[(j, t)]);
                site.bias[out] += change.bias[t];
            }
        }
        if !changed {
            return Err("no change of its weights helps on the held-out inputs".into());
        }
        site.store(model);
        Ok((before, relative(left, scale)))
    }

    /// Matches the moments of a normalisation; its relative error before and after.
    fn normalization(
        &self,
        model: &mut Model,
        walker: &Walker<'_>,
        norm: Norm,
    ) -> Result<(f64, f64), String> {
        let node = model.graph().node[norm.node].clone();
        let (target, kept) = self.target(model, norm.node, norm.channels())?;
        let inputs = walker.value(&node.input[0]).ok_or("what it reads is not there")?;
        let (mut found, mut wanted) = (Vec::new(), Vec::new());
        for (feed, input) in inputs.iter().enumerate() {
            let values = finite(input)?;
            if input.shape.get(1) != Some(&norm.channels())
                || input.len() / norm.channels() != total(target, feed)
            {
                return Err("the original writes other sizes there".into());
            }
            let drawn = &target.positions[feed];
            let inner: usize = input.shape[2..].iter().product();
            let x = Mat::from_fn(drawn.len(), norm.channels(), |p, c| {
                f64::from(values[(drawn[p] / inner * norm.channels() + c) * inner + drawn[p] % inner])
            });
            found.push(norm.outputs(&x));
            wanted.push(Mat::from_fn(drawn.len(), norm.channels(), |p, c| target.values[feed][(p, kept[c])]));
        }
        let halves = |parts: &[Mat<f64>]| (concat(&parts[..self.fit]), concat(&parts[self.fit..]));
        let ((x, x_held), (y, y_held)) = (halves(&found), halves(&wanted));
        let scale = squares(&y_held);
        let before = squares(&(&y_held - &x_held));
        if relative(before, scale) < EXACT {
            return Err("it writes what the original does".into());
        }
        let (changed, left) = match_moments(&norm, (&x, &y), (&x_held, &y_held));
        let changed = changed.ok_or("no mean and no variance helps on the held-out inputs")?;
        changed.store(model);
        Ok((relative(before, scale), relative(left, scale)))
    }

    /// What a model returns for the held-out feeds, in f32.
    fn outputs(
        &self,
        model: &Model,
        which: &'static str,
    ) -> Result<Vec<HashMap<String, Array>>, RepairError> {
        let wanted: Vec<String> = model.graph().output.iter().map(|value| value.name.clone()).collect();
        let mut outputs = Vec::new();
        let run = self.executor.run_each(model, &self.feeds[self.fit..], &wanted, &mut |_, values| {
            outputs.push(values);
            Ok(())
        });
        run.map_err(|reason| RepairError::Run { which, reason })?;
        Ok(outputs)
    }
}

/// Number of positions of a target.
fn total(target: &Target, feed: usize) -> usize {
    let elements: usize = target.shapes[feed].iter().product();
    elements / target.values[feed].ncols().max(1)
}

/// Whether a layer writes at the positions at which the original does.
fn same_positions(walk: &Walk, kind: Kind, shape: &[usize]) -> bool {
    let axis = channel_axis(if kind == Kind::Conv { "Conv" } else { "Gemm" }, shape.len());
    let others = shape.iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, size)| size);
    others.product::<usize>() == walk.positions()
}

fn finite(array: &Array) -> Result<&[f32], String> {
    let values = array.as_f32().ok_or("it does not read f32")?;
    let finite = values.iter().all(|v| v.is_finite());
    if finite { Ok(values) } else { Err("it reads values that are infinite or NaN".into()) }
}

/// Norm of what is left over that of what is wanted, from their squares.
fn relative(left: f64, wanted: f64) -> f64 {
    if left == 0.0 { 0.0 } else { (left / wanted).sqrt() }
}

fn stacked(samples: &[Samples]) -> Samples {
    let x: Vec<Mat<f64>> = samples.iter().map(|samples| samples.x.clone()).collect();
    let r: Vec<Mat<f64>> = samples.iter().map(|samples| samples.r.clone()).collect();
    Samples { x: concat(&x), r: concat(&r) }
}

/// Matrices one below the other.
fn concat(parts: &[Mat<f64>]) -> Mat<f64> {
    let rows = parts.iter().map(Mat::nrows).sum();
    let mut whole = Mat::zeros(rows, parts.first().map_or(0, Mat::ncols));
    let mut row = 0;
    for part in parts {
        whole.as_mut().subrows_mut(row, part.nrows()).copy_from(part);
        row += part.nrows();
    }
    whole
}

/// Relative difference of outputs in f32.
fn difference(wanted: &[HashMap<String, Array>], found: &[HashMap<String, Array>]) -> f64 {
    let (mut left, mut scale) = (0.0, 0.0);
    for (wanted, found) in wanted.iter().zip(found) {
        for (name, array) in wanted {
            let (Some(y), Some(z)) = (array.as_f32(), found.get(name).and_then(Array::as_f32)) else {
                continue;
            };
            for (&y, &z) in y.iter().zip(z) {
                left += (f64::from(y) - f64::from(z)).powi(2);
                scale += f64::from(y).powi(2);
            }
        }
    }
    relative(left, scale)
}

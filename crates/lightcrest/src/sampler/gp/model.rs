//! What is believed of every objective, and the goal made of it.

use super::candidate::Candidate;
use super::goal::{Belief, Goal, Slopes, Strips, simplex};
use super::observation::{Told, told};
use super::surrogate::{Cache, Observations, checkpoint, surrogate};
use super::{Acquisition, GpConfig, informative, pending};
use crate::history::{FrozenTrial, TrialState};
use crate::objective::Direction;
use crate::pareto;
use crate::sampler::{Context, SamplerError};
use crate::space::encode::{Column, Encoded, Encoder};
use lightcrest_gp::acquisition::{SIGMA_FLOOR, gp_ucb_kappa};
use lightcrest_gp::{Column as GpColumn, Family, GpError, Kernel, Posterior, Prediction, Rows};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// How one objective is believed in.
enum Role {
    /// Known from the preview; its logarithm is used where values span more than a factor of ten.
    Exact { direction: Direction, log: bool },
    /// Predicted.
    Modelled(Box<Posterior>),
}

/// Beliefs and goal for one proposal.
pub(super) struct Model {
    roles: Vec<Role>,
    goal: Goal,
    /// The best trials: where mutations start.
    pub(super) parents: Vec<Encoded>,
}

fn internal(error: GpError) -> SamplerError {
    SamplerError::Internal { sampler: "gp", reason: error.to_string() }
}

impl Model {
    pub(super) fn new(
        config: &GpConfig,
        encoder: &Encoder<'_>,
        context: &Context<'_>,
        caches: &mut Vec<Cache>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, SamplerError> {
        let m = context.objectives.len();
        caches.resize_with(m, Cache::default);
        let kernel = kernel(config, encoder)?;
        let (mut trials, c) = limited(informative(context), context, config.max_trials);
        if config.reports.extrapolates(m) {
            trials.extend(pending(context).into_iter().filter(|trial| !trial.reports.is_empty()));
        }
        let encoded: Vec<Encoded> = trials.iter().map(|t| encoder.encode(&t.configuration)).collect();
        let awaited: Vec<Encoded> =
            pending(context).iter().map(|t| encoder.encode(&t.configuration)).collect();
        let exact = exact_objectives(&trials, context);

        let mut promised = f64::NEG_INFINITY;
        let mut roles = Vec::with_capacity(m);
        let mut believed: Vec<Vec<f64>> = vec![vec![f64::NAN; m]; trials.len()];
        for j in 0..m {
            let told = |trials: &[&FrozenTrial]| told(trials, context.objectives, j, config.reports);
            let everything = told(&trials);
            let all = &everything.values;
            if exact[j] {
                let role = exact_role(context.objectives[j].direction, all);
                for (i, value) in all.iter().enumerate() {
                    believed[i][j] = value.map_or(f64::NAN, |v| scaled(&role, v));
                }
                roles.push(role);
                continue;
            }
            let first = observations(&encoded[..c], &told(&trials[..c]))?;
            let here: Vec<usize> = (0..all.len()).filter(|&i| all[i].is_some()).collect();
            let full = observations(&encoded, &everything)?;
            // Too few values in the first part: fit to all.
            let first = if first.values.len() < 2 { observations(&encoded, &everything)? } else { first };
            let (mut posterior, _) = surrogate(&kernel, &first, &full, config.outliers, &mut caches[j])?;
            for (&i, value) in here.iter().zip(posterior.fitted()) {
                believed[i][j] = value;
            }
            let mut rows = Rows::new(encoder.columns().len());
            for row in &awaited {
                rows.push(&row.row, &row.active).map_err(internal)?;
            }
            if !rows.is_empty() {
                posterior.fantasise(&rows).map_err(internal)?;
                // What awaited trials are expected to reach is no improvement any more.
                promised = posterior.fitted()[full.values.len()..].iter().copied().fold(promised, f64::max);
            }
            roles.push(Role::Modelled(Box::new(posterior)));
        }
        let leaders = leaders(&trials, &believed);
        let goal = goal(config, context, &exact, &believed, &leaders, promised, rng);
        let parents = leaders.iter().map(|&i| encoded[i].clone()).collect();
        Ok(Self { roles, goal, parents })
    }

    /// Whether a score depends on what a preview knows.
    pub(super) fn needs_previews(&self) -> bool {
        self.roles.iter().any(|role| matches!(role, Role::Exact { .. }))
    }

    /// The largest number of observations behind a prediction.
    pub(super) fn observations(&self) -> usize {
        let len = |role: &Role| match role {
            Role::Exact { .. } => 0,
            Role::Modelled(posterior) => posterior.len(),
        };
        self.roles.iter().map(len).max().unwrap_or(0)
    }

    /// Scores of candidates; `None` for those whose exact objectives are not known.
    pub(super) fn score(&self, candidates: &[Candidate]) -> Result<Vec<Option<f64>>, SamplerError> {
        let Some(first) = candidates.first() else { return Ok(Vec::new()) };
        let mut rows = Rows::new(first.row.len());
        for candidate in candidates {
            rows.push(&candidate.row, &candidate.active).map_err(internal)?;
        }
        let mut predictions: Vec<Option<Vec<Prediction>>> = Vec::new();
        for role in &self.roles {
            predictions.push(match role {
                Role::Exact { .. } => None,
                Role::Modelled(posterior) => Some(posterior.predict(&rows).map_err(internal)?),
            });
        }
        let belief = |i: usize, j: usize| match &predictions[j] {
            Some(all) => Some(normal(all[i])),
            None => self.exact(j, &candidates[i]),
        };
        let beliefs = |i: usize| (0..self.roles.len()).map(|j| belief(i, j)).collect::<Option<Vec<_>>>();
        Ok((0..candidates.len()).map(|i| Some(self.goal.value(&beliefs(i)?).0)).collect())
    }

    /// The goal at a changed row of a candidate, and its derivative in every column; what is known exactly stays as it is.
    pub(super) fn slope(&self, candidate: &Candidate, row: &[f64]) -> Option<(f64, Vec<f64>)> {
        let mut beliefs = Vec::with_capacity(self.roles.len());
        let mut gradients = Vec::with_capacity(self.roles.len());
        for (j, role) in self.roles.iter().enumerate() {
            match role {
                Role::Exact { .. } => {
                    beliefs.push(self.exact(j, candidate)?);
                    gradients.push(None);
                }
                Role::Modelled(posterior) => {
                    let gradient = posterior.predict_gradient(row, &candidate.active).ok()?;
                    beliefs.push(normal(gradient.at));
                    gradients.push(Some(gradient));
                }
            }
        }
        let (value, slopes) = self.goal.value(&beliefs);
        let mut total = vec![0.0; row.len()];
        for (gradient, (by_mean, by_sigma)) in gradients.iter().zip::<Vec<Slopes>>(slopes) {
            let Some(gradient) = gradient else { continue };
            let sigma = gradient.at.variance.sqrt().max(SIGMA_FLOOR);
            for (c, total) in total.iter_mut().enumerate() {
                *total += by_mean * gradient.mean[c] + by_sigma * 0.5 * gradient.variance[c] / sigma;
            }
        }
        value.is_finite().then_some((value, total))
    }

    fn exact(&self, j: usize, candidate: &Candidate) -> Option<Belief> {
        let Role::Exact { direction, .. } = &self.roles[j] else { return None };
        let value = (*candidate.known.get(j)?)?;
        let value = scaled(&self.roles[j], direction.orient(value));
        value.is_finite().then_some(Belief::Exact(value))
    }
}

fn normal(prediction: Prediction) -> Belief {
    Belief::Normal { mean: prediction.mean, sigma: prediction.variance.sqrt().max(SIGMA_FLOOR) }
}

fn kernel(config: &GpConfig, encoder: &Encoder<'_>) -> Result<Kernel, SamplerError> {
    let columns = encoder.columns().iter().map(|column| match column {
        Column::Categorical { .. } => GpColumn::Categorical,
        Column::Continuous | Column::Discrete(_) => GpColumn::Continuous,
    });
    // Parameters with the same conditions are active together.
    let mut seen = HashMap::new();
    let mut groups = Vec::new();
    for parameter in encoder.space().parameters() {
        let when: Vec<String> = parameter.when.iter().map(ToString::to_string).collect();
        let next = seen.len();
        groups.push((!when.is_empty()).then(|| *seen.entry(when).or_insert(next)));
    }
    Kernel::new(Family::Matern52, columns.collect())
        .conditional(config.conditional, &groups)
        .map_err(internal)
}

/// The objectives whose values a preview knows, as the newest trial has it.
fn exact_objectives(trials: &[&FrozenTrial], context: &Context<'_>) -> Vec<bool> {
    let known = match trials.last() {
        Some(trial) if trial.known.is_empty() => (context.preview)(&trial.configuration).objectives,
        Some(trial) => trial.known.clone(),
        None => Vec::new(),
    };
    (0..context.objectives.len()).map(|j| known.get(j).is_some_and(Option::is_some)).collect()
}

fn exact_role(direction: Direction, oriented: &[Option<f64>]) -> Role {
    let raw = || oriented.iter().flatten().map(|v| direction.orient(*v));
    let (low, high) = raw().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    Role::Exact { direction, log: low > 0.0 && high > 10.0 * low }
}

/// An oriented exact value as the goal sees it.
fn scaled(role: &Role, oriented: f64) -> f64 {
    match role {
        Role::Exact { direction, log: true } => {
            direction.orient(direction.orient(oriented).max(f64::MIN_POSITIVE).ln())
        }
        _ => oriented,
    }
}

fn observations(encoded: &[Encoded], all: &Told) -> Result<Observations, SamplerError> {
    let mut rows = Rows::new(encoded.first().map_or(0, |e| e.row.len()));
    let (mut values, mut deviations) = (Vec::new(), Vec::new());
    for (row, (value, deviation)) in encoded.iter().zip(all.values.iter().zip(&all.deviations)) {
        if let Some(value) = value {
            rows.push(&row.row, &row.active).map_err(internal)?;
            values.push(*value);
            deviations.push(*deviation);
        }
    }
    Ok(Observations { rows, values, deviations })
}

/// The trials that inform the surrogate and how many of them come before the last checkpoint. At most `limit`: of those before it the
/// best, a quarter, and the latest; those after it are few. The first part stays the same from one checkpoint to the next,
/// and so does the fit.
fn limited<'a>(
    trials: Vec<&'a FrozenTrial>,
    context: &Context<'_>,
    limit: usize,
) -> (Vec<&'a FrozenTrial>, usize) {
    let step = (limit / 4).max(1);
    let c = checkpoint(trials.len(), step);
    if trials.len() <= limit {
        return (trials, c);
    }
    let (first, last) = trials.split_at(c);
    let limit = limit - step;
    let points: Vec<(usize, Vec<f64>)> = first
        .iter()
        .enumerate()
        .filter_map(|(i, t)| Some((i, context.history.oriented(t)?)))
        .filter(|(_, p)| p.iter().all(|v| v.is_finite()))
        .collect();
    let oriented: Vec<Vec<f64>> = points.iter().map(|(_, p)| p.clone()).collect();
    let mut keep: Vec<usize> =
        pareto::ranking(&oriented).into_iter().take(limit / 4).map(|i| points[i].0).collect();
    let mut kept = vec![false; first.len()];
    keep.iter().for_each(|&i| kept[i] = true);
    let latest = (0..first.len()).rev().filter(|&i| !kept[i]).take(limit - keep.len());
    keep.extend(latest);
    keep.sort_unstable();
    let count = keep.len();
    (keep.into_iter().map(|i| first[i]).chain(last.iter().copied()).collect(), count)
}

/// The best few trials, best first, by what is believed of them: a front and what follows it.
fn leaders(trials: &[&FrozenTrial], believed: &[Vec<f64>]) -> Vec<usize> {
    let usable = |feasible: bool| {
        let fits = move |i: &usize| {
            trials[*i].state == TrialState::Complete
                && (!feasible || trials[*i].is_feasible())
                && believed[*i].iter().all(|v| v.is_finite())
        };
        (0..trials.len()).filter(fits).collect::<Vec<_>>()
    };
    let mut indices = usable(true);
    if indices.is_empty() {
        indices = usable(false);
    }
    let points: Vec<Vec<f64>> = indices.iter().map(|&i| believed[i].clone()).collect();
    let front = pareto::front(&points).len();
    pareto::ranking(&points).into_iter().take(front.max(5)).map(|i| indices[i]).collect()
}

fn goal(
    config: &GpConfig,
    context: &Context<'_>,
    exact: &[bool],
    believed: &[Vec<f64>],
    leaders: &[usize],
    promised: f64,
    rng: &mut ChaCha8Rng,
) -> Goal {
    let m = exact.len();
    let acquisition = match config.acquisition {
        Acquisition::Auto if m == 1 => Acquisition::LogEi,
        Acquisition::Auto => Acquisition::Ucb,
        named => named,
    };
    let kappa = match acquisition {
        // The effective dimension: one trial's active parameters.
        Acquisition::GpUcb => {
            let active = context.history.trials().last().map_or(1, |t| t.configuration.len());
            gp_ucb_kappa(context.history.finished(), active, 0.1)
        }
        _ => config.kappa.unwrap_or(if m == 1 { 2.0 } else { 1.0 }),
    };
    // Predicted results of awaited trials make the surrogate too sure of itself (Desautels et al. 2014, GP-BUCB, widen the
    // bounds for that); without this, workers crowd around one optimum.
    let kappa = kappa * (1.0 + pending(context).len() as f64).powf(0.25);
    if m == 1 {
        let best = leaders.iter().map(|&i| believed[i][0]).fold(promised, f64::max);
        return match acquisition {
            Acquisition::LogEi if best.is_finite() => Goal::LogEi { best },
            _ => Goal::Ucb { kappa },
        };
    }
    let points: Vec<Vec<f64>> = leaders.iter().map(|&i| believed[i].clone()).collect();
    let front: Vec<&Vec<f64>> = pareto::front(&points).into_iter().map(|i| &points[i]).collect();
    let everything: Vec<&Vec<f64>> = believed.iter().filter(|p| p.iter().all(|v| v.is_finite())).collect();
    let extent = |points: &[&Vec<f64>], j: usize| {
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        points.iter().fold(ends, |(l, h), p| (l.min(p[j]), h.max(p[j])))
    };
    let (mut nadir, mut range) = (Vec::new(), Vec::new());
    for j in 0..m {
        let (mut low, mut high) = extent(&front, j);
        let apart = high - low > 1e-9 * low.abs().max(high.abs());
        if !apart {
            (low, high) = extent(&everything, j);
        }
        let width = high - low;
        let usable = width.is_finite() && width > 0.0;
        nadir.push(if low.is_finite() { low } else { 0.0 });
        range.push(if usable { width } else { 1.0 });
    }
    if let (Acquisition::LogEi, 2, [a, b]) = (acquisition, m, exact)
        && a != b
    {
        let (sure, uncertain) = if *a { (0, 1) } else { (1, 0) };
        let below = |j: usize| nadir[j] - 0.1 * range[j];
        let points: Vec<(f64, f64)> = front.iter().map(|p| (p[sure], p[uncertain])).collect();
        return Goal::LogVolume { uncertain, strips: Strips::new(&points, (below(sure), below(uncertain))) };
    }
    Goal::Chebyshev { weights: simplex(m, rng), nadir, range, kappa }
}

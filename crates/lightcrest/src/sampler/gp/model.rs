//! The posterior of every objective, and the goal made of them.

use super::candidate::Candidate;
use super::cost::CostColumns;
use super::goal::{Goal, Marginal, Slopes, simplex};
use super::hypervolume_improvement::HypervolumeImprovement;
use super::ledger::Ledger;
use super::observation::observed;
use super::recollection::Recollections;
use super::role::{Objectives, Role, exact_objectives, scaled};
use super::start::Ladder;
use super::surrogate::{Cache, Guide, Surrogate, checkpoint, internal, is_drawn, surrogate};
use super::terms::{Evidence, Term};
use super::trust_region::Region;
use super::{Acquisition, GpConfig, pending};
use crate::history::{FrozenTrial, TrialState};
use crate::pareto;
use crate::sampler::{Context, SamplerError};
use crate::space::Space;
use crate::space::encode::{Column, Encoded, Encoder};
use lightcrest_gp::acquisition::{SIGMA_FLOOR, gp_ucb_kappa};
use lightcrest_gp::{Column as GpColumn, Family, Kernel, Prediction, PredictionGradient, Rows};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// What a sampler keeps between proposals, to save time.
#[derive(Debug, Default)]
pub(super) struct Caches {
    objectives: Vec<Cache>,
    constraints: Vec<Cache>,
    price: Cache,
    recollections: Recollections,
    pub(super) ledger: Ledger,
    /// What the starts cost, of one space.
    pub(super) ladder: Option<(Space, Ladder)>,
}

/// Posteriors and goal for one proposal.
pub(super) struct Model {
    roles: Vec<Role>,
    goal: Goal,
    terms: Vec<Term>,
    /// The best trials: where mutations start.
    pub(super) parents: Vec<Encoded>,
    region: Option<Region>,
    /// What stands behind the columns of the space.
    costs: CostColumns,
}

impl Model {
    pub(super) fn new(
        config: &GpConfig,
        encoder: &Encoder<'_>,
        context: &Context<'_>,
        caches: &mut Caches,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, SamplerError> {
        let m = context.objectives.len();
        caches.objectives.resize_with(m, Cache::default);
        let Informing { trials, mut encoded, checkpoint: c } = informing(config, context, &mut caches.ledger);
        let exact = exact_objectives(&trials, context);
        // What earlier studies tell is of configurations alone.
        let costs = match context.history.memory().is_empty() {
            true => CostColumns::widening(context, &exact, &trials, &mut encoded),
            false => CostColumns::default(),
        };
        let kernel = kernel(config, encoder, costs.len())?;
        let pending = pending(context);
        let mut pending_rows = Rows::new(encoder.columns().len() + costs.len());
        for trial in &pending {
            let mut row = encoder.encode(&trial.configuration);
            if costs.len() > 0 {
                costs.widen(&mut row, &(context.preview)(&trial.configuration));
            }
            pending_rows.push(&row.row, &row.active).map_err(internal)?;
        }
        let evidence = Evidence {
            kernel: &kernel,
            trials: &trials,
            encoded: &encoded,
            checkpoint: c,
            pending_rows: &pending_rows,
        };
        let mut objectives = Objectives::new(trials.len(), pending.len(), m);
        for (j, (&exact, cache)) in exact.iter().zip(&mut caches.objectives).enumerate() {
            let recollections = &mut caches.recollections;
            let observe = |trials: &[&FrozenTrial]| observed(trials, context.objectives, j, config.reports);
            let all = observe(&trials);
            if exact {
                objectives.know(context.objectives[j].direction, &all.values, &pending);
            } else if all.values.iter().all(Option::is_none) {
                objectives.leave_open();
            } else {
                let drawn =
                    config.draws && m == 1 && !context.space.is_conditional() && is_drawn(context.number);
                let uncertainty = drawn.then_some(&mut *rng);
                let first = observe(&trials[..c]);
                let memory = recollections.of(&kernel, encoder, context.history, j)?;
                let guide = Guide { outliers: config.outliers, memory };
                let posterior = surrogate(&kernel, &encoded, &first, &all, guide, cache, uncertainty)?;
                objectives.learn(posterior, &all.values, &pending_rows)?;
            }
        }
        let Objectives { roles, estimated, fantasised } = objectives;
        let state = config.local(context, &caches.ledger);
        let begin = state.map_or(0, |state| state.begin);
        let (leaders, feasible) = leaders(&trials, &estimated, begin);
        let goal = match feasible {
            true => goal(config, context, &exact, &estimated, &fantasised, &leaders, rng),
            false => Goal::Feasibility,
        };
        let mut terms = evidence.constraints(goal.is_logarithm(), &mut caches.constraints)?;
        if config.acquisition == Acquisition::LogEiPerSecond && goal.is_logarithm() {
            terms.extend(evidence.price(&mut caches.price)?);
        }
        let parent = |&i: &usize| encoder.encode(&trials[i].configuration);
        let parents: Vec<Encoded> = leaders.iter().map(parent).collect();
        let region = match (state, roles.as_slice(), parents.first()) {
            (Some(state), [Role::Modelled(posterior)], Some(centre)) => {
                let scales = &posterior.hyperparameters().length_scales;
                Some(Region::new(encoder.columns(), centre, scales, &state))
            }
            _ => None,
        };
        Ok(Self { roles, goal, terms, parents, region, costs })
    }

    /// The region that this proposal is looked for in; `None` for the whole space.
    pub(super) fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// The posterior of an objective; `None` if it is known without one.
    pub(super) fn posterior(&self, objective: usize) -> Option<&Surrogate> {
        match self.roles.get(objective)? {
            Role::Exact { .. } | Role::Unknown => None,
            Role::Modelled(posterior) => Some(posterior),
        }
    }

    /// How much each of `count` earlier studies counts, on average over the objectives that are predicted.
    pub(super) fn weights(&self, count: usize) -> Option<Vec<f64>> {
        let objectives = 0..self.roles.len();
        let each = objectives.filter_map(|j| self.posterior(j)?.weights(count)).collect::<Vec<_>>();
        let mean = |s: usize| each.iter().map(|weights| weights[s]).sum::<f64>() / each.len() as f64;
        (!each.is_empty()).then(|| (0..count).map(mean).collect())
    }

    /// What is maximised.
    pub(super) fn goal(&self) -> &Goal {
        &self.goal
    }

    /// Whether a score depends on what a preview knows.
    pub(super) fn needs_previews(&self) -> bool {
        self.costs.len() > 0 || self.roles.iter().any(|role| matches!(role, Role::Exact { .. }))
    }

    /// The rows of candidates, as the surrogates see them.
    pub(super) fn rows(&self, candidates: &[Candidate]) -> Result<Option<Rows>, SamplerError> {
        let Some(first) = candidates.first() else { return Ok(None) };
        let mut rows = Rows::new(first.row.len() + self.costs.len());
        for candidate in candidates {
            let Encoded { row, active } = self.costs.of_candidate(candidate, &candidate.row);
            rows.push(&row, &active).map_err(internal)?;
        }
        Ok(Some(rows))
    }

    /// The largest number of observations behind a prediction.
    pub(super) fn observations(&self) -> usize {
        let len = |role: &Role| match role {
            Role::Exact { .. } | Role::Unknown => 0,
            Role::Modelled(posterior) => posterior.len(),
        };
        self.roles.iter().map(len).max().unwrap_or(0)
    }

    /// Scores of candidates; `None` for those whose exact objectives are not known.
    pub(super) fn score(&self, candidates: &[Candidate]) -> Result<Vec<Option<f64>>, SamplerError> {
        let Some(rows) = self.rows(candidates)? else { return Ok(Vec::new()) };
        let mut estimated = Vec::new();
        for role in &self.roles {
            estimated.push(match role {
                Role::Exact { .. } | Role::Unknown => None,
                Role::Modelled(posterior) => {
                    let predictions = posterior.predict(&rows)?;
                    Some(predictions.into_iter().map(normal).collect())
                }
            });
        }
        self.total(candidates, &rows, &estimated)
    }

    /// Scores of candidates in one world that the observations allow: the objectives are drawn from their
    /// joint posterior (Thompson 1933). Cubic in the number of candidates.
    pub(super) fn draw(
        &self,
        candidates: &[Candidate],
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Option<f64>>, SamplerError> {
        let Some(rows) = self.rows(candidates)? else { return Ok(Vec::new()) };
        let mut estimated = Vec::new();
        for role in &self.roles {
            estimated.push(match role {
                Role::Exact { .. } | Role::Unknown => None,
                Role::Modelled(posterior) => {
                    let world = posterior.sample(&rows, rng)?;
                    Some(world.into_iter().map(Marginal::Exact).collect())
                }
            });
        }
        self.total(candidates, &rows, &estimated)
    }

    /// The goal with its terms; `estimated` has the marginals in each modelled objective.
    fn total(
        &self,
        candidates: &[Candidate],
        rows: &Rows,
        estimated: &[Option<Vec<Marginal>>],
    ) -> Result<Vec<Option<f64>>, SamplerError> {
        let marginal = |i: usize, j: usize| match &estimated[j] {
            Some(all) => Some(all[i]),
            None => self.exact(j, &candidates[i]),
        };
        let marginals = |i: usize| (0..self.roles.len()).map(|j| marginal(i, j)).collect::<Option<Vec<_>>>();
        let goal = |i: usize| Some(self.goal.value(&marginals(i)?).0);
        let mut scores: Vec<Option<f64>> = (0..candidates.len()).map(goal).collect();
        for term in &self.terms {
            for (score, p) in scores.iter_mut().zip(term.posterior.predict(rows)?) {
                *score = score.map(|score| score + term.rule.value(p.mean, sigma(p)).0);
            }
        }
        Ok(scores)
    }

    /// The goal with its terms at a changed row of a candidate, and its derivative in every column; what is
    /// known exactly stays as it is.
    pub(super) fn slope(&self, candidate: &Candidate, row: &[f64]) -> Option<(f64, Vec<f64>)> {
        let mut marginals = Vec::with_capacity(self.roles.len());
        let mut gradients = Vec::with_capacity(self.roles.len());
        let wide = self.costs.of_candidate(candidate, row);
        for (j, role) in self.roles.iter().enumerate() {
            match role {
                Role::Exact { .. } | Role::Unknown => {
                    marginals.push(self.exact(j, candidate)?);
                    gradients.push(None);
                }
                Role::Modelled(posterior) => {
                    let gradient = posterior.predict_gradient(&wide.row, &wide.active).ok()?;
                    marginals.push(normal(gradient.at));
                    gradients.push(Some(gradient));
                }
            }
        }
        let (mut value, slopes) = self.goal.value(&marginals);
        let mut total = vec![0.0; row.len()];
        let mut climb = |gradient: &PredictionGradient, (by_mean, by_sigma): Slopes| {
            for (c, total) in total.iter_mut().enumerate() {
                let sigma_slope = 0.5 * gradient.variance[c] / sigma(gradient.at);
                *total += by_mean * gradient.mean[c] + by_sigma * sigma_slope;
            }
        };
        for (gradient, slopes) in gradients.iter().zip(slopes) {
            gradient.iter().for_each(|gradient| climb(gradient, slopes));
        }
        for term in &self.terms {
            let gradient = term.posterior.predict_gradient(&wide.row, &wide.active).ok()?;
            let (part, slopes) = term.rule.value(gradient.at.mean, sigma(gradient.at));
            value += part;
            climb(&gradient, slopes);
        }
        value.is_finite().then_some((value, total))
    }

    fn exact(&self, j: usize, candidate: &Candidate) -> Option<Marginal> {
        let direction = match &self.roles[j] {
            Role::Exact { direction, .. } => direction,
            Role::Unknown => return Some(Marginal::Exact(0.0)),
            Role::Modelled(_) => return None,
        };
        let value = (*candidate.known.get(j)?)?;
        let value = scaled(&self.roles[j], direction.orient(value));
        value.is_finite().then_some(Marginal::Exact(value))
    }
}

fn sigma(prediction: Prediction) -> f64 {
    prediction.variance.sqrt().max(SIGMA_FLOOR)
}

fn normal(prediction: Prediction) -> Marginal {
    Marginal::Normal { mean: prediction.mean, sigma: sigma(prediction) }
}

/// The kernel over the columns of the space and so many costs behind them.
fn kernel(config: &GpConfig, encoder: &Encoder<'_>, costs: usize) -> Result<Kernel, SamplerError> {
    let columns = encoder.columns().iter().map(|column| match column {
        Column::Categorical { .. } => GpColumn::Categorical,
        Column::Continuous | Column::Discrete(_) => GpColumn::Continuous,
    });
    let columns = columns.chain(std::iter::repeat_n(GpColumn::Continuous, costs));
    // Parameters with the same conditions are active together.
    let mut seen = HashMap::new();
    let mut groups = Vec::new();
    for parameter in encoder.space().parameters() {
        let when: Vec<String> = parameter.when.iter().map(ToString::to_string).collect();
        let next = seen.len();
        groups.push((!when.is_empty()).then(|| *seen.entry(when).or_insert(next)));
    }
    groups.resize(groups.len() + costs, None);
    let kernel = Kernel::new(Family::Matern52, columns.collect())
        .conditional(config.conditional, &groups)
        .map_err(internal)?;
    Ok(if config.warp { kernel.warped() } else { kernel })
}

/// The trials behind a model.
pub(super) struct Informing<'a> {
    /// In the order of the model: those that are [`limited`], and running ones whose reports are
    /// extrapolated.
    pub(super) trials: Vec<&'a FrozenTrial>,
    /// Their rows.
    pub(super) encoded: Vec<Encoded>,
    /// How many of them come before the last checkpoint.
    pub(super) checkpoint: usize,
}

/// The trials behind a model.
pub(super) fn informing<'a>(config: &GpConfig, context: &Context<'a>, ledger: &mut Ledger) -> Informing<'a> {
    ledger.follow(context);
    let (places, checkpoint) = limited(ledger, context, config);
    let trial = |place: &usize| context.history.get(ledger.number(*place)).expect("it has ended");
    let mut trials: Vec<&FrozenTrial> = places.iter().map(trial).collect();
    let mut encoded: Vec<Encoded> = places.iter().map(|place| ledger.encoded(*place)).collect();
    if config.reports.extrapolates(context.objectives.len()) {
        let encoder = Encoder::new(context.space);
        for trial in pending(context).into_iter().filter(|trial| !trial.reports.is_empty()) {
            trials.push(trial);
            encoded.push(encoder.encode(&trial.configuration));
        }
    }
    Informing { trials, encoded, checkpoint }
}

/// The places of the trials that inform the surrogate and how many of them come before the last checkpoint.
/// At most `limit`: of those before it the best, a quarter, and those nearest to the best one since the
/// restart, or with several objectives the latest; those after it are few. Until a restart the first part
/// stays the same from one checkpoint to the next, and so does the fit.
fn limited(ledger: &mut Ledger, context: &Context<'_>, config: &GpConfig) -> (Vec<usize>, usize) {
    let (n, single) = (ledger.len(), context.objectives.len() == 1);
    let limit = config.trials(context.objectives.len());
    let step = (limit / 4).max(1);
    let c = checkpoint(n, step);
    if n <= limit {
        return ((0..n).collect(), c);
    }
    let begin = if single { config.state(ledger).begin } else { 0 };
    let columns = Encoder::new(context.space).columns();
    let select = |ledger: &Ledger| selection(ledger, columns, limit - step, c, single.then_some(begin));
    let kept = ledger.selected(c, begin, select);
    (kept.iter().copied().chain(c..n).collect(), kept.len())
}

/// The places of at most `limit` of the first `c` trials: with one objective those around the best since the
/// number `begin`.
fn selection(ledger: &Ledger, columns: &[Column], limit: usize, c: usize, begin: Option<u64>) -> Vec<usize> {
    let valued: Vec<usize> = (0..c).filter(|&i| ledger.values(i).is_some()).collect();
    let value = |i: usize| ledger.values(i).map_or(f64::NAN, |values| values[0]);
    let points: Vec<Vec<f64>> = valued.iter().filter_map(|&i| Some(ledger.values(i)?.to_vec())).collect();
    let mut keep: Vec<usize> =
        pareto::ranking(&points).into_iter().take(limit / 4).map(|i| valued[i]).collect();
    let mut kept = vec![false; c];
    keep.iter().for_each(|&i| kept[i] = true);
    let mut rest: Vec<usize> = (0..c).rev().filter(|&i| !kept[i]).collect();
    if let Some(begin) = begin {
        let of_state = valued.iter().copied().filter(|&i| ledger.number(i) >= begin);
        let centre = of_state.reduce(|a, b| if value(b) > value(a) { b } else { a });
        if let Some(centre) = centre.or(keep.first().copied()) {
            let apart = ledger.distances(columns, centre, c);
            rest.sort_by(|&a, &b| apart[a].total_cmp(&apart[b])); // of several as near, the latest
        }
    }
    keep.extend(rest.into_iter().take(limit - keep.len()));
    keep.sort_unstable();
    keep
}

/// The best few trials, best first, by what is predicted of them: a front and what follows it; and whether
/// they satisfy the constraints. If no trial does, those that come nearest. Trials count from the number
/// `begin` on.
fn leaders(trials: &[&FrozenTrial], estimated: &[Vec<f64>], begin: u64) -> (Vec<usize>, bool) {
    let complete: Vec<usize> = (0..trials.len())
        .filter(|&i| {
            trials[i].state == TrialState::Complete && estimated[i].iter().all(|value| value.is_finite())
        })
        .filter(|&i| trials[i].number >= begin)
        .collect();
    let feasible: Vec<usize> = complete.iter().copied().filter(|&i| trials[i].is_feasible()).collect();
    if feasible.is_empty() && !complete.is_empty() {
        let mut nearest = complete;
        nearest.sort_by(|&a, &b| trials[a].violation().total_cmp(&trials[b].violation()));
        nearest.truncate(5);
        return (nearest, false);
    }
    let points: Vec<Vec<f64>> = feasible.iter().map(|&i| estimated[i].clone()).collect();
    let front = pareto::front(&points).len();
    let best = pareto::ranking(&points).into_iter().take(front.max(5));
    (best.map(|i| feasible[i]).collect(), true)
}

/// How many standard deviations of uncertainty count as good.
fn kappa(config: &GpConfig, context: &Context<'_>) -> f64 {
    let kappa = match config.acquisition {
        // The effective dimension: the active parameters of the trial that has most. That of the latest would
        // let the bound jump from branch to branch.
        Acquisition::GpUcb => {
            let ended = context.history.trials().iter().filter(|trial| trial.state.is_finished());
            let active = ended.map(|trial| trial.configuration.len()).max().unwrap_or(1).max(1);
            // Scaled down as in the experiments of Srinivas et al. 2010, sec. 6: the bound of the theory
            // explores too much.
            gp_ucb_kappa(context.history.finished(), active, 0.1) / 5f64.sqrt()
        }
        // The draw itself explores.
        Acquisition::Thompson => 0.0,
        _ => config.kappa.unwrap_or(if context.objectives.len() == 1 { 2.0 } else { 0.5 }),
    };
    // Predicted results of pending trials make the surrogate too sure of itself (Desautels et al. 2014,
    // GP-BUCB, widen the bounds for that); without this, workers crowd around one optimum.
    kappa * (1.0 + pending(context).len() as f64).powf(0.25)
}

/// The largest front whose improvement is computed cell by cell: the cells of four objectives grow with its
/// square.
const CELLS_FRONT: [usize; 5] = [0, 0, 400, 200, 60];

fn goal(
    config: &GpConfig,
    context: &Context<'_>,
    exact: &[bool],
    estimated: &[Vec<f64>],
    fantasised: &[Vec<f64>],
    leaders: &[usize],
    rng: &mut ChaCha8Rng,
) -> Goal {
    let m = exact.len();
    let acquisition = match config.acquisition {
        Acquisition::Auto if m == 1 => Acquisition::LogEi,
        Acquisition::Auto => Acquisition::Ucb,
        named => named,
    };
    let kappa = kappa(config, context);
    if m == 1 {
        let known = leaders.iter().map(|&i| estimated[i][0]).chain(fantasised.iter().map(|p| p[0]));
        let best = known.fold(f64::NEG_INFINITY, f64::max);
        return match acquisition {
            Acquisition::LogEi | Acquisition::LogEiPerSecond if best.is_finite() => Goal::LogEi { best },
            Acquisition::LogPi if best.is_finite() => Goal::LogPi { best },
            _ => Goal::Ucb { kappa },
        };
    }
    let finite = |p: &&Vec<f64>| p.iter().all(|v| v.is_finite());
    let points: Vec<Vec<f64>> = leaders.iter().map(|&i| estimated[i].clone()).collect();
    let front: Vec<&Vec<f64>> = pareto::front(&points).into_iter().map(|i| &points[i]).collect();
    let everything: Vec<&Vec<f64>> = estimated.iter().filter(finite).collect();
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
    let growing = matches!(acquisition, Acquisition::LogEi | Acquisition::LogEiPerSecond);
    if let (true, Some(&limit)) = (growing, CELLS_FRONT.get(m)) {
        let reference: Vec<f64> = (0..m).map(|j| nadir[j] - 0.1 * range[j]).collect();
        // The leaders come with the loneliest of the front first.
        let mut dominating: Vec<Vec<f64>> = points.into_iter().take(limit).collect();
        dominating.extend(fantasised.iter().filter(finite).cloned());
        return Goal::LogHypervolumeImprovement(HypervolumeImprovement::new(&dominating, &reference));
    }
    Goal::Chebyshev { weights: simplex(m, rng), nadir, range, kappa }
}

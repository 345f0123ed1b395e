//! Bayesian optimisation: Gaussian processes predict the objectives, an acquisition function weighs
//! prediction against uncertainty.
//!
//! # One proposal
//! 1. The first [`GpConfig::startup_trials`] are random, each the one of a few draws that is farthest from
//!    all earlier trials. Where an objective is known before a trial, they ascend in it (`start`).
//!    A study that [learns from earlier ones](crate::memory) begins with the best of theirs, and two random
//!    ones; what they tell further joins the Gaussian processes (`recollection`).
//! 2. Each objective that must be evaluated gets a Gaussian process on its transformed values (`surrogate`),
//!    whose hyperparameters are the most probable ones or, now and then, drawn; objectives that a preview
//!    knows enter with their exact values, and are inputs of the others' surrogates (`cost`). What pruned and
//!    failed trials say is in `observation`.
//! 3. Trials that are waiting or running are added with their predicted means (kriging believer): the
//!    uncertainty near them shrinks, so that workers asking at the same time get different points.
//! 4. Several objectives become one number by the expected hypervolume improvement
//!    (`hypervolume_improvement`), or by random weights, drawn anew each time (`goal`). Constraints that only
//!    an evaluation can tell, and the time that it takes, join it (`terms`).
//! 5. Random configurations and mutations of the best ones are scored; from the best, local search goes on:
//!    single changes for discrete columns, L-BFGS along continuous ones. Nothing infeasible, invalid or known
//!    is ever proposed (`candidate`).
//! 6. Where trials of one objective are many, every other proposal is looked for in a trust region only
//!    (`trust_region`).
//!
//! # Conditional parameters
//! The kernel compares only values that are active in both configurations ([`Conditional`]).
//!
//! # References
//! Srinivas et al. 2010 (arXiv 0912.3995); Hvarfner et al. 2024 (arXiv 2402.02229); Ament et al. 2023 (arXiv
//! 2310.20708); Paria et al. 2020 (arXiv 1805.12168); Ginsbourger et al. 2010 (kriging believer).

mod candidate;
mod cost;
mod extrapolation;
mod goal;
mod hypervolume_improvement;
mod landscape;
mod ledger;
mod minimum_regret;
mod model;
mod observation;
mod recollection;
mod regret;
mod role;
mod search;
mod start;
mod surrogate;
mod terms;
mod trust_region;

use super::{Capabilities, Context, Sampler, SamplerError, draw};
use crate::history::FrozenTrial;
use crate::memory::FIRST;
use crate::space::encode::{Column, Encoder};
use crate::space::{Configuration, Parameter};
use candidate::Source;
pub use landscape::{Estimate, Landscape};
use ledger::Ledger;
pub use lightcrest_gp::Conditional;
pub use lightcrest_gp::transform::Outliers;
use model::{Caches, Model};
pub use observation::Reports;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use start::{Ladder, spread};
use trust_region::RegionState;

/// What is maximised to choose the next configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acquisition {
    /// What does best on the benchmark: `log_ei` with one objective, `ucb` with several.
    #[default]
    Auto,
    /// Upper confidence bound, μ + κσ. Several objectives: random weights each time.
    Ucb,
    /// The same with κ growing as in GP-UCB (Srinivas et al. 2010), probability 0.9, κ² divided by 5 as in
    /// their experiments.
    GpUcb,
    /// Logarithm of the expected improvement; with two to four objectives of the hypervolume, in closed form;
    /// beyond as `ucb`. The incumbent is the best fitted value, not the best observed one, so that noise does
    /// not mislead.
    LogEi,
    /// The same per second that a trial is predicted to take. Results then depend on measured times.
    LogEiPerSecond,
    /// Logarithm of the probability of improvement. Several objectives: as `ucb`.
    LogPi,
    /// The best in one draw from the joint posterior, among [`GpConfig::candidates`] configurations. Several
    /// objectives: with random weights.
    Thompson,
}

/// Settings of the [`GpSampler`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GpConfig {
    /// What is maximised.
    pub acquisition: Acquisition,
    /// κ of `ucb`: how many standard deviations of uncertainty count as good. Unless given, 2 with one
    /// objective and 1/2 with several, where the random weights explore as well.
    pub kappa: Option<f64>,
    /// How many trials are random at first; where an objective is known before a trial, how many rungs their
    /// ladder has, of which the upper half is climbed between proposals of the model.
    pub startup_trials: usize,
    /// How many configurations are scored before the local search. Unless given, 400; 1,500 with one
    /// objective where no parameter is continuous, so that the local search has only single changes to go by.
    pub candidates: Option<usize>,
    /// Only that many trials inform the surrogate; unless given, 300 with one objective and 1,000 with
    /// several. Beyond them, with one objective, the best and those in its neighbourhood inform it, and every
    /// other proposal is of a local search in a trust region, which begins anew elsewhere when it is
    /// exhausted; with several, the best and the latest inform it.
    pub max_trials: Option<usize>,
    /// How configurations are compared that have different active parameters.
    pub conditional: Conditional,
    /// How values far from the others are tamed.
    pub outliers: Outliers,
    /// Whether columns that are always active are bent to make the function look stationary
    /// ([`lightcrest_gp::Warp`]).
    pub warp: bool,
    /// Whether every third proposal is made with hyperparameters drawn from what the trials leave open,
    /// instead of the most probable ones ([`lightcrest_gp::draw`]). With one objective and no conditions
    /// only: elsewhere it was no better on the benchmark.
    pub draws: bool,
    /// What stopped trials tell.
    pub reports: Reports,
}

impl Default for GpConfig {
    fn default() -> Self {
        Self {
            acquisition: Acquisition::default(),
            kappa: None,
            startup_trials: 10,
            candidates: None,
            max_trials: None,
            conditional: Conditional::default(),
            outliers: Outliers::default(),
            warp: false,
            draws: true,
            reports: Reports::default(),
        }
    }
}

impl GpConfig {
    /// [`candidates`](Self::candidates) in this context.
    fn pool(&self, context: &Context<'_>) -> usize {
        let continuous = |parameter: &Parameter| parameter.domain.cells().is_none();
        let stepwise = !context.space.parameters().iter().any(continuous);
        // A joint draw is cubic in their number.
        let many = context.objectives.len() == 1 && stepwise && self.acquisition != Acquisition::Thompson;
        self.candidates.unwrap_or(if many { 1500 } else { 400 })
    }

    /// [`max_trials`](Self::max_trials) of a study with so many objectives.
    fn trials(&self, objectives: usize) -> usize {
        self.max_trials.unwrap_or(if objectives == 1 { 300 } else { 1000 })
    }

    /// Where the local search of a study of one objective stands.
    fn state(&self, ledger: &Ledger) -> RegionState {
        RegionState::of(ledger.steps(), self.trials(1) as u64, self.startup())
    }

    /// Proposals after a restart of which the local ones are random: as many as at the start of a study.
    fn startup(&self) -> u64 {
        2 * self.startup_trials as u64
    }

    /// Where the local search stands, if this proposal is of it: every other one, once there are more trials
    /// than inform the surrogate, because the best trial may be the best of the wrong hill.
    fn local(&self, context: &Context<'_>, ledger: &Ledger) -> Option<RegionState> {
        let many = context.objectives.len() == 1 && context.number >= self.trials(1) as u64;
        (many && context.number % 2 == 1).then(|| self.state(ledger))
    }
}

/// Bayesian optimisation with Gaussian processes.
#[derive(Debug, Default)]
pub struct GpSampler {
    config: GpConfig,
    caches: Caches,
}

impl GpSampler {
    /// A sampler with these settings. A κ that is negative or not finite counts as 0; at least 10 trials
    /// inform the surrogate.
    pub fn new(mut config: GpConfig) -> Self {
        config.kappa = config.kappa.map(|kappa| if kappa.is_finite() { kappa.max(0.0) } else { 0.0 });
        config.max_trials = config.max_trials.map(|most| most.max(10));
        Self { config, caches: Caches::default() }
    }

    /// The settings.
    pub fn config(&self) -> &GpConfig {
        &self.config
    }

    /// How many trials are no proposals of the model: random ones and, with a memory, what it says to try
    /// first. Of such a study there are fewer, unless most columns are choices without an order: those need
    /// more to be told apart.
    fn startup(&self, context: &Context<'_>) -> usize {
        /// Beside what is tried first, two that look elsewhere.
        const LEARNT: usize = FIRST + 2;
        let cold = self.config.startup_trials.max(2);
        let unordered = |c: &&Column| matches!(c, Column::Categorical { choices } if *choices > 2);
        let columns = Encoder::new(context.space).columns();
        let mostly_unordered = 2 * columns.iter().filter(unordered).count() > columns.len();
        if !learns(context) || mostly_unordered { cold } else { cold.min(LEARNT) }
    }

    /// What the starts cost, where that is known before a trial.
    fn ladder(&mut self, context: &Context<'_>) -> Option<&Ladder> {
        if context.objectives.len() < 2 || context.space.is_empty() {
            return None;
        }
        if self.caches.ladder.as_ref().is_none_or(|(space, _)| space != context.space) {
            let ladder = Ladder::new(context, self.config.startup_trials.max(2));
            self.caches.ladder = Some((context.space.clone(), ladder));
        }
        self.caches.ladder.as_ref().map(|(_, ladder)| ladder).filter(|ladder| ladder.stands())
    }

    /// Whether the next proposal is one of those at the start.
    fn starting(&mut self, context: &Context<'_>) -> bool {
        let mut startup = self.startup(context);
        if self.ladder(context).is_some() {
            startup = startup.div_ceil(2); // the upper half is climbed later
        }
        // With many workers, the first results come after more than `startup` trials began.
        context.history.len() < startup
            || context.history.complete().take(startup.div_ceil(2)).count() < startup.div_ceil(2)
            || !says_anything(context)
    }

    fn model(
        &mut self,
        encoder: &Encoder<'_>,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Model, SamplerError> {
        Model::new(&self.config, encoder, context, &mut self.caches, rng)
    }

    /// Logs now and then how much each source counts.
    fn say(&self, context: &Context<'_>, model: &Model) {
        const EVERY: u64 = 10;
        let sources = context.history.memory().sources();
        if !context.number.is_multiple_of(EVERY) || sources.is_empty() {
            return;
        }
        if let Some(weights) = model.weights(sources.len()) {
            let each = sources.iter().zip(weights).map(|(source, w)| format!("`{}` {w:.2}", source.name));
            log::info!("earlier studies count: {}", each.collect::<Vec<_>>().join(", "));
        }
    }

    /// How much each source of the [memory](crate::memory) counts: by how many standard deviations the
    /// prediction of an objective moves with one of the source's scores; the mean over the objectives that
    /// are predicted. Near 0 where its values say nothing about those of the study, negative where they are
    /// the wrong way round. `None` where nothing is predicted yet, or there is no memory.
    ///
    /// # Errors
    /// If the model breaks down.
    pub fn weights(&mut self, context: &Context<'_>) -> Result<Option<Vec<f64>>, SamplerError> {
        let sources = context.history.memory().sources().len();
        let few = context.history.complete().nth(1).is_none() || !says_anything(context);
        if few || context.history.memory().is_empty() || context.space.is_empty() {
            return Ok(None);
        }
        let encoder = Encoder::new(context.space);
        let model = self.model(&encoder, context, &mut ChaCha8Rng::seed_from_u64(0))?;
        Ok(model.weights(sources))
    }

    /// The proposal and the model that it comes from; no model for those at the start.
    fn next(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<(Configuration, Option<Model>), SamplerError> {
        self.caches.ledger.follow(context);
        let anew = self
            .config
            .local(context, &self.caches.ledger)
            .is_some_and(|state| state.is_starting(context.number, self.config.startup()));
        let ladder = self.ladder(context).cloned();
        if let Some(remembered) = remembered(context, ladder.as_ref()) {
            return Ok((remembered, None));
        }
        if let Some(ladder) = &ladder
            && let Some(price) = ladder.next(context)
        {
            return Ok((ladder.climb(context, &self.caches.ledger, price, rng)?, None));
        }
        if self.starting(context) || anew || context.space.is_empty() {
            return Ok((spread(context, &self.caches.ledger, rng)?, None));
        }
        let encoder = Encoder::new(context.space);
        let model = self.model(&encoder, context, rng)?;
        self.say(context, &model);
        let allowance = ladder.map(|ladder| ladder.allowance(context));
        let thrifty = |configuration: &Configuration| {
            let mut preview = (context.preview)(configuration);
            let costs_more =
                |most| start::price(context, &preview.objectives).is_some_and(|price| price > most);
            if allowance.is_some_and(costs_more) {
                preview.violation.get_or_insert_with(|| "it costs too much of what was spent".to_owned());
            }
            preview
        };
        let affordable = Context { preview: &thrifty, ..*context };
        let region = model.region().cloned();
        let mut source = Source::new(&encoder, &affordable, region, model.needs_previews(), rng);
        let next = match search::best(&model, &self.config, self.config.pool(context), &mut source, rng)? {
            Some(configuration) => configuration,
            // Everything nearby is known or infeasible.
            None => draw(context, rng)?,
        };
        Ok((next, Some(model)))
    }
}

impl Sampler for GpSampler {
    fn name(&self) -> &'static str {
        "gp"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn learns(&self) -> bool {
        true
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        self.next(context, rng).map(|(configuration, _)| configuration)
    }
}

/// Whether earlier studies say anything of this space.
fn learns(context: &Context<'_>) -> bool {
    let memory = context.history.memory();
    !memory.is_empty() && !memory.first(context.space).is_empty()
}

/// The next configuration of earlier studies that is worth a trial of its own. Where costs are known before a
/// trial, what others found best may be heavy here, and waits until it is due.
fn remembered(context: &Context<'_>, ladder: Option<&Ladder>) -> Option<Configuration> {
    let history = context.history;
    if history.memory().is_empty() || (ladder.is_none() && history.len() > 2 * FIRST) {
        return None;
    }
    let first = history.memory().first(context.space);
    let allowed = |configuration: &Configuration| {
        if !context.space.is_feasible(configuration) {
            return false;
        }
        let preview = (context.preview)(configuration);
        let priced = ladder.zip(start::price(context, &preview.objectives));
        preview.violation.is_none() && priced.is_none_or(|(ladder, price)| ladder.is_due(context, price))
    };
    first.into_iter().find(|configuration| !history.contains(configuration) && allowed(configuration))
}

/// Whether any trial has a finite value of an objective that must be evaluated, or no objective must be.
/// Infinite values alone, such as those of diverging losses, say nothing of where to look.
fn says_anything(context: &Context<'_>) -> bool {
    context.history.complete().any(|trial| {
        let known = |j: usize| trial.known.get(j).copied().flatten().is_some();
        let values = trial.values.iter().flatten().enumerate();
        let mut evaluated = values.filter(|(j, _)| !known(*j)).peekable();
        evaluated.peek().is_none() || evaluated.any(|(_, value)| value.is_finite())
    })
}

/// The trials whose results are pending; not those that nothing is known of yet.
fn pending<'a>(context: &Context<'a>) -> Vec<&'a FrozenTrial> {
    context.history.unfinished().filter(|trial| !trial.configuration.is_empty()).collect()
}

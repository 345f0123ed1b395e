//! CMA-ES: a normal distribution that moves and stretches towards what was good, generation by generation.
//!
//! Numeric and ordered parameters that are always active are adapted, on their scales. Unordered choices and
//! conditional parameters, in which there is no covariance to learn, are drawn at random, as Optuna 5's
//! sampler of this name does; with many of them another sampler is the better choice.
//!
//! The state is a function of the history: complete trials in the order of their numbers, without the first
//! [`n_startup_trials`](CmaEsConfig::n_startup_trials), are the generations, whoever proposed them. Ranked
//! first are those that satisfy the constraints.
//!
//! # References
//! Hansen 2016 (arXiv 1604.00772); Auger and Hansen 2005 (restarts with growing populations).

mod rate;
mod strategy;

use super::admission::{Mender, first_admissible};
use super::{Capabilities, Context, Sampler, SamplerError, draw};
use crate::history::{FrozenTrial, TrialState};
use crate::space::encode::{Column, Encoder};
use crate::space::{Configuration, Parameter};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use strategy::{Strategy, Variant};

/// How many points are drawn for one proposal, before it is a random one.
const POINTS: usize = 100;

/// Settings of the [`CmaEsSampler`], by their names in Optuna.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CmaEsConfig {
    /// Where to begin: values of some parameters, within their ranges. The others begin in the middle of
    /// theirs.
    pub x0: Configuration,
    /// The deviation at first, as a part of each parameter's range.
    pub sigma0: f64,
    /// How many trials are random at first, and no part of a generation.
    #[serde(alias = "startup_trials")]
    pub n_startup_trials: usize,
    /// Trials in a generation; 4 + ⌊3 ln d⌋ unless given, and at least 4.
    #[serde(alias = "population_size")]
    pub popsize: Option<usize>,
    /// Whether to begin anew elsewhere when the strategy has converged, each time with twice as many trials
    /// in a generation (IPOP).
    pub restart: bool,
    /// Whether the covariance is that of independent parameters, and learnt faster: for very many of them.
    pub use_separable_cma: bool,
    /// Whether parameters of few values keep neighbours of the mean probable.
    pub with_margin: bool,
    /// Whether steps that contradict each other are taken in part only: for objectives with noise or many
    /// hills.
    pub lr_adapt: bool,
    /// Whether pruned trials count, with what they reported last.
    pub consider_pruned_trials: bool,
    /// Configurations that were good in another study: the strategy begins about them, rather than at
    /// [`x0`](Self::x0).
    pub source: Vec<Configuration>,
}

impl Default for CmaEsConfig {
    fn default() -> Self {
        Self {
            x0: Configuration::new(),
            sigma0: 1.0 / 6.0,
            n_startup_trials: 1,
            popsize: None,
            restart: false,
            use_separable_cma: false,
            with_margin: false,
            lr_adapt: false,
            consider_pruned_trials: false,
            source: Vec::new(),
        }
    }
}

/// The covariance matrix adaptation evolution strategy.
#[derive(Debug, Default)]
pub struct CmaEsSampler {
    config: CmaEsConfig,
    state: Option<State>,
}

/// The strategy after some trials.
#[derive(Debug)]
struct State {
    columns: Vec<usize>,
    consumed: Vec<Evaluated>,
    strategy: Strategy,
    restarts: u64,
}

/// A complete trial.
#[derive(Debug, Clone, PartialEq)]
struct Evaluated {
    point: Vec<f64>,
    violation: f64,
    loss: f64,
}

impl CmaEsSampler {
    /// A sampler with these settings. A deviation that is not a positive number counts as 1/6.
    pub fn new(mut config: CmaEsConfig) -> Self {
        if !(config.sigma0.is_finite() && config.sigma0 > 0.0) {
            config.sigma0 = 1.0 / 6.0;
        }
        Self { config, state: None }
    }

    /// The strategy after all whole generations among the evaluated trials.
    fn strategy(
        &mut self,
        columns: &[usize],
        mean: Vec<f64>,
        source: &[Vec<f64>],
        variant: &Variant,
        evaluated: &[Evaluated],
    ) -> &Strategy {
        let d = columns.len();
        let kept = self.state.take();
        let kept = kept.filter(|state| state.columns == columns && evaluated.starts_with(&state.consumed));
        let lambda = self.config.popsize.unwrap_or(4 + (3.0 * (d as f64).ln()) as usize).max(4);
        let begin = || {
            let plain = Strategy::new(mean, self.config.sigma0, lambda, variant);
            State {
                columns: columns.to_vec(),
                consumed: Vec::new(),
                strategy: if source.is_empty() { plain } else { plain.warmed(source) },
                restarts: 0,
            }
        };
        let state = self.state.insert(kept.unwrap_or_else(begin));
        while let Some(generation) =
            evaluated.get(state.consumed.len()..state.consumed.len() + state.strategy.lambda)
        {
            let mut ranked: Vec<&Evaluated> = generation.iter().collect();
            ranked.sort_by(|a, b| a.violation.total_cmp(&b.violation).then(a.loss.total_cmp(&b.loss)));
            state.strategy.tell(&ranked.iter().map(|trial| trial.point.as_slice()).collect::<Vec<_>>());
            state.consumed.extend_from_slice(generation);
            if self.config.restart && state.strategy.has_converged() {
                state.restarts += 1;
                let mut rng = ChaCha8Rng::seed_from_u64(state.restarts);
                let mean = (0..d).map(|_| rng.random()).collect();
                state.strategy = Strategy::new(mean, self.config.sigma0, 2 * state.strategy.lambda, variant);
            }
        }
        &state.strategy
    }
}

impl Sampler for CmaEsSampler {
    fn name(&self) -> &'static str {
        "cmaes"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { several_objectives: false, ..Capabilities::ALL }
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let encoder = Encoder::new(context.space);
        let adapted = |i: &usize| {
            let column = encoder.column(*i);
            context.space.parameters()[*i].when.is_empty()
                && column.cells() != Some(1)
                && !matches!(column, Column::Categorical { .. })
        };
        let columns: Vec<usize> = (0..context.space.len()).filter(adapted).collect();
        let pruned = self.config.consider_pruned_trials;
        let counted =
            || context.history.trials().iter().filter(move |trial| loss(trial, context, pruned).is_some());
        if columns.is_empty() || counted().count() < self.config.n_startup_trials {
            return draw(context, rng);
        }
        let evaluated = counted().skip(self.config.n_startup_trials).filter_map(|trial| {
            let encoded = encoder.encode(&trial.configuration);
            let loss = loss(trial, context, pruned)?;
            let whole = columns.iter().all(|&i| encoded.active[i]);
            let point = columns.iter().map(|&i| encoded.row[i]).collect();
            whole.then_some(Evaluated { point, violation: trial.violation(), loss })
        });
        let evaluated: Vec<Evaluated> = evaluated.collect();
        let converted = |parameter: &Parameter| {
            let value =
                self.config.x0.get(&parameter.name).and_then(|value| parameter.domain.convert(value))?;
            Some((parameter.name.clone(), value))
        };
        let begin = encoder.encode(&context.space.parameters().iter().filter_map(converted).collect());
        let place = |&i: &usize| if begin.active[i] { begin.row[i] } else { 0.5 };
        let mean = columns.iter().map(place).collect();
        let given = self.config.source.iter().filter_map(|configuration| {
            let encoded = encoder.encode(configuration);
            let whole = columns.iter().all(|&i| encoded.active[i]);
            whole.then(|| columns.iter().map(|&i| encoded.row[i]).collect())
        });
        let source: Vec<Vec<f64>> = given.collect();
        if source.is_empty() && !self.config.source.is_empty() {
            let reason = "the source trials lack parameters of this study".to_owned();
            return Err(SamplerError::Unfit { sampler: self.name(), reason });
        }
        // Values that share the unit interval evenly: not those of a logarithmic scale.
        let cells = |&i: &usize| {
            let (column, count) = (encoder.column(i), encoder.column(i).cells().unwrap_or(0));
            let first = 0.5 / count as f64;
            let even = column.value(0).is_some_and(|value| (value - first).abs() < 1e-9);
            if even { usize::try_from(count).unwrap_or(0) } else { 0 }
        };
        let variant = Variant {
            separable: self.config.use_separable_cma,
            cells: if self.config.with_margin { columns.iter().map(cells).collect() } else { Vec::new() },
            adapted_rates: self.config.lr_adapt,
        };
        let strategy = self.strategy(&columns, mean, &source, &variant, &evaluated);
        let mut mender = Mender::new(context, &encoder);
        first_admissible(context, rng, POINTS, &mut |rng| {
            let mut row: Vec<f64> =
                encoder.columns().iter().map(|column| column.spread(rng.random())).collect();
            for (&i, x) in columns.iter().zip(strategy.draw(rng)) {
                row[i] = x;
            }
            Some(mender.decode(&row, rng))
        })
    }
}

/// What a trial counts as: the loss of a complete one, and where pruned ones count, what they reported last.
fn loss(trial: &FrozenTrial, context: &Context<'_>, pruned: bool) -> Option<f64> {
    match trial.state {
        TrialState::Complete => context.history.oriented(trial)?.first().map(|value| -value),
        TrialState::Pruned if pruned => {
            let last = *trial.reports.last()?.1.first()?;
            (!last.is_nan()).then(|| -context.objectives[0].direction.orient(last))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{Evaluation, ObjectiveInfo};
    use crate::space::{Space, Value};
    use crate::study::Study;

    #[test]
    fn conforms() {
        let plain = CmaEsConfig::default();
        for config in [
            plain.clone(),
            CmaEsConfig { restart: true, ..plain.clone() },
            CmaEsConfig { use_separable_cma: true, ..plain.clone() },
            CmaEsConfig { with_margin: true, ..plain.clone() },
            CmaEsConfig { lr_adapt: true, consider_pruned_trials: true, ..plain },
        ] {
            crate::testing::sampler(&|| Box::new(CmaEsSampler::new(config.clone())));
        }
    }

    /// A curved valley, on scales of different kinds, with a whole number and a choice beside.
    #[test]
    fn follows_a_valley() {
        let space = Space::builder()
            .log_float("x", 1e-2, 1e2)
            .float("y", -2.0, 3.0)
            .int("k", 0, 50)
            .categorical("c", ["a", "b"])
            .build()
            .unwrap();
        let builder = Study::builder(space, vec![ObjectiveInfo::maximize("score")]).seed(2);
        let mut study = builder.sampler(CmaEsSampler::default()).build().unwrap();
        for _ in 0..400 {
            let trial = study.ask().unwrap();
            let get = |name| trial.configuration.get_f64(name).unwrap();
            let (x, y) = (get("x").log10(), get("y"));
            let score = -(10.0 * (y - x * x).powi(2) + (1.0 - x).powi(2) + 0.01 * (get("k") - 20.0).abs());
            study.tell(trial.number, Ok(Evaluation::new([score]))).unwrap();
        }
        let best = study.best().unwrap();
        assert!(best.values.as_ref().unwrap()[0] > -0.02, "{best:?}");
    }

    #[test]
    fn begins_anew_with_more_when_it_has_converged() {
        let config = CmaEsConfig { restart: true, popsize: Some(4), ..CmaEsConfig::default() };
        let mut sampler = CmaEsSampler::new(config);
        let trial = |loss: f64| Evaluated { point: vec![0.5, 0.5], violation: 0.0, loss };
        let evaluated: Vec<Evaluated> = (0..2000).map(|k| trial(f64::from(k))).collect();
        let strategy = sampler.strategy(&[0, 1], vec![0.5; 2], &[], &Variant::default(), &evaluated);
        assert!(strategy.lambda > 4, "{strategy:?}");
    }

    #[test]
    fn begins_where_it_is_told_to() {
        let space =
            Space::builder().log_float("x", 1e-2, 1e2).int("k", 0, 50).float("y", 0.0, 1.0).build().unwrap();
        let x0 = [("x", Value::from(10)), ("k", 40.0.into())].into_iter().collect();
        let config = CmaEsConfig { x0, sigma0: 1e-3, n_startup_trials: 0, ..CmaEsConfig::default() };
        let builder = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]);
        let mut study = builder.sampler(CmaEsSampler::new(config)).build().unwrap();
        let trial = study.ask().unwrap().configuration;
        assert!((trial.get_f64("x").unwrap() / 10.0 - 1.0).abs() < 0.1, "{trial:?}");
        assert!((trial.get_f64("k").unwrap() - 40.0).abs() <= 1.0, "{trial:?}");
        assert!((trial.get_f64("y").unwrap() - 0.5).abs() < 0.1, "{trial:?}");
    }
}

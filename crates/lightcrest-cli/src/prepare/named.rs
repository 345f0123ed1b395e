//! The parts of the engine that a spec chooses by name.

use lightcrest::pruner::{
    HalvingConfig, HyperbandConfig, HyperbandPruner, MaxResource, MedianConfig, MedianPruner, MinResource,
    NoPruner, PercentileConfig, PercentilePruner, Pruner, SuccessiveHalving, ThresholdConfig,
    ThresholdPruner,
};
use lightcrest::sampler::{
    AutoSampler, CmaEsSampler, EvolutionSampler, GpSampler, NsgaIIISampler, NsgaIISampler, QmcConfig,
    QmcSampler, RandomSampler, Sampler, TpeSampler,
};
use lightcrest::terminator::{RegretBound, Stagnation, Terminator};
use lightcrest_spec::{Named, StudySpec};

use crate::error::CliError;

/// The sampler that the spec names.
pub(crate) fn sampler(spec: &StudySpec) -> Box<dyn Sampler> {
    fn config<T: serde::de::DeserializeOwned>(named: &Named) -> T {
        named.config().expect("the vocabulary has the keys of the config")
    }
    let named = &spec.sampler;
    match named.name {
        "random" => Box::new(RandomSampler::new()),
        "gp" => Box::new(GpSampler::new(config(named))),
        "tpe" => Box::new(TpeSampler::new(config(named))),
        "cmaes" => Box::new(CmaEsSampler::new(config(named))),
        "nsga2" => Box::new(NsgaIISampler::new(config(named))),
        "nsga3" => Box::new(NsgaIIISampler::new(config(named))),
        "evolution" => Box::new(EvolutionSampler::new(config(named))),
        "qmc" => {
            let config = QmcConfig { seed: spec.seed, ..config(named) };
            Box::new(QmcSampler::new(config))
        }
        _ => Box::new(AutoSampler::new()),
    }
}

/// The pruner that the spec names.
///
/// # Errors
/// If its settings do not go together.
pub(crate) fn pruner(spec: &StudySpec) -> Result<Box<dyn Pruner>, CliError> {
    let named = &spec.pruner;
    // A search counts epochs; what a command counts is its own business.
    let steps = |epochs, steps| named.get_usize(epochs).or(named.get_usize(steps)).map(|n| n as u64);
    let least = steps("min_epochs", "min_steps").unwrap_or(1);
    // Every trial runs the least steps; it may be stopped at the next.
    let warmup_steps = least + 1;
    let startup_trials = named.get_usize("startup_trials").unwrap_or(5);
    let reduction_factor = named.get_usize("reduction_factor").unwrap_or(3) as u64;
    let wrong = |error: &dyn std::fmt::Display| CliError::Usage(format!("[pruner]: {error}"));
    Ok(match named.name {
        "halving" => {
            let min_resource = MinResource::Steps(least);
            let config = HalvingConfig { min_resource, reduction_factor, ..Default::default() };
            Box::new(SuccessiveHalving::new(config).map_err(|error| wrong(&error))?)
        }
        "hyperband" => {
            let max_resource = steps("max_epochs", "max_steps").map_or(MaxResource::Auto, MaxResource::Steps);
            let config = HyperbandConfig {
                min_resource: least,
                max_resource,
                reduction_factor,
                seed: spec.seed,
                ..Default::default()
            };
            Box::new(HyperbandPruner::new(config).map_err(|error| wrong(&error))?)
        }
        "median" => {
            Box::new(MedianPruner::new(MedianConfig { startup_trials, warmup_steps, ..Default::default() }))
        }
        "percentile" => {
            let percentile = named.get_f64("percentile").unwrap_or(50.0);
            let config = PercentileConfig { percentile, startup_trials, warmup_steps, ..Default::default() };
            Box::new(PercentilePruner::new(config).map_err(|error| wrong(&error))?)
        }
        "threshold" => {
            let (lower, upper) = (named.get_f64("lower"), named.get_f64("upper"));
            let config = ThresholdConfig { lower, upper, warmup_steps, ..Default::default() };
            Box::new(ThresholdPruner::new(config).map_err(|error| wrong(&error))?)
        }
        _ => Box::new(NoPruner),
    })
}

/// What ends the search before its budget is spent, if the spec names it.
pub(crate) fn terminator(spec: &StudySpec) -> Option<Box<dyn Terminator>> {
    let named = &spec.terminator;
    match named.name {
        "stagnation" => {
            let stagnation = Stagnation::new(named.get_usize("patience").unwrap_or(1));
            Some(Box::new(stagnation.least_gain(named.get_f64("least_gain").unwrap_or(0.0))))
        }
        "regret_bound" => {
            let bound = RegretBound::new(named.get_f64("tolerance"));
            Some(Box::new(bound.least_trials(named.get_usize("least_trials").unwrap_or(20))))
        }
        _ => None,
    }
}

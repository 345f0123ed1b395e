//! From a spec file to everything a search needs, all of it checked before anything is written.

use std::fs;
use std::path::{Path, PathBuf};

use lightcrest::pruner::{
    HalvingConfig, MedianConfig, MedianPruner, MinResource, NoPruner, Pruner, SuccessiveHalving,
};
use lightcrest::sampler::{AutoSampler, GpConfig, GpSampler, RandomSampler, Sampler};
use lightcrest::study::StudyBuilder;
use lightcrest::{Objective, Study};
use lightcrest_model::spec::Spec;

use crate::error::CliError;
use crate::metric::duration;

/// Reads and checks a spec; its text comes along.
pub(crate) fn read_spec(path: &Path) -> Result<(Spec, String), CliError> {
    let text = read(path)?;
    let spec = Spec::parse(&text, &path.display().to_string()).map_err(|errors| CliError::Spec { errors })?;
    Ok((spec, text))
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, CliError> {
    fs::read_to_string(path).map_err(|source| CliError::Read { path: path.to_path_buf(), source })
}

/// The folder of a spec's run: `runs/NAME`, with characters that no file name should have replaced.
pub(crate) fn default_folder(spec: &Spec) -> PathBuf {
    let letter = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = spec.name.chars().map(letter).collect();
    let name = name.trim_start_matches('.');
    Path::new("runs").join(if name.is_empty() { "study" } else { name })
}

/// A study of the spec, in memory until a storage is given.
pub(crate) fn study(spec: &Spec) -> StudyBuilder {
    Study::builder(spec.space().clone(), spec.objectives())
        .name(spec.name.as_str())
        .seed(spec.seed)
        .spec(spec.fingerprint())
}

/// Asks for one configuration, to see that there is one and that the sampler can handle the space.
pub(crate) fn check_feasible(spec: &Spec, objective: &dyn Objective) -> Result<(), CliError> {
    let study = study(spec).boxed_sampler(sampler(spec)).build();
    let preview = |configuration: &_| objective.preview(configuration);
    study.and_then(|mut study| study.ask_with(&preview)).map(drop).map_err(CliError::Hopeless)
}

/// The sampler that the spec names.
pub(crate) fn sampler(spec: &Spec) -> Box<dyn Sampler> {
    match spec.sampler.name {
        "random" => Box::new(RandomSampler::new()),
        "gp" => {
            let config: GpConfig = spec.sampler.config().expect("the vocabulary has the keys of the config");
            Box::new(GpSampler::new(config))
        }
        _ => Box::new(AutoSampler::new()),
    }
}

/// The pruner that the spec names.
pub(crate) fn pruner(spec: &Spec) -> Result<Box<dyn Pruner>, CliError> {
    let named = &spec.pruner;
    let epochs = named.get_usize("min_epochs").map(|epochs| epochs as u64);
    Ok(match named.name {
        "halving" => {
            let mut config =
                HalvingConfig { min_resource: MinResource::Steps(epochs.unwrap_or(1)), ..Default::default() };
            if let Some(factor) = named.get_usize("reduction_factor") {
                config.reduction_factor = factor as u64;
            }
            Box::new(
                SuccessiveHalving::new(config)
                    .map_err(|error| CliError::Usage(format!("[pruner]: {error}")))?,
            )
        }
        "median" => {
            let mut config = MedianConfig { warmup_steps: epochs.unwrap_or(1), ..Default::default() };
            if let Some(trials) = named.get_usize("startup_trials") {
                config.startup_trials = trials;
            }
            Box::new(MedianPruner::new(config))
        }
        _ => Box::new(NoPruner),
    })
}

/// Settings that the study does not know, ready to read.
pub(crate) fn settings(spec: &Spec) -> Vec<(&'static str, String)> {
    let mut settings =
        vec![("Sampler", spec.sampler.name.to_owned()), ("Pruner", spec.pruner.name.to_owned())];
    let trials = spec.budget.trials.map(|trials| format!("{trials} trials"));
    let time = spec.budget.time.map(|time| duration(time.as_secs_f64()));
    settings.push(("Budget", trials.into_iter().chain(time).collect::<Vec<_>>().join(" or ")));
    if let Some(refit) = &spec.refit {
        settings.push(("Front trained again for", format!("{} epochs", refit.epochs)));
    }
    settings
}

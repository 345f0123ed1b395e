//! From a spec to everything its study needs, all of it checked before anything is written.

mod named;

pub(crate) use named::{pruner, sampler, terminator};

use std::path::{Path, PathBuf};

use lightcrest::sampler::GpSampler;
use lightcrest::storage::{Definition, Storage};
use lightcrest::study::StudyBuilder;
use lightcrest::{Configuration, Preview, Study};
use lightcrest_model::network::Shape;
use lightcrest_model::objective;
use lightcrest_model::spec::{Phase, StudySpec};

use crate::error::CliError;
use crate::metric::duration;
use crate::run::RunFolder;
use crate::spec_file::SpecFile;
use crate::view::View;

/// The folder of a spec's run: `runs/NAME`, with characters that no file name should have replaced.
pub(crate) fn default_folder(spec: &StudySpec) -> PathBuf {
    let letter = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = spec.name.chars().map(letter).collect();
    let name = name.trim_start_matches('.');
    Path::new("runs").join(if name.is_empty() { "study" } else { name })
}

/// A study of the spec, in memory until a storage is given.
pub(crate) fn study(spec: &StudySpec) -> StudyBuilder {
    Study::builder(spec.space.clone(), spec.objectives.clone())
        .name(spec.name.as_str())
        .seed(spec.seed)
        .spec(spec.fingerprint.as_str())
}

/// Whether a study was made from the spec, and not from another that merely lies beside it.
pub(crate) fn describes(spec: &StudySpec, definition: &Definition) -> bool {
    let mut spec = spec.clone();
    adopt(&mut spec, definition);
    study(&spec).build().is_ok_and(|study| definition.difference(study.definition()).is_none())
}

/// Lets a spec stand for a study that it began when its fingerprint was computed otherwise.
pub(crate) fn adopt(spec: &mut StudySpec, definition: &Definition) {
    if definition.spec == spec.earlier_fingerprint {
        spec.fingerprint.clone_from(&spec.earlier_fingerprint);
    }
}

/// The same for the study in the folder of a run, if there is one.
pub(crate) fn adopt_from(spec: &mut StudySpec, root: &Path) {
    let stored = RunFolder::open(root).ok().and_then(|folder| folder.look().ok()?.definition().ok()?);
    if let Some(definition) = stored {
        adopt(spec, &definition);
    }
}

/// Asks for one configuration, to see that there is one and that the sampler can handle the space.
pub(crate) fn check_feasible(
    spec: &StudySpec,
    preview: &dyn Fn(&Configuration) -> Preview,
) -> Result<(), CliError> {
    let study = study(spec).boxed_sampler(sampler(spec)).boxed_terminator(terminator(spec)).build();
    study.and_then(|mut study| study.ask_with(preview)).map(drop).map_err(CliError::Hopeless)
}

/// The Gaussian process that a study is drawn with: its own, or the one that the default would use, and why it is that.
pub(crate) fn gaussian_process(spec: Option<&StudySpec>) -> (GpSampler, Option<String>) {
    let default = "this is the Gaussian process that the default sampler would use";
    match spec.map(|spec| spec.sampler.name) {
        Some("gp") => {
            let config = spec.and_then(|spec| spec.sampler.config().ok());
            (GpSampler::new(config.unwrap_or_default()), None)
        }
        Some("auto") => (GpSampler::default(), None),
        Some(other) => {
            (GpSampler::default(), Some(format!("The sampler of this study is `{other}`; {default}.")))
        }
        None => {
            let note = format!("The study does not say what proposed its trials; {default}.");
            (GpSampler::default(), Some(note))
        }
    }
}

/// What tells what is known of a configuration.
pub(crate) type Known = Box<dyn Fn(&Configuration) -> Preview>;

/// What is known of configurations before they are evaluated: nothing of those of a command. The shape of a network's images is
/// that of the written models, or else they are loaded. None without images or spec.
pub(crate) fn preview(view: &View) -> Option<Known> {
    let spec = match view.spec.clone()? {
        SpecFile::Search(spec) => spec,
        SpecFile::Tune(_) => return Some(Box::new(|_| Preview::default())),
    };
    let from_card = view.cards.values().find_map(|card| {
        let sizes: Vec<usize> = card.input.split('x').map(|size| size.parse().ok()).collect::<Option<_>>()?;
        let [channels, height, width] = sizes[..] else { return None };
        Some((Shape::new(channels, height, width), card.classes.len()))
    });
    let from_images = || {
        let (splits, _) = spec.data(Phase::Search).load().ok()?;
        Some((splits.train.shape(), splits.train.classes().len()))
    };
    let (input, classes) = from_card.or_else(from_images)?;
    Some(Box::new(move |configuration: &Configuration| {
        objective::preview(&spec, input, classes, configuration)
    }))
}

/// Settings that the study does not know, ready to read.
pub(crate) fn settings(spec: &StudySpec) -> Vec<(&'static str, String)> {
    let mut settings =
        vec![("Sampler", spec.sampler.name.to_owned()), ("Pruner", spec.pruner.name.to_owned())];
    let trials = spec.budget.trials.map(|trials| format!("{trials} trials"));
    let time = spec.budget.time.map(|time| duration(time.as_secs_f64()));
    settings.push(("Budget", trials.into_iter().chain(time).collect::<Vec<_>>().join(" or ")));
    settings
}

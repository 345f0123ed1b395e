//! From a spec to everything its study needs, all of it checked before anything is written.

mod earlier;
mod named;

pub(crate) use earlier::sources;
pub(crate) use named::{pruner, sampler, terminator};

use std::path::{Path, PathBuf};

use lightcrest::storage::Definition;
use lightcrest::study::StudyBuilder;
use lightcrest::{Configuration, Preview, Study};
use lightcrest_spec::StudySpec;

use crate::error::CliError;
use crate::target::Target;

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

/// The same for the study of a run, if there is one.
pub(crate) fn adopt_from(spec: &mut StudySpec, target: &Target) {
    // What cannot be read is said when it is needed.
    if let Ok(Some(definition)) = target.stored() {
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

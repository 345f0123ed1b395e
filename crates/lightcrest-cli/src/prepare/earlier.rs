//! Earlier runs that a new study learns from.

use std::path::{Path, PathBuf};

use lightcrest::memory::Source;
use lightcrest::storage::{Storage, load};
use lightcrest_spec::StudySpec;

use super::sampler;
use crate::arguments::StudyArguments;
use crate::error::CliError;
use crate::place::{Place, Url};
use crate::run::{RunFolder, look};
use crate::target::Target;
use crate::terminal::tell;

/// What to learn from.
enum Earlier {
    /// A run in its folder, or a file with one study.
    Run(PathBuf),
    /// A study of a database; the only one where none is named.
    Study(Url, Option<String>),
}

impl Earlier {
    /// What a text means: `URL#STUDY`, `FILE#STUDY`, or the path of a run. Relative paths begin at `folder`.
    ///
    /// # Errors
    /// If a URL cannot be one.
    fn said(text: &Path, folder: &Path) -> Result<Self, CliError> {
        let path = folder.join(text);
        let Some(text) = text.to_str() else { return Ok(Self::Run(path)) };
        let (url, study) = match text.rsplit_once('#') {
            Some((url, study)) if !study.is_empty() => (url, Some(study)),
            _ => (text, None),
        };
        let is_url = url.contains("://") || url == "-";
        if !is_url && (study.is_none() || path.exists()) {
            return Ok(Self::Run(path));
        }
        Ok(Self::Study(Url::beside(url, folder)?, study.map(str::to_owned)))
    }
}

/// What the study of a run is to learn from: the runs of the command line, and those of the spec.
/// None if it is there already: it goes on with what it has learnt from. Writes nothing.
///
/// # Errors
/// If one of the runs cannot be read, or the sampler does not learn.
pub(crate) fn sources(
    arguments: &StudyArguments,
    spec: &StudySpec,
    target: &Target,
) -> Result<Vec<Source>, CliError> {
    let beside = arguments.spec.parent().unwrap_or(Path::new(""));
    let said = arguments.learn_from.iter().map(|path| Earlier::said(path, Path::new("")));
    let written = spec.learn_from.iter().map(|path| Earlier::said(path, beside));
    let all = said.chain(written).collect::<Result<Vec<_>, _>>()?;
    if all.is_empty() || goes_on(arguments, target)? {
        return Ok(Vec::new());
    }
    if !sampler(spec).learns() {
        let name = spec.sampler.name;
        let message = format!("sampler `{name}` does not learn from earlier runs: `auto` and `gp` do");
        return Err(CliError::Usage(message));
    }
    let own = target.root.canonicalize().ok();
    // `runs/*` holds the run itself, and nothing else is meant twice.
    let mut seen: Vec<PathBuf> = own.filter(|_| !arguments.fresh).into_iter().collect();
    let mut sources = Vec::new();
    let mut places: Vec<Place> = target.place.iter().cloned().collect();
    for earlier in all {
        let (history, name) = match earlier {
            Earlier::Study(url, study) => {
                let place = url.study(study.as_deref())?;
                if places.contains(&place) {
                    continue;
                }
                places.push(place.clone());
                let read = place.look().and_then(|mut storage| load(&mut *storage));
                (read.map_err(|source| place.failed(source))?.1, place.study)
            }
            Earlier::Run(path) => {
                if target.is_at(&path) && !arguments.fresh {
                    continue; // it is not there yet
                }
                if let Ok(place) = path.canonicalize() {
                    if seen.contains(&place) {
                        continue;
                    }
                    seen.push(place);
                }
                let unreadable = |source| CliError::Unreadable { path: path.clone(), source };
                let mut storage = match path.is_file() {
                    true => look(&path).map(|storage| Box::new(storage) as Box<dyn Storage>),
                    false => RunFolder::open(&path)?.look(),
                }
                .map_err(unreadable)?;
                (load(&mut *storage).map_err(unreadable)?.1, path.display().to_string())
            }
        };
        sources.push(history.source(name, &spec.objectives));
    }
    Ok(sources)
}

/// Whether the study is there already.
fn goes_on(arguments: &StudyArguments, target: &Target) -> Result<bool, CliError> {
    if arguments.fresh {
        return Ok(false);
    }
    let unreadable = |source| target.unreadable(source);
    let Some(mut storage) = target.look().map_err(unreadable)? else { return Ok(false) };
    if storage.definition().map_err(unreadable)?.is_none() {
        return Ok(false);
    }
    let (_, history) = load(&mut *storage).map_err(unreadable)?;
    if history.memory().is_empty() && !history.is_empty() {
        tell("this run began without earlier ones and goes on without them: --fresh begins a new one");
    }
    Ok(!history.is_empty() || !history.memory().is_empty())
}

//! Earlier runs that a new study learns from.

use std::path::{Path, PathBuf};

use lightcrest::memory::Source;
use lightcrest::storage::{Storage, load};
use lightcrest_spec::StudySpec;

use super::sampler;
use crate::arguments::StudyArguments;
use crate::error::CliError;
use crate::run::{RunFolder, look};
use crate::terminal::tell;

/// What the study in the folder `root` is to learn from: the runs of the command line, and those of the spec.
/// None if it is there already: it goes on with what it has learnt from. Writes nothing.
///
/// # Errors
/// If one of the runs cannot be read, or the sampler does not learn.
pub(crate) fn sources(
    arguments: &StudyArguments,
    spec: &StudySpec,
    root: &Path,
) -> Result<Vec<Source>, CliError> {
    let beside = arguments.spec.parent().unwrap_or(Path::new(""));
    let mut paths = arguments.learn_from.clone();
    paths.extend(spec.learn_from.iter().map(|path| beside.join(path)));
    if paths.is_empty() || goes_on(arguments, root)? {
        return Ok(Vec::new());
    }
    if !sampler(spec).learns() {
        let name = spec.sampler.name;
        let message = format!("sampler `{name}` does not learn from earlier runs: `auto` and `gp` do");
        return Err(CliError::Usage(message));
    }
    let own = root.canonicalize().ok();
    // `runs/*` holds the run itself, and nothing else is meant twice.
    let mut seen: Vec<PathBuf> = own.filter(|_| !arguments.fresh).into_iter().collect();
    let mut sources = Vec::new();
    for path in paths {
        if path == root && !arguments.fresh {
            continue; // it is not there yet
        }
        if let Ok(place) = path.canonicalize() {
            if seen.contains(&place) {
                continue;
            }
            seen.push(place);
        }
        let database = if path.is_file() { path.clone() } else { RunFolder::open(&path)?.database() };
        let read = look(&database).and_then(|mut storage| load(&mut storage));
        let (_, history) = read.map_err(|source| CliError::Unreadable { path: path.clone(), source })?;
        let source = history.source(path.display().to_string(), &spec.objectives);
        sources.push(source);
    }
    Ok(sources)
}

/// Whether the study is there already.
fn goes_on(arguments: &StudyArguments, root: &Path) -> Result<bool, CliError> {
    let Ok(folder) = RunFolder::open(root) else { return Ok(false) };
    if arguments.fresh {
        return Ok(false);
    }
    let unreadable = |source| CliError::Unreadable { path: root.to_path_buf(), source };
    let mut storage = folder.look().map_err(unreadable)?;
    if storage.definition().map_err(unreadable)?.is_none() {
        return Ok(false);
    }
    let (_, history) = load(&mut storage).map_err(unreadable)?;
    if history.memory().is_empty() && !history.is_empty() {
        tell("this run began without earlier ones and goes on without them: --fresh begins a new one");
    }
    Ok(!history.is_empty() || !history.memory().is_empty())
}

//! `lightcrest show`: a run or a study as text.

use std::path::{Path, PathBuf};

use crate::arguments::ShownArguments;
use crate::error::CliError;
use crate::output;
use crate::place::Url;
use crate::recorded::Recorded;
use crate::run::RunFolder;
use crate::terminal::print;

/// Prints the front of a run, its history, which parameters mattered, the layers of its models and all
/// trials.
pub(crate) fn show(arguments: &ShownArguments) -> Result<(), CliError> {
    print(&output::text(&open(arguments)?.0.view))
}

/// What is shown, and the folder that its pages belong into.
///
/// # Errors
/// If it is not there or cannot be read.
pub(super) fn open(arguments: &ShownArguments) -> Result<(Recorded, PathBuf), CliError> {
    let study = arguments.study.as_deref();
    let of_database = |url: Url, beside: &Path| {
        let place = url.study(study)?;
        Ok((Recorded::read_study(&place)?, beside.to_path_buf()))
    };
    let Some(run) = &arguments.run else { return of_database(Url::needed(None)?, Path::new("")) };
    if let Some(text) = run.to_str().filter(|text| *text == "-" || text.contains("://")) {
        return of_database(Url::said(text)?, Path::new(""));
    }
    let parent = run.parent().unwrap_or(Path::new(""));
    // A run's own database brings the run along.
    let own = run.file_name().is_some_and(|name| name == "study.db") && parent.join("spec.toml").is_file();
    if run.is_file() && !(own && study.is_none()) {
        let url = run.to_str().map(Url::said).transpose()?;
        let url = url.ok_or_else(|| CliError::Usage(format!("{} is no text", run.display())))?;
        return of_database(url, parent);
    }
    if let Some(name) = study {
        let message = format!("--study {name} names a study of a database, but {} is a run", run.display());
        return Err(CliError::Usage(message));
    }
    let root = match own {
        true if parent.as_os_str().is_empty() => Path::new("."),
        true => parent,
        false => run,
    };
    let folder = RunFolder::open(root)?;
    Ok((Recorded::read(&folder)?, folder.root().to_path_buf()))
}

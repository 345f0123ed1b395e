//! A spec file of either kind, for the commands that take both.

use std::fs;
use std::io;
use std::path::Path;

use lightcrest_model::spec::Spec;
use lightcrest_report::metric::{Kind, duration};
use lightcrest_spec::tune::TuneSpec;
use lightcrest_spec::{StudySpec, tables};

use crate::data_path::DataPath;
use crate::error::CliError;

/// A spec that was read and found right.
#[derive(Debug, Clone)]
pub(crate) enum SpecFile {
    /// Of light networks.
    Search(Box<Spec>),
    /// Of a command.
    Tune(Box<TuneSpec>),
}

impl SpecFile {
    /// Reads a spec of the kind that its tables tell.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        Self::read_with_warning(path).map(|(file, _)| file)
    }

    /// The same, with what the user should know of where its images were found.
    pub(crate) fn read_with_warning(path: &Path) -> Result<(Self, Option<String>), CliError> {
        let text = read(path)?;
        Ok(match SpecKind::of(&text) {
            Some(SpecKind::Tune) => (Self::Tune(Box::new(tune(path, &text)?)), None),
            _ => {
                let file = search(path, text)?;
                let warning = file.warning().map(str::to_owned);
                (Self::Search(Box::new(file.spec)), warning)
            }
        })
    }

    /// What both kinds have.
    pub(crate) fn study(&self) -> &StudySpec {
        match self {
            Self::Search(spec) => &spec.study,
            Self::Tune(spec) => &spec.study,
        }
    }

    /// Settings that the study does not know, ready to read.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = settings(self.study());
        match self {
            Self::Search(spec) => settings.extend(
                spec.refit.map(|refit| ("Front trained again for", format!("{} epochs", refit.epochs))),
            ),
            Self::Tune(spec) => {
                settings.insert(0, ("Command", spec.command_line()));
                let limits = spec.command.limits;
                let time = limits.time.map(|time| duration(time.as_secs_f64()));
                let memory = limits.memory.map(|bytes| Kind::Bytes.format(bytes as f64));
                let limits: Vec<String> = time.into_iter().chain(memory).collect();
                settings.extend((!limits.is_empty()).then(|| ("Limits", limits.join(", "))));
            }
        }
        settings
    }
}

/// What a spec is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SpecKind {
    /// Light networks, a [`Spec`].
    Search,
    /// A command, a [`TuneSpec`].
    Tune,
}

impl SpecKind {
    /// The kind of a spec by the tables that only one of them has; none where there are none, or the text is
    /// no TOML.
    fn of(text: &str) -> Option<Self> {
        let tables = tables(text)?;
        let has = |names: &[&str]| tables.iter().any(|table| names.contains(&table.as_str()));
        match (has(TuneSpec::TABLES), has(Spec::TABLES)) {
            (true, false) => Some(Self::Tune),
            (false, true) => Some(Self::Search),
            // A spec with both is wrong as either; the command says what it was meant to be.
            (true, true) => has(&["command"]).then_some(Self::Tune),
            (false, false) => None,
        }
    }
}

/// The settings of both kinds.
fn settings(spec: &StudySpec) -> Vec<(&'static str, String)> {
    let mut settings =
        vec![("Sampler", spec.sampler.name.to_owned()), ("Pruner", spec.pruner.name.to_owned())];
    let trials = spec.budget.trials.map(|trials| format!("{trials} trials"));
    let time = spec.budget.time.map(|time| duration(time.as_secs_f64()));
    settings.push(("Budget", trials.into_iter().chain(time).collect::<Vec<_>>().join(" or ")));
    settings
}

/// A spec of light networks that was read.
pub(crate) struct SearchFile {
    /// The spec; the path of its images is one that this process can open.
    pub(crate) spec: Spec,
    text: String,
    data_path: Option<DataPath>,
}

impl SearchFile {
    /// Its text as a file in `folder` must have it, so that it leads to the same images.
    pub(crate) fn text_in(&self, folder: &Path) -> String {
        self.rewritten(&self.text, folder)
    }

    /// The text of another spec of the same images, likewise.
    pub(crate) fn rewritten(&self, text: &str, folder: &Path) -> String {
        self.data_path.as_ref().map_or_else(|| text.to_owned(), |path| path.seen_from(text, folder))
    }

    /// What the user should know of where the images were found.
    pub(crate) fn warning(&self) -> Option<&str> {
        self.data_path.as_ref()?.warning.as_deref()
    }
}

/// Reads and checks a spec of light networks.
pub(crate) fn read_search(path: &Path) -> Result<SearchFile, CliError> {
    search(path, read(path)?)
}

fn search(path: &Path, text: String) -> Result<SearchFile, CliError> {
    let shown = path.display();
    if SpecKind::of(&text) == Some(SpecKind::Tune) {
        return Err(CliError::Usage(format!(
            "{shown} is the spec of a command; `lightcrest tune {shown}` tunes it"
        )));
    }
    let mut spec = Spec::parse(&text, &shown.to_string()).map_err(|errors| CliError::Spec { errors })?;
    let written = spec.data.path.as_deref();
    let data_path = written.and_then(|written| DataPath::resolve(path, folder(path), written));
    if let Some(found) = &data_path {
        spec.data.path = Some(found.path.clone());
    }
    Ok(SearchFile { spec, text, data_path })
}

/// Reads and checks a spec of a command; its text comes along.
pub(crate) fn read_tune(path: &Path) -> Result<(TuneSpec, String), CliError> {
    let text = read(path)?;
    Ok((tune(path, &text)?, text))
}

fn tune(path: &Path, text: &str) -> Result<TuneSpec, CliError> {
    let shown = path.display();
    if SpecKind::of(text) == Some(SpecKind::Search) {
        let message =
            format!("{shown} is the spec of light networks; `lightcrest search {shown}` searches them");
        return Err(CliError::Usage(message));
    }
    TuneSpec::parse(text, &shown.to_string()).map_err(|errors| CliError::Spec { errors })
}

/// The folder of a spec's file, where relative paths begin; the current one for a spec that comes through a
/// pipe.
pub(crate) fn folder(path: &Path) -> &Path {
    let handed_over = ["/dev", "/proc"].iter().any(|root| path.starts_with(root));
    path.parent().filter(|_| !handed_over && path.is_file()).unwrap_or(Path::new(""))
}

/// Reads a text file, or standard input for `-`. What comes through a pipe can be read once.
pub(crate) fn read(path: &Path) -> Result<String, CliError> {
    let text = match path.to_str() {
        Some("-") => io::read_to_string(io::stdin()),
        _ => fs::read_to_string(path),
    };
    text.map_err(|source| CliError::Read { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_told_by_its_tables() {
        let tune = include_str!("../../../examples/pytorch_fashion_mnist/tune.toml");
        let search = include_str!("../../../examples/digits.toml");
        assert_eq!(SpecKind::of(tune), Some(SpecKind::Tune));
        assert_eq!(SpecKind::of(search), Some(SpecKind::Search));
        assert_eq!(SpecKind::of(&format!("{search}\n[command]\nrun = ['a']")), Some(SpecKind::Tune));
        assert_eq!(SpecKind::of(&format!("{search}\n[parameters]\na = 1")), None);
        assert_eq!(SpecKind::of("[study]\nname = 'a'"), None);
        assert_eq!(SpecKind::of("[study"), None);
    }
}

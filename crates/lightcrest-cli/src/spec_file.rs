//! A spec file of any kind, for the commands that take all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lightcrest::storage::without_password;
use lightcrest_graph::chain;
use lightcrest_model::compress::{CompressSpec, Original};
use lightcrest_model::spec::Spec;
use lightcrest_report::metric::{Kind, duration};
use lightcrest_spec::tune::TuneSpec;
use lightcrest_spec::{StudySpec, storage, tables};
use lightcrest_table::spec::{FitSpec, SpecWords};

use crate::data_path::DataPath;
use crate::error::CliError;
use crate::place::{VARIABLE, without_passwords};

/// A spec that was read and found right.
#[derive(Debug, Clone)]
pub(crate) enum SpecFile {
    /// Of light networks.
    Search(Box<Spec>),
    /// Of a command.
    Tune(Box<TuneSpec>),
    /// Of a network that is to become lighter.
    Compress(Box<CompressSpec>),
    /// Of a table.
    Fit(Box<FitSpec>),
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
            Some(SpecKind::Fit) => {
                let file = parse_fit(path, text)?;
                let warning = file.warning().map(str::to_owned);
                (Self::Fit(Box::new(file.spec)), warning)
            }
            Some(SpecKind::Compress) => {
                let file = compress(path, text)?;
                let warning = file.warnings().next().map(str::to_owned);
                (Self::Compress(Box::new(file.spec)), warning)
            }
            _ => {
                let file = search(path, text)?;
                let warning = file.warning().map(str::to_owned);
                (Self::Search(Box::new(file.spec)), warning)
            }
        })
    }

    /// What all kinds have.
    pub(crate) fn study(&self) -> &StudySpec {
        match self {
            Self::Search(spec) => &spec.study,
            Self::Tune(spec) => &spec.study,
            Self::Compress(spec) => &spec.study,
            Self::Fit(spec) => &spec.study,
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
            Self::Fit(spec) => {
                settings.insert(0, ("Table", spec.path.display().to_string()));
                settings.insert(1, ("Target", spec.learn.target.clone()));
            }
            Self::Compress(spec) => {
                settings.insert(0, ("Network", spec.original.path.display().to_string()));
                settings.extend(
                    spec.refit.map(|refit| ("Front trained again for", format!("{} epochs", refit.epochs))),
                );
            }
        }
        settings
    }
}

/// What a spec is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpecKind {
    /// Light networks, a [`Spec`].
    Search,
    /// A command, a [`TuneSpec`].
    Tune,
    /// A network that exists, a [`CompressSpec`].
    Compress,
    /// A table, a [`FitSpec`].
    Fit,
}

impl SpecKind {
    /// The kind of a spec by the tables that only one of them has; none where there are none, or the text is
    /// no TOML.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let tables = tables(text)?;
        let has = |names: &[&str]| tables.iter().any(|table| names.contains(&table.as_str()));
        if has(FitSpec::TABLES) {
            return Some(Self::Fit);
        }
        let compress = has(CompressSpec::TABLES) && !has(&["architecture", "training"]);
        match (has(TuneSpec::TABLES), has(Spec::TABLES) || compress) {
            (true, false) => Some(Self::Tune),
            (false, true) if compress => Some(Self::Compress),
            (false, true) => Some(Self::Search),
            // A spec with both is wrong as either; the command says what it was meant to be.
            (true, true) => has(&["command"]).then_some(Self::Tune),
            (false, false) => None,
        }
    }

    /// What such a spec is of, and the command that takes it.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Search => ("of light networks", "search", "searches them"),
            Self::Tune => ("of a command", "tune", "tunes it"),
            Self::Compress => ("of a network that exists", "compress", "compresses it"),
            Self::Fit => ("of a table", "fit", "fits it"),
        }
    }

    /// Refuses the text of a spec of another kind.
    fn check(self, path: &Path, text: &str) -> Result<(), CliError> {
        match Self::of(text).filter(|kind| *kind != self) {
            Some(other) => {
                let (shown, (what, command, does)) = (path.display(), other.words());
                let message = format!("{shown} is the spec {what}; `lightcrest {command} {shown}` {does}");
                Err(CliError::Usage(message))
            }
            None => Ok(()),
        }
    }
}

/// The settings of all kinds.
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
    SpecKind::Search.check(path, &text)?;
    let mut spec = Spec::parse(&text, &shown.to_string()).map_err(|errors| CliError::Spec { errors })?;
    let written = spec.data.path.as_deref();
    let data_path = written.and_then(|written| DataPath::resolve("data", path, folder(path), written));
    if let Some(found) = &data_path {
        spec.data.path = Some(found.path.clone());
    }
    Ok(SearchFile { spec, text, data_path })
}

/// A spec of a compression that was read.
pub(crate) struct CompressFile {
    /// The spec; the path of its images is one that this process can open.
    pub(crate) spec: CompressSpec,
    text: String,
    paths: Vec<DataPath>,
}

impl CompressFile {
    /// Its text as a file in `folder` must have it, so that it leads to the same network and images.
    pub(crate) fn text_in(&self, folder: &Path) -> String {
        self.rewritten(&self.text, folder)
    }

    /// The text of another spec of the same network and images, likewise.
    pub(crate) fn rewritten(&self, text: &str, folder: &Path) -> String {
        self.paths.iter().fold(text.to_owned(), |text, path| path.seen_from(&text, folder))
    }

    /// What the user should know of where things were found.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().filter_map(|path| path.warning.as_deref())
    }
}

/// Reads and checks a spec of a compression, and opens its network.
pub(crate) fn read_compress(path: &Path) -> Result<CompressFile, CliError> {
    compress(path, read(path)?)
}

fn compress(path: &Path, text: String) -> Result<CompressFile, CliError> {
    SpecKind::Compress.check(path, &text)?;
    let resolve = |table, written: &Path| DataPath::resolve(table, path, folder(path), written);
    let open = |written: &Path| {
        let found = resolve("model", written).map_or_else(|| written.to_path_buf(), |found| found.path);
        let opened = Original::open(&found).map(Arc::new);
        opened.map_err(|error| chain(&error))
    };
    let shown = path.display().to_string();
    let mut spec = CompressSpec::parse(&text, &shown, &open).map_err(|errors| CliError::Spec { errors })?;
    let data = spec.data.path.as_deref().and_then(|written| resolve("data", written));
    if let Some(found) = &data {
        spec.data.path = Some(found.path.clone());
    }
    let model = resolve("model", spec.model_path());
    Ok(CompressFile { text, paths: model.into_iter().chain(data).collect(), spec })
}

/// A spec of a table that was read.
pub(crate) struct FitFile {
    /// The spec; the path of its table is one that this process can open.
    pub(crate) spec: FitSpec,
    file: PathBuf,
    text: String,
    table: Option<DataPath>,
}

impl FitFile {
    /// Its text as a file in `folder` must have it, so that it leads to the same table.
    pub(crate) fn text_in(&self, folder: &Path) -> String {
        self.rewritten(&self.text, folder)
    }

    /// The text of another spec of the same table, likewise.
    pub(crate) fn rewritten(&self, text: &str, folder: &Path) -> String {
        self.table.as_ref().map_or_else(|| text.to_owned(), |path| path.seen_from(text, folder))
    }

    /// The text as it was read.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same spec with what the command line says instead.
    pub(crate) fn with(self, words: &SpecWords) -> Result<Self, CliError> {
        let text = words.over(&self.text).map_err(|error| CliError::Usage(error.to_string()))?;
        parse_fit(&self.file, text)
    }

    /// What the user should know of where the table was found.
    pub(crate) fn warning(&self) -> Option<&str> {
        self.table.as_ref()?.warning.as_deref()
    }
}

/// Reads and checks a spec of a table.
pub(crate) fn read_fit(path: &Path) -> Result<FitFile, CliError> {
    let text = read(path)?;
    SpecKind::Fit.check(path, &text)?;
    parse_fit(path, text)
}

/// Checks the text of a spec of a table, of the file `path` or made for it.
pub(crate) fn parse_fit(path: &Path, text: String) -> Result<FitFile, CliError> {
    let shown = path.display().to_string();
    let mut spec = FitSpec::parse(&text, &shown).map_err(|errors| CliError::Spec { errors })?;
    // Standard input and addresses are no files.
    let is_file = spec.path != Path::new("-") && !spec.path.to_string_lossy().contains("://");
    let table = if is_file { DataPath::resolve("table", path, folder(path), &spec.path) } else { None };
    if let Some(found) = &table {
        spec.path = found.path.clone();
    }
    Ok(FitFile { spec, file: path.to_path_buf(), text, table })
}

/// Reads and checks a spec of a command; its text comes along.
pub(crate) fn read_tune(path: &Path) -> Result<(TuneSpec, String), CliError> {
    let text = read(path)?;
    Ok((tune(path, &text)?, text))
}

fn tune(path: &Path, text: &str) -> Result<TuneSpec, CliError> {
    let shown = path.display();
    SpecKind::Tune.check(path, text)?;
    TuneSpec::parse(text, &shown.to_string()).map_err(|errors| CliError::Spec { errors })
}

/// The folder of a spec's file, where relative paths begin; the current one for a spec that comes through a
/// pipe.
pub(crate) fn folder(path: &Path) -> &Path {
    let handed_over = ["/dev", "/proc"].iter().any(|root| path.starts_with(root));
    path.parent().filter(|_| !handed_over && path.is_file()).unwrap_or(Path::new(""))
}

/// Reads a text file, or standard input for `-`. What comes through a pipe can be read once.
///
/// # Errors
/// If it cannot be read, or names the database of a study with a password, which would go wherever the spec
/// goes.
pub(crate) fn read(path: &Path) -> Result<String, CliError> {
    let text = match path.to_str() {
        Some("-") => io::read_to_string(io::stdin()),
        _ => fs::read_to_string(path),
    };
    let text = text.map_err(|source| CliError::Read { path: path.to_path_buf(), source })?;
    if tables(&text).is_none() {
        // The message shows the line that is wrong.
        return Ok(without_passwords(&text));
    }
    match storage(&text).filter(|url| without_password(url) != *url) {
        Some(url) => Err(CliError::Usage(format!(
            "`storage` of [study] in {} is {} with a password, which would be copied along with the spec: leave it out, and \
             put it into ~/.pgpass, PGPASSWORD or the URL of {VARIABLE}",
            path.display(),
            without_password(&url)
        ))),
        None => Ok(text),
    }
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
        assert_eq!(SpecKind::of("[model]\npath = 'a'\n[data]\nsource = 'b'"), Some(SpecKind::Compress));
        assert_eq!(SpecKind::of(&format!("{search}\n[finetune]\nepochs = 1")), Some(SpecKind::Search));
        assert_eq!(SpecKind::of("[study]\nname = 'a'"), None);
        assert_eq!(SpecKind::of("[study"), None);
    }
}

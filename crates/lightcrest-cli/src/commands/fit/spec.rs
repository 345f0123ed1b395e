//! What the command line says, as a spec.

use std::path::Path;

use lightcrest_table::spec::SpecWords;

use crate::arguments::FitArguments;
use crate::error::CliError;
use crate::spec_file::{self, FitFile};

/// Time of a search that the user does not limit.
const BUDGET: &str = "60s";

/// The spec: of the file, with what the options say instead, or of the options alone.
pub(super) fn read(arguments: &FitArguments) -> Result<FitFile, CliError> {
    let (file, words) = (&arguments.file, words(arguments));
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
        let written = spec_file::read_fit(file)?;
        return match words.is_empty() {
            true => Ok(written),
            false => written.with(&words),
        };
    }
    if words.target.is_none() {
        return Err(CliError::Usage("which column is predicted? Say --target NAME".into()));
    }
    let words = SpecWords {
        name: Some(name(file)),
        path: Some(absolute(file)),
        seed: words.seed.or(Some(0)),
        time: words.time.or_else(|| words.trials.is_none().then(|| BUDGET.to_owned())),
        ..words
    };
    spec_file::parse_fit(file, words.to_string())
}

/// What the options say.
fn words(arguments: &FitArguments) -> SpecWords {
    let order = arguments.date_order.as_ref().map(|order| order.replace('-', "_"));
    let texts = [
        ("task", &arguments.task),
        ("metric", &arguments.metric),
        ("group", &arguments.group),
        ("time", &arguments.time),
        ("separator", &arguments.separator),
        ("encoding", &arguments.encoding),
        ("sheet", &arguments.sheet),
        ("decimal", &arguments.decimal),
        ("date_order", &order),
    ];
    let flags = [
        ("no_header", arguments.no_header),
        ("ignore_text", arguments.ignore_text),
        ("drop_missing_target", arguments.drop_missing_target),
    ];
    let numbers = [
        ("max_bytes", arguments.max_size.map(|bytes| bytes as f64)),
        ("max_latency_us", arguments.max_latency),
        ("folds", arguments.folds.map(f64::from)),
    ];
    SpecWords {
        name: None,
        path: None,
        target: arguments.target.clone(),
        seed: arguments.seed,
        texts: texts.into_iter().filter_map(|(key, text)| Some((key, text.clone()?))).collect(),
        flags: flags.into_iter().filter(|(_, said)| *said).map(|(key, _)| key).collect(),
        numbers: numbers.into_iter().filter_map(|(key, number)| Some((key, number?))).collect(),
        lists: vec![("missing", arguments.missing.clone()), ("ignore", arguments.ignore.clone())],
        time: arguments.budget.clone(),
        trials: arguments.trials.map(|trials| trials as usize),
    }
}

/// The name of a table: that of its file, without what says how it is packed.
fn name(file: &Path) -> String {
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or("table");
    if stem == "-" { "table".into() } else { stem.to_owned() }
}

/// So that the spec in the run's folder leads to the same file from anywhere.
fn absolute(file: &Path) -> String {
    let handed_over = file == Path::new("-");
    // An address stays as it is, to be refused as one.
    let path = match handed_over || file.to_string_lossy().contains("://") {
        true => file.to_path_buf(),
        false => std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf()),
    };
    path.to_string_lossy().into_owned()
}

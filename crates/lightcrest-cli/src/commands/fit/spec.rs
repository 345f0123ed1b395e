//! What the command line says, as a spec.

use std::path::Path;

use lightcrest_table::spec::SpecWords;

use crate::arguments::FitArguments;
use crate::error::CliError;
use crate::spec_file;

/// Time of a search that the user does not limit.
const BUDGET: &str = "60s";

/// The text of the spec: of the file, or of the arguments.
pub(super) fn text(arguments: &FitArguments) -> Result<String, CliError> {
    let file = &arguments.file;
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
        let said = arguments.target.is_some() || arguments.budget.is_some() || arguments.trials.is_some();
        if said {
            let shown = file.display();
            return Err(CliError::Usage(format!(
                "{shown} is a spec, which says itself what to predict and how long to search: change it there"
            )));
        }
        return spec_file::read(file);
    }
    let Some(target) = &arguments.target else {
        return Err(CliError::Usage("which column is predicted? Say --target NAME".into()));
    };
    let mut words = SpecWords {
        name: name(file),
        path: absolute(file),
        target: target.clone(),
        seed: arguments.seed,
        trials: arguments.trials.map(|trials| trials as usize),
        ..SpecWords::default()
    };
    words.time = arguments.budget.clone().or_else(|| words.trials.is_none().then(|| BUDGET.to_owned()));
    let order = arguments.date_order.as_ref().map(|order| order.replace('-', "_"));
    let texts = [
        ("task", &arguments.task),
        ("metric", &arguments.metric),
        ("group", &arguments.group),
        ("time", &arguments.time),
        ("separator", &arguments.separator),
        ("encoding", &arguments.encoding),
        ("decimal", &arguments.decimal),
        ("date_order", &order),
    ];
    words.texts = texts.into_iter().filter_map(|(key, text)| Some((key, text.clone()?))).collect();
    let flags = [
        ("no_header", arguments.no_header),
        ("ignore_text", arguments.ignore_text),
        ("drop_missing_target", arguments.drop_missing_target),
    ];
    words.flags = flags.into_iter().filter(|(_, said)| *said).map(|(key, _)| key).collect();
    let numbers = [
        ("max_bytes", arguments.max_size.map(|bytes| bytes as f64)),
        ("max_latency_us", arguments.max_latency),
        ("folds", arguments.folds.map(f64::from)),
    ];
    words.numbers = numbers.into_iter().filter_map(|(key, number)| Some((key, number?))).collect();
    words.lists = vec![("missing", arguments.missing.clone()), ("ignore", arguments.ignore.clone())];
    Ok(words.to_string())
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
    let path = if handed_over {
        file.to_path_buf()
    } else {
        std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf())
    };
    // An address stays as it is, to be refused as one.
    if file.to_string_lossy().contains("://") {
        file.to_string_lossy().into_owned()
    } else {
        path.to_string_lossy().into_owned()
    }
}

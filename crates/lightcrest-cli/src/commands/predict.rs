//! `lightcrest predict`: the rows of a table by a model of `fit`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lightcrest_report::View;
use lightcrest_report::metric::significant;
use lightcrest_table::pipeline::Pipeline;
use lightcrest_table::predict::{score, write_predictions};
use lightcrest_table::read::{ReadConfig, Source, Text};
use lightcrest_table::spec::separator;
use lightcrest_table::table::ReadTable;

use crate::arguments::PredictArguments;
use crate::error::CliError;
use crate::run::RunFolder;
use crate::terminal::{tell, written};

/// Predicts.
pub(crate) fn predict(arguments: &PredictArguments) -> Result<(), CliError> {
    let path = model(&arguments.run, arguments.model)?;
    let bytes = fs::read(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    let pipeline = Pipeline::from_bytes(&bytes)
        .map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?;
    let separator = match &arguments.separator {
        None => None,
        Some(word) => Some(separator(word).ok_or_else(|| {
            CliError::Usage(format!("--separator takes one character or `tab`, but got `{word}`"))
        })?),
    };
    let config = ReadConfig {
        separator,
        encoding: arguments.encoding.clone(),
        no_header: arguments.no_header,
        sheet: arguments.sheet.clone(),
    };
    let text = Text::open(Source::open(&arguments.table)?, &config)?;
    let needed = |column: usize| pipeline.needs(column);
    let read = pipeline.schema.read(&text, &needed, arguments.allow_missing_columns)?;
    if !arguments.quiet {
        remarks(&pipeline, &read).iter().for_each(|line| tell(line));
    }
    let predictions = pipeline.predict(&read.table);
    if arguments.score {
        let found = score(&pipeline, &read, &predictions)?;
        let values: Vec<String> = found
            .values
            .iter()
            .map(|(metric, value)| format!("{} {}", metric.name(), significant(*value)))
            .collect();
        tell(&format!("score of {} rows: {}", found.rows, values.join(", ")));
        if found.left_out > 0 {
            tell(&format!("{} rows have no target that the model knows: not scored", found.left_out));
        }
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    written(write_predictions(&mut out, &pipeline, &read, &predictions).and_then(|()| out.flush()))
}

/// The file of a model: itself, or that of a trial of a run.
fn model(run: &Path, trial: Option<u64>) -> Result<PathBuf, CliError> {
    const FILE: &str = "model.lightcrest";
    if run.is_file() {
        return match trial {
            Some(_) => {
                Err(CliError::Usage("--model names a trial of a run, and this is a file already".into()))
            }
            None => Ok(run.to_path_buf()),
        };
    }
    if run.join(FILE).is_file() && trial.is_none() {
        return Ok(run.join(FILE));
    }
    let folder = RunFolder::open(run)?;
    let written = folder.models()?;
    let number = match trial {
        Some(number) => number,
        None => {
            let unreadable = |source| CliError::Unreadable { path: run.to_path_buf(), source };
            let mut storage = folder.look().map_err(unreadable)?;
            let view = View::read(&mut *storage).map_err(unreadable)?;
            let best =
                view.front().into_iter().map(|trial| trial.number).find(|number| written.contains(number));
            best.ok_or_else(|| {
                CliError::Usage(format!(
                    "{} has no model yet: `lightcrest fit` writes them at its end",
                    run.display()
                ))
            })?
        }
    };
    let path = folder.model(number).join(FILE);
    if path.is_file() {
        return Ok(path);
    }
    let known: Vec<String> = written.iter().map(u64::to_string).collect();
    Err(CliError::Usage(format!(
        "{} has no model of trial {number}; it has those of {}",
        run.display(),
        known.join(", ")
    )))
}

/// What a user should know of how the table fits.
fn remarks(pipeline: &Pipeline, read: &ReadTable) -> Vec<String> {
    let names = |list: &[String]| {
        let mut text = list.iter().take(5).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        if list.len() > 5 {
            text.push_str(&format!(" and {} more", list.len() - 5));
        }
        text
    };
    let needed = |name: &str| {
        pipeline
            .schema
            .columns
            .iter()
            .position(|column| column.name == name)
            .is_some_and(|i| pipeline.needs(i))
    };
    let mut lines = Vec::new();
    if !read.extra.is_empty() {
        lines.push(format!("columns that the model does not know are ignored: {}", names(&read.extra)));
    }
    if !read.absent.is_empty() {
        lines
            .push(format!("warning: columns that are not there are missing values: {}", names(&read.absent)));
    }
    for (name, count, example) in read.unseen.iter().filter(|(name, ..)| needed(name)) {
        lines.push(format!(
            "warning: `{name}` has {count} values that the model never saw, such as `{example}`"
        ));
    }
    for (name, count, example) in read.unconvertible.iter().filter(|(name, ..)| needed(name)) {
        lines.push(format!(
            "warning: `{name}` has {count} values that are not of its kind, such as `{example}`: missing"
        ));
    }
    lines
}

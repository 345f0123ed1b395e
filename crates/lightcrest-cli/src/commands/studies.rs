//! `lightcrest studies`: what there is in a database, and what is done with whole studies.

use std::io::{self, Write};

use comfy_table::CellAlignment;
use lightcrest::history::TrialState;
use lightcrest::objective::Direction;
use lightcrest::storage::optuna::{self, Format, OptunaStudy};
use lightcrest::storage::{StorageError, Summary, copy};
use lightcrest_report::value::pairs;
use lightcrest_report::{View, moment, trials_csv, trials_jsonl};
use serde_json::{Map, Value as Json, json};

use crate::arguments::{
    CopyArguments, DeleteArguments, ExportArguments, ExportFormat, ImportArguments, ListArguments,
    NamedArguments, RenameArguments, StudiesArguments, StudiesCommand,
};
use crate::error::CliError;
use crate::output::plain_table;
use crate::place::{Place, Url};
use crate::run::write_file;
use crate::terminal::{print, tell, written};

const STATES: [TrialState; 5] =
    [TrialState::Complete, TrialState::Pruned, TrialState::Failed, TrialState::Running, TrialState::Waiting];

/// Does what the command says.
pub(crate) fn studies(arguments: &StudiesArguments) -> Result<(), CliError> {
    match &arguments.command {
        StudiesCommand::List(arguments) => list(arguments),
        StudiesCommand::Show(arguments) => show(arguments),
        StudiesCommand::Delete(arguments) => delete(arguments),
        StudiesCommand::Rename(arguments) => rename(arguments),
        StudiesCommand::Copy(arguments) => copy_one(arguments),
        StudiesCommand::Export(arguments) => export(arguments),
        StudiesCommand::Import(arguments) => import(arguments),
    }
}

fn list(arguments: &ListArguments) -> Result<(), CliError> {
    let url = Url::needed(arguments.url.as_deref())?;
    let summaries = url.catalog(None).and_then(|mut catalog| catalog.summaries());
    let summaries = summaries.map_err(|source| url.failed(source))?;
    if arguments.json {
        let object = |summary: &Summary| {
            let (created, trials) = (moment(summary.created), by_state(|state| summary.count(state)));
            json!({ "name": summary.name, "created": created, "trials": trials })
        };
        return print(&format!("{:#}", summaries.iter().map(object).collect::<Json>()));
    }
    if summaries.is_empty() {
        return print(&format!("there is no study in {}", url.shown()));
    }
    let mut table = plain_table();
    table.set_header([
        "Study",
        "Made",
        "Trials",
        "Complete",
        "Stopped early",
        "Failed",
        "Running",
        "Waiting",
    ]);
    for summary in &summaries {
        let counts = STATES.map(|state| summary.count(state).to_string());
        let made = moment(summary.created).replace('T', " ");
        let first = [summary.name.clone(), made[..19].to_owned(), summary.total().to_string()];
        table.add_row(first.into_iter().chain(counts));
    }
    table.column_iter_mut().skip(2).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    print(&table.to_string())
}

/// How many trials there are in each state, as JSON.
fn by_state(count: impl Fn(TrialState) -> u64) -> Json {
    STATES.iter().map(|state| (state.as_str().to_owned(), json!(count(*state)))).collect::<Map<_, _>>().into()
}

fn show(arguments: &NamedArguments) -> Result<(), CliError> {
    let place = Url::said(&arguments.url)?.study(arguments.study.as_deref())?;
    let read = || {
        let mut storage = place.look()?;
        let view = View::read(&mut *storage)?;
        Ok((view, storage.attributes()?))
    };
    let (view, attributes) = read().map_err(|source| place.failed(source))?;
    let (definition, history) = (&view.definition, &view.history);
    let word = |direction| match direction {
        Direction::Minimize => "minimize",
        Direction::Maximize => "maximize",
    };
    let front = view.front();
    if arguments.json {
        let objectives: Vec<Json> = definition
            .objectives
            .iter()
            .map(|o| json!({ "name": o.name, "direction": word(o.direction) }))
            .collect();
        let object = json!({
            "name": definition.name,
            "created": moment(definition.created),
            "engine": definition.engine,
            "seed": definition.seed,
            "discovered": definition.discovered,
            "objectives": objectives,
            "space": definition.space,
            "attributes": attributes,
            "trials": by_state(|state| history.in_state(state).count() as u64),
            "front": front.iter().map(|trial| trial.number).collect::<Vec<_>>(),
        });
        return print(&format!("{object:#}"));
    }
    let mut lines = vec![
        format!("study       {}", definition.name),
        format!("in          {}", place.url.shown()),
        format!("made        {} by version {}", moment(definition.created), definition.engine),
        format!("seed        {}", definition.seed),
    ];
    lines.extend(
        definition.objectives.iter().map(|o| format!("objective   {} {}", word(o.direction), o.name)),
    );
    let how = if definition.discovered { "discovered" } else { "declared" };
    lines.push(format!("parameters  {}, {how}", definition.space.parameters().len()));
    lines.extend(
        definition.space.parameters().iter().map(|p| format!("            {}: {}", p.name, p.domain)),
    );
    lines.push(format!("trials      {}", view.summary()));
    lines.extend(attributes.iter().map(|(name, value)| format!("attribute   {name}: {value}")));
    if let Some(best) = front.first() {
        let values = best.values.iter().flatten().zip(&definition.objectives);
        let values: Vec<String> = values.map(|(value, o)| format!("{} {value}", o.name)).collect();
        lines.push(format!("best        trial {}: {}", best.number, values.join(", ")));
        lines.push(format!("            {}", pairs(&best.configuration)));
    }
    print(&lines.join("\n"))
}

fn delete(arguments: &DeleteArguments) -> Result<(), CliError> {
    let place = Url::said(&arguments.url)?.study(Some(&arguments.study))?;
    let summary = find(&place)?;
    let running = summary.count(TrialState::Running);
    if running > 0 && !arguments.force {
        return Err(CliError::Usage(format!(
            "{running} trials of `{}` run, or were not told how they ended: end their workers first, or say --force",
            place.study
        )));
    }
    let deleted = place.open(None).and_then(|mut storage| storage.delete());
    deleted.map_err(|source| place.failed(source))?;
    print(&format!("deleted {} with {} trials", place.study, summary.total()))
}

/// A study that is there, in short. Where there is no database, none is made.
fn find(place: &Place) -> Result<Summary, CliError> {
    let summaries = place.url.catalog(None).and_then(|mut catalog| catalog.summaries());
    let summaries = summaries.map_err(|source| place.failed(source))?;
    let found = summaries.into_iter().find(|summary| summary.name == place.study);
    found.ok_or_else(|| place.failed(StorageError::NoStudy))
}

fn rename(arguments: &RenameArguments) -> Result<(), CliError> {
    let url = Url::said(&arguments.url)?;
    let place = url.study(Some(&arguments.study))?;
    if arguments.new.trim().is_empty() {
        return Err(CliError::Usage("the new name of the study is empty".into()));
    }
    find(&place)?;
    let renamed = url.catalog(None).and_then(|mut catalog| catalog.rename(&arguments.study, &arguments.new));
    renamed.map_err(|source| place.failed(source))?;
    print(&format!("{} is now {}", arguments.study, arguments.new))
}

fn copy_one(arguments: &CopyArguments) -> Result<(), CliError> {
    let from = Url::said(&arguments.url)?.study(Some(&arguments.study))?;
    let to = match arguments.to.as_deref() {
        Some(url) => Url::said(url)?,
        None => from.url.clone(),
    };
    let to = to.study(Some(arguments.name.as_deref().unwrap_or(&arguments.study)))?;
    // The other database is not made for nothing.
    find(&from)?;
    let mut source = from.look().map_err(|source| from.failed(source))?;
    let copied = to.open(None).and_then(|mut storage| copy(&mut *source, &mut *storage, &to.study));
    let copied = copied.map_err(|source| to.failed(source))?;
    print(&format!("copied {} trials to {} in {}", copied, to.study, to.url.shown()))
}

fn export(arguments: &ExportArguments) -> Result<(), CliError> {
    let format = match arguments.format {
        ExportFormat::Csv | ExportFormat::Jsonl => return export_lines(arguments),
        #[cfg(feature = "parquet")]
        ExportFormat::Parquet => return export_parquet(arguments),
        ExportFormat::Optuna => Format::Tables,
        ExportFormat::OptunaJournal => Format::Journal,
    };
    let Some(out) = arguments.out.as_ref().map(|out| out.display().to_string()) else {
        return Err(CliError::Usage("a database of Optuna's is no text: say --out FILE".into()));
    };
    let out = Url::said(&out)?;
    let url = Url::said(&arguments.url)?;
    let names = match &arguments.study {
        Some(name) => vec![name.clone()],
        None => {
            let summaries = url.catalog(None).and_then(|mut catalog| catalog.summaries());
            summaries.map_err(|source| url.failed(source))?.into_iter().map(|summary| summary.name).collect()
        }
    };
    if names.is_empty() {
        return Err(CliError::Usage(format!("there is no study in {}", url.shown())));
    }
    let mut studies = Vec::with_capacity(names.len());
    for name in &names {
        let place = url.study(Some(name))?;
        let study = place.look().and_then(|mut storage| OptunaStudy::of(&mut *storage));
        studies.push(study.map_err(|source| place.failed(source))?);
    }
    let (count, trials) = (studies.len(), studies.iter().map(OptunaStudy::trials).sum::<usize>());
    say_remarks(&studies);
    optuna::write(out.whole(), format, studies, arguments.zone.zone(), None).map_err(|source| {
        let what = format!("cannot write the studies to {}", out.shown());
        CliError::Storage { what, source }
    })?;
    let s = if count == 1 { "y" } else { "ies" };
    print(&format!("exported {count} stud{s} with {trials} trials to {}", out.shown()))
}

/// What could not be taken over as it was.
fn say_remarks(studies: &[OptunaStudy]) {
    studies.iter().flat_map(OptunaStudy::remarks).for_each(|remark| tell(&format!("note: {remark}")));
}

fn import(arguments: &ImportArguments) -> Result<(), CliError> {
    let (from, to) = (Url::said(&arguments.from)?, Url::needed(arguments.to.as_deref())?);
    let studies = optuna::read(from.whole(), arguments.study.as_deref(), arguments.zone.zone(), None);
    let studies = studies.map_err(|source| {
        let what = format!("cannot read Optuna's studies from {}", from.shown());
        CliError::Storage { what, source }
    })?;
    let named = arguments.study.as_ref();
    if studies.is_empty() {
        let which = named.map_or_else(|| "no study".to_owned(), |name| format!("no study `{name}`"));
        return Err(CliError::Usage(format!("there is {which} of Optuna's in {}", from.shown())));
    }
    // All or none: a name that is taken is known before anything is written.
    let taken =
        to.catalog(None).and_then(|mut catalog| catalog.names()).map_err(|source| to.failed(source))?;
    let name = |study: &OptunaStudy| arguments.name.clone().unwrap_or_else(|| study.name().to_owned());
    if let Some(study) = studies.iter().find(|study| taken.contains(&name(study))) {
        let (name, place) = (name(study), to.shown());
        return Err(CliError::Usage(format!(
            "there is a study `{name}` in {place} already: take the study over under another name (`{} --as NAME`)",
            study.name()
        )));
    }
    say_remarks(&studies);
    let mut lines = Vec::with_capacity(studies.len());
    for study in &studies {
        let place = to.study(Some(&name(study)))?;
        let kept = place.open(None).and_then(|mut storage| study.keep(&mut *storage, &place.study));
        let trials = kept.map_err(|source| place.failed(source))?;
        lines.push(format!("imported {trials} trials to {} in {}", place.study, to.shown()));
    }
    print(&lines.join("\n"))
}

/// The study that is to be exported.
fn exported(arguments: &ExportArguments) -> Result<View, CliError> {
    let place = Url::said(&arguments.url)?.study(arguments.study.as_deref())?;
    let view = place.look().and_then(|mut storage| View::read(&mut *storage));
    view.map_err(|source| place.failed(source))
}

#[cfg(feature = "parquet")]
fn export_parquet(arguments: &ExportArguments) -> Result<(), CliError> {
    let Some(path) = &arguments.out else {
        return Err(CliError::Usage("a Parquet file is no text: say --out FILE".into()));
    };
    let mut bytes = Vec::new();
    lightcrest_report::trials_parquet(&exported(arguments)?, &mut bytes).map_err(CliError::Output)?;
    Ok(write_file(path, &bytes)?)
}

fn export_lines(arguments: &ExportArguments) -> Result<(), CliError> {
    let view = exported(arguments)?;
    let write = |out: &mut dyn Write| {
        let mut out = io::BufWriter::new(out);
        match arguments.format {
            ExportFormat::Jsonl => trials_jsonl(&view, &mut out)?,
            _ => trials_csv(&view, &mut out)?,
        }
        out.flush()
    };
    match &arguments.out {
        None => written(write(&mut io::stdout().lock())),
        Some(path) => {
            let mut bytes = Vec::new();
            write(&mut bytes).map_err(CliError::Output)?;
            Ok(write_file(path, &bytes)?)
        }
    }
}

//! From the text of a spec to a [`TuneSpec`]. Reads everything, collects every error.

use std::time::Duration;

use lightcrest::objective::{Direction, ObjectiveInfo};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::parameter::{ParameterSpec, parameters, space};
use super::template::{Argument, Template};
use super::vocabulary::{COMMAND, CONSTRAINT, LIMITS, OBJECTIVE};
use super::{CommandSpec, Limits, MetricsSource, TuneSpec};
use crate::constraint::{ConstraintSpec, bounds};
use crate::diagnostic::{Errors, Problem};
use crate::document::{SectionName, Table, check_sections, fixed, group, items, table, text};
use crate::fingerprint::fingerprint;
use crate::setting::{describe, in_order};
use crate::study::{StudySections, time};
use crate::vocabulary::{STEP_PRUNERS, STUDY};

/// Every table of the file.
pub(super) const SECTIONS: &[SectionName] = &[
    ("study", Some(STUDY.doc)),
    ("objectives", Some(OBJECTIVE.doc)),
    ("constraints", None),
    ("command", Some(COMMAND.doc)),
    ("parameters", Some(PARAMETERS)),
    ("budget", None),
    ("sampler", None),
    ("pruner", None),
    ("terminator", None),
    ("workers", None),
    ("memory", None),
];

/// What `[parameters]` is.
pub(super) const PARAMETERS: &str = "What may vary, by names of your own.";

/// What `run` is.
pub(super) const RUN: &str = "the program and its arguments, a list of strings in which {name} stands for a parameter; a string or \
                              inner list with an inactive one is left out";

/// What `environment` is.
pub(super) const ENVIRONMENT: &str = "variables for the command, strings in which {name} stands for a parameter; one with an inactive parameter is not set";

/// What may change when a study goes on, besides what every spec may change.
const FREE: &[&str] = &["command.directory", "command.limits", "command.metrics"];

const GRACE: Duration = Duration::from_secs(5);

pub(super) fn document_to_spec(errors: &mut Errors, document: &DeTable<'_>) -> Option<TuneSpec> {
    check_sections(errors, document, SECTIONS);
    let empty = DeTable::new();
    let study = StudySections::read(errors, document, STEP_PRUNERS);
    let objectives = objectives(errors, document);
    let constraints = constraints(errors, document);
    let (written, _) = table(errors, document, "parameters").unwrap_or((&empty, 0..0));
    let before = errors.list.len();
    let parameters = parameters(errors, written);
    // The command can only be judged by parameters that were understood.
    let known = (errors.list.len() == before).then_some(&parameters[..]);
    let found = table(errors, document, "command");
    let command = found.and_then(|table| read_command(errors, table, known));
    let space = space(errors, &parameters);
    if !errors.list.is_empty() {
        return None;
    }
    Some(TuneSpec {
        study: study.finish(objectives, space?, [FREE, FREE].map(|free| fingerprint(document, free)))?,
        constraints,
        command: command?,
        parameters,
    })
}

fn objectives(errors: &mut Errors, document: &DeTable<'_>) -> Vec<ObjectiveInfo> {
    let mut list: Vec<ObjectiveInfo> = Vec::new();
    for (table, place) in items(errors, document, "objectives") {
        let group = group(errors, &OBJECTIVE, (table, place.clone()), "[[objectives]]", "", &[]);
        let (Some(metric), Some(direction)) = (text(&group, "metric"), text(&group, "direction")) else {
            continue;
        };
        if list.iter().any(|other| other.name == metric) {
            errors.push(place, Problem::Invalid { reason: format!("two objectives are named `{metric}`") });
        }
        let direction = if direction == "maximize" { Direction::Maximize } else { Direction::Minimize };
        list.push(ObjectiveInfo { name: metric.into(), direction });
    }
    if let (true, Some(value)) = (errors.list.is_empty() && list.is_empty(), document.get("objectives")) {
        let reason = "at least one table [[objectives]] is needed".into();
        errors.push(value.span(), Problem::Invalid { reason });
    }
    list
}

fn constraints(errors: &mut Errors, document: &DeTable<'_>) -> Vec<ConstraintSpec> {
    let mut list: Vec<ConstraintSpec> = Vec::new();
    for (table, place) in items(errors, document, "constraints") {
        let group = group(errors, &CONSTRAINT, (table, place.clone()), "[[constraints]]", "", &[]);
        let Some(metric) = text(&group, "metric") else { continue };
        let (max, min) = bounds(errors, &group, table, place.clone(), metric);
        if list.iter().any(|other| other.metric == metric) {
            let reason = format!("two constraints are on `{metric}`; one may have `max` and `min`");
            errors.push(place, Problem::Invalid { reason });
        }
        list.push(ConstraintSpec { metric: metric.into(), max, min, before: false });
    }
    list
}

fn read_command(
    errors: &mut Errors,
    (table, place): Table<'_, '_>,
    parameters: Option<&[ParameterSpec]>,
) -> Option<CommandSpec> {
    let own =
        group(errors, &COMMAND, (table, place.clone()), "[command]", "", &["run", "environment", "limits"]);
    let limits = match self::table(errors, table, "limits") {
        Some(table) => group(errors, &LIMITS, table, "[command.limits]", "", &[]),
        None => Default::default(),
    };
    let run = match table.get("run") {
        Some(value) => read_run(errors, value, parameters),
        None => {
            let (key, section, doc) = ("run".into(), "[command]".into(), RUN.into());
            errors.push(place, Problem::Missing { key, section, doc });
            None
        }
    };
    let environment = read_environment(errors, table, parameters);
    let (program, arguments) = run?;
    Some(CommandSpec {
        program,
        arguments,
        environment,
        directory: text(&own, "directory").map(Into::into),
        metrics: match text(&own, "metrics") {
            Some("stdout") => MetricsSource::Stdout,
            Some("file") => MetricsSource::File,
            _ => MetricsSource::Both,
        },
        limits: Limits {
            time: time(&limits, "time"),
            memory: fixed(&limits, "memory").and_then(|value| value.as_i64()).map(i64::unsigned_abs),
            grace: time(&limits, "grace").unwrap_or(GRACE),
        },
    })
}

fn template(
    errors: &mut Errors,
    key: &str,
    value: &Spanned<DeValue<'_>>,
    parameters: Option<&[ParameterSpec]>,
) -> Option<Template> {
    match value.get_ref() {
        DeValue::String(text) => Template::parse(errors, text, value.span(), parameters?),
        DeValue::Integer(number) => Some(Template::literal(number.to_string())),
        DeValue::Float(number) => Some(Template::literal(number.to_string())),
        DeValue::Boolean(flag) => Some(Template::literal(flag.to_string())),
        found => {
            let (expected, found) = ("a string".into(), describe(found));
            errors.push(value.span(), Problem::WrongType { key: key.into(), expected, found });
            None
        }
    }
}

/// The program and its arguments.
fn read_run(
    errors: &mut Errors,
    value: &Spanned<DeValue<'_>>,
    parameters: Option<&[ParameterSpec]>,
) -> Option<(String, Vec<Argument>)> {
    let DeValue::Array(items) = value.get_ref() else {
        let expected = "a list of strings, such as [\"python3\", \"train.py\", \"{learning_rate}\"]".into();
        let found = describe(value.get_ref());
        errors.push(value.span(), Problem::WrongType { key: "run".into(), expected, found });
        return None;
    };
    let mut arguments: Vec<Argument> = Vec::new();
    for item in items.iter() {
        let argument = match item.get_ref() {
            DeValue::Array(parts) => {
                let parts: Vec<_> =
                    parts.iter().map(|part| template(errors, "run", part, parameters)).collect();
                parts.into_iter().collect::<Option<Vec<_>>>().map(Argument::group)
            }
            _ => template(errors, "run", item, parameters).map(Argument::one),
        };
        let Some(argument) = argument else { continue };
        let flag = arguments.last().and_then(Argument::alone).and_then(Template::as_literal);
        let flag = flag.filter(|text| text.starts_with('-') && !text.contains('='));
        let name = argument.alone().and_then(|template| template.conditional(parameters.unwrap_or_default()));
        if let (Some(flag), Some(name)) = (flag, name) {
            let reason = format!(
                "`{name}` is not always there, and \"{flag}\" before it would stay: write [\"{flag}\", \"{{{name}}}\"], which is \
                 left out as a whole"
            );
            errors.push(item.span(), Problem::Invalid { reason });
        }
        arguments.push(argument);
    }
    if parameters.is_none() || arguments.len() < items.len() {
        return None; // said already
    }
    let program = arguments.first().and_then(Argument::alone).and_then(Template::as_literal);
    match program.filter(|program| !program.trim().is_empty()).map(str::to_owned) {
        Some(program) => Some((program, arguments.split_off(1))),
        None => {
            let span = items.first().map_or(value.span(), Spanned::span);
            let reason = "`run` begins with the program, which is the same in every trial".into();
            errors.push(span, Problem::Invalid { reason });
            None
        }
    }
}

fn read_environment(
    errors: &mut Errors,
    command: &DeTable<'_>,
    parameters: Option<&[ParameterSpec]>,
) -> Vec<(String, Template)> {
    let Some((environment, _)) = table(errors, command, "environment") else { return vec![] };
    let mut list = Vec::new();
    for (name, span, value) in in_order(environment) {
        if name.is_empty() || name.contains(['=', '\0']) {
            let reason = format!("\"{name}\" cannot be the name of an environment variable");
            errors.push(span, Problem::Invalid { reason });
            continue;
        }
        list.extend(template(errors, name, value, parameters).map(|template| (name.to_owned(), template)));
    }
    list
}

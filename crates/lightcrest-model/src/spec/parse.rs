//! From the text of a spec to a [`Spec`]. Reads everything, collects every error.

use std::ops::Range;

use lightcrest::space::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Errors, Problem, SpecErrors};
use super::setting::{Setting, describe, in_order, scalar, setting};
use super::study::{Named, StudySections, count, time};
use super::tree::{Alternative, Choice, Entry, Group, Stage, deserialize};
use super::vocabulary::*;
use super::{Architecture, Refit, Spec, Training, fingerprint, objective, space};
use crate::data::DataConfig;

/// Parameter names that stages may not take.
const RESERVED: &[&str] = &["head", "optimizer", "schedule", "loss", "augmentation"];

/// A table that is there, with its key's place.
pub(super) type Table<'a, 'i> = (&'a DeTable<'i>, Range<usize>);

pub(super) fn parse(text: &str, path: &str) -> Result<Spec, SpecErrors> {
    read(text, path, document_to_spec)
}

/// Reads a spec of any kind from its text.
pub(super) fn read<T>(
    text: &str,
    path: &str,
    build: impl FnOnce(&mut Errors, &DeTable<'_>) -> Option<T>,
) -> Result<T, SpecErrors> {
    let mut errors = Errors::default();
    let (document, syntax) = DeTable::parse_recoverable(text);
    for error in syntax {
        let span = error.span().unwrap_or(0..0);
        errors.push(span, Problem::Syntax { message: error.message().trim().replace('\n', "; ") });
    }
    if !errors.list.is_empty() {
        return Err(SpecErrors::new(path, text, errors.list));
    }
    let spec = build(&mut errors, document.get_ref());
    match spec {
        Some(spec) if errors.list.is_empty() => Ok(spec),
        _ => Err(SpecErrors::new(path, text, errors.list)),
    }
}

/// A table of a spec file, and what it holds if it must be there.
pub(super) type SectionName = (&'static str, Option<&'static str>);

/// Every table of the file.
pub(super) const SECTIONS: &[SectionName] = &[
    ("study", Some(STUDY.doc)),
    ("objectives", None),
    ("constraints", None),
    ("data", Some(DATA.doc)),
    ("training", Some(TRAINING.doc)),
    ("architecture", Some(ARCHITECTURE.doc)),
    ("budget", None),
    ("sampler", None),
    ("pruner", None),
    ("terminator", None),
    ("workers", None),
    ("refit", None),
];

/// Reports tables that the file should not have, and those that it lacks.
pub(super) fn check_sections(errors: &mut Errors, document: &DeTable<'_>, sections: &[SectionName]) {
    let names: Vec<String> = sections.iter().map(|(name, _)| name.to_string()).collect();
    for (key, span, _) in in_order(document) {
        if !names.iter().any(|name| name == key) {
            let problem =
                Problem::UnknownKey { key: key.into(), section: "the file".into(), known: names.clone() };
            errors.push(span, problem);
        }
    }
    for (name, doc) in sections {
        if let (Some(doc), false) = (doc, document.contains_key(*name)) {
            let (key, doc) = (format!("[{name}]"), (*doc).into());
            errors.push(0..0, Problem::Missing { key, section: "the file".into(), doc });
        }
    }
}

fn document_to_spec(errors: &mut Errors, document: &DeTable<'_>) -> Option<Spec> {
    check_sections(errors, document, SECTIONS);
    let empty = DeTable::new();
    let there = |name: &str| document.contains_key(name);
    let mut table = |name: &str| table(errors, document, name).unwrap_or((&empty, 0..0));
    let (data, training, architecture) = (table("data"), table("training"), table("architecture"));
    let refit = table("refit");

    let study = StudySections::read(errors, document, PRUNERS);
    let data = group(errors, &DATA, data, "[data]", "", &[]);
    let training = read_training(errors, training);
    let architecture = read_architecture(errors, architecture, there("architecture"));
    let refit = there("refit").then(|| read_refit(errors, refit));
    let objectives = objective::objectives(errors, document);
    let constraints = objective::constraints(errors, document);
    let space = space::space(errors, &training, &architecture);
    if !errors.list.is_empty() {
        return None;
    }
    let data_config: DataConfig = match deserialize("[data]", fixed_values(&data)) {
        Ok(config) => config,
        Err(error) => {
            errors.push(0..0, Problem::Invalid { reason: error.to_string() });
            return None;
        }
    };
    let infos = objectives.iter().map(|objective| objective.info.clone()).collect();
    Some(Spec {
        study: study.finish(infos, space?, fingerprint::both(document))?,
        objectives,
        constraints,
        data: data_config,
        data_group: data,
        training,
        architecture,
        refit_augmentation: refit.as_ref().map(|(_, augmentation)| augmentation.clone()).unwrap_or_default(),
        refit: refit.map(|(group, _)| Refit {
            epochs: count(&group, "epochs").unwrap_or(1),
            validation_too: fixed(&group, "images").is_some_and(|v| v.as_str() == Some("train+validation")),
            time: time(&group, "time"),
            models: count(&group, "models"),
        }),
    })
}

/// The value of a key that is set and does not vary.
pub(super) fn fixed(group: &Group, key: &str) -> Option<Value> {
    match &group.entry(key)?.setting {
        Setting::Fixed(value) => Some(value.clone()),
        Setting::Vary(_) => None,
    }
}

fn fixed_values(group: &Group) -> Vec<(&'static str, Value)> {
    let value = |entry: &Entry| match &entry.setting {
        Setting::Fixed(value) => Some((entry.key.name, value.clone())),
        Setting::Vary(_) => None,
    };
    group.entries.iter().filter_map(value).collect()
}

/// The sub-table `name`; an error when it is something else.
pub(super) fn table<'a, 'i>(
    errors: &mut Errors,
    parent: &'a DeTable<'i>,
    name: &str,
) -> Option<Table<'a, 'i>> {
    let (_, span, value) = in_order(parent).into_iter().find(|(key, _, _)| *key == name)?;
    as_table(errors, name, span, value)
}

pub(super) fn as_table<'a, 'i>(
    errors: &mut Errors,
    name: &str,
    span: Range<usize>,
    value: &'a Spanned<DeValue<'i>>,
) -> Option<Table<'a, 'i>> {
    match value.get_ref() {
        DeValue::Table(table) => Some((table, span)),
        found => {
            let expected = "a table".into();
            let problem = Problem::WrongType { key: name.into(), expected, found: describe(found) };
            errors.push(value.span(), problem);
            None
        }
    }
}

/// Reads the plain keys of a table. `tables` are its sub-tables, which the caller reads.
pub(super) fn group(
    errors: &mut Errors,
    section: &'static Section,
    (table, place): Table<'_, '_>,
    title: &str,
    prefix: &str,
    tables: &[&str],
) -> Group {
    let group = partial(errors, section, table, title, prefix, tables);
    lacking(errors, section, table, &place, title, &[]);
    check_times(errors, &group, title);
    group
}

/// The entries without the check that every required key is there.
fn partial(
    errors: &mut Errors,
    section: &'static Section,
    table: &DeTable<'_>,
    title: &str,
    prefix: &str,
    tables: &[&str],
) -> Group {
    let mut entries = Vec::new();
    for (name, span, value) in in_order(table) {
        if tables.contains(&name) {
            continue;
        }
        let Some(key) = section.key(name) else {
            let known = section.keys.iter().map(|key| key.name).chain(tables.iter().copied());
            let known = known.map(str::to_owned).collect();
            errors.push(span, Problem::UnknownKey { key: name.into(), section: title.into(), known });
            continue;
        };
        if let Some(setting) = setting(errors, key, value) {
            if let (Setting::Vary(vary), true) = (&setting, key.is_required())
                && let Some((_, span)) = vary.when.first()
            {
                let reason = "a key that must have a value cannot be conditional".into();
                errors.push(span.clone(), Problem::BadDomain { key: name.into(), reason });
            }
            let parameter = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            entries.push(Entry { key, parameter, setting, span, shared: false });
        }
    }
    Group { entries }
}

/// Reports required keys that neither the table nor `elsewhere` has.
fn lacking(
    errors: &mut Errors,
    section: &Section,
    table: &DeTable<'_>,
    place: &Range<usize>,
    title: &str,
    elsewhere: &[&str],
) {
    if *place == (0..0) {
        return; // the whole table is missing, which was said already
    }
    for key in section.keys.iter().filter(|key| key.is_required()) {
        if !table.contains_key(key.name) && !elsewhere.contains(&key.name) {
            let doc = format!("{} ({})", key.doc, key.kind);
            errors.push(place.clone(), Problem::Missing { key: key.name.into(), section: title.into(), doc });
        }
    }
}

/// `times` must name another number of the same table that is always there.
fn check_times(errors: &mut Errors, group: &Group, title: &str) {
    for entry in &group.entries {
        let Setting::Vary(vary) = &entry.setting else { continue };
        let Some((other, span)) = &vary.times else { continue };
        let bad = |reason: String| Problem::BadDomain { key: entry.key.name.into(), reason };
        match group.entry(other) {
            _ if other == entry.key.name => {
                errors.push(span.clone(), bad("`times` names the key itself".into()))
            }
            None => {
                let known = group.entries.iter().map(|entry| entry.key.name.to_owned()).collect();
                errors.push(
                    span.clone(),
                    Problem::UnknownKey { key: other.clone(), section: title.into(), known },
                );
            }
            Some(found) => match &found.setting {
                Setting::Fixed(value) if value.as_f64().is_none() => {
                    errors.push(span.clone(), bad(format!("`{other}` is not a number")));
                }
                Setting::Vary(base) if base.times.is_some() || !base.when.is_empty() => {
                    errors
                        .push(span.clone(), bad(format!("`{other}` must not itself use `times` or `when`")));
                }
                Setting::Vary(_) if !matches!(found.key.kind, Kind::Int { .. } | Kind::Float(_)) => {
                    errors.push(span.clone(), bad(format!("`{other}` is not a number")));
                }
                _ => {}
            },
        }
    }
}

/// Reads the tables of which a configuration uses one.
fn choice(
    errors: &mut Errors,
    parent: &DeTable<'_>,
    name: &str,
    sections: &'static [Section],
    parameter: &str,
    title: &str,
    shared: &Group,
) -> Choice {
    let mut choice = Choice { parameter: parameter.into(), alternatives: vec![], span: 0..0 };
    let Some((outer, place)) = table(errors, parent, name) else { return choice };
    choice.span = place;
    for (word, span, value) in in_order(outer) {
        let Some(section) = sections.iter().find(|section| section.name == word) else {
            let known = sections.iter().map(|section| section.name.to_owned()).collect();
            errors.push(span, Problem::UnknownKey { key: word.into(), section: format!("[{title}]"), known });
            continue;
        };
        let Some((inner, place)) = as_table(errors, word, span.clone(), value) else { continue };
        let inner_title = format!("[{title}.{word}]");
        let prefix = if parameter.ends_with(".module") {
            format!("{}.{word}", parameter.trim_end_matches(".module"))
        } else {
            format!("{parameter}.{word}")
        };
        let mut group = partial(errors, section, inner, &inner_title, &prefix, &[]);
        for entry in &shared.entries {
            // The shared entry was read with the first module's key; take this module's own.
            let own = section.key(entry.key.name).filter(|_| group.entry(entry.key.name).is_none());
            group.entries.extend(own.map(|key| Entry { key, shared: true, ..entry.clone() }));
        }
        let elsewhere: Vec<&str> = shared.entries.iter().map(|entry| entry.key.name).collect();
        lacking(errors, section, inner, &place, &inner_title, &elsewhere);
        check_times(errors, &group, &inner_title);
        choice.alternatives.push(Alternative { section, group });
    }
    choice
}

fn read_training(errors: &mut Errors, (table, place): Table<'_, '_>) -> Training {
    let tables = ["optimizer", "schedule", "loss", "augmentation"];
    let none = Group::default();
    let group = group(errors, &TRAINING, (table, place), "[training]", "", &tables);
    let mut one =
        |name, sections| choice(errors, table, name, sections, name, &format!("training.{name}"), &none);
    let (optimizer, schedule, loss) =
        (one("optimizer", OPTIMIZERS), one("schedule", SCHEDULES), one("loss", LOSSES));
    let augmentation = self::table(errors, table, "augmentation").map_or_else(Group::default, |table| {
        self::group(errors, &AUGMENTATION, table, "[training.augmentation]", "augmentation", &[])
    });
    Training { group, optimizer, schedule, loss, augmentation }
}

/// The plain keys and the augmentation.
fn read_refit(errors: &mut Errors, (table, place): Table<'_, '_>) -> (Group, Group) {
    let own = group(errors, &REFIT, (table, place), "[refit]", "", &["augmentation"]);
    let augmentation = self::table(errors, table, "augmentation").map_or_else(Group::default, |table| {
        group(errors, &REFIT_AUGMENTATION, table, "[refit.augmentation]", "", &[])
    });
    (own, augmentation)
}

fn read_architecture(errors: &mut Errors, (table, place): Table<'_, '_>, there: bool) -> Architecture {
    let group =
        group(errors, &ARCHITECTURE, (table, place.clone()), "[architecture]", "", &["stages", "head"]);
    let head = self::table(errors, table, "head").map_or_else(Group::default, |table| {
        self::group(errors, &HEAD, table, "[architecture.head]", "head", &[])
    });
    let mut stages = Vec::new();
    match table.get("stages").map(|value| (value.span(), value.get_ref())) {
        Some((_, DeValue::Array(items))) if !items.is_empty() => {
            for item in items.iter() {
                if let Some(stage) = stage(errors, item, &stages) {
                    stages.push(stage);
                }
            }
        }
        Some((span, found)) => {
            let expected = "one or more tables [[architecture.stages]]".into();
            let problem = Problem::WrongType { key: "stages".into(), expected, found: describe(found) };
            errors.push(span, problem);
        }
        None if there => {
            let doc = "the stages of the network, each a table [[architecture.stages]]".into();
            errors.push(
                place,
                Problem::Missing { key: "stages".into(), section: "[architecture]".into(), doc },
            );
        }
        None => {}
    }
    Architecture { group, stages, head }
}

fn stage(errors: &mut Errors, item: &Spanned<DeValue<'_>>, earlier: &[Stage]) -> Option<Stage> {
    let (table, place) = as_table(errors, "stages", item.span(), item)?;
    // `[[architecture.stages]]` is the span of the table's header.
    let place = place.start..place.end.min(place.start + "[[architecture.stages]]".len());
    let title = "[[architecture.stages]]";
    let name = match table.get("name") {
        Some(value) => scalar(errors, STAGE.key("name")?, value)?.as_str()?.to_owned(),
        None => {
            let doc = STAGE.key("name")?.doc.into();
            errors.push(place, Problem::Missing { key: "name".into(), section: title.into(), doc });
            return None;
        }
    };
    let name_span = table.get("name").map_or(place.clone(), Spanned::span);
    let invalid = |reason: String| Problem::Invalid { reason };
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        let reason = format!("the stage name \"{name}\" must consist of letters, digits, `_` and `-`");
        errors.push(name_span, invalid(reason));
        return None;
    } else if earlier.iter().any(|stage| stage.name == name) {
        errors.push(name_span, invalid(format!("two stages are named \"{name}\"; names must differ")));
        return None;
    } else if RESERVED.contains(&name.as_str()) {
        errors.push(name_span, invalid(format!("the name \"{name}\" is taken by another part of the spec")));
        return None;
    }
    // The keys of the modules that the stage lists may stand at the stage itself.
    let listed: Vec<&'static Section> = match table.get("modules").map(|value| value.get_ref()) {
        Some(DeValue::Table(modules)) => {
            MODULES.iter().filter(|module| modules.contains_key(module.name)).collect()
        }
        _ => vec![],
    };
    let title_of_stage = format!("[[architecture.stages]] \"{name}\"");
    let (mut own, mut shared) = (Group::default(), Group::default());
    for (key_name, span, value) in in_order(table) {
        if matches!(key_name, "name" | "modules") {
            continue;
        }
        let of_modules = || listed.iter().find_map(|module| module.key(key_name));
        let (key, group) = match STAGE.key(key_name) {
            Some(key) => (key, &mut own),
            None => match of_modules() {
                Some(key) => (key, &mut shared),
                None => {
                    let keys = STAGE.keys.iter().chain(listed.iter().flat_map(|module| module.keys));
                    let mut known: Vec<String> = keys.map(|key| key.name.to_owned()).collect();
                    known.push("modules".into());
                    known.sort();
                    known.dedup();
                    let section = title_of_stage.clone();
                    errors.push(span, Problem::UnknownKey { key: key_name.into(), section, known });
                    continue;
                }
            },
        };
        if let Some(setting) = setting(errors, key, value) {
            let parameter = format!("{name}.{key_name}");
            group.entries.push(Entry { key, parameter, setting, span, shared: false });
        }
    }
    if !table.contains_key("modules") {
        let doc = "the modules to choose from, each a table [architecture.stages.modules.NAME]".into();
        errors.push(place, Problem::Missing { key: "modules".into(), section: title_of_stage, doc });
        return None;
    }
    let parameter = format!("{name}.module");
    let modules =
        choice(errors, table, "modules", MODULES, &parameter, "architecture.stages.modules", &shared);
    if let (Some(stride), false) = (own.entry("stride"), listed.iter().any(|module| strides(module.name)))
        && !listed.is_empty()
        && stride.setting != Setting::Fixed(Value::Int(1))
    {
        let names: Vec<&str> = listed.iter().map(|module| module.name).collect();
        let reason = format!("`stride` means nothing to {}; put a MaxPool stage before it", names.join(", "));
        errors.push(stride.span.clone(), invalid(reason));
    }
    (!modules.alternatives.is_empty()).then_some(Stage { name, own, shared, modules })
}

/// Reads a table whose `name` chooses which other keys it has.
pub(super) fn named(
    errors: &mut Errors,
    sections: &'static [Section],
    default: &str,
    (table, _): Table<'_, '_>,
    title: &str,
) -> Option<Named> {
    let known = || sections.iter().map(|section| section.name.to_owned()).collect::<Vec<_>>();
    let name = match table.get("name").map(|value| (value.span(), value.get_ref())) {
        None => default.to_owned(),
        Some((_, DeValue::String(name))) => name.to_string(),
        Some((span, found)) => {
            let expected = format!("one of {}", known().join(", "));
            errors.push(span, Problem::WrongType { key: "name".into(), expected, found: describe(found) });
            return None;
        }
    };
    let Some(section) = sections.iter().find(|section| section.name == name) else {
        let span = table.get("name").map_or(0..0, Spanned::span);
        errors.push(span, Problem::UnknownWord { key: "name".into(), value: name, known: known() });
        return None;
    };
    let group = partial(errors, section, table, &format!("{title} of \"{name}\""), "", &["name"]);
    Some(Named { name: section.name, values: fixed_values(&group) })
}

//! Reading the tables of a spec file by a vocabulary. Reads everything, collects every error.

use std::ops::Range;

use lightcrest::space::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Errors, Problem, SpecErrors};
use crate::setting::{Setting, describe, in_order, setting};
use crate::study::Named;
use crate::tree::{Alternative, Choice, Entry, Group};
use crate::vocabulary::{Kind, Section};

/// A table that is there, with its key's place.
pub type Table<'a, 'i> = (&'a DeTable<'i>, Range<usize>);

/// Names of the tables and keys at the top of a file, which tell one kind of spec from another; `None` where
/// the text is no TOML.
pub fn tables(text: &str) -> Option<Vec<String>> {
    let document = DeTable::parse(text).ok()?;
    Some(document.get_ref().keys().map(|key| key.get_ref().to_string()).collect())
}

/// What `[study]` says of where the study lives, whatever else is in the text.
pub fn storage(text: &str) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let DeValue::Table(study) = document.get_ref().get("study")?.get_ref() else { return None };
    Some(study.get("storage")?.get_ref().as_str()?.to_owned())
}

/// Reads a spec of any kind from its text.
///
/// # Errors
/// [`SpecErrors`] holds everything that is wrong.
pub fn read<T>(
    text: &str,
    path: &str,
    build: impl FnOnce(&mut Errors, &DeTable<'_>) -> Option<T>,
) -> Result<T, SpecErrors> {
    let mut errors = Errors::default();
    let (document, syntax) = DeTable::parse_recoverable(text);
    // What is too deep is not read to its end, which looks like more errors.
    let deep = syntax.iter().find(|error| error.message().contains("recurs"));
    if let Some(deep) = deep {
        let message = "arrays and tables lie too many levels inside of each other".to_owned();
        errors.push(deep.span().unwrap_or(0..0), Problem::Syntax { message });
    } else {
        for error in syntax {
            let span = error.span().unwrap_or(0..0);
            errors.push(span, Problem::Syntax { message: error.message().trim().replace('\n', "; ") });
        }
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
pub type SectionName = (&'static str, Option<&'static str>);

/// Reports tables that the file should not have, and those that it lacks.
pub fn check_sections(errors: &mut Errors, document: &DeTable<'_>, sections: &[SectionName]) {
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

/// The value of a key that is set and does not vary.
pub fn fixed(group: &Group, key: &str) -> Option<Value> {
    match &group.entry(key)?.setting {
        Setting::Fixed(value) => Some(value.clone()),
        Setting::Vary(_) => None,
    }
}

/// Keys and values of all that do not vary.
pub fn fixed_values(group: &Group) -> Vec<(&'static str, Value)> {
    let value = |entry: &Entry| match &entry.setting {
        Setting::Fixed(value) => Some((entry.key.name, value.clone())),
        Setting::Vary(_) => None,
    };
    group.entries.iter().filter_map(value).collect()
}

/// The sub-table `name`; an error when it is something else.
pub fn table<'a, 'i>(errors: &mut Errors, parent: &'a DeTable<'i>, name: &str) -> Option<Table<'a, 'i>> {
    let (_, span, value) = in_order(parent).into_iter().find(|(key, _, _)| *key == name)?;
    as_table(errors, name, span, value)
}

/// A value that must be a table; an error when it is something else.
pub fn as_table<'a, 'i>(
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

/// The items of `[[NAME]]`; none when the key is absent.
pub fn items<'a, 'i>(
    errors: &mut Errors,
    document: &'a DeTable<'i>,
    name: &str,
) -> Vec<(&'a DeTable<'i>, Range<usize>)> {
    let Some(value) = document.get(name) else { return vec![] };
    let DeValue::Array(list) = value.get_ref() else {
        let expected = format!("a list of tables [[{name}]]");
        let found = describe(value.get_ref());
        errors.push(value.span(), Problem::WrongType { key: name.into(), expected, found });
        return vec![];
    };
    let header = name.len() + 4;
    list.iter()
        .filter_map(|item| {
            let (table, span) = as_table(errors, name, item.span(), item)?;
            Some((table, span.start..span.end.min(span.start + header)))
        })
        .collect()
}

/// A word or text that is set.
pub fn text<'a>(group: &'a Group, key: &str) -> Option<&'a str> {
    match &group.entry(key)?.setting {
        Setting::Fixed(value) => value.as_str(),
        Setting::Vary(_) => None,
    }
}

/// A number that is set.
pub fn real(group: &Group, key: &str) -> Option<f64> {
    match &group.entry(key)?.setting {
        Setting::Fixed(value) => value.as_f64(),
        Setting::Vary(_) => None,
    }
}

/// Reads the plain keys of a table. `tables` are its sub-tables, which the caller reads.
pub fn group(
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

/// Reads the tables of which a configuration uses one: those of `sections` that stand below the key `name` of
/// `parent`.
///
/// The parameter that chooses is called `parameter`, and the parameters below an alternative
/// `PREFIX.WORD.KEY`. Keys of `shared` hold for every alternative that has them and does not set them itself.
pub fn choice(
    errors: &mut Errors,
    parent: &DeTable<'_>,
    name: &str,
    sections: &'static [Section],
    parameter: &str,
    prefix: &str,
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
        let mut group = partial(errors, section, inner, &inner_title, &format!("{prefix}.{word}"), &[]);
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

/// Reads a table whose `name` chooses which other keys it has.
pub fn named(
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

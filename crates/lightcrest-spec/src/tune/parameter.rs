//! `[parameters]`: names that the file makes up, with values, choices, ranges, or tables of which one is
//! chosen.

use std::ops::Range;

use lightcrest::space::{Condition, Configuration, Domain, Parameter, Space, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::template::BUILTINS;
use crate::diagnostic::{Errors, Problem};
use crate::setting::{Setting, Vary, describe, in_order, setting};
use crate::space::{Found, build};
use crate::vocabulary::{Key, Kind, NUMBER, WHOLE};

/// Keys that make a table a domain; a table of tables is a choice.
const DOMAIN: &[&str] = &["low", "high", "step", "log", "choices", "ordered", "when", "times"];

/// One parameter of a command.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ParameterSpec {
    /// The name that the command knows.
    pub(super) name: String,
    /// Names and chosen words in turn: `optimizer`, `sgd`, `momentum`.
    path: Vec<String>,
    setting: Setting,
    span: Range<usize>,
    /// The choice that it stands under, when there is a choice.
    under: Option<Condition>,
}

impl ParameterSpec {
    /// The name in the space: `optimizer.sgd.momentum`.
    pub(super) fn full_name(&self) -> String {
        self.path.join(".")
    }

    /// Whether a `when` was written for it.
    fn has_condition(&self) -> bool {
        matches!(&self.setting, Setting::Vary(vary) if !vary.when.is_empty())
    }

    /// The value under a configuration; none where it is inactive.
    pub(super) fn value(&self, configuration: &Configuration) -> Option<Value> {
        match &self.setting {
            Setting::Vary(_) => configuration.get(&self.full_name()).cloned(),
            Setting::Fixed(value) => {
                let holds = |condition: &Condition| {
                    configuration.get(&condition.parent).is_some_and(|value| condition.values.contains(value))
                };
                self.under.as_ref().is_none_or(holds).then(|| value.clone())
            }
        }
    }

    /// Whether no configuration has both: they stand under different alternatives of the same choice.
    fn excludes(&self, other: &Self) -> bool {
        let differ = self.path.iter().zip(&other.path).position(|(a, b)| a != b);
        differ.is_some_and(|position| position % 2 == 1)
    }
}

/// Whether in every configuration one of these is there: a parameter without conditions, or one below each
/// alternative of a choice.
pub(super) fn always_there(all: &[ParameterSpec], some: &[usize]) -> bool {
    let some: Vec<&ParameterSpec> = some.iter().map(|place| &all[*place]).collect();
    if some.iter().any(|parameter| parameter.under.is_none() && !parameter.has_condition()) {
        return true;
    }
    let below = |condition: &Condition| {
        let chooser = all.iter().find(|p| p.full_name() == condition.parent && p.under.is_none());
        let Some(Setting::Vary(Vary { domain: Domain::Categorical { choices, .. }, .. })) =
            chooser.map(|chooser| &chooser.setting)
        else {
            return false;
        };
        choices.iter().all(|choice| {
            let there = |under: &Condition| under.parent == condition.parent && under.values.contains(choice);
            some.iter().any(|p| !p.has_condition() && p.under.as_ref().is_some_and(there))
        })
    };
    some.first().and_then(|parameter| parameter.under.as_ref()).is_some_and(below)
}

/// Reads `[parameters]`.
pub(super) fn parameters(errors: &mut Errors, table: &DeTable<'_>) -> Vec<ParameterSpec> {
    let mut list = Vec::new();
    read(errors, table, &[], None, &mut list);
    name(&mut list);
    list
}

/// The space of what varies; `None` when there was an error.
pub(super) fn space(errors: &mut Errors, parameters: &[ParameterSpec]) -> Option<Space> {
    let found = parameters.iter().filter_map(|parameter| {
        let Setting::Vary(vary) = &parameter.setting else { return None };
        let mut found = Parameter::new(parameter.full_name(), vary.domain.clone());
        found.when = parameter.under.iter().cloned().collect();
        Some(Found { parameter: found, span: parameter.span.clone(), written: vary.when.clone() })
    });
    build(errors, found.collect())
}

/// Gives each parameter the last part of its name, where that is enough to tell it from those that can be
/// there with it.
fn name(list: &mut [ParameterSpec]) {
    let last = |parameter: &ParameterSpec| parameter.path.last().cloned().unwrap_or_default();
    let names: Vec<String> = (0..list.len())
        .map(|i| {
            let alike: Vec<&ParameterSpec> =
                list.iter().filter(|p| p.path.last() == list[i].path.last()).collect();
            let apart = |a: &ParameterSpec| alike.iter().all(|b| std::ptr::eq(a, *b) || a.excludes(b));
            if alike.iter().all(|a| apart(a)) { last(&list[i]) } else { list[i].full_name() }
        })
        .collect();
    list.iter_mut().zip(names).for_each(|(parameter, name)| parameter.name = name);
}

fn read(
    errors: &mut Errors,
    table: &DeTable<'_>,
    path: &[String],
    under: Option<&Condition>,
    list: &mut Vec<ParameterSpec>,
) {
    for (name, span, value) in in_order(table) {
        if !check_name(errors, name, span.clone()) {
            continue;
        }
        let path: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
        let parameter = |setting| ParameterSpec {
            name: String::new(),
            path: path.clone(),
            setting,
            span: span.clone(),
            under: under.cloned(),
        };
        match value.get_ref() {
            DeValue::Table(alternatives) if is_choice(alternatives) => {
                choice(errors, alternatives, &path, list, parameter);
            }
            _ => list.extend(domain(errors, name, value).map(parameter)),
        }
    }
}

/// A table of tables: each is an alternative with its own parameters.
fn choice(
    errors: &mut Errors,
    alternatives: &DeTable<'_>,
    path: &[String],
    list: &mut Vec<ParameterSpec>,
    parameter: impl Fn(Setting) -> ParameterSpec,
) {
    let alternatives = in_order(alternatives);
    let words: Vec<Value> = alternatives.iter().map(|(word, _, _)| Value::from(*word)).collect();
    let single = words.len() == 1;
    list.push(parameter(match single {
        true => Setting::Fixed(words[0].clone()),
        false => {
            let domain = Domain::Categorical { choices: words.into(), ordered: false };
            Setting::Vary(Vary { domain, when: vec![], times: None })
        }
    }));
    let chooser = list.last().expect("it was added above").clone();
    for (word, _, value) in alternatives {
        let DeValue::Table(inner) = value.get_ref() else { continue };
        let own = Condition::new(chooser.full_name(), [word]);
        // Where there is nothing to choose, what stands below depends on what the choice itself stands under.
        let under = if single { chooser.under.clone() } else { Some(own) };
        let path: Vec<String> = path.iter().cloned().chain([word.to_owned()]).collect();
        read(errors, inner, &path, under.as_ref(), list);
    }
}

fn is_choice(table: &DeTable<'_>) -> bool {
    !table.is_empty()
        && table.iter().all(|(_, value)| matches!(value.get_ref(), DeValue::Table(_)))
        && !table.iter().any(|(key, _)| DOMAIN.contains(&key.get_ref().as_ref()))
}

fn check_name(errors: &mut Errors, name: &str, span: Range<usize>) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let reason = if name.is_empty() || !name.chars().all(fits) {
        format!("the name \"{name}\" of a parameter must consist of letters, digits, `_` and `-`")
    } else if BUILTINS.iter().any(|(word, _)| *word == name) {
        format!("a parameter cannot be named `{name}`: in a command, `{{{name}}}` is something else")
    } else {
        return true;
    };
    errors.push(span, Problem::Invalid { reason });
    false
}

/// A value, a list or a range. Its kind is that of the values that are written.
fn domain(errors: &mut Errors, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Setting> {
    let kind = match value.get_ref() {
        DeValue::Array(items) => kind_of(items.iter().map(Spanned::get_ref)),
        DeValue::Table(table) => match table.get("choices").map(Spanned::get_ref) {
            Some(DeValue::Array(items)) => kind_of(items.iter().map(Spanned::get_ref)),
            _ => kind_of(
                ["low", "high", "step"].iter().filter_map(|key| table.get(*key)).map(Spanned::get_ref),
            ),
        },
        scalar => kind_of([scalar].into_iter()),
    };
    let bad = |reason: &str| Problem::BadDomain { key: name.into(), reason: reason.into() };
    match value.get_ref() {
        DeValue::Datetime(_) => {
            let expected = "a value, a list of choices, a range, or one table for each choice".into();
            let found = describe(value.get_ref());
            errors.push(value.span(), Problem::WrongType { key: name.into(), expected, found });
            return None;
        }
        DeValue::Table(table) if table.is_empty() => {
            errors.push(
                value.span(),
                bad("a range needs `low` and `high`, a choice one table for each alternative"),
            );
            return None;
        }
        DeValue::Table(table) => {
            if let Some(times) = table.get("times") {
                errors.push(times.span(), bad("`times` is for networks only; let the command multiply"));
                return None;
            }
        }
        _ => {}
    }
    // A word may be searched like a number; an empty list has no kind, and is refused whatever it is.
    setting(errors, &Key::optional(name, kind.unwrap_or(NUMBER), "").searchable(), value)
}

/// The kind of values that stand together: numbers are whole when all of them are written so.
fn kind_of<'a, 'i: 'a>(values: impl Iterator<Item = &'a DeValue<'i>>) -> Option<Kind> {
    let mut kind = None;
    for value in values {
        let own = match value {
            DeValue::Integer(_) => WHOLE,
            DeValue::Float(_) => NUMBER,
            DeValue::Boolean(_) => Kind::Bool,
            DeValue::String(_) => Kind::Text,
            _ => continue,
        };
        kind = match (kind, own) {
            (None, own) => Some(own),
            (Some(Kind::Int { .. }), Kind::Float(_)) => Some(NUMBER),
            (earlier, _) => earlier,
        };
    }
    kind
}

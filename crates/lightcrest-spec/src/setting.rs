//! One value of a spec: fixed, or a domain to search.
//!
//! | written | means |
//! |---|---|
//! | `3`, `"adam"`, `true` | fixed |
//! | `[16, 32, 64]`, `["sgd", "adam"]` | one of these; numbers are ordered |
//! | `{ low = 1, high = 5 }` with `step`, `log` | a range |
//! | `{ choices = [3, 5], ordered = false }` | one of these, in an order that means something or not |
//! | ... with `when = { optimizer = "sgd" }` | the same, where another has that value (or one of a list) |
//! | ... with `times = "squeeze"` | a multiple of another key of the same table |

use std::ops::Range;

use lightcrest::space::{Choices, Condition, Domain, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Errors, Problem};
use crate::vocabulary::{Key, Kind};

/// What a key is set to.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// One value.
    Fixed(Value),
    /// A parameter of the space.
    Vary(Vary),
}

/// A searched value.
#[derive(Debug, Clone, PartialEq)]
pub struct Vary {
    /// What it may be.
    pub domain: Domain,
    /// Explicit conditions, with where they were written.
    pub when: Vec<(Condition, Range<usize>)>,
    /// The parameter is a ratio; the value is the ratio times this key of the same table.
    pub times: Option<(String, Range<usize>)>,
}

/// Keys of a table in the order of the file.
pub fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a str, Range<usize>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
    entries.sort_by_key(|(_, span, _)| span.start);
    entries
}

/// A value with its type, for messages.
pub fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string \"{text}\""),
        DeValue::Integer(number) => format!("the whole number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(value) => format!("the date {value}"),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

/// A number as f64, whole or not.
pub fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
        DeValue::Float(n) => n.as_str().parse().ok(),
        _ => None,
    }
}

fn whole(value: &DeValue<'_>) -> Option<i64> {
    match value {
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok(),
        _ => None,
    }
}

/// Reads a scalar of the key's kind.
pub fn scalar(errors: &mut Errors, key: &Key, value: &Spanned<DeValue<'_>>) -> Option<Value> {
    let span = value.span();
    let name = || key.name.to_owned();
    let out_of_range =
        |value: String| Problem::OutOfRange { key: name(), value, expected: key.kind.to_string() };
    let problem = match (&key.kind, value.get_ref()) {
        (Kind::Bool, DeValue::Boolean(flag)) => return Some(Value::Bool(*flag)),
        (Kind::Int { low, high }, found @ DeValue::Integer(text)) => match whole(found) {
            Some(n) if (*low..=*high).contains(&n) => return Some(Value::Int(n)),
            _ => out_of_range(text.to_string()),
        },
        (Kind::Float(interval), found @ (DeValue::Integer(_) | DeValue::Float(_))) => match number(found) {
            Some(x) if x.is_finite() && interval.contains(x) => return Some(Value::Float(x)),
            Some(x) => out_of_range(x.to_string()),
            None => out_of_range(describe(found)),
        },
        (Kind::Word(words), DeValue::String(word)) => {
            if words.contains(&word.as_ref()) {
                return Some(Value::Str(word.to_string()));
            }
            let known = words.iter().map(|word| word.to_string()).collect();
            Problem::UnknownWord { key: name(), value: word.to_string(), known }
        }
        (Kind::Text, DeValue::String(text)) if !text.trim().is_empty() => {
            return Some(Value::Str(text.to_string()));
        }
        (Kind::Text, DeValue::String(_)) => {
            Problem::Invalid { reason: format!("`{}` must not be empty", key.name) }
        }
        (Kind::Duration, DeValue::String(text)) => match seconds(text) {
            Some(seconds) => return Some(Value::Float(seconds)),
            None => out_of_range(format!("\"{text}\"")),
        },
        (Kind::Bytes, DeValue::String(text)) => match bytes(text) {
            Some(bytes) => return Some(Value::Int(bytes)),
            None => out_of_range(format!("\"{text}\"")),
        },
        (kind, found) => {
            Problem::WrongType { key: name(), expected: kind.to_string(), found: describe(found) }
        }
    };
    errors.push(span, problem);
    None
}

/// Seconds of `"90s"`, `"30m"`, `"1h30m"`, `"2d"`.
pub fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        total += amount
            * match unit {
                's' => 1.0,
                'm' => 60.0,
                'h' => 3600.0,
                'd' => 86400.0,
                _ => return None,
            };
        rest = rest[digits + unit.len_utf8()..].trim_start();
    }
    (total > 0.0).then_some(total)
}

/// Bytes of `"4 GiB"`, `"500MB"`, `"1.5 GB"`.
pub fn bytes(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let amount: f64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim_start() {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = (amount * unit).round();
    (bytes >= 1.0 && bytes < i64::MAX as f64).then_some(bytes as i64)
}

/// Reads a value or, where the key may be searched, a domain.
pub fn setting(errors: &mut Errors, key: &Key, value: &Spanned<DeValue<'_>>) -> Option<Setting> {
    let domain = match value.get_ref() {
        DeValue::Array(_) | DeValue::Table(_) if !key.is_searchable() => {
            let problem = Problem::NotSearchable { key: key.name.into(), expected: key.kind.to_string() };
            errors.push(value.span(), problem);
            return None;
        }
        DeValue::Array(_) => Vary { domain: choices(errors, key, value, None)?, when: vec![], times: None },
        DeValue::Table(table) => range(errors, key, table, value.span())?,
        _ => return scalar(errors, key, value).map(Setting::Fixed),
    };
    Some(match &domain.domain {
        // One value is no choice: it needs no parameter.
        Domain::Categorical { choices, .. } if choices.len() == 1 && domain.when.is_empty() => {
            Setting::Fixed(choices[0].clone())
        }
        _ => Setting::Vary(domain),
    })
}

fn choices(
    errors: &mut Errors,
    key: &Key,
    value: &Spanned<DeValue<'_>>,
    ordered: Option<bool>,
) -> Option<Domain> {
    let DeValue::Array(items) = value.get_ref() else {
        let found = describe(value.get_ref());
        let expected = format!("a list, each {}", key.kind);
        errors.push(value.span(), Problem::WrongType { key: "choices".into(), expected, found });
        return None;
    };
    let bad = |reason: &str| Problem::BadDomain { key: key.name.into(), reason: reason.into() };
    if items.is_empty() {
        errors.push(value.span(), bad("at least one choice is needed, but the list is empty"));
        return None;
    }
    let mut list = Vec::with_capacity(items.len());
    let before = errors.list.len();
    let mut spans = Vec::with_capacity(items.len());
    for item in items.iter() {
        if let Some(choice) = scalar(errors, key, item) {
            list.push(choice);
            spans.push(item.span());
        }
    }
    let list = Choices::from(list);
    for (i, (choice, span)) in list.iter().zip(spans).enumerate() {
        if list.position(choice).is_some_and(|first| first < i) {
            errors.push(span, bad(&format!("{choice} is listed twice")));
        }
    }
    let numeric = matches!(key.kind, Kind::Int { .. } | Kind::Float(_));
    (errors.list.len() == before)
        .then(|| Domain::Categorical { choices: list, ordered: ordered.unwrap_or(numeric) })
}

const DOMAIN_KEYS: &[&str] = &["low", "high", "step", "log", "choices", "ordered", "when", "times"];

fn range(errors: &mut Errors, key: &Key, table: &DeTable<'_>, span: Range<usize>) -> Option<Vary> {
    let before = errors.list.len();
    for (name, name_span, _) in in_order(table) {
        if !DOMAIN_KEYS.contains(&name) {
            let known = DOMAIN_KEYS.iter().map(|key| key.to_string()).collect();
            let section = format!("the domain of `{}`", key.name);
            errors.push(name_span, Problem::UnknownKey { key: name.into(), section, known });
        }
    }
    let flag = |errors: &mut Errors, name: &'static str, doc: &'static str| {
        let key = Key::optional(name, Kind::Bool, doc);
        table.get(name).and_then(|value| scalar(errors, &key, value)).and_then(|value| value.as_bool())
    };
    let log = flag(errors, "log", "logarithmic scale");
    let ordered = flag(errors, "ordered", "order of the choices");
    let when = table.get("when").map(|value| conditions(errors, value)).unwrap_or_default();
    let times = table.get("times").and_then(|value| {
        let key = Key::optional("times", Kind::Text, "another key");
        let text = scalar(errors, &key, value)?;
        Some((text.as_str()?.to_owned(), value.span()))
    });
    let bad = |reason: String| Problem::BadDomain { key: key.name.into(), reason };
    let domain = if let Some(list) = table.get("choices") {
        for other in ["low", "high", "step", "log"] {
            if let Some(value) = table.get(other) {
                errors.push(value.span(), bad(format!("`choices` and `{other}` exclude each other")));
            }
        }
        let ratio = Key::optional("times", super::vocabulary::POSITIVE, "ratio");
        choices(errors, if times.is_some() { &ratio } else { key }, list, ordered)
    } else {
        let numeric = matches!(key.kind, Kind::Int { .. } | Kind::Float(_));
        if !numeric {
            let found = "a range".into();
            let expected = format!("{}, or a list of choices", key.kind);
            errors.push(span.clone(), Problem::WrongType { key: key.name.into(), expected, found });
            return None;
        }
        bounds(errors, key, table, span.clone(), log.unwrap_or(false), times.is_some())
    };
    if times.is_some() && !matches!(key.kind, Kind::Int { .. } | Kind::Float(_)) {
        errors.push(span, bad("`times` multiplies numbers only".into()));
    }
    (errors.list.len() == before).then_some(())?;
    Some(Vary { domain: domain?, when, times })
}

/// `low`, `high`, `step`, `log` of a number. A ratio (`times`) is a positive float whatever the key is.
fn bounds(
    errors: &mut Errors,
    key: &Key,
    table: &DeTable<'_>,
    span: Range<usize>,
    log: bool,
    ratio: bool,
) -> Option<Domain> {
    let kind = if ratio { super::vocabulary::POSITIVE } else { key.kind };
    let bound = |errors: &mut Errors, name: &'static str| {
        let Some(value) = table.get(name) else {
            let section = format!("the domain of `{}`", key.name);
            let doc = "a range needs `low` and `high`; to list values write `[a, b]` or `choices`".into();
            errors.push(span.clone(), Problem::Missing { key: name.into(), section, doc });
            return None;
        };
        scalar(errors, &Key::optional(name, kind, ""), value)
    };
    let (low, high) = (bound(errors, "low"), bound(errors, "high"));
    let step_kind = match kind {
        Kind::Int { .. } => Kind::Int { low: 1, high: i64::MAX },
        _ => super::vocabulary::POSITIVE,
    };
    let step_value = table.get("step");
    let step = step_value.and_then(|value| scalar(errors, &Key::optional("step", step_kind, ""), value));
    let (low, high) = (low?, high?);
    let bad = |reason: String| Problem::BadDomain { key: key.name.into(), reason };
    if low.as_f64() > high.as_f64() {
        let problem =
            Problem::ReversedBounds { key: key.name.into(), low: low.to_string(), high: high.to_string() };
        errors.push(span, problem);
        return None;
    }
    if log && low.as_f64() <= Some(0.0) {
        errors.push(span, bad(format!("a logarithmic scale needs low > 0, but got low = {low}")));
        return None;
    }
    if let (true, Some(value)) = (log, step_value) {
        errors.push(value.span(), bad("`step` and `log` exclude each other".into()));
        return None;
    }
    if step_value.is_some() && step.is_none() {
        return None;
    }
    Some(match (low, high) {
        (Value::Int(low), Value::Int(high)) => {
            let step = step.and_then(|step| step.as_i64()).unwrap_or(1);
            Domain::Int { low, high, log, step }
        }
        (low, high) => {
            let (low, high) = (low.as_f64()?, high.as_f64()?);
            Domain::Float { low, high, log, step: step.and_then(|step| step.as_f64()) }
        }
    })
}

/// `{ optimizer = "sgd", "stage1.module" = ["Conv", "MBConv"] }`
fn conditions(errors: &mut Errors, value: &Spanned<DeValue<'_>>) -> Vec<(Condition, Range<usize>)> {
    let DeValue::Table(table) = value.get_ref() else {
        let expected = "a table such as { optimizer = \"sgd\" }".into();
        let found = describe(value.get_ref());
        errors.push(value.span(), Problem::WrongType { key: "when".into(), expected, found });
        return vec![];
    };
    let mut list = Vec::new();
    flatten(errors, table, "", &mut list);
    list
}

/// TOML reads the unquoted key `optimizer.sgd.nesterov` as nested tables: put the name together again.
fn flatten(
    errors: &mut Errors,
    table: &DeTable<'_>,
    prefix: &str,
    list: &mut Vec<(Condition, Range<usize>)>,
) {
    for (name, span, value) in in_order(table) {
        let name = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        let values = match value.get_ref() {
            DeValue::Table(inner) => {
                flatten(errors, inner, &name, list);
                continue;
            }
            DeValue::Array(items) => {
                items.iter().filter_map(|item| any_scalar(errors, &name, item)).collect()
            }
            _ => any_scalar(errors, &name, value).into_iter().collect::<Vec<_>>(),
        };
        if !values.is_empty() {
            list.push((Condition { parent: name, values: values.into() }, span));
        }
    }
}

fn any_scalar(errors: &mut Errors, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Value> {
    match value.get_ref() {
        DeValue::String(text) => Some(Value::Str(text.to_string())),
        DeValue::Boolean(flag) => Some(Value::Bool(*flag)),
        found @ DeValue::Integer(_) => whole(found).map(Value::Int),
        found @ DeValue::Float(_) => number(found).map(Value::Float),
        found => {
            let expected = "a value of that parameter, or a list of them".into();
            errors.push(
                value.span(),
                Problem::WrongType { key: name.into(), expected, found: describe(found) },
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, seconds};

    #[test]
    fn durations() {
        assert_eq!(seconds("30m"), Some(1800.0));
        assert_eq!(seconds("1h30m"), Some(5400.0));
        assert_eq!(seconds("90s"), Some(90.0));
        assert_eq!(seconds("0.5h"), Some(1800.0));
        assert_eq!(seconds("30"), None);
        assert_eq!(seconds("30 min"), None);
        assert_eq!(seconds("0s"), None);
        assert_eq!(seconds(""), None);
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("4 GiB"), Some(4 << 30));
        assert_eq!(bytes("1.5MB"), Some(1_500_000));
        assert_eq!(bytes("512 B"), Some(512));
        for wrong in ["4", "GiB", "4 gb", "-1 GB", "0 B", ""] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}

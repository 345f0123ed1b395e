//! Distributions of Optuna: what a parameter was asked for, as JSON, and its value as a number.
//!
//! | distribution | value as a number |
//! |---|---|
//! | `FloatDistribution`, before Optuna 3 `Uniform`, `LogUniform`, `DiscreteUniformDistribution` | itself |
//! | `IntDistribution`, before `IntUniform`, `IntLogUniformDistribution` | itself |
//! | `CategoricalDistribution` | its place among the choices |
//!
//! A choice is a scalar of JSON. What else Python's JSON says (a list, an infinite number) is a text here, as
//! the Python package has it: a zero byte, the parameter, a zero byte, and what Python shows of the object;
//! from the second of several alike on, its number behind another zero byte.

use super::json;
use crate::space::{Domain, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

/// The domain that a distribution of the parameter `name` is.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(name: &str, text: &str) -> Result<Domain, String> {
    let whole = json::read(text)?;
    let kind = whole.get("name").and_then(Json::as_str).unwrap_or_default();
    let Some(attributes) = whole.get("attributes") else { return Err(format!("{text} is no distribution")) };
    let number = |key: &str| {
        let found = attributes.get(key).and_then(json::as_number).filter(|number| number.is_finite());
        found.ok_or_else(|| format!("`{key}` of {text} is no finite number"))
    };
    let whole_number = |key: &str| {
        let found = attributes.get(key).and_then(|value| match value.as_i64() {
            Some(whole) => Some(whole),
            None => value.as_f64().filter(|x| x.fract() == 0.0 && x.abs() < 1e18).map(|x| x as i64),
        });
        found.ok_or_else(|| format!("`{key}` of {text} is no whole number of 64 bits"))
    };
    let step = |key: &str| match attributes.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(_) => number(key).map(Some),
    };
    let log = attributes.get("log").and_then(Json::as_bool).unwrap_or(false);
    let float = |log, step| Ok(Domain::Float { low: number("low")?, high: number("high")?, log, step });
    let int = |log| {
        let step = if attributes.get("step").is_some_and(|step| !step.is_null()) {
            whole_number("step")?
        } else {
            1
        };
        Ok(Domain::Int { low: whole_number("low")?, high: whole_number("high")?, log, step })
    };
    match kind {
        "FloatDistribution" => float(log, step("step")?),
        "UniformDistribution" => float(false, None),
        "LogUniformDistribution" => float(true, None),
        "DiscreteUniformDistribution" => float(false, step("q")?),
        "IntDistribution" => int(log),
        "IntUniformDistribution" => int(false),
        "IntLogUniformDistribution" => int(true),
        "CategoricalDistribution" => {
            let Some(listed) = attributes.get("choices").and_then(Json::as_array) else {
                return Err(format!("`choices` of {text} is no list"));
            };
            let mut alike = HashMap::new();
            let choices: Vec<Value> = listed.iter().map(|choice| value(name, choice, &mut alike)).collect();
            Ok(Domain::Categorical { choices: choices.into(), ordered: false })
        }
        other => Err(format!("`{other}` is no distribution that is known")),
    }
}

/// The distribution that a domain is.
pub(super) fn write(domain: &Domain) -> String {
    let (name, attributes) = match domain {
        Domain::Float { low, high, log, step } => {
            let attributes = json!({ "step": step, "low": low, "high": high, "log": log });
            ("FloatDistribution", attributes)
        }
        Domain::Int { low, high, log, step } => {
            let attributes = json!({ "log": log, "step": step, "low": low, "high": high });
            ("IntDistribution", attributes)
        }
        Domain::Categorical { choices, .. } => {
            let choices: Vec<Json> = choices.iter().map(object).collect();
            ("CategoricalDistribution", json!({ "choices": choices }))
        }
    };
    json::write(&json!({ "name": name, "attributes": attributes }))
}

/// The value that a number stands for; `None` if it stands for none.
pub(super) fn external(domain: &Domain, number: f64) -> Option<Value> {
    match domain {
        Domain::Float { .. } => Some(Value::Float(number)),
        Domain::Int { .. } => {
            (number.is_finite() && number.abs() < 9.3e18).then_some(Value::Int(number as i64))
        }
        Domain::Categorical { choices, .. } => {
            (number >= 0.0 && number.fract() == 0.0).then(|| choices.get(number as usize).cloned()).flatten()
        }
    }
}

/// The number that stands for a value; `None` if none does.
pub(super) fn internal(domain: &Domain, value: &Value) -> Option<f64> {
    match domain {
        Domain::Categorical { choices, .. } => choices.position(value).map(|place| place as f64),
        _ => value.as_f64(),
    }
}

/// The value that an object of JSON is to the parameter `name`. `alike` counts those of one text.
pub(super) fn value(name: &str, object: &Json, alike: &mut HashMap<String, usize>) -> Value {
    match object {
        Json::Null => return Value::Null,
        Json::Bool(truth) => return Value::Bool(*truth),
        Json::String(text) => return Value::Str(text.clone()),
        Json::Number(number) => {
            return match number.as_i64() {
                Some(whole) => Value::Int(whole),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            };
        }
        Json::Array(_) | Json::Object(_) => {}
    }
    let text = format!("\0{name}\0{}", shown(object));
    let before = alike.entry(text.clone()).or_insert(0);
    *before += 1;
    Value::Str(if *before == 1 { text } else { format!("{text}\0{}", *before - 1) })
}

/// What JSON says of a value.
pub(super) fn object(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => json!(truth),
        Value::Int(number) => json!(number),
        Value::Float(number) => json::number(*number),
        Value::Str(text) => match text.strip_prefix('\0').map(|text| text.split('\0').nth(1).unwrap_or(text))
        {
            None => json!(text),
            Some("nan") => json::number(f64::NAN),
            Some("inf") => json::number(f64::INFINITY),
            Some("-inf") => json::number(f64::NEG_INFINITY),
            Some(shown) => json!(shown),
        },
    }
}

/// Whether a value is an object of Python's that JSON has no word for.
pub(super) fn is_foreign(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with('\0')) && object(value).is_string()
}

/// What Python shows of an object.
fn shown(object: &Json) -> String {
    match object {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => match text.contains('\'') && !text.contains('"') {
            true => format!("\"{text}\""),
            false => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        },
        Json::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) => match json::as_number(object) {
            Some(number) if number.is_nan() => "nan".to_owned(),
            Some(number) => number.to_string(),
            None => {
                let entry =
                    |(key, value): (&String, &Json)| format!("{}: {}", shown(&json!(key)), shown(value));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        },
    }
}

/// Values by name, as JSON.
pub(super) fn objects<'a>(values: impl Iterator<Item = (&'a str, &'a Value)>) -> Json {
    values.map(|(name, value)| (name.to_owned(), object(value))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_of_all_versions_are_read() {
        let float = |log, step| Domain::Float { low: 1.0, high: 2.0, log, step };
        let int = |log, step| Domain::Int { low: 1, high: 9, log, step };
        let of = |name: &str, attributes: &str| {
            read("x", &format!(r#"{{"name": "{name}", "attributes": {{{attributes}}}}}"#)).unwrap()
        };
        let ends = r#""low": 1.0, "high": 2.0"#;
        assert_eq!(
            of("FloatDistribution", &format!(r#"{ends}, "log": true, "step": null"#)),
            float(true, None)
        );
        assert_eq!(of("UniformDistribution", ends), float(false, None));
        assert_eq!(of("LogUniformDistribution", ends), float(true, None));
        assert_eq!(
            of("DiscreteUniformDistribution", &format!(r#"{ends}, "q": 0.25"#)),
            float(false, Some(0.25))
        );
        let ends = r#""low": 1, "high": 9"#;
        assert_eq!(of("IntDistribution", &format!(r#"{ends}, "log": false, "step": 2"#)), int(false, 2));
        assert_eq!(of("IntUniformDistribution", &format!(r#"{ends}, "step": 4"#)), int(false, 4));
        assert_eq!(of("IntLogUniformDistribution", &format!(r#"{ends}, "step": 1"#)), int(true, 1));
        for (text, what) in [
            ("{}", "is no distribution"),
            (r#"{"name": "Normal", "attributes": {}}"#, "`Normal` is no distribution that is known"),
            (r#"{"name": "IntDistribution", "attributes": {"low": 0.5, "high": 1}}"#, "`low` of"),
            (
                r#"{"name": "FloatDistribution", "attributes": {"low": -Infinity, "high": 1}}"#,
                "no finite number",
            ),
        ] {
            let error = read("x", text).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn domains_and_values_come_back() {
        let choices = r#"[null, true, "a", 1.5, 2, NaN, -Infinity]"#;
        let text =
            format!(r#"{{"attributes": {{"choices": {choices}}}, "name": "CategoricalDistribution"}}"#);
        let domain = read("c", &text).unwrap();
        assert_eq!(read("c", &write(&domain)).unwrap(), domain);
        assert!(write(&domain).contains(choices), "{}", write(&domain));
        for place in 0..7 {
            let value = external(&domain, f64::from(place)).unwrap();
            assert_eq!(internal(&domain, &value), Some(f64::from(place)));
            assert!(!is_foreign(&value));
        }
        assert_eq!(external(&domain, 7.0), None);
        let lists = read("c", &text.replace(choices, "[[1, 'a'], [1, 'a']]").replace('\'', "\"")).unwrap();
        let Domain::Categorical { choices, .. } = &lists else { panic!("{lists:?}") };
        assert_eq!(choices[0], Value::Str("\0c\0[1, 'a']".to_owned()));
        assert_eq!(choices[1], Value::Str("\0c\0[1, 'a']\u{0}1".to_owned()));
        assert!(is_foreign(&choices[0]) && object(&choices[1]) == json!("[1, 'a']"));
        let float = Domain::Float { low: 1e-7, high: 0.3, log: true, step: None };
        assert_eq!(read("x", &write(&float)).unwrap(), float);
        assert_eq!(external(&Domain::Int { low: 0, high: 9, log: false, step: 1 }, 3.0), Some(Value::Int(3)));
    }
}

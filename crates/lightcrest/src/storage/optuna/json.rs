//! JSON as Python writes it: with `NaN`, `Infinity` and `-Infinity`, for which JSON has no word.
//!
//! In between such a number is an object, as in attributes that come from Python: `{"$float": "NaN"}`.

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};
use std::fmt;

/// The key of an object that stands for a number.
const FLOAT: &str = "$float";
/// What Python writes, and what stands for it here.
const WORDS: [(&str, &str); 3] = [("NaN", "NaN"), ("Infinity", "inf"), ("-Infinity", "-inf")];

/// What a text says.
///
/// # Errors
/// If it is no JSON, not even Python's.
pub(super) fn read(text: &str) -> Result<Json, String> {
    let found = serde_json::from_str(text).or_else(|error| match replaced(text) {
        Some(worded) => serde_json::from_str(&worded),
        None => Err(error),
    });
    found.map_err(|error| format!("{error} in {:?}", text.chars().take(60).collect::<String>()))
}

/// The keys of an object of objects, each with the keys of its value, where that is an object: in their
/// order.
pub(super) fn keys(text: &str) -> Vec<(String, Vec<String>)> {
    let worded = replaced(text);
    let keys: Keys<Keys<IgnoredAny>> =
        serde_json::from_str(worded.as_deref().unwrap_or(text)).unwrap_or(Keys(Vec::new()));
    let inner = |keys: Keys<IgnoredAny>| keys.0.into_iter().map(|(key, _)| key).collect();
    keys.0.into_iter().map(|(key, value)| (key, inner(value))).collect()
}

/// The entries of an object in their order; none of anything else.
struct Keys<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Keys<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = Keys<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Keys(entries))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Keys<T>, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Keys(Vec::new()))
            }

            fn visit_unit<E>(self) -> Result<Keys<T>, E> {
                Ok(Keys(Vec::new()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Keys<T>, E> {
                Ok(Keys(Vec::new()))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Keys<T>, E> {
                Ok(Keys(Vec::new()))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Keys<T>, E> {
                Ok(Keys(Vec::new()))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Keys<T>, E> {
                Ok(Keys(Vec::new()))
            }

            fn visit_str<E>(self, _: &str) -> Result<Keys<T>, E> {
                Ok(Keys(Vec::new()))
            }
        }
        deserializer.deserialize_any(Object(std::marker::PhantomData))
    }
}

/// The text with objects in place of Python's words; `None` where it has none outside of strings.
fn replaced(text: &str) -> Option<String> {
    let (mut out, mut rest, mut found) = (String::with_capacity(text.len()), text, false);
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            string(rest)
        } else if let Some((python, word)) = WORDS.iter().find(|(python, _)| rest.starts_with(python)) {
            out.push_str(&json!({ FLOAT: word }).to_string());
            rest = &rest[python.len()..];
            found = true;
            continue;
        } else {
            first.len_utf8()
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    found.then_some(out)
}

/// How long the string is that a text begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The text that Python reads as this.
pub(super) fn write(value: &Json) -> String {
    if let Some(word) = word(value) {
        let python = WORDS.iter().find(|(_, own)| *own == word);
        return python.map_or("NaN", |(python, _)| python).to_owned();
    }
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) => {
            let entry = |(key, value): (&String, &Json)| format!("{}: {}", json!(key), write(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// The text of an object with these entries, in this order; values are texts already.
pub(super) fn object<'a>(entries: impl Iterator<Item = (&'a str, String)>) -> String {
    let entries: Vec<String> = entries.map(|(key, value)| format!("{}: {value}", json!(key))).collect();
    format!("{{{}}}", entries.join(", "))
}

/// The word of an object that stands for a number.
fn word(value: &Json) -> Option<&str> {
    value.as_object().filter(|entries| entries.len() == 1)?.get(FLOAT)?.as_str()
}

/// A number, whatever it is.
pub(super) fn number(number: f64) -> Json {
    if number.is_finite() { json!(number) } else { json!({ FLOAT: number.to_string() }) }
}

/// The number that this is.
pub(super) fn as_number(value: &Json) -> Option<f64> {
    match word(value) {
        Some(word) => word.parse().ok(),
        None => value.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_is_read_and_written() {
        for text in [
            r#"{"a": [NaN, -Infinity, 1.5], "b \"NaN\" \\": {"c": Infinity}}"#,
            r#"["Infinity", "\\", NaN, "ü\"-Infinity"]"#,
            "NaN",
            "[]",
            r#"{"x": null, "y": [true, 3, 1e-07]}"#,
        ] {
            let value = read(text).unwrap();
            assert_eq!(read(&write(&value)).unwrap(), value, "{text}");
            assert_eq!(write(&value).replace("1e-7", "1e-07"), text);
        }
        assert_eq!(read("[NaN]").unwrap(), json!([{ "$float": "NaN" }]));
        let error = read("[Nan]").unwrap_err();
        assert!(error.contains("in \"[Nan]\""), "{error}");
        assert!(read("\"open").is_err() && read("[NaN").is_err());
    }

    #[test]
    fn keys_come_in_their_order() {
        let text =
            r#"{"z": {"b": NaN, "a": [1, {"c": 2}]}, "a": [1], "m": null, "n": "x", "o": 1.5, "p": -1}"#;
        let keys = keys(text);
        assert_eq!(keys[0], ("z".to_owned(), vec!["b".to_owned(), "a".to_owned()]));
        assert_eq!(keys.iter().map(|(key, _)| key.as_str()).collect::<String>(), "zamnop");
        assert_eq!(
            object([("b", "1".to_owned()), ("a", "[]".to_owned())].into_iter()),
            r#"{"b": 1, "a": []}"#
        );
    }

    #[test]
    fn numbers_come_back() {
        for x in [0.1 + 0.2, f64::INFINITY, f64::NEG_INFINITY, -0.0] {
            assert_eq!(as_number(&number(x)).map(f64::to_bits), Some(x.to_bits()));
        }
        assert!(as_number(&read("NaN").unwrap()).unwrap().is_nan());
        assert_eq!(as_number(&json!("inf")), None);
    }
}

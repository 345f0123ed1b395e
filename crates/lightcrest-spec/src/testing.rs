//! What tests of a kind of spec need: a check that its JSON schema agrees with its parser.

use serde_json::{Value, json};

/// Checks the text of a spec against a schema.
///
/// # Errors
/// Says where the text is no TOML or breaks the schema.
///
/// # Panics
/// When the schema has a keyword that this check does not know.
pub fn check_schema(schema: &Value, text: &str) -> Result<(), String> {
    let document: toml::Value = toml::from_str(text).map_err(|error| error.to_string())?;
    check(schema, &serde_json::to_value(document).map_err(|error| error.to_string())?, "")
}

/// Checks a value against the keywords of JSON schema that `json_schema` uses; a keyword that is not known
/// here fails.
fn check(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    check_in(schema, schema, value, path)
}

/// As [`check`], for a part of the schema `root`.
fn check_in(root: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let check = |schema: &Value, value: &Value, path: &str| check_in(root, schema, value, path);
    let is_type = |name: &Value| match name.as_str().expect("a type is a word") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        other => panic!("type {other}"),
    };
    let fail = |what: String| Err(format!("{path}: {what}"));
    for (keyword, argument) in schema.as_object().expect("a schema is an object") {
        let number = argument.as_f64().unwrap_or(f64::NAN);
        let ok = match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" => true,
            "$ref" => {
                let name = argument.as_str().expect("a reference is a word").trim_start_matches("#/$defs/");
                check(&root["$defs"][name], value, path)?;
                true
            }
            "type" => match argument {
                Value::Array(types) => types.iter().any(is_type),
                name => is_type(name),
            },
            "enum" => argument.as_array().expect("the keyword takes a list").contains(value),
            "const" => argument == value,
            "minimum" => value.as_f64().is_none_or(|v| v >= number),
            "maximum" => value.as_f64().is_none_or(|v| v <= number),
            "exclusiveMinimum" => value.as_f64().is_none_or(|v| v > number),
            "exclusiveMaximum" => value.as_f64().is_none_or(|v| v < number),
            "minItems" => value.as_array().is_none_or(|v| v.len() as f64 >= number),
            "minLength" => value.as_str().is_none_or(|v| v.len() as f64 >= number),
            "minProperties" => value.as_object().is_none_or(|v| v.len() as f64 >= number),
            "pattern" => true, // durations; the parser's own tests cover them
            "required" => {
                let keys = argument.as_array().expect("the keyword takes a list");
                if let Some(key) =
                    keys.iter().find(|key| value.get(key.as_str().expect("keys are words")).is_none())
                {
                    return fail(format!("{key} is missing"));
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(argument, item, &format!("{path}[{index}]"))?;
                }
                true
            }
            "properties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = argument.get(key) {
                        check(schema, value, &format!("{path}.{key}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    let known = schema.get("properties").is_some_and(|p| p.get(key).is_some());
                    if !known && argument == &json!(false) {
                        return fail(format!("unknown key {key}"));
                    } else if !known {
                        check(argument, value, &format!("{path}.{key}"))?;
                    }
                }
                true
            }
            "anyOf" | "oneOf" => {
                let results: Vec<_> = argument
                    .as_array()
                    .expect("the keyword takes a list")
                    .iter()
                    .map(|schema| check(schema, value, path))
                    .collect();
                let count = results.iter().filter(|result| result.is_ok()).count();
                if count == 0 || (keyword == "oneOf" && count > 1) {
                    return fail(format!("{count} alternatives fit: {results:?}"));
                }
                true
            }
            other => panic!("keyword {other} of the schema is not known to this test"),
        };
        if !ok {
            return fail(format!("{value} breaks {keyword} = {argument}"));
        }
    }
    Ok(())
}

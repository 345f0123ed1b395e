//! The JSON schema agrees with the parser.

use serde_json::{Value, json};

use super::{BASE, build::EXAMPLES};
use crate::block::Module;
use crate::spec::json_schema;
use crate::spec::vocabulary::{MODULES, strides};

/// Checks the text of a spec against a schema.
pub(in crate::spec) fn check_schema(schema: &Value, text: &str) -> Result<(), String> {
    check(schema, &document(text), "")
}

/// Checks a value against the keywords of JSON schema that `json_schema` uses; a keyword that is not known here fails.
fn check(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    check_in(schema, schema, value, path)
}

/// As [`check`], for a part of the schema `root`.
fn check_in(root: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let check = |schema: &Value, value: &Value, path: &str| check_in(root, schema, value, path);
    let is_type = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        other => panic!("type {other}"),
    };
    let fail = |what: String| Err(format!("{path}: {what}"));
    for (keyword, argument) in schema.as_object().unwrap() {
        let number = argument.as_f64().unwrap_or(f64::NAN);
        let ok = match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" => true,
            "$ref" => {
                let name = argument.as_str().unwrap().trim_start_matches("#/$defs/");
                check(&root["$defs"][name], value, path)?;
                true
            }
            "type" => match argument {
                Value::Array(types) => types.iter().any(is_type),
                name => is_type(name),
            },
            "enum" => argument.as_array().unwrap().contains(value),
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
                let keys = argument.as_array().unwrap();
                if let Some(key) = keys.iter().find(|key| value.get(key.as_str().unwrap()).is_none()) {
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
                let results: Vec<_> =
                    argument.as_array().unwrap().iter().map(|schema| check(schema, value, path)).collect();
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

fn document(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

#[test]
fn the_schema_accepts_every_example() {
    let schema = json_schema();
    for (name, text) in EXAMPLES.iter().copied().chain([("base", BASE)]) {
        check(&schema, &document(text), name).unwrap();
    }
}

#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let schema = json_schema();
    for (from, to) in [
        ("learning_rate", "learning_rat"),
        ("[data]", "[dataset]"),
        ("momentum", "beta1"),
        ("epochs = { low = 2, high = 5 }", "epochs = \"ten\""),
        ("epochs = { low = 2, high = 5 }", "epochs = { low = 2 }"),
        ("source = \"digits\"", "source = \"digit\""),
        ("dropout = 0.1", "dropout = 1.5"),
        ("batch_size = [16, 32]", "batch_size = []"),
        ("max = 1e6", ""),
        ("dropout = 0.1", "[sampler]\nname = \"gpp\""),
    ] {
        assert!(check(&schema, &document(&BASE.replacen(from, to, 1)), "").is_err(), "accepted: {to}");
    }
}

/// The tables of the spec know every argument of every module of the vocabulary, and no other.
#[test]
fn modules_have_the_keys_that_their_types_have() {
    let names: Vec<&str> = MODULES.iter().map(|module| module.name).collect();
    for name in Module::NAMES {
        assert!(names.contains(name), "{name} is missing");
    }
    for module in MODULES {
        let mut expected =
            Module::arguments(module.name).unwrap_or_else(|| panic!("{}", module.name)).to_vec();
        assert_eq!(expected.contains(&"stride"), strides(module.name), "stride of {}", module.name);
        expected.retain(|key| *key != "stride");
        expected.sort_unstable();
        let mut found: Vec<&str> = module.keys.iter().map(|key| key.name).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{}", module.name);
    }
}

#[test]
fn what_a_named_part_needs_is_required() {
    let with = |section: &str| format!("{BASE}\n{section}\n");
    for (missing, whole) in [
        ("[terminator]\nname = 'stagnation'", "[terminator]\nname = 'stagnation'\npatience = 5"),
        ("[pruner]\nname = 'percentile'", "[pruner]\nname = 'percentile'\npercentile = 25"),
    ] {
        assert!(check_schema(&json_schema(), &with(missing)).is_err(), "{missing}");
        assert_eq!(check_schema(&json_schema(), &with(whole)), Ok(()));
    }
}

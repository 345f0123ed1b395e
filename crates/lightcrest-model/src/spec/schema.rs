//! The JSON schema of a spec file, made from the same tables that the parser reads.

use serde_json::{Map, Value, json};

use super::parse::{SECTIONS, SectionName};
use super::vocabulary::*;

/// A JSON schema (draft 2020-12) of the spec file; editors use it to complete and check TOML.
pub fn json_schema() -> Value {
    let mut properties = Map::new();
    let mut put = |name: &str, schema: Value| properties.insert(name.into(), schema);
    put(STUDY.name, section(&STUDY));
    let mut objective = section(&OBJECTIVE);
    objective["properties"]["constants"] = described(
        json!({ "type": "object", "additionalProperties": { "type": "number" } }),
        "numbers of the formula",
    );
    objective["oneOf"] = json!([{ "required": ["metric"] }, { "required": ["score", "name"] }]);
    put(OBJECTIVE.name, list(objective));
    let mut constraint = section(&CONSTRAINT);
    constraint["anyOf"] = json!([{ "required": ["max"] }, { "required": ["min"] }]);
    put(CONSTRAINT.name, list(constraint));
    put(DATA.name, section(&DATA));

    let mut training = section(&TRAINING);
    for (name, doc, sections) in [
        ("optimizer", "The optimizers to choose from.", OPTIMIZERS),
        ("schedule", "The learning-rate schedules to choose from.", SCHEDULES),
        ("loss", "The losses to choose from.", LOSSES),
    ] {
        training["properties"][name] = described(choice(sections), doc);
    }
    training["properties"]["augmentation"] = section(&AUGMENTATION);
    put(TRAINING.name, training);

    let mut stage = section(&STAGE);
    for key in MODULES.iter().flat_map(|module| module.keys) {
        if stage["properties"].get(key.name).is_none() {
            stage["properties"][key.name] = value(key);
        }
    }
    let modules = choice_with(MODULES, |module| {
        // The stage may hold what a module needs.
        let mut schema = section(module);
        schema.as_object_mut().expect("a section is an object").remove("required");
        schema
    });
    stage["properties"]["modules"] = described(modules, "The modules to choose from.");
    stage["required"] = json!(["name", "modules"]);
    let mut architecture = section(&ARCHITECTURE);
    architecture["properties"]["stages"] = json!({ "type": "array", "minItems": 1, "items": stage });
    architecture["properties"]["head"] = section(&HEAD);
    architecture["required"] = json!(["stages"]);
    put(ARCHITECTURE.name, architecture);

    put(BUDGET.name, section(&BUDGET));
    put("sampler", named(SAMPLERS));
    put("pruner", named(PRUNERS));
    put("terminator", named(TERMINATORS));
    put(WORKERS.name, section(&WORKERS));
    let mut refit = section(&REFIT);
    refit["properties"]["augmentation"] = section(&REFIT_AUGMENTATION);
    put(REFIT.name, refit);
    let required = required(SECTIONS);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lightcrest spec",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The tables that must be there.
pub(super) fn required(sections: &[SectionName]) -> Vec<&'static str> {
    sections.iter().filter(|(_, doc)| doc.is_some()).map(|(name, _)| *name).collect()
}

pub(super) fn described(mut schema: Value, doc: &str) -> Value {
    schema["description"] = doc.into();
    schema
}

pub(super) fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

pub(super) fn section(section: &Section) -> Value {
    let properties: Map<String, Value> =
        section.keys.iter().map(|key| (key.name.to_owned(), value(key))).collect();
    let required: Vec<&str> =
        section.keys.iter().filter(|key| key.is_required()).map(|key| key.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    described(schema, section.doc)
}

fn choice(sections: &[Section]) -> Value {
    choice_with(sections, section)
}

fn choice_with(sections: &[Section], schema: impl Fn(&Section) -> Value) -> Value {
    let properties: Map<String, Value> =
        sections.iter().map(|section| (section.name.to_owned(), schema(section))).collect();
    json!({ "type": "object", "properties": properties, "minProperties": 1, "additionalProperties": false })
}

/// A table whose `name` chooses which other keys it has.
pub(super) fn named(sections: &[Section]) -> Value {
    let alternatives: Vec<Value> = sections
        .iter()
        .map(|alternative| {
            let mut schema = section(alternative);
            schema["properties"]["name"] = json!({ "const": alternative.name });
            let required = alternative.keys.iter().filter(|key| key.is_required()).map(|key| key.name);
            schema["required"] = std::iter::once("name").chain(required).collect();
            schema
        })
        .collect();
    json!({ "oneOf": alternatives })
}

/// A list of choices with more to say.
pub(super) fn listed(scalar: &Value, when: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "choices": { "type": "array", "items": scalar, "minItems": 1 },
            "ordered": { "type": "boolean" },
            "when": when,
        },
        "required": ["choices"],
        "additionalProperties": false,
    })
}

/// A range of numbers.
pub(super) fn range(when: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "low": { "type": "number" },
            "high": { "type": "number" },
            "step": { "type": "number", "exclusiveMinimum": 0 },
            "log": { "type": "boolean" },
            "when": when,
        },
        "required": ["low", "high"],
        "additionalProperties": false,
    })
}

fn value(key: &Key) -> Value {
    let scalar = scalar(&key.kind);
    if !key.is_searchable() {
        return described(scalar, key.doc);
    }
    let when = json!({ "type": "object", "minProperties": 1 });
    let mut alternatives = vec![
        scalar.clone(),
        json!({ "type": "array", "items": scalar, "minItems": 1 }),
        listed(&scalar, &when),
    ];
    alternatives[2]["properties"]["times"] = json!({ "type": "string" });
    if matches!(key.kind, Kind::Int { .. } | Kind::Float(_)) {
        let mut range = range(&when);
        range["properties"]["times"] =
            described(json!({ "type": "string" }), "another key of the table, of which this is a multiple");
        alternatives.push(range);
        alternatives[2]["properties"]["choices"]["items"] = json!({ "type": "number" });
    }
    described(json!({ "anyOf": alternatives }), key.doc)
}

fn scalar(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int { low, high: i64::MAX } => json!({ "type": "integer", "minimum": low }),
        Kind::Int { low, high } => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Float(interval) => {
            let mut schema = json!({ "type": "number" });
            if interval.low.is_finite() {
                schema[if interval.low_open { "exclusiveMinimum" } else { "minimum" }] = interval.low.into();
            }
            if interval.high.is_finite() {
                schema[if interval.high_open { "exclusiveMaximum" } else { "maximum" }] =
                    interval.high.into();
            }
            schema
        }
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Duration => json!({ "type": "string", "pattern": "^([0-9.]+[smhd] *)+$" }),
        Kind::Bytes => json!({ "type": "string", "pattern": "^[0-9.]+ *([kKMGT]i?)?B$" }),
        Kind::Numbers => json!({ "type": "object", "additionalProperties": { "type": "number" } }),
    }
}

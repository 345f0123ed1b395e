//! The parts of a spec file's JSON schema, made from the same tables that the parser reads.

use serde_json::{Map, Value, json};

use crate::document::SectionName;
use crate::vocabulary::{
    BUDGET, Key, Kind, LEARN_FROM, MEMORY, SAMPLERS, STUDY, Section, TERMINATORS, WORKERS,
};

/// A JSON schema (draft 2020-12) of a kind of spec: its own tables, and those that every kind has.
pub fn document(
    title: &str,
    sections: &[SectionName],
    pruners: &[Section],
    mut tables: Map<String, Value>,
) -> Value {
    let shared = [
        (STUDY.name, section(&STUDY)),
        (BUDGET.name, section(&BUDGET)),
        ("sampler", named(SAMPLERS)),
        ("pruner", named(pruners)),
        ("terminator", named(TERMINATORS)),
        (WORKERS.name, section(&WORKERS)),
        (MEMORY.name, memory()),
    ];
    tables.extend(shared.map(|(name, schema)| (name.to_owned(), schema)));
    let required: Vec<&str> =
        sections.iter().filter(|(_, doc)| doc.is_some()).map(|(name, _)| *name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": tables,
        "required": required,
        "additionalProperties": false,
    })
}

/// A schema with its description.
pub fn described(mut schema: Value, doc: &str) -> Value {
    schema["description"] = doc.into();
    schema
}

/// A list of items.
pub fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A table with its keys.
pub fn section(section: &Section) -> Value {
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

/// `[memory]`.
fn memory() -> Value {
    let mut schema = section(&MEMORY);
    let paths = list(json!({ "type": "string", "minLength": 1 }));
    schema["properties"]["learn_from"] = described(paths, LEARN_FROM);
    schema
}

/// Tables of which a configuration uses one.
pub fn choice(sections: &[Section]) -> Value {
    choice_with(sections, section)
}

/// As [`choice`], with another schema for each table.
pub fn choice_with(sections: &[Section], schema: impl Fn(&Section) -> Value) -> Value {
    let properties: Map<String, Value> =
        sections.iter().map(|section| (section.name.to_owned(), schema(section))).collect();
    json!({ "type": "object", "properties": properties, "minProperties": 1, "additionalProperties": false })
}

/// A table whose `name` chooses which other keys it has.
fn named(sections: &[Section]) -> Value {
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
pub fn listed(scalar: &Value, when: &Value) -> Value {
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
pub fn range(when: &Value) -> Value {
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

/// The value of a key: one, or a domain where it may be searched.
pub fn value(key: &Key) -> Value {
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

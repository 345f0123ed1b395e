//! The JSON schema of a spec that compresses, made from the same tables that the parser reads.

use lightcrest_spec::schema::{described, document, section};
use lightcrest_spec::vocabulary::EPOCH_PRUNERS;
use serde_json::{Map, Value, json};

use super::parse::SECTIONS;
use super::vocabulary::*;
use crate::spec::schema::{constraints, objectives, training};

/// A JSON schema (draft 2020-12) of the spec file; editors use it to complete and check TOML.
pub fn json_schema() -> Value {
    let mut properties = Map::new();
    let mut put = |name: &str, schema: Value| properties.insert(name.into(), schema);
    put(OBJECTIVE.name, objectives(&OBJECTIVE));
    put(CONSTRAINT.name, constraints(&CONSTRAINT));

    let mut preprocessing = section(&PREPROCESSING);
    let numbers = |of: Value| json!({ "anyOf": [of, { "type": "array", "items": of, "minItems": 1 }] });
    let properties_of = &mut preprocessing["properties"];
    properties_of["mean"] = described(numbers(json!({ "type": "number" })), MEAN);
    properties_of["std"] = described(numbers(json!({ "type": "number", "exclusiveMinimum": 0 })), STD);
    properties_of["size"] = described(numbers(json!({ "type": "integer", "minimum": 1 })), SIZE);
    let mut model = section(&MODEL);
    model["properties"]["preprocessing"] = preprocessing;
    put(MODEL.name, model);
    put(DATA.name, section(&DATA));

    let mut compress = section(&COMPRESS);
    let list = |items: Value, doc: &str| described(json!({ "type": "array", "items": items }), doc);
    compress["properties"]["methods"] = list(json!({ "enum": ALL_METHODS }), METHODS_DOC);
    compress["properties"]["keep"] = list(json!({ "type": "string" }), KEEP);
    let sections = json!({ "type": "object", "additionalProperties": section(&SECTION) });
    compress["properties"]["sections"] = described(sections, SECTION.doc);
    put(COMPRESS.name, compress);

    let mut finetune = training(&FINETUNE);
    finetune["properties"]["distillation"] = section(&DISTILLATION);
    put(FINETUNE.name, finetune);
    put(REFIT.name, section(&REFIT));

    document("Lightcrest spec of a compression", SECTIONS, EPOCH_PRUNERS, properties)
}

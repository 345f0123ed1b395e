//! The JSON schema of a spec that tunes a command, made from the same tables that the parser reads.

use serde_json::{Map, Value, json};

use super::parse::{ENVIRONMENT, PARAMETERS, RUN, SECTIONS};
use super::vocabulary::{COMMAND, CONSTRAINT, LIMITS, OBJECTIVE};
use crate::schema::{described, document, list, listed, range, section};
use crate::vocabulary::STEP_PRUNERS;

/// A JSON schema (draft 2020-12) of the spec file; editors use it to complete and check TOML.
pub fn json_schema() -> Value {
    let mut properties = Map::new();
    let mut put = |name: &str, schema: Value| properties.insert(name.into(), schema);
    let mut objectives = list(section(&OBJECTIVE));
    objectives["minItems"] = json!(1);
    put(OBJECTIVE.name, objectives);
    let mut constraint = section(&CONSTRAINT);
    constraint["anyOf"] = json!([{ "required": ["max"] }, { "required": ["min"] }]);
    put(CONSTRAINT.name, list(constraint));

    let argument = json!({ "type": ["string", "number", "boolean"] });
    let group = json!({ "type": "array", "items": argument });
    let run = json!({ "type": "array", "minItems": 1, "items": { "anyOf": [argument, group] } });
    let environment = json!({ "type": "object", "additionalProperties": argument });
    let mut command = section(&COMMAND);
    command["properties"]["run"] = described(run, RUN);
    command["properties"]["environment"] = described(environment, ENVIRONMENT);
    command["properties"]["limits"] = section(&LIMITS);
    command["required"] = json!(["run"]);
    put(COMMAND.name, command);

    let parameters = json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/parameter" } });
    put("parameters", described(parameters, PARAMETERS));
    let mut schema = document("Lightcrest spec of a command", SECTIONS, STEP_PRUNERS, properties);
    schema["$defs"] = json!({ "parameter": parameter() });
    schema
}

/// A value, a list of choices, a range, or a table for each alternative with parameters of its own.
fn parameter() -> Value {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    let choices = json!({ "type": "array", "items": scalar, "minItems": 1 });
    let when = json!({ "type": "object", "minProperties": 1 });
    let listed = listed(&scalar, &when);
    let range = range(&when);
    let below = json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/parameter" } });
    let alternatives = json!({ "type": "object", "minProperties": 1, "additionalProperties": below });
    json!({ "anyOf": [scalar, choices, listed, range, alternatives] })
}

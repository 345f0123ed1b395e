//! The JSON schema of a spec file, made from the same tables that the parser reads.

use lightcrest_spec::schema::{choice, choice_with, described, document, list, section, value};
use lightcrest_spec::vocabulary::{EPOCH_PRUNERS, Section};
use serde_json::{Map, Value, json};

use super::parse::SECTIONS;
use super::vocabulary::*;

/// A JSON schema (draft 2020-12) of the spec file; editors use it to complete and check TOML.
pub fn json_schema() -> Value {
    let mut properties = Map::new();
    let mut put = |name: &str, schema: Value| properties.insert(name.into(), schema);
    put(OBJECTIVE.name, objectives(&OBJECTIVE));
    put(CONSTRAINT.name, constraints(&CONSTRAINT));
    put(DATA.name, section(&DATA));

    put(TRAINING.name, training(&TRAINING));

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

    let mut refit = section(&REFIT);
    refit["properties"]["augmentation"] = section(&REFIT_AUGMENTATION);
    put(REFIT.name, refit);
    document("Lightcrest spec", SECTIONS, EPOCH_PRUNERS, properties)
}

/// `[[objectives]]`.
pub(crate) fn objectives(own: &Section) -> Value {
    let mut objective = section(own);
    objective["properties"]["constants"] = described(
        json!({ "type": "object", "additionalProperties": { "type": "number" } }),
        "numbers of the formula",
    );
    objective["oneOf"] = json!([{ "required": ["metric"] }, { "required": ["score", "name"] }]);
    list(objective)
}

/// `[[constraints]]`.
pub(crate) fn constraints(own: &Section) -> Value {
    let mut constraint = section(own);
    constraint["anyOf"] = json!([{ "required": ["max"] }, { "required": ["min"] }]);
    list(constraint)
}

/// A training.
pub(crate) fn training(own: &Section) -> Value {
    let mut training = section(own);
    for (name, doc, sections) in [
        ("optimizer", "The optimizers to choose from.", OPTIMIZERS),
        ("schedule", "The learning-rate schedules to choose from.", SCHEDULES),
        ("loss", "The losses to choose from.", LOSSES),
    ] {
        training["properties"][name] = described(choice(sections), doc);
    }
    training["properties"]["augmentation"] = section(&AUGMENTATION);
    training
}

//! The spec of `lightcrest fit`: one TOML file that says which table, what is predicted and how models are
//! judged. Everything but the path and the target is found out.
//!
//! ```toml
//! [study]
//! name = "customers"
//!
//! [table]
//! path = "customers.csv"
//! target = "churned"
//!
//! [budget]
//! time = "60s"
//! ```

mod vocabulary;
mod write;

use std::path::PathBuf;

use lightcrest::objective::ObjectiveInfo;
use lightcrest::space::{Configuration, Space, Value as Setting};
use lightcrest_spec::diagnostic::{Errors, Problem, SpecErrors};
use lightcrest_spec::document::{check_sections, fixed, group, read, table, text};
use lightcrest_spec::fingerprint::fingerprint;
use lightcrest_spec::setting::describe;
use lightcrest_spec::study::{StudySections, StudySpec};
use lightcrest_spec::vocabulary::STEP_PRUNERS;
use serde_json::{Map, Value, json};
use toml::de::{DeTable, DeValue};

use crate::Task;
use crate::column::DecideConfig;
use crate::metric::Metric;
use crate::read::ReadConfig;
use crate::search::Limits;
use crate::table::LearnConfig;
use crate::token::date::DateOrder;
use crate::token::number::Decimal;
use vocabulary::{IGNORE, MISSING, SECTIONS, TABLE};
pub use write::{SpecWords, model_spec};

/// Folds unless the spec says otherwise.
const FOLDS: usize = 5;

/// A spec of a table that was read and found right.
#[derive(Debug, Clone)]
pub struct FitSpec {
    /// What it has in common with every other spec. What varies is known when the table is read: the space is
    /// empty, unless [`with_space`](Self::with_space) sets it.
    pub study: StudySpec,
    /// The table, as the spec writes it.
    pub path: PathBuf,
    /// How the table is read.
    pub learn: LearnConfig,
    /// What is measured; by the task if the spec does not say.
    pub metric: Option<Metric>,
    /// Bounds on models.
    pub limits: Limits,
    /// Folds.
    pub folds: usize,
    /// The one configuration to try, and the seed of its training, where a spec trains a model again.
    pub model: Option<(Configuration, u64)>,
}

impl FitSpec {
    /// The tables that only this kind of spec has.
    pub const TABLES: &[&str] = &["table"];

    /// Reads a spec from its text; `path` is only for messages.
    ///
    /// # Errors
    /// [`SpecErrors`] holds everything that is wrong.
    pub fn parse(text: &str, path: &str) -> Result<Self, SpecErrors> {
        read(text, path, document_to_spec)
    }

    /// The same with what varies and what is optimised.
    #[must_use]
    pub fn with_space(mut self, space: Space, objectives: Vec<ObjectiveInfo>) -> Self {
        (self.study.space, self.study.objectives) = (space, objectives);
        self
    }
}

fn document_to_spec(errors: &mut Errors, document: &DeTable<'_>) -> Option<FitSpec> {
    check_sections(errors, document, SECTIONS);
    let study = StudySections::read(errors, document, STEP_PRUNERS);
    let found = table(errors, document, "table")?;
    let (items, place) = (found.0, found.1.clone());
    let own = group(errors, &TABLE, found, "[table]", "", &["missing", "ignore"]);
    let missing = words(errors, items, "missing");
    let ignore = words(errors, items, "ignore");
    let metric = text(&own, "metric").and_then(Metric::named);
    let task = text(&own, "task").map(|word| match word {
        "regression" => Task::Regression,
        _ => Task::Classification,
    });
    let separator = text(&own, "separator").and_then(separator);
    if let (Some(written), None) = (text(&own, "separator"), separator) {
        let reason = format!("a separator is one ASCII character or `tab`, but got `{written}`");
        errors.push(place, Problem::Invalid { reason });
    }
    let flag = |name: &str| fixed(&own, name).and_then(|value| value.as_bool()).unwrap_or(false);
    let learn = LearnConfig {
        target: text(&own, "target")?.to_owned(),
        task,
        group: text(&own, "group").map(str::to_owned),
        time: text(&own, "time").map(str::to_owned),
        read: ReadConfig {
            separator,
            encoding: text(&own, "encoding").map(str::to_owned),
            no_header: flag("no_header"),
        },
        decide: DecideConfig {
            decimal: text(&own, "decimal")
                .map(|word| if word == "comma" { Decimal::Comma } else { Decimal::Point }),
            date_order: text(&own, "date_order")
                .map(|word| if word == "month_first" { DateOrder::MonthFirst } else { DateOrder::DayFirst }),
            ignore_text: flag("ignore_text"),
        },
        missing,
        ignore,
        drop_missing_target: flag("drop_missing_target"),
    };
    let limits = Limits {
        bytes: fixed(&own, "max_bytes").and_then(|value| value.as_i64()).map(i64::unsigned_abs),
        latency_us: fixed(&own, "max_latency_us").and_then(|value| value.as_f64()),
    };
    let folds = fixed(&own, "folds").and_then(|value| value.as_i64()).map_or(FOLDS, |folds| folds as usize);
    let path = PathBuf::from(text(&own, "path")?);
    let model = table(errors, document, "model").map(|(items, _)| read_model(errors, items));
    if !errors.list.is_empty() {
        return None;
    }
    // Where the table lies may change; what is in it is kept beside.
    let fingerprint = || fingerprint(document, &["table.path"]);
    let study = study.finish(Vec::new(), Space::empty(), [fingerprint(), fingerprint()])?;
    Some(FitSpec { study, path, learn, metric, limits, folds, model })
}

/// The configuration of `[model]`, whose `seed` is that of the training.
fn read_model(errors: &mut Errors, items: &DeTable<'_>) -> (Configuration, u64) {
    let (mut configuration, mut seed) = (Configuration::new(), 0);
    for (key, value) in items {
        let name = key.get_ref().to_string();
        let setting = match value.get_ref() {
            DeValue::String(word) => Some(Setting::from(word.to_string())),
            DeValue::Integer(_) => integer(value.get_ref()).map(Setting::from),
            DeValue::Float(_) => lightcrest_spec::setting::number(value.get_ref()).map(Setting::from),
            _ => None,
        };
        match setting {
            Some(setting) if name == "seed" => seed = setting.as_i64().unwrap_or(0).unsigned_abs(),
            Some(setting) => configuration.set(name, setting),
            None => {
                let (expected, found) = ("a word or a number".into(), describe(value.get_ref()));
                errors.push(value.span(), Problem::WrongType { key: name, expected, found });
            }
        }
    }
    (configuration, seed)
}

/// A whole number, in full.
fn integer(value: &DeValue<'_>) -> Option<i64> {
    let DeValue::Integer(number) = value else { return None };
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A separator as people write it.
pub fn separator(written: &str) -> Option<u8> {
    match written {
        "tab" | "\\t" => Some(b'\t'),
        "comma" => Some(b','),
        "semicolon" => Some(b';'),
        "space" => Some(b' '),
        _ => match written.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
            _ => None,
        },
    }
}

/// A list of words.
fn words(errors: &mut Errors, table: &DeTable<'_>, key: &str) -> Vec<String> {
    let Some(value) = table.get(key) else { return Vec::new() };
    let DeValue::Array(items) = value.get_ref() else {
        let (expected, found) = ("a list of strings".into(), describe(value.get_ref()));
        errors.push(value.span(), Problem::WrongType { key: key.into(), expected, found });
        return Vec::new();
    };
    let mut list = Vec::new();
    for item in items.iter() {
        match item.get_ref() {
            DeValue::String(word) => list.push(word.to_string()),
            other => {
                let (expected, found) = ("a string".into(), describe(other));
                errors.push(item.span(), Problem::WrongType { key: key.into(), expected, found });
            }
        }
    }
    list
}

/// A JSON schema (draft 2020-12) of the spec file; editors use it to complete and check TOML.
pub fn json_schema() -> Value {
    use lightcrest_spec::schema::{described, list, memory, named, required, section};
    use lightcrest_spec::vocabulary::{BUDGET, MEMORY, SAMPLERS, STUDY, TERMINATORS, WORKERS};
    let mut properties = Map::new();
    let mut put = |name: &str, schema: Value| properties.insert(name.into(), schema);
    put(STUDY.name, section(&STUDY));
    let mut own = section(&TABLE);
    own["properties"]["missing"] = described(list(json!({ "type": "string" })), MISSING);
    own["properties"]["ignore"] = described(list(json!({ "type": "string" })), IGNORE);
    put(TABLE.name, own);
    let scalar = json!({ "type": ["string", "number"] });
    put("model", described(json!({ "type": "object", "additionalProperties": scalar }), vocabulary::MODEL));
    put(BUDGET.name, section(&BUDGET));
    put("sampler", named(SAMPLERS));
    put("pruner", named(STEP_PRUNERS));
    put("terminator", named(TERMINATORS));
    put(WORKERS.name, section(&WORKERS));
    put(MEMORY.name, memory());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lightcrest spec of a table",
        "type": "object",
        "properties": properties,
        "required": required(SECTIONS),
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_says_everything() {
        let words = SpecWords {
            name: "t".into(),
            path: "a \"b\".csv".into(),
            target: "y\nz".into(),
            seed: 3,
            texts: vec![
                ("task", "regression".into()),
                ("separator", "tab".into()),
                ("decimal", "comma".into()),
            ],
            flags: vec!["no_header"],
            numbers: vec![("max_bytes", 1000.0), ("max_latency_us", 2.5)],
            lists: vec![("missing", vec!["-999".into()])],
            time: Some("10m".into()),
            trials: Some(7),
        };
        let spec = FitSpec::parse(&words.to_string(), "spec.toml").unwrap();
        assert_eq!((spec.learn.target.as_str(), spec.path.to_str()), ("y\nz", Some("a \"b\".csv")));
        assert_eq!(spec.learn.task, Some(Task::Regression));
        assert_eq!(spec.learn.read.separator, Some(b'\t'));
        assert_eq!(spec.learn.missing, ["-999"]);
        assert_eq!((spec.limits.bytes, spec.limits.latency_us), (Some(1000), Some(2.5)));
        assert_eq!(spec.study.budget.trials, Some(7));
        let elsewhere = SpecWords { path: "/other.csv".into(), ..words.clone() };
        let other = FitSpec::parse(&elsewhere.to_string(), "spec.toml").unwrap();
        assert_eq!(other.study.fingerprint, spec.study.fingerprint, "a table may move");
        let wrong = words.to_string().replace("no_header", "no_headr");
        assert!(FitSpec::parse(&wrong, "spec.toml").unwrap_err().to_string().contains("no_header"));
        assert!(json_schema()["properties"]["table"]["properties"]["missing"].is_object());
    }
}

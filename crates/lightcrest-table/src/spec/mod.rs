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
use lightcrest_spec::Named;
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
use crate::pipeline::After;
use crate::read::ReadConfig;
use crate::search::{EnsembleMember, Limits};
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
    /// Whether the spec says how many folds there are: then all of them judge.
    pub all_folds: bool,
    /// The share of the rows to use and how many folds judge; by the time if the spec does not say.
    pub share: Option<f64>,
    /// See `share`.
    pub folds_used: Option<usize>,
    /// What one trial may cost, in rounds of eight leaves; by the time if the spec does not say.
    pub work: Option<f64>,
    /// The one model to make, where a spec makes one again.
    pub model: Option<ModelSpec>,
}

/// One model, with everything that it takes to make it again.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// What it is.
    pub configuration: Configuration,
    /// The seed of its training.
    pub seed: u64,
    /// Of an ensemble.
    pub members: Vec<EnsembleMember>,
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
            sheet: text(&own, "sheet").map(str::to_owned),
        },
        decide: DecideConfig {
            decimal: text(&own, "decimal")
                .map(|word| if word == "comma" { Decimal::Comma } else { Decimal::Point }),
            date_order: text(&own, "date_order")
                .map(|word| if word == "month_first" { DateOrder::MonthFirst } else { DateOrder::DayFirst }),
            ignore_text: flag("ignore_text"),
            ..DecideConfig::default()
        },
        missing,
        ignore,
        drop_missing_target: flag("drop_missing_target"),
        share_read: fixed(&own, "share_read").and_then(|value| value.as_f64()),
        within: None,
    };
    let limits = Limits {
        bytes: fixed(&own, "max_bytes").and_then(|value| value.as_i64()).map(i64::unsigned_abs),
        latency_us: fixed(&own, "max_latency_us").and_then(|value| value.as_f64()),
    };
    let whole = |key: &str| fixed(&own, key).and_then(|value| value.as_i64()).map(|number| number as usize);
    let (folds, folds_used) = (whole("folds"), whole("folds_used"));
    let path = PathBuf::from(text(&own, "path")?);
    let model = table(errors, document, "model").map(|(items, _)| read_model(errors, items));
    if !errors.list.is_empty() {
        return None;
    }
    // Where the table lies may change; what is in it is kept beside.
    let fingerprint = || fingerprint(document, &["table.path"]);
    let mut study = study.finish(Vec::new(), Space::empty(), [fingerprint(), fingerprint()])?;
    if !document.contains_key("pruner") {
        // Folds are steps: a trial that is behind half of the others after the first is stopped.
        study.pruner = Named::new("percentile", vec![("startup_trials", 6.into()), ("min_steps", 0.into())]);
    }
    let share = fixed(&own, "share").and_then(|value| value.as_f64());
    let (all_folds, folds) = (folds.is_some(), folds.unwrap_or(FOLDS));
    let work = fixed(&own, "work").and_then(|value| value.as_f64());
    Some(FitSpec { study, path, learn, metric, limits, folds, all_folds, share, folds_used, work, model })
}

/// `[model]`.
fn read_model(errors: &mut Errors, items: &DeTable<'_>) -> ModelSpec {
    let (configuration, seed, _) = read_settings(errors, items);
    let mut members = Vec::new();
    if let Some(DeValue::Array(list)) = items.get("members").map(|value| value.get_ref()) {
        for item in list.iter() {
            match item.get_ref() {
                DeValue::Table(own) => {
                    let (configuration, seed, picks) = read_settings(errors, own);
                    let (rounds, after) = (0, After::default());
                    members.push(EnsembleMember { picks, seed, configuration, rounds, after });
                }
                other => {
                    let (expected, found) = ("a table".into(), describe(other));
                    errors.push(item.span(), Problem::WrongType { key: "members".into(), expected, found });
                }
            }
        }
    }
    ModelSpec { configuration, seed, members }
}

/// A configuration, the `seed` of the training, and how many `picks` it is of an ensemble.
fn read_settings(errors: &mut Errors, items: &DeTable<'_>) -> (Configuration, u64, u32) {
    let (mut configuration, mut seed, mut picks) = (Configuration::new(), 0, 1);
    for (key, value) in items {
        let name = key.get_ref().to_string();
        if name == "members" {
            continue;
        }
        let setting = match value.get_ref() {
            DeValue::String(word) => Some(Setting::from(word.to_string())),
            DeValue::Integer(_) => integer(value.get_ref()).map(Setting::from),
            DeValue::Float(_) => lightcrest_spec::setting::number(value.get_ref()).map(Setting::from),
            _ => None,
        };
        match setting {
            Some(setting) if name == "seed" => seed = setting.as_i64().unwrap_or(0).unsigned_abs(),
            Some(setting) if name == "picks" => {
                picks = setting.as_i64().and_then(|it| u32::try_from(it).ok()).unwrap_or(1).max(1);
            }
            Some(setting) => configuration.set(name, setting),
            None => {
                let (expected, found) = ("a word or a number".into(), describe(value.get_ref()));
                errors.push(value.span(), Problem::WrongType { key: name, expected, found });
            }
        }
    }
    (configuration, seed, picks)
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
    use lightcrest_spec::schema::{described, document, list, section};
    let mut properties = Map::new();
    let mut put = |name: &str, schema: Value| properties.insert(name.into(), schema);
    let mut own = section(&TABLE);
    own["properties"]["missing"] = described(list(json!({ "type": "string" })), MISSING);
    own["properties"]["ignore"] = described(list(json!({ "type": "string" })), IGNORE);
    put(TABLE.name, own);
    let scalar = json!({ "type": ["string", "number"] });
    let member = json!({ "type": "object", "additionalProperties": scalar });
    let mut model = member.clone();
    model["properties"] = json!({ "members": described(list(member), vocabulary::MEMBERS) });
    put("model", described(model, vocabulary::MODEL));
    document("Lightcrest spec of a table", SECTIONS, STEP_PRUNERS, properties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Effort;

    #[test]
    fn a_spec_says_everything() {
        let words = SpecWords {
            name: Some("t".into()),
            path: Some("a \"b\".csv".into()),
            target: Some("y\nz".into()),
            seed: Some(3),
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
        let elsewhere = SpecWords { path: Some("/other.csv".into()), ..words.clone() };
        let other = FitSpec::parse(&elsewhere.to_string(), "spec.toml").unwrap();
        assert_eq!(other.study.fingerprint, spec.study.fingerprint, "a table may move");
        // What is said beside a spec is said instead.
        let beside = SpecWords { seed: Some(4), time: Some("5s".into()), ..SpecWords::default() };
        let changed = FitSpec::parse(&beside.over(&words.to_string()).unwrap(), "spec.toml").unwrap();
        assert_eq!((changed.study.seed, changed.study.budget.trials), (4, None));
        assert_eq!(changed.learn.target, spec.learn.target);
        assert!(SpecWords::default().is_empty() && !beside.is_empty());
        // Trials that are behind are stopped, unless a spec says otherwise.
        assert_eq!(spec.study.pruner.name, "percentile");
        let none = format!("{words}\n[pruner]\nname = \"none\"\n");
        assert_eq!(FitSpec::parse(&none, "spec.toml").unwrap().study.pruner.name, "none");
        // A model is read as it was written, an ensemble with its members.
        let mut configuration = Configuration::new();
        configuration.set("algorithm", "ensemble");
        configuration.set("ensemble.price", 0.012_345_678_901_234_5);
        let member = EnsembleMember {
            picks: 3,
            seed: 1 << 62,
            configuration: configuration.clone(),
            rounds: 0,
            after: After::default(),
        };
        let effort = Effort { folds: 2, work: 7.5, ..Effort::default() };
        let model = ModelSpec { configuration, seed: 7, members: vec![member.clone(), member] };
        let made = FitSpec::parse(&model_spec(&none, "again", &model, effort).unwrap(), "spec.toml").unwrap();
        assert_eq!((made.share, made.folds_used, made.work), (None, Some(2), Some(7.5)));
        assert_eq!((made.model.as_ref(), made.study.name.as_str()), (Some(&model), "again"));
        assert_eq!(made.study.pruner.name, "percentile");
        let wrong = words.to_string().replace("no_header", "no_headr");
        assert!(FitSpec::parse(&wrong, "spec.toml").unwrap_err().to_string().contains("no_header"));
        assert!(json_schema()["properties"]["table"]["properties"]["missing"].is_object());
    }
}

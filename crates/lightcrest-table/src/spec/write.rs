//! A spec as text, from what a command line says.

use std::fmt;

use lightcrest::space::{Configuration, Value as Setting};
use toml::{Table, Value};

use super::ModelSpec;
use crate::search::{Effort, EnsembleMember};

/// What a command line says of a table; the rest is left to the spec, or to the defaults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpecWords {
    /// Name of the study.
    pub name: Option<String>,
    /// The table.
    pub path: Option<String>,
    /// The column to predict.
    pub target: Option<String>,
    /// The seed.
    pub seed: Option<u64>,
    /// Keys of `[table]` that are strings.
    pub texts: Vec<(&'static str, String)>,
    /// Keys that are true.
    pub flags: Vec<&'static str>,
    /// Keys that are numbers.
    pub numbers: Vec<(&'static str, f64)>,
    /// Keys that are lists of strings.
    pub lists: Vec<(&'static str, Vec<String>)>,
    /// Time of the budget.
    pub time: Option<String>,
    /// Trials of the budget.
    pub trials: Option<usize>,
}

impl SpecWords {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.sections().iter().all(|(_, keys)| keys.is_empty())
    }

    /// A spec with these words instead of its own. A budget is replaced as a whole.
    ///
    /// # Errors
    /// If the text is no TOML.
    pub fn over(&self, text: &str) -> Result<String, toml::de::Error> {
        let mut document: Table = toml::from_str(text)?;
        if self.time.is_some() || self.trials.is_some() {
            document.remove("budget");
        }
        for (name, keys) in self.sections().into_iter().filter(|(_, keys)| !keys.is_empty()) {
            if let Value::Table(section) = document.entry(name).or_insert_with(|| Table::new().into()) {
                section.extend(keys);
            }
        }
        Ok(document.to_string())
    }

    fn sections(&self) -> [(&'static str, Table); 3] {
        let (mut study, mut table, mut budget) = (Table::new(), Table::new(), Table::new());
        let put = |section: &mut Table, key: &str, value: Option<Value>| {
            section.extend(value.map(|value| (key.to_owned(), value)));
        };
        let text = |text: &Option<String>| text.clone().map(Value::String);
        put(&mut study, "name", text(&self.name));
        put(&mut study, "seed", self.seed.map(|seed| Value::Integer(seed.cast_signed())));
        put(&mut table, "path", text(&self.path));
        put(&mut table, "target", text(&self.target));
        for (key, text) in &self.texts {
            put(&mut table, key, Some(text.clone().into()));
        }
        self.flags.iter().for_each(|key| put(&mut table, key, Some(true.into())));
        for (key, number) in &self.numbers {
            let whole = number.fract() == 0.0 && number.abs() < 9e15;
            let value = if whole { Value::Integer(*number as i64) } else { Value::Float(*number) };
            put(&mut table, key, Some(value));
        }
        for (key, list) in self.lists.iter().filter(|(_, list)| !list.is_empty()) {
            put(&mut table, key, Some(list.clone().into()));
        }
        put(&mut budget, "time", text(&self.time));
        put(&mut budget, "trials", self.trials.map(|trials| Value::Integer(trials as i64)));
        [("study", study), ("table", table), ("budget", budget)]
    }
}

impl fmt::Display for SpecWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections = self.sections().into_iter().map(|(name, keys)| (name.to_owned(), Value::Table(keys)));
        write!(f, "{}", sections.collect::<Table>())
    }
}

/// A spec that makes one model again, from the spec of its search.
///
/// `effort` is what was used of the table.
///
/// # Errors
/// If the spec is no TOML.
pub fn model_spec(
    search: &str,
    name: &str,
    model: &ModelSpec,
    effort: Effort,
) -> Result<String, toml::de::Error> {
    let whole: Table = toml::from_str(search)?;
    let is_kept = |(section, _): &(String, Value)| matches!(section.as_str(), "study" | "table");
    let mut document: Table = whole.into_iter().filter(is_kept).collect();
    if let Some(Value::Table(study)) = document.get_mut("study") {
        study.insert("name".into(), name.into());
        // A model that is made again is no trial of the study.
        study.remove("storage");
    }
    if let Some(Value::Table(table)) = document.get_mut("table") {
        if effort.read < 1.0 {
            table.insert("share_read".into(), Value::Float(effort.read));
        }
        if effort.share < 1.0 {
            table.insert("share".into(), Value::Float(effort.share));
        }
        if effort.work.is_finite() {
            table.insert("work".into(), Value::Float(effort.work));
        }
        if effort.folds < usize::MAX {
            table.insert("folds_used".into(), Value::Integer(effort.folds as i64));
        }
    }
    let mut own = settings(&model.configuration, model.seed);
    if !model.members.is_empty() {
        let member = |member: &EnsembleMember| {
            let mut own = settings(&member.configuration, member.seed);
            own.insert("picks".into(), Value::Integer(member.picks.into()));
            Value::Table(own)
        };
        own.insert("members".into(), Value::Array(model.members.iter().map(member).collect()));
    }
    document.insert("model".into(), Value::Table(own));
    document.insert("budget".into(), Table::from_iter([("trials".to_owned(), Value::Integer(1))]).into());
    Ok(document.to_string())
}

/// A configuration by the full names of its parameters, and the seed of its training.
fn settings(configuration: &Configuration, seed: u64) -> Table {
    let value = |value: &Setting| match (value.as_str(), value.as_i64(), value.as_f64()) {
        (Some(text), ..) => Some(Value::String(text.to_owned())),
        (_, Some(whole), _) => Some(Value::Integer(whole)),
        (.., number) => number.map(Value::Float),
    };
    let settings = configuration.iter().filter_map(|(name, it)| Some((name.to_owned(), value(it)?)));
    settings.chain([("seed".to_owned(), Value::Integer(seed.cast_signed()))]).collect()
}

//! What every spec says, whatever evaluates its configurations.

use std::path::PathBuf;
use std::time::Duration;

use lightcrest::objective::ObjectiveInfo;
use lightcrest::space::{Space, Value};
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Errors, Problem};
use crate::document::{fixed, group, named, table};
use crate::setting::{describe, in_order};
use crate::tree::{ConfigurationError, Group, deserialize};
use crate::vocabulary::{BUDGET, MEMORY, SAMPLERS, STUDY, Section, TERMINATORS, WORKERS};

/// Trials of a search whose budget has neither trials nor time.
const DEFAULT_TRIALS: usize = 100;

/// The study of a spec: what varies, what is optimised, and how it is searched.
#[derive(Debug, Clone)]
pub struct StudySpec {
    /// Name of the study.
    pub name: String,
    /// Seed of the study.
    pub seed: u64,
    /// The URL of the database that it lives in, as the spec writes it; absent: one in the folder of its run.
    pub storage: Option<String>,
    /// Names and directions of the objectives.
    pub objectives: Vec<ObjectiveInfo>,
    /// When the search ends.
    pub budget: Budget,
    /// How many trials run at the same time; absent: as many as there are cores.
    pub workers: Option<usize>,
    /// Runs that a new study learns from, as the spec writes them.
    pub learn_from: Vec<PathBuf>,
    /// The sampler and its settings.
    pub sampler: Named,
    /// The pruner and its settings.
    pub pruner: Named,
    /// What ends the search before its budget is spent, and its settings.
    pub terminator: Named,
    /// Everything that varies. Empty when the spec fixes every value: then there is nothing to search.
    pub space: Space,
    /// Text that differs for specs whose trials cannot be compared. Where the study lives, `[budget]`,
    /// `[workers]`, `[memory]`, `[sampler]`, `[pruner]`, `[terminator]`, `[refit]`, what limits a command and
    /// where it runs, where the images lie, comments and the order of keys do not count: they may change when
    /// a study goes on.
    pub fingerprint: String,
    /// What `fingerprint` was for studies that began when the place of the images counted.
    pub earlier_fingerprint: String,
}

/// The limits of a search; it ends at the first that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Budget {
    /// Number of trials.
    pub trials: Option<usize>,
    /// Time, the refit included.
    pub time: Option<Duration>,
}

/// A part of the engine chosen by name, with its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name, as the spec writes it.
    pub name: &'static str,
    pub(crate) values: Vec<(&'static str, Value)>,
}

impl Named {
    /// A setting; absent when the spec leaves it to the default.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// All settings as the type that holds them, such as the sampler's `GpConfig`; what the spec leaves out
    /// keeps the default of that type.
    ///
    /// # Errors
    /// [`ConfigurationError::Value`] when the type does not know a setting.
    pub fn config<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigurationError> {
        deserialize(self.name, self.values.clone())
    }

    /// A setting that is a number.
    pub fn get_f64(&self, key: &str) -> Option<f64> {
        self.get(key).and_then(Value::as_f64)
    }

    /// A setting that is a whole number, zero or more.
    pub fn get_usize(&self, key: &str) -> Option<usize> {
        self.get(key).and_then(Value::as_i64).and_then(|value| usize::try_from(value).ok())
    }

    /// A setting that is a word.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }
}

/// The sections of a [`StudySpec`] as they were read.
pub struct StudySections {
    study: Group,
    budget: Group,
    workers: Group,
    learn_from: Vec<PathBuf>,
    sampler: Option<Named>,
    pruner: Option<Named>,
    terminator: Option<Named>,
}

impl StudySections {
    /// Reads `[study]`, `[budget]`, `[workers]`, `[memory]`, `[sampler]`, `[pruner]` and `[terminator]`.
    pub fn read(errors: &mut Errors, document: &DeTable<'_>, pruners: &'static [Section]) -> Self {
        let empty = DeTable::new();
        let learn_from = read_memory(errors, document);
        let mut table = |name: &str| table(errors, document, name).unwrap_or((&empty, 0..0));
        let (study, budget, workers) = (table("study"), table("budget"), table("workers"));
        let (sampler, pruner, terminator) = (table("sampler"), table("pruner"), table("terminator"));
        Self {
            study: group(errors, &STUDY, study, "[study]", "", &[]),
            budget: group(errors, &BUDGET, budget, "[budget]", "", &[]),
            workers: group(errors, &WORKERS, workers, "[workers]", "", &[]),
            learn_from,
            sampler: named(errors, SAMPLERS, "auto", sampler, "[sampler]"),
            pruner: named(errors, pruners, "none", pruner, "[pruner]"),
            terminator: named(errors, TERMINATORS, "none", terminator, "[terminator]"),
        }
    }

    /// The study, when everything was right.
    pub fn finish(
        self,
        objectives: Vec<ObjectiveInfo>,
        space: Space,
        [fingerprint, earlier_fingerprint]: [String; 2],
    ) -> Option<StudySpec> {
        let (trials, time) = (count(&self.budget, "trials"), time(&self.budget, "time"));
        Some(StudySpec {
            name: fixed(&self.study, "name")?.as_str()?.to_owned(),
            seed: fixed(&self.study, "seed").and_then(|value| value.as_i64()).unwrap_or(0) as u64,
            storage: fixed(&self.study, "storage").and_then(|value| Some(value.as_str()?.to_owned())),
            objectives,
            budget: Budget { trials: trials.or(time.is_none().then_some(DEFAULT_TRIALS)), time },
            workers: count(&self.workers, "count"),
            learn_from: self.learn_from,
            sampler: self.sampler?,
            pruner: self.pruner?,
            terminator: self.terminator?,
            space,
            fingerprint,
            earlier_fingerprint,
        })
    }
}

/// The paths of `[memory]`.
fn read_memory(errors: &mut Errors, document: &DeTable<'_>) -> Vec<PathBuf> {
    const KEY: &str = "learn_from";
    let (mut paths, section) = (Vec::new(), format!("[{}]", MEMORY.name));
    let Some((table, _)) = table(errors, document, MEMORY.name) else { return paths };
    for (key, span, value) in in_order(table) {
        if key != KEY {
            let (key, section, known) = (key.into(), section.clone(), vec![KEY.into()]);
            errors.push(span, Problem::UnknownKey { key, section, known });
            continue;
        }
        let mut refuse = |span, found: &DeValue<'_>| {
            let expected = "a list of paths, such as [\"runs/first\"]".into();
            errors.push(span, Problem::WrongType { key: KEY.into(), expected, found: describe(found) });
        };
        let DeValue::Array(items) = value.get_ref() else {
            refuse(value.span(), value.get_ref());
            continue;
        };
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(path) if !path.is_empty() => paths.push(path.as_ref().into()),
                other => refuse(item.span(), other),
            }
        }
    }
    paths
}

/// A whole number that is set.
pub fn count(group: &Group, key: &str) -> Option<usize> {
    fixed(group, key).and_then(|value| value.as_i64()).map(|n| n as usize)
}

/// A duration that is set.
pub fn time(group: &Group, key: &str) -> Option<Duration> {
    fixed(group, key).and_then(|value| value.as_f64()).map(Duration::from_secs_f64)
}

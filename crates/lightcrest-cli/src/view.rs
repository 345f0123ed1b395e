//! A run as its readers see it: the trials of the study joined with the models that were written.
//!
//! Everything that shows a run (the table, `front.csv`, the report) reads it from here, so they cannot disagree.

use std::collections::BTreeMap;
use std::path::Path;

use lightcrest::history::{FrozenTrial, History};
use lightcrest::storage::{self, Definition};

use crate::error::CliError;
use crate::prepare;
use crate::run::{ModelCard, RunFolder, look};
use crate::spec_file::SpecFile;

/// A run.
#[derive(Debug)]
pub(crate) struct View {
    /// What the study is.
    pub(crate) definition: Definition,
    /// Its trials.
    pub(crate) history: History,
    /// The models that were written, by trial.
    pub(crate) cards: BTreeMap<u64, ModelCard>,
    /// Settings that the study does not know (sampler, budget), ready to read.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// The spec, where there is one that this program reads and the study was made from.
    pub(crate) spec: Option<SpecFile>,
}

/// Metrics in the order that readers expect; others follow by name.
const ORDER: [&str; 13] = [
    "validation_accuracy",
    "refit_validation_accuracy",
    "test_accuracy",
    "macs",
    "parameters",
    "latency_ms",
    "macro_f1",
    "test_macro_f1",
    "loss",
    "test_loss",
    "model_bytes",
    "peak_activation_bytes",
    "epochs",
];

/// Attributes that are no metrics: how the training went about it.
const UNSHOWN: [&str; 4] = ["seed", "seconds", "epoch", "latency_iqr_ms"];

impl View {
    /// Reads a run, also while a search goes on in it.
    ///
    /// # Errors
    /// If its database or one of its models cannot be read. A spec of another version of the program only costs its
    /// settings.
    pub(crate) fn read(folder: &RunFolder) -> Result<Self, CliError> {
        let unreadable = |source| CliError::Unreadable { path: folder.root().to_path_buf(), source };
        let mut storage = folder.look().map_err(unreadable)?;
        let (definition, history) = storage::load(&mut storage).map_err(unreadable)?;
        let spec = SpecFile::read(&folder.spec()).ok();
        let settings = spec.as_ref().map(SpecFile::settings).unwrap_or_default();
        let spec = spec.filter(|spec| prepare::describes(spec.study(), &definition));
        Ok(Self { definition, history, cards: folder.cards()?, settings, spec })
    }

    /// Reads a database that is no part of a run.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read_database(path: &Path) -> Result<Self, CliError> {
        let unreadable = |source| CliError::Unreadable { path: path.to_path_buf(), source };
        let (definition, history) =
            look(path).and_then(|mut storage| storage::load(&mut storage)).map_err(unreadable)?;
        Ok(Self { definition, history, cards: BTreeMap::new(), settings: Vec::new(), spec: None })
    }

    /// Whether the trials ran a command, which leaves logs instead of models.
    pub(crate) fn is_tuned(&self) -> bool {
        matches!(self.spec, Some(SpecFile::Tune(_)))
    }

    /// The trials of the front, best value of the first objective first.
    pub(crate) fn front(&self) -> Vec<&FrozenTrial> {
        let mut front = self.history.front();
        let first =
            |trial: &FrozenTrial| self.history.oriented(trial).map_or(f64::NEG_INFINITY, |values| values[0]);
        front.sort_by(|a, b| first(b).total_cmp(&first(a)).then(a.number.cmp(&b.number)));
        front
    }

    /// Everything that was measured of a trial, by name. What was measured on the model that was written counts more
    /// than what the trial saw.
    pub(crate) fn metrics(&self, trial: &FrozenTrial) -> BTreeMap<String, f64> {
        let measured = trial.attributes.iter().filter(|(name, _)| !UNSHOWN.contains(&name.as_str()));
        let numbers = measured.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
        let mut metrics: BTreeMap<String, f64> = numbers.collect();
        for (i, objective) in self.definition.objectives.iter().enumerate() {
            let known = || trial.known.get(i).copied().flatten();
            if let Some(value) = trial.values.as_ref().map(|values| values[i]).or_else(known) {
                metrics.insert(objective.name.clone(), value);
            }
        }
        if let Some(card) = self.cards.get(&trial.number) {
            metrics.extend(card.metrics.iter().map(|(name, value)| (name.clone(), *value)));
        }
        metrics
    }

    /// Names of everything that was measured: the objectives, then in an order that readers expect.
    pub(crate) fn metric_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.definition.objectives.iter().map(|o| o.name.clone()).collect();
        let mut others: Vec<String> =
            self.history.trials().iter().flat_map(|trial| self.metrics(trial).into_keys()).collect();
        others
            .sort_by_key(|name| (ORDER.iter().position(|o| o == name).unwrap_or(ORDER.len()), name.clone()));
        others.dedup();
        others.retain(|name| !names.contains(name));
        names.extend(others);
        names
    }
}

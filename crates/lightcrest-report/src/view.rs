//! A study as its readers see it: the trials joined with what its owner knows beside them.
//!
//! Everything that shows a study (tables, `front.csv`, the report) reads it from here, so they cannot
//! disagree.

use std::collections::BTreeMap;

use lightcrest::history::{FrozenTrial, History, TrialState};
use lightcrest::storage::{self, Definition, Storage, StorageError};

use crate::data::{Diagnosis, Fact, Layer, TableSection};

/// A study, and what is known beside it.
#[derive(Debug, Clone)]
pub struct View {
    /// What the study is.
    pub definition: Definition,
    /// Its trials.
    pub history: History,
    /// The models that were written, by trial.
    pub models: BTreeMap<u64, WrittenModel>,
    /// What the trials learn from, ready to read.
    pub data: Option<String>,
    /// Settings that the study does not know (sampler, budget), ready to read.
    pub settings: Vec<Fact>,
    /// Whether the trials train networks, which have parameters, MACs and latencies.
    pub networks: bool,
    /// The table that the trials learn from, where it is one.
    pub table: Option<TableSection>,
    /// The revision of the storage that was taken over last.
    pub revision: u64,
}

/// A model that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenModel {
    /// Paths of its files, relative to the page.
    pub files: Vec<String>,
    /// What was measured on it, by name.
    pub metrics: BTreeMap<String, f64>,
    /// Its layers in order.
    pub layers: Vec<Layer>,
    /// How a model of a table predicts rows that it did not learn from.
    pub diagnosis: Option<Diagnosis>,
}

/// Metrics in the order that readers expect; others follow by name.
const ORDER: [&str; 31] = [
    "standard_error",
    "test_log_loss",
    "test_auc",
    "test_average_precision",
    "test_f1",
    "test_brier",
    "test_rmse",
    "test_mae",
    "test_r2",
    "test_pinball",
    "latency_alone_us",
    "latency_batch_us",
    "columns_needed",
    "rounds",
    "validation_accuracy",
    "refit_validation_accuracy",
    "test_accuracy",
    "accuracy_drop",
    "agreement",
    "test_agreement",
    "macs",
    "parameters",
    "latency_ms",
    "macro_f1",
    "test_macro_f1",
    "loss",
    "test_loss",
    "model_bytes",
    "file_bytes",
    "peak_activation_bytes",
    "epochs",
];

/// Attributes that are no metrics: how the training went about it.
const UNSHOWN: [&str; 6] =
    ["seed", "seconds", "training_seconds", "epoch", "latency_iqr_ms", "latency_reference_ms"];

impl View {
    /// A study of which nothing is known but its trials.
    pub fn new(definition: Definition, history: History) -> Self {
        let (models, settings) = (BTreeMap::new(), Vec::new());
        Self { definition, history, models, data: None, settings, networks: false, table: None, revision: 0 }
    }

    /// Reads a study, also while trials go on in it.
    ///
    /// # Errors
    /// If the storage cannot be read or keeps no study.
    pub fn read(storage: &mut dyn Storage) -> Result<Self, StorageError> {
        let (definition, history) = storage::load(storage)?;
        Ok(Self::new(definition, history))
    }

    /// Reads the study again if trials have changed since the last time (or this is the first), and says
    /// whether it did. What the owner knows beside the study stays. For whoever polls a storage: no change
    /// costs one short query.
    ///
    /// # Errors
    /// As [`read`](Self::read); the view stays as it was.
    pub fn update(&mut self, storage: &mut dyn Storage) -> Result<bool, StorageError> {
        let changes = storage.changes(self.revision)?;
        if changes.revision == self.revision {
            return Ok(false);
        }
        // The space may have grown with the trials, so all are read.
        (self.definition, self.history) = storage::load(storage)?;
        self.revision = changes.revision;
        Ok(true)
    }

    /// One sentence about the trials, without a full stop.
    pub fn summary(&self) -> String {
        let count = |state| self.history.in_state(state).count();
        let mut parts = vec![
            format!("{} trials", self.history.len()),
            format!("{} complete", count(TrialState::Complete)),
        ];
        for (state, text) in [
            (TrialState::Pruned, "stopped early"),
            (TrialState::Failed, "failed"),
            (TrialState::Running, "running"),
            (TrialState::Waiting, "waiting"),
        ] {
            if count(state) > 0 {
                parts.push(format!("{} {text}", count(state)));
            }
        }
        parts.push(format!("{} on the front", self.front().len()));
        parts.join(", ")
    }

    /// The trials of the front, best value of the first objective first. Of a table, only those that have a
    /// model once models were written: time or limits may have kept others from one.
    pub fn front(&self) -> Vec<&FrozenTrial> {
        let mut front = self.history.front();
        if self.table.is_some() && !self.models.is_empty() {
            front.retain(|trial| self.models.contains_key(&trial.number));
        }
        let first =
            |trial: &FrozenTrial| self.history.oriented(trial).map_or(f64::NEG_INFINITY, |values| values[0]);
        front.sort_by(|a, b| first(b).total_cmp(&first(a)).then(a.number.cmp(&b.number)));
        front
    }

    /// Everything that was measured of a trial, by name. What was measured on the model that was written
    /// counts more than what the trial saw.
    pub fn metrics(&self, trial: &FrozenTrial) -> BTreeMap<String, f64> {
        let measured = trial.attributes.iter().filter(|(name, _)| !UNSHOWN.contains(&name.as_str()));
        let numbers = measured.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
        let mut metrics: BTreeMap<String, f64> = numbers.collect();
        for (i, objective) in self.definition.objectives.iter().enumerate() {
            let known = || trial.known.get(i).copied().flatten();
            if let Some(value) = trial.values.as_ref().map(|values| values[i]).or_else(known) {
                metrics.insert(objective.name.clone(), value);
            }
        }
        if let Some(model) = self.models.get(&trial.number) {
            metrics.extend(model.metrics.iter().map(|(name, value)| (name.clone(), *value)));
        }
        metrics
    }

    /// What is told first of the models of a table: quality, then what it costs. None for other studies.
    pub fn columns_of_table(&self) -> Option<Vec<String>> {
        self.table.as_ref()?;
        let judged = self.definition.objectives.first().map_or("", |objective| objective.name.as_str());
        // Models are tested by every metric: here by the one that they were chosen by.
        let of = |part: &str| judged.replacen("validation_", part, 1);
        let (expected, tested) = (of("expected_"), of("test_"));
        let costs = ["model_bytes", "latency_alone_us", "latency_batch_us", "columns_needed"];
        let quality = [judged, "standard_error", &expected, &tested, "test_standard_error"];
        Some(quality.into_iter().chain(costs).map(str::to_owned).collect())
    }

    /// Names of everything that was measured: the objectives, then in an order that readers expect.
    pub fn metric_names(&self) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use lightcrest::storage::MemoryStorage;

    #[test]
    fn a_view_follows_its_storage() {
        let sample = testing::view();
        let mut storage = MemoryStorage::default();
        storage.open(&sample.definition).unwrap();
        storage.create(&sample.history.trials()[0]).unwrap();
        let mut view = View::read(&mut storage).unwrap();
        view.networks = true;
        view.update(&mut storage).unwrap();
        assert!(!view.update(&mut storage).unwrap(), "nothing has changed");
        storage.create(&sample.history.trials()[1]).unwrap();
        assert!(view.update(&mut storage).unwrap());
        assert_eq!(view.history.trials(), &sample.history.trials()[..2]);
        assert!(view.networks);
    }
}

//! The spec: one TOML file that says what to search, on what data, and how.
//!
//! [`Spec::parse`] reads a file and reports every error with its place ([`SpecErrors`]). A [`Spec`] knows the engine's
//! [`Space`], builds the network and the training of a configuration ([`Spec::build`]), and writes the file that trains
//! one configuration again ([`Spec::resolve`]).
//!
//! Any value of `[training]` and `[architecture]` may be a domain instead of a value:
//!
//! ```toml
//! learning_rate = { low = 1e-4, high = 1e-1, log = true }
//! batch_size = [32, 64, 128]              # one of these, in their order
//!
//! [training.optimizer.sgd]                # two optimizers: the parameter `optimizer` chooses
//! momentum = { low = 0.5, high = 0.99 }   # the parameter `optimizer.sgd.momentum`, active under sgd
//! [training.optimizer.adamw]
//!
//! [[architecture.stages]]
//! name = "stage1"
//! out_channels = [16, 32]                 # for every module of the stage that has it
//! repeat = { low = 1, high = 3 }
//! [architecture.stages.modules.Conv]      # two modules: the parameter `stage1.module` chooses
//! kernel = [1, 3, 5]                      # `stage1.Conv.kernel`
//! [architecture.stages.modules.MBConv]
//! expansion = { low = 1, high = 6, step = 0.5 }
//! ```

mod build;
mod diagnostic;
mod fingerprint;
mod formula;
mod objective;
mod parse;
mod resolve;
mod schema;
mod setting;
mod space;
#[cfg(test)]
mod tests;
mod tree;
mod vocabulary;

use std::time::Duration;

use lightcrest::objective::ObjectiveInfo;
use lightcrest::space::{Space, Value};

pub use build::{BuildError, Candidate};
pub use diagnostic::{Problem, SpecError, SpecErrors};
pub use objective::{ConstraintSpec, Metrics, ObjectiveSpec};
pub use resolve::Phase;
pub use schema::json_schema;
pub use tree::ConfigurationError;

use crate::data::DataConfig;
use tree::{Choice, Group, Stage};

/// A spec file that was read and found right.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name of the study.
    pub name: String,
    /// Seed of the study.
    pub seed: u64,
    /// What is minimised and maximised.
    pub objectives: Vec<ObjectiveSpec>,
    /// What a model must keep.
    pub constraints: Vec<ConstraintSpec>,
    /// The images.
    pub data: DataConfig,
    /// When the search ends.
    pub budget: Budget,
    /// How many trials run at the same time; absent: as many as there are cores.
    pub workers: Option<usize>,
    /// Whether and how the front is trained again.
    pub refit: Option<Refit>,
    /// The sampler and its settings.
    pub sampler: Named,
    /// The pruner and its settings.
    pub pruner: Named,
    data_group: Group,
    training: Training,
    architecture: Architecture,
    refit_augmentation: Group,
    space: Space,
    fingerprint: String,
}

/// The limits of a search; it ends at the first that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Budget {
    /// Number of trials.
    pub trials: Option<usize>,
    /// Time, the refit included.
    pub time: Option<Duration>,
}

/// A second, longer training of the models of the front.
///
/// Brief trials rank candidates well enough, and the time they leave buys more of them; the accuracy that a user keeps
/// comes from the refit, which trains each configuration of the front anew with its own seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refit {
    /// Epochs of the second training, at most.
    pub epochs: usize,
    /// Whether it trains on the validation images too.
    pub validation_too: bool,
    /// Part of the budget's time that is kept for it; absent: what is left.
    pub time: Option<Duration>,
    /// How many models at most; absent: all of the front.
    pub models: Option<usize>,
}

/// A part of the engine chosen by name, with its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name, as the spec writes it.
    pub name: &'static str,
    values: Vec<(&'static str, Value)>,
}

impl Named {
    /// A setting; absent when the spec leaves it to the default.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// All settings as the type that holds them, such as the sampler's `GpConfig`; what the spec leaves out keeps the
    /// default of that type.
    ///
    /// # Errors
    /// [`ConfigurationError::Value`] when the type does not know a setting.
    pub fn config<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigurationError> {
        tree::deserialize(self.name, self.values.clone())
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

#[derive(Debug, Clone)]
struct Training {
    group: Group,
    optimizer: Choice,
    schedule: Choice,
    loss: Choice,
    augmentation: Group,
}

#[derive(Debug, Clone)]
struct Architecture {
    group: Group,
    stages: Vec<Stage>,
    head: Group,
}

impl Spec {
    /// Reads a spec from its text; `path` is only for messages.
    ///
    /// # Errors
    /// [`SpecErrors`] holds everything that is wrong.
    pub fn parse(text: &str, path: &str) -> Result<Self, SpecErrors> {
        parse::parse(text, path)
    }

    /// Everything that varies. Empty when the spec fixes every value: then there is one model to train and nothing to
    /// search.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Names and directions of the objectives.
    pub fn objectives(&self) -> Vec<ObjectiveInfo> {
        self.objectives.iter().map(|objective| objective.info.clone()).collect()
    }

    /// The images of a phase: `train_images` cuts those of the search only.
    pub fn data(&self, phase: Phase) -> DataConfig {
        match phase {
            Phase::Search => self.data.clone(),
            Phase::Refit(_) => DataConfig { train_images: None, ..self.data.clone() },
        }
    }

    /// Text that differs for specs whose trials cannot be compared. `[budget]`, `[workers]`, `[sampler]`, `[pruner]`,
    /// `[refit]`, comments and the order of keys do not count: they may change when a study goes on.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

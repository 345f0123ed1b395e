//! The spec: one TOML file that says what to search, on what data, and how.
//!
//! There are two kinds. A [`Spec`] searches light networks, which this crate builds and trains; a [`TuneSpec`](tune::TuneSpec) tunes
//! any command. They share the study ([`StudySpec`]), the ways to write a domain, and the errors.
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
mod relocate;
mod resolve;
mod schema;
mod setting;
mod space;
mod study;
#[cfg(test)]
mod tests;
mod tree;
pub mod tune;
mod vocabulary;

use std::time::Duration;

use lightcrest::space::Space;

pub use build::{BuildError, Candidate};
pub use diagnostic::{Problem, SpecError, SpecErrors};
pub use objective::{ConstraintSpec, Metrics, ObjectiveSpec};
pub use relocate::with_data_path;
pub use resolve::Phase;
pub use schema::json_schema;
pub use study::{Budget, Named, StudySpec};
pub use tree::ConfigurationError;

use crate::data::DataConfig;
use tree::{Choice, Group, Stage};

/// A spec of light networks that was read and found right.
#[derive(Debug, Clone)]
pub struct Spec {
    /// What it has in common with every other spec.
    pub study: StudySpec,
    /// What is minimised and maximised.
    pub objectives: Vec<ObjectiveSpec>,
    /// What a model must keep.
    pub constraints: Vec<ConstraintSpec>,
    /// The images.
    pub data: DataConfig,
    /// Whether and how the front is trained again.
    pub refit: Option<Refit>,
    data_group: Group,
    training: Training,
    architecture: Architecture,
    refit_augmentation: Group,
}

/// What a spec is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecKind {
    /// Light networks, a [`Spec`].
    Search,
    /// A command, a [`TuneSpec`](tune::TuneSpec).
    Tune,
}

impl SpecKind {
    /// The kind of a spec by the tables that only one of them has; none where there are none, or the text is no TOML.
    pub fn of(text: &str) -> Option<Self> {
        let document = toml::de::DeTable::parse(text).ok()?;
        let has = |names: &[&str]| names.iter().any(|name| document.get_ref().contains_key(*name));
        match (has(&["command", "parameters"]), has(&["data", "training", "architecture"])) {
            (true, false) => Some(Self::Tune),
            (false, true) => Some(Self::Search),
            // A spec with both is wrong as either; the command says what it was meant to be.
            (true, true) => document.get_ref().contains_key("command").then_some(Self::Tune),
            (false, false) => None,
        }
    }
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
        &self.study.space
    }

    /// The images of a phase: `train_images` cuts those of the search only.
    pub fn data(&self, phase: Phase) -> DataConfig {
        match phase {
            Phase::Search => self.data.clone(),
            Phase::Refit(_) => DataConfig { train_images: None, ..self.data.clone() },
        }
    }
}

//! The spec of a search: one TOML file that says which networks, on what data, and how.
//!
//! What every kind of spec has, the study, the ways to write a domain and the errors, is in
//! [`lightcrest_spec`]; here is what light networks have beside it.
//!
//! [`Spec::parse`] reads a file and reports every error with its place ([`SpecErrors`]). A [`Spec`] knows the
//! engine's [`Space`], builds the network and the training of a configuration ([`Spec::build`]), and writes
//! the file that trains one configuration again ([`Spec::resolve`]).
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
pub(crate) mod objective;
pub(crate) mod parse;
mod relocate;
pub(crate) mod resolve;
pub(crate) mod schema;
pub(crate) mod space;
#[cfg(test)]
mod tests;
pub(crate) mod vocabulary;

use std::time::Duration;

use lightcrest::space::Space;
use lightcrest_spec::tree::{Choice, Group};
use lightcrest_spec::{ConstraintSpec, SpecErrors, StudySpec};

pub use build::{BuildError, Candidate};
pub use objective::{Metrics, ObjectiveSpec};
pub use relocate::with_path;
pub use resolve::Phase;
pub use schema::json_schema;

use crate::data::DataConfig;

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

/// A second, longer training of the models of the front.
///
/// Brief trials rank candidates well enough, and the time they leave buys more of them; the accuracy that a
/// user keeps comes from the refit, which trains each configuration of the front anew with its own seed.
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

/// How a network is trained.
#[derive(Debug, Clone)]
pub(crate) struct Training {
    pub(crate) group: Group,
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

/// A stage of the network.
#[derive(Debug, Clone, PartialEq)]
struct Stage {
    name: String,
    /// `repeat` and `stride`.
    own: Group,
    /// Keys that several modules share.
    shared: Group,
    modules: Choice,
}

impl Spec {
    /// The tables that only this kind of spec has.
    pub const TABLES: &[&str] = &["data", "training", "architecture"];

    /// Reads a spec from its text; `path` is only for messages.
    ///
    /// # Errors
    /// [`SpecErrors`] holds everything that is wrong.
    pub fn parse(text: &str, path: &str) -> Result<Self, SpecErrors> {
        parse::parse(text, path)
    }

    /// Everything that varies. Empty when the spec fixes every value: then there is one model to train and
    /// nothing to search.
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

//! The spec of a compression: which network, on what images, by which methods.
//!
//! ```toml
//! [model]
//! path = "model.onnx"
//! [data]
//! source = "fashion_mnist"
//! [compress]
//! methods = ["prune", "svd", "tucker"]
//! keep = ["/fc/Gemm"]
//! [compress.sections.stage1-spine]        # optional: what is not written is searched
//! method = ["keep", "prune"]
//! ratio = { low = 0.1, high = 0.5 }
//! [finetune]
//! epochs = 3
//! learning_rate = { low = 1e-3, high = 1e-1, log = true }
//! [finetune.distillation]
//! [refit]                                 # the front's models again, for longer
//! epochs = 20
//! ```
//!
//! The space depends on the network: every section of its layers has the parameters `NAME.method`,
//! `NAME.ratio` (active under `prune`), `NAME.rank` (active under the low-rank methods) and, where int8 is
//! allowed, `NAME.precision`. So the file of the network is opened while the spec is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lightcrest::space::{Configuration, Space};
use lightcrest_spec::tree::{Group, deserialize};
use lightcrest_spec::{ConfigurationError, ConstraintSpec, SpecErrors, StudySpec};

use super::original::Original;
use super::outline::Outline;
use super::passes::{LayerFate, Passes, PlanCost};
use super::plan::{Change, Plan};
use super::preprocessing::Preprocessing;
use super::section::Section;
use crate::data::{DataConfig, SourceKind};
use crate::spec::{ObjectiveSpec, Phase, Refit, Training};
use crate::train::FinetuneConfig;

/// A spec of a compression that was read and found right.
#[derive(Debug, Clone)]
pub struct CompressSpec {
    /// What it has in common with every other spec.
    pub study: StudySpec,
    /// What is minimised and maximised.
    pub objectives: Vec<ObjectiveSpec>,
    /// What a model must keep.
    pub constraints: Vec<ConstraintSpec>,
    /// The images; of a folder they have the size and the channels that the network reads.
    pub data: DataConfig,
    /// The network as it was opened.
    pub original: Arc<Original>,
    /// What the network expects of an image.
    pub preprocessing: Preprocessing,
    /// Its layers.
    pub outline: Outline,
    pub(super) passes: Arc<Passes>,
    pub(super) path: PathBuf,
    pub(super) data_group: Group,
    pub(super) methods: Vec<&'static str>,
    pub(super) keep: Vec<String>,
    pub(super) own: Group,
    pub(super) sections: Vec<SectionSpec>,
    pub(super) finetune: Option<Finetune>,
    /// Whether and how the models of the front are fine-tuned for longer.
    pub refit: Option<Refit>,
}

/// A section of layers, and what the spec says of it.
#[derive(Debug, Clone)]
pub(super) struct SectionSpec {
    pub(super) section: Section,
    /// `method`, `ratio`, `rank` and `precision`, as far as they are written or searched.
    pub(super) group: Group,
}

/// `[finetune]`.
#[derive(Debug, Clone)]
pub(super) struct Finetune {
    pub(super) training: Training,
    /// Present when the original is to teach.
    pub(super) distillation: Option<Group>,
}

/// Opens the network that a spec names.
pub type Open<'a> = dyn Fn(&Path) -> Result<Arc<Original>, String> + 'a;

impl CompressSpec {
    /// The tables that only this kind of spec has.
    pub const TABLES: &[&str] = &["model", "compress", "finetune"];

    /// Reads a spec from its text; `path` is only for messages. `open` opens the network whose path the spec
    /// writes.
    ///
    /// # Errors
    /// [`SpecErrors`] holds everything that is wrong, a network that cannot be opened among it.
    pub fn parse(text: &str, path: &str, open: &Open<'_>) -> Result<Self, SpecErrors> {
        super::parse::parse(text, path, open)
    }

    /// Everything that varies. Empty when the spec fixes every value: then there is one model to make.
    pub fn space(&self) -> &Space {
        &self.study.space
    }

    /// The path of the network as the spec writes it.
    pub fn model_path(&self) -> &Path {
        &self.path
    }

    /// Whether the images have labels.
    pub fn has_labels(&self) -> bool {
        self.data.source != SourceKind::Images
    }

    /// The sections of layers, in the order of the network.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().map(|section| &section.section)
    }

    /// Whether compressed networks are repaired with training images.
    pub fn repairs(&self) -> bool {
        let written = lightcrest_spec::document::fixed(&self.own, "repair");
        written.and_then(|value| value.as_bool()).unwrap_or(true)
    }

    /// What the network costs as it is.
    pub fn original_cost(&self) -> PlanCost {
        self.cost(&Plan::fp32(vec![Change::Keep; self.sections.len()]))
    }

    /// What a plan costs, exactly.
    pub fn cost(&self, plan: &Plan) -> PlanCost {
        self.passes.cost(&self.sections().collect::<Vec<_>>(), plan)
    }

    /// What a configuration makes of each layer of the original.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the configuration is not of this spec.
    pub fn fates(&self, configuration: &Configuration) -> Result<Vec<LayerFate>, ConfigurationError> {
        let plan = self.plan(configuration)?;
        Ok(self.passes.fates(&self.sections().collect::<Vec<_>>(), &plan))
    }

    /// What a configuration does to the network.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the configuration is not of this spec.
    pub fn plan(&self, configuration: &Configuration) -> Result<Plan, ConfigurationError> {
        let mut changes = Vec::with_capacity(self.sections.len());
        let mut int8 = Vec::with_capacity(self.sections.len());
        for SectionSpec { group, .. } in &self.sections {
            let number = |key: &str| -> Result<f64, ConfigurationError> {
                Ok(group.value(key, configuration)?.and_then(|value| value.as_f64()).unwrap_or(0.0))
            };
            let method = group.value("method", configuration)?;
            changes.push(match method.as_ref().and_then(|value| value.as_str()).unwrap_or("keep") {
                "prune" => Change::Prune { ratio: number("ratio")? },
                method => match super::plan::low_rank(method) {
                    Some(method) => Change::LowRank { method, rank: number("rank")? },
                    None => Change::Keep,
                },
            });
            let precision = group.value("precision", configuration)?;
            int8.push(precision.as_ref().and_then(|value| value.as_str()) == Some("int8"));
        }
        Ok(Plan { changes, int8 })
    }

    /// The images of a phase: `train_images` cuts those of the search only.
    pub fn data(&self, phase: Phase) -> DataConfig {
        match phase {
            Phase::Search => self.data.clone(),
            Phase::Refit(_) => DataConfig { train_images: None, ..self.data.clone() },
        }
    }

    /// The fine-tuning of a configuration, and the seed that the spec fixes, if it does; none where the spec
    /// has no fine-tuning.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the configuration is not of this spec.
    pub fn finetune(
        &self,
        configuration: &Configuration,
        phase: Phase,
    ) -> Result<Option<(FinetuneConfig, Option<u64>)>, ConfigurationError> {
        let Some(finetune) = &self.finetune else { return Ok(None) };
        let side = self.preprocessing.height.min(self.preprocessing.width);
        let training = &finetune.training;
        let mut train = training.config(configuration, side, training.augmentation(configuration)?)?;
        if let Phase::Refit(epochs) = phase {
            train.epochs = epochs;
        }
        let seed = training.group.value("seed", configuration)?;
        let batch_norm = training.group.value("batch_norm", configuration)?;
        let batch_norm = batch_norm.and_then(|value| value.as_bool()).unwrap_or(true);
        let distillation = match &finetune.distillation {
            Some(group) => {
                let mut values = group.values(configuration)?;
                // Without labels there is nothing else to learn from.
                if !self.has_labels() && group.entry("weight").is_none() {
                    values.push(("weight", 1.0.into()));
                }
                Some(deserialize("[finetune.distillation]", values)?)
            }
            None => None,
        };
        let seed = seed.and_then(|value| value.as_i64()).map(|seed| seed as u64);
        Ok(Some((FinetuneConfig { train, distillation, frozen: vec![], batch_norm }, seed)))
    }
}

//! `metrics.json` of a model of the front: what is known of it, and the sign that its folder is complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lightcrest_report::{Diagnosis, Layer, WrittenModel};
use serde::{Deserialize, Serialize};

use super::{RunError, RunFolder, write_file};

/// The files beside `metrics.json` of a model that was built here.
fn trained() -> Vec<String> {
    ["model.onnx", "model.safetensors", "config.toml"].map(str::to_owned).to_vec()
}

fn is_trained(files: &[String]) -> bool {
    files == trained()
}

/// What is known of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelCard {
    /// The files beside the card.
    #[serde(default = "trained", skip_serializing_if = "is_trained")]
    pub(crate) files: Vec<String>,
    /// Name of the data set.
    pub(crate) data: String,
    /// The classes, in the order of the outputs.
    pub(crate) classes: Vec<String>,
    /// Shape of the input image, channels x height x width.
    pub(crate) input: String,
    /// Numbers by name, `test_accuracy` among them.
    pub(crate) metrics: BTreeMap<String, f64>,
    /// Checksum of the images, where they are known:
    /// [`DataIdentity::checksum`](lightcrest_model::data::DataIdentity::checksum).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) images: Option<String>,
    /// What took its latency, where that was not our own plan of the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) engine: Option<String>,
    /// How it was trained again after the search; absent when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refit: Option<Refitted>,
    /// The layers in order.
    pub(crate) layers: Vec<Layer>,
    /// How a model of a table predicts the test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) diagnosis: Option<Diagnosis>,
}

/// What `[refit]` did to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Refitted {
    /// Epochs of the training.
    pub(crate) epochs: usize,
    /// Everything else that the section says of a training: its images, its augmentation.
    pub(crate) settings: BTreeMap<String, String>,
}

impl ModelCard {
    /// Name of the file.
    pub(crate) const FILE: &str = "metrics.json";

    /// The files beside the card of a model that was built and trained here.
    pub(crate) fn trained() -> Vec<String> {
        trained()
    }

    /// The files beside the card of one that was compressed.
    pub(crate) fn compressed() -> Vec<String> {
        ["model.onnx", "config.toml"].map(str::to_owned).to_vec()
    }

    /// The files beside the card of one that was fitted to a table.
    pub(crate) fn fitted(onnx: bool) -> Vec<String> {
        let files = ["model.lightcrest", "config.toml"].into_iter().chain(onnx.then_some("model.onnx"));
        files.map(str::to_owned).collect()
    }

    /// The card in a folder whose files are all there; none when the folder is not complete.
    ///
    /// # Errors
    /// [`RunError::Read`] when there is a card that cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, RunError> {
        let path = folder.join(Self::FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let read = |source| RunError::Read { path: path.clone(), source };
        let text = fs::read_to_string(&path).map_err(read)?;
        let card: Self = serde_json::from_str(&text).map_err(|error| read(error.into()))?;
        Ok(card.files.iter().all(|name| folder.join(name).is_file()).then_some(card))
    }

    /// What readers of the run see of the model of a trial.
    pub(crate) fn shown(&self, trial: u64) -> WrittenModel {
        let files = self.files.iter().map(|name| format!("front/trial-{trial:04}/{name}")).collect();
        let Self { metrics, layers, diagnosis, .. } = self.clone();
        WrittenModel { files, metrics, layers, diagnosis }
    }

    /// Writes the card, after the other files.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), RunError> {
        let text = serde_json::to_string_pretty(self).expect("plain data with string keys is JSON");
        write_file(&folder.join(Self::FILE), format!("{text}\n").as_bytes())
    }
}

impl RunFolder {
    /// The cards of all complete models, by trial.
    pub(crate) fn cards(&self) -> Result<BTreeMap<u64, ModelCard>, RunError> {
        let mut cards = BTreeMap::new();
        for trial in self.models()? {
            if let Some(card) = ModelCard::read(&self.model(trial))? {
                cards.insert(trial, card);
            }
        }
        Ok(cards)
    }
}

//! Writes a trained model: `model.safetensors`, `model.onnx`, `config.toml` (or its like) and, as the sign
//! that all is there, `metrics.json`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use lightcrest_graph::network::{Network, Weights};
use lightcrest_graph::onnx::{self, ExportConfig};
use lightcrest_model::data::{Dataset, Splits};
use lightcrest_model::train;
use lightcrest_report::Layer;

use crate::run::{ModelCard, Refitted, RunError, write_file};

/// A trained model and where its images come from.
pub(crate) struct Delivery<'a> {
    pub(crate) network: &'a Network,
    pub(crate) weights: &'a Weights,
    /// The images that it was trained on, in any size.
    pub(crate) splits: &'a Splits,
    /// Name and text of the file that describes it.
    pub(crate) config: &'a (&'static str, String),
    /// Checksum of the images as they were loaded.
    pub(crate) images: String,
    /// How it was trained again after a search.
    pub(crate) refit: Option<Refitted>,
    /// What is known of it; the cost of the network and the metrics on the test images are added.
    pub(crate) metrics: BTreeMap<String, f64>,
}

impl Delivery<'_> {
    /// Measures the model on the test images and writes its folder.
    ///
    /// # Errors
    /// Whatever fails first; the folder has no `metrics.json` then.
    pub(crate) fn write(
        self,
        folder: &Path,
        test: &Dataset,
    ) -> Result<ModelCard, Box<dyn Error + Send + Sync>> {
        let Self { network, weights, splits, config, images, refit, mut metrics } = self;
        let card = folder.join(ModelCard::FILE);
        fs::create_dir_all(folder)
            .map_err(|source| RunError::Write { path: folder.to_path_buf(), source })?;
        if card.exists() {
            fs::remove_file(&card).map_err(|source| RunError::Write { path: card, source })?;
        }
        let cost = network.cost();
        metrics.insert("macs".into(), cost.macs as f64);
        metrics.insert("parameters".into(), cost.parameters as f64);
        let shape = network.input_shape();
        let normalization = match shape == splits.train.shape() {
            true => splits.normalization.clone(),
            false => splits.train.resized(shape.height, shape.width).normalization(),
        };
        let test = test.resized(shape.height, shape.width);
        let tested = train::evaluate(network, weights, &test, &normalization)?;
        metrics.insert("test_accuracy".into(), tested.accuracy);
        metrics.insert("test_macro_f1".into(), tested.macro_f1);
        metrics.insert("test_loss".into(), tested.loss);
        let export = ExportConfig {
            normalization: Some(normalization),
            classes: splits.train.classes().to_vec(),
            ..ExportConfig::default()
        };
        weights.save(&folder.join("model.safetensors"), "lightcrest")?;
        onnx::save(network, weights, &export, &folder.join("model.onnx"))?;
        write_file(&folder.join(config.0), config.1.as_bytes())?;
        let card = ModelCard {
            files: ModelCard::trained(),
            data: splits.train.name().to_owned(),
            classes: splits.train.classes().to_vec(),
            input: network.input_shape().to_string(),
            metrics,
            images: Some(images),
            engine: None,
            refit,
            layers: layers(network),
            diagnosis: None,
        };
        card.write(folder)?;
        Ok(card)
    }
}

fn layers(network: &Network) -> Vec<Layer> {
    let rows = network.summary().into_iter().map(|row| Layer {
        path: row.path,
        operator: row.operator,
        shape: row.output.to_string(),
        parameters: row.parameters,
        macs: row.macs,
        change: None,
    });
    rows.collect()
}

//! The end of a compression: the models of the front are written.
//!
//! They were kept while the search ran; where one is missing it is made again from its configuration and
//! seed. A model whose folder is complete is left as it is, so the test images are looked at once for each.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lightcrest::Configuration;
use lightcrest::history::{FrozenTrial, History};
use lightcrest_graph::onnx::Model;
use lightcrest_model::compress::{CompressError, CompressObjective, LayerFate, TestImages, latency};
use lightcrest_model::data::TestSplit;
use lightcrest_model::measure::LatencyConfig;
use lightcrest_report::{Layer, LayerChange};

use crate::error::CliError;
use crate::keeper::MakesModels;
use crate::progress;
use crate::run::{ModelCard, RunError, RunFolder, write_file};
use crate::spec_file::CompressFile;
use crate::terminal::Style;

type Cause = Box<dyn Error + Send + Sync>;

/// A front has many models, and each is measured: a second or two for each.
const LATENCY: LatencyConfig = LatencyConfig {
    warm_up: 10,
    runs: 100,
    time: Duration::from_secs(1),
    spread: 0.05,
    attempts: 2,
    alone: true,
};

/// What is needed to write the models.
pub(super) struct Finish<'a> {
    pub(super) file: &'a CompressFile,
    /// Checksum of the images.
    pub(super) images: &'a str,
    /// Name of the data set.
    pub(super) data: &'a str,
    pub(super) history: &'a History,
    /// The seeds of the trials of the front, masked to what a spec can hold.
    pub(super) seeds: BTreeMap<u64, u64>,
    pub(super) folder: &'a RunFolder,
    pub(super) objective: &'a CompressObjective,
    pub(super) stop: &'a AtomicBool,
    pub(super) style: Style,
}

impl Finish<'_> {
    /// Writes the models that are not there yet and removes those that have left the front.
    ///
    /// # Errors
    /// The first failure; [`CliError::Interrupted`] is left to the caller, who owns the flag.
    pub(super) fn run(&self, test: TestSplit) -> Result<(), CliError> {
        let mut front = self.history.front();
        front.sort_by_key(|trial| trial.number);
        for number in self.folder.models()? {
            if !front.iter().any(|trial| trial.number == number) {
                self.folder.forget_model(number)?;
            }
        }
        let mut missing = Vec::new();
        for trial in front {
            if ModelCard::read(&self.folder.model(trial.number))?.is_none() {
                missing.push(trial);
            }
        }
        let Some(first) = missing.first() else { return Ok(()) };
        let failed = |trial: u64| move |source: Cause| CliError::Model { trial, source };
        let test = match TestImages::open(self.objective, test, self.stop) {
            Ok(test) => test,
            Err(CompressError::Interrupted) => return Ok(()),
            Err(error) => return Err(failed(first.number)(error.into())),
        };
        let bar = progress::steps(self.style, "models", missing.len());
        for trial in missing {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            bar.set_message(format!("trial {}", trial.number));
            self.one(trial, &test).map_err(failed(trial.number))?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Writes one model.
    fn one(&self, trial: &FrozenTrial, test: &TestImages) -> Result<(), Cause> {
        let number = trial.number;
        let seed = self.seeds[&number];
        let kept = self.folder.weights(number, CompressObjective::ENDING);
        let model = match kept.is_file() {
            true => Model::load(&kept)?,
            false => match self.objective.make(&trial.configuration, seed, self.stop) {
                Ok(made) => made.model,
                Err(CompressError::Interrupted) => return Ok(()),
                Err(error) => return Err(error.into()),
            },
        };
        let number = |name: &str| trial.attributes.get(name).and_then(serde_json::Value::as_f64);
        let times = [
            "latency_ms",
            "latency_cpu_ms",
            "latency_disturbed",
            "original_latency_ms",
            "original_latency_cpu_ms",
        ];
        let measured = times.iter().filter_map(|name| Some((name.to_string(), number(name)?)));
        let delivery = Delivery {
            file: self.file,
            objective: self.objective,
            configuration: &trial.configuration,
            seed,
            model: &model,
            metrics: measured.collect(),
            data: self.data,
            images: self.images,
        };
        match delivery.write(&self.folder.model(trial.number), test, self.stop) {
            Err(error) if is_interrupted(&error) => Ok(()),
            result => result.map(drop),
        }
    }
}

/// Whether the user ended it.
pub(super) fn is_interrupted(error: &Cause) -> bool {
    matches!(error.downcast_ref(), Some(CompressError::Interrupted))
}

/// A compressed model that is to be written.
pub(super) struct Delivery<'a> {
    pub(super) file: &'a CompressFile,
    pub(super) objective: &'a CompressObjective,
    pub(super) configuration: &'a Configuration,
    pub(super) seed: u64,
    pub(super) model: &'a Model,
    /// What is known of it.
    pub(super) metrics: BTreeMap<String, f64>,
    pub(super) data: &'a str,
    pub(super) images: &'a str,
}

impl Delivery<'_> {
    /// Measures the model on the test images and writes its folder.
    ///
    /// # Errors
    /// Whatever fails first; the folder has no `metrics.json` then.
    pub(super) fn write(
        self,
        folder: &Path,
        test: &TestImages,
        stop: &AtomicBool,
    ) -> Result<ModelCard, Cause> {
        let Self { file, objective, configuration, model, mut metrics, .. } = self;
        let spec = &file.spec;
        let card = folder.join(ModelCard::FILE);
        let write = |path: &Path, source| RunError::Write { path: path.to_path_buf(), source };
        fs::create_dir_all(folder).map_err(|source| write(folder, source))?;
        if card.exists() {
            fs::remove_file(&card).map_err(|source| write(&card, source))?;
        }
        metrics.extend(test.metrics(objective, model, stop)?);
        for (name, value) in test.original(objective) {
            metrics.insert(format!("original_{name}"), value);
        }
        metrics.remove("original_test_agreement");
        if !metrics.contains_key("latency_ms") {
            let found = latency(spec, model, &LATENCY, objective.engine())?;
            metrics.extend(found.metrics().into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        let path = folder.join("model.onnx");
        model.save(&path)?;
        metrics.insert("file_bytes".into(), fs::metadata(&path)?.len() as f64);
        let text = spec.resolve(configuration, self.seed, &spec.model_path().to_string_lossy())?;
        write_file(&folder.join("config.toml"), file.rewritten(&text, folder).as_bytes())?;
        let card = ModelCard {
            files: ModelCard::compressed(),
            data: self.data.to_owned(),
            classes: objective.classes(),
            input: objective.image().to_string(),
            metrics,
            images: Some(self.images.to_owned()),
            engine: Some(objective.engine().name().to_owned()),
            refit: None,
            layers: spec.fates(configuration)?.into_iter().map(layer).collect(),
        };
        card.write(folder)?;
        Ok(card)
    }
}

fn layer(fate: LayerFate) -> Layer {
    Layer {
        path: fate.name,
        operator: fate.operator,
        shape: fate.shape,
        parameters: fate.parameters,
        macs: fate.macs,
        change: Some(LayerChange {
            method: fate.method.into(),
            detail: fate.detail,
            int8: fate.int8,
            parameters: fate.parameters_before,
            macs: fate.macs_before,
        }),
    }
}

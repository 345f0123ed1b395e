//! The end of a compression: the models of the front are written.
//!
//! They were kept while the search ran; where one is missing it is made again from its configuration and
//! seed. With `[refit]` they are made anew with a longer fine-tuning on all images, several at a time, and
//! the better of the two is written. A model whose folder is complete, and which was refitted as the spec
//! says, is left as it is, so the test images are looked at once for each.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use lightcrest::Configuration;
use lightcrest::history::{FrozenTrial, History};
use lightcrest_graph::onnx::Model;
use lightcrest_model::compress::{CompressError, CompressObjective, ENGINE, LayerFate, TestImages, latency};
use lightcrest_model::data::TestSplit;
use lightcrest_model::measure::LatencyConfig;
use lightcrest_model::spec::Phase;
use lightcrest_report::{Layer, LayerChange};

use crate::error::CliError;
use crate::keeper::MakesModels;
use crate::progress;
use crate::refit::{self, Planned};
use crate::run::{ModelCard, Refitted, RunError, RunFolder, write_file};
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
    /// On the images of the refit; present when the spec has `[refit]` and the networks can be trained.
    pub(super) refit: Option<&'a CompressObjective>,
    /// When the refit must end.
    pub(super) deadline: Option<Instant>,
    pub(super) workers: usize,
    pub(super) stop: &'a AtomicBool,
    pub(super) style: Style,
}

/// What `[refit]` settings call which of two models was kept.
const KEPT: &str = "kept";

impl Finish<'_> {
    /// Writes the models that are not there yet, or were not refitted yet, and removes those that have left
    /// the front.
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
        let planned = self.planned(&front)?;
        let place = |trial: &FrozenTrial| planned.iter().position(|plan| plan.trial == trial.number);
        let mut missing = Vec::new();
        for trial in front {
            if place(trial).is_some() || ModelCard::read(&self.folder.model(trial.number))?.is_none() {
                missing.push(trial);
            }
        }
        // The longest trainings first: what is planned to end in time must not begin late.
        missing.sort_by_key(|trial| place(trial).unwrap_or(usize::MAX));
        let Some(first) = missing.first() else { return Ok(()) };
        let failed = |trial: u64| move |source: Cause| CliError::Model { trial, source };
        let test = match TestImages::open(self.objective, test, self.stop) {
            Ok(test) => test,
            Err(CompressError::Interrupted) => return Ok(()),
            Err(error) => return Err(failed(first.number)(error.into())),
        };
        let bar = progress::steps(self.style, "models", missing.len());
        let result = refit::each(&missing, self.workers, self.stop, |trial| {
            let epochs = place(trial).map(|place| planned[place].epochs);
            self.one(trial, epochs, &test, &bar).map_err(failed(trial.number))?;
            bar.inc(1);
            Ok(())
        });
        bar.finish_and_clear();
        result
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The models that are to be refitted and were not yet, with their epochs, the longest training first.
    /// Where the time would not do for all, some go without, before any is trained for fewer epochs; they
    /// have their turn when the command runs again.
    fn planned(&self, front: &[&FrozenTrial]) -> Result<Vec<Planned>, CliError> {
        let (Some(refit), Some(objective)) = (self.file.spec.refit, self.refit) else { return Ok(vec![]) };
        let useful = refit::useful(self.history, front);
        let chosen = refit::choose(self.history, &useful, refit.models.unwrap_or(useful.len()));
        let more = objective.images() as f64 / self.objective.images() as f64;
        let mut costs = Vec::new();
        for number in chosen {
            let card = ModelCard::read(&self.folder.model(number))?;
            if card.and_then(|card| card.refit).is_some_and(|found| found.epochs <= refit.epochs) {
                continue;
            }
            let trial = useful.iter().find(|trial| trial.number == number);
            let value = |name: &str| trial?.attributes.get(name)?.as_f64();
            // What a trial does not tell costs nothing known: such a training goes last.
            let seconds = value("training_seconds").or(value("seconds"));
            let epoch = seconds.zip(value("epochs")).map_or(0.0, |(s, e)| more * s / e.max(1.0));
            costs.push((number, epoch));
        }
        let time = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        Ok(refit::plan_in_full(&costs, refit.epochs, time, self.workers))
    }

    /// Writes one model; `epochs` if it is to be refitted.
    fn one(
        &self,
        trial: &FrozenTrial,
        epochs: Option<usize>,
        test: &TestImages,
        bar: &ProgressBar,
    ) -> Result<(), Cause> {
        let seed = self.seeds[&trial.number];
        let Some(mut model) = self.of_trial(trial, seed, bar)? else { return Ok(()) };
        let mut metrics = BTreeMap::new();
        let (mut phase, mut refitted) = (Phase::Search, None);
        if let Some((objective, epochs)) = self.refit.zip(epochs).filter(|_| !self.late()) {
            bar.set_message(format!("trial {} is trained again, {epochs} epochs", trial.number));
            let ends = || self.stopped() || self.late();
            let longer = Phase::Refit(epochs);
            match objective.make(&trial.configuration, longer, seed, &ends) {
                Ok(made) => {
                    let better = match objective.judge(&model, &|| self.stopped()) {
                        Ok(before) => objective.is_better(&made.metrics, &before),
                        Err(CompressError::Interrupted) => return Ok(()),
                        Err(error) => return Err(error.into()),
                    };
                    let kept = if better { "refit" } else { "trial" };
                    let settings = [("images", "train"), (KEPT, kept)];
                    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
                    refitted = Some(Refitted { epochs, settings: settings.into() });
                    if better {
                        (model, phase) = (made.model, longer);
                        for name in ["validation_accuracy", "agreement"] {
                            let value = made.metrics.get(name);
                            metrics.extend(value.map(|value| (format!("refit_{name}"), value)));
                        }
                    }
                }
                // Too late: the model of the trial is good as well.
                Err(CompressError::Interrupted) if !self.stopped() => {}
                Err(CompressError::Interrupted) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            bar.set_message(format!("trial {}", trial.number));
        }
        let number = |name: &str| trial.attributes.get(name).and_then(serde_json::Value::as_f64);
        let times = [
            "latency_ms",
            "latency_cpu_ms",
            "latency_disturbed",
            "original_latency_ms",
            "original_latency_cpu_ms",
        ];
        metrics.extend(times.iter().filter_map(|name| Some((name.to_string(), number(name)?))));
        let delivery = Delivery {
            file: self.file,
            objective: self.objective,
            configuration: &trial.configuration,
            phase,
            seed,
            model: &model,
            metrics,
            engine: trial.attributes.get(ENGINE).and_then(|name| name.as_str()).map(str::to_owned),
            refit: refitted,
            data: self.data,
            images: self.images,
        };
        match delivery.write(&self.folder.model(trial.number), test, self.stop) {
            Err(error) if is_interrupted(&error) => Ok(()),
            result => result.map(drop),
        }
    }

    /// The model of a trial: kept, or made again; none when the user ends it.
    fn of_trial(&self, trial: &FrozenTrial, seed: u64, bar: &ProgressBar) -> Result<Option<Model>, Cause> {
        let kept = self.folder.weights(trial.number, CompressObjective::ENDING);
        bar.set_message(format!("trial {}", trial.number));
        if kept.is_file() {
            return Ok(Some(Model::load(&kept)?));
        }
        match self.objective.make(&trial.configuration, Phase::Search, seed, &|| self.stopped()) {
            Ok(made) => Ok(Some(made.model)),
            Err(CompressError::Interrupted) => Ok(None),
            Err(error) => Err(error.into()),
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
    /// Which of its trainings the model is of.
    pub(super) phase: Phase,
    pub(super) seed: u64,
    pub(super) model: &'a Model,
    /// What is known of it.
    pub(super) metrics: BTreeMap<String, f64>,
    /// What took the latency among them.
    pub(super) engine: Option<String>,
    /// What became of its refit, if it had one.
    pub(super) refit: Option<Refitted>,
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
        let Self { file, objective, configuration, model, mut metrics, mut engine, .. } = self;
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
            engine = Some(objective.engine().name().to_owned());
        }
        let path = folder.join("model.onnx");
        model.save(&path)?;
        metrics.insert("file_bytes".into(), fs::metadata(&path)?.len() as f64);
        let text =
            spec.resolve(configuration, self.phase, self.seed, &spec.model_path().to_string_lossy())?;
        write_file(&folder.join("config.toml"), file.rewritten(&text, folder).as_bytes())?;
        let card = ModelCard {
            files: ModelCard::compressed(),
            data: self.data.to_owned(),
            classes: objective.classes(),
            input: objective.image().to_string(),
            metrics,
            images: Some(self.images.to_owned()),
            engine,
            refit: self.refit,
            layers: spec.fates(configuration)?.into_iter().map(layer).collect(),
            diagnosis: None,
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

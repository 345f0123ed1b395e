//! `lightcrest train`: trains one model, outside of any study.
//!
//! A `config.toml` is a spec in which nothing varies: it names its data, its network, its training and its
//! seed, so the model comes out the same, bit for bit. A kindle-style YAML file describes a network only.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use lightcrest::Configuration;
use lightcrest_graph::network::{Network, Weights};
use lightcrest_model::data::{DataConfig, Loaded, SourceKind, Splits, TestSplit};
use lightcrest_model::kindle::ModelFile;
use lightcrest_model::memory::Memory;
use lightcrest_model::objective::{ModelError, NetworkObjective};
use lightcrest_model::spec::Phase;
use lightcrest_model::train::{self, EpochReport, Need, Observer, StopReason, TrainConfig, TrainError};
use lightcrest_report::metric::{self, Kind};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::arguments::TrainArguments;
use crate::deliver::Delivery;
use crate::error::CliError;
use crate::images;
use crate::progress;
use crate::run::RunError;
use crate::spec_file;
use crate::stop;
use crate::terminal::{Style, print, tell};

/// Trains.
pub(crate) fn train(arguments: &TrainArguments) -> Result<(), CliError> {
    let yaml = arguments.model.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("trained"));
    check_out(&out)?;
    let mut watch = EpochBar::new(Style::choose(arguments.quiet));
    let trained =
        if yaml { from_yaml(arguments, &mut watch)? } else { from_spec(arguments, &out, &mut watch)? };
    watch.bar.finish_and_clear();
    let Trained { network, weights, splits, test, images, config, metrics } = trained;
    let delivery = Delivery {
        network: &network,
        weights: &weights,
        splits: &splits,
        config: &config,
        images,
        refit: None,
        metrics,
    };
    let card = delivery.write(&out, &test.open()).map_err(CliError::Training)?;
    if !arguments.quiet {
        let order = ["validation_accuracy", "test_accuracy", "parameters", "macs", "latency_ms"];
        for name in order {
            if let Some(value) = card.metrics.get(name) {
                print(&format!("{:<20} {}", metric::label(name), Kind::of(name).format(*value)))?;
            }
        }
        print(&format!("written to {}", out.display()))?;
    }
    Ok(())
}

struct Trained {
    network: Network,
    weights: Weights,
    splits: Splits,
    test: TestSplit,
    /// Checksum of the images.
    images: String,
    /// Name and text of the file that describes the model.
    config: (&'static str, String),
    metrics: BTreeMap<String, f64>,
}

fn check_out(out: &Path) -> Result<(), CliError> {
    let own = |name: &str| {
        matches!(name, "config.toml" | "metrics.json" | "model.onnx" | "model.safetensors" | "model.yaml")
    };
    let Ok(entries) = fs::read_dir(out) else {
        return if out.exists() { Err(RunError::NotAFolder(out.to_path_buf()).into()) } else { Ok(()) };
    };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    match names.into_iter().find(|name| !own(name)) {
        Some(found) => {
            let path = out.display();
            Err(CliError::Usage(format!(
                "{path} holds `{found}`; choose an empty or a new folder with --out"
            )))
        }
        None => Ok(()),
    }
}

/// A spec in which nothing varies.
fn from_spec(arguments: &TrainArguments, out: &Path, watch: &mut EpochBar) -> Result<Trained, CliError> {
    let options = [
        ("--data", arguments.data.is_some()),
        ("--data-path", arguments.data_path.is_some()),
        ("--image-size", arguments.image_size.is_some()),
        ("--epochs", arguments.epochs.is_some()),
        ("--seed", arguments.seed.is_some()),
    ];
    if let Some((option, _)) = options.into_iter().find(|(_, given)| *given) {
        return Err(CliError::Usage(format!("{option} is for YAML models; a spec says it itself")));
    }
    let file = spec_file::read_search(&arguments.model)?;
    let spec = &file.spec;
    let varied = spec.space().parameters().len();
    if varied > 0 {
        let model = arguments.model.display();
        return Err(CliError::Usage(format!(
            "{model} leaves {varied} parameters open; `lightcrest search {model}` chooses them"
        )));
    }
    file.warning().into_iter().for_each(tell);
    let Loaded { splits, test, identity, .. } = images::load(&spec.data(Phase::Search), arguments.quiet)?;
    images::differs_from_model(&arguments.model, &identity).iter().for_each(|line| tell(line));
    let seed = spec.study.seed;
    let objective = NetworkObjective::new(spec, splits.clone());
    let model =
        objective.train(&Configuration::new(), Phase::Search, seed, watch).map_err(|error| match error {
            ModelError::Train(TrainError::Stopped { .. }) => interrupted(),
            // A network that cannot be built or a training that cannot begin is the file's fault.
            ModelError::Build(error) => CliError::Usage(error.to_string()),
            error @ ModelError::Memory(_) => CliError::ModelFile(Box::new(error)),
            error => CliError::Training(error.into()),
        })?;
    let metrics = model.metrics.iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (config, images) = (("config.toml", file.text_in(out)), identity.checksum());
    Ok(Trained { network: model.network, weights: model.weights, splits, test, images, config, metrics })
}

fn interrupted() -> CliError {
    CliError::Interrupted("nothing was written".into())
}

/// An architecture, with the images and the training of the command line.
fn from_yaml(arguments: &TrainArguments, watch: &mut EpochBar) -> Result<Trained, CliError> {
    let text = spec_file::read(&arguments.model)?;
    let file =
        ModelFile::parse(&text, &arguments.model).map_err(|error| CliError::ModelFile(Box::new(error)))?;
    let Some(data) = &arguments.data else {
        return Err(CliError::Usage("a YAML model needs --data, such as --data fashion-mnist".into()));
    };
    let mut config = data_config(data, arguments.data_path.as_deref());
    config.image_size = match (arguments.image_size, file.input_size) {
        (Some(size), _) => Some(size.into()),
        (None, Some((height, width))) if height == width => Some(height),
        _ => None,
    };
    let Loaded { splits, test, identity, .. } = images::load(&config, arguments.quiet)?;
    let network = file.network(splits.train.shape()).map_err(|error| CliError::ModelFile(Box::new(error)))?;
    let mut settings = TrainConfig::default();
    if let Some(epochs) = arguments.epochs {
        settings.epochs = epochs as usize;
    }
    let need = Need::of(&network, &settings, &splits);
    need.check(&Memory::of_this_process()).map_err(|error| CliError::ModelFile(Box::new(error)))?;
    let seed = arguments.seed.unwrap_or(0);
    let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(seed));
    let trained =
        train::train(&network, weights, &splits, &settings, seed, watch).map_err(|error| match error {
            TrainError::Stopped { .. } => interrupted(),
            error @ (TrainError::Output { .. } | TrainError::Input { .. } | TrainError::Config(_)) => {
                CliError::ModelFile(Box::new(error))
            }
            error => CliError::Training(error.into()),
        })?;
    let metrics = BTreeMap::from([("validation_accuracy".to_owned(), trained.validation.accuracy)]);
    let (config, images) = (("model.yaml", text), identity.checksum());
    Ok(Trained { network, weights: trained.weights, splits, test, images, config, metrics })
}

/// A data set by name, or a folder of images.
fn data_config(data: &str, path: Option<&Path>) -> DataConfig {
    let source = match data.replace('-', "_").as_str() {
        "digits" => SourceKind::Digits,
        "mnist" => SourceKind::Mnist,
        "fashion_mnist" => SourceKind::FashionMnist,
        "cifar10" => SourceKind::Cifar10,
        "cifar100" => SourceKind::Cifar100,
        _ => return DataConfig { path: Some(data.into()), ..DataConfig::new(SourceKind::Folder) },
    };
    DataConfig { path: path.map(Path::to_path_buf), ..DataConfig::new(source) }
}

/// Shows the epochs; ends the training on Ctrl-C.
struct EpochBar {
    style: Style,
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl EpochBar {
    fn new(style: Style) -> Self {
        Self { style, bar: progress::steps(style, "epochs", 0), stop: stop::install(None) }
    }
}

impl Observer for EpochBar {
    fn step(&mut self, _: usize, _: usize) -> ControlFlow<StopReason> {
        match self.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(StopReason::Interrupted),
            false => ControlFlow::Continue(()),
        }
    }

    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<StopReason> {
        self.bar.set_length(report.epochs as u64);
        self.bar.set_position(report.epoch as u64);
        let accuracy = Kind::Share.format(report.validation.accuracy);
        self.bar.set_message(format!("validation accuracy {accuracy}"));
        if self.style == Style::Lines {
            tell(&format!("epoch {}/{}: validation accuracy {accuracy}", report.epoch, report.epochs));
        }
        ControlFlow::Continue(())
    }
}

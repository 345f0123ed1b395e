//! A spec in which nothing varies: its one model is made, outside of any study.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lightcrest::Configuration;
use lightcrest_model::compress::{CompressError, CompressObjective, TestImages};
use lightcrest_model::data::Loaded;
use lightcrest_model::measure::Engine;
use lightcrest_model::spec::Phase;
use lightcrest_report::metric::{self, Kind};

use super::finish::{Delivery, is_interrupted};
use super::unfit;
use crate::arguments::StudyArguments;
use crate::error::CliError;
use crate::images;
use crate::run::RunError;
use crate::spec_file::CompressFile;
use crate::stop;
use crate::terminal::{print, tell};

/// Makes the model and writes its folder.
pub(super) fn single(
    arguments: &StudyArguments,
    file: &CompressFile,
    engine: Arc<dyn Engine>,
) -> Result<(), CliError> {
    let spec = &file.spec;
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("compressed"));
    check_out(&out)?;
    file.warnings().for_each(tell);
    let Loaded { splits, test, identity, .. } = images::load(&spec.data, arguments.quiet)?;
    let objective = CompressObjective::new(spec, &splits).map_err(unfit)?;
    let objective = objective.with_engine(engine);
    if !arguments.quiet {
        super::introduce(file, &objective);
    }
    let stop = stop::install(None);
    let interrupted = || CliError::Interrupted("nothing was written".into());
    let failed = |error: CompressError| match error {
        CompressError::Interrupted => interrupted(),
        error => CliError::Training(error.into()),
    };
    let (configuration, seed) = (Configuration::new(), spec.study.seed);
    let stopped = || stop.load(Ordering::Relaxed);
    let made = objective.make(&configuration, Phase::Search, seed, &stopped).map_err(failed)?;
    let test = TestImages::open(&objective, test, &stop).map_err(failed)?;
    let metrics: BTreeMap<String, f64> =
        made.metrics.iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let delivery = Delivery {
        file,
        objective: &objective,
        configuration: &configuration,
        phase: Phase::Search,
        seed: made.seed,
        model: &made.model,
        metrics,
        engine: objective.needs_latency().then(|| objective.engine().name().to_owned()),
        refit: None,
        data: splits.train.name(),
        images: &identity.checksum(),
    };
    let card = delivery.write(&out, &test, &stop).map_err(|error| match is_interrupted(&error) {
        true => interrupted(),
        false => CliError::Training(error),
    })?;
    if !arguments.quiet {
        let order = ["test_accuracy", "test_agreement", "parameters", "macs", "file_bytes", "latency_ms"];
        for name in order {
            if let Some(value) = card.metrics.get(name) {
                print(&format!("{:<20} {}", metric::label(name), Kind::of(name).format(*value)))?;
            }
        }
        print(&format!("written to {}", out.display()))?;
    }
    Ok(())
}

/// Refuses a folder of something else.
fn check_out(out: &Path) -> Result<(), CliError> {
    let own = |name: &str| matches!(name, "config.toml" | "metrics.json" | "model.onnx");
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

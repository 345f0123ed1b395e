//! The end of a search: the models of the front are written.
//!
//! Their weights were kept while the search ran; where they are missing, the training is run again from its
//! seed. With `[refit]` they are trained anew, longer, several at a time ([`crate::refit`] says which and how
//! long). A model whose folder is complete, for the same configuration and training, is left as it is: going
//! on costs nothing, and the test images are looked at once for each model.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use lightcrest::history::{FrozenTrial, History};
use lightcrest_graph::network::{Network, Weights};
use lightcrest_model::data::{Dataset, Splits};
use lightcrest_model::measure::{LatencyConfig, latency};
use lightcrest_model::objective::{ModelError, NetworkObjective};
use lightcrest_model::spec::{Phase, Spec};
use lightcrest_model::train::{EpochReport, Observer, StopReason, TrainError};

use crate::deliver::Delivery;
use crate::error::CliError;
use crate::keeper::MakesModels;
use crate::progress;
use crate::refit::{self, Planned};
use crate::run::{ModelCard, Refitted, RunFolder};
use crate::spec_file::SearchFile;
use crate::terminal::Style;

type Cause = Box<dyn Error + Send + Sync>;

/// An objective with the images that it trains on.
pub(super) struct Trainer<'a> {
    pub(super) objective: &'a NetworkObjective,
    pub(super) splits: &'a Splits,
}

/// What is needed to write the models.
pub(super) struct Finish<'a> {
    pub(super) spec: &'a Spec,
    /// The file that the spec was read from.
    pub(super) file: &'a SearchFile,
    /// Checksum of the images.
    pub(super) images: &'a str,
    pub(super) history: &'a History,
    /// The seed of a trial's training, masked to what a spec can hold.
    pub(super) seed: &'a (dyn Fn(u64) -> u64 + Sync),
    pub(super) folder: &'a RunFolder,
    pub(super) test: &'a Dataset,
    pub(super) search: Trainer<'a>,
    /// Present when the spec has `[refit]`.
    pub(super) refit: Option<Trainer<'a>>,
    /// When the refit must end.
    pub(super) deadline: Option<Instant>,
    pub(super) stop: &'a AtomicBool,
    pub(super) workers: usize,
    pub(super) style: Style,
}

impl Finish<'_> {
    /// Writes the models that are not there yet and removes those that have left the front.
    ///
    /// # Errors
    /// The first failure; [`CliError::Interrupted`] is left to the caller, who owns the flag.
    pub(super) fn run(&self) -> Result<(), CliError> {
        let mut front = self.history.front();
        front.sort_by_key(|trial| trial.number);
        for number in self.folder.models()? {
            if !front.iter().any(|trial| trial.number == number) {
                self.folder.forget_model(number)?;
            }
        }
        let planned = self.planned(&front)?;
        // The longest trainings first: what is planned to end in time must not begin late.
        let place = |trial: &FrozenTrial| planned.iter().position(|plan| plan.trial == trial.number);
        front.sort_by_key(|trial| place(trial).unwrap_or(usize::MAX));
        let bar = progress::steps(self.style, "models", front.len());
        let result = refit::each(&front, self.workers, self.stop, |trial| {
            let epochs = place(trial).map(|place| planned[place].epochs);
            let failed = |source| CliError::Model { trial: trial.number, source };
            self.one(trial, epochs, &bar).map_err(failed)?;
            bar.inc(1);
            Ok(())
        });
        bar.finish_and_clear();
        result?;
        self.measure(&front)
    }

    /// Measures the latency of the models, one after the other, now that the machine is free. Where latency
    /// is an objective or a constraint, what the trial measured stays: the front was chosen by it.
    fn measure(&self, front: &[&FrozenTrial]) -> Result<(), CliError> {
        const NAME: &str = "latency_ms";
        let objectives = self.spec.objectives.iter().flat_map(|objective| objective.metrics());
        let constraints = self.spec.constraints.iter().map(|constraint| constraint.metric.as_str());
        if objectives.chain(constraints).any(|metric| metric == NAME) {
            return Ok(());
        }
        let bar = progress::steps(self.style, "latency", front.len());
        for trial in front.iter().filter(|_| !self.stopped()) {
            let folder = self.folder.model(trial.number);
            let failed = |source: Cause| CliError::Model { trial: trial.number, source };
            if let Some(mut card) = ModelCard::read(&folder)?.filter(|card| !card.metrics.contains_key(NAME))
            {
                let candidate = self.search.objective.candidate(&trial.configuration, Phase::Search);
                let candidate = candidate.map_err(|error| failed(error.into()))?;
                let weights = Weights::load(&folder.join("model.safetensors"));
                let (weights, _) = weights.map_err(|error| failed(error.into()))?;
                let found = latency(&candidate.network, &weights, &LatencyConfig::default());
                let found = found.map_err(|error| failed(error.into()))?;
                card.metrics.insert(NAME.into(), found.median_ms);
                card.metrics.insert("latency_p90_ms".into(), found.p90_ms);
                card.metrics.extend(found.cpu_ms.map(|cpu| ("latency_cpu_ms".to_owned(), cpu)));
                card.metrics.insert("latency_disturbed".into(), f64::from(u8::from(found.disturbed)));
                card.write(&folder)?;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The models that are trained again and were not yet, with their epochs, the longest training first.
    fn planned(&self, front: &[&FrozenTrial]) -> Result<Vec<Planned>, CliError> {
        let (Some(refit), Some(trainer)) = (self.spec.refit, &self.refit) else { return Ok(vec![]) };
        let chosen = refit::choose(self.history, front, refit.models.unwrap_or(front.len()));
        let images = |data: &Splits| data.train.len() as f64;
        let more = images(trainer.splits) / images(self.search.splits);
        let mut costs = Vec::new();
        for trial in front.iter().filter(|trial| chosen.contains(&trial.number)) {
            let failed = |source| CliError::Model { trial: trial.number, source };
            if !self.is_refitted(trial).map_err(failed)? {
                let number = |name: &str| trial.attributes.get(name).and_then(|value| value.as_f64());
                // What a trial does not tell costs nothing known: such a training goes last.
                let epoch =
                    number("seconds").zip(number("epochs")).map_or(0.0, |(s, e)| more * s / e.max(1.0));
                costs.push((trial.number, epoch));
            }
        }
        let time = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        Ok(refit::plan(&costs, refit.epochs, time, self.workers))
    }

    /// Whether the model that is written is one that `[refit]` trained as it is now, with as many epochs or
    /// fewer.
    fn is_refitted(&self, trial: &FrozenTrial) -> Result<bool, Cause> {
        let (Some(refit), Some(Some(found))) = (self.spec.refit, self.written(trial)?) else {
            return Ok(false);
        };
        Ok(found.epochs <= refit.epochs
            && found.settings == self.spec.refit_settings(&trial.configuration)?)
    }

    /// How the model in its folder was trained again, if it was; none when there is no complete model.
    fn written(&self, trial: &FrozenTrial) -> Result<Option<Option<Refitted>>, Cause> {
        let folder = self.folder.model(trial.number);
        let Some(card) = ModelCard::read(&folder)? else { return Ok(None) };
        if card.images.is_some() {
            return Ok(Some(card.refit));
        }
        // The card is of a version that did not keep this; its config.toml tells.
        let text = fs::read_to_string(folder.join("config.toml"))?;
        let is_of = |phase| {
            let seed = (self.seed)(trial.number);
            self.spec.resolve(&trial.configuration, seed, phase).is_ok_and(|own| own == text)
        };
        if is_of(Phase::Search) {
            return Ok(Some(None));
        }
        let epochs = text.lines().find_map(|line| line.strip_prefix("epochs = ")?.parse().ok());
        let settings = self.spec.refit_settings(&trial.configuration)?;
        Ok(epochs
            .filter(|&epochs| is_of(Phase::Refit(epochs)))
            .map(|epochs| Some(Refitted { epochs, settings })))
    }

    /// Writes one model, unless it is there; `epochs` if it is to be trained again.
    fn one(&self, trial: &FrozenTrial, epochs: Option<usize>, bar: &ProgressBar) -> Result<(), Cause> {
        let number = trial.number;
        let seed = (self.seed)(number);
        let folder = self.folder.model(number);
        let config = |phase| {
            let text = self.spec.resolve(&trial.configuration, seed, phase)?;
            Ok::<_, Cause>(self.file.rewritten(&text, &folder))
        };
        if self.is_refitted(trial)? {
            return Ok(());
        }
        if let Some((refit, epochs)) = self.refit.as_ref().zip(epochs).filter(|_| !self.late()) {
            bar.set_message(format!("trial {number} is trained again, {epochs} epochs"));
            let phase = Phase::Refit(epochs);
            let mut watch = Deadline { finish: self, with_deadline: true };
            match refit.objective.train(&trial.configuration, phase, seed, &mut watch) {
                Ok(model) => {
                    let mut metrics = BTreeMap::new();
                    if !self.spec.refit.is_some_and(|refit| refit.validation_too) {
                        let accuracy = model.metrics.get("validation_accuracy");
                        metrics.extend(accuracy.map(|value| ("refit_validation_accuracy".to_owned(), value)));
                    }
                    let config = config(phase)?;
                    let settings = self.spec.refit_settings(&trial.configuration)?;
                    let refitted = Some(Refitted { epochs, settings });
                    let made = Made { network: &model.network, weights: &model.weights, refitted, metrics };
                    return self.deliver(refit, trial, made, config);
                }
                // Too late: the weights of the search are good as well.
                Err(ModelError::Train(TrainError::Stopped { .. })) if !self.stopped() => {}
                Err(ModelError::Train(TrainError::Stopped { .. })) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        if self.written(trial)? == Some(None) {
            return Ok(());
        }
        let config = config(Phase::Search)?;
        bar.set_message(format!("trial {number}"));
        let candidate = self.search.objective.candidate(&trial.configuration, Phase::Search)?;
        let kept = self.folder.weights(number, NetworkObjective::ENDING);
        let weights = match kept.is_file() {
            true => Weights::load(&kept)?.0,
            false => {
                bar.set_message(format!("trial {number}: its weights are missing and trained again"));
                match self.search.objective.train(
                    &trial.configuration,
                    Phase::Search,
                    seed,
                    &mut Deadline { finish: self, with_deadline: false },
                ) {
                    Ok(model) => model.weights,
                    Err(ModelError::Train(TrainError::Stopped { .. })) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let metrics = BTreeMap::new();
        let made = Made { network: &candidate.network, weights: &weights, refitted: None, metrics };
        self.deliver(&self.search, trial, made, config)
    }

    fn deliver(
        &self,
        trainer: &Trainer,
        trial: &FrozenTrial,
        made: Made<'_>,
        config: String,
    ) -> Result<(), Cause> {
        let config = ("config.toml", config);
        let Made { network, weights, refitted: refit, metrics } = made;
        let images = self.images.to_owned();
        let delivery =
            Delivery { network, weights, splits: trainer.splits, config: &config, images, refit, metrics };
        delivery.write(&self.folder.model(trial.number), self.test).map(drop)
    }
}

/// A model that is to be written.
struct Made<'a> {
    network: &'a Network,
    weights: &'a Weights,
    refitted: Option<Refitted>,
    metrics: BTreeMap<String, f64>,
}

/// Ends a training on Ctrl-C, and on the deadline if that matters.
struct Deadline<'a> {
    finish: &'a Finish<'a>,
    with_deadline: bool,
}

impl Observer for Deadline<'_> {
    fn step(&mut self, _: usize, _: usize) -> ControlFlow<StopReason> {
        if self.finish.stopped() || (self.with_deadline && self.finish.late()) {
            return ControlFlow::Break(StopReason::Interrupted);
        }
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, _: &EpochReport) -> ControlFlow<StopReason> {
        ControlFlow::Continue(())
    }
}

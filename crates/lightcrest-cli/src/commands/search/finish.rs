//! The end of a search: the models of the front are written.
//!
//! Their weights were kept while the search ran; where they are missing, the training is run again from its seed. With
//! `[refit]` they are trained anew, longer, several at a time. A model whose folder is complete, for the same
//! configuration and training, is left as it is: going on costs nothing, and the test images are looked at once for
//! each model.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use indicatif::ProgressBar;
use lightcrest::history::{FrozenTrial, History};
use lightcrest_model::data::{Dataset, Splits};
use lightcrest_model::measure::{LatencyConfig, latency};
use lightcrest_model::network::{Network, Weights};
use lightcrest_model::objective::{ModelError, NetworkObjective};
use lightcrest_model::spec::{Phase, Spec};
use lightcrest_model::train::{EpochReport, Observer, StopReason, TrainError};

use crate::deliver::Delivery;
use crate::error::CliError;
use crate::progress::{self, Style};
use crate::run::{ModelCard, RunFolder};

type Cause = Box<dyn Error + Send + Sync>;

/// An objective with the images that it trains on.
pub(super) struct Trainer<'a> {
    pub(super) objective: &'a NetworkObjective,
    pub(super) splits: &'a Splits,
}

/// What is needed to write the models.
pub(super) struct Finish<'a> {
    pub(super) spec: &'a Spec,
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
        let refitted = self.refitted(&front);
        let bar = progress::steps(self.style, "models", front.len());
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        let work = || {
            while let Some(trial) = front.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.stopped() || failure.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                    return;
                }
                match self.one(trial, refitted.contains(&trial.number), &bar) {
                    Ok(()) => bar.inc(1),
                    Err(source) => {
                        let error = CliError::Model { trial: trial.number, source };
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.workers {
                scope.spawn(work);
            }
            work();
        });
        bar.finish_and_clear();
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => self.measure(&front),
        }
    }

    /// Measures the latency of the models, one after the other, now that the machine is free. Where latency is an
    /// objective or a constraint, what the trial measured stays: the front was chosen by it.
    fn measure(&self, front: &[&FrozenTrial]) -> Result<(), CliError> {
        const NAME: &str = "latency_ms";
        let objectives = self.spec.objectives.iter().flat_map(|objective| objective.metrics());
        let constraints = self.spec.constraints.iter().map(|constraint| constraint.metric);
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

    /// The trials whose models are trained again: all, or `refit.models` of them, spread evenly over the front.
    fn refitted(&self, front: &[&FrozenTrial]) -> Vec<u64> {
        let Some(refit) = self.spec.refit else { return vec![] };
        let value = |trial: &FrozenTrial| self.history.oriented(trial).map_or(0.0, |values| values[0]);
        let mut order: Vec<&FrozenTrial> = front.to_vec();
        order.sort_by(|a, b| value(b).total_cmp(&value(a)).then(a.number.cmp(&b.number)));
        spread(order.len(), refit.models.unwrap_or(usize::MAX)).map(|i| order[i].number).collect()
    }

    /// Writes one model, unless it is there.
    fn one(&self, trial: &FrozenTrial, refit: bool, bar: &ProgressBar) -> Result<(), Cause> {
        let number = trial.number;
        let seed = (self.seed)(number);
        let folder = self.folder.model(number);
        let config = |phase| self.spec.resolve(&trial.configuration, seed, phase);
        let written =
            ModelCard::read(&folder)?.and_then(|_| fs::read_to_string(folder.join("config.toml")).ok());
        if let Some(refit) = self.refit.as_ref().filter(|_| refit) {
            let config = config(Phase::Refit)?;
            if written.as_deref() == Some(&config) {
                return Ok(());
            }
            if !self.late() {
                bar.set_message(format!("trial {number} is trained again"));
                let mut watch = Watch { finish: self, with_deadline: true };
                match refit.objective.train(&trial.configuration, Phase::Refit, seed, &mut watch) {
                    Ok(model) => {
                        let mut metrics = BTreeMap::new();
                        if !self.spec.refit.is_some_and(|refit| refit.validation_too) {
                            let accuracy = model.metrics.get("validation_accuracy");
                            metrics.extend(
                                accuracy.map(|value| ("refit_validation_accuracy".to_owned(), value)),
                            );
                        }
                        return self.deliver(refit, trial, &model.network, &model.weights, config, metrics);
                    }
                    // Too late: the weights of the search are good as well.
                    Err(ModelError::Train(TrainError::Stopped { .. })) if !self.stopped() => {}
                    Err(ModelError::Train(TrainError::Stopped { .. })) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let config = config(Phase::Search)?;
        if written.as_deref() == Some(&config) {
            return Ok(());
        }
        bar.set_message(format!("trial {number}"));
        let candidate = self.search.objective.candidate(&trial.configuration, Phase::Search)?;
        let kept = self.folder.weights(number);
        let weights = match kept.is_file() {
            true => Weights::load(&kept)?.0,
            false => {
                bar.set_message(format!("trial {number}: its weights are missing and trained again"));
                match self.search.objective.train(
                    &trial.configuration,
                    Phase::Search,
                    seed,
                    &mut Watch { finish: self, with_deadline: false },
                ) {
                    Ok(model) => model.weights,
                    Err(ModelError::Train(TrainError::Stopped { .. })) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        self.deliver(&self.search, trial, &candidate.network, &weights, config, BTreeMap::new())
    }

    fn deliver(
        &self,
        trainer: &Trainer,
        trial: &FrozenTrial,
        network: &Network,
        weights: &Weights,
        config: String,
        metrics: BTreeMap<String, f64>,
    ) -> Result<(), Cause> {
        let config = ("config.toml", config);
        let delivery = Delivery { network, weights, splits: trainer.splits, config: &config, metrics };
        delivery.write(&self.folder.model(trial.number), self.test).map(drop)
    }
}

/// Ends a training on Ctrl-C, and on the deadline if that matters.
struct Watch<'a> {
    finish: &'a Finish<'a>,
    with_deadline: bool,
}

impl Observer for Watch<'_> {
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

/// `count` of `len` positions, the first and the last among them, evenly between.
fn spread(len: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(len);
    (0..count).map(move |i| match count {
        1 => 0,
        _ => (i * (len - 1) + (count - 1) / 2) / (count - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_front_has_its_ends() {
        assert_eq!(spread(9, 3).collect::<Vec<_>>(), [0, 4, 8]);
        assert_eq!(spread(3, 9).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(5, 1).collect::<Vec<_>>(), [0]);
        assert_eq!(spread(0, 2).count(), 0);
    }
}

//! Keeps the weights, or the models, of the trials that are on the front so far.
//!
//! They are written before the trial is told to the study: a trial that is stored as complete has its
//! weights. They are removed when another trial dominates it. So the search ends without training anything
//! again.

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lightcrest::history::{FrozenTrial, History};
use lightcrest::objective::{self, Evaluation, ObjectiveInfo, Preview, TrialError};
use lightcrest::pareto::Archive;
use lightcrest::{Configuration, Objective, Observer, Trial};

use crate::error::CliError;
use crate::run::{RunError, RunFolder};

type Cause = Box<dyn Error + Send + Sync>;

/// An objective whose trials make models.
pub(crate) trait MakesModels: Objective {
    /// What a trial makes.
    type Model;
    /// How the names of the files end that models are kept in.
    const ENDING: &str;

    /// Evaluates a trial as [`Objective::evaluate`] does, and hands out its model.
    fn make(&self, trial: &mut Trial<'_>) -> Result<(Evaluation, Self::Model), TrialError>;

    /// Writes a model to a file, whole or not at all.
    fn keep(&self, model: &Self::Model, path: &Path) -> Result<(), Cause>;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wraps the objective and listens to what became of its trials.
pub(crate) struct Keeper<'a, O> {
    inner: &'a O,
    folder: &'a RunFolder,
    stop: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The trials of the front so far.
    front: Archive<u64>,
    /// Why nothing more can be kept.
    error: Option<CliError>,
}

impl<'a, O: MakesModels> Keeper<'a, O> {
    /// Goes on with a history; removes weights that are not of its front. `stop` is set when weights cannot
    /// be kept.
    pub(crate) fn new(
        inner: &'a O,
        folder: &'a RunFolder,
        history: &History,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, RunError> {
        folder.make(&folder.root().join("weights"))?;
        let front: Archive<u64> =
            history.front().into_iter().filter_map(|t| Some((history.oriented(t)?, t.number))).collect();
        for number in folder.kept_weights(O::ENDING)? {
            // Of a trial that runs elsewhere they may be there before its end is stored.
            let ended = || history.get(number).is_some_and(|trial| trial.state.is_finished());
            if !front.items().any(|other| *other == number) && (!folder.is_shared() || ended()) {
                folder.forget_weights(number, O::ENDING)?;
            }
        }
        let state = Mutex::new(State { front, error: None });
        Ok(Self { inner, folder, stop, state })
    }

    /// Why weights could not be kept, if they could not.
    pub(crate) fn into_error(self) -> Option<CliError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).error
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn fail(&self, error: CliError) {
        self.stop.store(true, Ordering::SeqCst);
        self.state().error.get_or_insert(error);
    }
}

impl<O: MakesModels> Objective for Keeper<'_, O> {
    fn objectives(&self) -> &[ObjectiveInfo] {
        self.inner.objectives()
    }

    fn preview(&self, configuration: &Configuration) -> Preview {
        self.inner.preview(configuration)
    }

    fn evaluate(&self, trial: &mut Trial) -> Result<Evaluation, TrialError> {
        let (evaluation, model) = self.inner.make(trial)?;
        let feasible = evaluation.constraints.iter().all(|(_, excess)| *excess <= 0.0);
        let finite = evaluation.values.iter().all(|value| value.is_finite());
        let point = objective::orient(self.objectives(), &evaluation.values);
        let dominated = self.state().front.dominates(&point);
        if feasible && finite && !dominated {
            let path = self.folder.weights(trial.number(), O::ENDING);
            if let Err(source) = self.inner.keep(&model, &path) {
                // The trial is not at fault: it goes back to waiting.
                self.fail(CliError::Model { trial: trial.number(), source });
                return Err(TrialError::Interrupted);
            }
        }
        Ok(evaluation)
    }
}

impl<O: MakesModels> Observer for Keeper<'_, O> {
    fn finished(&self, trial: &FrozenTrial) {
        let Some(values) = trial.values.as_deref().filter(|_| trial.is_feasible()) else { return };
        let point = objective::orient(self.objectives(), values);
        // It may be gone itself: it was on the front when it ended, but another trial came first.
        let gone = self.state().front.insert(point, trial.number);
        for number in gone {
            if let Err(error) = self.folder.forget_weights(number, O::ENDING) {
                self.fail(error.into());
            }
        }
    }
}

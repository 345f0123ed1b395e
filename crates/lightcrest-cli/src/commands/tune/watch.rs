//! Ends a run in which nothing but failures comes back.
//!
//! A configuration may fail; a command that fails under each of the first configurations is wrong, and going
//! on would spend the budget on nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lightcrest::Observer;
use lightcrest::history::{FrozenTrial, History, TrialState};

use crate::error::CliError;
use crate::run::RunFolder;

/// Counts the failures until something works.
pub(super) struct Watch {
    patience: usize,
    stop: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Some trial did not fail.
    works: bool,
    failed: usize,
    /// The last failure, and why.
    last: Option<(u64, String)>,
}

impl Watch {
    /// Goes on with a history; sets `stop` after `patience` failures in a row, from the first trial on.
    pub(super) fn new(history: &History, patience: usize, stop: Arc<AtomicBool>) -> Self {
        let works = history.trials().iter().any(|trial| trial.state.has_result());
        Self { patience, stop, state: Mutex::new(State { works, ..State::default() }) }
    }

    /// What to say when no trial has worked.
    pub(super) fn verdict(&self, folder: &RunFolder) -> Option<CliError> {
        let state = self.state();
        let (trial, reason) = state.last.clone().filter(|_| !state.works)?;
        // Ctrl-C before the patience is over is no verdict.
        let interrupted = self.stop.load(Ordering::SeqCst) && state.failed < self.patience;
        (!interrupted).then(|| CliError::AllFailed {
            count: state.failed,
            early: true,
            trial,
            reason,
            log: Some(folder.trial_log(trial)),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watch {
    fn finished(&self, trial: &FrozenTrial) {
        let mut state = self.state();
        if trial.state != TrialState::Failed {
            state.works = true;
            return;
        }
        state.failed += 1;
        state.last = Some((trial.number, trial.reason.clone().unwrap_or_default()));
        if !state.works && state.failed >= self.patience {
            self.stop.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightcrest::Configuration;

    #[test]
    fn a_run_of_failures_stops_unless_something_works() {
        let failed = |number| FrozenTrial {
            state: TrialState::Failed,
            reason: Some("exit code 1".into()),
            ..FrozenTrial::waiting(number, Configuration::new())
        };
        let mut history = History::new(vec![lightcrest::ObjectiveInfo::minimize("loss")]);
        let stop = Arc::new(AtomicBool::new(false));
        let watch = Watch::new(&history, 2, Arc::clone(&stop));
        watch.finished(&failed(0));
        assert!(!stop.load(Ordering::SeqCst));
        watch.finished(&failed(1));
        assert!(stop.load(Ordering::SeqCst));

        stop.store(false, Ordering::SeqCst);
        history.put(FrozenTrial::complete(0, Configuration::new(), vec![1.0]));
        let watch = Watch::new(&history, 2, Arc::clone(&stop));
        (1..9).for_each(|number| watch.finished(&failed(number)));
        assert!(!stop.load(Ordering::SeqCst));
    }
}

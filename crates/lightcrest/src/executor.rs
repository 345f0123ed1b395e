//! Runs a study: workers as threads, each evaluating one trial after the other.
//!
//! The study is behind a mutex; what workers do in it (reserving a number, telling, reports) is short beside
//! an evaluation. What may take long, a proposal or the verdict of a terminator, is computed outside of it.
//! With one worker, results arrive in the order of the trials and the same seed gives the same run. With
//! several, the order in which they finish decides what the sampler knows; each proposal and each evaluation
//! still draws from its own trial's random numbers.

use crate::history::{Claim, FrozenTrial, TrialState};
use crate::objective::TrialError;
use crate::sampler::SamplerError;
use crate::space::{Domain, Value};
use crate::storage::StorageError;
use crate::study::{Study, StudyError};
use crate::trial::{Link, Objective, Trial};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether other workers have ended their trials.
const POLL: Duration = Duration::from_millis(500);

/// How to run.
#[derive(Debug, Clone)]
pub struct ExecutorConfig {
    /// How many trials run at once; at least 1.
    pub workers: usize,
    /// How many trials this run finishes at most, waiting ones included; `usize::MAX` for no limit. When
    /// going on with a study, subtract what [is finished](crate::history::History::finished).
    pub trials: usize,
    /// How many trials the study has in the end at most, whichever processes make them. While others run some
    /// of them, this run goes on: if one of these dies, its trial is run again here. `u64::MAX` for no limit.
    pub study_trials: u64,
    /// When to end; running trials are interrupted and go back to waiting.
    pub timeout: Option<Duration>,
    /// Set it to end the run: from a Ctrl-C handler, say. Running trials are interrupted and go back to
    /// waiting.
    pub stop: Arc<AtomicBool>,
}

impl Default for ExecutorConfig {
    /// One worker, without end.
    fn default() -> Self {
        Self { workers: 1, trials: usize::MAX, study_trials: u64::MAX, timeout: None, stop: Arc::default() }
    }
}

/// Is told what happens, by the workers' threads: for progress bars and logs.
pub trait Observer: Sync {
    /// A trial began to run.
    fn started(&self, trial: &FrozenTrial) {
        let _ = trial;
    }

    /// A running trial reported.
    fn reported(&self, number: u64, step: u64, values: &[f64]) {
        let _ = (number, step, values);
    }

    /// So many trials have ended in other processes since this run began, as far as is known; said before a
    /// trial of this run is [finished](Self::finished).
    fn elsewhere(&self, finished: usize) {
        let _ = finished;
    }

    /// A trial is complete, pruned or failed.
    fn finished(&self, trial: &FrozenTrial) {
        let _ = trial;
    }

    /// A trial was interrupted and waits to be run again, or is run by somebody else by now.
    fn interrupted(&self, trial: &FrozenTrial) {
        let _ = trial;
    }
}

/// Observes nothing.
impl Observer for () {}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All trials are done.
    Done,
    /// The time is up, or an objective gave its trial back because there is none left for it.
    Timeout,
    /// The stop flag was set.
    Stopped,
    /// The sampler has nothing left to propose.
    Exhausted,
    /// The study's terminator says that going on does not pay. Trials that ran at that time were finished.
    Terminated,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Trials that ended complete.
    pub complete: usize,
    /// Trials that the pruner stopped.
    pub pruned: usize,
    /// Trials that failed.
    pub failed: usize,
    /// Why it ended.
    pub ending: Ending,
    /// What the terminator says, if it ended the run.
    pub verdict: Option<String>,
}

/// Runs studies.
#[derive(Debug, Clone, Default)]
pub struct Executor {
    config: ExecutorConfig,
}

impl Executor {
    /// An executor that runs as configured.
    pub fn new(config: ExecutorConfig) -> Self {
        Self { config }
    }

    /// Evaluates trials until the configured end. Returns when every worker is done.
    ///
    /// # Errors
    /// The first error of the study: nothing feasible, storage full. Other workers' trials are interrupted
    /// then.
    pub fn run(
        &self,
        study: &mut Study,
        objective: &dyn Objective,
        observer: &dyn Observer,
    ) -> Result<Summary, StudyError> {
        // Also where nothing is asked for any more, what dead workers left does not stay running.
        study.reclaim()?;
        // A study that has come to its end is not gone on with.
        let verdict = study.termination(&|configuration| objective.preview(configuration))?;
        let run = Run {
            config: &self.config,
            deadline: self.config.timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            known: AtomicUsize::new(study.history().finished()),
            study: Mutex::new(study),
            objective,
            observer,
            begun: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            results: Mutex::new(Results { verdict, ..Results::default() }),
        };
        thread::scope(|scope| {
            for _ in 1..self.config.workers.max(1) {
                scope.spawn(|| run.work());
            }
            run.work();
        });
        let ending = run.ending().unwrap_or(Ending::Timeout);
        let results = run.results.into_inner().unwrap_or_else(PoisonError::into_inner);
        match results.error {
            Some(error) => Err(error),
            None => {
                let count = |state| results.ended.iter().filter(|ended| **ended == state).count();
                Ok(Summary {
                    complete: count(TrialState::Complete),
                    pruned: count(TrialState::Pruned),
                    failed: count(TrialState::Failed),
                    ending: match results {
                        Results { cut_short: true, .. } => ending,
                        Results { exhausted: true, .. } => Ending::Exhausted,
                        Results { verdict: Some(_), .. } => Ending::Terminated,
                        _ => Ending::Done,
                    },
                    verdict: results.verdict,
                })
            }
        }
    }
}

#[derive(Default)]
struct Results {
    ended: Vec<TrialState>,
    error: Option<StudyError>,
    cut_short: bool,
    exhausted: bool,
    verdict: Option<String>,
}

/// What the workers of one run share.
struct Run<'a> {
    config: &'a ExecutorConfig,
    deadline: Option<Instant>,
    study: Mutex<&'a mut Study>,
    objective: &'a dyn Objective,
    observer: &'a dyn Observer,
    begun: AtomicUsize,
    /// How many trials had ended when the run began or ended in it.
    known: AtomicUsize,
    broken: AtomicBool,
    results: Mutex<Results>,
}

impl<'a> Run<'a> {
    /// A panic cannot leave the study half-changed: objectives run outside of the lock, and storages write
    /// whole transactions. So a poisoned lock is as good as new.
    fn study(&self) -> MutexGuard<'_, &'a mut Study> {
        self.study.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the run should end before its trials are done.
    fn ending(&self) -> Option<Ending> {
        if self.config.stop.load(Ordering::Relaxed) {
            Some(Ending::Stopped)
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Some(Ending::Timeout)
        } else {
            None
        }
    }

    fn work(&self) {
        while !self.broken.load(Ordering::Relaxed) {
            if self.begun.fetch_add(1, Ordering::Relaxed) >= self.config.trials {
                return;
            }
            if self.ending().is_some() {
                self.results().cut_short = true;
                return;
            }
            let results = self.results();
            if results.verdict.is_some() || results.cut_short {
                return;
            }
            drop(results);
            match self.one_trial() {
                Ok(true) => {}
                Ok(false) => {
                    self.begun.fetch_sub(1, Ordering::Relaxed);
                    // Threads of this run end what they have.
                    if !self.study().is_run_elsewhere(self.config.study_trials) {
                        return;
                    }
                    self.pause();
                }
                // Other workers finish what they have, and find the same.
                Err(StudyError::Sampler(SamplerError::Exhausted { .. })) => {
                    self.results().exhausted = true;
                    return;
                }
                Err(error) => {
                    self.fail(error);
                    return;
                }
            }
        }
    }

    /// Lets some time pass, unless the run is to end.
    fn pause(&self) {
        let until = Instant::now() + POLL;
        while Instant::now() < until && self.ending().is_none() && !self.broken.load(Ordering::Relaxed) {
            thread::sleep(POLL / 10);
        }
    }

    /// Evaluates a trial; `false` if there is none to begin.
    fn one_trial(&self) -> Result<bool, StudyError> {
        let preview = |configuration: &_| self.objective.preview(configuration);
        let asked = Study::ask_within(&self.study, &preview, self.config.study_trials)?;
        let Some(number) = asked else { return Ok(false) };
        let (frozen, seed) = {
            let study = self.study();
            let frozen = study.history().get(number).cloned();
            (frozen.ok_or(StudyError::UnknownTrial { number })?, study.trial_seed(number))
        };
        self.observer.started(&frozen);
        let (failed, lost) = (AtomicBool::new(false), AtomicBool::new(false));
        let (claim, begun) = (frozen.claim, frozen.clone());
        let connection = Connection { run: self, claim, failed: &failed, lost: &lost };
        let mut trial = Trial::new(frozen, seed, Box::new(connection));
        let outcome = catch_unwind(AssertUnwindSafe(|| self.objective.evaluate(&mut trial)));
        let mut outcome =
            outcome.unwrap_or_else(|payload| Err(TrialError::Failed { reason: panic_message(&*payload) }));
        let attributes = trial.into_frozen().attributes;
        if failed.load(Ordering::Relaxed) {
            // Whatever the objective made of it: the trial is not to blame, and is run again.
            outcome = Err(TrialError::Interrupted);
        }
        let finished = {
            let mut study = self.study();
            let checked = study.check_claim(number, claim);
            let finished = checked.and_then(|()| study.finish(number, outcome, attributes).cloned());
            finished.map(|finished| {
                let here = usize::from(finished.state.is_finished());
                let known = self.known.fetch_add(here, Ordering::Relaxed) + here;
                (finished, study.history().finished().saturating_sub(known))
            })
        };
        let (finished, elsewhere) = match finished {
            Err(error @ StudyError::Storage(StorageError::LeaseLost { .. })) => {
                // Whoever has it by now ends it: this one was for nothing, and nothing is wrong with the
                // study.
                log::warn!("{error}");
                self.begun.fetch_sub(1, Ordering::Relaxed);
                self.observer.interrupted(&begun);
                return Ok(true);
            }
            finished => finished?,
        };
        if finished.state.is_finished() {
            let verdict = Study::termination_shared(&self.study, &preview)?;
            let mut results = self.results();
            results.ended.push(finished.state);
            results.verdict = results.verdict.take().or(verdict);
            drop(results);
            self.observer.elsewhere(elsewhere);
            self.observer.finished(&finished);
        } else {
            self.results().cut_short = true;
            self.observer.interrupted(&finished);
        }
        Ok(true)
    }

    /// Ends the run: the study cannot go on.
    fn fail(&self, error: StudyError) {
        self.broken.store(true, Ordering::Relaxed);
        self.results().error.get_or_insert(error);
    }
}

struct Connection<'a, 'b> {
    run: &'a Run<'b>,
    /// Which run of the trial this is.
    claim: Option<Claim>,
    /// Whether the study failed under this trial.
    failed: &'a AtomicBool,
    /// Whether the trial is somebody else's by now.
    lost: &'a AtomicBool,
}

impl Connection<'_, '_> {
    /// What the objective is told: that its trial failed, if it asked for what cannot be; else that the run
    /// is over.
    fn told(&self, error: StudyError) -> TrialError {
        if let StudyError::Space(error) = error {
            return TrialError::Failed { reason: error.to_string() };
        }
        if let StudyError::Storage(StorageError::LeaseLost { .. }) = error {
            self.lost.store(true, Ordering::Relaxed);
            return TrialError::Interrupted;
        }
        self.failed.store(true, Ordering::Relaxed);
        self.run.fail(error);
        TrialError::Interrupted
    }

    /// Does something with the study, if the trial is still of this run.
    fn with<T>(
        &self,
        number: u64,
        work: impl FnOnce(&mut Study) -> Result<T, StudyError>,
    ) -> Result<T, TrialError> {
        let mut study = self.run.study();
        let checked = study.check_claim(number, self.claim);
        checked.and_then(|()| work(&mut study)).map_err(|error| self.told(error))
    }
}

impl Link for Connection<'_, '_> {
    fn suggested(&self, number: u64, name: &str, domain: &Domain) -> Result<Value, TrialError> {
        self.with(number, |study| study.suggest(number, name, domain))
    }

    fn reported(&self, number: u64, step: u64, values: &[f64]) -> Result<(), TrialError> {
        self.with(number, |study| study.report(number, step, values))?;
        self.run.observer.reported(number, step, values);
        Ok(())
    }

    fn pruned_by(&self, number: u64) -> Result<Option<&'static str>, TrialError> {
        self.with(number, |study| {
            let pruned = study.should_prune(number)?;
            study.check_claim(number, self.claim)?;
            Ok(pruned.then(|| study.pruner_name()))
        })
    }

    fn interrupted(&self) -> bool {
        let run = self.run;
        self.lost.load(Ordering::Relaxed) || run.broken.load(Ordering::Relaxed) || run.ending().is_some()
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without a message"))
}

//! The study: the trials of one space and its objectives.

use crate::history::{FrozenTrial, History, TrialState};
use crate::objective::{Evaluation, ObjectiveInfo, Preview, TrialError};
use crate::pruner::{NoPruner, Pruner};
use crate::sampler::{AutoSampler, Context, Sampler, SamplerError};
use crate::space::{Configuration, Space, SpaceError};
use crate::storage::{Definition, MemoryStorage, Storage, StorageError};
use crate::trial::{Stream, derive_seed};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Asks a sampler for configurations, keeps what became of them in a storage.
///
/// A study is driven by an [`Executor`](crate::executor::Executor), or by hand with [`ask`](Self::ask) and
/// [`tell`](Self::tell). The random numbers of a proposal derive from the study's seed and the trial's number: when
/// results arrive in the same order, the same seed gives the same sequence, also across interruptions.
pub struct Study {
    definition: Definition,
    sampler: Box<dyn Sampler>,
    pruner: Box<dyn Pruner>,
    storage: Box<dyn Storage>,
    history: History,
    revision: u64,
}

/// Collects what a study needs.
pub struct StudyBuilder {
    definition: Definition,
    sampler: Box<dyn Sampler>,
    pruner: Box<dyn Pruner>,
    storage: Box<dyn Storage>,
}

impl StudyBuilder {
    /// The name; `study` unless given.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.definition.name = name.into();
        self
    }

    /// What all random numbers derive from; 0 unless given.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.definition.seed = seed;
        self
    }

    /// What else must stay the same between runs; see [`Definition::spec`].
    #[must_use]
    pub fn spec(mut self, spec: impl Into<String>) -> Self {
        self.definition.spec = spec.into();
        self
    }

    /// What proposes; [`AutoSampler`] unless given.
    #[must_use]
    pub fn sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.sampler = Box::new(sampler);
        self
    }

    /// As [`sampler`](Self::sampler), chosen at run time.
    #[must_use]
    pub fn boxed_sampler(mut self, sampler: Box<dyn Sampler>) -> Self {
        self.sampler = sampler;
        self
    }

    /// What stops trials early; [`NoPruner`] unless given.
    #[must_use]
    pub fn pruner(mut self, pruner: impl Pruner + 'static) -> Self {
        self.pruner = Box::new(pruner);
        self
    }

    /// As [`pruner`](Self::pruner), chosen at run time.
    #[must_use]
    pub fn boxed_pruner(mut self, pruner: Box<dyn Pruner>) -> Self {
        self.pruner = pruner;
        self
    }

    /// Where the trials live; in memory unless given.
    #[must_use]
    pub fn storage(mut self, storage: impl Storage + 'static) -> Self {
        self.storage = Box::new(storage);
        self
    }

    /// Makes the study, or goes on with the one that the storage keeps. Trials that were left running go back to
    /// waiting.
    ///
    /// # Errors
    /// If the sampler cannot handle the space or the objectives, or the storage keeps another study.
    pub fn build(mut self) -> Result<Study, StudyError> {
        let Definition { space, objectives, .. } = &self.definition;
        if objectives.is_empty() {
            return Err(StudyError::NoObjectives);
        }
        for (i, objective) in objectives.iter().enumerate() {
            if objectives[..i].iter().any(|other| other.name == objective.name) {
                return Err(StudyError::DuplicateObjective { name: objective.name.clone() });
            }
        }
        let (sampler, can) = (self.sampler.name(), self.sampler.capabilities());
        if objectives.len() > 1 && !can.several_objectives {
            let what = format!("{} objectives, only one", objectives.len());
            return Err(StudyError::Unsupported { sampler, what });
        }
        let conditional = space.parameters().iter().find(|parameter| !parameter.when.is_empty());
        if let Some(parameter) = conditional.filter(|_| !can.conditions) {
            let what = format!("conditional parameters such as `{}`", parameter.name);
            return Err(StudyError::Unsupported { sampler, what });
        }
        let definition = self.storage.open(&self.definition)?;
        let history = History::new(definition.objectives.clone());
        let Self { sampler, pruner, storage, .. } = self;
        let mut study = Study { definition, sampler, pruner, storage, history, revision: 0 };
        study.synchronize()?;
        Ok(study)
    }
}

impl Study {
    /// Starts the description of a study.
    pub fn builder(space: Space, objectives: Vec<ObjectiveInfo>) -> StudyBuilder {
        let definition = Definition {
            name: "study".to_owned(),
            space,
            objectives,
            seed: 0,
            spec: String::new(),
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            created: now(),
        };
        StudyBuilder {
            definition,
            sampler: Box::new(AutoSampler::new()),
            pruner: Box::new(NoPruner),
            storage: Box::new(MemoryStorage::new()),
        }
    }

    /// What the study is, as it is stored.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// What may vary.
    pub fn space(&self) -> &Space {
        &self.definition.space
    }

    /// What is optimised.
    pub fn objectives(&self) -> &[ObjectiveInfo] {
        &self.definition.objectives
    }

    /// The name of the sampler.
    pub fn sampler_name(&self) -> &'static str {
        self.sampler.name()
    }

    /// The trials as data.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// All trials; a trial's number is its position.
    pub fn trials(&self) -> &[FrozenTrial] {
        self.history.trials()
    }

    /// The feasible complete trials that no other dominates.
    pub fn front(&self) -> Vec<&FrozenTrial> {
        self.history.front()
    }

    /// The feasible complete trial with the best value of the first objective.
    pub fn best(&self) -> Option<&FrozenTrial> {
        self.history.best(0)
    }

    /// Adds a configuration to be evaluated before any proposal; the number of its trial.
    ///
    /// # Errors
    /// If it is not of the space, or the storage refuses.
    pub fn enqueue(&mut self, configuration: &Configuration) -> Result<u64, StudyError> {
        let configuration = self.definition.space.conform(configuration)?;
        loop {
            let trial = FrozenTrial::waiting(self.history.len() as u64, configuration.clone());
            match self.storage.create(&trial) {
                Ok(()) => {
                    let number = trial.number;
                    self.history.put(trial);
                    return Ok(number);
                }
                Err(StorageError::NumberTaken { .. }) => self.synchronize()?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next trial to evaluate, now running: one that waits, or else a proposal.
    ///
    /// # Errors
    /// If the sampler finds no configuration or the storage refuses.
    pub fn ask(&mut self) -> Result<FrozenTrial, StudyError> {
        self.ask_with(&|_| Preview::default())
    }

    /// As [`ask`](Self::ask), with what is known of configurations before they are evaluated. A waiting trial that
    /// breaks a `before` constraint fails for that reason, unevaluated.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_with(
        &mut self,
        preview: &dyn Fn(&Configuration) -> Preview,
    ) -> Result<FrozenTrial, StudyError> {
        loop {
            self.synchronize()?;
            let waiting = self.history.next_waiting().cloned();
            let from = waiting.as_ref().map(|trial| trial.state);
            let mut trial = match waiting {
                Some(trial) => trial,
                None => self.propose(preview)?,
            };
            let known = preview(&trial.configuration);
            trial.started = Some(now());
            trial.known = known.objectives;
            match known.violation {
                None => trial.state = TrialState::Running,
                Some(reason) => {
                    trial.state = TrialState::Failed;
                    trial.reason = Some(reason);
                    trial.finished = trial.started;
                }
            }
            let stored = match from {
                Some(state) => self.storage.update(&trial, state),
                None => self.storage.create(&trial),
            };
            match stored {
                Ok(()) => self.history.put(trial.clone()),
                // Another process was faster: see what it did and ask again.
                Err(StorageError::NumberTaken { .. } | StorageError::StateConflict { .. }) => continue,
                Err(error) => return Err(error.into()),
            }
            if trial.state == TrialState::Running {
                return Ok(trial);
            }
        }
    }

    fn propose(&mut self, preview: &dyn Fn(&Configuration) -> Preview) -> Result<FrozenTrial, StudyError> {
        let number = self.history.len() as u64;
        let Definition { space, objectives, seed, .. } = &self.definition;
        let mut rng = ChaCha8Rng::seed_from_u64(derive_seed(*seed, number, Stream::Proposal));
        let context = Context { number, space, objectives, history: &self.history, preview };
        let configuration = self.sampler.propose(&context, &mut rng)?;
        let refuse = |reason| SamplerError::Internal { sampler: self.sampler.name(), reason };
        space.validate(&configuration).map_err(|error| refuse(error.to_string()))?;
        if let Some(violation) = preview(&configuration).violation {
            return Err(refuse(violation).into());
        }
        Ok(FrozenTrial::waiting(number, configuration))
    }

    /// The seed that the evaluation of a trial should use.
    pub fn trial_seed(&self, number: u64) -> u64 {
        derive_seed(self.definition.seed, number, Stream::Evaluation)
    }

    /// Keeps an intermediate report of a running trial; see [`Trial::report_values`](crate::trial::Trial::report_values).
    /// It is stored with the trial's end.
    ///
    /// # Errors
    /// If there is no such trial, it is not running, a value is not finite, or steps do not ascend.
    pub fn report(&mut self, number: u64, step: u64, values: &[f64]) -> Result<(), StudyError> {
        let trial = self.history.get_mut(number).ok_or(StudyError::UnknownTrial { number })?;
        if trial.state != TrialState::Running {
            return Err(StudyError::NotRunning { number, state: trial.state });
        }
        if let Some(value) = values.iter().copied().find(|value| !value.is_finite()) {
            return Err(StudyError::NonFiniteReport { number, step, value });
        }
        if let Some(last) = trial.last_step().filter(|last| *last >= step) {
            return Err(StudyError::StepNotAscending { number, step, last });
        }
        trial.reports.push((step, values.to_vec()));
        Ok(())
    }

    /// Whether the pruner would stop the trial at its last report.
    pub fn should_prune(&self, number: u64) -> bool {
        let running = |trial: &&FrozenTrial| trial.state == TrialState::Running && !trial.reports.is_empty();
        let trial = self.history.get(number).filter(running);
        trial.is_some_and(|trial| self.pruner.should_prune(&self.history, trial))
    }

    pub(crate) fn pruner_name(&self) -> &'static str {
        self.pruner.name()
    }

    /// Ends a running trial. An evaluation with a value that is not finite fails it; an interruption puts it back to
    /// waiting.
    ///
    /// # Errors
    /// If there is no such trial, it is not running, the number of values is wrong, or the storage refuses; the trial
    /// is as before then.
    pub fn tell(
        &mut self,
        number: u64,
        outcome: Result<Evaluation, TrialError>,
    ) -> Result<&FrozenTrial, StudyError> {
        self.finish(number, outcome, BTreeMap::new())
    }

    /// As [`tell`](Self::tell), with attributes that are kept whatever the outcome.
    pub(crate) fn finish(
        &mut self,
        number: u64,
        outcome: Result<Evaluation, TrialError>,
        attributes: BTreeMap<String, Json>,
    ) -> Result<&FrozenTrial, StudyError> {
        let mut trial = self.history.get(number).cloned().ok_or(StudyError::UnknownTrial { number })?;
        if trial.state != TrialState::Running {
            return Err(StudyError::NotRunning { number, state: trial.state });
        }
        trial.attributes = attributes;
        trial.finished = Some(now());
        match outcome {
            Ok(evaluation) => self.complete(&mut trial, evaluation)?,
            Err(TrialError::Pruned { reason }) => {
                trial.state = TrialState::Pruned;
                trial.reason = Some(reason);
            }
            Err(TrialError::Failed { reason }) => {
                trial.state = TrialState::Failed;
                trial.reason = Some(reason);
            }
            Err(TrialError::Interrupted) => trial.reset(),
        }
        self.storage.update(&trial, TrialState::Running)?;
        self.history.put(trial);
        self.history.get(number).ok_or(StudyError::UnknownTrial { number })
    }

    fn complete(&self, trial: &mut FrozenTrial, evaluation: Evaluation) -> Result<(), StudyError> {
        let (expected, found) = (self.objectives().len(), evaluation.values.len());
        if expected != found {
            return Err(StudyError::WrongValueCount { number: trial.number, expected, found });
        }
        trial.attributes.extend(evaluation.attributes);
        let objectives = self.objectives().iter().map(|objective| (objective.name.as_str(), "objective"));
        let constraints = evaluation.constraints.iter().map(|(name, _)| (name.as_str(), "constraint"));
        let numbers = evaluation.values.iter().chain(evaluation.constraints.iter().map(|(_, excess)| excess));
        let broken = objectives.chain(constraints).zip(numbers).find(|(_, number)| !number.is_finite());
        if let Some(((name, kind), number)) = broken {
            trial.state = TrialState::Failed;
            trial.reason = Some(format!("{kind} `{name}` is {number}"));
            return Ok(());
        }
        trial.state = TrialState::Complete;
        trial.values = Some(evaluation.values);
        trial.constraints = evaluation.constraints;
        Ok(())
    }

    /// Takes over what was written to the storage, by whomever, since the last time.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub fn synchronize(&mut self) -> Result<(), StudyError> {
        let changes = self.storage.changes(self.revision)?;
        for trial in changes.trials {
            // Reports of running trials are stored at their end: ours are ahead.
            let running = |trial: &FrozenTrial| trial.state == TrialState::Running;
            if !(running(&trial) && self.history.get(trial.number).is_some_and(running)) {
                self.history.put(trial);
            }
        }
        self.revision = changes.revision;
        Ok(())
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

/// Why a study cannot be made or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum StudyError {
    #[error("a study needs at least one objective")]
    NoObjectives,
    #[error("objective names must differ, but `{name}` is there twice")]
    DuplicateObjective { name: String },
    #[error("sampler `{sampler}` cannot handle {what}")]
    Unsupported { sampler: &'static str, what: String },
    #[error("trial {number} does not exist")]
    UnknownTrial { number: u64 },
    #[error("trial {number} is {state}, not running")]
    NotRunning { number: u64, state: TrialState },
    #[error("trial {number} reported {value} at step {step}, but reports must be finite")]
    NonFiniteReport { number: u64, step: u64, value: f64 },
    #[error("trial {number} reported step {step} after step {last}, but steps must ascend")]
    StepNotAscending { number: u64, step: u64, last: u64 },
    #[error("trial {number} gave {found} values, but the study has {expected} objectives")]
    WrongValueCount { number: u64, expected: usize, found: usize },
    #[error(transparent)]
    Space(#[from] SpaceError),
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

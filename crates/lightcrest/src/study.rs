//! The study: the trials of one space and its objectives.

mod ask;
mod builder;
mod error;
mod follow;
mod replace;
mod snapshot;
mod suggest;
mod tell;
mod thinker;

pub use builder::StudyBuilder;
pub use error::StudyError;
pub use snapshot::Snapshot;
pub use suggest::Answer;

use self::thinker::{Proposer, Thinker};
use crate::history::{FrozenTrial, History, TrialState};
use crate::memory::{Memory, Source};
use crate::objective::{Evaluation, ObjectiveInfo};
use crate::pruner::{NoPruner, Pruner};
use crate::sampler::{AutoSampler, Sampler};
use crate::space::{Configuration, Discovery, Space, Suggestions};
use crate::storage::{Definition, MemoryStorage, Storage, StorageError, now};
use crate::terminator::Terminator;
use crate::trial::{Stream, derive_seed};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// How often a trial whose worker is gone is run again, unless the study says so.
const RETRIES: u64 = 3;

/// Where the values of a running trial come from that it has before it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The sampler proposed them: what does not fit any more is drawn anew.
    Sampler,
    /// They waited with the trial: they are given as they are.
    Queue,
    /// They are [proposed from outside](Study::propose_value): likewise.
    Outside,
}

/// What is known of a trial that runs here.
#[derive(Debug, Clone)]
struct Own {
    origin: Origin,
    /// The attributes with which it waited.
    given: BTreeMap<String, Json>,
    /// When it began, by a clock that does not jump.
    begun: Instant,
    /// Since when there are parameters that it asked for and that are still to be stored.
    unstored: Option<Instant>,
}

/// Asks a sampler for configurations, keeps what became of them in a storage.
///
/// A study is driven by an [`Executor`](crate::executor::Executor), or by hand with [`ask`](Self::ask) and
/// [`tell`](Self::tell). The random numbers of a proposal derive from the study's seed and the trial's
/// number: when results arrive in the same order, the same seed gives the same sequence, also across
/// interruptions.
///
/// The space is [declared](Self::builder), or [discovered](Self::define_by_run) from what objectives
/// [ask for](Self::suggest) while they run.
pub struct Study {
    definition: Definition,
    sampler: Proposer,
    pruner: Box<dyn Pruner>,
    terminator: Option<Thinker<dyn Terminator>>,
    storage: Box<dyn Storage>,
    /// Shared with [`Snapshot`]s: it is copied when it changes while somebody looks at one.
    history: Arc<History>,
    revision: u64,
    /// Whether a write of our own showed that others wrote since the last time that we looked.
    behind: bool,
    /// The running trials that were asked for here.
    own: BTreeMap<u64, Own>,
    /// Those of them that were given to somebody else, since this worker was taken for dead.
    lost: BTreeSet<u64>,
    /// Whether trials that are asked for are given to others when this process dies.
    lease: bool,
    /// How often a trial whose worker is gone is run again; `None` to leave it as it is.
    retries: Option<u64>,
    /// When it was last looked whether workers are gone.
    looked: Option<Instant>,
    /// Whether running trials are stored as they go on.
    write_through: bool,
    /// Whether objectives take their time between two parameters.
    slow: bool,
    /// Where the space is not declared.
    discovery: Option<Discovery>,
    /// What the trial that ended last had asked for: mostly the next one asks for the same.
    usual: Suggestions,
    /// Where it is declared: its domains, as [`domains`](Self::domains) gives them out.
    declared: Suggestions,
}

impl Study {
    /// Starts the description of a study of a declared space.
    pub fn builder(space: Space, objectives: Vec<ObjectiveInfo>) -> StudyBuilder {
        Self::describe(space, false, objectives)
    }

    /// Starts the description of a study that discovers its space from what the objective asks for.
    pub fn define_by_run(objectives: Vec<ObjectiveInfo>) -> StudyBuilder {
        Self::describe(Space::empty(), true, objectives)
    }

    fn describe(space: Space, discovered: bool, objectives: Vec<ObjectiveInfo>) -> StudyBuilder {
        let definition = Definition {
            name: "study".to_owned(),
            space,
            discovered,
            objectives,
            seed: 0,
            spec: String::new(),
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            created: now(),
        };
        StudyBuilder {
            definition,
            seeded: false,
            new: false,
            sampler: Box::new(AutoSampler::new()),
            pruner: Box::new(NoPruner),
            terminator: None,
            storage: Box::new(MemoryStorage::new()),
            write_through: false,
            lease: true,
            retries: Some(RETRIES),
            sources: Vec::new(),
        }
    }

    /// What the study is, as it is stored.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// What may vary; if it is discovered, as the finished trials show it.
    pub fn space(&self) -> &Space {
        &self.definition.space
    }

    /// What is optimised.
    pub fn objectives(&self) -> &[ObjectiveInfo] {
        &self.definition.objectives
    }

    /// The name of the sampler.
    pub fn sampler_name(&self) -> &'static str {
        self.sampler.name
    }

    /// The study as it is now, for who takes time over it.
    pub fn snapshot(&self) -> Snapshot {
        let Definition { space, discovered, objectives, seed, .. } = &self.definition;
        Snapshot {
            space: space.clone(),
            discovered: *discovered,
            objectives: objectives.clone(),
            seed: *seed,
            history: Arc::clone(&self.history),
            revision: self.revision,
        }
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
    /// Where the space is discovered, it may be a part of a configuration: what the objective asks for beyond
    /// it is drawn at random. For an empty one the sampler proposes, as for any trial, when its turn comes.
    ///
    /// # Errors
    /// If it is not of the space or breaks its bounds or constraints, or the storage refuses.
    pub fn enqueue(&mut self, configuration: &Configuration) -> Result<u64, StudyError> {
        let trial = self.waiting(configuration)?;
        self.append(trial)
    }

    /// As [`enqueue`](Self::enqueue), unless a trial has this configuration already, in whatever state and
    /// whichever process made it: `None` then.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub fn enqueue_new(&mut self, configuration: &Configuration) -> Result<Option<u64>, StudyError> {
        let trial = self.waiting(configuration)?;
        self.append_unless(trial, History::contains)
    }

    fn waiting(&self, configuration: &Configuration) -> Result<FrozenTrial, StudyError> {
        let configuration = match &self.discovery {
            Some(discovery) => discovery.conform(configuration),
            None => self.definition.space.conform(configuration)?,
        };
        Ok(FrozenTrial::waiting(0, configuration))
    }

    /// Adds a trial with the next number, whatever its own says: one that ran or runs elsewhere, or that
    /// waits to be run.
    ///
    /// One that waits must satisfy the constraints of the space; what ran is history, and taken as it is.
    ///
    /// Where the space is discovered, its [suggestions](FrozenTrial::suggestions) say what its values were
    /// asked for.
    ///
    /// # Errors
    /// If it is incomplete in itself or not of the space, or the storage refuses.
    pub fn add(&mut self, mut trial: FrozenTrial) -> Result<u64, StudyError> {
        let number = self.history.next_number();
        if trial.state == TrialState::Running {
            trial.started = trial.started.or_else(|| Some(now()));
        }
        match (trial.state, &trial.values) {
            (TrialState::Complete, None) => return Err(StudyError::AddedWithoutValues),
            (TrialState::Complete, Some(_)) => {
                let evaluation = Evaluation {
                    values: trial.values.take().unwrap_or_default(),
                    constraints: std::mem::take(&mut trial.constraints),
                    ..Evaluation::default()
                };
                trial.number = number;
                self.complete(&mut trial, evaluation)?;
            }
            _ => trial.values = None,
        }
        self.conform(&mut trial, false)?;
        self.append(trial)
    }

    fn append(&mut self, trial: FrozenTrial) -> Result<u64, StudyError> {
        Ok(self.append_unless(trial, |_, _| false)?.expect("nothing keeps it away"))
    }

    /// Adds a trial with the next number, unless something is true of the trials before it.
    fn append_unless(
        &mut self,
        mut trial: FrozenTrial,
        unless: impl Fn(&History, &Configuration) -> bool,
    ) -> Result<Option<u64>, StudyError> {
        loop {
            // Whoever takes the number first is known before the next look.
            if unless(&self.history, &trial.configuration) {
                return Ok(None);
            }
            trial.number = self.history.next_number();
            match self.storage.create(&trial) {
                Ok(revision) => {
                    self.wrote(revision);
                    break;
                }
                Err(StorageError::NumberTaken { next, .. }) => {
                    self.history_mut().forget_reserved(next);
                    self.synchronize()?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let number = trial.number;
        self.take_over([trial])?;
        Ok(Some(number))
    }

    /// Lets the study learn from earlier ones, of any storage: what they say informs its sampler. Which of
    /// their trials is chosen at once and stored with the study, so that it goes on with the same, in every
    /// process, whatever becomes of them. What was learnt before stays; the memory that the study then has.
    ///
    /// # Errors
    /// If the study has trials already, its sampler does not learn, or the storage refuses.
    pub fn learn_from(&mut self, sources: impl IntoIterator<Item = Source>) -> Result<&Memory, StudyError> {
        if self.history.next_number() > 0 {
            return Err(StudyError::LearnsTooLate { trials: self.history.next_number() });
        }
        if !self.sampler.learns {
            let what = "earlier studies to learn from: only `gp` and `auto` do".to_owned();
            return Err(StudyError::Unsupported { sampler: self.sampler.name, what });
        }
        let space = (!self.definition.discovered).then_some(&self.definition.space);
        let memory = Memory::new(sources.into_iter().collect(), space);
        let kept = self.storage.remember(&memory)?;
        self.behind = true;
        self.history_mut().remember(Arc::new(kept));
        Ok(self.history.memory())
    }

    /// What the study can teach one with these objectives: for [`learn_from`](Self::learn_from).
    pub fn source(&self, objectives: &[ObjectiveInfo]) -> Source {
        self.history.source(self.definition.name.clone(), objectives)
    }

    /// The seed that the evaluation of a trial should use.
    pub fn trial_seed(&self, number: u64) -> u64 {
        derive_seed(self.definition.seed, number, Stream::Evaluation)
    }

    /// Keeps an intermediate report of a running trial, at its place among the steps; see
    /// [`Trial::report_values`](crate::trial::Trial::report_values). Values may be infinite or NaN here:
    /// pruners take NaN for the worst. `false`: the step was reported before, and the first report stands.
    ///
    /// It is stored with the trial's end, unless the study [writes through](StudyBuilder::write_through):
    /// then at once, but where the storage is far away nobody waits for that, and it is the next report that
    /// says if this one was refused.
    ///
    /// # Errors
    /// If there is no such trial, it is not running, or the storage refuses.
    pub fn report(&mut self, number: u64, step: u64, values: &[f64]) -> Result<bool, StudyError> {
        let trial = self.running(number)?;
        if trial.reports.binary_search_by_key(&step, |(step, _)| *step).is_ok() {
            return Ok(false);
        }
        if self.write_through {
            self.store_asked(number)?;
            self.send(number, Some((step, values)))?;
        }
        running(self.history_mut(), number)?.add_report(step, values.to_vec());
        Ok(true)
    }

    /// Keeps a constraint of a running trial, as value minus bound; `false`: it was set before, and stays.
    ///
    /// # Errors
    /// If there is no such trial, it is not running, the value is NaN, or the storage refuses.
    pub fn set_constraint(&mut self, number: u64, name: &str, excess: f64) -> Result<bool, StudyError> {
        if excess.is_nan() {
            return Err(StudyError::NanConstraint { number, name: name.to_owned() });
        }
        if self.running(number)?.constraints.iter().any(|(known, _)| known == name) {
            return Ok(false);
        }
        self.change(number, |trial| trial.constraints.push((name.to_owned(), excess)))?;
        Ok(true)
    }

    /// Changes a running trial, but not its configuration: in the storage first, where the study writes
    /// through. If that refuses, the trial is as before.
    fn change(&mut self, number: u64, change: impl FnOnce(&mut FrozenTrial)) -> Result<(), StudyError> {
        let write_through = self.write_through;
        self.running(number)?;
        let trial = running(self.history_mut(), number)?;
        if !write_through {
            change(trial);
            return Ok(());
        }
        let mut changed = trial.clone();
        change(&mut changed);
        let kept = self.storage.update(&changed, TrialState::Running);
        let revision = self.kept(number, kept)?;
        self.wrote(revision);
        self.stored(number);
        self.take_over([changed])
    }

    /// Goes on with another sampler.
    ///
    /// # Errors
    /// If it cannot handle the space or the objectives; the study is as before then.
    pub fn set_sampler(&mut self, sampler: Box<dyn Sampler>) -> Result<(), StudyError> {
        let sampler = Proposer::new(sampler);
        builder::check_sampler(sampler.name, sampler.capabilities, &self.definition)?;
        self.sampler = sampler;
        Ok(())
    }

    /// Goes on with another pruner.
    pub fn set_pruner(&mut self, pruner: Box<dyn Pruner>) {
        self.pruner = pruner;
    }

    /// Goes on with another seed: what is proposed from now on derives from it. The stored one stays.
    pub fn reseed(&mut self, seed: u64) {
        self.definition.seed = seed;
    }

    /// Whether the pruner would stop the trial at its last report, going by what all others have reported
    /// until now, also in other processes as far as they have stored it.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub fn should_prune(&mut self, number: u64) -> Result<bool, StudyError> {
        self.synchronize()?;
        let running = |trial: &&FrozenTrial| trial.state == TrialState::Running && !trial.reports.is_empty();
        let trial = self.history.get(number).filter(running);
        Ok(trial.is_some_and(|trial| self.pruner.should_prune(&self.history, trial)))
    }

    pub(crate) fn pruner_name(&self) -> &'static str {
        self.pruner.name()
    }

    /// Keeps something with a running trial, however it ends; stored as [reports](Self::report) are.
    ///
    /// # Errors
    /// If there is no such trial, it is not running, or the storage refuses.
    pub fn set_attribute(
        &mut self,
        number: u64,
        name: impl Into<String>,
        value: impl Into<Json>,
    ) -> Result<(), StudyError> {
        self.running(number)?;
        self.change(number, |trial| {
            trial.attributes.insert(name.into(), value.into());
        })
    }

    fn running(&self, number: u64) -> Result<&FrozenTrial, StudyError> {
        if self.lost.contains(&number) {
            return Err(StorageError::LeaseLost { number }.into());
        }
        let trial = self.history.get(number).ok_or(StudyError::UnknownTrial { number })?;
        match trial.state {
            TrialState::Running => Ok(trial),
            state => Err(StudyError::NotRunning { number, state }),
        }
    }

    fn history_mut(&mut self) -> &mut History {
        Arc::make_mut(&mut self.history)
    }
}

fn running(history: &mut History, number: u64) -> Result<&mut FrozenTrial, StudyError> {
    let trial = history.get_mut(number).ok_or(StudyError::UnknownTrial { number })?;
    match trial.state {
        TrialState::Running => Ok(trial),
        state => Err(StudyError::NotRunning { number, state }),
    }
}

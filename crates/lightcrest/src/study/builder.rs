//! What a study is made of, and whether its parts fit together.

use super::{Proposer, Study, StudyError, Thinker};
use crate::history::History;
use crate::memory::Source;
use crate::pruner::Pruner;
use crate::sampler::{Capabilities, Sampler};
use crate::space::{Discovery, Suggestions};
use crate::storage::{Definition, Storage, StorageError};
use crate::terminator::Terminator;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Collects what a study needs.
pub struct StudyBuilder {
    pub(super) definition: Definition,
    /// Whether the seed was given.
    pub(super) seeded: bool,
    /// Whether the study must not be there yet.
    pub(super) new: bool,
    pub(super) sampler: Box<dyn Sampler>,
    pub(super) pruner: Box<dyn Pruner>,
    pub(super) terminator: Option<Box<dyn Terminator>>,
    pub(super) storage: Box<dyn Storage>,
    pub(super) write_through: bool,
    pub(super) lease: bool,
    pub(super) retries: Option<u64>,
    pub(super) sources: Vec<Source>,
}

impl StudyBuilder {
    /// The name; `study` unless given.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.definition.name = name.into();
        self
    }

    /// What all random numbers derive from. Unless given, that of the study which the storage keeps, or 0 for
    /// a new one.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.definition.seed = seed;
        self.seeded = true;
        self
    }

    /// Whether the study is to be made, and not gone on with: of several that make it at once, one succeeds,
    /// and the others get [`StorageError::Exists`]. Off unless given.
    #[must_use]
    pub fn new_only(mut self, new: bool) -> Self {
        self.new = new;
        self
    }

    /// What else must stay the same between runs; see [`Definition::spec`].
    #[must_use]
    pub fn spec(mut self, spec: impl Into<String>) -> Self {
        self.definition.spec = spec.into();
        self
    }

    /// What proposes; [`AutoSampler`](crate::sampler::AutoSampler) unless given.
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

    /// What stops trials early; [`NoPruner`](crate::pruner::NoPruner) unless given.
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

    /// What ends the study before its budget is spent; nothing unless given.
    #[must_use]
    pub fn terminator(mut self, terminator: impl Terminator + 'static) -> Self {
        self.terminator = Some(Box::new(terminator));
        self
    }

    /// As [`terminator`](Self::terminator), chosen at run time; `None` for nothing.
    #[must_use]
    pub fn boxed_terminator(mut self, terminator: Option<Box<dyn Terminator>>) -> Self {
        self.terminator = terminator;
        self
    }

    /// Where the trials live; in memory unless given.
    #[must_use]
    pub fn storage(mut self, storage: impl Storage + 'static) -> Self {
        self.storage = Box::new(storage);
        self
    }

    /// As [`storage`](Self::storage), chosen at run time.
    #[must_use]
    pub fn boxed_storage(mut self, storage: Box<dyn Storage>) -> Self {
        self.storage = storage;
        self
    }

    /// Whether what running trials report and ask for is stored at once, so that other handles see it and a
    /// trial that was asked for in one process can be told in another; otherwise with their end, which is
    /// faster. Off unless given. A trial with a [lease](Self::lease) that asks for the same parameters as the
    /// one that ended last stores them with the last of them or with its first report, unless some trial took
    /// a second between two of them.
    #[must_use]
    pub fn write_through(mut self, write_through: bool) -> Self {
        self.write_through = write_through;
        self
    }

    /// Whether trials that are [asked](Study::ask) for go back to waiting when this process dies; otherwise
    /// they run until they are told, from wherever. On unless given.
    #[must_use]
    pub fn lease(mut self, lease: bool) -> Self {
        self.lease = lease;
        self
    }

    /// How often a trial whose worker is gone is run again, before it fails for that reason; 3 unless given.
    /// `None` to leave it running: see [`Study::abandoned`].
    #[must_use]
    pub fn retries(mut self, retries: impl Into<Option<u64>>) -> Self {
        self.retries = retries.into();
        self
    }

    /// What a new study learns from: see [`Study::learn_from`]. One that the storage keeps already goes on
    /// with what it learnt from when it was made.
    #[must_use]
    pub fn learn_from(mut self, sources: impl IntoIterator<Item = Source>) -> Self {
        self.sources.extend(sources);
        self
    }

    /// Makes the study, or goes on with the one that the storage keeps. Leased trials whose
    /// processes are gone go back to waiting.
    ///
    /// # Errors
    /// If the sampler cannot handle the space or the objectives, or the terminator these, the storage keeps
    /// another study (or any, where it must be [new](Self::new_only)), or the space was read from a file and
    /// lacks the code of a [test](crate::space::Constraint::predicate).
    pub fn build(mut self) -> Result<Study, StudyError> {
        let objectives = &self.definition.objectives;
        if objectives.is_empty() {
            return Err(StudyError::NoObjectives);
        }
        for (i, objective) in objectives.iter().enumerate() {
            if objectives[..i].iter().any(|other| other.name == objective.name) {
                return Err(StudyError::DuplicateObjective { name: objective.name.clone() });
            }
        }
        let sampler = Proposer::new(self.sampler);
        check_sampler(sampler.name, sampler.capabilities, &self.definition)?;
        if let Some(terminator) = &self.terminator
            && let Some(what) = terminator.objection(objectives)
        {
            return Err(StudyError::UnsupportedTerminator { terminator: terminator.name(), what });
        }
        self.definition.space.check_tests()?;
        if self.new {
            self.storage.make(&self.definition)?;
        }
        let mut definition = open(&mut *self.storage, &mut self.definition, self.seeded)?;
        if !definition.discovered {
            // They are equal, but only what was given is sure to have the tests of constraints.
            definition.space = self.definition.space;
        }
        let history = History::new(definition.objectives.clone());
        let Self { pruner, terminator, storage, write_through, lease, retries, sources, .. } = self;
        let discovery = definition.discovered.then(Discovery::new);
        let parameters = definition.space.parameters().iter();
        let declared = parameters.map(|p| (p.name.as_str(), p.domain.clone())).collect();
        let mut study = Study {
            definition,
            sampler,
            pruner,
            terminator: terminator.map(Thinker::new),
            storage,
            history: Arc::new(history),
            revision: 0,
            behind: false,
            own: BTreeMap::new(),
            lost: BTreeSet::new(),
            lease,
            retries,
            looked: None,
            write_through,
            slow: false,
            discovery,
            usual: Suggestions::new(),
            declared,
        };
        study.synchronize()?;
        if !sources.is_empty() && study.history.next_number() == 0 {
            study.learn_from(sources)?;
        }
        Ok(study)
    }
}

/// Opens the study; where no seed was given, with that of the one which is kept, also if that is being made
/// at this moment.
fn open(
    storage: &mut dyn Storage,
    definition: &mut Definition,
    seeded: bool,
) -> Result<Definition, StorageError> {
    let result = storage.open(definition);
    if seeded || !matches!(result, Err(StorageError::OtherStudy { .. })) {
        return result;
    }
    match storage.definition()? {
        Some(stored) if stored.seed != definition.seed => {
            definition.seed = stored.seed;
            storage.open(definition)
        }
        _ => result,
    }
}

/// Whether a sampler can do what a study needs.
pub(super) fn check_sampler(
    name: &'static str,
    can: Capabilities,
    definition: &Definition,
) -> Result<(), StudyError> {
    let Definition { space, objectives, .. } = definition;
    if objectives.len() > 1 && !can.several_objectives {
        let what = format!("{} objectives, only one", objectives.len());
        return Err(StudyError::Unsupported { sampler: name, what });
    }
    let mut parameters = space.parameters().iter();
    let conditional = parameters.find(|parameter| !parameter.when.is_empty());
    // What is discovered may turn out to be conditional at any time: such a sampler gets the flat space.
    if let Some(parameter) = conditional.filter(|_| !can.conditions && !definition.discovered) {
        let what = format!("conditional parameters such as `{}`", parameter.name);
        return Err(StudyError::Unsupported { sampler: name, what });
    }
    let mut parameters = space.parameters().iter();
    let continuous = parameters.find(|parameter| parameter.domain.cells().is_none());
    if let Some(parameter) = continuous.filter(|_| !can.continuous && !definition.discovered) {
        let what = format!("parameters without steps such as `{}`", parameter.name);
        return Err(StudyError::Unsupported { sampler: name, what });
    }
    Ok(())
}

//! Asking: waiting trials first, then what the sampler proposes; and whether it still pays.

use super::{Origin, Study, StudyError, now};
use crate::history::{FrozenTrial, TrialState};
use crate::objective::Preview;
use crate::sampler::{Context, SamplerError};
use crate::space::Configuration;
use crate::storage::{Definition, StorageError};
use crate::terminator::{RegretBound, Terminator};
use crate::trial::proposal_rng;

impl Study {
    /// The next trial to evaluate, now running: one that waits, or else a proposal.
    ///
    /// # Errors
    /// If the sampler finds no configuration ([`SamplerError::Exhausted`]: because all were tried) or the storage refuses.
    pub fn ask(&mut self) -> Result<FrozenTrial, StudyError> {
        self.ask_with(&|_| Preview::default())
    }

    /// As [`ask`](Self::ask), where the number of the trial is enough.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_number(&mut self) -> Result<u64, StudyError> {
        self.next(&|_| Preview::default(), true)
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
        let number = self.next(preview, true)?;
        self.history.get(number).cloned().ok_or(StudyError::UnknownTrial { number })
    }

    /// As [`ask_number`](Self::ask_number), but if no trial waits, a new one for which nothing is proposed: where somebody else
    /// [proposes](Self::propose_value).
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_unproposed(&mut self) -> Result<u64, StudyError> {
        self.next(&|_| Preview::default(), false)
    }

    fn next(
        &mut self,
        preview: &dyn Fn(&Configuration) -> Preview,
        propose: bool,
    ) -> Result<u64, StudyError> {
        loop {
            self.synchronize()?;
            let waiting = self.history.next_waiting().cloned();
            let from = waiting.as_ref().map(|trial| trial.state);
            let mut trial = match waiting {
                Some(trial) => trial,
                None if propose => self.propose(self.history.len() as u64, preview)?,
                None => FrozenTrial::waiting(self.history.len() as u64, Configuration::new()),
            };
            let known = preview(&trial.configuration);
            trial.started = Some(now());
            trial.finished = None;
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
                Ok(revision) => {
                    self.wrote(revision);
                }
                // Another process was faster: see what it did and ask again.
                Err(StorageError::NumberTaken { .. } | StorageError::StateConflict { .. }) => continue,
                Err(error) => return Err(error.into()),
            }
            let (number, state) = (trial.number, trial.state);
            self.take_over([trial]);
            if state == TrialState::Running {
                let origin = match from {
                    Some(_) => Origin::Queue,
                    None if propose => Origin::Sampler,
                    None => Origin::Outside,
                };
                self.own.insert(number, origin);
                return Ok(number);
            }
        }
    }

    fn propose(
        &mut self,
        number: u64,
        preview: &dyn Fn(&Configuration) -> Preview,
    ) -> Result<FrozenTrial, StudyError> {
        let Definition { space, objectives, seed, .. } = &self.definition;
        if self.discovery.is_some() && space.is_empty() {
            return Ok(FrozenTrial::waiting(number, Configuration::new()));
        }
        // A study that is declared does not come this far; one that is discovered cannot know before.
        let flat = (space.is_conditional() && !self.sampler.capabilities().conditions).then(|| space.flat());
        let space = flat.as_ref().unwrap_or(space);
        let mut rng = proposal_rng(*seed, number);
        let context = Context { number, space, objectives, history: &self.history, preview };
        let configuration = self.sampler.propose(&context, &mut rng)?;
        let refuse = |reason| SamplerError::Internal { sampler: self.sampler.name(), reason };
        space.validate(&configuration).map_err(|error| refuse(error.to_string()))?;
        if let Some(violation) = preview(&configuration).violation {
            return Err(refuse(violation).into());
        }
        Ok(FrozenTrial::waiting(number, configuration))
    }

    /// Takes over a trial of somebody else's study, in place of the one of its number, so that a sampler can
    /// [propose](Self::proposal) for it. Nothing is stored. A trial that is not of a space counts as a failed one.
    ///
    /// # Errors
    /// If its number would leave a gap.
    pub fn observe(&mut self, mut trial: FrozenTrial) -> Result<(), StudyError> {
        if trial.number > self.history.len() as u64 {
            return Err(StudyError::UnknownTrial { number: self.history.len() as u64 });
        }
        if trial.state == TrialState::Complete
            && trial.values.as_ref().is_none_or(|v| v.len() != self.objectives().len())
            || self.conform(&mut trial).is_err()
        {
            trial = FrozenTrial {
                state: TrialState::Failed,
                ..FrozenTrial::waiting(trial.number, Configuration::new())
            };
        }
        self.take_over([trial]);
        Ok(())
    }

    /// What the sampler proposes for the trial of this number, without making one.
    ///
    /// # Errors
    /// If it finds nothing.
    pub fn proposal(&mut self, number: u64) -> Result<Configuration, StudyError> {
        self.propose(number, &|_| Preview::default()).map(|trial| trial.configuration)
    }

    /// Why the [terminator](super::StudyBuilder::terminator) would end the study now; `None` to go on.
    ///
    /// # Errors
    /// If the model behind the verdict breaks down.
    pub fn termination(
        &mut self,
        preview: &dyn Fn(&Configuration) -> Preview,
    ) -> Result<Option<String>, StudyError> {
        let Some(terminator) = &mut self.terminator else { return Ok(None) };
        let Definition { space, objectives, .. } = &self.definition;
        let number = self.history.len() as u64;
        let context = Context { number, space, objectives, history: &self.history, preview };
        Ok(terminator.verdict(&context)?)
    }

    /// How much better the optimum may be than the best trial, in the units of the objective, with high probability: what
    /// [`RegretBound`] compares with its tolerance. `None` while too few trials say it.
    ///
    /// # Errors
    /// If there are several objectives, or the model breaks down.
    pub fn regret_bound(&self) -> Result<Option<f64>, StudyError> {
        let Definition { space, objectives, .. } = &self.definition;
        let mut terminator = RegretBound::new(None);
        if let Some(what) = terminator.objection(objectives) {
            return Err(StudyError::UnsupportedTerminator { terminator: terminator.name(), what });
        }
        let preview = |_: &Configuration| Preview::default();
        let number = self.history.len() as u64;
        let context = Context { number, space, objectives, history: &self.history, preview: &preview };
        Ok(terminator.bound(&context)?)
    }
}

//! Telling: how a running trial ends, and who may write to it.

use super::{Study, StudyError};
use crate::history::{Claim, FrozenTrial, TrialState};
use crate::objective::{Evaluation, TrialError};
use crate::storage::{StorageError, now_after};
use serde_json::Value as Json;
use std::collections::BTreeMap;

impl Study {
    /// Whether a running trial is still in the run that a claim names; for who holds on to it.
    ///
    /// # Errors
    /// [`StorageError::LeaseLost`] if it was given to somebody else.
    pub fn check_claim(&self, number: u64, claim: Option<Claim>) -> Result<(), StudyError> {
        let found = self.history.get(number).filter(|trial| trial.state == TrialState::Running);
        match found {
            Some(trial) if trial.claim != claim => Err(StorageError::LeaseLost { number }.into()),
            _ if self.lost.contains(&number) => Err(StorageError::LeaseLost { number }.into()),
            _ => Ok(()),
        }
    }

    /// Sends a running trial as it is, or a report of it, on its way to the storage.
    pub(super) fn send(&mut self, number: u64, report: Option<(u64, &[f64])>) -> Result<(), StudyError> {
        let trial = self.history.get(number).ok_or(StudyError::UnknownTrial { number })?;
        let sent = self.storage.send(trial, report);
        if let Some(revision) = self.kept(number, sent)? {
            self.wrote(revision);
        }
        Ok(())
    }

    /// What a write to a running trial came to; if the trial is somebody else's by now, that is kept in mind.
    pub(super) fn kept<T>(&mut self, number: u64, kept: Result<T, StorageError>) -> Result<T, StudyError> {
        match kept {
            // A server that crashed may have lost a trial that had just begun.
            Err(StorageError::LeaseLost { .. } | StorageError::UnknownTrial { .. }) => {
                self.lose(number);
                self.behind = true;
                Err(StorageError::LeaseLost { number }.into())
            }
            kept => Ok(kept?),
        }
    }

    /// A trial that was asked for here is somebody else's.
    pub(super) fn lose(&mut self, number: u64) {
        if self.own.remove(&number).is_some() {
            self.lost.insert(number);
        }
    }

    /// Ends a running trial. An evaluation with a value that is NaN fails it; an interruption puts it back to
    /// waiting.
    ///
    /// # Errors
    /// If there is no such trial, it is not running, the number of values is wrong, or the storage refuses;
    /// the trial is as before then.
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
        let mut trial = self.running(number)?.clone();
        trial.attributes.extend(attributes);
        trial.finished = Some(match (trial.started, self.own.get(&number)) {
            (Some(started), Some(own)) => started + own.begun.elapsed().as_millis() as u64,
            _ => now_after(&trial),
        });
        if self.discovery.is_some() {
            trial.keep_suggested();
        }
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
            Err(TrialError::Interrupted) => {
                trial.reset();
                trial.attributes = self.own.get(&number).map(|own| own.given.clone()).unwrap_or_default();
            }
        }
        let kept = self.storage.update(&trial, TrialState::Running);
        let revision = self.kept(number, kept)?;
        trial.claim = trial.claim.filter(|_| trial.state != TrialState::Waiting);
        self.wrote(revision);
        self.own.remove(&number);
        self.usual = trial.suggestions.clone();
        self.take_over([trial])?;
        self.history.get(number).ok_or(StudyError::UnknownTrial { number })
    }

    pub(super) fn complete(&self, trial: &mut FrozenTrial, evaluation: Evaluation) -> Result<(), StudyError> {
        let (expected, found) = (self.objectives().len(), evaluation.values.len());
        if expected != found {
            return Err(StudyError::WrongValueCount { number: trial.number, expected, found });
        }
        trial.attributes.extend(evaluation.attributes);
        let objectives = self.objectives().iter().map(|objective| (objective.name.as_str(), "objective"));
        let constraints = evaluation.constraints.iter().map(|(name, _)| (name.as_str(), "constraint"));
        let numbers = evaluation.values.iter().chain(evaluation.constraints.iter().map(|(_, excess)| excess));
        let broken = objectives.chain(constraints).zip(numbers).find(|(_, number)| number.is_nan());
        if let Some(((name, kind), number)) = broken {
            trial.state = TrialState::Failed;
            trial.reason = Some(format!("{kind} `{name}` is {number}"));
            return Ok(());
        }
        trial.state = TrialState::Complete;
        trial.values = Some(evaluation.values);
        trial.constraints.extend(evaluation.constraints);
        Ok(())
    }
}

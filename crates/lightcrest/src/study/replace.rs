//! Single trials, changed by who looks after them himself.

use super::{Study, StudyError};
use crate::history::{Claim, FrozenTrial, TrialState};
use crate::objective::Evaluation;

impl Study {
    /// Puts a trial in place of the one of its number, which has not ended, whatever state it is in then. One
    /// that begins to run is claimed, and given to nobody else. Of a step that was reported before, the first
    /// report stands; what was proposed for a running trial stays until it asks.
    ///
    /// # Errors
    /// If there is no such trial, it has ended, the new one is no trial of this study, or the storage
    /// refuses; the trial is as before then.
    pub fn replace(&mut self, mut trial: FrozenTrial) -> Result<(), StudyError> {
        let number = trial.number;
        self.synchronize()?;
        let found = self.history.get(number).ok_or(StudyError::UnknownTrial { number })?.clone();
        if found.state.is_finished() {
            return Err(StudyError::NotRunning { number, state: found.state });
        }
        (trial.known, trial.attempt, trial.claim) = (found.known.clone(), found.attempt, found.claim);
        if trial.state == TrialState::Complete {
            let values = trial.values.take().ok_or(StudyError::AddedWithoutValues)?;
            self.complete(&mut trial, Evaluation::new(values))?;
        } else {
            trial.values = None;
        }
        self.conform(&mut trial, true)?;
        if trial.state == TrialState::Running {
            for (name, value) in found.configuration.iter() {
                if trial.configuration.get(name).is_none() {
                    trial.configuration.set(name, value.clone());
                }
            }
        }
        for (step, values) in &found.reports {
            trial.reports.retain(|(known, _)| known != step);
            trial.add_report(*step, values.clone());
        }
        if found.state == TrialState::Waiting && trial.state != TrialState::Waiting {
            trial.begin_run(Claim::draw(false));
        }
        let kept = self.storage.update(&trial, found.state);
        let revision = self.kept(number, kept)?;
        self.wrote(revision);
        if trial.state == TrialState::Running {
            let fresh = |step: &u64| found.reports.binary_search_by_key(step, |(known, _)| *known).is_err();
            for (step, values) in trial.reports.iter().filter(|(step, _)| fresh(step)) {
                let revision = self.storage.report(&trial, *step, values)?;
                self.wrote(revision);
            }
        } else {
            self.own.remove(&number);
            trial.claim = trial.claim.filter(|_| trial.state != TrialState::Waiting);
        }
        self.take_over([trial])
    }

    /// Whether a running trial was asked for here, and not by another handle on the storage.
    pub fn owns(&self, number: u64) -> bool {
        self.own.contains_key(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::ObjectiveInfo;
    use crate::space::{Configuration, Domain, Value};
    use crate::storage::MemoryStorage;

    fn study(storage: &MemoryStorage) -> Study {
        Study::define_by_run(vec![ObjectiveInfo::minimize("loss")]).storage(storage.clone()).build().unwrap()
    }

    #[test]
    fn parts_of_a_trial_are_changed_until_it_ends() {
        let storage = MemoryStorage::new();
        let (mut here, mut there) = (study(&storage), study(&storage));
        let number = here.ask().unwrap().number;
        assert!(here.owns(number) && !there.owns(number));
        let mut trial = here.trials()[0].clone();
        trial.suggestions =
            [("x", Domain::Float { low: 0.0, high: 1.0, log: false, step: None })].into_iter().collect();
        trial.configuration = [("x", Value::from(2.0))].into_iter().collect();
        trial.add_report(1, vec![0.5]);
        here.replace(trial.clone()).unwrap();
        trial.reports = vec![(1, vec![9.0])];
        trial.state = TrialState::Complete;
        trial.values = Some(vec![3.0]);
        here.replace(trial.clone()).unwrap();
        there.synchronize().unwrap();
        let found = &there.trials()[0];
        assert_eq!(found.configuration.get("x"), Some(&Value::from(2.0)), "it may be out of its range");
        assert_eq!((found.reports.clone(), found.values.clone()), (vec![(1, vec![0.5])], Some(vec![3.0])));
        let late = there.replace(trial).unwrap_err();
        assert!(matches!(late, StudyError::NotRunning { number: 0, state: TrialState::Complete }), "{late}");
    }

    #[test]
    fn a_waiting_trial_that_is_begun_is_given_to_nobody_else() {
        let storage = MemoryStorage::new();
        let mut study = study(&storage);
        let mut trial = FrozenTrial::waiting(0, Configuration::new());
        study.add(trial.clone()).unwrap();
        trial.state = TrialState::Running;
        study.replace(trial.clone()).unwrap();
        assert_eq!(study.ask().unwrap().number, 1);
        assert_eq!(study.trials()[0].state, TrialState::Running);
        trial.number = 7;
        assert!(matches!(study.replace(trial).unwrap_err(), StudyError::UnknownTrial { number: 7 }));
    }
}

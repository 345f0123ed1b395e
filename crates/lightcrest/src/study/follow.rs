//! Following the storage: what others wrote, and whose workers are gone.

use super::{Study, StudyError};
use crate::history::{FrozenTrial, History, TrialState};
use crate::memory::Memory;
use crate::space::Discovery;
use crate::storage::{self, Report};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked whether workers are gone.
const ROUND: Duration = Duration::from_millis(500);

impl Study {
    /// Gives trials of workers that are gone back, in all processes of the study, if it is time to look.
    /// Whoever asks does so anyway.
    ///
    /// # Errors
    /// If the storage refuses.
    pub fn reclaim(&mut self) -> Result<(), StudyError> {
        let due = |looked: Instant| looked.elapsed() >= ROUND;
        if let Some(retries) = self.retries.filter(|_| self.looked.is_none_or(due)) {
            if self.storage.reclaim(retries)? > 0 {
                self.synchronize()?;
            }
            self.looked = Some(Instant::now());
        }
        Ok(())
    }

    /// The running trials whose workers are gone, by number: where nobody [runs them
    /// again](crate::study::StudyBuilder::retries), whoever likes may tell them.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub fn abandoned(&mut self) -> Result<Vec<u64>, StudyError> {
        self.synchronize()?;
        Ok(self.storage.abandoned()?)
    }

    /// Takes over what was written to the storage, by whomever, since the last time.
    ///
    /// # Errors
    /// If the storage cannot be read, or holds what does not fit the study.
    pub fn synchronize(&mut self) -> Result<(), StudyError> {
        self.revision = self.storage.passed(self.revision);
        let mut changes = self.storage.changes(self.revision)?;
        // Others may have given the study a memory, as long as it had no trials.
        let stale = self.revision == 0 || changes.revision != self.revision;
        if stale && self.history.is_empty() && *self.history.memory().as_ref() == Memory::default() {
            let memory = self.storage.memory()?;
            if !memory.sources().is_empty() {
                self.history_mut().remember(Arc::new(memory));
            }
        }
        if changes.fresh {
            self.begin_anew(&mut changes.trials);
        }
        let mut news = Vec::with_capacity(changes.trials.len());
        for trial in changes.trials {
            let number = trial.number;
            let own = self.own.contains_key(&number);
            match self.history.get(number) {
                // Suggestions of running trials may be stored at their end only: ours are ahead.
                Some(ours) if own && trial.state == TrialState::Running && trial.claim == ours.claim => {
                    changes.reports.extend(trial.reports.into_iter().map(|(step, values)| Report {
                        number,
                        attempt: trial.attempt,
                        step,
                        values,
                    }));
                }
                Some(ours) if ours.state.is_finished() && ours.claim == trial.claim => {}
                None => news.push(trial),
                Some(_) => {
                    if own {
                        self.lose(number);
                    }
                    news.push(trial);
                }
            }
        }
        self.take_over(news)?;
        if !changes.reports.is_empty() {
            let history = self.history_mut();
            for Report { number, attempt, step, values } in changes.reports {
                history.report(number, attempt, step, values);
            }
        }
        self.revision = changes.revision;
        self.behind = false;
        Ok(())
    }

    /// Forgets what was known of the trials, since it may never have been; but what runs here and is still
    /// ours is ahead of what is stored.
    fn begin_anew(&mut self, stored: &mut [FrozenTrial]) {
        for trial in stored.iter_mut().filter(|trial| self.own.contains_key(&trial.number)) {
            let same = |ours: &&FrozenTrial| ours.state == TrialState::Running && ours.claim == trial.claim;
            if let Some(ours) = self.history.get(trial.number).filter(same)
                && trial.state == TrialState::Running
            {
                *trial = ours.clone();
            }
        }
        let mut history = History::new(self.definition.objectives.clone());
        history.remember(Arc::clone(self.history.memory()));
        for number in self.own.keys().copied().collect::<Vec<_>>() {
            let there = stored.get(number as usize).and_then(|trial| trial.claim);
            if there.is_none() || there != self.history.get(number).and_then(|trial| trial.claim) {
                self.lose(number);
            }
        }
        self.history = Arc::new(history);
        if self.discovery.is_some() {
            self.discovery = Some(Discovery::new());
        }
    }

    /// Takes note of a write of our own: unless others wrote since, there is nothing to read.
    pub(super) fn wrote(&mut self, revision: u64) {
        self.revision = self.storage.passed(self.revision);
        if revision == self.revision + 1 {
            self.revision = revision;
        } else {
            self.behind = true;
        }
    }

    /// Takes stored trials into the history, and what they show into the space.
    pub(super) fn take_over(
        &mut self,
        trials: impl IntoIterator<Item = FrozenTrial>,
    ) -> Result<(), StudyError> {
        let mut stale = false;
        for trial in trials {
            if let (Some(discovery), Some(sighting)) = (&mut self.discovery, trial.sighting()) {
                stale = discovery.absorb(&sighting);
            }
            storage::take(&*self.storage, Arc::make_mut(&mut self.history), trial)?;
        }
        if let Some(discovery) = self.discovery.as_mut().filter(|_| stale) {
            let sightings = self.history.trials().iter().filter_map(FrozenTrial::sighting);
            self.definition.space = discovery.infer(sightings);
        }
        Ok(())
    }
}

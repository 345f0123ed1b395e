//! Asking: waiting trials first, then what the sampler proposes; and whether it still pays.
//!
//! A proposal may take long, and the study goes on meanwhile, in this process and in others:
//!
//! 1. With the study locked, the number is reserved in the storage: nobody else takes it, and no proposal is
//!    thrown away.
//! 2. With the sampler locked and the study free, the proposal is computed from a [`Snapshot`] that is taken
//!    then. So proposals of one process come one at a time, and each knows of those before it.
//! 3. With the study locked, the trial gets its configuration and begins.
//!
//! Processes do not know what the others are proposing at that moment. If one finds in step 3 that somebody
//! tries nearly the same by now, it goes back to step 2: two workers that evaluate one point find out less
//! than two.
//!
//! A sampler that is [cheap](Sampler::is_cheap) proposes while the study is locked, in one step.

use super::snapshot::{Known, View};
use super::{Origin, Own, Snapshot, Study, StudyError, Thinker};
use crate::history::{Claim, FrozenTrial, TrialState};
use crate::objective::Preview;
use crate::sampler::Sampler;
use crate::space::Configuration;
use crate::storage::{Definition, StorageError, now};
use std::borrow::BorrowMut;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How often a proposal is computed anew because another process tries nearly the same by now.
const REPEATS: usize = 2;

/// A way to a study that is free in between.
trait Access {
    fn with<T>(&mut self, work: impl FnOnce(&mut Study) -> T) -> T;
}

impl Access for &mut Study {
    fn with<T>(&mut self, work: impl FnOnce(&mut Study) -> T) -> T {
        work(self)
    }
}

impl<S: BorrowMut<Study>> Access for &Mutex<S> {
    fn with<T>(&mut self, work: impl FnOnce(&mut Study) -> T) -> T {
        // A panic leaves no study half-changed: what may panic is called outside of the lock, or before
        // anything is changed.
        work((*self.lock().unwrap_or_else(PoisonError::into_inner)).borrow_mut())
    }
}

/// How far the first step came.
enum Begun {
    /// The trial runs.
    Running(u64),
    /// Its configuration is still to be proposed.
    Reserved(Reservation),
    /// The study has as many trials as it is to have, and none of them waits.
    Full,
}

/// How to ask.
#[derive(Clone, Copy)]
struct Wish {
    /// Whether the sampler proposes.
    propose: bool,
    /// Whether the trial goes back to waiting when this process dies; as the study says unless given.
    lease: Option<bool>,
    /// How many trials the study is to have.
    trials: u64,
}

impl Default for Wish {
    fn default() -> Self {
        Self { propose: true, lease: None, trials: u64::MAX }
    }
}

/// A number that is taken, and who proposes for it.
struct Reservation {
    number: u64,
    /// The run that it was reserved for.
    claim: Option<Claim>,
    /// Whether there was no trial of that number before.
    fresh: bool,
    sampler: Thinker<dyn Sampler>,
}

/// What became of a reservation.
enum Settled {
    Running,
    /// Another process tries nearly the same.
    Repeated,
    /// Another process ended the trial before it began.
    Lost,
}

impl Study {
    /// The next trial to evaluate, now running: one that waits, or else a proposal.
    ///
    /// # Errors
    /// If the sampler finds no configuration ([`Exhausted`](crate::sampler::SamplerError::Exhausted): because
    /// all were tried) or the storage refuses.
    pub fn ask(&mut self) -> Result<FrozenTrial, StudyError> {
        self.ask_with(&|_| Preview::default())
    }

    /// As [`ask`](Self::ask), where the number of the trial is enough.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_number(&mut self) -> Result<u64, StudyError> {
        one(self, &|_| Preview::default(), Wish::default())
    }

    /// As [`ask`](Self::ask), with what is known of configurations before they are evaluated. A waiting trial
    /// that breaks a `before` constraint fails for that reason, unevaluated.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_with(
        &mut self,
        preview: &dyn Fn(&Configuration) -> Preview,
    ) -> Result<FrozenTrial, StudyError> {
        let number = one(&mut *self, preview, Wish::default())?;
        self.history.get(number).cloned().ok_or(StudyError::UnknownTrial { number })
    }

    /// As [`ask_with`](Self::ask_with), for a study that threads share: others may use it while the proposal
    /// is computed. `lease` says whether the trial goes back to waiting when this process dies, whatever the
    /// study says, and `propose` whether the sampler proposes, as [`ask_unproposed`](Self::ask_unproposed)
    /// has it. The number of the trial. Not to be called by a thread that holds the lock.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_leased<S: BorrowMut<Self>>(
        study: &Mutex<S>,
        preview: &dyn Fn(&Configuration) -> Preview,
        propose: bool,
        lease: bool,
    ) -> Result<u64, StudyError> {
        one(study, preview, Wish { propose, lease: Some(lease), ..Wish::default() })
    }

    /// As [`ask_leased`](Self::ask_leased), with a lease and a proposal, for a study that is to have so many
    /// trials in the end, whichever processes make them: their numbers are below that. `None`: it has them,
    /// and none of them waits.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_within<S: BorrowMut<Self>>(
        study: &Mutex<S>,
        preview: &dyn Fn(&Configuration) -> Preview,
        trials: u64,
    ) -> Result<Option<u64>, StudyError> {
        next(study, preview, Wish { propose: true, lease: Some(true), trials })
    }

    /// Whether other workers run some of the first so many trials, as far as that was read last: if one of
    /// these workers dies, its trial is run again.
    pub fn is_run_elsewhere(&self, trials: u64) -> bool {
        let elsewhere = |trial: &FrozenTrial| {
            trial.state == TrialState::Running
                && trial.number < trials
                && trial.claim.is_some_and(|claim| claim.leased)
                && !self.own.contains_key(&trial.number)
        };
        self.history.unfinished().any(elsewhere)
    }

    /// As [`ask_number`](Self::ask_number), but if no trial waits, a new one for which nothing is proposed:
    /// where somebody else [proposes](Self::propose_value).
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_unproposed(&mut self) -> Result<u64, StudyError> {
        one(self, &|_| Preview::default(), Wish { propose: false, ..Wish::default() })
    }

    /// The first step.
    fn begin(
        &mut self,
        preview: &dyn Fn(&Configuration) -> Preview,
        wish: Wish,
    ) -> Result<Begun, StudyError> {
        loop {
            self.synchronize()?;
            self.reclaim()?;
            let waiting = self.history.next_waiting().filter(|trial| trial.number < wish.trials).cloned();
            if waiting.is_none() && self.history.next_number() >= wish.trials {
                return Ok(Begun::Full);
            }
            let from = waiting.as_ref().map(|trial| trial.state);
            let new = || FrozenTrial::waiting(self.history.next_number(), Configuration::new());
            let mut trial = waiting.unwrap_or_else(new);
            // A reservation whose process died waits without a configuration.
            let bare = trial.configuration.is_empty() && !self.definition.space.is_empty();
            let think = wish.propose && (from.is_none() || bare);
            let reserve = think && bare && !self.sampler.is_cheap();
            let given = trial.attributes.clone();
            trial.begin_run(Claim::draw(wish.lease.unwrap_or(self.lease)));
            if reserve {
                trial.state = TrialState::Running;
                trial.started = None;
            } else {
                if think {
                    trial.configuration = self.propose(trial.number, preview)?;
                }
                let known = preview(&trial.configuration);
                start(&mut trial, known);
            }
            let stored = match from {
                Some(state) => self.storage.update(&trial, state),
                None => self.storage.create(&trial),
            };
            match stored {
                Ok(revision) => self.wrote(revision),
                // Another process was faster: see what it did and ask again.
                Err(StorageError::NumberTaken { next, .. }) => {
                    self.history_mut().forget_reserved(next);
                    continue;
                }
                Err(StorageError::StateConflict { .. }) => continue,
                Err(error) => return Err(error.into()),
            }
            let (number, state, claim) = (trial.number, trial.state, trial.claim);
            self.take_over([trial])?;
            if state != TrialState::Running {
                continue;
            }
            let origin = match from {
                _ if think => Origin::Sampler,
                Some(_) => Origin::Queue,
                None => Origin::Outside,
            };
            self.own.insert(number, Own { origin, given, begun: Instant::now(), unstored: None });
            self.lost.remove(&number);
            if !reserve {
                return Ok(Begun::Running(number));
            }
            let sampler = self.sampler.thinker();
            return Ok(Begun::Reserved(Reservation { number, claim, fresh: from.is_none(), sampler }));
        }
    }

    /// What the second step starts from.
    fn look(&mut self) -> Result<Snapshot, StudyError> {
        self.synchronize()?;
        Ok(self.snapshot())
    }

    /// The third step. `last`: whether the configuration stands, whatever others try.
    fn settle(
        &mut self,
        reservation: &Reservation,
        configuration: Configuration,
        known: Preview,
        then: &Known,
        last: bool,
    ) -> Result<Settled, StudyError> {
        let number = reservation.number;
        let mut trial = self.history.get(number).cloned().ok_or(StudyError::UnknownTrial { number })?;
        // It may be given up, and be another run's of this process by now.
        if trial.state != TrialState::Running
            || trial.claim != reservation.claim
            || self.lost.contains(&number)
        {
            return Ok(Settled::Lost);
        }
        trial.configuration = configuration;
        start(&mut trial, known);
        if let Some(own) = self.own.get_mut(&number) {
            own.begun = Instant::now();
        }
        let revision = match self.storage.update(&trial, TrialState::Running) {
            Ok(revision) => revision,
            Err(
                StorageError::StateConflict { .. }
                | StorageError::LeaseLost { .. }
                | StorageError::UnknownTrial { .. },
            ) => {
                self.lose(number);
                self.synchronize()?;
                return Ok(Settled::Lost);
            }
            Err(error) => return Err(error.into()),
        };
        self.wrote(revision);
        self.take_over([trial])?;
        if last || then.is_last_before(revision) {
            return Ok(Settled::Running);
        }
        // Whoever wrote second sees what the other one wrote.
        if self.behind {
            self.synchronize()?;
        }
        if !then.is_repeated(&self.history, number) {
            return Ok(Settled::Running);
        }
        let Some(mut trial) = self.history.get(number).cloned() else { return Ok(Settled::Lost) };
        trial.configuration = Configuration::new();
        trial.started = None;
        self.take_over([trial])?;
        Ok(Settled::Repeated)
    }

    /// Gives a reservation up: a number that nobody took after it is free again, another waits for whoever
    /// asks next.
    fn give_up(&mut self, reservation: &Reservation) -> Result<(), StudyError> {
        let number = reservation.number;
        let found = self.history.get(number).filter(|trial| trial.claim == reservation.claim);
        let Some(mut trial) = found.cloned() else { return Ok(()) };
        let Some(own) = self.own.remove(&number) else { return Ok(()) };
        if reservation.fresh && self.storage.withdraw(&trial)? {
            self.behind = true;
            self.history_mut().forget_reserved(number);
            return Ok(());
        }
        if trial.state == TrialState::Running {
            trial.reset();
            trial.attributes = own.given;
            let revision = self.storage.update(&trial, TrialState::Running)?;
            trial.claim = None;
            self.wrote(revision);
            self.take_over([trial])?;
        }
        Ok(())
    }

    /// Takes over a trial of somebody else's study, in place of the one of its number, so that a sampler can
    /// [propose](Self::proposal) for it. Nothing is stored. A trial that is not of a space counts as a failed
    /// one.
    ///
    /// # Errors
    /// If its number would leave a gap.
    pub fn observe(&mut self, mut trial: FrozenTrial) -> Result<(), StudyError> {
        let next = self.history.next_number();
        if trial.number > next {
            return Err(StudyError::UnknownTrial { number: next });
        }
        if trial.state == TrialState::Complete
            && trial.values.as_ref().is_none_or(|v| v.len() != self.objectives().len())
            || self.conform(&mut trial, true).is_err()
        {
            trial = FrozenTrial {
                state: TrialState::Failed,
                ..FrozenTrial::waiting(trial.number, Configuration::new())
            };
        }
        self.take_over([trial])
    }

    /// What the sampler proposes for the trial of this number, without making one.
    ///
    /// # Errors
    /// If it finds nothing.
    pub fn proposal(&mut self, number: u64) -> Result<Configuration, StudyError> {
        self.propose(number, &|_| Preview::default())
    }

    /// As [`proposal`](Self::proposal), for a study that threads share: others may use it meanwhile.
    ///
    /// # Errors
    /// As [`proposal`](Self::proposal).
    pub fn proposal_shared<S: BorrowMut<Self>>(
        mut study: &Mutex<S>,
        number: u64,
    ) -> Result<Configuration, StudyError> {
        let (thinker, snapshot) = study.with(|study| (study.sampler.thinker(), study.snapshot()));
        snapshot.view().propose(number, &mut **thinker.lock(), &|_| Preview::default())
    }

    fn propose(
        &self,
        number: u64,
        preview: &dyn Fn(&Configuration) -> Preview,
    ) -> Result<Configuration, StudyError> {
        let Definition { space, objectives, seed, .. } = &self.definition;
        let (discovered, history) = (self.discovery.is_some(), &*self.history);
        let view = View { space, discovered, objectives, seed: *seed, history };
        view.propose(number, &mut **self.sampler.thinker().lock(), preview)
    }

    /// Why the [terminator](super::StudyBuilder::terminator) would end the study now; `None` to go on.
    ///
    /// # Errors
    /// If the model behind the verdict breaks down.
    pub fn termination(
        &mut self,
        preview: &dyn Fn(&Configuration) -> Preview,
    ) -> Result<Option<String>, StudyError> {
        verdict(self, preview)
    }

    /// As [`termination`](Self::termination), for a study that threads share: others may use it meanwhile.
    /// Not to be called by a thread that holds the lock.
    ///
    /// # Errors
    /// As [`termination`](Self::termination).
    pub fn termination_shared<S: BorrowMut<Self>>(
        study: &Mutex<S>,
        preview: &dyn Fn(&Configuration) -> Preview,
    ) -> Result<Option<String>, StudyError> {
        verdict(study, preview)
    }

    /// See [`Snapshot::regret_bound`].
    ///
    /// # Errors
    /// As there.
    pub fn regret_bound(&self) -> Result<Option<f64>, StudyError> {
        self.snapshot().regret_bound()
    }
}

/// Lets a trial run, unless what is known of it says that it must not.
fn start(trial: &mut FrozenTrial, known: Preview) {
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
}

/// The number of the next trial, now running, of a study that may have any number of them.
fn one(
    study: impl Access,
    preview: &dyn Fn(&Configuration) -> Preview,
    wish: Wish,
) -> Result<u64, StudyError> {
    Ok(next(study, preview, wish)?.expect("a study without a limit is never full"))
}

/// The number of the next trial, now running.
fn next(
    mut study: impl Access,
    preview: &dyn Fn(&Configuration) -> Preview,
    wish: Wish,
) -> Result<Option<u64>, StudyError> {
    loop {
        let reservation = match study.with(|study| study.begin(preview, wish))? {
            Begun::Running(number) => return Ok(Some(number)),
            Begun::Reserved(reservation) => reservation,
            Begun::Full => return Ok(None),
        };
        match think(&mut study, &reservation, preview) {
            Ok(true) => return Ok(Some(reservation.number)),
            Ok(false) => {}
            Err(error) => {
                // What went wrong first is what counts.
                study.with(|study| study.give_up(&reservation)).ok();
                return Err(error);
            }
        }
    }
}

/// Proposes for a reservation; `false` if it was lost.
fn think(
    study: &mut impl Access,
    reservation: &Reservation,
    preview: &dyn Fn(&Configuration) -> Preview,
) -> Result<bool, StudyError> {
    // Held until the proposal is written: the next one of this process knows of it.
    let mut sampler = reservation.sampler.lock();
    for repeat in 0.. {
        let then = study.with(Study::look)?;
        let configuration = then.view().propose(reservation.number, &mut **sampler, preview)?;
        let (known, then, last) = (preview(&configuration), then.known(), repeat == REPEATS);
        let settled = study.with(|study| study.settle(reservation, configuration, known, &then, last))?;
        match settled {
            Settled::Running => return Ok(true),
            Settled::Repeated => {}
            Settled::Lost => return Ok(false),
        }
    }
    Ok(false)
}

fn verdict(
    mut study: impl Access,
    preview: &dyn Fn(&Configuration) -> Preview,
) -> Result<Option<String>, StudyError> {
    let thinker = study.with(|study| study.terminator.clone());
    let Some(thinker) = thinker else { return Ok(None) };
    let mut terminator = thinker.lock();
    let snapshot = study.with(|study| study.snapshot());
    snapshot.verdict(&mut **terminator, preview)
}

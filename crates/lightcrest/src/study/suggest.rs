//! Answers to an objective that asks for its parameters while it runs.

use super::{Origin, Study, StudyError, running};
use crate::history::{FrozenTrial, TrialState};
use crate::space::{Configuration, Domain, SpaceError, Suggestions, Value, encode};
use crate::trial::{Stream, derive_seed};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An objective that takes so long between two parameters works in between.
const PAUSE: Duration = Duration::from_secs(1);

/// What a running trial is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// What the trial asked for when it got the value: the first time.
    pub domain: Arc<Domain>,
    /// What was enqueued, where the domain does not hold it: the value is it all the same, in the form that
    /// was asked for. Said with the first answer only.
    pub stray: Option<Value>,
}

impl Study {
    /// The value of a parameter in a running trial.
    ///
    /// Where the space is declared, it is what the configuration says. Where it is discovered, it is what was
    /// proposed when the trial was asked for; a parameter that was not proposed (it is new, it was not
    /// expected here, or its range has moved) is drawn uniformly on its scale, from the study's seed, the
    /// trial's number and the name. What was enqueued or [proposed from outside](Self::propose_value) is
    /// given as it is, also outside of the range, if it is of the kind that is asked for; on a logarithmic
    /// scale it must be positive. Asked again, a trial gets the same answer, whatever the range is by then.
    ///
    /// # Errors
    /// If there is no such trial, it is not running, the domain makes no sense or is another than it was, or
    /// the declared space has no such parameter or has it inactive here.
    pub fn suggest(&mut self, number: u64, name: &str, domain: &Domain) -> Result<Value, StudyError> {
        self.answer(number, name, domain).map(|answer| answer.value)
    }

    /// As [`suggest`](Self::suggest), with what was asked for when the value was chosen.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn answer(&mut self, number: u64, name: &str, domain: &Domain) -> Result<Answer, StudyError> {
        let domain = &domain.lowered();
        self.running(number)?;
        let trial = running(Arc::make_mut(&mut self.history), number)?;
        let Some(discovery) = &mut self.discovery else {
            let value = self.declared(number, name, domain)?;
            let domain = self.declared.get(name).cloned().unwrap_or_else(|| Arc::new(domain.clone()));
            return Ok(Answer { value, domain, stray: None });
        };
        trial.suggestions.follow(&self.usual);
        let usual = trial.suggestions.next(name, domain).cloned();
        let expected = usual.is_some();
        let (name, domain) = match usual {
            Some(entry) => entry,
            None => discovery.ask(name, domain)?,
        };
        let seed = self.definition.seed;
        // Mostly parameters are asked for in the order of the space.
        let value = trial.configuration.get_near(&name, trial.suggestions.len());
        let own = self.own.get(&number).map(|own| own.origin);
        let whole = trial.suggestions.is_next_last();
        let leased = trial.claim.is_some_and(|claim| claim.leased);
        let asked = match own {
            _ if expected => None, // what comes next in the list was not asked for before
            Some(_) => trial.suggestions.get_shared(&name),
            // The names of a trial that was read from the storage are its own.
            None => trial.suggestions.get(&name),
        };
        if let (Some(value), Some(domain)) = (value, asked) {
            return Ok(Answer { value: value.clone(), domain: domain.clone(), stray: None });
        }
        let origin = own.unwrap_or(Origin::Sampler);
        let mut stray = None;
        let proposed = value.filter(|value| domain.contains(value));
        let answer = match (proposed, value) {
            (Some(value), _) => domain.conform(value),
            (None, Some(value)) if origin != Origin::Sampler => match domain.convert(value) {
                Some(converted) => {
                    let within = domain.contains(&converted) && converted.number() == value.number();
                    stray = (origin == Origin::Queue && !within).then(|| value.clone());
                    converted
                }
                None => {
                    let (name, value, domain) = (name.to_string(), value.clone(), (*domain).clone());
                    return Err(SpaceError::OutOfDomain { name, value, domain }.into());
                }
            },
            _ => {
                let seed = derive_seed(seed ^ hash(&name), number, Stream::Suggestion);
                encode::draw(&domain, ChaCha8Rng::seed_from_u64(seed).random())
            }
        };
        let changed = value != Some(&answer);
        // More is to come at once; and nobody but this worker ends the trial.
        let later = self.write_through && expected && !whole && leased && self.puts_off(number);
        let trial = running(Arc::make_mut(&mut self.history), number)?;
        let before = (self.write_through && !later).then(|| trial.clone());
        match expected {
            true => trial.suggestions.advance(),
            false => trial.suggestions.push(name.clone(), domain.clone()),
        }
        if changed {
            self.history_mut().amend(number, name, answer.clone());
        }
        if let Some(before) = before {
            self.write_through(before)?;
        }
        Ok(Answer { value: answer, domain, stray })
    }

    /// Whether what a trial that runs here asks for is stored together with what it asks for next.
    fn puts_off(&mut self, number: u64) -> bool {
        let Some(own) = self.own.get_mut(&number) else { return false };
        // It will do so again, and others are to see the first parameter.
        self.slow |= own.unstored.is_some_and(|since| since.elapsed() >= PAUSE);
        if !self.slow {
            own.unstored.get_or_insert_with(Instant::now);
        }
        !self.slow
    }

    /// Stores what a running trial asked for, if that is still to be done.
    pub(super) fn store_asked(&mut self, number: u64) -> Result<(), StudyError> {
        if self.own.get(&number).is_none_or(|own| own.unstored.is_none()) {
            return Ok(());
        }
        self.send(number, None)?;
        self.stored(number);
        Ok(())
    }

    /// A running trial is stored as it is.
    pub(super) fn stored(&mut self, number: u64) {
        if let Some(own) = self.own.get_mut(&number) {
            own.unstored = None;
        }
    }

    /// Stores a running trial as it is now; if that is refused, it is as `before`.
    fn write_through(&mut self, before: FrozenTrial) -> Result<(), StudyError> {
        let number = before.number;
        let trial = self.history.get(number).ok_or(StudyError::UnknownTrial { number })?;
        match self.storage.update(trial, TrialState::Running) {
            Ok(revision) => {
                self.wrote(revision);
                self.stored(number);
                Ok(())
            }
            Err(error) => {
                self.take_over([before])?;
                self.kept(number, Err(error))
            }
        }
    }

    /// What a trial of a discovered space will be asked for next, if it is asked for the same as the one that
    /// ended last: so that what asks need not make the same domain again and again.
    pub fn expected(&self, number: u64) -> Option<(&str, &Arc<Domain>)> {
        let trial = self.history.get(number)?;
        let next = if trial.suggestions.is_empty() {
            self.usual.iter().next()
        } else {
            trial.suggestions.expected().map(|(name, domain)| (name, domain))
        };
        next.map(|(name, domain)| (&**name, domain))
    }

    /// Gives a running trial of a discovered space the value that [`suggest`](Self::suggest) will answer
    /// with; for samplers that are not the engine's.
    ///
    /// # Errors
    /// If there is no such trial, or it is not running.
    pub fn propose_value(&mut self, number: u64, name: &str, value: Value) -> Result<(), StudyError> {
        self.running(number)?;
        self.history_mut().amend(number, name.into(), value);
        Ok(())
    }

    /// The domains of a trial's parameters: what it asked for, or what is declared.
    ///
    /// # Errors
    /// If there is no such trial.
    pub fn domains(&self, number: u64) -> Result<Suggestions, StudyError> {
        let trial = self.history.get(number).ok_or(StudyError::UnknownTrial { number })?;
        if self.discovery.is_some() {
            return Ok(trial.suggestions.clone());
        }
        let domain = |(name, _)| Some((name, self.declared.get(name)?.clone()));
        Ok(trial.configuration.iter().filter_map(domain).collect())
    }

    fn declared(&self, number: u64, name: &str, asked: &Domain) -> Result<Value, StudyError> {
        let space = &self.definition.space;
        let trial = self.history.get(number).ok_or(StudyError::UnknownTrial { number })?;
        let declared = &space.parameter(name)?.domain;
        // The order of choices is a hint that only declarations can give.
        let same = match (declared, asked) {
            (Domain::Categorical { choices: a, .. }, Domain::Categorical { choices: b, .. }) => a == b,
            (a, b) => a == b,
        };
        if !same {
            let (name, declared, asked) = (name.to_owned(), declared.clone(), asked.clone());
            return Err(SpaceError::OtherDomain { name, declared, asked }.into());
        }
        match trial.configuration.get(name) {
            Some(value) => Ok(value.clone()),
            None => Err(space.inactive(name, &trial.configuration).into()),
        }
    }

    /// Brings an added trial into the form that the engine gives its own. `strays`: whether values may be out
    /// of their ranges, as those are that somebody insisted on.
    pub(super) fn conform(&mut self, trial: &mut FrozenTrial, strays: bool) -> Result<(), StudyError> {
        let Some(discovery) = &mut self.discovery else {
            let space = &self.definition.space;
            // What has run is history, whatever the constraints are.
            trial.configuration = match trial.state {
                TrialState::Waiting => space.conform(&trial.configuration)?,
                _ => space.conform_values(&trial.configuration)?,
            };
            return Ok(());
        };
        if trial.state == TrialState::Waiting {
            trial.configuration = discovery.conform(&trial.configuration);
            trial.suggestions = Suggestions::new();
            return Ok(());
        }
        let mut configuration = Configuration::new();
        for (name, value) in trial.configuration.iter() {
            let Some(domain) = trial.suggestions.get(name) else {
                return Err(StudyError::AddedWithoutDomain { name: name.to_owned(), value: value.clone() });
            };
            let taken = match domain.contains(value) {
                true => Some(domain.conform(value)),
                false if strays => domain.convert(value),
                false => None,
            };
            let Some(taken) = taken else {
                let (value, domain) = (value.clone(), (**domain).clone());
                return Err(SpaceError::OutOfDomain { name: name.to_owned(), value, domain }.into());
            };
            configuration.set(name, taken);
        }
        let mut suggestions = Vec::with_capacity(trial.suggestions.len());
        for (name, domain) in trial.suggestions.iter() {
            if configuration.get(name).is_none() {
                return Err(SpaceError::Missing { name: name.to_string() }.into());
            }
            suggestions.push(discovery.ask(name, domain)?);
        }
        trial.configuration = configuration;
        trial.suggestions = suggestions.into_iter().collect();
        trial.keep_suggested();
        Ok(())
    }
}

/// FNV-1a (Fowler, Noll, Vo): the same for a name everywhere and always.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

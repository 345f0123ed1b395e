//! Answers to an objective that asks for its parameters while it runs.

use super::{Study, StudyError};
use crate::history::FrozenTrial;
use crate::space::{Configuration, Domain, SpaceError, Suggestions, Value, encode};
use crate::trial::{Stream, derive_seed};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

impl Study {
    /// The value of a parameter in a running trial.
    ///
    /// Where the space is declared, it is what the configuration says. Where it is discovered, it is what was proposed when the
    /// trial was asked for; a parameter that was not proposed (it is new, it was not expected here, or its range has
    /// moved) is drawn uniformly on its scale, from the study's seed, the trial's number and the name. Asked again, a
    /// trial gets the same answer.
    ///
    /// # Errors
    /// If there is no such trial, it is not running, the domain makes no sense or is another than it was, or the declared
    /// space has no such parameter or has it inactive here.
    pub fn suggest(&mut self, number: u64, name: &str, domain: &Domain) -> Result<Value, StudyError> {
        self.running(number)?;
        let Some(discovery) = &mut self.discovery else { return self.declared(number, name, domain) };
        let (name, domain) = discovery.ask(name, domain)?;
        let seed = self.definition.seed;
        let trial = self.running(number)?;
        // Mostly parameters are asked for in the order of the space.
        let value = trial.configuration.get_near(&name, trial.suggestions.len());
        let proposed = value.filter(|value| domain.contains(value));
        let value = match proposed {
            Some(value) => domain.conform(value),
            None => {
                let seed = derive_seed(seed ^ hash(&name), number, Stream::Suggestion);
                encode::draw(&domain, ChaCha8Rng::seed_from_u64(seed).random())
            }
        };
        let changed = proposed != Some(&value);
        match trial.suggestions.get_shared(&name) {
            Some(earlier) if *earlier == domain => {}
            Some(_) => trial.suggestions.set(name.clone(), domain),
            None => trial.suggestions.push(name.clone(), domain),
        }
        if changed {
            self.history.amend(number, name, value.clone());
        }
        Ok(value)
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

    /// Brings an added trial into the form that the engine gives its own.
    pub(super) fn conform(&mut self, trial: &mut FrozenTrial) -> Result<(), StudyError> {
        let Some(discovery) = &mut self.discovery else {
            trial.configuration = self.definition.space.conform(&trial.configuration)?;
            return Ok(());
        };
        if !trial.state.is_finished() {
            trial.configuration = discovery.conform(&trial.configuration)?;
            return Ok(());
        }
        let mut configuration = Configuration::new();
        for (name, value) in trial.configuration.iter() {
            let Some(domain) = trial.suggestions.get(name) else {
                return Err(StudyError::AddedWithoutDomain { name: name.to_owned(), value: value.clone() });
            };
            if !domain.contains(value) {
                let (value, domain) = (value.clone(), (**domain).clone());
                return Err(SpaceError::OutOfDomain { name: name.to_owned(), value, domain }.into());
            }
            configuration.set(name, domain.conform(value));
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

//! What a study and its running trials share: the engine's study under a lock, and what is Python's own.

use crate::{convert, error};
use lightcrest::objective::Preview;
use lightcrest::space::{Configuration, Domain, Suggestions};
use lightcrest::study::Snapshot;
use lightcrest::{Claim, StudyError, TrialState};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// What a study and its running trials share.
pub(crate) struct Shared {
    study: Mutex<lightcrest::Study>,
    /// The Python objects of domains that trials share. Distributions are never changed, so trials share them
    /// too.
    distributions: Mutex<HashMap<usize, Distribution>>,
    /// Where the study lives in memory, the attributes of its trials: {number: {key: anything}}. The engine's
    /// are JSON.
    pub(crate) attributes: Option<Py<PyDict>>,
    /// Whether every change is written to a file at once.
    pub(crate) lasting: bool,
}

/// Whether a trial is still in the run that whoever holds on to it names; any run is right for who names
/// none.
pub(crate) fn held(study: &lightcrest::Study, number: u64, claim: Option<Claim>) -> Result<(), StudyError> {
    claim.map_or(Ok(()), |claim| study.check_claim(number, Some(claim)))
}

/// A domain, the name of a parameter that has it, and the Python object that stands for it.
type Distribution = (Arc<Domain>, Py<PyString>, Py<PyAny>);

impl Shared {
    pub(crate) fn new(study: lightcrest::Study, attributes: Option<Py<PyDict>>, lasting: bool) -> Self {
        Self { study: Mutex::new(study), distributions: Mutex::default(), attributes, lasting }
    }

    /// The engine changes nothing half-way before it could panic: a poisoned lock is as good as new.
    fn lock(&self) -> MutexGuard<'_, lightcrest::Study> {
        self.study.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The distributions of a trial's parameters, by name.
    pub(crate) fn distributions<'py>(
        &self,
        py: Python<'py>,
        domains: &Suggestions,
    ) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, domain) in domains.iter() {
            let key = Arc::as_ptr(domain) as usize;
            let mut known = self.distributions.lock().unwrap_or_else(PoisonError::into_inner);
            let found = known.get(&key).map(|(_, name, object)| (name.clone_ref(py), object.clone_ref(py)));
            let (first, object) = match found {
                Some(found) => found,
                None => {
                    drop(known); // Python may run other threads while it makes the object
                    let object = convert::distribution(py, domain)?.unbind();
                    let name = PyString::intern(py, name).unbind();
                    known = self.distributions.lock().unwrap_or_else(PoisonError::into_inner);
                    // Holding the domain keeps its address from being given to another.
                    known.insert(key, (domain.clone(), name.clone_ref(py), object.clone_ref(py)));
                    (name, object)
                }
            };
            drop(known);
            let first = first.into_bound(py);
            let name = if first == **name { first } else { PyString::intern(py, name) };
            dict.set_item(name, object)?;
        }
        Ok(dict)
    }

    /// The attributes of a trial, where they are Python's.
    pub(crate) fn attributes<'py>(
        &self,
        py: Python<'py>,
        number: u64,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(all) = &self.attributes else { return Ok(None) };
        let found = all.bind(py).get_item(number)?;
        found.map(|found| Ok(found.cast_into::<PyDict>()?)).transpose()
    }

    /// Keeps something with a running trial, of the run that `claim` names if there is one.
    pub(crate) fn set_attribute(
        &self,
        py: Python<'_>,
        number: u64,
        claim: Option<Claim>,
        key: &str,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let Some(all) = &self.attributes else {
            let value = convert::json(key, value)?;
            let set = |study: &mut lightcrest::Study| {
                held(study, number, claim)?;
                study.set_attribute(number, key, value)
            };
            return self.quickly(py, set).map_err(error::study);
        };
        self.quickly(py, |study| match study.history().get(number).map(|trial| trial.state) {
            Some(TrialState::Running) => Ok(()),
            Some(state) => Err(StudyError::NotRunning { number, state }),
            None => Err(StudyError::UnknownTrial { number }),
        })
        .map_err(error::study)?;
        match self.attributes(py, number)? {
            Some(attributes) => attributes.set_item(key, value),
            None => {
                let attributes = PyDict::new(py);
                attributes.set_item(key, value)?;
                all.bind(py).set_item(number, attributes)
            }
        }
    }

    /// For what takes microseconds in memory: other Python threads run only if the study is busy, or writes
    /// to a file.
    pub(crate) fn quickly<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut lightcrest::Study) -> T + Send,
    ) -> T {
        if self.lasting {
            return self.patiently(py, work);
        }
        let guard = match self.study.try_lock() {
            Ok(study) => Some(study),
            Err(TryLockError::Poisoned(study)) => Some(study.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        match guard {
            Some(mut study) => work(&mut study),
            None => py.detach(|| work(&mut self.lock())),
        }
    }

    /// The next trial, now running, and which run of it this is. While a proposal is computed, other threads
    /// run and use the study. `lease`: whether it goes back to waiting when this process dies.
    pub(crate) fn ask(
        &self,
        py: Python<'_>,
        propose: bool,
        lease: bool,
    ) -> Result<(u64, Option<Claim>), StudyError> {
        py.detach(|| {
            let number = lightcrest::Study::ask_leased(&self.study, &|_| Preview::default(), propose, lease)?;
            let claim = self.lock().history().get(number).and_then(|trial| trial.claim);
            Ok((number, claim))
        })
    }

    /// What the sampler proposes for a trial of somebody else's study.
    pub(crate) fn proposal(&self, py: Python<'_>, number: u64) -> Result<Configuration, StudyError> {
        py.detach(|| lightcrest::Study::proposal_shared(&self.study, number))
    }

    /// Computes something from the study as it is now; other threads run and use the study meanwhile.
    pub(crate) fn looking<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&Snapshot) -> T + Send) -> T {
        py.detach(|| {
            let snapshot = self.lock().snapshot();
            work(&snapshot)
        })
    }

    /// For what may take long, such as an access to a file: other Python threads run meanwhile.
    fn patiently<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut lightcrest::Study) -> T + Send) -> T {
        py.detach(|| work(&mut self.lock()))
    }
}

//! The engine's study, under a lock.

use crate::space::Space;
use crate::trial::{Trial, datetime};
use crate::{convert, error, pruner, sampler};
use lightcrest::objective::{Evaluation, ObjectiveInfo, TrialError};
use lightcrest::space::{Configuration, Domain, Suggestions};
use lightcrest::{Direction, FrozenTrial, StudyError, TrialState};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// What a study and its running trials share.
pub(crate) struct Shared {
    study: Mutex<lightcrest::Study>,
    /// The Python objects of domains that trials share. Distributions are never changed, so trials share them too.
    distributions: Mutex<HashMap<usize, Distribution>>,
}

/// A domain and the Python object that stands for it.
type Distribution = (Arc<Domain>, Py<PyAny>);

impl Shared {
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
            let found = known.get(&key).map(|(_, object)| object.clone_ref(py));
            let object = match found {
                Some(object) => object,
                None => {
                    drop(known); // Python may run other threads while it makes the object
                    let object = convert::distribution(py, domain)?.unbind();
                    known = self.distributions.lock().unwrap_or_else(PoisonError::into_inner);
                    // Holding the domain keeps its address from being given to another.
                    known.insert(key, (domain.clone(), object.clone_ref(py)));
                    object
                }
            };
            drop(known);
            dict.set_item(&**name, object)?;
        }
        Ok(dict)
    }

    /// For what takes microseconds: other Python threads run only if the study is busy.
    pub(crate) fn quickly<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut lightcrest::Study) -> T + Send,
    ) -> T {
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

    /// For what may take long, such as a proposal: other Python threads run meanwhile.
    fn patiently<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut lightcrest::Study) -> T + Send) -> T {
        py.detach(|| work(&mut self.lock()))
    }
}

/// The engine's study; the class lightcrest.Study wraps it.
#[pyclass(frozen, module = "lightcrest._engine")]
pub(crate) struct Study {
    shared: Arc<Shared>,
}

#[pymethods]
impl Study {
    /// `space`: None to discover it. `seed`: None for a random one.
    #[new]
    #[pyo3(signature = (*, name, directions, sampler, startup_trials, seed, pruner, pruner_settings, space))]
    fn new(
        name: String,
        directions: Vec<String>,
        sampler: &str,
        startup_trials: Option<usize>,
        seed: Option<u64>,
        pruner: &str,
        pruner_settings: &Bound<'_, PyDict>,
        space: Option<PyRef<'_, Space>>,
    ) -> PyResult<Self> {
        let single = directions.len() == 1;
        let objective = |(i, direction): (usize, &String)| {
            let direction = match direction.as_str() {
                "minimize" => Direction::Minimize,
                "maximize" => Direction::Maximize,
                other => {
                    let message = format!("a direction must be `minimize` or `maximize`, but got `{other}`");
                    return Err(PyValueError::new_err(message));
                }
            };
            let name = if single { "value".to_owned() } else { format!("value_{i}") };
            Ok(ObjectiveInfo { name, direction })
        };
        let objectives = directions.iter().enumerate().map(objective).collect::<PyResult<Vec<_>>>()?;
        let builder = match space {
            Some(space) => lightcrest::Study::builder(space.build()?, objectives),
            None => lightcrest::Study::define_by_run(objectives),
        };
        let study = builder
            .name(name)
            .seed(seed.unwrap_or_else(|| RandomState::new().hash_one("seed")))
            .boxed_sampler(sampler::make(sampler, startup_trials)?)
            .boxed_pruner(pruner::make(pruner, pruner_settings)?)
            .build()
            .map_err(error::study)?;
        Ok(Self { shared: Arc::new(Shared { study: Mutex::new(study), distributions: Mutex::default() }) })
    }

    /// The next trial, now running. `fixed`: distributions by name, or a Space, that the trial is asked for at once.
    #[pyo3(signature = (fixed=None))]
    fn ask(&self, py: Python<'_>, fixed: Option<&Bound<'_, PyAny>>) -> PyResult<Trial> {
        // What is wrong with it is said before there is a trial.
        let fixed = fixed.map(Fixed::extract).transpose()?;
        let number = self.shared.patiently(py, |study| study.ask().map(|trial| trial.number));
        let trial = Trial { shared: self.shared.clone(), number: number.map_err(error::study)? };
        match fixed {
            None => {}
            Some(Fixed::Distributions(suggestions)) => {
                for (name, domain) in suggestions.iter() {
                    trial.suggest(py, name, domain)?;
                }
            }
            Some(Fixed::Space(space)) => {
                let mut configuration = Configuration::new();
                for (i, parameter) in space.parameters().iter().enumerate() {
                    if space.active(&configuration)[i] {
                        let value = trial.suggest(py, &parameter.name, &parameter.domain)?;
                        configuration.set(parameter.name.as_str(), value);
                    }
                }
            }
        }
        Ok(trial)
    }

    /// Ends a running trial: `complete` with its values, `pruned`, `failed` with a reason, or `interrupted`, to be run again.
    fn tell(
        &self,
        py: Python<'_>,
        number: u64,
        state: &str,
        values: Option<Vec<f64>>,
        reason: Option<String>,
    ) -> PyResult<()> {
        let reason = reason.unwrap_or_default();
        let outcome = match (state, values) {
            ("complete", Some(values)) => Ok(Evaluation::new(values)),
            ("pruned", None) => Err(TrialError::Pruned { reason }),
            ("failed", None) => Err(TrialError::Failed { reason }),
            ("interrupted", None) => Err(TrialError::Interrupted),
            _ => return Err(PyValueError::new_err(format!("`{state}` and these values do not go together"))),
        };
        let tell = |study: &mut lightcrest::Study| study.tell(number, outcome).map(|_| ());
        self.shared.quickly(py, tell).map_err(error::study)
    }

    /// Adds a trial that ended elsewhere or waits to be run; its number.
    fn add(
        &self,
        py: Python<'_>,
        state: &str,
        params: &Bound<'_, PyDict>,
        distributions: &Bound<'_, PyDict>,
        values: Option<Vec<f64>>,
        reports: Vec<(u64, f64)>,
        user_attrs: &Bound<'_, PyDict>,
        started: Option<u64>,
        finished: Option<u64>,
    ) -> PyResult<u64> {
        let mut trial = FrozenTrial::waiting(0, convert::configuration(params)?);
        trial.state = match state {
            "waiting" => TrialState::Waiting,
            "running" => TrialState::Running,
            "complete" => TrialState::Complete,
            "pruned" => TrialState::Pruned,
            "failed" => TrialState::Failed,
            other => return Err(PyValueError::new_err(format!("`{other}` is no state of a trial"))),
        };
        trial.suggestions = convert::suggestions(distributions)?;
        trial.values = values;
        trial.reports = reports.into_iter().map(|(step, value)| (step, vec![value])).collect();
        trial.attributes = user_attrs
            .iter()
            .map(|(key, value)| {
                let key: String = key.extract()?;
                let value = convert::json(&key, &value)?;
                Ok((key, value))
            })
            .collect::<PyResult<_>>()?;
        (trial.started, trial.finished) = (started, finished);
        self.shared.quickly(py, |study| study.add(trial)).map_err(error::study)
    }

    /// Whether a trial, in whatever state, has exactly these parameters.
    fn contains(&self, py: Python<'_>, params: &Bound<'_, PyDict>) -> PyResult<bool> {
        let configuration = convert::configuration(params)?;
        Ok(self.shared.quickly(py, |study| study.history().contains(&configuration)))
    }

    /// The state of a trial, as a word.
    fn state(&self, py: Python<'_>, number: u64) -> PyResult<&'static str> {
        let state = self.shared.quickly(py, |study| study.history().get(number).map(|trial| trial.state));
        let state = state.ok_or_else(|| error::study(StudyError::UnknownTrial { number }))?;
        Ok(state.as_str())
    }

    /// How many trials there are.
    fn __len__(&self, py: Python<'_>) -> usize {
        self.shared.quickly(py, |study| study.trials().len())
    }

    /// A trial as a tuple: state, values, started, finished, params, distributions, user_attrs, intermediate_values.
    fn trial<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Bound<'py, PyTuple>> {
        let read = |study: &mut lightcrest::Study| {
            let trial = study.history().get(number).cloned().ok_or(StudyError::UnknownTrial { number })?;
            Ok((trial, study.domains(number)?))
        };
        let (mut trial, domains) = self.shared.quickly(py, read).map_err(error::study)?;
        if trial.state == TrialState::Running && !trial.suggestions.is_empty() {
            trial.configuration = trial.suggested();
        }
        let distributions = self.shared.distributions(py, &domains)?;
        let reports = PyDict::new(py);
        for (step, values) in &trial.reports {
            match values.as_slice() {
                [value] => reports.set_item(step, value)?,
                several => reports.set_item(step, several)?,
            }
        }
        (
            trial.state.as_str(),
            trial.values,
            datetime(py, trial.started)?,
            datetime(py, trial.finished)?,
            convert::parameters(py, trial.configuration.iter())?,
            distributions,
            convert::attributes(py, trial.attributes.iter())?,
            reports,
        )
            .into_pyobject(py)
    }

    /// The number of the best trial of a study of one objective.
    fn best(&self, py: Python<'_>) -> Option<u64> {
        self.shared.quickly(py, |study| study.best().map(|trial| trial.number))
    }

    /// The numbers of the trials that no other dominates.
    fn front<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let numbers: Vec<u64> =
            self.shared.quickly(py, |study| study.front().iter().map(|trial| trial.number).collect());
        PyList::new(py, numbers)
    }

    /// The space: as it was declared, or as the finished trials show it.
    fn space(&self, py: Python<'_>) -> Space {
        self.shared.quickly(py, |study| Space::of(study.space()))
    }
}

/// What a trial is asked for at once.
enum Fixed {
    Distributions(Suggestions),
    Space(lightcrest::Space),
}

impl Fixed {
    fn extract(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(space) = object.cast::<Space>() {
            return Ok(Self::Space(space.borrow().build()?));
        }
        match object.cast::<PyDict>() {
            Ok(dict) => Ok(Self::Distributions(convert::suggestions(dict)?)),
            Err(_) => Err(PyTypeError::new_err(format!(
                "a dict of distributions or a Space is needed, but got {}",
                object.repr()?
            ))),
        }
    }
}

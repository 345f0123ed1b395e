//! A running trial.

use crate::convert::Whole;
use crate::shared::{Shared, held};
use crate::{convert, error};
use lightcrest::space::{Domain, Value};
use lightcrest::{Claim, StudyError, TrialState};
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyFutureWarning, PyRuntimeWarning, PyTypeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFloat, PyInt, PyString, PyTuple};
use std::ffi::CString;
use std::sync::Arc;

/// A running trial: an objective asks it for the values of its parameters.
///
/// Trials come from Study.ask and Study.optimize.
#[pyclass(frozen, module = "lightcrest.trial", weakref)]
pub(crate) struct Trial {
    pub(crate) shared: Arc<Shared>,
    #[pyo3(get)]
    /// The number of the trial in its study: 0, 1, 2, ...
    pub(crate) number: u64,
    /// Which run of it this is.
    pub(crate) claim: Option<Claim>,
    #[pyo3(get)]
    /// The study that the trial is of.
    pub(crate) study: Py<PyAny>,
    /// What gives values where a sampler is written in Python.
    pub(crate) independent: Option<Py<PyAny>>,
    /// What decides where a pruner is written in Python.
    pub(crate) prune: Option<Py<PyAny>>,
}

impl Trial {
    /// Does something with the study, if the trial is still in this run.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut lightcrest::Study) -> Result<T, StudyError> + Send,
    ) -> PyResult<T> {
        let checked = |study: &mut lightcrest::Study| {
            held(study, self.number, self.claim)?;
            work(study)
        };
        self.shared.quickly(py, checked).map_err(error::study)
    }

    /// The value of a parameter; warns of what the objective might not mean.
    pub(crate) fn suggest(&self, py: Python<'_>, name: &str, domain: &Domain) -> PyResult<Value> {
        if let Some(independent) = &self.independent {
            self.sample_independently(py, independent, name, domain)?;
        }
        let answer = self.with(py, |study| study.answer(self.number, name, domain))?;
        if *answer.domain != *domain {
            self.warn_of_another_domain(py, name, &answer.domain, domain)?;
        } else if let Some(stray) = &answer.stray {
            let value = convert::scalar(py, stray)?;
            let distribution = convert::distribution(py, domain)?;
            let message = format!(
                "the enqueued value {} of parameter '{name}' is out of the range of {distribution}",
                value.repr()?
            );
            warn::<PyUserWarning>(py, &message)?;
        }
        Ok(answer.value)
    }

    fn warn_of_another_domain(
        &self,
        py: Python<'_>,
        name: &str,
        first: &Domain,
        now: &Domain,
    ) -> PyResult<()> {
        if matches!(first, Domain::Categorical { .. }) {
            return Ok(());
        }
        let (first, now) = (convert::distribution(py, first)?, convert::distribution(py, now)?);
        let message = format!(
            "Inconsistent parameter values for distribution with name \"{name}\": trial {} asked for {first} before, and the \
             value from there stands, not one of {now}",
            self.number
        );
        warn::<PyRuntimeWarning>(py, &message)
    }

    /// Lets a sampler that is written in Python choose a value, unless there is one or there is no choice.
    fn sample_independently(
        &self,
        py: Python<'_>,
        independent: &Py<PyAny>,
        name: &str,
        domain: &Domain,
    ) -> PyResult<()> {
        let given = self.read(py, |trial, _| Ok(trial.configuration.get(name).cloned()))?;
        if given.is_some() || domain.cells() == Some(1) {
            return Ok(());
        }
        let distribution = convert::distribution(py, domain)?;
        let value = independent.bind(py).call1((self.number, name, distribution))?;
        let value = convert::choice(name, &value)?;
        self.with(py, |study| study.propose_value(self.number, name, value))
    }

    /// Reads something of the trial as it is in the study.
    fn read<T>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&lightcrest::FrozenTrial, bool) -> PyResult<T> + Send,
    ) -> PyResult<T>
    where
        T: Send,
    {
        self.shared.quickly(py, |study| {
            let trial = study.history().get(self.number);
            let missing = || PyValueError::new_err(format!("trial {} does not exist", self.number));
            read(trial.ok_or_else(missing)?, study.definition().discovered)
        })
    }
}

/// What Python's `float` makes of an argument `value`.
fn number(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let cast = || value.py().get_type::<PyFloat>().call1((value,))?.extract();
    value.extract().or_else(|_: PyErr| cast()).map_err(|_: PyErr| {
        PyTypeError::new_err(format!("`value` must be a number, but is of type {}", value.get_type()))
    })
}

/// What Python's `int` makes of an argument `step`.
fn whole(step: &Bound<'_, PyAny>) -> PyResult<i64> {
    let py = step.py();
    let cast = || py.get_type::<PyInt>().call1((step,))?.extract();
    step.extract().or_else(|_: PyErr| cast()).map_err(|error: PyErr| {
        if !error.is_instance_of::<PyTypeError>(py) && !error.is_instance_of::<PyValueError>(py) {
            return error;
        }
        PyTypeError::new_err(format!("`step` must be a whole number, but is of type {}", step.get_type()))
    })
}

/// A Python warning, at the line of the objective.
fn warn<W: PyTypeInfo>(py: Python<'_>, message: &str) -> PyResult<()> {
    let message = CString::new(message.replace('\0', ""))?;
    PyErr::warn(py, &py.get_type::<W>(), &message, 1)
}

#[pymethods]
impl Trial {
    /// A real number in [low, high]; with a step, one of low, low + step, ...
    #[pyo3(signature = (name, low, high, *, step=None, log=false))]
    fn suggest_float(
        &self,
        py: Python<'_>,
        name: &str,
        low: f64,
        high: f64,
        step: Option<f64>,
        log: bool,
    ) -> PyResult<f64> {
        let mut domain = Domain::Float { low, high, log, step };
        if step.is_some() {
            domain = convert::stepped(py, domain)?;
        }
        let value = self.suggest(py, name, &domain)?;
        Ok(value.as_f64().unwrap_or(f64::NAN))
    }

    /// A whole number from low to high, both included.
    #[pyo3(signature = (name, low, high, *, step=Whole(1), log=false))]
    fn suggest_int(
        &self,
        py: Python<'_>,
        name: &str,
        low: Whole,
        high: Whole,
        step: Whole,
        log: bool,
    ) -> PyResult<i64> {
        let mut domain = Domain::Int { low: low.0, high: high.0, log, step: step.0 };
        if step.0 > 1 {
            domain = convert::stepped(py, domain)?;
        }
        let value = self.suggest(py, name, &domain)?;
        Ok(value.as_i64().unwrap_or(low.0))
    }

    /// One of the choices, which are None, bools, ints, floats or strings; or, in memory, anything.
    fn suggest_categorical<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        choices: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let expected = self.shared.quickly(py, |study| {
            let expected = study.expected(self.number).filter(|(expected, _)| *expected == name);
            expected.map(|(_, domain)| domain.clone())
        });
        let domain = match expected.filter(|domain| convert::is_of(choices, domain)) {
            Some(domain) => domain,
            None => {
                let choices = convert::values(name, choices)?.into();
                Arc::new(Domain::Categorical { choices, ordered: false })
            }
        };
        if let Domain::Categorical { choices, .. } = &*domain {
            let odd = |choice: &&Value| choice.as_str().is_some_and(|text| text.starts_with('\0'));
            if let Some(odd) = choices.iter().find(odd) {
                let object = convert::scalar(py, odd)?;
                if !object.is_instance_of::<PyFloat>() {
                    let message = format!(
                        "the choices of '{name}' should be None, bools, ints, floats or strings to survive the process, but {} is \
                         of type {}",
                        object.repr()?,
                        object.get_type().name()?
                    );
                    warn::<PyUserWarning>(py, &message)?;
                }
            }
        }
        let value = self.suggest(py, name, &domain)?;
        // The very object of the list, whatever its type; other iterables have no positions.
        match domain.cell_of(&value).map(|index| choices.get_item(index)) {
            Some(Ok(choice)) => Ok(choice),
            _ => convert::scalar(py, &value),
        }
    }

    /// A value of a distribution.
    fn _suggest<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        distribution: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let value = self.suggest(py, name, &convert::domain(name, distribution)?)?;
        convert::scalar(py, &value)
    }

    /// Deprecated: use suggest_float(name, low, high).
    fn suggest_uniform(&self, py: Python<'_>, name: &str, low: f64, high: f64) -> PyResult<f64> {
        deprecated(py, "suggest_uniform", "suggest_float(name, low, high)")?;
        self.suggest_float(py, name, low, high, None, false)
    }

    /// Deprecated: use suggest_float(name, low, high, log=True).
    fn suggest_loguniform(&self, py: Python<'_>, name: &str, low: f64, high: f64) -> PyResult<f64> {
        deprecated(py, "suggest_loguniform", "suggest_float(name, low, high, log=True)")?;
        self.suggest_float(py, name, low, high, None, true)
    }

    /// Deprecated: use suggest_float(name, low, high, step=q).
    fn suggest_discrete_uniform(
        &self,
        py: Python<'_>,
        name: &str,
        low: f64,
        high: f64,
        q: f64,
    ) -> PyResult<f64> {
        deprecated(py, "suggest_discrete_uniform", "suggest_float(name, low, high, step=q)")?;
        self.suggest_float(py, name, low, high, Some(q), false)
    }

    /// Reports an intermediate value: a number, or in a study of several objectives one number for each of
    /// the first few. Of a step that was reported before, the first value stands.
    fn report(&self, py: Python<'_>, value: &Bound<'_, PyAny>, step: &Bound<'_, PyAny>) -> PyResult<()> {
        let values: Vec<f64> = match number(value) {
            Ok(value) => vec![value],
            Err(error) => {
                let several = self.shared.quickly(py, |study| study.objectives().len() > 1);
                let values = if several { value.extract().ok() } else { None };
                values.ok_or(error)?
            }
        };
        let whole = whole(step)?;
        let negative = |_| PyValueError::new_err(format!("`step` must be 0 or more, but got {step}"));
        let step = u64::try_from(whole).map_err(negative)?;
        if !self.with(py, |study| study.report(self.number, step, &values))? {
            let message =
                format!("trial {} has reported step {step} already: this report is ignored", self.number);
            warn::<PyUserWarning>(py, &message)?;
        }
        Ok(())
    }

    /// Whether the pruner would stop the trial at its last report. If so, raise TrialPruned.
    fn should_prune(&self, py: Python<'_>) -> PyResult<bool> {
        match &self.prune {
            Some(prune) => prune.bind(py).call1((self.number,))?.is_truthy(),
            None => self.with(py, |study| {
                let pruned = study.should_prune(self.number)?;
                held(study, self.number, self.claim)?;
                Ok(pruned)
            }),
        }
    }

    /// Keeps something with the trial: anything if the study lives in memory, else whatever JSON can say.
    fn set_user_attr(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.shared.set_attribute(py, self.number, self.claim, key, value)
    }

    /// Sets a constraint, which is satisfied if its value is at most 0. The first value of a key stands.
    fn set_constraint(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let excess = number(value)?;
        if !self.with(py, |study| study.set_constraint(self.number, key, excess))? {
            let message =
                format!("constraint '{key}' of trial {} is set already: this value is ignored", self.number);
            warn::<PyUserWarning>(py, &message)?;
        }
        Ok(())
    }

    /// What set_constraint set: {key: value}.
    #[getter]
    fn constraints<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let constraints = self.read(py, |trial, _| Ok(trial.constraints.clone()))?;
        let dict = PyDict::new(py);
        for (key, value) in constraints {
            dict.set_item(key, value)?;
        }
        Ok(dict)
    }

    /// What was proposed for the trial when it began, by name: its parameters have these values where they
    /// fit.
    #[getter]
    fn relative_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.study.bind(py).call_method1("_relative", (self.number,))
    }

    /// Where the study lives.
    #[getter]
    fn storage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.study.bind(py).getattr("_storage")
    }

    /// Another process opens the study again and goes on with the trial there.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        if !self.shared.lasting {
            return Err(PyTypeError::new_err(
                "a trial of a study in memory cannot be pickled: other processes can go on with trials of studies in files only",
            ));
        }
        let again = py.import(pyo3::intern!(py, "lightcrest._study"))?.getattr("_again")?;
        (again, (&self.study, self.number, self.claim.map(|claim| claim.token))).into_pyobject(py)
    }

    /// Which run of the trial this is.
    #[getter(_token)]
    fn token(&self) -> Option<u64> {
        self.claim.map(|claim| claim.token)
    }

    /// What the trial is called by among all trials of its storage.
    #[getter(_trial_id)]
    fn trial_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.study.bind(py).call_method1("_trial_id", (self.number,))
    }

    /// The parameters so far, by name.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let trial = self.read(py, |trial, discovered| {
            let mut configuration = trial.configuration.clone();
            if discovered && trial.state == TrialState::Running {
                configuration = trial.suggested();
            }
            Ok(configuration)
        })?;
        convert::parameters(py, trial.iter())
    }

    /// The distributions that the parameters so far are of, by name.
    #[getter]
    fn distributions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let domains = self.shared.quickly(py, |study| study.domains(self.number)).map_err(error::study)?;
        self.shared.distributions(py, &domains)
    }

    /// What set_user_attr kept.
    #[getter]
    fn user_attrs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = match self.shared.attributes(py, self.number)? {
            Some(attributes) => attributes.copy()?,
            None => {
                let attributes = self.read(py, |trial, _| Ok(trial.attributes.clone()))?;
                convert::attributes(py, attributes.iter())?
            }
        };
        if dict.contains(SYSTEM)? {
            dict.del_item(SYSTEM)?;
        }
        Ok(dict)
    }

    /// When the trial began.
    #[getter]
    fn datetime_start<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let started = self.read(py, |trial, _| Ok(trial.started))?;
        datetime(py, started)
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, &format!("Trial(number={})", self.number))
    }
}

/// The attribute under which the Python side keeps what is its own.
pub(crate) const SYSTEM: &str = "lightcrest:system";

fn deprecated(py: Python<'_>, name: &str, instead: &str) -> PyResult<()> {
    warn::<PyFutureWarning>(py, &format!("{name} is deprecated: use {instead}"))
}

/// A local time from milliseconds since 1970.
pub(crate) fn datetime<'py>(py: Python<'py>, ms: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
    let Some(ms) = ms else { return Ok(py.None().into_bound(py)) };
    static FROM_TIMESTAMP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make =
        || PyResult::Ok(py.import("datetime")?.getattr("datetime")?.getattr("fromtimestamp")?.unbind());
    FROM_TIMESTAMP.get_or_try_init(py, make)?.bind(py).call1((PyFloat::new(py, ms as f64 / 1000.0),))
}

//! A running trial.

use crate::study::Shared;
use crate::{convert, error};
use lightcrest::TrialState;
use lightcrest::space::Domain;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString};
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
}

impl Trial {
    pub(crate) fn suggest(
        &self,
        py: Python<'_>,
        name: &str,
        domain: &Domain,
    ) -> PyResult<lightcrest::space::Value> {
        self.shared.quickly(py, |study| study.suggest(self.number, name, domain)).map_err(error::study)
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
        let value = self.suggest(py, name, &Domain::Float { low, high, log, step })?;
        Ok(value.as_f64().unwrap_or(f64::NAN))
    }

    /// A whole number from low to high, both included.
    #[pyo3(signature = (name, low, high, *, step=1, log=false))]
    fn suggest_int(
        &self,
        py: Python<'_>,
        name: &str,
        low: i64,
        high: i64,
        step: i64,
        log: bool,
    ) -> PyResult<i64> {
        let value = self.suggest(py, name, &Domain::Int { low, high, log, step })?;
        Ok(value.as_i64().unwrap_or(low))
    }

    /// One of the choices, which are None, bools, ints, floats or strings.
    fn suggest_categorical<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        choices: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let domain = Domain::Categorical { choices: convert::values(name, choices)?, ordered: false };
        let value = self.suggest(py, name, &domain)?;
        // The very object of the list, whatever its type; other iterables have no positions.
        match domain.cell_of(&value).map(|index| choices.get_item(index)) {
            Some(Ok(choice)) => Ok(choice),
            _ => convert::scalar(py, &value),
        }
    }

    /// Reports an intermediate value: a number, or one number for each of the first few objectives. Steps ascend from 0.
    fn report(&self, py: Python<'_>, value: &Bound<'_, PyAny>, step: &Bound<'_, PyAny>) -> PyResult<()> {
        let values: Vec<f64> = match value.extract::<f64>() {
            Ok(value) => vec![value],
            Err(_) => value.extract()?,
        };
        let negative = |_| PyValueError::new_err(format!("`step` must be 0 or more, but got {step}"));
        let step: u64 = u64::try_from(step.extract::<i64>()?).map_err(negative)?;
        self.shared.quickly(py, |study| study.report(self.number, step, &values)).map_err(error::study)
    }

    /// Whether the pruner would stop the trial at its last report. If so, raise TrialPruned.
    fn should_prune(&self, py: Python<'_>) -> bool {
        self.shared.quickly(py, |study| study.should_prune(self.number))
    }

    /// Keeps something with the trial: whatever JSON can say.
    fn set_user_attr(&self, py: Python<'_>, key: String, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = convert::json(&key, value)?;
        self.shared.quickly(py, |study| study.set_attribute(self.number, key, value)).map_err(error::study)
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
        let attributes = self.read(py, |trial, _| Ok(trial.attributes.clone()))?;
        convert::attributes(py, attributes.iter())
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

/// A local time from milliseconds since 1970.
pub(crate) fn datetime<'py>(py: Python<'py>, ms: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
    let Some(ms) = ms else { return Ok(py.None().into_bound(py)) };
    let class = py.import(pyo3::intern!(py, "datetime"))?.getattr("datetime")?;
    class.call_method1("fromtimestamp", (PyFloat::new(py, ms as f64 / 1000.0),))
}

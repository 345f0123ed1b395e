//! Trials as tuples, as Python's side makes its own of them.

use crate::shared::Shared;
use crate::trial::datetime;
use crate::{convert, error};
use lightcrest::{FrozenTrial, StudyError, TrialState};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// A trial of a study: state, values, started, finished, params, distributions, attributes,
/// intermediate_values, constraints.
pub(super) fn of<'py>(shared: &Shared, py: Python<'py>, number: u64) -> PyResult<Bound<'py, PyTuple>> {
    let read = |study: &mut lightcrest::Study| {
        let trial = study.history().get(number).cloned().ok_or(StudyError::UnknownTrial { number })?;
        let discovered = study.definition().discovered;
        Ok((trial, study.domains(number)?, discovered))
    };
    let (mut trial, domains, discovered) = shared.quickly(py, read).map_err(error::study)?;
    if trial.state == TrialState::Running && discovered {
        trial.configuration = trial.suggested();
    }
    let distributions = shared.distributions(py, &domains)?;
    let reports = PyDict::new(py);
    for (step, values) in &trial.reports {
        match values.as_slice() {
            [value] => reports.set_item(step, value)?,
            several => reports.set_item(step, several)?,
        }
    }
    let attributes = match shared.attributes(py, number)? {
        Some(attributes) => attributes.copy()?,
        None => convert::attributes(py, trial.attributes.iter())?,
    };
    (
        trial.state.as_str(),
        trial.values,
        datetime(py, trial.started)?,
        datetime(py, trial.finished)?,
        convert::parameters(py, trial.configuration.iter())?,
        distributions,
        attributes,
        reports,
        trial.constraints,
    )
        .into_pyobject(py)
}

/// The parts of a trial: state, values, started, finished, params, attributes, intermediate_values,
/// constraints, distributions, as `lightcrest.storages._python` takes them.
pub(crate) fn parts<'py>(py: Python<'py>, trial: &FrozenTrial) -> PyResult<Bound<'py, PyTuple>> {
    let reports = PyDict::new(py);
    for (step, values) in &trial.reports {
        reports.set_item(step, values.first())?;
    }
    let distributions = PyDict::new(py);
    for (name, domain) in trial.suggestions.iter() {
        distributions.set_item(&**name, convert::distribution(py, domain)?)?;
    }
    let configuration =
        if trial.state == TrialState::Waiting { trial.configuration.clone() } else { trial.suggested() };
    (
        trial.state.as_str(),
        trial.values.clone(),
        datetime(py, trial.started)?,
        datetime(py, trial.finished)?,
        convert::parameters(py, configuration.iter())?,
        distributions,
        convert::attributes(py, trial.attributes.iter())?,
        reports,
        trial.constraints.clone(),
    )
        .into_pyobject(py)
}

/// A trial from its parts.
pub(crate) fn frozen(
    state: &str,
    params: &Bound<'_, PyDict>,
    distributions: &Bound<'_, PyDict>,
    values: Option<Vec<f64>>,
    mut reports: Vec<(u64, f64)>,
    constraints: Vec<(String, f64)>,
) -> PyResult<FrozenTrial> {
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
    reports.sort_by_key(|(step, _)| *step);
    trial.reports = reports.into_iter().map(|(step, value)| (step, vec![value])).collect();
    trial.constraints = constraints;
    Ok(trial)
}

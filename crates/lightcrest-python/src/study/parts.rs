//! Trials as tuples, as Python's side makes its own of them.

use crate::shared::Shared;
use crate::trial::datetime;
use crate::{convert, error};
use lightcrest::space::Suggestions;
use lightcrest::{FrozenTrial, StudyError, TrialState};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// Trials that are read together, so that others do not wait for long.
const TOGETHER: usize = 256;

/// Trials of a study, each as state, values, started, finished, params, distributions, attributes,
/// intermediate_values, constraints.
pub(super) fn of<'py>(
    shared: &Shared,
    py: Python<'py>,
    numbers: &[u64],
) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    let mut found = Vec::with_capacity(numbers.len());
    for numbers in numbers.chunks(TOGETHER) {
        let read = |study: &mut lightcrest::Study| {
            let discovered = study.definition().discovered;
            let one = |&number: &u64| {
                let mut trial =
                    study.history().get(number).cloned().ok_or(StudyError::UnknownTrial { number })?;
                let domains = if discovered {
                    if trial.state == TrialState::Running {
                        trial.configuration = trial.suggested();
                    }
                    std::mem::take(&mut trial.suggestions)
                } else {
                    study.domains(number)?
                };
                Ok((trial, domains))
            };
            numbers.iter().map(one).collect::<Result<Vec<_>, StudyError>>()
        };
        for (trial, domains) in shared.quickly(py, read).map_err(error::study)? {
            found.push(tuple(shared, py, trial, &domains)?);
        }
    }
    Ok(found)
}

fn tuple<'py>(
    shared: &Shared,
    py: Python<'py>,
    trial: FrozenTrial,
    domains: &Suggestions,
) -> PyResult<Bound<'py, PyTuple>> {
    let distributions = shared.distributions(py, domains)?;
    // Names stand in the same order there: many trials share one object for each.
    let mut names = distributions.keys().into_iter();
    let params = PyDict::new(py);
    for (name, value) in trial.configuration.iter() {
        let known = names.next().and_then(|known| known.cast_into::<PyString>().ok());
        let known = known.filter(|known| *known == name);
        params.set_item(known.unwrap_or_else(|| PyString::intern(py, name)), convert::scalar(py, value)?)?;
    }
    let reports = PyDict::new(py);
    for (step, values) in &trial.reports {
        match values.as_slice() {
            [value] => reports.set_item(step, value)?,
            several => reports.set_item(step, several)?,
        }
    }
    let attributes = match shared.attributes(py, trial.number)? {
        Some(attributes) => attributes.copy()?,
        None => convert::attributes(py, trial.attributes.iter())?,
    };
    (
        trial.state.as_str(),
        trial.values,
        datetime(py, trial.started)?,
        datetime(py, trial.finished)?,
        params,
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

//! What figures need of complete trials, in one call and as columns: no Python object is made for a trial.

use crate::study::Study;
use crate::{convert, error};
use lightcrest::StudyError;
use lightcrest::space::{Domain, Value};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;

/// The complete trials: their numbers, for each objective their values, and whether they satisfy their
/// constraints (None: they have none).
type Complete = (Vec<u64>, Vec<Vec<f64>>, Vec<Option<bool>>);

/// The complete trials of a study as columns: numbers, values by objective, feasibility (None without
/// constraints).
#[pyfunction]
pub(crate) fn complete(py: Python<'_>, study: &Bound<'_, Study>) -> Complete {
    study.get().shared.quickly(py, |study| {
        let history = study.history();
        let mut values = vec![Vec::new(); history.objectives().len()];
        let (mut numbers, mut feasible) = (Vec::new(), Vec::new());
        for trial in history.complete() {
            numbers.push(trial.number);
            feasible.push((!trial.constraints.is_empty()).then(|| trial.is_feasible()));
            for (column, value) in values.iter_mut().zip(trial.values.iter().flatten()) {
                column.push(*value);
            }
        }
        (numbers, values, feasible)
    })
}

/// A parameter over some trials.
struct Column {
    /// Of the first trial that has it.
    domain: Domain,
    /// The positions of the trials that have it.
    rows: Vec<usize>,
    values: Vec<Value>,
}

/// The parameters of some trials as columns: {name: (distribution of the first trial that has it, positions
/// of the trials that have it, its values there)}.
#[pyfunction]
pub(crate) fn parameters<'py>(
    py: Python<'py>,
    study: &Bound<'py, Study>,
    numbers: Vec<u64>,
) -> PyResult<Bound<'py, PyDict>> {
    let columns = study.get().shared.quickly(py, |study| collect(study, &numbers)).map_err(error::study)?;
    let dict = PyDict::new(py);
    for (name, column) in columns {
        let values: Vec<_> =
            column.values.iter().map(|value| convert::scalar(py, value)).collect::<PyResult<_>>()?;
        dict.set_item(name, (convert::distribution(py, &column.domain)?, column.rows, values))?;
    }
    Ok(dict)
}

fn collect(study: &lightcrest::Study, numbers: &[u64]) -> Result<BTreeMap<String, Column>, StudyError> {
    let mut columns = BTreeMap::<String, Column>::new();
    for (row, &number) in numbers.iter().enumerate() {
        let trial = study.history().get(number).ok_or(StudyError::UnknownTrial { number })?;
        for (name, value) in trial.configuration.iter() {
            if let Some(column) = columns.get_mut(name) {
                column.rows.push(row);
                column.values.push(value.clone());
                continue;
            }
            if let Some((_, domain)) = study.domains(number)?.iter().find(|(known, _)| &***known == name) {
                let domain = Domain::clone(domain);
                let column = Column { domain, rows: vec![row], values: vec![value.clone()] };
                columns.insert(name.to_owned(), column);
            }
        }
    }
    Ok(columns)
}

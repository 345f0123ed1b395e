//! Tables that learn: `lightcrest.sklearn`. A table comes as columns, models go back as bytes.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use lightcrest_table::Task;
use lightcrest_table::column::DecideConfig;
use lightcrest_table::fit::{Fit, FitConfig, fit};
use lightcrest_table::metric::Metric;
use lightcrest_table::pipeline::Pipeline;
use lightcrest_table::read::{Cells, ReadConfig, Source, Text};
use lightcrest_table::search::Limits;
use lightcrest_table::table::LearnConfig;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use serde::Deserialize;
use serde_json::json;

/// How often a fit that runs looks for Ctrl-C.
const LOOK: Duration = Duration::from_millis(50);

/// What Python asks of a fit, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    target: String,
    task: Task,
    metric: Option<String>,
    folds: usize,
    seed: u64,
    trials: Option<usize>,
    /// Seconds.
    time: Option<f64>,
    max_bytes: Option<u64>,
    max_latency_us: Option<f64>,
    threads: Option<NonZero<usize>>,
    group: Option<String>,
    numbers: BTreeSet<String>,
    categories: BTreeSet<String>,
}

impl Asked {
    fn config(self) -> PyResult<FitConfig> {
        let metric = match &self.metric {
            None => None,
            Some(name) => Some(Metric::named(name).ok_or_else(|| {
                let known: Vec<&str> = Metric::ALL.into_iter().map(Metric::name).collect();
                PyValueError::new_err(format!("there is no metric {name:?}; one of {}", known.join(", ")))
            })?),
        };
        let time = self.time.map(Duration::try_from_secs_f64).transpose();
        let time = time.map_err(|error| PyValueError::new_err(format!("time: {error}")))?;
        let decide =
            DecideConfig { numbers: self.numbers, categories: self.categories, ..DecideConfig::default() };
        let (target, group) = (self.target, self.group);
        let learn = LearnConfig {
            target,
            task: Some(self.task),
            group,
            read: format(),
            decide,
            ..LearnConfig::default()
        };
        Ok(FitConfig {
            learn,
            metric,
            folds: self.folds,
            seed: self.seed,
            trials: self.trials,
            time,
            limits: Limits { bytes: self.max_bytes, latency_us: self.max_latency_us },
            threads: self.threads,
            stop: Arc::default(),
        })
    }
}

/// A column: its name, and its values.
type Column = (String, Values);

/// The values of a column: numbers as f64 in native order, NaN where one is missing, or words.
#[derive(FromPyObject)]
pub(crate) enum Values {
    Numbers(PyBackedBytes),
    Words(Vec<Option<String>>),
}

/// How columns in memory are written.
fn format() -> ReadConfig {
    ReadConfig { separator: Some(b','), encoding: Some("utf-8".to_owned()), ..ReadConfig::default() }
}

fn source(columns: Vec<Column>) -> PyResult<Source> {
    let cells = |(name, values): Column| {
        let number = |bytes: &[u8]| f64::from_ne_bytes(bytes.try_into().expect("chunks have this size"));
        let cells = match values {
            Values::Numbers(bytes) => {
                Cells::Numbers(bytes.chunks_exact(size_of::<f64>()).map(number).collect())
            }
            Values::Words(words) => Cells::Words(words),
        };
        (name, cells)
    };
    let columns: Vec<_> = columns.into_iter().map(cells).collect();
    Source::from_columns(&columns).map_err(refused)
}

fn refused(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(in_python(error.to_string()))
}

/// What remedies that name options of the program say here.
const REMEDIES: [(&str, &str); 14] = [
    ("--metric ", "`metric` "),
    ("--group names another column", "give `groups` that are several"),
    ("say --group ", "give `groups` of "),
    ("say --task classification", "use LightcrestClassifier"),
    ("say --task regression", "use LightcrestRegressor"),
    ("as --task says", "as the estimator says"),
    ("--ignore ", "leave out "),
    ("name it with --missing", "make it NaN"),
    ("--missing ", "None in place of "),
    ("say --decimal comma", "give numbers in place of text"),
    ("--date-order month-first is the other", "give dates in place of text if it is the other"),
    ("say --time ", "judge the model on the latest rows by "),
    ("name that column with --time", "judge the model on the latest ones"),
    ("take missing values for it with --allow-missing-columns", "give it without values"),
];

fn in_python(text: String) -> String {
    if !text.contains("--") {
        return text;
    }
    REMEDIES.iter().fold(text, |text, (option, here)| text.replace(option, here))
}

/// Fits; returns what was found as JSON, and the files of the front's models in the same order.
#[pyfunction]
pub(crate) fn table_fit<'py>(
    py: Python<'py>,
    columns: Vec<Column>,
    asked: &str,
) -> PyResult<(String, Vec<Bound<'py, PyBytes>>)> {
    let asked: Asked = serde_json::from_str(asked).map_err(refused)?;
    let config = asked.config()?;
    let source = py.detach(|| source(columns))?;
    let stop = Arc::clone(&config.stop);
    let worker = thread::spawn(move || fit(source, &config));
    // Python runs the handlers of signals in this thread.
    while !worker.is_finished() {
        py.detach(|| thread::sleep(LOOK));
        if let Err(raised) = py.check_signals() {
            stop.store(true, Ordering::SeqCst);
            // Whatever it found goes with it.
            py.detach(|| worker.join().ok());
            return Err(raised);
        }
    }
    let found = worker.join().map_err(|_| PyRuntimeError::new_err("the fit broke down"))?;
    let found = found.map_err(refused)?;
    let models = found.models.iter().map(|model| PyBytes::new(py, &model.made.bytes)).collect();
    Ok((in_python(told(&found).to_string()), models))
}

fn told(found: &Fit) -> serde_json::Value {
    let models: Vec<serde_json::Value> = found
        .models
        .iter()
        .map(|model| {
            json!({ "trial": model.trial, "configuration": model.configuration, "metrics": model.metrics })
        })
        .collect();
    let columns: Vec<serde_json::Value> = found
        .columns
        .iter()
        .map(|(name, kind, decided)| json!({ "name": name, "kind": kind, "decided": decided }))
        .collect();
    json!({
        "metric": found.metric.name(),
        "trials": found.trials,
        "columns": columns,
        "warnings": found.warnings,
        "models": models,
    })
}

/// A whole model of a table: from fields to predictions.
#[pyclass(frozen, module = "lightcrest._engine")]
pub(crate) struct TableModel {
    pipeline: Pipeline,
    bytes: Vec<u8>,
}

#[pymethods]
impl TableModel {
    /// Reads a model file.
    #[new]
    fn new(bytes: PyBackedBytes) -> PyResult<Self> {
        Ok(Self { pipeline: Pipeline::from_bytes(&bytes).map_err(refused)?, bytes: bytes.to_vec() })
    }

    fn __getnewargs__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>,) {
        (self.to_bytes(py),)
    }

    /// The model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes)
    }

    /// The whole pipeline as an ONNX file.
    fn to_onnx<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let made = py.detach(|| lightcrest_table::export::onnx(&self.pipeline));
        Ok(PyBytes::new(py, &made.map_err(refused)?))
    }

    /// The names of the columns that it reads.
    fn columns(&self) -> Vec<String> {
        let columns = self.pipeline.schema.columns.iter().enumerate();
        columns.filter(|(i, _)| self.pipeline.needs(*i)).map(|(_, column)| column.name.clone()).collect()
    }

    /// Predictions of all rows, row-major as f64 in native order: the probabilities of the classes, or one
    /// number a row.
    fn predict<'py>(&self, py: Python<'py>, columns: Vec<Column>) -> PyResult<Bound<'py, PyBytes>> {
        let predictions = py.detach(|| -> PyResult<Vec<u8>> {
            let text = Text::open(source(columns)?, &format()).map_err(refused)?;
            let needed = |column: usize| self.pipeline.needs(column);
            let read = self.pipeline.schema.read(&text, &needed, false).map_err(refused)?;
            Ok(self.pipeline.predict(&read.table).into_iter().flat_map(f64::to_ne_bytes).collect())
        })?;
        Ok(PyBytes::new(py, &predictions))
    }

    /// The place of each row's class among the classes, of probabilities as `predict` gives them.
    fn labels(&self, probabilities: Vec<f64>) -> Vec<usize> {
        let threshold = self.pipeline.after.threshold;
        let rows = probabilities.chunks_exact(self.pipeline.outputs());
        rows.map(|row| lightcrest_table::metric::label(row, threshold)).collect()
    }
}

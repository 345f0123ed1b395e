//! Predictions of a table as a table, and how good they are.

use std::io::{self, Write};

use crate::Task;
use crate::error::TableError;
use crate::metric::Metric;
use crate::pipeline::Pipeline;
use crate::table::{ReadTable, Values};

/// Writes predictions as CSV: the columns that name rows, what is predicted, and of classes each probability.
/// Rows are in the order of the table; labels are as they were written. `predictions` are those of all rows.
///
/// # Errors
/// Those of `out`.
pub fn write_predictions(
    out: &mut dyn Write,
    pipeline: &Pipeline,
    read: &ReadTable,
    predictions: &[f64],
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let names = read.names.iter().map(|(name, _)| name.clone());
    let classes = pipeline.schema.classes();
    let probabilities = classes.iter().map(|class| format!("probability_{class}"));
    let header: Vec<String> = names.chain(["prediction".to_owned()]).chain(probabilities).collect();
    writer.write_record(&header)?;
    let outputs = pipeline.outputs();
    let mut record: Vec<String> = Vec::with_capacity(header.len());
    for (row, prediction) in predictions.chunks_exact(outputs).enumerate() {
        record.clear();
        record.extend(read.names.iter().map(|(_, fields)| fields[row].clone()));
        match pipeline.schema.task {
            Task::Classification => {
                record.push(pipeline.label(prediction).to_owned());
                record.extend(prediction.iter().map(f64::to_string));
            }
            Task::Regression => record.push(prediction[0].to_string()),
        }
        writer.write_record(&record)?;
    }
    writer.flush()
}

/// How good predictions are on a table that has the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Metrics where they are defined.
    pub values: Vec<(Metric, f64)>,
    /// Rows that were judged.
    pub rows: usize,
    /// Rows without a target, or of a class that the model does not know.
    pub left_out: usize,
}

/// Judges predictions of all rows of a table by those that have a target.
///
/// # Errors
/// If the table has no target.
pub fn score(pipeline: &Pipeline, read: &ReadTable, predictions: &[f64]) -> Result<Scores, TableError> {
    let target = pipeline.schema.target();
    if !read.has_target {
        let name = &pipeline.schema.columns[target].name;
        return Err(TableError::Unfit(format!(
            "--score needs the target `{name}`, and the table has no such column"
        )));
    }
    let of = |row: usize| match &read.table.values[target] {
        Values::Category(coded) => {
            Some(f64::from(coded.codes[row])).filter(|code| *code < pipeline.outputs() as f64)
        }
        Values::Number { numbers, .. } => Some(numbers[row]).filter(|value| value.is_finite()),
        _ => None,
    };
    let judged = predictions.chunks_exact(pipeline.outputs()).enumerate();
    let judged: Vec<(&[f64], f64)> =
        judged.filter_map(|(row, prediction)| Some((prediction, of(row)?))).collect();
    let targets: Vec<f64> = judged.iter().map(|(_, target)| *target).collect();
    let predictions: Vec<f64> =
        judged.iter().flat_map(|(prediction, _)| prediction.iter().copied()).collect();
    Ok(Scores {
        values: scores(pipeline, &predictions, &targets),
        rows: targets.len(),
        left_out: read.table.rows - targets.len(),
    })
}

/// All metrics of the task that are defined.
pub fn scores(pipeline: &Pipeline, predictions: &[f64], targets: &[f64]) -> Vec<(Metric, f64)> {
    let fitting = Metric::ALL.into_iter().filter(|metric| metric.task() == pipeline.schema.task);
    let value =
        |metric: Metric| metric.score(predictions, pipeline.outputs(), targets, pipeline.after.threshold);
    fitting.filter_map(|metric| Some((metric, value(metric)?))).collect()
}

//! What a model does on rows that it did not learn from, for people to look at: whether its probabilities are
//! kept, which classes it confuses, how far its numbers are off, and which columns it lives on.
//!
//! The importance of a column is what the metric loses when the values of the column are dealt out to other
//! rows (permutation importance: Breiman 2001; Fisher et al. 2019), the mean of three deals. Columns that say
//! the same share it.

use crate::Task;
use crate::metric::{Metric, label};
use crate::pipeline::Pipeline;
use crate::split::mix;
use crate::table::Table;

/// How often the values of a column are dealt out.
const DEALS: u64 = 3;

/// Numbers that are predicted for the importance of all columns together, about.
const WORK: usize = 60_000;

/// Rows that tell something about a column, where time is short.
const FEWEST: usize = 30;

/// Rows whose predictions are listed.
const LISTED: usize = 400;

/// Bins of predicted probabilities.
const BINS: usize = 10;

/// Classes that are told apart; the others are one.
const CLASSES: usize = 12;

/// What a model does on rows that it did not learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// How many rows there are.
    pub rows: usize,
    /// Of classes, whether probabilities are kept: of two classes that of the second one, of several that of
    /// the one that is predicted.
    pub reliability: Vec<Reliability>,
    /// Of classes, which are taken for which.
    pub confusion: Option<Confusion>,
    /// Of numbers, (prediction, truth) of some rows.
    pub predicted: Vec<(f64, f64)>,
    /// What the metric loses without the values of a column, the largest first.
    pub importance: Vec<Importance>,
}

/// Rows whose probabilities are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reliability {
    /// Mean of the probabilities.
    pub predicted: f64,
    /// Share of the rows in which it came true.
    pub observed: f64,
    /// How many rows.
    pub rows: usize,
}

/// Which classes are taken for which.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// The classes that are told apart; the last one may be all others.
    pub classes: Vec<String>,
    /// Rows by true class, then by predicted class.
    pub counts: Vec<Vec<usize>>,
}

/// What a column is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// Its name.
    pub column: String,
    /// What the metric loses.
    pub loss: f64,
    /// Standard deviation over the deals.
    pub deviation: f64,
}

/// Looks at a model. `predictions` and `targets` are those of `rows`; about `most` rows at most are predicted
/// again, and nothing is said of columns where those are too few.
pub fn diagnose(
    model: &Pipeline,
    metric: Metric,
    table: &Table,
    rows: &[u32],
    predictions: &[f64],
    targets: &[f64],
    most: usize,
) -> Diagnosis {
    let outputs = model.outputs();
    let importance = importance(model, metric, table, rows, targets, most);
    let (mut reliability, mut confusion, mut predicted) = (Vec::new(), None, Vec::new());
    match model.schema.task {
        Task::Classification => {
            reliability = bins(predictions, outputs, targets);
            confusion = Some(confused(model, predictions, targets));
        }
        Task::Regression => {
            let step = rows.len().div_ceil(LISTED).max(1);
            predicted = predictions.iter().copied().zip(targets.iter().copied()).step_by(step).collect();
        }
    }
    Diagnosis { rows: rows.len(), reliability, confusion, predicted, importance }
}

/// Rows in bins of nearly the same number, by their probability.
fn bins(predictions: &[f64], outputs: usize, targets: &[f64]) -> Vec<Reliability> {
    let one = |(row, y): (&[f64], &f64)| {
        let class = if outputs == 2 { 1 } else { label(row, 0.5) };
        (row[class], *y as usize == class)
    };
    let mut found: Vec<(f64, bool)> = predictions.chunks_exact(outputs).zip(targets).map(one).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bin = |rows: &[(f64, bool)]| {
        let share = |sum: f64| sum / rows.len() as f64;
        Reliability {
            predicted: share(rows.iter().map(|(p, _)| p).sum()),
            observed: share(rows.iter().filter(|(_, came_true)| *came_true).count() as f64),
            rows: rows.len(),
        }
    };
    found.chunks(found.len().div_ceil(BINS).max(1)).map(bin).collect()
}

fn confused(model: &Pipeline, predictions: &[f64], targets: &[f64]) -> Confusion {
    let (names, outputs) = (model.schema.classes(), model.outputs());
    let mut sizes: Vec<(usize, usize)> = (0..outputs).map(|class| (0, class)).collect();
    targets.iter().for_each(|y| sizes[*y as usize].0 += 1);
    sizes.sort_by_key(|(rows, class)| (std::cmp::Reverse(*rows), *class));
    let told_apart = if outputs > CLASSES { CLASSES - 1 } else { outputs };
    let mut shown: Vec<usize> = sizes[..told_apart].iter().map(|(_, class)| *class).collect();
    shown.sort_unstable();
    let mut classes: Vec<String> = shown.iter().map(|class| names[*class].clone()).collect();
    if told_apart < outputs {
        classes.push(format!("{} others", outputs - told_apart));
    }
    let place = |class: usize| shown.binary_search(&class).unwrap_or(told_apart);
    let mut counts = vec![vec![0; classes.len()]; classes.len()];
    for (row, y) in predictions.chunks_exact(outputs).zip(targets) {
        counts[place(*y as usize)][place(label(row, model.after.threshold))] += 1;
    }
    Confusion { classes, counts }
}

fn importance(
    model: &Pipeline,
    metric: Metric,
    table: &Table,
    rows: &[u32],
    targets: &[f64],
    most: usize,
) -> Vec<Importance> {
    let needed: Vec<usize> = (0..model.schema.columns.len()).filter(|column| model.needs(*column)).collect();
    // Every how-manieth row is judged so that the work is bounded.
    let all = needed.len().max(1) * DEALS as usize;
    let bounded = (WORK / (all * model.outputs())).max(100).min(rows.len());
    let most = most / (all + 1);
    if most < bounded.min(FEWEST) {
        return Vec::new();
    }
    let step = rows.len().div_ceil(bounded.min(most)).max(1);
    let rows: Vec<u32> = rows.iter().copied().step_by(step).collect();
    let targets: Vec<f64> = targets.iter().copied().step_by(step).collect();
    let mut some = Table { values: table.values.iter().map(|it| it.take(&rows)).collect(), rows: rows.len() };
    let score = |table: &Table| {
        let value = metric.score(&model.predict(table), model.outputs(), &targets, model.after.threshold)?;
        Some(if metric.is_maximized() { -value } else { value })
    };
    let Some(before) = score(&some) else { return Vec::new() };
    let mut found = Vec::with_capacity(needed.len());
    for column in needed {
        let deal = |deal: u64| {
            let mut dealt = rows.clone();
            dealt.sort_by_key(|row| mix(mix(deal) ^ u64::from(*row)));
            some.values[column] = table.values[column].take(&dealt);
            Some(score(&some)? - before)
        };
        let losses: Vec<f64> = (0..DEALS).filter_map(deal).collect();
        some.values[column] = table.values[column].take(&rows);
        let count = losses.len() as f64;
        let loss = losses.iter().sum::<f64>() / count;
        let deviation = (losses.iter().map(|it| (it - loss).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        if loss.is_finite() && deviation.is_finite() {
            let column = model.schema.columns[column].name.clone();
            found.push(Importance { column, loss, deviation });
        }
    }
    found.sort_by(|a, b| b.loss.total_cmp(&a.loss));
    found
}

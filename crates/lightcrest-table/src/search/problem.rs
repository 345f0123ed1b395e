//! A table with its target, its parts and its metric.

use crate::column::Role;
use crate::error::TableError;
use crate::metric::Metric;
use crate::split::{SplitInput, Splits, split};
use crate::table::{Learnt, Schema, Table, Values};
use crate::{LEAST_ROWS, Task, metric};

/// What a user may say about how models are judged.
#[derive(Debug, Clone, Copy)]
pub struct ProblemConfig {
    /// What is measured; by the task if it is not said.
    pub metric: Option<Metric>,
    /// Folds.
    pub folds: usize,
    /// One seed, one split.
    pub seed: u64,
}

/// A table with everything that a search needs to know of it.
#[derive(Debug)]
pub struct Problem {
    /// The table and what was decided about it.
    pub learnt: Learnt,
    /// One a row: class or number.
    pub targets: Vec<f64>,
    /// How many classes; 1 for a regression.
    pub classes: usize,
    /// Rows by their use.
    pub splits: Splits,
    /// Whether each row was there before, the target included; empty where few were.
    pub is_copy: Vec<bool>,
    /// What is measured.
    pub metric: Metric,
    /// The seed.
    pub seed: u64,
}

impl Problem {
    /// Splits a table that was learnt from.
    ///
    /// # Errors
    /// If the metric is not one of the task, or there are too few rows.
    pub fn new(learnt: Learnt, config: &ProblemConfig) -> Result<Self, TableError> {
        let task = learnt.schema.task;
        let metric = config.metric.unwrap_or_else(|| Metric::default_of(task));
        if metric.task() != task {
            let fitting: Vec<&str> =
                Metric::ALL.into_iter().filter(|it| it.task() == task).map(Metric::name).collect();
            let task = if task == Task::Classification { "classification" } else { "regression" };
            return Err(TableError::Unfit(format!(
                "--metric {} does not judge a {task}; one of {} does",
                metric.name(),
                fitting.join(", ")
            )));
        }
        if learnt.table.rows < LEAST_ROWS {
            return Err(TableError::TooFewRows { found: learnt.table.rows, least: LEAST_ROWS });
        }
        let targets: Vec<f64> = match &learnt.table.values[learnt.schema.target()] {
            Values::Category(coded) => coded.codes.iter().map(|code| f64::from(*code)).collect(),
            Values::Number { numbers, .. } => numbers.clone(),
            _ => Vec::new(),
        };
        let classes = if task == Task::Classification { learnt.schema.classes().len() } else { 1 };
        let of = |role: Role| learnt.schema.columns.iter().position(|column| column.role == role);
        let groups = of(Role::Group).map(|i| &learnt.table.values[i]);
        let groups = groups.and_then(|values| match values {
            Values::Category(coded) => Some(coded.codes.as_slice()),
            _ => None,
        });
        let times = of(Role::Time).map(|i| &learnt.table.values[i]);
        let times = times.and_then(|values| match values {
            Values::Number { numbers, .. } => Some(numbers.as_slice()),
            _ => None,
        });
        let splits = split(&SplitInput {
            task,
            targets: &targets,
            groups,
            times,
            marks: &learnt.marks,
            folds: config.folds,
            seed: config.seed,
        });
        if splits.folds.is_empty() {
            return Err(TableError::Unfit(
                "the rows cannot be split: all belong to one group; --group names another column".into(),
            ));
        }
        let is_copy = learnt.copies();
        let mut problem = Self { learnt, targets, classes, splits, is_copy, metric, seed: config.seed };
        problem.learnt.marks = Vec::new();
        problem.look_for_leaks();
        Ok(problem)
    }

    /// Leaves about this share of the rows, between 0 and 1, in every part.
    pub fn thin(&mut self, share: f64) {
        self.splits.thin(share, self.seed);
    }

    /// The columns.
    pub fn schema(&self) -> &Schema {
        &self.learnt.schema
    }

    /// The values.
    pub fn table(&self) -> &Table {
        &self.learnt.table
    }

    /// What is predicted.
    pub fn task(&self) -> Task {
        self.learnt.schema.task
    }

    /// Whether there is anything to learn from.
    pub fn has_features(&self) -> bool {
        self.schema().columns.iter().any(crate::column::Column::is_feature)
    }

    /// Warns of columns that tell the target alone.
    fn look_for_leaks(&mut self) {
        const NEARLY: f64 = 0.995;
        for i in 0..self.schema().columns.len() {
            if !self.schema().columns[i].is_feature() {
                continue;
            }
            let Some((what, value)) = self.alone(i).filter(|(_, value)| *value > NEARLY) else { continue };
            let column = &mut self.learnt.schema.columns[i];
            column.warnings.push(format!(
                "it alone tells the target ({what} {value:.4}): is it known when a prediction is needed? If not, \
                 --ignore {}",
                column.name
            ));
        }
    }

    /// How well a column tells the target alone, on rows whose target it was not shown.
    fn alone(&self, column: usize) -> Option<(&'static str, f64)> {
        let rows = &self.splits.learn;
        let value = self.told(column, rows)?;
        let targets: Vec<f64> = rows.iter().map(|row| self.targets[*row as usize]).collect();
        match self.task() {
            Task::Regression => {
                let r2 = match &self.table().values[column] {
                    Values::Number { .. } => correlation(&value, &targets)?.powi(2),
                    _ => Metric::R2.score(&value, 1, &targets, 0.5)?,
                };
                Some(("R2", r2))
            }
            Task::Classification => {
                // The best of one class against the others.
                let ranks = metric::ranks(&value);
                let one = |class: usize| {
                    let auc = metric::auc_of_ranks(&ranks, |row| targets[row] as usize == class)?;
                    Some(auc.max(1.0 - auc))
                };
                let categories = matches!(self.table().values[column], Values::Category(_));
                let classes = if self.classes == 2 || categories { 1..2 } else { 0..self.classes.min(50) };
                let found = classes.filter_map(one);
                found
                    .fold(None, |best: Option<f64>, auc| Some(best.map_or(auc, |best| best.max(auc))))
                    .map(|it| ("AUC", it))
            }
        }
    }

    /// A number a row that a column gives: itself, or the mean of the target over other rows of its level.
    fn told(&self, column: usize, rows: &[u32]) -> Option<Vec<f64>> {
        match &self.table().values[column] {
            Values::Number { numbers, .. } => {
                let value =
                    |row: &u32| Some(numbers[*row as usize]).filter(|it| it.is_finite()).unwrap_or(-1e300);
                let missing = rows.iter().filter(|row| !numbers[**row as usize].is_finite()).count();
                (missing * 10 < rows.len()).then(|| rows.iter().map(value).collect())
            }
            Values::Category(coded) if self.classes <= 2 => {
                let levels = coded.levels().len();
                let mut sums = vec![(0.0, 0.0); levels + 1];
                let level = |row: u32| (coded.codes[row as usize] as usize).min(levels);
                for row in rows {
                    let sum = &mut sums[level(*row)];
                    *sum = (sum.0 + self.targets[*row as usize], sum.1 + 1.0);
                }
                let mean = self.targets.iter().sum::<f64>() / self.targets.len() as f64;
                let others = |row: &u32| {
                    let (sum, count) = sums[level(*row)];
                    (sum - self.targets[*row as usize] + mean) / count
                };
                Some(rows.iter().map(others).collect())
            }
            _ => None,
        }
    }
}

fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let n = a.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - ma) * (y - mb);
        aa += (x - ma).powi(2);
        bb += (y - mb).powi(2);
    }
    let r = ab / (aa * bb).sqrt();
    r.is_finite().then_some(r)
}

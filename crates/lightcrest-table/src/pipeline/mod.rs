//! A whole model: from the fields of a table to predictions.

mod file;

use serde::{Deserialize, Serialize};

use crate::Task;
use crate::algorithm::Fitted;
use crate::column::Role;
use crate::feature::Preparer;
use crate::metric::label;
use crate::table::{Schema, Table};

/// From a table to predictions: the weighted mean of one or more members.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The columns and how their fields are read.
    pub schema: Schema,
    /// What predicts; one, or an ensemble.
    pub members: Vec<Member>,
    /// What is done to the mean of their predictions.
    pub after: After,
}

/// One model of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its share of the mean.
    pub weight: f64,
    /// From columns to features.
    pub preparer: Preparer,
    /// From features to predictions.
    pub fitted: Fitted,
    /// What is done to them.
    pub after: After,
}

/// What is done to predictions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct After {
    /// Probabilities to the power of 1 / temperature, and to the sum of 1 again; 1 changes nothing.
    pub temperature: f64,
    /// The probability from which on a row is of the second of two classes.
    pub threshold: f64,
    /// Whether a logarithm was learnt.
    pub log: bool,
    /// What numbers are multiplied by after the logarithm is taken back.
    pub factor: f64,
}

impl Default for After {
    fn default() -> Self {
        Self { temperature: 1.0, threshold: 0.5, log: false, factor: 1.0 }
    }
}

impl After {
    /// Applies it to the predictions of a row, in place.
    pub fn apply(&self, task: Task, row: &mut [f64]) {
        match task {
            Task::Regression if self.log => row[0] = row[0].exp() * self.factor,
            Task::Regression => {}
            Task::Classification if self.temperature != 1.0 => {
                let power = 1.0 / self.temperature;
                row.iter_mut().for_each(|p| *p = p.max(1e-300).powf(power));
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|p| *p /= sum);
            }
            Task::Classification => {}
        }
    }
}

impl Member {
    fn predict_row(
        &self,
        task: Task,
        table: &Table,
        row: usize,
        outputs: usize,
        cells: &mut Vec<f32>,
    ) -> Vec<f64> {
        self.preparer.row(table, row, cells);
        let mut prediction = self.fitted.predict(cells, outputs);
        self.after.apply(task, &mut prediction);
        prediction
    }
}

impl Pipeline {
    /// The weighted mean of members, to which nothing is done.
    pub(crate) fn of(schema: Schema, members: Vec<Member>) -> Self {
        Self { schema, members, after: After::default() }
    }

    /// The pipeline of one model.
    pub fn single(schema: Schema, preparer: Preparer, fitted: Fitted, after: After) -> Self {
        let threshold = After { threshold: after.threshold, ..After::default() };
        Self { schema, members: vec![Member { weight: 1.0, preparer, fitted, after }], after: threshold }
    }

    /// The pipeline of one model with something else done to its predictions.
    pub(crate) fn with_after(mut self, after: After) -> Self {
        self.members.iter_mut().for_each(|member| member.after = after);
        Self { after: After { threshold: after.threshold, ..After::default() }, ..self }
    }

    /// Numbers a row: probabilities of the classes, or one number.
    pub fn outputs(&self) -> usize {
        match self.schema.task {
            Task::Classification => self.schema.classes().len(),
            Task::Regression => 1,
        }
    }

    /// Predictions of all rows, [`outputs`](Self::outputs) numbers a row. A row's do not depend on the
    /// others.
    pub fn predict(&self, table: &Table) -> Vec<f64> {
        let rows: Vec<u32> = (0..table.rows as u32).collect();
        self.predict_rows(table, &rows)
    }

    /// The same of some rows.
    pub fn predict_rows(&self, table: &Table, rows: &[u32]) -> Vec<f64> {
        let mut predictions = Vec::with_capacity(rows.len() * self.outputs());
        let mut cells = Vec::new();
        for row in rows {
            predictions.extend(self.predict_row(table, *row as usize, &mut cells));
        }
        predictions
    }

    fn predict_row(&self, table: &Table, row: usize, cells: &mut Vec<f32>) -> Vec<f64> {
        let (task, outputs) = (self.schema.task, self.outputs());
        let mut predict = |member: &Member| member.predict_row(task, table, row, outputs, cells);
        let mut mean = match &self.members[..] {
            [one] => predict(one),
            several => {
                let mut mean = vec![0.0; outputs];
                for member in several {
                    let prediction = predict(member);
                    mean.iter_mut().zip(prediction).for_each(|(sum, value)| *sum += member.weight * value);
                }
                mean
            }
        };
        self.after.apply(task, &mut mean);
        mean
    }

    /// The class of a row of probabilities, as the table writes it.
    pub fn label(&self, row: &[f64]) -> &str {
        &self.schema.classes()[label(row, self.after.threshold)]
    }

    /// Whether the model reads a column of its schema.
    pub fn needs(&self, column: usize) -> bool {
        self.members.iter().any(|member| member.preparer.reads(column))
    }

    /// How many columns of a table it reads.
    pub fn columns_needed(&self) -> usize {
        (0..self.schema.columns.len()).filter(|column| self.needs(*column)).count()
    }

    /// Without everything that the model does not ask for: smaller, and the same predictions.
    #[must_use]
    pub fn slim(mut self) -> Self {
        for member in &mut self.members {
            let used = member.fitted.used(member.preparer.width());
            member.preparer = member.preparer.only(&used);
        }
        for i in 0..self.schema.columns.len() {
            if self.schema.columns[i].role != Role::Target && !self.needs(i) {
                self.schema.levels[i] = Vec::new();
            }
        }
        for column in &mut self.schema.columns {
            (column.notes, column.warnings) = (Vec::new(), Vec::new());
            column.decided = String::new();
        }
        self
    }
}

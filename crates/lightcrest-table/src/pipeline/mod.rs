//! A whole model: from the fields of a table to predictions.

mod file;

use lightcrest_tree::Model;
use serde::{Deserialize, Serialize};

use crate::Task;
use crate::algorithm::Fitted;
use crate::column::Role;
use crate::feature::Preparer;
use crate::metric::label;
use crate::table::{Schema, Table};

/// From a table to predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The columns and how their fields are read.
    pub schema: Schema,
    /// From columns to features.
    pub preparer: Preparer,
    /// From features to predictions.
    pub fitted: Fitted,
    /// What is done to predictions.
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

impl Pipeline {
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
        self.preparer.row(table, row, cells);
        let mut prediction = self.fitted.predict(cells, self.outputs());
        self.after.apply(self.schema.task, &mut prediction);
        prediction
    }

    /// The class of a row of probabilities, as the table writes it.
    pub fn label(&self, row: &[f64]) -> &str {
        &self.schema.classes()[label(row, self.after.threshold)]
    }

    /// Whether the model reads a column of its schema.
    pub fn needs(&self, column: usize) -> bool {
        self.preparer.reads(column)
    }

    /// How many columns of a table it reads.
    pub fn columns_needed(&self) -> usize {
        (0..self.schema.columns.len()).filter(|column| self.needs(*column)).count()
    }

    /// Without everything that the model does not ask for: smaller, and the same predictions.
    #[must_use]
    pub fn slim(mut self) -> Self {
        let features = self.preparer.steps.iter().map(|(_, step)| step.width()).sum();
        self.preparer = self.preparer.only(&self.fitted.used(features));
        for i in 0..self.schema.columns.len() {
            let column = &self.schema.columns[i];
            if column.role == Role::Target || self.preparer.reads(i) {
                continue;
            }
            self.schema.levels[i] = Vec::new();
        }
        for column in &mut self.schema.columns {
            (column.notes, column.warnings) = (Vec::new(), Vec::new());
            column.decided = String::new();
        }
        self
    }

    /// The trees, where it has some.
    pub fn trees(&self) -> Option<&Model> {
        match &self.fitted {
            Fitted::Trees(model) => Some(model),
            Fitted::Constant(_) => None,
        }
    }
}

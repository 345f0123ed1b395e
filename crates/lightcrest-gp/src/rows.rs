//! Inputs: points of the unit cube with one activity flag a cell.

use crate::error::{GpError, finite, length};

/// n points with d columns each, row after row. An inactive cell keeps whatever finite value it was given; no
/// kernel reads it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    columns: usize,
    values: Vec<f64>,  // (n, d)
    active: Vec<bool>, // (n, d)
}

impl Rows {
    /// No points yet.
    pub fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new(), active: Vec::new() }
    }

    /// Points whose columns are all active.
    ///
    /// # Errors
    /// The length of `values` must be a multiple of `columns`; values must be finite.
    pub fn dense(columns: usize, values: Vec<f64>) -> Result<Self, GpError> {
        let active = vec![true; values.len()];
        Self::from_parts(columns, values, active)
    }

    /// Points with their activity.
    ///
    /// # Errors
    /// Both arrays must have the same length, a multiple of `columns`; values must be finite.
    pub fn from_parts(columns: usize, values: Vec<f64>, active: Vec<bool>) -> Result<Self, GpError> {
        length("active", values.len(), active.len())?;
        let whole = values.len().checked_div(columns).unwrap_or(0) * columns;
        length("values", whole, values.len())?;
        finite("values", &values)?;
        Ok(Self { columns, values, active })
    }

    /// Adds one point.
    ///
    /// # Errors
    /// As [`Rows::from_parts`].
    pub fn push(&mut self, values: &[f64], active: &[bool]) -> Result<(), GpError> {
        length("values", self.columns, values.len())?;
        length("active", self.columns, active.len())?;
        finite("values", values)?;
        self.values.extend_from_slice(values);
        self.active.extend_from_slice(active);
        Ok(())
    }

    /// The number of points, n.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of columns, d.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The values of point `i`.
    pub fn values(&self, i: usize) -> &[f64] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    /// The activity of point `i`.
    pub fn active(&self, i: usize) -> &[bool] {
        &self.active[i * self.columns..(i + 1) * self.columns]
    }

    /// The points at `indices`, in that order.
    pub fn select(&self, indices: &[usize]) -> Self {
        let mut rows = Self::new(self.columns);
        for &i in indices {
            rows.values.extend_from_slice(self.values(i));
            rows.active.extend_from_slice(self.active(i));
        }
        rows
    }

    /// The mean number of active columns; what the dimension-scaled priors call the dimension. 1 when there
    /// is no point.
    pub fn mean_active(&self) -> f64 {
        if self.is_empty() {
            return 1.0;
        }
        let active = self.active.iter().filter(|&&a| a).count();
        (active as f64 / self.len() as f64).max(1.0)
    }
}

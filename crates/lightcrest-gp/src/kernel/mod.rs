//! Covariance of two configurations: k(x, x') = Σ_b s_b 1_b(x, x') g(r_b²), r_b² = Σ_{c in b} D_c(x_c, x'_c)
//! / ℓ_c².
//!
//! One length-scale a column (ARD). D_c is (x - x')² for a continuous or ordered column and 1[x ≠ x'] for a
//! categorical one (Hamming, inside the same distance, as in Optuna). What D_c is when a column is inactive
//! is the choice of [`Conditional`]; only values that are active in both rows are ever compared. By default
//! one block holds all columns.

mod distance;
mod family;
mod warp;

use distance::prepared;
pub(crate) use distance::{Feature, Metric};
pub use family::Family;
pub use warp::Warp;

use crate::error::{GpError, length};
use crate::rows::Rows;
use serde::{Deserialize, Serialize};

/// What the values of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A number in [0, 1], also for integers and ordered choices.
    Continuous,
    /// A label: values are equal or not.
    Categorical,
    /// Any number, in which the function is taken to be linear: a guess at it that comes from elsewhere. It
    /// adds x x' / ℓ² to the covariance, so that its slope is N(0, 1/ℓ²), and is no part of any distance.
    Linear,
}

/// How a column that is inactive in one row or in both enters the distance.
///
/// | variant | both active | one active, at v | source |
/// |---|---|---|---|
/// | `Impute` | (v - v')² | (v - 1/2)² | common practice |
/// | `Wedge` | (v - v')² | (v - 1/2)² + h² | Horn et al. 2019, with equal sides |
/// | `Arc` | 2(1 - cos πρ(v - v')) / (πρ)² | 1 / (πρ)² | Swersky et al. 2014 (arXiv 1409.4011) |
/// | `CommonBlock` | (v - v')² | the block does not contribute | BoTorch `HierarchicalConditionalKernel`; add-tree, arXiv 2006.11771 |
///
/// Both inactive: 0. `Wedge`: active values lie on the base of an isosceles triangle, "inactive" is its apex,
/// at height h (in units of the base) above the middle; `Impute` is the flat triangle, h = 0. For categorical
/// columns the wedge puts "inactive" at squared distance 1/2 + h² of every choice, the others make it one
/// more choice. h or ρ is learnt, one for all columns: columns that share a parent switch together, and only
/// the sum of their heights can be seen in the data. `Arc` bends only conditional continuous columns. It is
/// the default: it, `Wedge` and `Impute` could not be told apart, and `CommonBlock` fell behind (head to head
/// in `docs/bayesian-optimization.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conditional {
    /// The middle of the range stands for "inactive".
    Impute,
    /// "Inactive" is the apex of a triangle over the range.
    Wedge,
    /// Active values on an arc, "inactive" at its centre: the default.
    #[default]
    Arc,
    /// A sum over blocks of columns that are active together; a block counts only where both rows have it.
    CommonBlock,
}

/// The structure of the covariance, without its hyperparameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    pub(crate) family: Family,
    pub(crate) columns: Vec<Column>,
    pub(crate) conditional: Conditional,
    pub(crate) blocks: Vec<Vec<usize>>,
    /// Which columns can be inactive.
    pub(crate) optional: Vec<bool>,
    /// Which columns are warped, ascending.
    pub(crate) warped: Vec<usize>,
    /// Which columns are linear, ascending.
    pub(crate) linear: Vec<usize>,
}

/// The numbers that a fit finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Hyperparameters {
    /// ℓ, one a column.
    pub length_scales: Vec<f64>,
    /// s, one a block.
    pub scales: Vec<f64>,
    /// h of the wedge or ρ of the arc; unused by the other embeddings.
    pub embedding: f64,
    /// σ², the variance of the observation noise.
    pub noise: f64,
    /// One for each warped column.
    pub warps: Vec<Warp>,
}

impl Hyperparameters {
    /// θ: all logarithms in a row.
    pub fn to_theta(&self) -> Vec<f64> {
        let mut tail = vec![self.embedding, self.noise];
        tail.extend(self.warps.iter().flat_map(|warp| [warp.a, warp.b]));
        self.length_scales.iter().chain(&self.scales).chain(&tail).map(|v| v.ln()).collect()
    }

    /// The inverse of [`Hyperparameters::to_theta`].
    ///
    /// # Errors
    /// The length must be d + blocks + 2 and 2 more for each warped column, and all values must be positive
    /// and finite.
    pub fn from_theta(columns: usize, blocks: usize, theta: &[f64]) -> Result<Self, GpError> {
        let tail = theta.len().saturating_sub(columns + blocks + 2) / 2 * 2;
        length("theta", columns + blocks + 2 + tail, theta.len())?;
        let value: Vec<f64> = theta.iter().map(|t| t.exp()).collect();
        let found = Self {
            length_scales: value[..columns].to_vec(),
            scales: value[columns..columns + blocks].to_vec(),
            embedding: value[columns + blocks],
            noise: value[columns + blocks + 1],
            warps: value[columns + blocks + 2..].chunks(2).map(|w| Warp { a: w[0], b: w[1] }).collect(),
        };
        found.validate(columns, blocks)?;
        Ok(found)
    }

    pub(crate) fn validate(&self, columns: usize, blocks: usize) -> Result<(), GpError> {
        length("length_scales", columns, self.length_scales.len())?;
        length("scales", blocks, self.scales.len())?;
        let positive = |what, values: &[f64]| match values.iter().find(|v| !(v.is_finite() && **v > 0.0)) {
            Some(&value) => Err(GpError::Hyperparameter { what, value }),
            None => Ok(()),
        };
        positive("length-scale", &self.length_scales)?;
        positive("scale", &self.scales)?;
        positive("embedding", &[self.embedding])?;
        self.warps.iter().try_for_each(|warp| positive("warp", &[warp.a, warp.b]))?;
        if !(self.noise.is_finite() && self.noise >= 0.0) {
            return Err(GpError::Hyperparameter { what: "noise", value: self.noise });
        }
        Ok(())
    }
}

impl Kernel {
    /// One block over all columns, none of them conditional.
    pub fn new(family: Family, columns: Vec<Column>) -> Self {
        let (linear, distant) = (0..columns.len()).partition(|&c| columns[c] == Column::Linear);
        let (blocks, optional) = (vec![distant], vec![false; columns.len()]);
        let (conditional, warped) = (Conditional::default(), Vec::new());
        Self { family, columns, conditional, blocks, optional, warped, linear }
    }

    /// The same with so many [linear](Column::Linear) columns behind the others.
    #[must_use]
    pub fn with_linear(mut self, count: usize) -> Self {
        let d = self.columns.len();
        self.columns.resize(d + count, Column::Linear);
        self.optional.resize(d + count, false);
        self.linear.extend(d..d + count);
        self
    }

    /// Bends every continuous column that is always active by a [`Warp`] of its own, which is learnt.
    pub fn warped(mut self) -> Self {
        let bends = |c: &usize| self.columns[*c] == Column::Continuous && !self.optional[*c];
        self.warped = (0..self.columns.len()).filter(bends).collect();
        self
    }

    /// The warp of a column.
    pub(crate) fn warp(&self, hyperparameters: &Hyperparameters, column: usize) -> Option<Warp> {
        let at = self.warped.binary_search(&column).ok()?;
        hyperparameters.warps.get(at).copied()
    }

    /// The length of θ.
    pub(crate) fn size(&self) -> usize {
        self.columns() + self.blocks() + 2 + 2 * self.warped.len()
    }

    /// Tells which columns are conditional and how they are embedded. `groups` has one entry a column: `None`
    /// where it is always active, otherwise a number that it shares with the columns that are active together
    /// with it.
    ///
    /// # Errors
    /// `groups` must have one entry a column.
    pub fn conditional(
        mut self,
        conditional: Conditional,
        groups: &[Option<usize>],
    ) -> Result<Self, GpError> {
        length("groups", self.columns.len(), groups.len())?;
        self.conditional = conditional;
        self.optional = groups.iter().map(Option::is_some).collect();
        let distant = || (0..groups.len()).filter(|c| !self.linear.contains(c));
        self.blocks = vec![distant().collect()];
        if conditional == Conditional::CommonBlock {
            let mut names: Vec<_> = distant().map(|c| groups[c]).collect();
            names.sort_unstable();
            names.dedup();
            self.blocks = names.iter().map(|g| distant().filter(|&c| groups[c] == *g).collect()).collect();
        }
        Ok(self)
    }

    /// The number of columns, d.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The number of linear columns.
    pub fn linear(&self) -> usize {
        self.linear.len()
    }

    /// The number of blocks, B.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(crate) fn metric(&self, hyperparameters: &Hyperparameters) -> Metric {
        Metric { conditional: self.conditional, eta: hyperparameters.embedding }
    }

    /// 1_b of a row: whether block `b` is there.
    pub(crate) fn has_block(&self, b: usize, active: &[bool]) -> bool {
        self.conditional != Conditional::CommonBlock || self.blocks[b].first().is_none_or(|&c| active[c])
    }

    /// The columns of `rows`, ready for the loops, with arcs and warps as the hyperparameters have them.
    pub(crate) fn features(&self, rows: &Rows, h: &Hyperparameters) -> Result<Vec<Feature>, GpError> {
        length("columns", self.columns.len(), rows.columns())?;
        let n = rows.len();
        for i in 0..n {
            self.check_blocks(rows.active(i), i)?;
        }
        let feature = |(c, &kind): (usize, &Column)| {
            let (x, m): (Vec<f64>, Vec<f64>) =
                (0..n).map(|i| prepared(rows.values(i)[c], rows.active(i)[c], None)).unzip();
            let always = m.iter().all(|&m| m == 1.0);
            let varies = (1..n).any(|i| x[i] != x[0] || m[i] != m[0]);
            let bent = self.conditional == Conditional::Arc && kind == Column::Continuous && self.optional[c];
            let raw = if self.warped.contains(&c) { x.clone() } else { Vec::new() };
            let mut feature = Feature { kind, bent, raw, x, m, arc: Vec::new(), always, varies };
            feature.bend(h.embedding);
            feature.warp(self.warp(h, c));
            feature
        };
        Ok(self.columns.iter().enumerate().map(feature).collect())
    }

    pub(crate) fn check_blocks(&self, active: &[bool], row: usize) -> Result<(), GpError> {
        if self.conditional != Conditional::CommonBlock {
            return Ok(());
        }
        for (block, columns) in self.blocks.iter().enumerate() {
            if let Some(&column) = columns.iter().find(|&&c| active[c] != active[columns[0]]) {
                return Err(GpError::BlockActivity { block, column, row });
            }
        }
        Ok(())
    }

    /// k of one point with all rows behind `features`, and its own variance: Σ_b of s_b 1_b, and x²/ℓ² of
    /// linear columns. With `slopes`, also s_b dg/d(r²) of each block.
    pub(crate) fn row(
        &self,
        hyperparameters: &Hyperparameters,
        features: &[Feature],
        values: &[f64],
        active: &[bool],
        k: &mut [f64],
        mut slopes: Option<&mut Vec<Vec<f64>>>,
    ) -> f64 {
        let metric = self.metric(hyperparameters);
        let mut own = 0.0;
        k.fill(0.0);
        let mut r2 = vec![0.0; k.len()];
        for (b, columns) in self.blocks.iter().enumerate() {
            let mut slope = vec![0.0; if slopes.is_some() { k.len() } else { 0 }];
            if self.has_block(b, active) {
                let s = hyperparameters.scales[b];
                own += s;
                r2.fill(0.0);
                for &c in columns {
                    let l = hyperparameters.length_scales[c];
                    let (x, m) = prepared(values[c], active[c], self.warp(hyperparameters, c));
                    metric.accumulate(&features[c], x, m, 1.0 / (l * l), &mut r2);
                }
                let gate = columns
                    .first()
                    .filter(|_| self.conditional == Conditional::CommonBlock)
                    .map(|&c| &features[c].m);
                for (j, k) in k.iter_mut().enumerate() {
                    let s = s * gate.map_or(1.0, |m| m[j]);
                    let (g, dg) = self.family.value_and_slope(r2[j]);
                    *k += s * g;
                    if let Some(slope) = slope.get_mut(j) {
                        *slope = s * dg;
                    }
                }
            }
            if let Some(slopes) = slopes.as_deref_mut() {
                slopes.push(slope);
            }
        }
        for &c in &self.linear {
            let slope = values[c] / hyperparameters.length_scales[c].powi(2);
            own += slope * values[c];
            k.iter_mut().zip(&features[c].x).for_each(|(k, x)| *k += slope * x);
        }
        own
    }
}

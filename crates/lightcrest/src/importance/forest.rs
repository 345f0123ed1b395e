//! A random forest for regression, kept as the boxes of its leaves: what an analysis of variance integrates
//! over.
//!
//! Breiman 2001, *Random Forests*. Each tree grows on a bootstrap sample until its leaves hold equal values,
//! every split the one that reduces the squared error most; the categories of a column are ordered by their
//! mean before it is cut, which finds the best subset (Breiman et al. 1984, theorem 4.5).

use crate::space::encode::{Column, Encoded};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Where an inactive number stands: left of all others.
pub(super) const ABSENT: f64 = -1.0;

/// The part of one column that belongs to a leaf.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Side {
    /// `low < x <= high`.
    Interval { low: f64, high: f64 },
    /// These categories; the last stands for an inactive parameter.
    Subset(Vec<bool>),
}

impl Side {
    fn whole(column: &Column) -> Self {
        match column {
            Column::Categorical { choices } => Self::Subset(vec![true; choices + 1]),
            Column::Continuous | Column::Discrete(_) => {
                Self::Interval { low: f64::NEG_INFINITY, high: f64::INFINITY }
            }
        }
    }
}

/// A box of the space in which a tree is constant.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub(super) value: f64,
    pub(super) sides: Vec<Side>, // (d,)
}

/// Rows to grow trees on.
pub(super) struct Rows {
    columns: Vec<Column>, // (d,)
    x: Vec<Vec<f64>>,     // (n, d); inactive: ABSENT, or the number of choices
    y: Vec<f64>,          // (n,)
}

impl Rows {
    pub(super) fn new(columns: &[Column], encoded: &[Encoded], y: Vec<f64>) -> Self {
        let absent = |column: &Column| match column {
            Column::Categorical { choices } => *choices as f64,
            Column::Continuous | Column::Discrete(_) => ABSENT,
        };
        let row = |e: &Encoded| {
            let value = |(j, column)| if e.active[j] { e.row[j] } else { absent(column) };
            columns.iter().enumerate().map(value).collect()
        };
        Self { columns: columns.to_vec(), x: encoded.iter().map(row).collect(), y }
    }

    /// The leaves of one tree, grown on as many rows as there are, drawn with replacement.
    pub(super) fn tree(&self, depth: usize, rng: &mut ChaCha8Rng) -> Vec<Leaf> {
        let n = self.y.len();
        let sample = (0..n).map(|_| rng.random_range(0..n)).collect();
        let mut leaves = Vec::new();
        self.grow(sample, self.columns.iter().map(Side::whole).collect(), depth, &mut leaves);
        leaves
    }

    fn grow(&self, sample: Vec<usize>, sides: Vec<Side>, depth: usize, leaves: &mut Vec<Leaf>) {
        let best = if depth > 0 { self.best_split(&sample) } else { None };
        let Some(split) = best else {
            let value = sample.iter().map(|&i| self.y[i]).sum::<f64>() / sample.len() as f64;
            leaves.push(Leaf { value, sides });
            return;
        };
        let (mut left, mut right) = (sides.clone(), sides);
        match (&mut left[split.column], &mut right[split.column]) {
            (Side::Interval { high, .. }, Side::Interval { low, .. }) => {
                (*high, *low) = (split.threshold, split.threshold);
            }
            (Side::Subset(left), Side::Subset(right)) => {
                for (k, (left, right)) in left.iter_mut().zip(right).enumerate() {
                    let goes_left = split.keys[k] <= split.threshold;
                    (*left, *right) = (*left && goes_left, *right && !goes_left);
                }
            }
            _ => unreachable!("both sides are of one column"),
        }
        let goes_left = |i: &usize| self.key(split.column, *i, &split.keys) <= split.threshold;
        let (first, second) = sample.into_iter().partition(goes_left);
        self.grow(first, left, depth - 1, leaves);
        self.grow(second, right, depth - 1, leaves);
    }

    /// What a column is sorted by: its number, or the mean of its category.
    fn key(&self, column: usize, i: usize, keys: &[f64]) -> f64 {
        let x = self.x[i][column];
        if keys.is_empty() { x } else { keys[x as usize] }
    }

    /// The cut that reduces the squared error most; `None` where nothing is left to explain.
    fn best_split(&self, sample: &[usize]) -> Option<Split> {
        let n = sample.len() as f64;
        let sum: f64 = sample.iter().map(|&i| self.y[i]).sum();
        let first = self.y[*sample.first()?];
        if sample.iter().all(|&i| self.y[i] == first) {
            return None;
        }
        let mut best: Option<(f64, Split)> = None;
        for (column, kind) in self.columns.iter().enumerate() {
            let keys = match kind {
                Column::Categorical { choices } => self.category_means(sample, column, choices + 1),
                Column::Continuous | Column::Discrete(_) => Vec::new(),
            };
            let mut order: Vec<(f64, f64)> =
                sample.iter().map(|&i| (self.key(column, i, &keys), self.y[i])).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut left = 0.0;
            for k in 1..order.len() {
                left += order[k - 1].1;
                let (below, above) = (order[k - 1].0, order[k].0);
                if below < above {
                    let k = k as f64;
                    // The squared error is a constant less this.
                    let explained = left * left / k + (sum - left) * (sum - left) / (n - k);
                    if best.as_ref().is_none_or(|(most, _)| explained > *most) {
                        // Half-way, unless rounding moves it up.
                        let half = below + (above - below) / 2.0;
                        let threshold = if half < above { half } else { below };
                        best = Some((explained, Split { column, keys: keys.clone(), threshold }));
                    }
                }
            }
        }
        best.map(|(_, split)| split)
    }

    /// The mean of each category; of those that the sample does not have, that of the sample.
    fn category_means(&self, sample: &[usize], column: usize, categories: usize) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); categories];
        for &i in sample {
            let (sum, count) = &mut sums[self.x[i][column] as usize];
            *sum += self.y[i];
            *count += 1.0;
        }
        let mean = sample.iter().map(|&i| self.y[i]).sum::<f64>() / sample.len() as f64;
        sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { mean }).collect()
    }
}

/// Where a box is cut: keys up to the threshold go left.
struct Split {
    column: usize,
    /// The key of each category; empty where the column's own numbers are the keys.
    keys: Vec<f64>,
    threshold: f64,
}

//! How trees are grown.

use serde::{Deserialize, Serialize};

use crate::{Loss, TreeError};

/// How the trees of a model add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Each tree corrects those before it, shrunk by the learning rate (Friedman 2001).
    Boosting,
    /// Each tree learns the target from rows of its own; their mean predicts (Breiman 2001, "Random
    /// forests"). Classes are learned by the squared error of their indicator, which is Gini impurity.
    Forest,
}

/// How the prediction may depend on a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Monotone {
    /// Freely.
    #[default]
    Free,
    /// It never falls when the number grows.
    Increasing,
    /// It never grows when the number grows.
    Decreasing,
}

/// How categories are split; names and defaults are LightGBM's (Ke et al. 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryConfig {
    /// Up to this many levels, one level is split from the others (`max_cat_to_onehot`).
    pub one_hot_levels: usize,
    /// Added to the hessian of a level when levels are ordered; levels with fewer rows stay with the rest
    /// (`cat_smooth`).
    pub smoothing: f64,
    /// Added to `l2` in splits of many levels (`cat_l2`).
    pub l2: f64,
    /// At most this many levels on the smaller side (`max_cat_threshold`).
    pub max_levels: usize,
    /// Rows between two candidates, and on the larger side (`min_data_per_group`).
    pub min_rows_per_group: usize,
}

impl Default for CategoryConfig {
    fn default() -> Self {
        Self { one_hot_levels: 4, smoothing: 10.0, l2: 10.0, max_levels: 32, min_rows_per_group: 100 }
    }
}

/// How a model is trained; the defaults are those of LightGBM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// What is minimised.
    pub loss: Loss,
    /// Boosting or a forest.
    pub mode: Mode,
    /// Rounds at most: trees an output.
    pub rounds: usize,
    /// η of boosting, in (0, 1]; a forest has none.
    pub learning_rate: f64,
    /// Leaves of a tree at most, in 2..=32768.
    pub leaves: usize,
    /// Splits on the way to a leaf at most; 0 is no limit.
    pub max_depth: usize,
    /// Rows of a leaf at least.
    pub min_rows: usize,
    /// Sum of hessians of a leaf at least.
    pub min_hessian: f64,
    /// α, the penalty on |w|.
    pub l1: f64,
    /// λ, the penalty on w².
    pub l2: f64,
    /// A split must gain more.
    pub min_gain: f64,
    /// Share of the rows that a tree sees, in (0, 1].
    pub row_fraction: f64,
    /// Whether the rows of a tree are drawn with replacement (a bootstrap).
    pub with_replacement: bool,
    /// Share of the columns that a tree sees, in (0, 1].
    pub column_fraction: f64,
    /// Share of the tree's columns that a split sees, in (0, 1].
    pub column_fraction_by_node: f64,
    /// One random threshold a column and node instead of the best one (Geurts et al. 2006, "Extremely
    /// randomized trees").
    pub random_thresholds: bool,
    /// How categories are split.
    pub categories: CategoryConfig,
    /// One entry a column, or none where all are free.
    pub monotone: Vec<Monotone>,
    /// One seed, one model.
    pub seed: u64,
    /// Threads of one training, which the model does not depend on; 0 takes those of the pool that it is
    /// called in.
    pub threads: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            loss: Loss::Squared,
            mode: Mode::Boosting,
            rounds: 100,
            learning_rate: 0.1,
            leaves: 31,
            max_depth: 0,
            min_rows: 20,
            min_hessian: 1e-3,
            l1: 0.0,
            l2: 0.0,
            min_gain: 0.0,
            row_fraction: 1.0,
            with_replacement: false,
            column_fraction: 1.0,
            column_fraction_by_node: 1.0,
            random_thresholds: false,
            categories: CategoryConfig::default(),
            monotone: Vec::new(),
            seed: 0,
            threads: 1,
        }
    }
}

impl TrainConfig {
    /// A random forest: bootstrapped rows, the square root of the columns at a split for classes and a third
    /// for numbers, deep trees.
    #[must_use]
    pub fn forest(loss: Loss, columns: usize) -> Self {
        let columns = columns.max(1) as f64;
        let fraction = if loss.is_classification() { columns.sqrt() / columns } else { 1.0 / 3.0 };
        Self {
            loss,
            mode: Mode::Forest,
            leaves: 1024,
            min_rows: 3,
            with_replacement: true,
            column_fraction_by_node: fraction.max(1.0 / columns),
            categories: CategoryConfig {
                smoothing: 1.0,
                l2: 0.0,
                min_rows_per_group: 1,
                ..CategoryConfig::default()
            },
            ..Self::default()
        }
    }

    /// Extremely randomised trees: all rows, random thresholds.
    #[must_use]
    pub fn extra_trees(loss: Loss, columns: usize) -> Self {
        Self { with_replacement: false, random_thresholds: true, ..Self::forest(loss, columns) }
    }

    /// Refuses settings outside of their domains.
    pub(crate) fn check(&self, columns: usize) -> Result<(), TreeError> {
        self.loss.check()?;
        let share = |value: f64| value > 0.0 && value <= 1.0;
        let penalty = |value: f64| value >= 0.0 && value.is_finite();
        let fits = |name, value, needs, fits: bool| {
            if fits { Ok(()) } else { Err(TreeError::Setting { name, value, needs }) }
        };
        let (above, between) = ("finite and at least 0", "above 0 and at most 1");
        fits("rounds", self.rounds as f64, "at least 1", self.rounds > 0)?;
        fits("leaves", self.leaves as f64, "in 2..=32768", (2..=32768).contains(&self.leaves))?;
        for (name, value) in [
            ("learning_rate", self.learning_rate),
            ("row_fraction", self.row_fraction),
            ("column_fraction", self.column_fraction),
            ("column_fraction_by_node", self.column_fraction_by_node),
        ] {
            fits(name, value, between, share(value))?;
        }
        for (name, value) in [
            ("l1", self.l1),
            ("l2", self.l2),
            ("min_gain", self.min_gain),
            ("min_hessian", self.min_hessian),
            ("categories.smoothing", self.categories.smoothing),
            ("categories.l2", self.categories.l2),
        ] {
            fits(name, value, above, penalty(value))?;
        }
        if self.monotone.is_empty() || self.monotone.len() == columns {
            return Ok(());
        }
        Err(TreeError::Shape { what: "monotone", expected: columns, found: self.monotone.len() })
    }
}

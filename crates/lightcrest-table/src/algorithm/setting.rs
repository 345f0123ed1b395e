//! An algorithm and its hyperparameters, as a configuration of the space says them.

use lightcrest::Configuration;
use lightcrest_tree::TrainConfig;
use serde::{Deserialize, Serialize};

use super::{MlpConfig, forest, loss};
use crate::Task;
use crate::feature::Encoding;

/// Rounds that are left in any case where work is limited.
const FEWEST: f64 = 10.0;

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// The same for every row.
    Constant,
    /// Gradient boosting.
    Boosting,
    /// A random forest.
    Forest,
    /// Extremely randomised trees.
    ExtraTrees,
    /// Least squares, logistic or multinomial regression with an elastic net.
    Linear,
    /// A multilayer perceptron on embeddings.
    Mlp,
    /// The weighted mean of models of earlier trials.
    Ensemble,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Constant,
        Self::Boosting,
        Self::Forest,
        Self::ExtraTrees,
        Self::Linear,
        Self::Mlp,
        Self::Ensemble,
    ];

    /// As a spec names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Boosting => "boosting",
            Self::Forest => "forest",
            Self::ExtraTrees => "extra_trees",
            Self::Linear => "linear",
            Self::Mlp => "mlp",
            Self::Ensemble => "ensemble",
        }
    }

    /// Whether a model is larger the more rounds it has.
    pub(crate) fn grows(self) -> bool {
        matches!(self, Self::Boosting | Self::Forest | Self::ExtraTrees)
    }
}

/// An algorithm with everything that a configuration says of it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What learns.
    pub algorithm: Algorithm,
    configuration: Configuration,
    /// Rounds, or epochs, where they are known already: no early stopping then.
    pub rounds: Option<usize>,
    /// What it may cost otherwise, in rounds of eight leaves.
    pub work: f64,
}

/// How many rounds of eight leaves cost about as much as these; measured with lightcrest-tree.
pub(crate) fn tree_cost(rounds: f64, leaves: f64) -> f64 {
    rounds * (leaves / 8.0).sqrt()
}

impl Setting {
    /// What a configuration says. A configuration of an unknown algorithm is the constant.
    pub fn of(configuration: &Configuration) -> Self {
        let name = configuration.get_str("algorithm").unwrap_or("constant");
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        let algorithm = algorithm.unwrap_or(Algorithm::Constant);
        Self { algorithm, configuration: configuration.clone(), rounds: None, work: f64::INFINITY }
    }

    /// How categories are given.
    pub fn encoding(&self) -> Encoding {
        match self.text("categories") {
            Some("means") => Encoding::Means,
            // A coefficient a level is for few levels only.
            _ if self.algorithm == Algorithm::Linear => Encoding::Means,
            _ => Encoding::Levels,
        }
    }

    /// Whether the logarithm of the target is learnt.
    pub fn log_target(&self) -> bool {
        self.text("target") == Some("log")
    }

    /// A parameter of the algorithm by its short name.
    fn number(&self, name: &str) -> Option<f64> {
        self.configuration.get_f64(&format!("{}.{name}", self.algorithm.name()))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.configuration.get_str(&format!("{}.{name}", self.algorithm.name()))
    }

    /// Strength of the penalty of a linear model, and the share of it that is absolute.
    pub(super) fn penalty(&self) -> (f64, f64) {
        (self.number("penalty").unwrap_or(1e-3), self.number("absolute").unwrap_or(0.0))
    }

    /// What a perceptron is and how it learns.
    pub(super) fn mlp(&self) -> MlpConfig {
        let base = MlpConfig::default();
        let whole =
            |name, default: usize| self.number(name).map_or(default, |value| value.round().max(0.0) as usize);
        let number = |name, default| self.number(name).unwrap_or(default);
        MlpConfig {
            layers: whole("layers", base.layers),
            width: whole("width", base.width),
            embedding: whole("embedding", base.embedding),
            dropout: number("dropout", base.dropout),
            learning_rate: number("learning_rate", base.learning_rate),
            weight_decay: number("weight_decay", base.weight_decay),
            epochs: whole("epochs", base.epochs),
        }
    }

    /// Picks of an ensemble, and what 100 kB cost, as a share of the score.
    pub(crate) fn picks(&self) -> (usize, f64) {
        let steps = self.number("picks").unwrap_or(8.0).round().max(1.0) as usize;
        (steps, self.number("price").unwrap_or(1e-3))
    }

    /// How trees are grown.
    pub(super) fn tree_config(&self, task: Task, classes: usize, columns: usize, rows: usize) -> TrainConfig {
        let loss = loss(task, classes);
        let number = |name, default| self.number(name).unwrap_or(default);
        let whole = |name, default: f64| number(name, default).round() as usize;
        let mut config = match self.algorithm {
            Algorithm::Boosting => TrainConfig {
                loss,
                rounds: whole("rounds", 300.0),
                learning_rate: number("learning_rate", 0.1),
                leaves: whole("leaves", 16.0),
                min_rows: whole("min_rows", 20.0),
                l2: number("l2", 1.0),
                row_fraction: number("row_fraction", 1.0),
                column_fraction: number("column_fraction", 1.0),
                ..TrainConfig::default()
            },
            _ => {
                let base = forest(self.algorithm == Algorithm::ExtraTrees, loss, columns);
                TrainConfig {
                    rounds: whole("trees", 50.0),
                    leaves: whole("leaves", 256.0),
                    min_rows: whole("min_rows", 3.0),
                    column_fraction_by_node: number("column_fraction", base.column_fraction_by_node)
                        .max(1.0 / columns.max(1) as f64),
                    ..base
                }
            }
        };
        config.categories.smoothing = number("smoothing", config.categories.smoothing);
        if self.algorithm == Algorithm::Boosting {
            // A fixed hundred would leave the categories of small tables unused.
            config.categories.min_rows_per_group = (rows / 40).clamp(5, 100);
        }
        config.rounds = match self.rounds {
            Some(rounds) => rounds.max(1),
            None => {
                let most = self.work / tree_cost(1.0, config.leaves as f64);
                (config.rounds as f64).min(most.max(FEWEST)) as usize
            }
        };
        config
    }
}

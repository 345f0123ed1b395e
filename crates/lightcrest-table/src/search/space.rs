//! What may vary.

use lightcrest::space::{Parameter, Space, SpaceError};

use super::Problem;
use crate::Task;

/// What decides which parameters there are.
pub(super) struct Facts {
    /// Columns with so many levels that means may stand for them.
    pub(super) many_levels: bool,
    /// Targets above zero that are far from symmetric.
    pub(super) skewed: bool,
    /// The most rows that a leaf may have to have.
    pub(super) most_rows: i64,
    /// Trees of a round.
    pub(super) trees: usize,
    pub(super) learns: bool,
}

impl Facts {
    pub(super) fn of(problem: &Problem) -> Self {
        let rows = problem.splits.learn.len() as i64;
        Self {
            many_levels: problem
                .schema()
                .levels
                .iter()
                .enumerate()
                .any(|(i, levels)| levels.len() > 16 && problem.schema().columns[i].is_feature()),
            skewed: problem.task() == Task::Regression && is_skewed(&problem.targets),
            most_rows: (rows / 20).clamp(2, 200),
            trees: if problem.classes > 2 { problem.classes } else { 1 },
            learns: problem.has_features(),
        }
    }

    /// Few and many trees of few and many leaves: the ranges that sizes from one to hundreds of kilobytes
    /// take.
    fn parameters(&self) -> Vec<Parameter> {
        let algorithms: &[&str] = if self.learns {
            &["constant", "boosting", "forest", "extra_trees", "linear", "mlp", "ensemble"]
        } else {
            &["constant"]
        };
        let mut list = vec![Parameter::categorical("algorithm", algorithms.iter().copied())];
        if !self.learns {
            return list;
        }
        let mut add = |algorithm: &str, name: &str, make: &dyn Fn(String) -> Parameter| {
            list.push(make(format!("{algorithm}.{name}")).when("algorithm", [algorithm]));
        };
        let most = self.most_rows;
        add("boosting", "rounds", &|name| Parameter::log_int(name, 8, 1500));
        add("boosting", "learning_rate", &|name| Parameter::log_float(name, 0.015, 0.4));
        add("boosting", "leaves", &|name| Parameter::log_int(name, 3, 96));
        add("boosting", "min_rows", &|name| Parameter::log_int(name, 1, most));
        add("boosting", "l2", &|name| Parameter::log_float(name, 0.01, 100.0));
        add("boosting", "row_fraction", &|name| Parameter::float(name, 0.5, 1.0));
        add("boosting", "column_fraction", &|name| Parameter::float(name, 0.3, 1.0));
        for forest in ["forest", "extra_trees"] {
            add(forest, "trees", &|name| Parameter::log_int(name, 4, 200));
            add(forest, "leaves", &|name| Parameter::log_int(name, 8, 2048));
            add(forest, "min_rows", &|name| Parameter::log_int(name, 1, most.min(50)));
            add(forest, "column_fraction", &|name| Parameter::float(name, 0.1, 1.0));
        }
        add("linear", "penalty", &|name| Parameter::log_float(name, 1e-6, 1.0));
        add("linear", "absolute", &|name| Parameter::float(name, 0.0, 1.0));
        add("mlp", "layers", &|name| Parameter::int(name, 1, 3));
        add("mlp", "width", &|name| Parameter::log_int(name, 8, 256));
        add("mlp", "embedding", &|name| Parameter::int(name, 0, 6));
        add("mlp", "dropout", &|name| Parameter::float(name, 0.0, 0.5));
        add("mlp", "learning_rate", &|name| Parameter::log_float(name, 1e-3, 3e-2));
        add("mlp", "weight_decay", &|name| Parameter::log_float(name, 1e-3, 1.0));
        add("mlp", "epochs", &|name| Parameter::log_int(name, 5, 100));
        add("ensemble", "picks", &|name| Parameter::log_int(name, 2, 24));
        add("ensemble", "price", &|name| Parameter::log_float(name, 1e-5, 1e-1));
        for algorithm in ["boosting", "forest", "extra_trees", "linear", "mlp"] {
            if self.many_levels && algorithm != "linear" {
                add(algorithm, "categories", &|name| Parameter::categorical(name, ["levels", "means"]));
            }
            if self.skewed {
                add(algorithm, "target", &|name| Parameter::categorical(name, ["as_it_is", "log"]));
            }
        }
        list
    }
}

/// Whether all are above zero, and the logarithm is nearer to symmetric: the mean is far above the median.
fn is_skewed(targets: &[f64]) -> bool {
    let mut sorted = targets.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return false };
    let quantile = |q: f64| sorted[(q * (sorted.len() - 1) as f64) as usize];
    let [low, middle, high] = [0.05, 0.5, 0.95].map(quantile);
    *least > 0.0 && most > least && high - middle > 1.5 * (middle - low)
}

/// The space of a problem.
///
/// # Errors
/// If the engine refuses it.
pub fn space(problem: &Problem) -> Result<Space, SpaceError> {
    let parameters = Facts::of(problem).parameters();
    parameters.into_iter().fold(Space::builder(), |builder, parameter| builder.parameter(parameter)).build()
}

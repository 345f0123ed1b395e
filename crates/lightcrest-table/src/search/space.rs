//! What may vary, and the configurations that are tried first.

use lightcrest::space::{Configuration, Parameter, Space, SpaceError, Value};

use super::Problem;
use crate::Task;

/// What decides which parameters there are.
struct Facts {
    /// Columns with so many levels that means may stand for them.
    many_levels: bool,
    /// Targets above zero that are far from symmetric.
    skewed: bool,
    /// The most rows that a leaf may have to have.
    most_rows: i64,
    learns: bool,
}

impl Facts {
    fn of(problem: &Problem) -> Self {
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
            learns: problem.has_features(),
        }
    }

    /// Few and many trees of few and many leaves: the ranges that sizes from one to hundreds of kilobytes
    /// take.
    fn parameters(&self) -> Vec<Parameter> {
        let algorithms: &[&str] = if self.learns {
            &["constant", "boosting", "forest", "extra_trees", "linear", "ensemble"]
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
        add("ensemble", "picks", &|name| Parameter::log_int(name, 2, 24));
        add("ensemble", "price", &|name| Parameter::log_float(name, 1e-5, 1e-1));
        for algorithm in ["boosting", "forest", "extra_trees", "linear"] {
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

/// The configurations that are tried first, from the quickest on: what did well on many tables.
pub fn portfolio(problem: &Problem) -> Vec<Configuration> {
    let facts = Facts::of(problem);
    let mut list = vec![configuration(&[("algorithm", "constant".into())])];
    if !facts.learns {
        return list;
    }
    let boosting = |rounds: i64, rate: f64, leaves: i64, rows: i64, l2: f64, fractions: [f64; 2]| {
        vec![
            ("boosting.rounds", rounds.into()),
            ("boosting.learning_rate", rate.into()),
            ("boosting.leaves", leaves.into()),
            ("boosting.min_rows", rows.min(facts.most_rows).into()),
            ("boosting.l2", l2.into()),
            ("boosting.row_fraction", fractions[0].into()),
            ("boosting.column_fraction", fractions[1].into()),
        ]
    };
    let trees =
        |kind: &str, trees: i64, leaves: i64, rows: i64, fraction: f64| -> Vec<(&'static str, Value)> {
            let rows = rows.min(facts.most_rows).into();
            match kind {
                "forest" => vec![
                    ("forest.trees", trees.into()),
                    ("forest.leaves", leaves.into()),
                    ("forest.min_rows", rows),
                    ("forest.column_fraction", fraction.into()),
                ],
                _ => vec![
                    ("extra_trees.trees", trees.into()),
                    ("extra_trees.leaves", leaves.into()),
                    ("extra_trees.min_rows", rows),
                    ("extra_trees.column_fraction", fraction.into()),
                ],
            }
        };
    let (plain, means, log) = (("levels", "as_it_is"), ("means", "as_it_is"), ("levels", "log"));
    let mut add = |algorithm: &'static str, values: Vec<(&'static str, Value)>, how: (&str, &str)| {
        let mut values = values;
        values.push(("algorithm", algorithm.into()));
        let mut made = configuration(&values);
        if facts.many_levels && !matches!(algorithm, "linear" | "ensemble") {
            made.set(format!("{algorithm}.categories"), how.0);
        }
        if facts.skewed && algorithm != "ensemble" {
            made.set(format!("{algorithm}.target"), how.1);
        }
        if !list.contains(&made) {
            list.push(made);
        }
    };
    let linear = |penalty: f64, absolute: f64| {
        vec![("linear.penalty", penalty.into()), ("linear.absolute", absolute.into())]
    };
    add("boosting", boosting(40, 0.2, 8, 20, 1.0, [1.0, 1.0]), plain);
    add("linear", linear(1e-3, 0.0), if facts.skewed { log } else { plain });
    add("boosting", boosting(400, 0.06, 8, 10, 2.0, [0.8, 0.7]), plain);
    add("boosting", boosting(300, 0.1, 16, 20, 1.0, [0.9, 0.8]), plain);
    if facts.many_levels {
        add("boosting", boosting(400, 0.06, 8, 10, 2.0, [0.8, 0.7]), means);
    }
    if facts.skewed {
        add("boosting", boosting(400, 0.06, 12, 10, 2.0, [0.8, 0.7]), log);
    }
    add("boosting", boosting(60, 0.3, 4, 20, 1.0, [1.0, 1.0]), plain);
    let ensemble =
        |picks: i64, price: f64| vec![("ensemble.picks", picks.into()), ("ensemble.price", price.into())];
    add("ensemble", ensemble(4, 1e-2), plain);
    add("linear", linear(1e-2, 1.0), plain);
    add("extra_trees", trees("extra_trees", 60, 256, 3, 0.5), plain);
    add("boosting", boosting(800, 0.05, 31, 20, 5.0, [0.8, 0.5]), plain);
    add("forest", trees("forest", 50, 256, 4, 0.35), plain);
    add("boosting", boosting(1200, 0.03, 12, 30, 10.0, [0.7, 0.4]), plain);
    add("boosting", boosting(1000, 0.05, 64, 40, 10.0, [0.8, 0.6]), plain);
    add("ensemble", ensemble(16, 1e-4), plain);
    list
}

fn configuration(values: &[(&'static str, Value)]) -> Configuration {
    let mut made = Configuration::new();
    values.iter().for_each(|(name, value)| made.set(*name, value.clone()));
    made
}

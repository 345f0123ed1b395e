//! Algorithms on the prepared features.
//!
//! [`Algorithm`] is a configuration of one, [`Fitted`] what was learnt. Trees come from `lightcrest-tree`,
//! linear models and perceptrons are here; the constant is what there
//! is to beat.

mod linear;
pub mod mlp;
mod setting;

pub use linear::{Linear, Term, TermKind};
pub use mlp::{Mlp, MlpConfig};
pub(crate) use setting::tree_cost;
pub use setting::{Algorithm, Setting};

use lightcrest_tree::{Dataset, Decision, Loss, Model, Patience, Problem, TrainConfig, TreeError};

use crate::Task;
use crate::feature::Matrix;
use crate::split::Fold;

/// Rounds without improvement after which boosting stops, at least.
const PATIENCE: usize = 20;

/// What was learnt.
#[derive(Debug, Clone, PartialEq)]
pub enum Fitted {
    /// The same for every row: shares of the classes, or the mean.
    Constant(Vec<f64>),
    /// Trees.
    Trees(Box<Model>),
    /// A linear model.
    Linear(Linear),
    /// A multilayer perceptron.
    Mlp(Mlp),
}

/// Features as an algorithm takes them.
#[derive(Debug, Clone, Copy)]
pub enum Inputs<'a> {
    /// A constant needs none.
    None,
    /// Bins, for trees.
    Bins(&'a Dataset),
    /// Values, for linear models and perceptrons.
    Matrix(&'a Matrix),
}

/// What is learnt from.
pub struct Training<'a> {
    /// The features of all rows that are named.
    pub inputs: Inputs<'a>,
    /// One a row of `inputs`: class or number.
    pub targets: &'a [f64],
    /// Rows to learn from.
    pub rows: &'a [u32],
    /// Rows to judge by; boosting stops early by them.
    pub validation: &'a [u32],
    /// Of `rows`, those that a perceptron learns from where it is to find out when to stop, and those that
    /// judge its epochs; it learns from all of them where these are few.
    pub within: &'a Fold,
    /// What is predicted.
    pub task: Task,
    /// How many classes; 1 for a regression.
    pub classes: usize,
    /// One seed, one model.
    pub seed: u64,
    /// Threads; the model does not depend on it.
    pub threads: usize,
}

/// A model and how it did.
pub struct Outcome {
    /// The model.
    pub fitted: Fitted,
    /// Predictions of the validation rows, `outputs` numbers a row.
    pub validation: Vec<f64>,
    /// Rounds, or epochs, that it has; 1 where there are none.
    pub rounds: usize,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// A setting that is none.
    #[error("`{name}` is {value}: {expected}")]
    Setting {
        /// The parameter, by its short name.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What is right.
        expected: &'static str,
    },
    /// The trees cannot be grown.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Trains. `stop` is asked again and again whether to give up.
///
/// # Errors
/// [`FitError::Stopped`] if `stop` says so, [`FitError::Setting`] for a setting that is none.
pub fn fit(
    training: &Training<'_>,
    setting: &Setting,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Outcome, FitError> {
    let data = match training.inputs {
        // It takes no time, so that there is always an answer.
        Inputs::None => return Ok(constant(training)),
        _ if stop() => return Err(FitError::Stopped),
        Inputs::Matrix(matrix) if setting.algorithm == Algorithm::Mlp => {
            let effort = (setting.work, setting.rounds);
            let (model, validation, rounds) = mlp::fit(training, matrix, &setting.mlp(), effort, stop)?;
            let validation = spread(validation, training.classes);
            return Ok(Outcome { fitted: Fitted::Mlp(model), validation, rounds });
        }
        Inputs::Matrix(matrix) => {
            let (strength, absolute) = setting.penalty();
            let (model, validation) = linear::fit(training, matrix, strength, absolute, stop)?;
            let validation = spread(validation, training.classes);
            return Ok(Outcome { fitted: Fitted::Linear(model), validation, rounds: 1 });
        }
        Inputs::Bins(data) => data,
    };
    let mut config =
        setting.tree_config(training.task, training.classes, data.columns(), training.rows.len());
    (config.seed, config.threads) = (training.seed, training.threads);
    // A learning rate that is small improves slowly.
    let mut patience = Patience::new((2.0 / config.learning_rate).round().max(PATIENCE as f64) as usize);
    let boosting = setting.algorithm == Algorithm::Boosting;
    let mut stopped = false;
    let problem = Problem {
        data,
        targets: training.targets,
        weights: None,
        rows: training.rows,
        validation: training.validation,
    };
    let trained = lightcrest_tree::train(&problem, &config, |round| {
        stopped = stop();
        match boosting && !stopped {
            true => patience.judge(round.validation_loss),
            false if stopped => Decision::Stop,
            false => Decision::Continue,
        }
    })?;
    if stopped {
        return Err(FitError::Stopped);
    }
    let fitted = Fitted::Trees(Box::new(trained.model));
    let validation = spread(trained.validation, training.classes);
    Ok(Outcome { fitted, validation, rounds: trained.rounds })
}

/// The probability of the second of two classes becomes those of both.
fn spread(predictions: Vec<f64>, classes: usize) -> Vec<f64> {
    if classes != 2 {
        return predictions;
    }
    predictions.into_iter().flat_map(|p| [1.0 - p, p]).collect()
}

/// Shares of the classes, each counted once more, or the mean.
fn constant(training: &Training<'_>) -> Outcome {
    let n = training.rows.len() as f64;
    let targets = || training.rows.iter().map(|row| training.targets[*row as usize]);
    let values = match training.task {
        Task::Regression => vec![targets().sum::<f64>() / n],
        Task::Classification => {
            let mut counts = vec![1.0; training.classes];
            targets().for_each(|y| counts[y as usize] += 1.0);
            counts.iter().map(|count| count / (n + training.classes as f64)).collect()
        }
    };
    let validation = training.validation.iter().flat_map(|_| values.iter().copied()).collect();
    Outcome { fitted: Fitted::Constant(values), validation, rounds: 1 }
}

impl Fitted {
    /// What is predicted for a row of features.
    pub fn predict(&self, cells: &[f32], classes: usize) -> Vec<f64> {
        match self {
            Self::Constant(values) => values.clone(),
            Self::Trees(model) => spread(model.predict_row(cells), classes),
            Self::Linear(model) => spread(model.predict_row(cells), classes),
            Self::Mlp(model) => spread(model.predict_row(cells), classes),
        }
    }

    /// Which features it asks for.
    pub fn used(&self, features: usize) -> Vec<bool> {
        let mut used = vec![false; features];
        match self {
            Self::Constant(_) => {}
            Self::Trees(model) => {
                model.used_columns().into_iter().for_each(|feature| used[feature] = true);
            }
            Self::Linear(model) => model.terms().iter().for_each(|term| used[term.feature] = true),
            Self::Mlp(model) => model.inputs().for_each(|(input, _)| used[input.feature] = true),
        }
        used
    }
}

/// Mean and standard deviation; 1 where that is nothing.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean, if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 })
}

/// The loss of a task.
fn loss(task: Task, classes: usize) -> Loss {
    match (task, classes) {
        (Task::Regression, _) => Loss::Squared,
        (Task::Classification, 2) => Loss::Logistic,
        (Task::Classification, _) => Loss::Softmax { classes },
    }
}

/// A forest of that kind.
fn forest(random: bool, loss: Loss, columns: usize) -> TrainConfig {
    if random { TrainConfig::extra_trees(loss, columns) } else { TrainConfig::forest(loss, columns) }
}

//! A whole fit in memory: what `lightcrest fit` does, without a run's folder.
//!
//! ```text
//! Source -> learn -> Problem -> trials (space, portfolio, AutoSampler, folds as steps) -> front of models
//! ```

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lightcrest::Study;
use lightcrest::executor::{Executor, ExecutorConfig};
use lightcrest::objective::TrialError;
use lightcrest::pruner::{PercentileConfig, PercentilePruner};
use lightcrest::space::Configuration;

use crate::Task;
use crate::error::TableError;
use crate::metric::Metric;
use crate::predict::scores;
use crate::read::Source;
use crate::search::{
    Effort, Limits, Made, Problem, ProblemConfig, TableObjective, Until, portfolio_within, space,
};
use crate::table::{LearnConfig, learn};

/// The share of the time that reading a table may take, or else a part of its rows is read.
pub const READ: f64 = 0.3;
/// The share of the time that is left for what follows the trials.
pub const RESERVE: f64 = 0.04;
/// The share of the time that finding out what columns are worth may take.
pub const LOOKING: f64 = 0.05;
/// What a first model may take beyond the time, as a share of it: it matters more than a moment.
pub const GRACE: f64 = 0.05;
/// The least time for trials, in which a constant is made in any case.
pub const LEAST_TIME: Duration = Duration::from_millis(300);

/// What is asked of a fit.
#[derive(Debug, Clone)]
pub struct FitConfig {
    /// The target, and how the table is read.
    pub learn: LearnConfig,
    /// What is measured; by the task if it is not said.
    pub metric: Option<Metric>,
    /// Folds; fewer of them judge where the time is short.
    pub folds: usize,
    /// One seed, one answer, where the budget is in trials.
    pub seed: u64,
    /// Trials at most.
    pub trials: Option<usize>,
    /// Wall time of the whole fit.
    pub time: Option<Duration>,
    /// Bounds on models.
    pub limits: Limits,
    /// Threads; all cores if it is not said.
    pub threads: Option<NonZero<usize>>,
    /// Set it to give up.
    pub stop: Arc<AtomicBool>,
}

/// A model of the front.
#[derive(Debug, Clone)]
pub struct FitModel {
    /// The trial that it comes from.
    pub trial: u64,
    /// λ.
    pub configuration: Configuration,
    /// `validation_METRIC` with its `standard_error`, `model_bytes`, `columns_needed`, and every metric of
    /// the task on the test part, `test_METRIC`, of a model that did not see it.
    pub metrics: BTreeMap<String, f64>,
    /// The models.
    pub made: Made,
}

/// What a fit found.
#[derive(Debug, Clone)]
pub struct Fit {
    /// What was predicted.
    pub task: Task,
    /// What was measured.
    pub metric: Metric,
    /// The front of quality against size, the best first.
    pub models: Vec<FitModel>,
    /// What was decided about the table and its columns: name, kind, why.
    pub columns: Vec<(String, &'static str, String)>,
    /// What the user should look at.
    pub warnings: Vec<String>,
    /// Trials that ended.
    pub trials: usize,
}

/// Fits: finds out what each column is, tries preparations, algorithms and hyperparameters in one space, and
/// gives the front of models, learnt from all rows.
///
/// # Errors
/// If the table cannot be used, [`TableError::Stopped`] if `stop` was set, or what broke the study.
pub fn fit(source: Source, config: &FitConfig) -> Result<Fit, TableError> {
    let begun = Instant::now();
    let within = config.time.map(|time| time.mul_f64(READ));
    let learnt = learn(source, &LearnConfig { within, ..config.learn.clone() })?;
    let mut warnings = learnt.warnings.clone();
    let problem_config = ProblemConfig { metric: config.metric, folds: config.folds, seed: config.seed };
    let problem = Problem::new(learnt, &problem_config)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = config.threads.map_or(cores, usize::from);
    let mut objective = TableObjective::new(problem, config.limits, threads)?;
    let left = |part: f64| config.time.map(|time| time.mul_f64(part).saturating_sub(begun.elapsed()));
    let mut effort = Effort::default();
    if let Some(left) = left(1.0) {
        effort = objective.effort(left, false).map_err(|error| broken(&error))?;
        objective.lighten(effort);
    }
    let problem = objective.problem();
    warnings.extend(problem.splits.warnings.iter().cloned());
    let (metric, task) = (problem.metric, problem.task());
    for column in &problem.schema().columns {
        warnings.extend(column.warnings.iter().map(|warning| format!("{}: {warning}", column.name)));
    }
    let columns = problem.schema().columns.iter();
    let columns = columns.map(|it| (it.name.clone(), it.kind.name(), it.decided.clone())).collect();
    // Nothing but the constant can be tried where nothing can be learnt from.
    let trials = if problem.has_features() { config.trials.unwrap_or(usize::MAX) } else { 1 };

    let space = space(problem).map_err(|error| broken(&error))?;
    // Folds are steps: a trial that is behind half of the others after the first is stopped.
    let pruner =
        PercentileConfig { percentile: 50.0, startup_trials: 6, warmup_steps: 1, ..Default::default() };
    let pruner = PercentilePruner::new(pruner).map_err(|error| broken(&error))?;
    let builder = Study::builder(space, TableObjective::infos(metric)).seed(config.seed).pruner(pruner);
    let mut study = builder.build().map_err(|error| broken(&error))?;
    for configuration in portfolio_within(problem, effort.work) {
        study.enqueue(&configuration).map_err(|error| broken(&error))?;
    }
    let timeout = left(1.0 - RESERVE).map(|left| left.max(LEAST_TIME));
    objective.end_by(Arc::clone(&config.stop), timeout.map(|timeout| Instant::now() + timeout));
    let executor = Executor::new(ExecutorConfig {
        trials,
        timeout,
        stop: Arc::clone(&config.stop),
        ..Default::default()
    });
    executor.run(&mut study, &objective, &()).map_err(|error| broken(&error))?;
    if config.stop.load(Ordering::SeqCst) {
        return Err(TableError::Stopped);
    }

    let until = Until {
        stop: Arc::clone(&config.stop),
        deadline: left(1.0).map(|left| Instant::now() + left),
        grace: config.time.unwrap_or_default().mul_f64(GRACE),
    };
    let (front, seed, mut made) = (study.front(), |number| study.trial_seed(number), Vec::new());
    let late = objective.deliver(&front, &seed, &until, &mut |_, trial, found| {
        match found {
            Ok(models) => made.push((trial.clone(), models)),
            Err(TrialError::Interrupted) => return Err(TableError::Stopped),
            Err(error) => warnings.push(format!("trial {} is left out: {error}", trial.number)),
        }
        Ok(())
    })?;
    warnings.extend(too_late(&late));
    let mut models = Vec::new();
    for (trial, made) in made {
        let mut metrics = BTreeMap::new();
        let values = trial.values.iter().flatten();
        metrics.extend(study.objectives().iter().map(|info| info.name.clone()).zip(values.copied()));
        for name in ["standard_error", "columns_needed"] {
            let value = trial.attributes.get(name).and_then(serde_json::Value::as_f64);
            metrics.extend(value.map(|value| (name.to_owned(), value)));
        }
        metrics.insert("model_bytes".to_owned(), made.bytes.len() as f64);
        let problem = objective.problem();
        let test = &problem.splits.test;
        let targets: Vec<f64> = test.iter().map(|row| problem.targets[*row as usize]).collect();
        for (metric, value) in scores(&made.judge, &made.judge.predict_rows(problem.table(), test), &targets)
        {
            metrics.insert(format!("test_{}", metric.name()), value);
        }
        models.push(FitModel { trial: trial.number, configuration: trial.configuration, metrics, made });
    }
    if models.is_empty() {
        return Err(TableError::Unfit("no model keeps the limits: allow more bytes or microseconds".into()));
    }
    let name = format!("validation_{}", metric.name());
    let sign = if metric.is_maximized() { -1.0 } else { 1.0 };
    models.sort_by(|a, b| (sign * a.metrics[&name]).total_cmp(&(sign * b.metrics[&name])));
    // A model of all rows may have turned out larger than a better one.
    let mut least = usize::MAX;
    models.retain(|model| {
        let before = least;
        least = least.min(model.made.bytes.len());
        least < before
    });
    let trials = study.history().finished();
    Ok(Fit { task, metric, models, columns, warnings, trials })
}

/// What is said of trials of the front whose models could not be made in time.
pub fn too_late(trials: &[u64]) -> Option<String> {
    let numbers: Vec<String> = trials.iter().map(u64::to_string).collect();
    let trials = match &numbers[..] {
        [] => return None,
        [one] => format!("the model of trial {one}"),
        several => format!("the models of trials {}", several.join(", ")),
    };
    Some(format!("{trials} could not be made in time, and the front is without: allow more time"))
}

fn broken(error: &dyn std::fmt::Display) -> TableError {
    TableError::Unfit(error.to_string())
}

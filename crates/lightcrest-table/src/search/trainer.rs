//! Trainings on parts of the rows: features of a part, made once and shared by trials, and what learns from
//! them.
//!
//! Nothing that is learnt from targets is shared between folds: means of the target, words of texts and the
//! screening of features are learnt from the rows of one part. Only features that do without targets are made
//! once for all folds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lightcrest::Configuration;
use lightcrest::objective::TrialError;
use lightcrest_tree::{BinningConfig, Dataset};

use super::Problem;
use super::effort::Pace;
use crate::algorithm::{self, Algorithm, FitError, Fitted, Inputs, Setting, Training};
use crate::feature::{Encoding, Feature, Fit, Matrix, Preparer};
use crate::split::{Fold, mix};

/// More features than this are screened by a shallow model first.
pub(super) const MANY_FEATURES: usize = 400;

/// Rounds of the model that screens features.
const SCREENING_ROUNDS: usize = 60;

/// What tells the rows that are left of a fold.
const FRACTION: u64 = 0x6861_6c66;

/// Rows and rounds of the training that time is estimated by.
const PROBE_ROWS: usize = 4000;
const PROBE_ROUNDS: usize = 8;

/// Which rows a model is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// Those that a fold learns from.
    Fold(usize),
    /// Those that the first fold learns from, so often halved.
    Fraction { halvings: u32 },
    /// All but the test.
    Learn,
    /// All.
    All,
}

impl Part {
    fn number(self) -> u64 {
        match self {
            Self::Fold(fold) => fold as u64 + 2,
            // The seed of the whole fold: only the rows differ.
            Self::Fraction { .. } => 2,
            Self::Learn => 0,
            Self::All => 1,
        }
    }
}

/// What a training made.
pub(super) struct Trained {
    pub(super) fitted: Fitted,
    pub(super) preparer: Preparer,
    /// Predictions of the rows that judge the part.
    pub(super) validation: Vec<f64>,
    pub(super) rounds: usize,
    /// How long it took, without features that other trainings share.
    pub(super) seconds: f64,
}

/// How some rows become features, and which of them are learnt from.
struct Prepared {
    part: Part,
    preparer: Preparer,
    /// The place among the part's rows of each of the table's.
    place: Vec<u32>,
    /// One for each of the part's rows.
    targets: Vec<f64>,
    /// Their features in bins, made when trees first ask for them.
    bins: Mutex<Option<Arc<Dataset>>>,
}

/// Trains settings on parts of a problem.
pub(super) struct Trainer {
    pub(super) problem: Problem,
    /// Threads of all trainings together; models do not depend on them.
    pool: rayon::ThreadPool,
    stop: Arc<AtomicBool>,
    deadline: Option<Instant>,
    /// Milliseconds before the deadline that the models of the front will need.
    delivery: AtomicU64,
    /// Milliseconds that making features took so far.
    preparing: AtomicU64,
    /// What one training may cost; see [`Setting::work`].
    pub(super) work: f64,
    cache: Mutex<HashMap<(Encoding, Part), Arc<Prepared>>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn failed(error: impl std::fmt::Display) -> TrialError {
    TrialError::Failed { reason: error.to_string() }
}

impl From<FitError> for TrialError {
    fn from(error: FitError) -> Self {
        match error {
            FitError::Stopped => Self::Interrupted,
            FitError::Setting { .. } | FitError::Tree(_) => failed(error),
        }
    }
}

impl Trainer {
    /// # Errors
    /// If so many threads cannot be started.
    pub(super) fn new(problem: Problem, threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build()?;
        Ok(Self {
            problem,
            pool,
            stop: Arc::default(),
            deadline: None,
            delivery: AtomicU64::new(0),
            preparing: AtomicU64::new(0),
            work: f64::INFINITY,
            cache: Mutex::default(),
        })
    }

    /// When trainings give up: when the flag is set, or after a moment.
    pub(super) fn end_by(&mut self, stop: Arc<AtomicBool>, deadline: Option<Instant>) {
        (self.stop, self.deadline) = (stop, deadline);
    }

    fn ends(&self) -> bool {
        let kept = 1e-3 * self.delivery.load(Ordering::Relaxed) as f64;
        self.is_stopped() || !self.has(kept)
    }

    /// Whether the flag is set.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether so many seconds are left.
    pub(super) fn has(&self, seconds: f64) -> bool {
        let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 2);
        self.deadline.is_none_or(|deadline| Instant::now() + time < deadline)
    }

    /// Whether models that take so many seconds can be made in the time that is left.
    pub(super) fn has_time_for(&self, seconds: f64) -> bool {
        self.has(seconds + self.preparation())
    }

    /// Keeps so many seconds for making models, from now on; none when they are made.
    pub(super) fn keep_for_delivery(&self, seconds: Option<f64>) {
        let seconds = seconds.map_or(0.0, |seconds| seconds + self.preparation());
        self.delivery.store((1e3 * seconds) as u64, Ordering::Relaxed);
    }

    /// Seconds that the features of all rows will take: those of the other parts took about as long.
    fn preparation(&self) -> f64 {
        1e-3 * self.preparing.load(Ordering::Relaxed) as f64
    }

    fn has_prepared_since(&self, begun: Instant) {
        self.preparing.fetch_add(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Trains on a part.
    ///
    /// # Errors
    /// [`TrialError::Interrupted`] if time is up.
    pub(super) fn train(&self, setting: &Setting, part: Part, seed: u64) -> Result<Trained, TrialError> {
        self.pool.install(|| self.train_here(setting, part, seed))
    }

    /// About how long work on all rows takes, by a training on a few of them.
    pub(super) fn pace(&self) -> Result<Pace, TrialError> {
        let splits = &self.problem.splits;
        let rows = &splits.learn[..splits.learn.len().min(PROBE_ROWS)];
        self.pool.install(|| {
            let begun = Instant::now();
            let fit = self.fit(rows, Encoding::Levels);
            let data = bins(&Preparer::fit(&fit).transform_training(&fit))?;
            let prepared = begun.elapsed();
            let targets: Vec<f64> = rows.iter().map(|row| self.problem.targets[*row as usize]).collect();
            self.shallow(&data, &targets, PROBE_ROUNDS)?;
            let trained = begun.elapsed() - prepared;
            let times = splits.all.len() as f64 / rows.len().max(1) as f64;
            Ok(Pace {
                prepare: prepared.as_secs_f64() * times,
                is_shared: self.is_shared(Encoding::Levels),
                round: trained.as_secs_f64() * times / PROBE_ROUNDS as f64,
            })
        })
    }

    fn train_here(&self, setting: &Setting, part: Part, seed: u64) -> Result<Trained, TrialError> {
        let problem = &self.problem;
        let (train, validation) = self.rows(part);
        let stop = || self.ends();
        let learns = setting.algorithm != Algorithm::Constant;
        let prepared = if learns { Some(self.prepared(setting.encoding(), part)?) } else { None };
        let place = |rows: &[u32]| -> Vec<u32> {
            match &prepared {
                Some(prepared) => rows.iter().map(|row| prepared.place[*row as usize]).collect(),
                None => rows.to_vec(),
            }
        };
        let mut targets = prepared.as_ref().map_or_else(|| problem.targets.clone(), |it| it.targets.clone());
        if setting.log_target() {
            targets.iter_mut().for_each(|y| *y = y.max(f64::MIN_POSITIVE).ln());
        }
        let (matrix, bins);
        let mut begun = Instant::now();
        let inputs = match &prepared {
            None => Inputs::None,
            Some(prepared) if matches!(setting.algorithm, Algorithm::Linear | Algorithm::Mlp) => {
                matrix = self.matrix(prepared, setting.encoding());
                Inputs::Matrix(&matrix)
            }
            Some(prepared) => {
                bins = self.bins(prepared, setting.encoding())?;
                begun = Instant::now();
                Inputs::Bins(&bins)
            }
        };
        let within = match setting.algorithm {
            Algorithm::Mlp if setting.rounds.is_none() => problem.splits.within(&train),
            _ => Fold::default(),
        };
        let within = Fold { train: place(&within.train), validation: place(&within.validation) };
        let training = Training {
            inputs,
            targets: &targets,
            rows: &place(&train),
            validation: &place(&validation),
            within: &within,
            task: problem.task(),
            classes: problem.classes,
            // A part has a seed of its own, the same for every trial with the trial's seed.
            seed: mix(seed ^ part.number()),
            threads: self.threads(),
        };
        let mut setting = setting.clone();
        setting.work = self.work;
        let outcome = algorithm::fit(&training, &setting, &stop)?;
        let preparer = prepared.map_or_else(Preparer::default, |prepared| prepared.preparer.clone());
        let (fitted, validation, rounds) = (outcome.fitted, outcome.validation, outcome.rounds);
        Ok(Trained { fitted, preparer, validation, rounds, seconds: begun.elapsed().as_secs_f64() })
    }

    /// As `lightcrest-tree` counts them: those of the pool, unless there is one.
    fn threads(&self) -> usize {
        if self.pool.current_num_threads() == 1 { 1 } else { 0 }
    }

    fn rows(&self, part: Part) -> (Vec<u32>, Vec<u32>) {
        let splits = &self.problem.splits;
        match part {
            Part::Fold(fold) => (splits.folds[fold].train.clone(), splits.folds[fold].validation.clone()),
            Part::Fraction { halvings } => {
                // Rows that belong together stay together.
                let mark = |row: u32| mix(splits.clusters[row as usize] ^ FRACTION);
                let is_left = |row: &u32| mark(*row) & ((1 << halvings) - 1) == 0;
                let fold = &splits.folds[0];
                (fold.train.iter().copied().filter(is_left).collect(), fold.validation.clone())
            }
            Part::Learn => (splits.learn.clone(), Vec::new()),
            Part::All => (splits.all.clone(), Vec::new()),
        }
    }

    /// How many rows a part learns from.
    pub(super) fn learnt(&self, part: Part) -> usize {
        self.rows(part).0.len()
    }

    /// The features of a part. What does not look at targets is shared by all folds.
    fn prepared(&self, encoding: Encoding, part: Part) -> Result<Arc<Prepared>, TrialError> {
        let key = (encoding, if self.is_shared(encoding) && part != Part::All { Part::Learn } else { part });
        if let Some(found) = lock(&self.cache).get(&key) {
            return Ok(Arc::clone(found));
        }
        if self.ends() {
            return Err(TrialError::Interrupted);
        }
        let begun = Instant::now();
        let made = Arc::new(self.prepare(encoding, key.1)?);
        self.has_prepared_since(begun);
        lock(&self.cache).insert(key, Arc::clone(&made));
        Ok(made)
    }

    /// Whether nothing that is learnt of the columns depends on targets: neither the features themselves nor
    /// which of them are used.
    fn is_shared(&self, encoding: Encoding) -> bool {
        let (schema, table) = (self.problem.schema(), self.problem.table());
        !Preparer::learns_from_targets(schema, table, encoding)
            && Preparer::most_features(schema, table) <= MANY_FEATURES
    }

    fn prepare(&self, encoding: Encoding, part: Part) -> Result<Prepared, TrialError> {
        let problem = &self.problem;
        let (train, validation) = self.rows(part);
        let fit = self.fit(&train, encoding);
        let mut preparer = Preparer::fit(&fit);
        let rows: Vec<u32> = train.iter().chain(&validation).copied().collect();
        let targets: Vec<f64> = rows.iter().map(|row| problem.targets[*row as usize]).collect();
        if preparer.width() > MANY_FEATURES {
            let data = bins(&preparer.transform_training(&fit))?;
            let used = self.screen(&data, &targets)?;
            preparer.retain(&used);
        }
        let mut place = vec![u32::MAX; problem.table().rows];
        rows.iter().zip(0..).for_each(|(row, at)| place[*row as usize] = at);
        Ok(Prepared { part, preparer, place, targets, bins: Mutex::default() })
    }

    fn fit<'a>(&'a self, rows: &'a [u32], encoding: Encoding) -> Fit<'a> {
        let problem = &self.problem;
        Fit {
            schema: problem.schema(),
            table: problem.table(),
            rows,
            targets: &problem.targets,
            classes: problem.classes,
            inner: &problem.splits.inner,
            ordered: problem.splits.ordered,
            encoding,
        }
    }

    /// The features of the rows of a part: those that are learnt from and, behind them, those that judge.
    fn matrix(&self, prepared: &Prepared, encoding: Encoding) -> Matrix {
        let (train, validation) = self.rows(prepared.part);
        let fit = self.fit(&train, encoding);
        let mut matrix = prepared.preparer.transform_training(&fit);
        if !validation.is_empty() {
            let judged = prepared.preparer.transform(fit.table, &validation);
            for (feature, more) in matrix.features.iter_mut().zip(judged.features) {
                match (feature, more) {
                    (Feature::Number(values), Feature::Number(more)) => values.extend(more),
                    (Feature::Codes(codes), Feature::Codes(more)) => codes.extend(more),
                    _ => unreachable!("a step makes the same kind of features of all rows"),
                }
            }
            matrix.rows += validation.len();
        }
        matrix
    }

    /// The same in bins.
    fn bins(&self, prepared: &Prepared, encoding: Encoding) -> Result<Arc<Dataset>, TrialError> {
        let found = lock(&prepared.bins).clone();
        if let Some(found) = found {
            return Ok(found);
        }
        // Nothing is locked meanwhile: a thread of the pool that waits takes other trainings up.
        let begun = Instant::now();
        let made = Arc::new(bins(&self.matrix(prepared, encoding))?);
        self.has_prepared_since(begun);
        *lock(&prepared.bins) = Some(Arc::clone(&made));
        Ok(made)
    }

    /// The features that a shallow model of these rows asks for; their targets come first.
    fn screen(&self, data: &Dataset, targets: &[f64]) -> Result<Vec<bool>, TrialError> {
        let used = self.shallow(data, targets, SCREENING_ROUNDS)?.used(data.columns());
        Ok(if used.iter().any(|used| *used) { used } else { vec![true; data.columns()] })
    }

    fn shallow(&self, data: &Dataset, targets: &[f64], rounds: usize) -> Result<Fitted, TrialError> {
        let mut configuration = Configuration::new();
        let values = [("learning_rate", 0.2), ("leaves", 8.0), ("column_fraction", 0.5)];
        configuration.set("algorithm", "boosting");
        configuration.set("boosting.rounds", rounds as i64);
        values.iter().for_each(|(name, value)| configuration.set(format!("boosting.{name}"), *value));
        configuration.set("boosting.min_rows", (data.rows() as f64 / 50.0).clamp(2.0, 20.0));
        let rows: Vec<u32> = (0..data.rows() as u32).collect();
        let training = Training {
            inputs: Inputs::Bins(data),
            targets: &targets[..data.rows()],
            rows: &rows,
            validation: &[],
            within: &Fold::default(),
            task: self.problem.task(),
            classes: self.problem.classes,
            seed: self.problem.seed,
            threads: self.threads(),
        };
        let setting = Setting::of(&configuration);
        Ok(algorithm::fit(&training, &setting, &|| self.ends())?.fitted)
    }
}

fn bins(matrix: &Matrix) -> Result<Dataset, TrialError> {
    Dataset::new(&matrix.columns(), &BinningConfig::default()).map_err(failed)
}

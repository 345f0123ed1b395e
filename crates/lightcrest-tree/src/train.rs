//! The rounds of a training.

use crate::grow::{Grower, GrownTree};
use crate::histogram::Scale;
use crate::loss::Targets;
use crate::model::Builder;
use crate::sample::{self, mix};

use crate::{Dataset, Decision, Mode, Model, Monotone, TrainConfig, TreeError};

/// What is learned from which rows.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// The features of all rows.
    pub data: &'a Dataset,
    /// One a row of `data`; classes are 0, 1, ... Only those of `rows` and `validation` are read.
    pub targets: &'a [f64],
    /// How much each row of `data` counts, in training and in validation; all the same if absent.
    pub weights: Option<&'a [f32]>,
    /// The rows to learn from, each once.
    pub rows: &'a [u32],
    /// The rows to judge rounds on, each once; may be empty.
    pub validation: &'a [u32],
}

/// What a callback hears after a round.
#[derive(Debug)]
pub struct Round<'a> {
    /// From 0.
    pub round: usize,
    /// The mean loss over the validation rows, by their weights; nothing where there are none.
    pub validation_loss: Option<f64>,
    /// Raw scores so far, n x K; only those of training and validation rows are meaningful.
    pub scores: &'a [f64],
}

/// A model and how it came about.
#[derive(Debug, Clone)]
pub struct Training {
    /// The trees up to the best round; to the last where there are no validation rows, and in a forest.
    pub model: Model,
    /// The validation loss after each round.
    pub losses: Vec<f64>,
    /// Rounds that the model has.
    pub rounds: usize,
    /// Predictions of the validation rows after those rounds, in their order, m x K: out-of-fold predictions.
    pub validation: Vec<f64>,
}

/// Trains a model, and calls `judge` after every round, which may end the training.
///
/// # Errors
/// Settings outside of their domains; arrays of wrong lengths; no rows, rows that do not exist or are named
/// twice; targets that the loss is not defined for; weights that are negative or all zero; scores that are
/// no longer finite.
pub fn train(
    problem: &Problem<'_>,
    config: &TrainConfig,
    judge: impl FnMut(&Round<'_>) -> Decision + Send,
) -> Result<Training, TreeError> {
    check(problem, config)?;
    if config.threads <= 1 {
        return run(problem, config, judge);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.threads)
        .build()
        .map_err(|error| TreeError::Threads { threads: config.threads, reason: error.to_string() })?;
    pool.install(|| run(problem, config, judge))
}

fn check(problem: &Problem<'_>, config: &TrainConfig) -> Result<(), TreeError> {
    let data = problem.data;
    config.check(data.columns())?;
    let length = |what, found| {
        if found == data.rows() {
            Ok(())
        } else {
            Err(TreeError::Shape { what, expected: data.rows(), found })
        }
    };
    length("targets", problem.targets.len())?;
    if problem.rows.is_empty() {
        return Err(TreeError::Empty { what: "row to learn from" });
    }
    for (what, rows) in [("rows", problem.rows), ("validation", problem.validation)] {
        let mut is_named = vec![false; data.rows()];
        for &row in rows {
            let row = row as usize;
            if is_named.get(row).copied().unwrap_or(true) {
                return Err(TreeError::Row { what, row, rows: data.rows() });
            }
            is_named[row] = true;
        }
        config.loss.check_targets(problem.targets, rows)?;
        let Some(weights) = problem.weights else { continue };
        length("weights", weights.len())?;
        let weight = |row: &u32| weights[*row as usize];
        let is_bad = |row: &&u32| !(weight(row) >= 0.0 && weight(row).is_finite());
        let all_zero = || rows.first().filter(|_| rows.iter().all(|row| weight(row) == 0.0));
        if let Some(row) = rows.iter().find(is_bad).or_else(all_zero) {
            return Err(TreeError::Weight { row: *row as usize, value: f64::from(weight(row)) });
        }
    }
    let is_bound = |column: &usize| config.monotone.get(*column).is_some_and(|m| *m != Monotone::Free);
    let is_category = |column: &usize| data.is_category(*column);
    match (0..data.columns()).filter(is_bound).find(is_category) {
        Some(column) => Err(TreeError::MonotoneCategory { column }),
        None => Ok(()),
    }
}

fn run(
    problem: &Problem<'_>,
    config: &TrainConfig,
    mut judge: impl FnMut(&Round<'_>) -> Decision,
) -> Result<Training, TreeError> {
    let mut state = State::new(problem, config);
    let mut losses: Vec<f64> = Vec::new();
    let mut best = 0;
    let mut rounds = 0;
    let mut validation = Vec::new();
    for round in 0..config.rounds {
        let is_split = state.round(round)?;
        rounds = round + 1;
        let scores = state.scores_of(rounds);
        let loss = state.validation_loss(&scores);
        if let Some(loss) = loss {
            if !loss.is_finite() {
                return Err(TreeError::Diverged { round });
            }
            losses.push(loss);
            if loss < losses[best] || round == 0 || config.mode == Mode::Forest {
                best = round;
                state.predict_validation(&scores, &mut validation);
            }
        }
        let decision = judge(&Round { round, validation_loss: loss, scores: &scores });
        // Without draws, the next round would find as little.
        let is_fixed = config.row_fraction >= 1.0
            && !config.with_replacement
            && config.column_fraction >= 1.0
            && config.column_fraction_by_node >= 1.0
            && !config.random_thresholds;
        if decision == Decision::Stop || (!is_split && is_fixed) {
            break;
        }
    }
    if !losses.is_empty() {
        rounds = best + 1;
    }
    Ok(Training { model: state.builder.finish(rounds), losses, rounds, validation })
}

/// Those of `rows` that are not among `some` of them, which are in the same order.
fn others(rows: &[u32], some: &[u32]) -> Vec<u32> {
    let mut some = some.iter().peekable();
    rows.iter().copied().filter(|row| some.next_if_eq(&row).is_none()).collect()
}

/// What rounds change.
struct State<'a> {
    problem: &'a Problem<'a>,
    config: &'a TrainConfig,
    targets: Targets<'a>,
    outputs: usize,
    base: Vec<f64>,
    /// n x K.
    scores: Vec<f64>,
    grower: Grower<'a>,
    builder: Builder<'a>,
    derivatives: Vec<Vec<[f32; 2]>>,
    cells: Vec<crate::histogram::Cell>,
    routed: Vec<u32>,
    scratch: Vec<u32>,
}

impl<'a> State<'a> {
    fn new(problem: &'a Problem<'a>, config: &'a TrainConfig) -> Self {
        let targets = Targets { values: problem.targets, weights: problem.weights };
        let outputs = config.loss.outputs();
        let base = config.loss.base(config.mode, &targets, problem.rows);
        let data = problem.data;
        Self {
            problem,
            config,
            targets,
            outputs,
            scores: base.iter().copied().cycle().take(outputs * data.rows()).collect(),
            grower: Grower::new(data, config),
            builder: Builder::new(data, config, base.clone()),
            base,
            derivatives: vec![Vec::new(); outputs],
            cells: vec![[0; 2]; data.rows()],
            routed: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// One tree an output; returns whether any has a split.
    fn round(&mut self, round: usize) -> Result<bool, TreeError> {
        let (config, rows) = (self.config, self.problem.rows);
        // A forest learns the same from every tree's rows.
        if config.mode == Mode::Boosting || round == 0 {
            let loss = &config.loss;
            loss.derivatives(config.mode, &self.scores, &self.targets, rows, &mut self.derivatives);
        }
        let sampled = sample::rows(config, rows, round as u64);
        let unseen = sampled.as_deref().map_or_else(Vec::new, |sampled| others(rows, sampled));
        let mut is_split = false;
        for output in 0..self.outputs {
            let scale = Scale::quantise(rows, &self.derivatives[output], &mut self.cells)
                .ok_or(TreeError::Diverged { round })?;
            let seed = mix(mix(config.seed, round as u64), output as u64);
            let of_tree = sampled.clone().unwrap_or_else(|| rows.to_vec());
            let mut tree = self.grower.grow(of_tree, &self.cells, scale, seed);
            is_split |= !tree.branches.is_empty();
            self.renew(&mut tree);
            if config.mode == Mode::Boosting {
                tree.leaves.iter_mut().for_each(|leaf| leaf.value *= config.learning_rate);
            }
            self.add(&tree, output, &unseen);
            self.builder.push(tree);
        }
        Ok(is_split)
    }

    /// Line search of the leaves, where the loss needs it.
    fn renew(&self, tree: &mut GrownTree) {
        // A forest's scores of training rows stay at the base.
        let score = |row: usize| self.scores[row * self.outputs];
        for leaf in &mut tree.leaves {
            let rows = &tree.rows[leaf.rows.clone()];
            if let Some(value) = self.config.loss.renewed(score, &self.targets, rows) {
                leaf.value = value.clamp(leaf.bounds.low, leaf.bounds.high);
            }
        }
    }

    /// Adds a tree to the scores of training and validation rows; `unseen` are the training rows that it was
    /// not grown on.
    fn add(&mut self, tree: &GrownTree, output: usize, unseen: &[u32]) {
        let (scores, outputs) = (&mut self.scores, self.outputs);
        let mut add = |leaf: usize, rows: &[u32]| {
            let value = tree.leaves[leaf].value;
            for &row in rows {
                scores[row as usize * outputs + output] += value;
            }
        };
        let data = self.problem.data;
        self.routed.clear();
        // In a forest, the scores of the training rows are not needed: trees do not depend on each other.
        if self.config.mode == Mode::Boosting {
            if self.config.with_replacement {
                // A row that was drawn twice is there twice.
                self.routed.extend_from_slice(self.problem.rows);
            } else {
                for (at, leaf) in tree.leaves.iter().enumerate() {
                    add(at, &tree.rows[leaf.rows.clone()]);
                }
                self.routed.extend_from_slice(unseen);
            }
        }
        self.routed.extend_from_slice(self.problem.validation);
        tree.route(data, &mut self.routed, &mut self.scratch, &mut add);
    }

    /// Raw scores after some rounds; a forest's are means.
    fn scores_of(&self, rounds: usize) -> std::borrow::Cow<'_, [f64]> {
        if self.config.mode == Mode::Boosting {
            return std::borrow::Cow::Borrowed(&self.scores);
        }
        let mean = |(at, score): (usize, &f64)| {
            let base = self.base[at % self.outputs];
            base + (score - base) / rounds as f64
        };
        std::borrow::Cow::Owned(self.scores.iter().enumerate().map(mean).collect())
    }

    fn validation_loss(&self, scores: &[f64]) -> Option<f64> {
        let (config, rows) = (self.config, self.problem.validation);
        (!rows.is_empty()).then(|| config.loss.mean(config.mode, scores, &self.targets, rows))
    }

    fn predict_validation(&self, scores: &[f64], out: &mut Vec<f64>) {
        let link = self.config.loss.link(self.config.mode);
        out.clear();
        for &row in self.problem.validation {
            let at = row as usize * self.outputs;
            out.extend_from_slice(&scores[at..at + self.outputs]);
            let first = out.len() - self.outputs;
            link.apply(&mut out[first..]);
        }
    }
}

//! How good predictions are.
//!
//! | metric | of | best | formula |
//! |---|---|---|---|
//! | `log_loss` | probabilities | 0 | -mean log p of the true class |
//! | `auc` | probabilities | 1 | share of pairs of a positive and a negative in the right order, ties count half (Mann & Whitney); of several classes the mean over one against the rest |
//! | `average_precision` | probabilities | 1 | sum over thresholds of (R_i - R_{i-1}) P_i, as scikit-learn has it; of several classes the mean |
//! | `f1` | classes | 1 | of the second class; of several classes the mean |
//! | `accuracy` | classes | 1 | share of rows that are right |
//! | `brier` | probabilities | 0 | mean of the squared distances to 0 and 1; of two classes of the second one |
//! | `rmse`, `mae`, `r2` | numbers | 0, 0, 1 | as usual |
//! | `pinball` | numbers | 0 | mean of max(q (y - f), (q - 1) (y - f)) at q = 0.5 |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Task;
use crate::split::mix;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean logarithmic loss.
    LogLoss,
    /// Area under the ROC curve.
    Auc,
    /// Area under precision against recall.
    AveragePrecision,
    /// Harmonic mean of precision and recall.
    F1,
    /// Share of rows that are right.
    Accuracy,
    /// Mean squared error of probabilities.
    Brier,
    /// Root of the mean squared error.
    Rmse,
    /// Mean absolute error.
    Mae,
    /// Share of the variance that is explained.
    R2,
    /// Loss of the median.
    Pinball,
}

/// Probabilities stay this far from 0 in a logarithm, as in scikit-learn.
const SMALL: f64 = 1e-15;

impl Metric {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::LogLoss,
        Self::Auc,
        Self::AveragePrecision,
        Self::F1,
        Self::Accuracy,
        Self::Brier,
        Self::Rmse,
        Self::Mae,
        Self::R2,
        Self::Pinball,
    ];

    /// Their names.
    pub const NAMES: [&str; 10] = {
        let mut names = [""; 10];
        let mut i = 0;
        while i < names.len() {
            names[i] = Self::ALL[i].name();
            i += 1;
        }
        names
    };

    /// What a task is judged by unless the user says otherwise.
    pub fn default_of(task: Task) -> Self {
        match task {
            Task::Classification => Self::LogLoss,
            Task::Regression => Self::Rmse,
        }
    }

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogLoss => "log_loss",
            Self::Auc => "auc",
            Self::AveragePrecision => "average_precision",
            Self::F1 => "f1",
            Self::Accuracy => "accuracy",
            Self::Brier => "brier",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::R2 => "r2",
            Self::Pinball => "pinball",
        }
    }

    /// The metric of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// What it judges.
    pub fn task(self) -> Task {
        match self {
            Self::Rmse | Self::Mae | Self::R2 | Self::Pinball => Task::Regression,
            _ => Task::Classification,
        }
    }

    /// Whether larger is better.
    pub fn is_maximized(self) -> bool {
        matches!(self, Self::Auc | Self::AveragePrecision | Self::F1 | Self::Accuracy | Self::R2)
    }

    /// Whether it judges classes, not probabilities.
    pub fn needs_labels(self) -> bool {
        matches!(self, Self::F1 | Self::Accuracy)
    }

    /// Whether it is the mean of a loss of each row, or follows from one.
    pub fn is_mean(self) -> bool {
        matches!(self, Self::LogLoss | Self::Brier | Self::Accuracy | Self::Rmse | Self::Mae | Self::Pinball)
    }

    /// Its value where the mean loss is known.
    pub(crate) fn of_mean(self, mean: f64) -> f64 {
        if self == Self::Rmse { mean.sqrt() } else { mean }
    }

    /// The loss of each row, of which it is the mean; none of other metrics.
    pub(crate) fn losses(
        self,
        predictions: &[f64],
        outputs: usize,
        targets: &[f64],
        threshold: f64,
    ) -> Option<Vec<f64>> {
        let loss = |(row, y): (&[f64], &f64)| match self {
            Self::LogLoss => -row[*y as usize].clamp(SMALL, 1.0 - SMALL).ln(),
            Self::Brier if outputs == 2 => (row[1] - y).powi(2),
            Self::Brier => {
                let off = |(k, p): (usize, &f64)| (p - f64::from(u8::from(k == *y as usize))).powi(2);
                row.iter().enumerate().map(off).sum()
            }
            Self::Accuracy => f64::from(u8::from(label(row, threshold) == *y as usize)),
            Self::Rmse => (row[0] - y).powi(2),
            Self::Pinball => 0.5 * (row[0] - y).abs(),
            _ => (row[0] - y).abs(),
        };
        self.is_mean().then(|| predictions.chunks_exact(outputs).zip(targets).map(loss).collect())
    }

    /// The standard error of its value over rows like these, of which those with the same `cluster` belong
    /// together. Of means exact, of others by bootstrap.
    pub fn standard_error(
        self,
        predictions: &[f64],
        outputs: usize,
        targets: &[f64],
        threshold: f64,
        clusters: &[u64],
    ) -> Option<f64> {
        const DRAWS: u64 = 50;
        const ROWS: usize = 3000;
        if let Some(losses) = self.losses(predictions, outputs, targets, threshold) {
            let (error, mean) = clustered_error(&losses, clusters)?;
            // By the delta method, the root's is that of the square by twice the root.
            return Some(if self == Self::Rmse { error / (2.0 * mean.sqrt()) } else { error });
        }
        let n = targets.len().min(ROWS);
        let draw = |draw: u64| {
            let rows = (0..n as u64).map(|i| (mix(mix(draw) ^ i) % targets.len() as u64) as usize);
            let rows: Vec<usize> = rows.collect();
            let drawn: Vec<f64> =
                rows.iter().flat_map(|row| predictions[row * outputs..][..outputs].iter().copied()).collect();
            let y: Vec<f64> = rows.iter().map(|row| targets[*row]).collect();
            self.score(&drawn, outputs, &y, threshold)
        };
        let found: Vec<f64> = (0..DRAWS).filter_map(draw).collect();
        let count = found.len() as f64;
        let mean = found.iter().sum::<f64>() / count;
        let spread = (found.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        Some(spread * (n as f64 / targets.len() as f64).sqrt()).filter(|it| it.is_finite())
    }

    /// Its value. None where it is not defined: no rows, or no pair of classes.
    ///
    /// # Shapes
    /// `predictions` has `outputs` numbers a row: of classes their probabilities, of a regression one number.
    /// `threshold` is the probability from which on a row is of the second of two classes.
    pub fn score(self, predictions: &[f64], outputs: usize, targets: &[f64], threshold: f64) -> Option<f64> {
        if targets.is_empty() {
            return None;
        }
        let n = targets.len() as f64;
        let value = match self {
            Self::F1 => f1(predictions, outputs, targets, threshold)?,
            Self::Auc | Self::AveragePrecision => {
                let curve = if self == Self::Auc { auc } else { average_precision };
                let classes = if outputs == 2 { 1..2 } else { 0..outputs };
                let one = |k: usize| {
                    let scores: Vec<f64> = predictions.chunks_exact(outputs).map(|row| row[k]).collect();
                    let positive: Vec<bool> = targets.iter().map(|y| *y as usize == k).collect();
                    curve(&scores, &positive)
                };
                let defined: Vec<f64> = classes.filter_map(one).collect();
                if defined.is_empty() {
                    return None;
                }
                defined.iter().sum::<f64>() / defined.len() as f64
            }
            Self::R2 => {
                let center = targets.iter().sum::<f64>() / n;
                let total = targets.iter().map(|y| (y - center).powi(2)).sum::<f64>() / n;
                if total == 0.0 {
                    return None;
                }
                let squares =
                    predictions.chunks_exact(outputs).zip(targets).map(|(row, y)| (row[0] - y).powi(2));
                1.0 - squares.sum::<f64>() / n / total
            }
            _ => {
                let losses = self.losses(predictions, outputs, targets, threshold)?;
                self.of_mean(losses.iter().sum::<f64>() / n)
            }
        };
        value.is_finite().then_some(value)
    }
}

/// The standard error of a mean of numbers that belong together in clusters, and the mean.
fn clustered_error(losses: &[f64], clusters: &[u64]) -> Option<(f64, f64)> {
    let n = losses.len() as f64;
    let mean = losses.iter().sum::<f64>() / n;
    // BTreeMap: sums in one order give one result.
    let mut sums: BTreeMap<u64, f64> = BTreeMap::new();
    for (loss, cluster) in losses.iter().zip(clusters) {
        *sums.entry(*cluster).or_default() += loss - mean;
    }
    let count = sums.len() as f64;
    let squares: f64 = sums.values().map(|sum| sum * sum).sum();
    let error = (squares * count / (count - 1.0)).sqrt() / n;
    error.is_finite().then_some((error, mean))
}

/// The class of a row of probabilities: of two the second one from the threshold on, of several the
/// likeliest.
pub fn label(row: &[f64], threshold: f64) -> usize {
    if row.len() == 2 {
        return usize::from(row[1] >= threshold);
    }
    let mut best = 0;
    for k in 1..row.len() {
        if row[k] > row[best] {
            best = k;
        }
    }
    best
}

fn f1(predictions: &[f64], outputs: usize, targets: &[f64], threshold: f64) -> Option<f64> {
    let mut counts = vec![[0.0; 3]; outputs]; // right, predicted, true
    for (row, y) in predictions.chunks_exact(outputs).zip(targets) {
        let (guess, truth) = (label(row, threshold), *y as usize);
        counts[guess][1] += 1.0;
        counts[truth][2] += 1.0;
        counts[truth][0] += f64::from(u8::from(guess == truth));
    }
    let one = |[right, guessed, truth]: &[f64; 3]| match guessed + truth {
        0.0 => None,
        sum => Some(2.0 * right / sum),
    };
    if outputs == 2 {
        return one(&counts[1]);
    }
    let defined: Vec<f64> = counts.iter().filter_map(one).collect();
    (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
}

fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    auc_of_ranks(&ranks(scores), |row| positive[row])
}

/// The rank of each number, from 1; equal ones share the mean of theirs.
pub(crate) fn ranks(numbers: &[f64]) -> Vec<f64> {
    let order = sorted(numbers, false);
    let (mut ranks, mut i) = (vec![0.0; order.len()], 0);
    while i < order.len() {
        let mut j = i;
        while j < order.len() && numbers[order[j]] == numbers[order[i]] {
            j += 1;
        }
        order[i..j].iter().for_each(|row| ranks[*row] = (i + j + 1) as f64 / 2.0);
        i = j;
    }
    ranks
}

/// Area under the ROC curve by the ranks of the scores; none without both classes.
pub(crate) fn auc_of_ranks(ranks: &[f64], is_positive: impl Fn(usize) -> bool) -> Option<f64> {
    let of_positive = (0..ranks.len()).filter(|row| is_positive(*row)).map(|row| ranks[row]);
    let (p, sum) = of_positive.fold((0.0, 0.0), |(p, sum), rank| (p + 1.0, sum + rank));
    let n = ranks.len() as f64 - p;
    (p > 0.0 && n > 0.0).then(|| (sum - p * (p + 1.0) / 2.0) / (p * n))
}

fn average_precision(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let order = sorted(scores, true);
    let all = positive.iter().filter(|it| **it).count() as f64;
    let (mut area, mut hits, mut i) = (0.0, 0.0, 0);
    while i < order.len() {
        let mut j = i;
        let before = hits;
        while j < order.len() && scores[order[j]] == scores[order[i]] {
            hits += f64::from(u8::from(positive[order[j]]));
            j += 1;
        }
        area += (hits - before) / all * (hits / j as f64);
        i = j;
    }
    (all > 0.0).then_some(area)
}

fn sorted(scores: &[f64], falling: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| match falling {
        true => scores[*b].total_cmp(&scores[*a]),
        false => scores[*a].total_cmp(&scores[*b]),
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values by scikit-learn 1.9.1.
    #[test]
    fn metrics_are_those_of_scikit_learn() {
        let p = [0.1, 0.4, 0.35, 0.8, 0.65, 0.4];
        let y = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let both: Vec<f64> = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let score = |metric: Metric| metric.score(&both, 2, &y, 0.5).unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        // By hand: pairs in order 3 + 0.5 + 0 + 4 of 8: (0.1 below all four, 0.4 below two, tied with one).
        close(score(Metric::Auc), (4.0 + 2.0 + 0.5) / 8.0);
        close(score(Metric::Accuracy), 4.0 / 6.0);
        close(score(Metric::F1), 2.0 * 2.0 / (2.0 + 4.0));
        let brier = [0.01, 0.16, 0.4225, 0.04, 0.1225, 0.36].iter().sum::<f64>() / 6.0;
        close(score(Metric::Brier), brier);
        let log = -[0.9f64, 0.6, 0.35, 0.8, 0.65, 0.4].iter().map(|p| p.ln()).sum::<f64>() / 6.0;
        close(score(Metric::LogLoss), log);
        // Thresholds 0.8, 0.65, 0.4 (two rows), 0.35.
        close(score(Metric::AveragePrecision), 0.25 + 0.25 + 0.25 * 0.75 + 0.25 * 0.8);
        let numbers = [1.0, 2.0, 4.0];
        let score = |metric: Metric| metric.score(&numbers, 1, &[1.0, 3.0, 2.0], 0.5).unwrap();
        close(score(Metric::Rmse), (5.0f64 / 3.0).sqrt());
        close(score(Metric::Mae), 1.0);
        close(score(Metric::Pinball), 0.5);
        close(score(Metric::R2), 1.0 - 5.0 / 2.0);
    }

    #[test]
    fn standard_errors_are_those_of_means_and_of_clusters() {
        let n = 4000;
        let random = |i: u64| (mix(i) >> 11) as f64 / (1u64 << 53) as f64;
        let y: Vec<f64> = (0..n).map(random).collect();
        let zeros = vec![0.0; n as usize];
        let each: Vec<u64> = (0..n).collect();
        let error = Metric::Mae.standard_error(&zeros, 1, &y, 0.5, &each).unwrap();
        // The deviation of a uniform number is 1 / √12.
        assert!((error / ((1.0 / 12f64).sqrt() / (n as f64).sqrt()) - 1.0).abs() < 0.03, "{error}");
        // Ten copies of each row tell no more than one.
        let copies: Vec<f64> = (0..n).map(|i| random(i / 10)).collect();
        let together: Vec<u64> = (0..n).map(|i| i / 10).collect();
        let clustered = Metric::Mae.standard_error(&zeros, 1, &copies, 0.5, &together).unwrap();
        assert!((clustered / (error * 10f64.sqrt()) - 1.0).abs() < 0.1, "{clustered} {error}");
        // Of an AUC of chance, √((p + n + 1) / (12 p n)).
        let both: Vec<f64> = (0..n).flat_map(|i| [1.0 - random(i + 9999), random(i + 9999)]).collect();
        let classes: Vec<f64> = (0..n).map(|i| (i % 2) as f64).collect();
        let found = Metric::Auc.standard_error(&both, 2, &classes, 0.5, &each).unwrap();
        let half = n as f64 / 2.0;
        let exact = ((n as f64 + 1.0) / (12.0 * half * half)).sqrt();
        assert!((found / exact - 1.0).abs() < 0.3, "{found} {exact}");
    }

    #[test]
    fn what_is_not_defined_has_no_value() {
        assert_eq!(Metric::Auc.score(&[0.5, 0.5], 2, &[1.0], 0.5), None);
        assert_eq!(Metric::R2.score(&[1.0], 1, &[1.0], 0.5), None);
        assert_eq!(Metric::Rmse.score(&[], 1, &[], 0.5), None);
        for metric in Metric::ALL {
            assert_eq!(Metric::named(metric.name()), Some(metric));
        }
    }
}

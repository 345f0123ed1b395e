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

use serde::{Deserialize, Serialize};

use crate::Task;

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

    /// What a task is judged by unless the user says otherwise.
    pub fn default_of(task: Task) -> Self {
        match task {
            Task::Classification => Self::LogLoss,
            Task::Regression => Self::Rmse,
        }
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
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
        let rows = || predictions.chunks_exact(outputs).zip(targets);
        let mean = |loss: &dyn Fn(&[f64], f64) -> f64| rows().map(|(row, y)| loss(row, *y)).sum::<f64>() / n;
        let value = match self {
            Self::LogLoss => mean(&|row, y| -row[y as usize].clamp(SMALL, 1.0 - SMALL).ln()),
            Self::Brier if outputs == 2 => mean(&|row, y| (row[1] - y).powi(2)),
            Self::Brier => mean(&|row, y| {
                let off = |(k, p): (usize, &f64)| (p - f64::from(u8::from(k == y as usize))).powi(2);
                row.iter().enumerate().map(off).sum()
            }),
            Self::Accuracy => mean(&|row, y| f64::from(u8::from(label(row, threshold) == y as usize))),
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
            Self::Rmse => mean(&|row, y| (row[0] - y).powi(2)).sqrt(),
            Self::Mae => mean(&|row, y| (row[0] - y).abs()),
            Self::Pinball => mean(&|row, y| 0.5 * (row[0] - y).abs()),
            Self::R2 => {
                let center = targets.iter().sum::<f64>() / n;
                let total = targets.iter().map(|y| (y - center).powi(2)).sum::<f64>() / n;
                if total == 0.0 {
                    return None;
                }
                1.0 - mean(&|row, y| (row[0] - y).powi(2)) / total
            }
        };
        value.is_finite().then_some(value)
    }
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

/// Area under the ROC curve by ranks; none without both classes.
pub fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let order = sorted(scores, false);
    let (mut ranks, mut i) = (0.0, 0);
    while i < order.len() {
        let mut j = i;
        while j < order.len() && scores[order[j]] == scores[order[i]] {
            j += 1;
        }
        let rank = (i + j + 1) as f64 / 2.0;
        ranks += rank * order[i..j].iter().filter(|row| positive[**row]).count() as f64;
        i = j;
    }
    let p = positive.iter().filter(|it| **it).count() as f64;
    let n = positive.len() as f64 - p;
    (p > 0.0 && n > 0.0).then(|| (ranks - p * (p + 1.0) / 2.0) / (p * n))
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
    fn what_is_not_defined_has_no_value() {
        assert_eq!(Metric::Auc.score(&[0.5, 0.5], 2, &[1.0], 0.5), None);
        assert_eq!(Metric::R2.score(&[1.0], 1, &[1.0], 0.5), None);
        assert_eq!(Metric::Rmse.score(&[], 1, &[], 0.5), None);
        for metric in Metric::ALL {
            assert_eq!(Metric::named(metric.name()), Some(metric));
        }
    }
}

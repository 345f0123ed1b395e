//! What is done to predictions, found out by predictions of rows that were not learnt from.

use crate::Task;
use crate::metric::Metric;
use crate::pipeline::After;

/// Rows that a temperature is found on, at most.
const ROWS: usize = 5000;

/// Predictions of rows that were not learnt from, `outputs` numbers a row, and their targets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged<'a> {
    pub(super) predictions: &'a [f64],
    pub(super) outputs: usize,
    pub(super) targets: &'a [f64],
}

/// The factor that makes the mean of predictions that of the targets, where a logarithm was learnt.
///
/// Duan 1983, *Smearing estimate*: the mean of the exponential is not that of the logarithm.
pub(super) fn factor(judged: Judged<'_>) -> f64 {
    let factor = judged.targets.iter().sum::<f64>() / judged.predictions.iter().sum::<f64>();
    if factor.is_finite() { factor.clamp(0.5, 2.0) } else { 1.0 }
}

/// The temperature of least log loss (Guo et al. 2017, *On calibration of modern neural networks*), by golden
/// section over its logarithm; 1 where that gains nothing to speak of.
pub(super) fn temperature(judged: Judged<'_>) -> f64 {
    let Judged { predictions, outputs: k, targets } = judged;
    // One number needs no more rows than these.
    let step = targets.len().div_ceil(ROWS).max(1);
    let rows = predictions.chunks_exact(k).step_by(step);
    let (predictions, targets): (Vec<f64>, Vec<f64>) =
        (rows.flatten().copied().collect(), targets.iter().step_by(step).copied().collect());
    let loss = |log: f64| {
        let after = After { temperature: log.exp(), ..After::default() };
        let mut rows = predictions.clone();
        rows.chunks_exact_mut(k).for_each(|row| after.apply(Task::Classification, row));
        Metric::LogLoss.score(&rows, k, &targets, 0.5).unwrap_or(f64::INFINITY)
    };
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-1.2, 1.2);
    for _ in 0..18 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(a) < loss(b) { high = b } else { low = a }
    }
    let found = (low + high) / 2.0;
    if loss(found) < loss(0.0) * 0.9995 { found.exp() } else { 1.0 }
}

/// The threshold by which the metric of two classes is best, halfway between two probabilities; among equals
/// the one nearest to one half.
pub(super) fn threshold(metric: Metric, judged: Judged<'_>) -> f64 {
    let Judged { predictions, targets, .. } = judged;
    let mut seen: Vec<f64> = predictions.chunks_exact(2).map(|row| row[1]).collect();
    seen.sort_by(f64::total_cmp);
    seen.dedup();
    let steps = seen.len().min(100);
    let middle = |i: usize| {
        let at = i * (seen.len() - 1) / steps.max(1);
        (seen[at] + seen[(at + 1).min(seen.len() - 1)]) / 2.0
    };
    let mut candidates: Vec<f64> = (0..steps).map(middle).chain([0.5]).collect();
    candidates.sort_by(|a, b| (a - 0.5).abs().total_cmp(&(b - 0.5).abs()));
    let mut best = (f64::NEG_INFINITY, 0.5);
    for candidate in candidates {
        let found = metric.score(predictions, 2, targets, candidate).unwrap_or(f64::NEG_INFINITY);
        if found > best.0 {
            best = (found, candidate);
        }
    }
    best.1
}

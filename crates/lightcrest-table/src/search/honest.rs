//! What a model may be expected to score, though it was chosen as the best of many.
//!
//! The best validation score of many trials is too good, as the largest of many noisy numbers is. Its excess
//! is found by bootstrap (Tsamardinos, Greasidou & Borboudakis 2018, *Bootstrapping the out-of-sample
//! predictions for efficient and accurate cross-validation*): rows are drawn with replacement, the best trial
//! is chosen by the rows that were drawn, and judged by those that were not. Nothing is trained again. The
//! trials that a model was chosen from are those that make models of at most its size.

use crate::metric::Metric;
use crate::split::mix;

/// Times that rows are drawn.
const DRAWS: usize = 60;

/// Rows that metrics which are no means of rows are computed on.
const ROWS: usize = 3000;

/// What is kept of a trial.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) trial: u64,
    pub(super) bytes: f64,
    /// The loss of each row that judged, or, where the metric is no mean of losses, its prediction; f32, as
    /// many trials have many rows.
    pub(super) rows: Vec<f32>,
}

/// The rows that judge, fold after fold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) metric: Metric,
    pub(super) outputs: usize,
    pub(super) targets: &'a [f64],
    /// Rows with the same number are drawn together.
    pub(super) clusters: &'a [u64],
    pub(super) seed: u64,
}

/// The expected score of the trial that was chosen from `records`, or nothing where no draw defines it.
pub(super) fn expected(rows: Rows<'_>, records: &[&Record]) -> Option<f64> {
    let Rows { metric, outputs, targets, clusters, seed } = rows;
    let is_mean = metric.is_mean();
    let step = if is_mean { 1 } else { targets.len().div_ceil(ROWS) };
    let kept: Vec<usize> = (0..targets.len()).step_by(step).collect();
    // Chosen rows with how often they count.
    let judge = |record: &Record, counts: &[u32]| -> Option<f64> {
        if is_mean {
            let (mut sum, mut n) = (0.0, 0.0);
            for (at, count) in kept.iter().zip(counts).filter(|(_, count)| **count > 0) {
                sum += f64::from(*count) * f64::from(record.rows[*at]);
                n += f64::from(*count);
            }
            return (n > 0.0).then(|| metric.of_mean(sum / n));
        }
        let (mut predictions, mut y) = (Vec::new(), Vec::new());
        for (at, count) in kept.iter().zip(counts) {
            for _ in 0..*count {
                predictions.extend(record.rows[at * outputs..][..outputs].iter().map(|it| f64::from(*it)));
                y.push(targets[*at]);
            }
        }
        metric.score(&predictions, outputs, &y, 0.5)
    };
    let sign = if metric.is_maximized() { 1.0 } else { -1.0 };
    let mut numbers: Vec<u64> = kept.iter().map(|at| clusters[*at]).collect();
    let of_row = numbers.clone();
    numbers.sort_unstable();
    numbers.dedup();
    let place: Vec<usize> = of_row.iter().map(|it| numbers.binary_search(it).unwrap_or_default()).collect();
    let mut found = Vec::with_capacity(DRAWS);
    for draw in 0..DRAWS as u64 {
        let mut drawn = vec![0u32; numbers.len()];
        for i in 0..numbers.len() as u64 {
            let at = mix(mix(seed ^ draw) ^ i) % numbers.len() as u64;
            drawn[at as usize] += 1;
        }
        let counts: Vec<u32> = place.iter().map(|at| drawn[*at]).collect();
        let others: Vec<u32> = counts.iter().map(|count| u32::from(*count == 0)).collect();
        let scored = records.iter().filter_map(|&record| Some((sign * judge(record, &counts)?, record)));
        let best = scored.reduce(|a, b| if b.0 > a.0 { b } else { a });
        found.extend(best.and_then(|(_, record)| judge(record, &others)));
    }
    (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(i: u64) -> f64 {
        (mix(i) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 100 trials of noise: the best seems good, and is not expected to be.
    #[test]
    fn the_best_of_many_guesses_is_expected_to_score_as_a_guess() {
        let n = 400;
        let targets: Vec<f64> = (0..n).map(|i| f64::from(u8::from(random(i) < 0.5))).collect();
        let clusters: Vec<u64> = (0..n).collect();
        for (metric, outputs) in [(Metric::Accuracy, 2), (Metric::Auc, 2)] {
            let record = |trial: u64| {
                let p = |i: u64| random(trial * 1000 + i + 77_777) as f32;
                let right = |i: u64| f32::from(u8::from((p(i) >= 0.5) == (targets[i as usize] == 1.0)));
                let rows = match metric.is_mean() {
                    true => (0..n).map(right).collect(),
                    false => (0..n).flat_map(|i| [1.0 - p(i), p(i)]).collect(),
                };
                Record { trial, bytes: 1.0, rows }
            };
            let records: Vec<Record> = (0..100).map(record).collect();
            let rows = Rows { metric, outputs, targets: &targets, clusters: &clusters, seed: 3 };
            let all: Vec<&Record> = records.iter().collect();
            let score = |record: &&Record| match metric.is_mean() {
                true => f64::from(record.rows.iter().sum::<f32>()) / n as f64,
                false => {
                    let p: Vec<f64> = record.rows.iter().map(|it| f64::from(*it)).collect();
                    metric.score(&p, 2, &targets, 0.5).unwrap()
                }
            };
            let best = all.iter().map(score).fold(0.0, f64::max);
            let honest = expected(rows, &all).unwrap();
            assert!(best > 0.55, "{metric:?} {best}");
            assert!((honest - 0.5).abs() < 0.025, "{metric:?} {honest} {best}");
        }
    }
}

//! What a model may be expected to score, though it was chosen as the best of many.
//!
//! The best validation score of many trials is too good, as the largest of many noisy numbers is. Its excess
//! is found by bootstrap (Tsamardinos, Greasidou & Borboudakis 2018, *Bootstrapping the out-of-sample
//! predictions for efficient and accurate cross-validation*): rows are drawn with replacement, the best trial
//! is chosen by the rows that were drawn, and judged by those that were not. Nothing is trained again. The
//! trials that a model was chosen from are those that make models of at most its size. All models of the
//! front share the draws, and of very many trials only every so manieth counts: the best of 400 is hardly
//! better by chance than that of 200, and time is short at the end of a search.

use std::collections::HashMap;

use crate::metric::Metric;
use crate::split::mix;

/// Times that rows are drawn, and of metrics that are no means of rows, which take longer.
const DRAWS: [u64; 2] = [60, 24];

/// Rows that metrics which are no means of rows are computed on.
const ROWS: usize = 3000;

/// Trials that are chosen from, likewise.
const RECORDS: [usize; 2] = [200, 60];

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

/// The expected scores of `wanted` trials, each as the best of the records of at most its bytes; without
/// those that no draw defines.
pub(super) fn expected(rows: Rows<'_>, records: &[Record], wanted: &[u64]) -> HashMap<u64, f64> {
    let Rows { metric, outputs, targets, clusters, seed } = rows;
    let is_mean = metric.is_mean();
    let step = if is_mean { 1 } else { targets.len().div_ceil(ROWS) };
    let kept: Vec<usize> = (0..targets.len()).step_by(step).collect();
    // Chosen rows with how often they count.
    let records = thinned(records, wanted, RECORDS[usize::from(!is_mean)]);
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
    let mut found: HashMap<u64, Vec<f64>> = HashMap::new();
    for draw in 0..DRAWS[usize::from(!is_mean)] {
        let mut drawn = vec![0u32; numbers.len()];
        for i in 0..numbers.len() as u64 {
            let at = mix(mix(seed ^ draw) ^ i) % numbers.len() as u64;
            drawn[at as usize] += 1;
        }
        let counts: Vec<u32> = place.iter().map(|at| drawn[*at]).collect();
        let others: Vec<u32> = counts.iter().map(|count| u32::from(*count == 0)).collect();
        // From the smallest on, the best so far is the best of at most that size.
        let mut best: Option<(f64, &Record)> = None;
        let mut of_best: Option<(u64, Option<f64>)> = None;
        for same in records.chunk_by(|a, b| a.bytes == b.bytes) {
            for record in same {
                let scored = judge(record, &counts).map(|score| (sign * score, *record));
                best = match (best, scored) {
                    (Some(a), Some(b)) => Some(if b.0 > a.0 { b } else { a }),
                    (a, b) => a.or(b),
                };
            }
            let Some((_, best)) = best else { continue };
            for record in same.iter().filter(|record| wanted.contains(&record.trial)) {
                let known = of_best.filter(|(trial, _)| *trial == best.trial);
                let (_, score) = *of_best.insert(known.unwrap_or_else(|| (best.trial, judge(best, &others))));
                found.entry(record.trial).or_default().extend(score);
            }
        }
    }
    found.retain(|_, scores| !scores.is_empty());
    found
        .into_iter()
        .map(|(trial, scores)| (trial, scores.iter().sum::<f64>() / scores.len() as f64))
        .collect()
}

/// The wanted records and about so many of the others, evenly, from the smallest model on.
fn thinned<'a>(records: &'a [Record], wanted: &[u64], most: usize) -> Vec<&'a Record> {
    let step = records.len().div_ceil(most).max(1);
    let is_kept = |at: usize| at.is_multiple_of(step) || wanted.contains(&records[at].trial);
    let mut kept: Vec<&Record> =
        (0..records.len()).filter(|at| is_kept(*at)).map(|at| &records[at]).collect();
    kept.sort_by(|a, b| a.bytes.total_cmp(&b.bytes));
    kept
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
            let score = |record: &Record| match metric.is_mean() {
                true => f64::from(record.rows.iter().sum::<f32>()) / n as f64,
                false => {
                    let p: Vec<f64> = record.rows.iter().map(|it| f64::from(*it)).collect();
                    metric.score(&p, 2, &targets, 0.5).unwrap()
                }
            };
            let best = records.iter().map(score).fold(0.0, f64::max);
            let honest = expected(rows, &records, &[7])[&7];
            assert!(best > 0.55, "{metric:?} {best}");
            assert!((honest - 0.5).abs() < 0.025, "{metric:?} {honest} {best}");
        }
    }
}

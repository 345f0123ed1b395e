//! How long a row takes.

use std::time::Instant;

use crate::pipeline::Pipeline;
use crate::table::Table;

/// Rows that are timed.
const ROWS: usize = 200;

/// How often they are.
const TIMES: usize = 3;

/// Rows that [`latency`] predicts.
pub(super) const PREDICTED: usize = 2 * ROWS * TIMES;

/// Rows of a first estimate.
const FEW: usize = 50;

/// Times of one row, in microseconds on one thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// When rows come one by one: the median.
    pub alone_us: f64,
    /// In a batch: the mean.
    pub batch_us: f64,
}

/// Times the predictions of some rows, from values to probabilities; the best of three rounds.
pub fn latency(pipeline: &Pipeline, table: &Table, rows: &[u32]) -> Latency {
    let rows = &rows[..rows.len().min(ROWS)];
    let mut best = Latency { alone_us: f64::INFINITY, batch_us: f64::INFINITY };
    for _ in 0..TIMES {
        let begun = Instant::now();
        std::hint::black_box(pipeline.predict_rows(table, rows));
        best.batch_us = best.batch_us.min(begun.elapsed().as_secs_f64() * 1e6 / rows.len().max(1) as f64);
        let one = |row: &u32| {
            let begun = Instant::now();
            std::hint::black_box(pipeline.predict_rows(table, std::slice::from_ref(row)));
            begun.elapsed().as_secs_f64() * 1e6
        };
        let mut times: Vec<f64> = rows.iter().map(one).collect();
        times.sort_by(f64::total_cmp);
        best.alone_us = best.alone_us.min(times.get(times.len() / 2).copied().unwrap_or(0.0));
    }
    best
}

/// About how long a row takes, in seconds.
pub(super) fn seconds_a_row(pipeline: &Pipeline, table: &Table, rows: &[u32]) -> f64 {
    let rows = &rows[..rows.len().min(FEW)];
    let begun = Instant::now();
    std::hint::black_box(pipeline.predict_rows(table, rows));
    begun.elapsed().as_secs_f64() / rows.len().max(1) as f64
}

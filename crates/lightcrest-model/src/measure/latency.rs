//! Latency: the time of one image on one thread.
//!
//! One image at a time is run again and again on the inference plan: first to warm caches and clocks, then to measure.
//! The median is the figure; the interquartile range (IQR) says how far to trust it. A measurement whose IQR is more
//! than 5% of the median was disturbed by something else on the machine and is repeated; the steadiest one counts.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use lightcrest_graph::network::{Network, NetworkError, Weights};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::train::{Plan, PlanMode};

/// How long to measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyConfig {
    /// Runs before the first that counts.
    pub warm_up: usize,
    /// Runs that count. Measuring also ends after `time`.
    pub runs: usize,
    /// Longest time of one measurement; at least 10 runs are made whatever they take.
    pub time: Duration,
    /// Largest IQR over median of a steady measurement.
    pub spread: f64,
    /// Measurements at most until one is steady.
    pub attempts: usize,
}

impl Default for LatencyConfig {
    /// 50 runs to warm up, then 200 runs or 2 seconds, up to 5 times until the spread is at most 5%.
    fn default() -> Self {
        Self { warm_up: 50, runs: 200, time: Duration::from_secs(2), spread: 0.05, attempts: 5 }
    }
}

impl LatencyConfig {
    /// A single measurement, however disturbed.
    pub fn once() -> Self {
        Self { attempts: 1, ..Self::default() }
    }
}

/// A measured latency.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Latency {
    /// Median, in milliseconds.
    pub median_ms: f64,
    /// 90th percentile, in milliseconds.
    pub p90_ms: f64,
    /// Third minus first quartile, in milliseconds.
    pub iqr_ms: f64,
    /// Runs that it was measured on.
    pub runs: usize,
    /// Whether the spread was within the bound.
    pub steady: bool,
}

/// Measurements would disturb each other: one at a time.
static MEASURING: Mutex<()> = Mutex::new(());

/// Measures a network on one image of its input shape.
///
/// # Errors
/// [`NetworkError`] when the weights do not fit the network.
pub fn latency(
    network: &Network,
    weights: &Weights,
    config: &LatencyConfig,
) -> Result<Latency, NetworkError> {
    let mut plan = Plan::new(network, weights, 1, PlanMode::Infer)?;
    // Values like those of normalised pixels: zeros could be faster than what users have.
    let image: Vec<f32> =
        (0..network.input_shape().len()).map(|i| ((i * 7919) % 255) as f32 / 127.5 - 1.0).collect();
    let mut unused_rng = ChaCha8Rng::seed_from_u64(0);
    let _alone = MEASURING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    Ok(measure(config, || {
        let start = Instant::now();
        std::hint::black_box(plan.forward(std::hint::black_box(&image), 1, false, &mut unused_rng));
        start.elapsed()
    }))
}

/// Least runs of a measurement, so that quartiles mean something.
const LEAST_RUNS: usize = 10;

/// Repeats `run`, which says how long it took, as the configuration asks.
fn measure(config: &LatencyConfig, mut run: impl FnMut() -> Duration) -> Latency {
    for _ in 0..config.warm_up {
        run();
    }
    let mut best: Option<Latency> = None;
    for _ in 0..config.attempts.max(1) {
        let mut times = Vec::with_capacity(config.runs);
        let mut total = Duration::ZERO;
        while times.len() < LEAST_RUNS || (times.len() < config.runs && total < config.time) {
            let time = run();
            total += time;
            times.push(time.as_secs_f64() * 1e3);
        }
        let found = summary(times, config.spread);
        let spread = |latency: &Latency| latency.iqr_ms / latency.median_ms;
        if best.is_none_or(|best| spread(&found) < spread(&best)) {
            best = Some(found);
        }
        if found.steady {
            break;
        }
    }
    best.expect("at least one measurement was made")
}

fn summary(mut times: Vec<f64>, spread: f64) -> Latency {
    times.sort_by(f64::total_cmp);
    // Linear interpolation between the order statistics (type 7 of Hyndman and Fan 1996).
    let quantile = |q: f64| {
        let position = q * (times.len() - 1) as f64;
        let (low, part) = (position.floor() as usize, position.fract());
        let high = (low + 1).min(times.len() - 1);
        times[low] + part * (times[high] - times[low])
    };
    let (median_ms, iqr_ms) = (quantile(0.5), quantile(0.75) - quantile(0.25));
    let steady = iqr_ms <= spread * median_ms;
    Latency { median_ms, p90_ms: quantile(0.9), iqr_ms, runs: times.len(), steady }
}

#[cfg(test)]
mod tests {
    use lightcrest_graph::network::{Linear, Op, Shape};

    use super::*;

    #[test]
    fn quantiles() {
        let found = summary((0..=100).rev().map(f64::from).collect(), 0.05);
        assert_eq!((found.median_ms, found.p90_ms, found.iqr_ms), (50.0, 90.0, 50.0));
        assert!(!found.steady);
    }

    #[test]
    fn a_disturbed_measurement_is_repeated() {
        let mut calls = 0;
        let found = measure(&LatencyConfig::default(), || {
            calls += 1;
            // The first measurement (after 50 runs to warm up) alternates between 1 and 2 ms.
            Duration::from_millis(if calls <= 250 && calls % 2 == 0 { 2 } else { 1 })
        });
        assert_eq!((calls, found.median_ms, found.steady), (50 + 200 + 200, 1.0, true));
    }

    #[test]
    fn slow_networks_stop_at_the_time_limit() {
        let mut calls = 0;
        let config = LatencyConfig { warm_up: 0, attempts: 2, spread: -1.0, ..LatencyConfig::default() };
        let found = measure(&config, || {
            calls += 1;
            Duration::from_millis(100)
        });
        assert_eq!((calls, found.runs, found.steady), (40, 20, false));
    }

    #[test]
    fn a_network_takes_time() {
        let mut network = Network::new(Shape::new(1, 8, 8));
        let flat = network.push("flatten", Op::Flatten, &[0]).unwrap();
        let linear = Op::Linear(Linear { in_features: 64, out_features: 10, bias: true });
        network.push("linear", linear, &[flat]).unwrap();
        let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(1));
        let found = latency(&network, &weights, &LatencyConfig::once()).unwrap();
        assert!(found.median_ms > 0.0 && found.p90_ms >= found.median_ms);
    }
}

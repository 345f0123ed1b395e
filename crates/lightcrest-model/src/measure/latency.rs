//! Latency: the time of one image on one thread.
//!
//! One image at a time is run again and again on the inference plan: first to warm caches and clocks, then to
//! measure. The median is the figure; the interquartile range (IQR) says how far to trust it.
//!
//! Beside the time of the wall clock stands that of the thread on its core. Whatever else runs on the machine
//! takes the core away for a while, which the wall clock counts and the thread's clock does not: a
//! measurement whose wall time exceeds its CPU time by more than a tenth is called disturbed. It is repeated,
//! as is one whose IQR is more than 5% of the median, and the least disturbed one counts, marked if it still
//! is. A small network of fixed shape is run in turn with the one that is measured: its time tells the speed
//! of the clock at that moment, which neither time can.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use lightcrest_graph::network::{Activation, Conv2d, Network, NetworkError, Op, Shape, Weights};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::gate::GATE;
use crate::train::{Plan, PlanMode};

/// Wall time over CPU time above which a measurement was disturbed.
const DISTURBED: f64 = 1.1;

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
    /// Measurements at most until one is steady and undisturbed.
    pub attempts: usize,
    /// Whether trainings of this process wait meanwhile.
    pub alone: bool,
}

impl Default for LatencyConfig {
    /// 50 runs to warm up, then 200 runs or 2 seconds, up to 5 times until the spread is at most 5% and
    /// nothing disturbs, while no network is trained.
    fn default() -> Self {
        Self { warm_up: 50, runs: 200, time: Duration::from_secs(2), spread: 0.05, attempts: 5, alone: true }
    }
}

impl LatencyConfig {
    /// A single measurement, however disturbed, that nobody waits for.
    pub fn once() -> Self {
        Self { attempts: 1, alone: false, ..Self::default() }
    }
}

/// A measured latency.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Latency {
    /// Median, in milliseconds of the wall clock.
    pub median_ms: f64,
    /// 90th percentile, in milliseconds.
    pub p90_ms: f64,
    /// Third minus first quartile, in milliseconds.
    pub iqr_ms: f64,
    /// Median, in milliseconds that the thread was on its core; none where the system does not tell.
    pub cpu_ms: Option<f64>,
    /// Median of the small network that was run in turn, in milliseconds of the wall clock.
    pub reference_ms: f64,
    /// Runs that it was measured on.
    pub runs: usize,
    /// Whether the spread was within the bound.
    pub steady: bool,
    /// Whether something else on the machine took the core away: wall time exceeds CPU time by more than a
    /// tenth.
    pub disturbed: bool,
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
    let mut candidate = Runner::new(network, weights)?;
    latency_of(config, || candidate.forward())
}

/// Measures whatever `call` does on this thread.
///
/// # Errors
/// [`NetworkError`], if the network of the reference cannot be built.
pub fn latency_of(config: &LatencyConfig, mut call: impl FnMut()) -> Result<Latency, NetworkError> {
    let mut reference = Runner::reference()?;
    let _one = MEASURING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let _alone = config.alone.then(|| GATE.measure());
    let turn = || Turn { candidate: timed(&mut call), reference: timed(|| reference.forward()) };
    Ok(measure(config, turn).0)
}

/// Measures two calls in turn, so that whatever disturbs one disturbs the other. Each is the other's
/// reference.
pub fn latency_beside(
    config: &LatencyConfig,
    mut call: impl FnMut(),
    mut beside: impl FnMut(),
) -> (Latency, Latency) {
    let _one = MEASURING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let _alone = config.alone.then(|| GATE.measure());
    let turn = || Turn { candidate: timed(&mut call), reference: timed(&mut beside) };
    let (found, turns) = measure(config, turn);
    let swapped = |turn: Turn| Turn { candidate: turn.reference, reference: turn.candidate };
    let other = summary(&turns.into_iter().map(swapped).collect::<Vec<_>>(), config.spread);
    (found, other)
}

/// A network that is run again and again on one image.
struct Runner {
    plan: Plan,
    image: Vec<f32>,
    unused_rng: ChaCha8Rng,
}

impl Runner {
    fn new(network: &Network, weights: &Weights) -> Result<Self, NetworkError> {
        let plan = Plan::new(network, weights, 1, PlanMode::Infer)?;
        // Values like those of normalised pixels: zeros could be faster than what users have.
        let image =
            (0..network.input_shape().len()).map(|i| ((i * 7919) % 255) as f32 / 127.5 - 1.0).collect();
        Ok(Self { plan, image, unused_rng: ChaCha8Rng::seed_from_u64(0) })
    }

    /// Two convolutions of 8 and 16 channels on 16x16 pixels: tens of microseconds.
    fn reference() -> Result<Self, NetworkError> {
        let mut network = Network::new(Shape::new(3, 16, 16));
        let mut last = 0;
        for (name, from, to, stride) in [("first", 3, 8, 1), ("second", 8, 16, 2)] {
            last = network.push(name, Op::Conv2d(Conv2d::new(from, to, 3, stride)), &[last])?;
            last = network.push(format!("{name}.act"), Op::Activation(Activation::ReLU), &[last])?;
        }
        network.push("pool", Op::GlobalAvgPool, &[last])?;
        let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(0));
        Self::new(&network, &weights)
    }

    fn forward(&mut self) {
        std::hint::black_box(self.plan.forward(
            std::hint::black_box(&self.image),
            1,
            false,
            &mut self.unused_rng,
        ));
    }
}

/// One run of `call`.
fn timed(mut call: impl FnMut()) -> Run {
    // The call for the thread's clock takes longer: it stays outside of the wall time, so that nothing
    // undisturbed exceeds 1.
    let cpu = thread_time();
    let wall = Instant::now();
    call();
    let wall = wall.elapsed();
    let cpu = thread_time().zip(cpu).map(|(end, start)| end.saturating_sub(start));
    Run { wall, cpu }
}

/// Time that the thread was on a core.
#[cfg(unix)]
fn thread_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// Time that the thread was on a core, which is not asked for here.
#[cfg(not(unix))]
fn thread_time() -> Option<Duration> {
    None
}

/// One run of a network.
#[derive(Debug, Clone, Copy)]
struct Run {
    wall: Duration,
    cpu: Option<Duration>,
}

/// One run of each network.
struct Turn {
    candidate: Run,
    reference: Run,
}

/// Least runs of a measurement, so that quartiles mean something.
const LEAST_RUNS: usize = 10;

/// Repeats `turn` as the configuration asks; the best measurement with its turns.
fn measure(config: &LatencyConfig, mut turn: impl FnMut() -> Turn) -> (Latency, Vec<Turn>) {
    for _ in 0..config.warm_up {
        turn();
    }
    let mut best: Option<(Latency, Vec<Turn>)> = None;
    for _ in 0..config.attempts.max(1) {
        let mut turns = Vec::with_capacity(config.runs);
        let mut total = Duration::ZERO;
        while turns.len() < LEAST_RUNS || (turns.len() < config.runs && total < config.time) {
            let done = turn();
            total += done.candidate.wall;
            turns.push(done);
        }
        let found = summary(&turns, config.spread);
        let rank = |latency: &Latency| (latency.disturbed, latency.iqr_ms / latency.median_ms);
        if best.as_ref().is_none_or(|(best, _)| rank(&found) < rank(best)) {
            best = Some((found, turns));
        }
        if found.steady && !found.disturbed {
            break;
        }
    }
    best.expect("at least one measurement was made")
}

fn summary(turns: &[Turn], spread: f64) -> Latency {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let wall = sorted(turns.iter().map(|turn| ms(turn.candidate.wall)));
    let cpu: Option<Vec<f64>> = turns.iter().map(|turn| turn.candidate.cpu.map(ms)).collect();
    let (median_ms, iqr_ms) = (quantile(&wall, 0.5), quantile(&wall, 0.75) - quantile(&wall, 0.25));
    let total = |times: &[f64]| times.iter().sum::<f64>();
    Latency {
        median_ms,
        p90_ms: quantile(&wall, 0.9),
        iqr_ms,
        disturbed: cpu.as_ref().is_some_and(|cpu| total(&wall) > DISTURBED * total(cpu)),
        cpu_ms: cpu.map(|cpu| quantile(&sorted(cpu.into_iter()), 0.5)),
        reference_ms: quantile(&sorted(turns.iter().map(|turn| ms(turn.reference.wall))), 0.5),
        runs: turns.len(),
        steady: iqr_ms <= spread * median_ms,
    }
}

fn sorted(times: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Linear interpolation between the order statistics (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len() - 1) as f64;
    let (low, part) = (position.floor() as usize, position.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + part * (sorted[high] - sorted[low])
}

#[cfg(test)]
mod tests {
    use lightcrest_graph::network::Linear;

    use super::*;

    /// A turn whose candidate takes that many milliseconds of the wall and of the core.
    fn turn(wall: u64, cpu: u64) -> Turn {
        let run =
            |wall, cpu| Run { wall: Duration::from_millis(wall), cpu: Some(Duration::from_millis(cpu)) };
        Turn { candidate: run(wall, cpu), reference: run(7, 7) }
    }

    #[test]
    fn quantiles() {
        let turns: Vec<Turn> = (0..=100).rev().map(|ms| turn(ms, ms)).collect();
        let found = summary(&turns, 0.05);
        assert_eq!((found.median_ms, found.p90_ms, found.iqr_ms), (50.0, 90.0, 50.0));
        assert_eq!((found.cpu_ms, found.reference_ms), (Some(50.0), 7.0));
        assert!(!found.steady && !found.disturbed);
    }

    #[test]
    fn an_unsteady_measurement_is_repeated() {
        let mut calls = 0;
        let found = measure(&LatencyConfig::default(), || {
            calls += 1;
            // The first measurement (after 50 runs to warm up) alternates between 1 and 2 ms.
            let time = if calls <= 250 && calls % 2 == 0 { 2 } else { 1 };
            turn(time, time)
        });
        let found = found.0;
        assert_eq!((calls, found.median_ms, found.steady), (50 + 200 + 200, 1.0, true));
    }

    #[test]
    fn a_disturbed_measurement_is_repeated_and_marked_if_it_stays_so() {
        // Every tenth run of the first measurement loses its core for 20 ms: the median and the quartiles do
        // not see it.
        let config = LatencyConfig { time: Duration::MAX, ..LatencyConfig::default() };
        let mut calls = 0;
        let found = measure(&config, || {
            calls += 1;
            let lost = if calls <= 250 && calls % 10 == 0 { 20 } else { 0 };
            turn(10 + lost, 10)
        });
        let found = found.0;
        assert_eq!((calls, found.disturbed, found.median_ms), (50 + 200 + 200, false, 10.0));
        let mut calls = 0;
        let found = measure(&config, || {
            calls += 1;
            turn(12, 10)
        });
        let found = found.0;
        assert_eq!((calls, found.disturbed, found.steady), (50 + 5 * 200, true, true));
        assert_eq!((found.median_ms, found.cpu_ms), (12.0, Some(10.0)));
        // A tenth more is not called so yet.
        assert!(!measure(&LatencyConfig::once(), || turn(11, 10)).0.disturbed);
    }

    #[test]
    fn slow_networks_stop_at_the_time_limit() {
        let mut calls = 0;
        let config = LatencyConfig { warm_up: 0, attempts: 2, spread: -1.0, ..LatencyConfig::default() };
        let found = measure(&config, || {
            calls += 1;
            turn(100, 100)
        });
        let found = found.0;
        assert_eq!((calls, found.runs, found.steady), (40, 20, false));
    }

    #[test]
    fn two_are_measured_in_turn() {
        let order = std::cell::RefCell::new(String::new());
        let wait = |name| {
            order.borrow_mut().push(name);
            std::thread::sleep(Duration::from_micros(if name == 'a' { 10 } else { 2000 }));
        };
        let config = LatencyConfig { warm_up: 1, runs: 12, ..LatencyConfig::once() };
        let (a, b) = latency_beside(&config, || wait('a'), || wait('b'));
        assert_eq!(*order.borrow(), "ab".repeat(13));
        assert!(b.median_ms >= 2.0 && b.median_ms > a.median_ms, "{a:?} {b:?}");
        assert_eq!((a.runs, a.reference_ms, b.reference_ms), (b.runs, b.median_ms, a.median_ms));
    }

    #[test]
    fn a_network_takes_time() {
        let mut network = Network::new(Shape::new(1, 8, 8));
        let flat = network.push("flatten", Op::Flatten, &[0]).unwrap();
        let linear = Op::Linear(Linear { in_features: 64, out_features: 10, bias: true });
        network.push("linear", linear, &[flat]).unwrap();
        let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(1));
        let found = latency(&network, &weights, &LatencyConfig::once()).unwrap();
        assert!(found.median_ms > 0.0 && found.p90_ms >= found.median_ms && found.reference_ms > 0.0);
        assert_eq!(found.cpu_ms.is_some(), cfg!(unix));
    }
}

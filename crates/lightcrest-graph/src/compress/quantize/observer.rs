//! The range of an activation, from what was seen of it.
//!
//! Values come in any number of pieces, and only a histogram of [`BINS`] bins is kept. It widens by doubling:
//! two bins become one, so that nothing that was counted moves to a bin that it did not belong to. Zeros are
//! counted apart: they are exact in u8, and after a `Relu` they are most of what there is.
//!
//! | method | range |
//! |---|---|
//! | min-max | all that was seen |
//! | moving average | mean of the ranges of the pieces, the newest weighing 0.1 |
//! | percentile | all but 0.001 % of the values, half of them at either end |
//! | MSE | the range of least squared error of rounding and clipping |
//! | KL | the range whose 128 levels tell least apart from the histogram |
//!
//! Sources: Nagel et al. 2021, "A white paper on neural network quantization", section 3.1; Migacz
//! 2017, "8-bit inference with TensorRT".

/// Bins of a histogram.
pub(super) const BINS: usize = 2048;

/// Weight of the newest piece in the moving average.
const MOMENTUM: f64 = 0.1;

/// Share of the values that the percentile keeps.
const KEPT: f64 = 0.99999;

/// How a range is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// All that was seen.
    #[default]
    MinMax,
    /// Mean of the ranges of the pieces.
    MovingAverage,
    /// All but the last 0.001 %.
    Percentile,
    /// Least squared error.
    Mse,
    /// Least information lost.
    Kl,
}

/// What was seen of an activation.
#[derive(Clone, Debug, Default)]
pub(super) struct Observer {
    low: f32,
    high: f32,
    moving: Option<(f64, f64)>,
    zeros: u64,
    bins: Vec<u64>,
    start: f64,
    width: f64,
}

impl Observer {
    /// Takes in a piece. False when it holds something that is not finite; nothing is taken in then.
    pub(super) fn observe(&mut self, values: &[f32]) -> bool {
        if values.iter().any(|x| !x.is_finite()) {
            return false;
        }
        if values.is_empty() {
            return true;
        }
        let low = values.iter().copied().fold(0f32, f32::min);
        let high = values.iter().copied().fold(0f32, f32::max);
        self.average(f64::from(low), f64::from(high));
        self.low = self.low.min(low);
        self.high = self.high.max(high);
        self.widen();
        for &x in values {
            if x == 0.0 {
                self.zeros += 1;
            } else {
                let bin = ((f64::from(x) - self.start) / self.width) as usize;
                self.bins[bin.min(BINS - 1)] += 1;
            }
        }
        true
    }

    fn average(&mut self, low: f64, high: f64) {
        let mean = |old: f64, new: f64| old + MOMENTUM * (new - old);
        self.moving = Some(match self.moving {
            None => (low, high),
            Some((old_low, old_high)) => (mean(old_low, low), mean(old_high, high)),
        });
    }

    /// Makes the bins reach all of `[low, high]`.
    fn widen(&mut self) {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        if self.bins.is_empty() {
            self.bins = vec![0; BINS];
            self.start = low;
            self.width = ((high - low) / BINS as f64).max(f64::from(f32::MIN_POSITIVE));
        }
        while low < self.start || high > self.start + self.width * BINS as f64 {
            // Anchored at the end that need not move.
            let downwards = low < self.start;
            let halves: Vec<u64> = self.bins.chunks(2).map(|pair| pair.iter().sum()).collect();
            let at = if downwards { BINS / 2 } else { 0 };
            self.bins.fill(0);
            self.bins[at..at + BINS / 2].copy_from_slice(&halves);
            if downwards {
                self.start -= self.width * BINS as f64;
            }
            self.width *= 2.0;
        }
    }

    /// Takes in what another one saw.
    pub(super) fn merge(&mut self, other: &Self) {
        let Some((low, high)) = other.moving else { return };
        self.average(low, high);
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self.widen();
        self.zeros += other.zeros;
        for (bin, &count) in other.bins.iter().enumerate() {
            let middle = other.middle(bin);
            let at = ((middle - self.start) / self.width) as usize;
            self.bins[at.min(BINS - 1)] += count;
        }
    }

    /// Whether anything was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.moving.is_none()
    }

    /// The range; zero lies in it.
    pub(super) fn range(&self, method: Method) -> (f32, f32) {
        let all = (self.low, self.high);
        if self.is_empty() || self.low == self.high {
            return all;
        }
        let (low, high) = match method {
            Method::MinMax => return all,
            Method::MovingAverage => self.moving.unwrap_or_default(),
            Method::Percentile => self.percentile(),
            Method::Mse => self.least_error(),
            Method::Kl => self.least_information_lost(),
        };
        ((low as f32).clamp(self.low, 0.0), (high as f32).clamp(0.0, self.high))
    }

    fn middle(&self, bin: usize) -> f64 {
        self.start + (bin as f64 + 0.5) * self.width
    }

    fn percentile(&self) -> (f64, f64) {
        let total = self.zeros + self.bins.iter().sum::<u64>();
        let cut = (total as f64 * (1.0 - KEPT) / 2.0) as u64;
        let end = |bins: &mut dyn Iterator<Item = usize>| {
            let mut passed = 0;
            for bin in bins {
                passed += self.bins[bin];
                if passed > cut {
                    return Some(bin);
                }
            }
            None
        };
        let first = end(&mut (0..BINS)).map_or(0.0, |bin| self.start + bin as f64 * self.width);
        let last = end(&mut (0..BINS).rev()).map_or(0.0, |bin| self.start + (bin + 1) as f64 * self.width);
        (first, last)
    }

    /// Either end is searched in turn, twice, over 100 shares of what was seen there.
    fn least_error(&self) -> (f64, f64) {
        let whole = (f64::from(self.low), f64::from(self.high));
        let mut best = (self.error(whole.0, whole.1), whole.0, whole.1);
        for _ in 0..2 {
            for share in (20..100).map(|percent| f64::from(percent) / 100.0) {
                for (low, high) in [(best.1, whole.1 * share), (whole.0 * share, best.2)] {
                    let error = self.error(low, high);
                    if error < best.0 {
                        best = (error, low, high);
                    }
                }
            }
        }
        (best.1, best.2)
    }

    /// Sum of squared errors when `[low, high]` is cut into 255 steps. Rounding counts as uniform over a
    /// step.
    fn error(&self, low: f64, high: f64) -> f64 {
        let step = (high - low) / 255.0;
        let rounding = step * step / 12.0;
        let of_bin = |(bin, &count): (usize, &u64)| {
            let x = self.middle(bin);
            let clipped = (low - x).max(x - high).max(0.0);
            count as f64 * (rounding + clipped * clipped)
        };
        self.bins.iter().enumerate().filter(|(_, count)| **count > 0).map(of_bin).sum()
    }

    /// The threshold is one for both signs; each end is then at most that far out.
    fn least_information_lost(&self) -> (f64, f64) {
        let reach = f64::from(self.high.max(-self.low));
        let mut magnitudes = vec![0f64; BINS];
        for (bin, &count) in self.bins.iter().enumerate() {
            let at = (self.middle(bin).abs() / reach * BINS as f64) as usize;
            magnitudes[at.min(BINS - 1)] += count as f64;
        }
        let threshold = divergence_threshold(&magnitudes) as f64 / BINS as f64 * reach;
        (f64::from(self.low).max(-threshold), f64::from(self.high).min(threshold))
    }
}

/// How many of the bins of magnitudes to keep.
fn divergence_threshold(bins: &[f64]) -> usize {
    const LEVELS: usize = 128;
    let mut best = (f64::INFINITY, bins.len());
    for keep in (LEVELS..=bins.len()).step_by(LEVELS / 8) {
        let mut reference = bins[..keep].to_vec();
        reference[keep - 1] += bins[keep..].iter().sum::<f64>();
        let divergence = divergence(&reference, &levelled(&bins[..keep], LEVELS));
        if divergence < best.0 {
            best = (divergence, keep);
        }
    }
    best.1
}

/// The bins as so many levels show them: what a level holds is spread evenly over those that are not empty.
fn levelled(bins: &[f64], levels: usize) -> Vec<f64> {
    let mut spread = vec![0.0; bins.len()];
    for level in 0..levels {
        let cells = level * bins.len() / levels..(level + 1) * bins.len() / levels;
        let sum: f64 = bins[cells.clone()].iter().sum();
        let filled = bins[cells.clone()].iter().filter(|&&count| count > 0.0).count();
        for cell in cells.filter(|&cell| bins[cell] > 0.0) {
            spread[cell] = sum / filled as f64;
        }
    }
    spread
}

/// Kullback-Leibler divergence of `q` from `p`, either as counts; infinite when nothing is left of one.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    // What `q` has no room for at all costs, but not infinitely much: a ten-thousandth of one value.
    const LEAST: f64 = 1e-4;
    let (sum_p, sum_q): (f64, f64) = (p.iter().sum(), q.iter().sum());
    if sum_p == 0.0 || sum_q == 0.0 {
        return f64::INFINITY;
    }
    let term = |(&p, &q): (&f64, &f64)| {
        let (p, q) = (p / sum_p, (q / sum_q).max(LEAST / sum_p));
        if p > 0.0 { p * (p / q).ln() } else { 0.0 }
    };
    p.iter().zip(q).map(term).sum()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_distr::StandardNormal;

    use super::*;

    fn normal(count: usize, seed: u64) -> Vec<f32> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| rng.sample::<f32, _>(StandardNormal)).collect()
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let values = normal(20_000, 1);
        let mut whole = Observer::default();
        assert!(whole.observe(&values));
        let mut pieces = Observer::default();
        for piece in values.chunks(777) {
            assert!(pieces.observe(piece));
        }
        assert_eq!(pieces.range(Method::MinMax), whole.range(Method::MinMax));
        let count = |observer: &Observer| observer.zeros + observer.bins.iter().sum::<u64>();
        assert_eq!(count(&pieces), count(&whole));
        for (method, tolerance) in [(Method::Percentile, 0.15), (Method::Mse, 0.15), (Method::Kl, 0.6)] {
            let (low, high) = whole.range(method);
            let (piece_low, piece_high) = pieces.range(method);
            let apart = (low - piece_low).abs().max((high - piece_high).abs());
            assert!(apart < tolerance, "{method:?}: {apart}");
        }
    }

    #[test]
    fn zero_belongs_to_every_range() {
        let mut observer = Observer::default();
        assert!(observer.observe(&[3.0, 4.0, 5.0]));
        for method in [Method::MinMax, Method::MovingAverage, Method::Percentile, Method::Mse, Method::Kl] {
            let (low, high) = observer.range(method);
            assert!(low == 0.0 && high > 0.0, "{method:?}: [{low}, {high}]");
        }
    }

    #[test]
    fn what_is_not_finite_is_refused_and_not_counted() {
        let mut observer = Observer::default();
        assert!(!observer.observe(&[1.0, f32::NAN]));
        assert!(!observer.observe(&[f32::INFINITY]));
        assert!(observer.is_empty());
        assert_eq!(observer.range(Method::Mse), (0.0, 0.0));
    }

    #[test]
    fn one_outlier_is_cut_by_all_but_min_max() {
        let mut observer = Observer::default();
        let mut values = normal(400_000, 2);
        values[7] = 500.0;
        for piece in values.chunks(10_000) {
            assert!(observer.observe(piece));
        }
        assert_eq!(observer.range(Method::MinMax).1, 500.0);
        for method in [Method::Percentile, Method::Mse, Method::Kl] {
            let (low, high) = observer.range(method);
            assert!(low < -2.0 && (2.0..400.0).contains(&high), "{method:?}: [{low}, {high}]");
        }
    }

    /// The optimum for a Gaussian cut into 256 levels lies near 3.9 standard deviations (Banner et al. 2019,
    /// table 1 of "Post training 4-bit quantization": 3.92 for the Gaussian at 8 bits).
    #[test]
    fn least_error_of_a_gaussian_is_where_it_is_known() {
        let mut observer = Observer::default();
        let values = normal(1_000_000, 3);
        assert!(observer.observe(&values));
        let (low, high) = observer.range(Method::Mse);
        assert!((3.6..4.3).contains(&high) && (-4.3..-3.6).contains(&low), "[{low}, {high}]");
    }

    #[test]
    fn merging_counts_everything() {
        let (mut a, mut b) = (Observer::default(), Observer::default());
        assert!(a.observe(&[0.0, 1.0, 2.0]) && b.observe(&[-8.0, 0.0, 3.0]));
        a.merge(&b);
        assert_eq!(a.range(Method::MinMax), (-8.0, 3.0));
        assert_eq!((a.zeros, a.bins.iter().sum::<u64>()), (2, 4));
    }
}

//! What final value a trial that was stopped, or still runs, can be expected to reach: a chain of regressions
//! from step to step.
//!
//! | symbol | meaning |
//! |---|---|
//! | `a_1 < ... < a_K` | anchors: steps at which trials were stopped |
//! | `v_k` | a trial's report at `a_k`, oriented; `v_{K+1}` is its final value |
//! | `b_k` | slope of the regression of `v_{k+1}` on `v_k`, both standardised |
//! | `σ_k²` | variance of what it leaves open |
//!
//! Whether a trial goes on from `a_k` depends on what it has reported by then. So values at `a_{k+1}` are
//! missing at random given `v_k`, in a monotone pattern, and the regression on those that went on is not
//! biased by the selection, whereas one of final values on `v_k` would be: those that arrived did better in
//! between than the ones that were stopped (Little & Rubin 2019, *Statistical Analysis with Missing Data*,
//! sec. 7.4). The expected final value follows link by link, and its variance with it:
//!
//! ```text
//! μ ← b_k μ,   s² ← b_k² s² + σ_k² (1 + 1/n_k) + Var(b_k) μ²      (standardised)
//! ```
//!
//! so that a guess far from what ever went on is a vague one. The slope has the prior N(0.7, 0.3²): reports
//! that are ahead stay ahead, by less.

/// The fewest trials that a link is learnt from.
const PAIRS: usize = 3;
/// Anchors are at least this factor apart.
const APART: f64 = 1.5;
/// Mean and variance of the prior of a slope.
const SLOPE: (f64, f64) = (0.7, 0.09);

/// A trial as it matters here; values are oriented.
pub(super) struct Curve {
    /// (step, value), steps ascending.
    pub(super) reports: Vec<(u64, f64)>,
    /// Of a complete trial.
    pub(super) end: Option<f64>,
    /// Stopped by a pruner.
    pub(super) stopped: bool,
}

impl Curve {
    /// The value at an anchor, if the trial got there.
    fn at(&self, anchor: u64) -> Option<f64> {
        self.reports.last().filter(|(last, _)| *last >= anchor)?;
        self.reports.iter().rev().find(|(step, _)| *step <= anchor).map(|(_, value)| *value)
    }
}

/// From the values at one anchor to those at the next.
#[derive(Debug, Clone, Copy)]
struct Link {
    from: (f64, f64),
    to: (f64, f64),
    slope: f64,
    slope_variance: f64,
    residual: f64,
    n: f64,
}

/// The chain, as learnt from all trials.
#[derive(Debug)]
pub(super) struct Extrapolation {
    anchors: Vec<u64>,
    /// Values below are no worse than this, at each anchor.
    fences: Vec<f64>,
    links: Vec<Option<Link>>,
    best: f64,
}

impl Extrapolation {
    /// Learns the chain; `None` where no trial is complete or none was stopped.
    pub(super) fn learn(curves: &[Curve]) -> Option<Self> {
        let best = curves.iter().filter_map(|curve| curve.end).reduce(f64::max)?;
        let mut stops: Vec<u64> =
            curves.iter().filter(|c| c.stopped).filter_map(|c| Some(c.reports.last()?.0)).collect();
        stops.sort_unstable();
        let mut anchors: Vec<u64> = Vec::new();
        for stop in stops {
            if anchors.last().is_none_or(|last| stop as f64 >= APART * *last as f64) {
                anchors.push(stop);
            }
        }
        if anchors.is_empty() {
            return None;
        }
        let at = |anchor: &u64| lower_fence(curves.iter().filter_map(|c| c.at(*anchor)).collect());
        let mut fences: Vec<f64> = anchors.iter().map(at).collect();
        fences.push(lower_fence(curves.iter().filter_map(|c| c.end).collect()));
        let value = |curve: &Curve, k: usize| {
            let value = anchors.get(k).map_or(curve.end, |anchor| curve.at(*anchor));
            value.map(|v| v.max(fences[k]))
        };
        let pairs = |k: usize| curves.iter().filter_map(move |c| Some((value(c, k)?, value(c, k + 1)?)));
        let links = (0..anchors.len()).map(|k| Link::fit(&pairs(k).collect::<Vec<_>>())).collect();
        Some(Self { anchors, fences, links, best })
    }

    /// Mean and standard deviation of the final value; `None` if the trial did not come to an anchor or too
    /// few went on from it.
    pub(super) fn expect(&self, curve: &Curve) -> Option<(f64, f64)> {
        let last = curve.reports.last()?.0;
        let first = self.anchors.partition_point(|anchor| *anchor <= last).checked_sub(1)?;
        let mut mean = curve.at(self.anchors[first])?.max(self.fences[first]);
        let mut variance = 0.0;
        for link in &self.links[first..] {
            (mean, variance) = (*link)?.follow(mean, variance);
        }
        // Values whose squares overflow tell nothing.
        (mean.is_finite() && variance.is_finite()).then(|| (mean.min(self.best), variance.sqrt()))
    }
}

impl Link {
    /// Bayesian linear regression of standardised pairs, its variance from the residuals and one
    /// pseudo-observation.
    fn fit(pairs: &[(f64, f64)]) -> Option<Self> {
        if pairs.len() < PAIRS {
            return None;
        }
        let n = pairs.len() as f64;
        let from = moments(pairs.iter().map(|p| p.0));
        let to = moments(pairs.iter().map(|p| p.1));
        let standardised = || pairs.iter().map(|p| (standard(p.0, from), standard(p.1, to)));
        let (xx, xy) = standardised().fold((0.0, 0.0), |(xx, xy), (x, y)| (xx + x * x, xy + x * y));
        let (mut residual, mut slope, mut slope_variance) = (0.5, SLOPE.0, SLOPE.1);
        // The variance needs the slope and the slope the variance: a few rounds settle both.
        for _ in 0..5 {
            slope_variance = 1.0 / (1.0 / SLOPE.1 + xx / residual);
            slope = slope_variance * (SLOPE.0 / SLOPE.1 + xy / residual);
            let left: f64 = standardised().map(|(x, y)| (y - slope * x).powi(2)).sum();
            residual = (0.5 + left) / (n + 1.0);
        }
        Some(Self { from, to, slope, slope_variance, residual, n })
    }

    fn follow(self, mean: f64, variance: f64) -> (f64, f64) {
        let x = standard(mean, self.from);
        let s2 = if self.from.1 > 0.0 { variance / (self.from.1 * self.from.1) } else { 0.0 };
        let open = self.residual * (1.0 + 1.0 / self.n) + self.slope_variance * (x * x + s2);
        let next = self.slope * self.slope * s2 + open;
        (self.to.0 + self.to.1 * self.slope * x, self.to.1 * self.to.1 * next)
    }
}

/// In standard deviations from the mean; 0 where values do not differ.
fn standard(value: f64, (mean, deviation): (f64, f64)) -> f64 {
    if deviation > 0.0 { (value - mean) / deviation } else { 0.0 }
}

/// Mean and standard deviation; the latter is 0 where it is mere rounding, both are 0 of nothing.
pub(super) fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / n;
    let deviation = (values.map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean, if deviation > 1e-12 * mean.abs() { deviation } else { 0.0 })
}

/// 1.5 interquartile ranges below the lower quartile: diverged trials shall not bend the regression.
fn lower_fence(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return f64::NEG_INFINITY };
    let quartile = |q: usize| values[q * last / 4];
    quartile(1) - 1.5 * (quartile(3) - quartile(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Final values in [0, 1], seen at step 1 and 3 with `noise`; the better half goes on from each.
    fn curves(count: usize, noise: f64) -> Vec<(f64, Curve)> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut seen = |end: f64| 0.5 * end + noise * (rng.random::<f64>() - 0.5);
        let mut all = Vec::new();
        for i in 0..count {
            let end = (i * 37 % 101) as f64 / 100.0;
            let (first, second) = (seen(end), seen(end));
            let mut curve = Curve { reports: vec![(1, first)], end: None, stopped: first < 0.25 };
            if !curve.stopped {
                curve.reports.push((3, second));
                curve.stopped = second < 0.35;
                curve.end = (!curve.stopped).then_some(end);
            }
            all.push((end, curve));
        }
        all
    }

    #[test]
    fn what_was_stopped_is_expected_where_it_would_have_ended() {
        let all = curves(101, 0.02);
        let (ends, curves): (Vec<f64>, Vec<Curve>) = all.into_iter().unzip();
        let found = Extrapolation::learn(&curves).unwrap();
        let stopped = curves.iter().zip(&ends).filter(|(curve, _)| curve.stopped);
        let mut vague: Vec<(f64, f64)> = Vec::new();
        for (curve, end) in stopped {
            let (mean, deviation) = found.expect(curve).unwrap();
            assert!((mean - end).abs() < 0.1, "{mean} instead of {end}");
            vague.push((*end, deviation));
        }
        vague.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mean = |part: &[(f64, f64)]| part.iter().map(|p| p.1).sum::<f64>() / part.len() as f64;
        let middle = vague.len() / 2;
        assert!(
            mean(&vague[..middle]) > mean(&vague[middle..]),
            "far from what went on, the guess is vaguer"
        );
    }

    #[test]
    fn noisy_reports_make_vague_guesses() {
        let deviation = |noise| {
            let curves: Vec<Curve> = curves(101, noise).into_iter().map(|(_, curve)| curve).collect();
            let found = Extrapolation::learn(&curves).unwrap();
            curves.iter().filter(|c| c.stopped).map(|c| found.expect(c).unwrap().1).sum::<f64>()
        };
        assert!(deviation(0.3) > 2.0 * deviation(0.02));
    }

    #[test]
    fn nothing_is_said_without_trials_that_went_on() {
        let stopped = || Curve { reports: vec![(1, 0.5)], end: None, stopped: true };
        let complete = || Curve { reports: vec![(1, 0.6), (2, 0.7)], end: Some(0.7), stopped: false };
        assert!(Extrapolation::learn(&[stopped()]).is_none());
        assert!(Extrapolation::learn(&[complete()]).is_none());
        let few = Extrapolation::learn(&[stopped(), complete(), complete()]).unwrap();
        assert_eq!(few.expect(&stopped()), None);
        let equal = Extrapolation::learn(&[stopped(), complete(), complete(), complete()]).unwrap();
        let (mean, deviation) = equal.expect(&stopped()).unwrap();
        assert!((mean - 0.7).abs() < 1e-12 && deviation == 0.0);
    }
}

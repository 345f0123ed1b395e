//! The scale of what is good, found before anything is divided by a range: a penalty of 1e15, or of 1.7e308,
//! must not make all other values equal.
//!
//! | symbol | meaning |
//! |---|---|
//! | d | how far a value is below the best one, halved so that it cannot overflow |
//! | s | d of the best quarter: its last value, or the first one beyond that differs from the best |
//! | L | the largest d before the gap: the next one is above 10⁴ s and a thousand times as large, or above 10¹² s |
//!
//! A value with d > L is absurd: it says "bad" and nothing of how bad on the scale of the others. It is moved
//! to between 1.5 L and 2 L, by its rank among the absurd ones, so that the order stays. All other values
//! keep their distances, in units of s.
//!
//! It takes a gap, because values that are ever nearer to an optimum leave the first ones a million times
//! farther off as well, but one after the other.

/// A value is absurd when it is so many times farther from the best one than the best quarter is,
const FAR: f64 = 1e4;
/// and so many times farther than the next better one, or beyond such a one;
const GAP: f64 = 1e3;
/// or when it is so far that the others could not be told apart beside it.
const FARTHEST: f64 = 1e12;
/// The best so many values are never absurd, and give the scale where a quarter is fewer.
const TRUSTED: usize = 3;
/// Differences below this part of the values themselves are rounding.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// The scale of the better values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    half_best: f64,
    unit: f64,
    /// L.
    largest: f64,
}

impl Scale {
    /// The scale of values of which larger is better; `None` where they differ by rounding only.
    pub(crate) fn of(y: &[f64]) -> Option<Self> {
        let half_best = 0.5 * y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut below: Vec<f64> = y.iter().map(|v| half_best - 0.5 * v).collect();
        below.sort_by(f64::total_cmp);
        let rounding = ROUNDING * (2.0 * half_best).abs();
        let quarter = (below.len().saturating_sub(1) / 4).max(TRUSTED - 1);
        let last = *below.last()?;
        let unit = below.iter().skip(quarter).copied().find(|d| *d > rounding).unwrap_or(last);
        let middle = 2.0 * half_best - last;
        if last <= ROUNDING * middle.abs() || unit <= 0.0 {
            return None;
        }
        let absurd = |d: f64, before: f64| d / unit > FAR && d / before > GAP || d / unit > FARTHEST;
        let mut largest = unit;
        for &d in below.iter().filter(|d| **d > unit) {
            if absurd(d, largest) {
                break;
            }
            largest = d;
        }
        Some(Self { half_best, unit, largest })
    }

    /// d.
    fn below(self, v: f64) -> f64 {
        self.half_best - 0.5 * v
    }

    /// Whether a value is too far from the others to have a size.
    pub(crate) fn is_absurd(self, v: f64) -> bool {
        self.below(v) > self.largest
    }
}

/// The values in units of the better ones, the best at 0: their order and the proportions of those that are
/// not absurd survive. All 0 where they differ by rounding only.
///
/// Nothing overflows: finite values of any size become numbers in [-2e12, 0].
pub fn tamed(y: &[f64]) -> Vec<f64> {
    let Some(scale) = Scale::of(y) else { return vec![0.0; y.len()] };
    let mut absurd: Vec<f64> = y.iter().copied().filter(|v| scale.is_absurd(*v)).collect();
    absurd.sort_by(|a, b| b.total_cmp(a));
    let moved = |v: f64| {
        let better = absurd.partition_point(|other| *other > v);
        let equal = absurd.partition_point(|other| *other >= v) - better;
        let rank = (better as f64 + 0.5 * equal as f64) / absurd.len() as f64;
        scale.largest / scale.unit * (1.5 + 0.5 * rank)
    };
    y.iter().map(|&v| if scale.is_absurd(v) { -moved(v) } else { -scale.below(v) / scale.unit }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PENALTIES: [f64; 6] = [1e6, 1e15, 1e16, 1e100, 1e300, 1.7e308];

    #[test]
    fn proportions_of_the_good_are_what_they_would_be_without_a_penalty() {
        let good: Vec<f64> = (0..20).map(|i| -0.6 + 0.02 * f64::from(i)).collect();
        let plain = tamed(&good);
        let span = plain[19] - plain[0];
        for penalty in PENALTIES {
            for count in [1, 5, 30] {
                let y: Vec<f64> = good.iter().copied().chain(std::iter::repeat_n(-penalty, count)).collect();
                let found = tamed(&y);
                let ratio = |i: usize| (found[i] - found[0]) / (found[19] - found[0]);
                for i in 0..20 {
                    let expected = (plain[i] - plain[0]) / span;
                    assert!((ratio(i) - expected).abs() < 1e-9, "{penalty:e} {count} times: {found:?}");
                }
                assert!(found[20..].iter().all(|z| *z < found[0] && *z >= 2.0 * found[0]), "{found:?}");
            }
        }
    }

    #[test]
    fn absurd_values_keep_their_order_and_equal_ones_stay_equal() {
        let y = [1.0, 2.0, 3.0, 4.0, -1e300, -1.7e308, -1e300, -1e15];
        let z = tamed(&y);
        assert!(z[7] > z[4] && z[4] == z[6] && z[6] > z[5] && z[7] < z[0], "{z:?}");
    }

    #[test]
    fn the_whole_range_of_numbers_is_no_penalty_when_all_of_it_is_used() {
        let z = tamed(&[1.7e308, 0.0, -1.7e308, 0.8e308, -0.8e308]);
        assert!(z.iter().all(|z| z.is_finite()));
        assert!((z[1] - z[0]) / (z[2] - z[0]) > 0.49, "{z:?}");
    }

    #[test]
    fn what_comes_ever_nearer_to_an_optimum_is_on_one_scale() {
        let y: Vec<f64> = (0..40).map(|i| -(0.6f64.powi(i))).collect();
        let z = tamed(&y);
        assert!((z[1] - z[0]) / (z[2] - z[1]) > 1.6, "{z:?}");
        assert!(((z[39] - z[0]) / (z[39] - z[5]) - 1.0 / 0.6f64.powi(5)).abs() < 1e-6, "nothing is moved");
    }

    #[test]
    fn rounding_is_no_scale() {
        assert_eq!(tamed(&[0.1 + 0.2, 0.3]), [0.0, 0.0]);
        assert_eq!(tamed(&[7.0]), [0.0]);
        // Eight times the best value, up to rounding, and a few others.
        let mut y = vec![0.3; 4];
        y.extend([0.1 + 0.2; 4]);
        y.extend([0.25, 0.2, 0.1]);
        let z = tamed(&y);
        assert!((z[9] - z[8]) / (z[10] - z[9]) < 0.51, "{z:?}");
    }
}

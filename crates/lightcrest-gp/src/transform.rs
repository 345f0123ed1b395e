//! Outcome transforms: what the Gaussian process sees instead of the raw objective. Larger is better on both
//! sides.
//!
//! Every transform is monotone, so the best stays the best; all end in mean 0 and variance 1. Before anything
//! else values are put on the scale of the better ones ([`tamed`]), so that values of 1e300 or 1e-300 neither
//! overflow nor vanish, and one penalty of 1e15 leaves the differences among the good as they are; a constant
//! objective becomes all zeros.

use crate::error::{GpError, finite, length};
use crate::robust::Scale;
pub use crate::robust::tamed;
use crate::special::normal_quantile;
use serde::{Deserialize, Serialize};

/// How outliers are tamed before standardisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outliers {
    /// Left as they are, but for those that are thousands of times farther off than the better ones
    /// ([`tamed`]).
    Keep,
    /// Values far below the median (1.5 interquartile ranges below the lower quartile) are pulled up to that
    /// fence.
    Winsorise,
    /// The worse half is replaced by what a normal distribution, fitted to the better half, has at those
    /// ranks (Song et al. 2024, "The Vizier Gaussian process bandit algorithm", half-rank warping). Bad
    /// values keep their order and lose their size.
    #[default]
    HalfRank,
    /// sign(v) log(1 + |v|) around the median (Eriksson & Poloczek 2021, arXiv 2002.08526, sec. 4.1).
    Bilog,
}

/// Transformed values, mean 0 and variance 1, or all 0 when they do not differ.
///
/// # Errors
/// When there is no value, or one is not finite.
pub fn transform(y: &[f64], outliers: Outliers) -> Result<Vec<f64>, GpError> {
    if y.is_empty() {
        return Err(GpError::Empty);
    }
    finite("y", y)?;
    let y = tamed(y);
    Ok(standardise(&match outliers {
        Outliers::Keep => y,
        Outliers::Winsorise => winsorise(&y),
        Outliers::HalfRank => half_rank(&y),
        Outliers::Bilog => bilog(&y),
    }))
}

/// (y - mean) / standard deviation, or all 0 when the values do not differ.
pub fn standardise(y: &[f64]) -> Vec<f64> {
    let y = scaled(y);
    let n = y.len() as f64;
    let mean = y.iter().sum::<f64>() / n;
    let deviation = (y.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
    // Rounding alone spreads equal values by about 1e-16 of their size, which `scaled` made at most 1.
    if deviation > 1e-13 { y.iter().map(|v| (v - mean) / deviation).collect() } else { vec![0.0; y.len()] }
}

/// From transformed values back to the scale of the observations.
///
/// The transform is monotone, so quantiles may go through its inverse: the inverse of μ is the median of the
/// objective, those of μ - 2σ and μ + 2σ are the ends of the same interval. (Means and variances may not.)
/// Between two observations the inverse is the line through them, which is exact wherever the transform is
/// linear: everywhere for [`Outliers::Keep`], in the better half for [`Outliers::HalfRank`]. Beyond the best
/// and the worst it goes on with the mean slope of the better half, since what was warped has no scale of its
/// own there. Absurd observations, such as a penalty of 1e300, have none either and are no part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inverse {
    /// (transformed, observed), transformed values ascending and different.
    knots: Vec<(f64, f64)>,
    /// Half of it, so that it is finite wherever values are.
    half_slope: f64,
}

impl Inverse {
    /// Of observed values y and what [`transform`] makes of them, z.
    ///
    /// # Shapes
    /// As many y as z.
    ///
    /// # Errors
    /// When there is no value, the lengths differ, or a value is not finite.
    pub fn new(y: &[f64], z: &[f64]) -> Result<Self, GpError> {
        if y.is_empty() {
            return Err(GpError::Empty);
        }
        length("z", y.len(), z.len())?;
        finite("y", y)?;
        finite("z", z)?;
        let scale = Scale::of(y);
        let sized = |v: &f64| scale.is_none_or(|scale| !scale.is_absurd(*v));
        let mut knots: Vec<(f64, f64)> =
            z.iter().copied().zip(y.iter().copied()).filter(|(_, y)| sized(y)).collect();
        knots.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
        // Of values that became equal (winsorised ones), the best stays.
        knots.dedup_by(|later, kept| later.0 == kept.0);
        knots.reverse();
        let (middle, best) = (knots[(knots.len() - 1) / 2], knots[knots.len() - 1]);
        let half_slope = (0.5 * best.1 - 0.5 * middle.1) / (best.0 - middle.0);
        // Equal values have no scale; one standard deviation then counts as one unit.
        let half_slope = if half_slope.is_finite() && half_slope > 0.0 { half_slope } else { 0.5 };
        Ok(Self { knots, half_slope })
    }

    /// The observation that would be transformed to z; finite wherever z is: the largest number where it
    /// would exceed that.
    pub fn at(&self, z: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot.0 < z);
        match (after.checked_sub(1).map(|i| self.knots[i]), self.knots.get(after).copied()) {
            (Some((z0, y0)), Some((z1, y1))) => {
                let t = (z - z0) / (z1 - z0);
                y0 * (1.0 - t) + y1 * t
            }
            (None, Some((edge, y))) | (Some((edge, y)), None) => {
                let half = 0.5 * y + self.half_slope * (z - edge);
                (2.0 * half).clamp(f64::MIN, f64::MAX)
            }
            (None, None) => f64::NAN,
        }
    }
}

/// Maps [min, max] to [-1, 1] without overflow.
fn scaled(y: &[f64]) -> Vec<f64> {
    let (low, high) = y.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let middle = 0.5 * low + 0.5 * high;
    let half = 0.5 * high - 0.5 * low;
    // Differences below the rounding of the values themselves are none.
    if half <= 4.0 * f64::EPSILON * middle.abs() || half == 0.0 {
        return vec![0.0; y.len()];
    }
    y.iter().map(|v| ((v - middle) / half).clamp(-1.0, 1.0)).collect()
}

fn sorted(y: &[f64]) -> Vec<f64> {
    let mut sorted = y.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Linear interpolation between order statistics.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
}

fn winsorise(y: &[f64]) -> Vec<f64> {
    let order = sorted(y);
    let (first, third) = (quantile(&order, 0.25), quantile(&order, 0.75));
    let fence = first - 1.5 * (third - first);
    if third > first { y.iter().map(|v| v.max(fence)).collect() } else { half_rank(y) }
}

fn bilog(y: &[f64]) -> Vec<f64> {
    let order = sorted(y);
    let median = quantile(&order, 0.5);
    let spread = quantile(&order, 0.75) - quantile(&order, 0.25);
    let spread = if spread > 0.0 { spread } else { 1.0 };
    y.iter().map(|v| (v - median) / spread).map(|v| v.signum() * v.abs().ln_1p()).collect()
}

fn half_rank(y: &[f64]) -> Vec<f64> {
    let n = y.len();
    let order = sorted(y);
    let median = quantile(&order, 0.5);
    // σ of a normal whose upper half is the upper half of y.
    let upper: Vec<f64> =
        order.iter().filter(|&&v| v >= median).map(|v| (v - median) * (v - median)).collect();
    let sigma = (upper.iter().sum::<f64>() / upper.len() as f64).sqrt();
    let sigma = if sigma > 0.0 { sigma } else { 1.0 };
    y.iter()
        .map(|&v| {
            if v >= median {
                return v;
            }
            // Mean rank of the values equal to v, so that equal values stay equal.
            let below = order.partition_point(|&o| o < v);
            let equal = order.partition_point(|&o| o <= v) - below;
            let p = (below as f64 + 0.5 * equal as f64) / n as f64;
            median + sigma * normal_quantile(p.min(0.5))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    const ALL: [Outliers; 4] = [Outliers::Keep, Outliers::Winsorise, Outliers::HalfRank, Outliers::Bilog];

    #[test]
    fn order_survives_and_moments_are_standard() {
        let y = [3.0, -1.0, 2.0, 0.5, 8.0, -40.0, 2.5, 1.0];
        for outliers in ALL {
            let z = transform(&y, outliers).expect("finite");
            for i in 0..y.len() {
                for j in 0..y.len() {
                    assert!(y[i] >= y[j] || z[i] <= z[j] + 1e-12, "{outliers:?} {z:?}");
                }
            }
            let mean = z.iter().sum::<f64>() / 8.0;
            let variance = z.iter().map(|v| v * v).sum::<f64>() / 8.0;
            assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_inverse_returns_to_the_observations_and_keeps_the_order_everywhere() {
        let y = [3.0, -1.0, 2.0, 0.5, 8.0, -40.0, 2.5, 1.0];
        for outliers in [Outliers::Keep, Outliers::HalfRank, Outliers::Bilog] {
            let z = transform(&y, outliers).expect("finite");
            let inverse = Inverse::new(&y, &z).expect("finite");
            for (y, z) in y.iter().zip(&z) {
                assert!((inverse.at(*z) - y).abs() < 1e-9 * y.abs().max(1.0), "{outliers:?}");
            }
            let line: Vec<f64> = (-60..=60).map(|i| inverse.at(0.1 * f64::from(i))).collect();
            assert!(line.windows(2).all(|pair| pair[0] < pair[1]), "{outliers:?} {line:?}");
        }
        // Without warping the inverse is a line, and beyond the ends too.
        let z = transform(&y, Outliers::Keep).expect("finite");
        let inverse = Inverse::new(&y, &z).expect("finite");
        let mean = y.iter().sum::<f64>() / 8.0;
        let deviation = (y.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 8.0).sqrt();
        for z in [-9.0, -0.3, 0.0, 0.4, 7.0] {
            assert!((inverse.at(z) - (mean + z * deviation)).abs() < 1e-9);
        }
    }

    #[test]
    fn the_inverse_of_equal_values_is_centred_on_them() {
        let inverse = Inverse::new(&[7.0; 3], &[0.0; 3]).expect("finite");
        assert!(inverse.at(-1.0) < 7.0 && inverse.at(0.0) == 7.0 && inverse.at(1.0) > 7.0);
        assert!(Inverse::new(&[], &[]).is_err() && Inverse::new(&[1.0], &[f64::NAN]).is_err());
    }

    #[test]
    fn one_disaster_does_not_hide_the_differences_among_the_good() {
        let mut y: Vec<f64> = (0..20).map(|i| 0.9 + 0.001 * i as f64).collect();
        y[0] = -1e6;
        for outliers in [Outliers::Winsorise, Outliers::HalfRank] {
            let z = transform(&y, outliers).expect("finite");
            assert!(z[19] - z[10] > 0.3, "{outliers:?}: {z:?}");
        }
    }

    /// Twenty good values and some bad ones, of which some may be absurd.
    fn with_penalties(penalty: f64, count: usize) -> Vec<f64> {
        let mut y: Vec<f64> = (0..20).map(|i| -0.6 + 0.02 * f64::from(i)).collect();
        y.extend(std::iter::repeat_n(penalty, count));
        y
    }

    #[test]
    fn a_penalty_of_any_size_leaves_order_and_proportions_of_the_good() {
        for outliers in ALL {
            let spread = |y: &[f64]| {
                let z = transform(y, outliers).expect("finite");
                assert!(z.iter().all(|z| z.is_finite()) && z[..20].windows(2).all(|pair| pair[0] <= pair[1]));
                (10..20).map(|i| (z[i] - z[10]) / (z[19] - z[10])).collect::<Vec<f64>>()
            };
            for count in [1, 4, 30] {
                let mild = spread(&with_penalties(-9.0, count));
                for penalty in [-1e6, -1e15, -1e300, -1.7e308] {
                    for (a, b) in spread(&with_penalties(penalty, count)).iter().zip(&mild) {
                        // Bilog bends by its own spread, which depends on where the bad ones are.
                        let tolerance = if outliers == Outliers::Bilog { 0.1 } else { 1e-6 };
                        assert!((a - b).abs() < tolerance, "{outliers:?} {penalty:e} {count} times: {a} {b}");
                    }
                }
            }
            // Seen by the model: the good differ by more than noise.
            let z = transform(&with_penalties(-1.7e308, 1), outliers).expect("finite");
            assert!(z[19] - z[10] > 0.2, "{outliers:?}: {z:?}");
        }
    }

    #[test]
    fn the_way_back_from_a_penalty_is_on_the_scale_of_the_good() {
        for outliers in ALL {
            for penalty in [-1e15, -1e300, -1.7e308] {
                let y = with_penalties(penalty, 2);
                let z = transform(&y, outliers).expect("finite");
                let inverse = Inverse::new(&y, &z).expect("finite");
                for (y, z) in y[10..20].iter().zip(&z[10..20]) {
                    assert!((inverse.at(*z) - y).abs() < 1e-9, "{outliers:?} {penalty:e}");
                }
                for z in [-8.0, -3.0, 0.0, 3.0, 8.0] {
                    assert!(inverse.at(z).abs() < 100.0, "{outliers:?} {penalty:e}: {}", inverse.at(z));
                }
            }
        }
        let y = [1.7e308, -1.7e308, 0.3e308, 1.0];
        let inverse = Inverse::new(&y, &transform(&y, Outliers::Keep).expect("finite")).expect("finite");
        assert!([-9.0, 9.0].iter().all(|z| inverse.at(*z).is_finite()) && inverse.at(9.0) > 1.7e308);
    }

    #[test]
    fn extreme_scales_and_constants_stay_finite() {
        for y in [
            vec![1e300, -1e300, 0.0, 5e299],
            vec![1e-300, 3e-300, 2e-300],
            vec![7.0; 5],
            vec![0.0],
            vec![1e308, 1e308],
            vec![0.1 + 0.2, 0.3],
        ] {
            for outliers in ALL {
                let z = transform(&y, outliers).expect("finite");
                assert!(z.iter().all(|v| v.is_finite()), "{outliers:?} {y:?} {z:?}");
            }
        }
        let z = transform(&[1e-300, 3e-300], Outliers::Keep).expect("finite");
        assert!((z[1] - 1.0).abs() < 1e-12 && (z[0] + 1.0).abs() < 1e-12);
        assert!(transform(&[7.0; 5], Outliers::HalfRank).expect("finite").iter().all(|v| *v == 0.0));
        assert!(transform(&[f64::NAN], Outliers::Keep).is_err() && transform(&[], Outliers::Keep).is_err());
    }
}

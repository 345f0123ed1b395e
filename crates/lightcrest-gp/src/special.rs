//! Special functions of the normal distribution, stable in the tails. All branches are cited.
//!
//! | function | domain | relative error |
//! |---|---|---|
//! | [`erfcx`] | x >= -26 | 1e-13 |
//! | [`log_normal_cdf`] | all z | 1e-13 |
//! | [`log_h`] | all z, tested to -1e6 | 1e-12 |
//! | [`normal_quantile`] | 0 < p < 1 | 1e-9 |

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

/// log(2π)/2.
pub const HALF_LOG_2PI: f64 = 0.918_938_533_204_672_8;
const FRAC_1_SQRT_PI: f64 = 0.564_189_583_547_756_3;
/// 1/√(2π).
const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;

/// φ(z), the standard normal density.
pub fn normal_pdf(z: f64) -> f64 {
    FRAC_1_SQRT_2PI * (-0.5 * z * z).exp()
}

/// Φ(z), the standard normal distribution function.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The scaled complementary error function exp(x²) erfc(x).
///
/// Below 2 as written; above, the continued fraction of Abramowitz & Stegun 7.1.14, backwards with as many
/// terms as double precision needs (the tests show how many that is).
pub fn erfcx(x: f64) -> f64 {
    if x < 2.0 {
        return (x * x).exp() * libm::erfc(x);
    }
    let terms = (400.0 / (x * x)).ceil() as usize + 10;
    // What the fraction tends to as m grows: the fixed point of tail = x + m/2 / tail.
    let mut tail = 0.5 * (x + (x * x + 2.0 * terms as f64).sqrt());
    for m in (1..=terms).rev() {
        tail = x + 0.5 * m as f64 / tail;
    }
    FRAC_1_SQRT_PI / tail
}

/// log φ(z).
pub fn log_normal_pdf(z: f64) -> f64 {
    -0.5 * z * z - HALF_LOG_2PI
}

/// log Φ(z).
///
/// For z < -1 through [`erfcx`], which has no underflow: Φ(z) = exp(-z²/2) erfcx(-z/√2) / 2.
pub fn log_normal_cdf(z: f64) -> f64 {
    if z < -1.0 {
        -0.5 * z * z + erfcx(-z * FRAC_1_SQRT_2).ln() - LN_2
    } else if z < 5.0 {
        normal_cdf(z).ln()
    } else {
        (-normal_cdf(-z)).ln_1p()
    }
}

/// log(1 - exp(x)) for x < 0, by Mächler's two branches (2012, "Accurately computing log(1 - exp(-|a|))").
pub fn log_1m_exp(x: f64) -> f64 {
    if x > -LN_2 { (-x.exp_m1()).ln() } else { (-x.exp()).ln_1p() }
}

/// log h(z) with h(z) = φ(z) + z Φ(z), the shape of expected improvement.
///
/// Ament et al. 2023 (arXiv 2310.20708), eq. 9, in three branches: as written above -1; through erfcx down to
/// -25; below, where the difference in erfcx cancels, the asymptotic series
/// h(z) = φ(z)/z² (1 - 3/z² + 15/z⁴ - ...) (Abramowitz & Stegun 26.2.12).
pub fn log_h(z: f64) -> f64 {
    if z > -1.0 {
        (normal_pdf(z) + z * normal_cdf(z)).ln()
    } else if z > -25.0 {
        // Φ(z)/φ(z) = √(π/2) erfcx(-z/√2)
        let ratio = (0.5 * PI).sqrt() * erfcx(-z * FRAC_1_SQRT_2);
        -0.5 * z * z - HALF_LOG_2PI + (z * ratio).ln_1p()
    } else {
        let q = 1.0 / (z * z);
        let series = q * (-3.0 + q * (15.0 + q * (-105.0 + q * (945.0 + q * (-10_395.0 + q * 135_135.0)))));
        -0.5 * z * z - HALF_LOG_2PI - 2.0 * z.abs().ln() + series.ln_1p()
    }
}

/// d log h / dz = Φ(z) / h(z).
pub fn log_h_slope(z: f64) -> f64 {
    (log_normal_cdf(z) - log_h(z)).exp()
}

/// Φ⁻¹(p) for 0 < p < 1; -∞ and ∞ at the ends.
///
/// Acklam's rational approximation (2003), relative error 1.2e-9.
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239e0,
    ];
    const B: [f64; 5] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838e0,
        -2.549732539343734e0,
        4.374664141464968e0,
        2.938163982698783e0,
    ];
    const D: [f64; 4] =
        [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996e0, 3.754408661907416e0];
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / (horner(&D, q) * q + 1.0)
    };
    if p <= 0.0 {
        f64::NEG_INFINITY
    } else if p >= 1.0 {
        f64::INFINITY
    } else if p < 0.02425 {
        tail(p)
    } else if p > 1.0 - 0.02425 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    }
}

#[cfg(test)]
#[allow(clippy::excessive_precision)] // the references as mpmath printed them
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!(
            (found - expected).abs() <= tolerance * expected.abs().max(1e-300),
            "{found:e} is not {expected:e}"
        );
    }
    // All reference values: mpmath 1.4 with 60 to 800 digits.
    #[test]
    fn log_h_is_right_on_every_branch_and_in_the_tails() {
        for (z, expected) in [
            (5.0, 1.6094379231264314),
            (0.0, -0.91893853320467274),
            (-0.5, -1.6205162643873199),
            (-1.0, -2.4851210257126413),
            (-1.5, -3.5299359208057099),
            (-5.0, -16.74430116266099),
            (-24.9, -317.35848574266734),
            (-25.1, -322.37440987246407),
            (-40.0, -808.29856835661996),
            (-1000.0, -500014.73445209116),
            (-1e6, -500000000028.54996),
        ] {
            close(log_h(z), expected, 1e-12);
        }
    }

    #[test]
    fn log_h_slope_tends_to_minus_z_in_the_tail() {
        for z in [-40.0, -1000.0, -1e5] {
            close(log_h_slope(z), -z, 1e-2);
        }
        assert!(log_h_slope(-1e6).is_finite() && log_h_slope(1e6).is_finite());
    }

    #[test]
    fn erfcx_and_log_normal_cdf_agree_with_mpmath() {
        for (x, expected) in [
            (-2.0, 108.94090438997797),
            (0.0, 1.0),
            (1.0, 0.427583576155807),
            (1.999, 0.25550251459057791),
            (2.001, 0.25528892163594967),
            (5.0, 0.11070463773306863),
            (30.0, 0.018795888861416751),
            (1e5, 5.6418958351954681e-6),
        ] {
            close(erfcx(x), expected, 1e-13);
        }
        for (z, expected) in [
            (-40.0, -804.60844201375379),
            (-5.0, -15.064998393988726),
            (-1.5, -2.7059444008238898),
            (-0.5, -1.1759117615936186),
            (0.0, -LN_2),
            (2.0, -0.023012909328963488),
            (8.0, -6.2209605742717861e-16),
        ] {
            close(log_normal_cdf(z), expected, 1e-13);
        }
    }

    #[test]
    fn normal_quantile_inverts_the_distribution() {
        for (p, expected) in [
            (1e-10, -6.36134090240406),
            (0.01, -2.32634787404084),
            (0.3, -0.524400512708041),
            (0.9, 1.2815515655446),
            (0.999, 3.09023230616781),
        ] {
            close(normal_quantile(p), expected, 2e-9);
        }
        assert_eq!(normal_quantile(0.5), 0.0);
    }
}

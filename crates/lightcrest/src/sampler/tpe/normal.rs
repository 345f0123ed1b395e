//! The normal distribution on intervals: what kernels weigh and how they are drawn from.

use lightcrest_gp::special::{HALF_LOG_2PI, log_1m_exp, normal_cdf, normal_quantile};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Where an interval is so narrow that two terms of the series about its centre are exact to 1e-7.
const NARROW: f64 = 0.1;
/// Below this, Φ is taken from its asymptotic series, exact to 1e-5 here and to more further out.
const FAR: f64 = -8.0;

/// log(Φ(b) - Φ(a)) for a < b, also where both are far out on one side.
pub(super) fn log_mass(a: f64, b: f64) -> f64 {
    let (h, z) = (b - a, 0.5 * (a + b));
    if h * (1.0 + z.abs()) < NARROW {
        // ∫ φ over [z - h/2, z + h/2] = φ(z) h (1 + h²/24 (z² - 1) + O(h⁴ z⁴ / 1920))
        return -0.5 * z * z - HALF_LOG_2PI + h.ln() + (h * h / 24.0 * (z * z - 1.0)).ln_1p();
    }
    if z > 0.0 {
        return log_mass(-b, -a);
    }
    if b > FAR {
        return (normal_cdf(b) - normal_cdf(a)).ln();
    }
    let upper = log_tail(b);
    upper + log_1m_exp(log_tail(a) - upper)
}

/// log Φ(z) for z far below 0 (Abramowitz & Stegun 26.2.12).
fn log_tail(z: f64) -> f64 {
    let q = 1.0 / (z * z);
    -0.5 * z * z - HALF_LOG_2PI - (-z).ln() + (-q * (1.0 - q * (3.0 - 15.0 * q))).ln_1p()
}

/// log of what a normal with this mean and deviation has in `[0, 1]`, for a mean that lies in it.
pub(super) fn log_mass_in_unit(mu: f64, sigma: f64) -> f64 {
    let (below, above) = (mu / sigma, (1.0 - mu) / sigma);
    // Φ(-8.3) is less than half the distance between 1 and the next smaller number.
    if below > 8.3 && above > 8.3 {
        return 0.0;
    }
    (-(normal_cdf(-below) + normal_cdf(-above))).ln_1p()
}

/// A number in `[0, 1]` from a normal cut off there, whose mean lies in it.
pub(super) fn draw_in_unit(mu: f64, sigma: f64, rng: &mut ChaCha8Rng) -> f64 {
    let (from, to) = (normal_cdf(-mu / sigma), normal_cdf((1.0 - mu) / sigma));
    let z = normal_quantile(from + rng.random::<f64>() * (to - from));
    (mu + sigma * z).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn masses_are_right_on_every_branch() {
        // log((erfc(-b/√2) - erfc(-a/√2)) / 2) in double precision, mirrored to the left tail; (narrow,
        // straddling, near, far)
        for (a, b, expected) in [
            (12.0, 12.001, -79.832_687_977),
            (-1.0, 1.0, -0.381_715_146_302),
            (0.5, 0.6, -3.373_064_226_943),
            (2.0, 7.0, -3.783_184_333_738),
            (-9.0, -8.5, -39.209_373_391_744),
            (20.0, 30.0, -203.917_155_371_097),
            (-30.0, -3.0, -6.607_726_221_510),
        ] {
            let found = log_mass(a, b);
            assert!((found - expected).abs() < 1e-5, "({a}, {b}): {found}, not {expected}");
            assert!((found - log_mass(-b, -a)).abs() < 1e-9);
        }
    }

    #[test]
    fn adjacent_intervals_add_up() {
        let edges: Vec<f64> = (0..=200).map(|k| -12.0 + 0.12 * f64::from(k)).collect();
        let sum: f64 = edges.windows(2).map(|w| log_mass(w[0], w[1]).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-7, "{sum}");
    }

    #[test]
    fn draws_follow_the_cut_off_normal() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let (mu, sigma) = (0.1, 0.3);
        let n = 4000;
        let below = (0..n).filter(|_| draw_in_unit(mu, sigma, &mut rng) < 0.2).count();
        let expected = (log_mass(-mu / sigma, (0.2 - mu) / sigma) - log_mass_in_unit(mu, sigma)).exp();
        assert!((below as f64 / f64::from(n) - expected).abs() < 4.0 * 0.5 / f64::from(n).sqrt());
    }
}

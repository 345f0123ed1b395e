//! What is maximised to choose the next point. Larger is better, for the posterior's mean as for every
//! function here.
//!
//! | function | formula | source |
//! |---|---|---|
//! | [`ucb`] | μ + κσ | Cox & John 1992; Srinivas et al. 2010 |
//! | [`ei`] | σ h(z), h(z) = φ(z) + zΦ(z) | Mockus 1978; Jones et al. 1998, eq. 15 |
//! | [`log_ei`] | log σ + log h(z) | Ament et al. 2023, eq. 8 |
//! | [`pi`] | Φ(z) | Kushner 1964 |
//! | [`log_pi`] | log Φ(z) | |
//!
//! z = (μ - best) / σ. All take the standard deviation σ >= 0, lifted to [`SIGMA_FLOOR`].

use crate::special::{log_h, log_h_slope, log_normal_cdf, log_normal_pdf, normal_cdf, normal_pdf};

/// The smallest σ (y has unit variance): keeps z finite where the function is known exactly.
pub const SIGMA_FLOOR: f64 = 1e-9;

/// Upper confidence bound.
pub fn ucb(mean: f64, sigma: f64, kappa: f64) -> f64 {
    mean + kappa * sigma
}

/// κ_t = √β_t of GP-UCB: β_t = 2 log(t^(d/2 + 2) π² / (3δ)).
///
/// Srinivas et al. 2010 (arXiv 0912.3995), theorem 2 in the form of Brochu et al. 2010, sec. 2.3.3, with
/// probability 1 - `delta`; `t` counts from 1.
pub fn gp_ucb_kappa(t: usize, dimension: usize, delta: f64) -> f64 {
    let power = 0.5 * dimension as f64 + 2.0;
    let beta = 2.0 * (power * (t.max(1) as f64).ln() + (std::f64::consts::PI.powi(2) / (3.0 * delta)).ln());
    beta.max(0.0).sqrt()
}

/// Expected improvement over `best`.
pub fn ei(mean: f64, sigma: f64, best: f64) -> f64 {
    let sigma = sigma.max(SIGMA_FLOOR);
    let z = (mean - best) / sigma;
    (sigma * (normal_pdf(z) + z * normal_cdf(z))).max(0.0)
}

/// Logarithm of expected improvement: finite where [`ei`] underflows to 0.
pub fn log_ei(mean: f64, sigma: f64, best: f64) -> f64 {
    let sigma = sigma.max(SIGMA_FLOOR);
    sigma.ln() + log_h((mean - best) / sigma)
}

/// Derivatives of [`log_ei`] in the mean and in σ.
pub fn log_ei_slopes(mean: f64, sigma: f64, best: f64) -> (f64, f64) {
    let sigma = sigma.max(SIGMA_FLOOR);
    let z = (mean - best) / sigma;
    let slope = log_h_slope(z);
    (slope / sigma, (1.0 - z * slope) / sigma)
}

/// Probability of improvement over `best`.
pub fn pi(mean: f64, sigma: f64, best: f64) -> f64 {
    normal_cdf((mean - best) / sigma.max(SIGMA_FLOOR))
}

/// Logarithm of the probability of improvement: finite where [`pi`] underflows to 0.
pub fn log_pi(mean: f64, sigma: f64, best: f64) -> f64 {
    log_normal_cdf((mean - best) / sigma.max(SIGMA_FLOOR))
}

/// Derivatives of [`log_pi`] in the mean and in σ.
pub fn log_pi_slopes(mean: f64, sigma: f64, best: f64) -> (f64, f64) {
    let sigma = sigma.max(SIGMA_FLOOR);
    let z = (mean - best) / sigma;
    let slope = (log_normal_pdf(z) - log_normal_cdf(z)).exp();
    (slope / sigma, -z * slope / sigma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_ei_is_the_logarithm_of_ei() {
        for (mean, sigma) in [(0.0, 1.0), (-2.0, 0.5), (3.0, 0.1), (-1.0, 0.3)] {
            let (a, b) = (log_ei(mean, sigma, 0.2), ei(mean, sigma, 0.2).ln());
            assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} {b}");
        }
    }

    #[test]
    fn slopes_are_those_of_finite_differences() {
        type Value = fn(f64, f64, f64) -> f64;
        type Slopes = fn(f64, f64, f64) -> (f64, f64);
        let pairs: [(Value, Slopes); 2] = [(log_ei, log_ei_slopes), (log_pi, log_pi_slopes)];
        for (value, slopes) in pairs {
            for (mean, sigma) in [(0.0, 1.0), (-2.0, 0.5), (-30.0, 0.5), (-1e4, 2.0), (3.0, 0.7)] {
                let (dm, ds) = slopes(mean, sigma, 0.2);
                let e = 1e-6;
                let fm = (value(mean + e, sigma, 0.2) - value(mean - e, sigma, 0.2)) / (2.0 * e);
                let fs = (value(mean, sigma + e, 0.2) - value(mean, sigma - e, 0.2)) / (2.0 * e);
                assert!(
                    (dm - fm).abs() < 1e-4 * fm.abs().max(1.0) && (ds - fs).abs() < 1e-4 * fs.abs().max(1.0),
                    "{dm} {fm} {ds} {fs}"
                );
            }
        }
    }

    #[test]
    fn certainty_does_not_divide_by_zero() {
        for mean in [-1e6, -1.0, 0.0, 1.0] {
            assert!(
                log_ei(mean, 0.0, 0.5).is_finite()
                    && ei(mean, 0.0, 0.5).is_finite()
                    && pi(mean, 0.0, 0.5).is_finite()
            );
        }
    }

    #[test]
    fn the_schedule_grows_with_time_and_dimension() {
        // t = 1: β = 2 log(π² / 0.3), by hand.
        assert!(
            (gp_ucb_kappa(1, 3, 0.1) - (2.0 * (std::f64::consts::PI.powi(2) / 0.3).ln()).sqrt()).abs()
                < 1e-12
        );
        assert!(
            gp_ucb_kappa(10, 3, 0.1) < gp_ucb_kappa(100, 3, 0.1)
                && gp_ucb_kappa(10, 3, 0.1) < gp_ucb_kappa(10, 6, 0.1)
        );
    }
}

//! The covariance matrix adaptation evolution strategy, after Hansen 2016 (arXiv 1604.00772), whose equation
//! numbers are cited.
//!
//! | symbol | meaning |
//! |---|---|
//! | `d`, `lambda`, `mu` | dimensions, points a generation, how many of them pull the mean |
//! | `mean`, `sigma`, `c` | the normal that points are drawn from: N(mean, σ² C) |
//! | `b`, `scales` | C = B diag(scales²) Bᵀ |
//! | `p_sigma`, `p_c` | evolution paths |

use faer::{Mat, Side};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The state between two generations. Points lie in the unit cube.
#[derive(Debug, Clone)]
pub(super) struct Strategy {
    d: usize,
    pub(super) lambda: usize,
    mu: usize,
    weights: Vec<f64>, // (lambda,)
    mu_eff: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    c_1: f64,
    c_mu: f64,
    chi: f64,
    mean: Vec<f64>, // (d,)
    sigma: f64,
    c: Mat<f64>,       // (d, d)
    b: Mat<f64>,       // (d, d)
    scales: Vec<f64>,  // (d,)
    p_sigma: Vec<f64>, // (d,)
    p_c: Vec<f64>,     // (d,)
    generation: i32,
}

impl Strategy {
    /// The beginning, with the default parameters of table 1: active adaptation, weights below zero included.
    pub(super) fn new(mean: Vec<f64>, sigma: f64, lambda: usize) -> Self {
        let (d, n) = (mean.len(), mean.len() as f64);
        let mu = lambda / 2;
        // Eq. 49.
        let raw: Vec<f64> =
            (1..=lambda).map(|i| ((lambda as f64 + 1.0) / 2.0).ln() - (i as f64).ln()).collect();
        let effective = |w: &[f64]| w.iter().sum::<f64>().powi(2) / w.iter().map(|w| w * w).sum::<f64>();
        let (mu_eff, mu_eff_minus) = (effective(&raw[..mu]), effective(&raw[mu..]));
        // Eqs. 55 to 58.
        let c_sigma = (mu_eff + 2.0) / (n + mu_eff + 5.0);
        let d_sigma = 1.0 + 2.0 * (((mu_eff - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma;
        let c_c = (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n);
        let c_1 = 2.0 / ((n + 1.3).powi(2) + mu_eff);
        let rank_mu = 2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((n + 2.0).powi(2) + mu_eff);
        let c_mu = rank_mu.min(1.0 - c_1 - 1e-8);
        // Eqs. 50 to 53.
        let least = (1.0 + c_1 / c_mu)
            .min(1.0 + 2.0 * mu_eff_minus / (mu_eff + 2.0))
            .min((1.0 - c_1 - c_mu) / (n * c_mu));
        let positive: f64 = raw.iter().filter(|w| **w >= 0.0).sum();
        let negative: f64 = raw.iter().filter(|w| **w < 0.0).sum::<f64>().abs();
        let weights =
            raw.iter().map(|w| if *w >= 0.0 { w / positive } else { w * least / negative }).collect();
        Self {
            d,
            lambda,
            mu,
            weights,
            mu_eff,
            c_sigma,
            d_sigma,
            c_c,
            c_1,
            c_mu,
            chi: n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
            mean,
            sigma,
            c: Mat::identity(d, d),
            b: Mat::identity(d, d),
            scales: vec![1.0; d],
            p_sigma: vec![0.0; d],
            p_c: vec![0.0; d],
            generation: 0,
        }
    }

    /// A point: drawn again while it is outside of the unit cube, at most `10 d` times, and clipped then.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let mut x = Vec::new();
        for _ in 0..=10 * self.d {
            let z: Vec<f64> = self.scales.iter().map(|scale| scale * normal(rng)).collect();
            let y = self.rotate(&z);
            x = self.mean.iter().zip(&y).map(|(mean, y)| mean + self.sigma * y).collect();
            if x.iter().all(|x| (0.0..=1.0).contains(x)) {
                return x;
            }
        }
        x.into_iter().map(|x| x.clamp(0.0, 1.0)).collect()
    }

    /// B v.
    fn rotate(&self, v: &[f64]) -> Vec<f64> {
        (0..self.d).map(|i| (0..self.d).map(|j| self.b[(i, j)] * v[j]).sum()).collect()
    }

    /// C^(-1/2) v.
    fn whiten(&self, v: &[f64]) -> Vec<f64> {
        let along = |j: usize| (0..self.d).map(|i| self.b[(i, j)] * v[i]).sum::<f64>() / self.scales[j];
        self.rotate(&(0..self.d).map(along).collect::<Vec<_>>())
    }

    /// One generation on.
    ///
    /// # Shapes
    /// `points` (lambda, d), the best first.
    pub(super) fn tell(&mut self, points: &[&[f64]]) {
        let n = self.d as f64;
        self.generation += 1;
        let step = |x: &&[f64]| x.iter().zip(&self.mean).map(|(x, m)| (x - m) / self.sigma).collect();
        let y: Vec<Vec<f64>> = points.iter().map(step).collect();
        // Eqs. 41 and 42.
        let chosen = || self.weights.iter().zip(&y).take(self.mu);
        let y_w: Vec<f64> = (0..self.d).map(|i| chosen().map(|(w, y)| w * y[i]).sum()).collect();
        let mean: Vec<f64> = self.mean.iter().zip(&y_w).map(|(mean, y)| mean + self.sigma * y).collect();
        // Eqs. 43 and 44.
        let pull = (self.c_sigma * (2.0 - self.c_sigma) * self.mu_eff).sqrt();
        let white = self.whiten(&y_w);
        for (p, w) in self.p_sigma.iter_mut().zip(white) {
            *p = (1.0 - self.c_sigma) * *p + pull * w;
        }
        let length = norm(&self.p_sigma);
        let unbiased = (1.0 - (1.0 - self.c_sigma).powi(2 * (self.generation + 1))).sqrt();
        let h_sigma = if length / unbiased < (1.4 + 2.0 / (n + 1.0)) * self.chi { 1.0 } else { 0.0 };
        // Eq. 45.
        let pull = h_sigma * (self.c_c * (2.0 - self.c_c) * self.mu_eff).sqrt();
        for (p, y) in self.p_c.iter_mut().zip(&y_w) {
            *p = (1.0 - self.c_c) * *p + pull * y;
        }
        // Eqs. 46 and 47.
        let safe = |(w, y): (&f64, &Vec<f64>)| {
            if *w >= 0.0 { *w } else { w * n / (norm(&self.whiten(y)).powi(2) + 1e-8) }
        };
        let w: Vec<f64> = self.weights.iter().zip(&y).map(safe).collect();
        let stall = (1.0 - h_sigma) * self.c_c * (2.0 - self.c_c);
        let keep = 1.0 + self.c_1 * stall - self.c_1 - self.c_mu * self.weights.iter().sum::<f64>();
        let c = Mat::from_fn(self.d, self.d, |i, j| {
            let rank_mu: f64 = w.iter().zip(&y).map(|(w, y)| w * y[i] * y[j]).sum();
            keep * self.c[(i, j)] + self.c_1 * self.p_c[i] * self.p_c[j] + self.c_mu * rank_mu
        });
        let sigma = self.sigma * ((self.c_sigma / self.d_sigma) * (length / self.chi - 1.0)).exp();
        self.mean = mean;
        // Where a whole generation is equal, there is nothing to learn of its shape: keep the shape that is
        // there.
        if let Ok(eigen) = c.self_adjoint_eigen(Side::Lower) {
            let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
            if sigma.is_finite() && values.iter().all(|value| value.is_finite()) {
                // A step that is nothing would divide by nothing.
                self.sigma = sigma.clamp(1e-20, 1e32);
                self.scales = values.iter().map(|value| value.max(1e-16).sqrt()).collect();
                self.b = eigen.U().to_owned();
                self.c = c;
            }
        }
    }

    /// Whether it moves no more: steps of less than 1e-12 in every dimension, or a covariance that is all but
    /// flat.
    pub(super) fn has_converged(&self) -> bool {
        let narrow = (0..self.d).all(|i| {
            self.sigma * self.c[(i, i)].max(0.0).sqrt() < 1e-12 && self.sigma * self.p_c[i].abs() < 1e-12
        });
        let (least, most) =
            self.scales.iter().fold((f64::INFINITY, 0.0f64), |(a, b), s| (a.min(*s), b.max(*s)));
        narrow || most > 1e7 * least
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// An ellipsoid with axes of 1 : 1000 that is turned by 45 degrees: hopeless without the covariance.
    #[test]
    fn learns_the_shape_of_a_turned_ellipsoid() {
        let loss = |x: &[f64]| {
            let (a, b) = (x[0] - 0.3 + x[1] - 0.6, x[0] - 0.3 - x[1] + 0.6);
            a * a + 1e6 * b * b + (x[2] - 0.5).powi(2)
        };
        let mut strategy = Strategy::new(vec![0.5; 3], 1.0 / 6.0, 7);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut best = f64::INFINITY;
        for _ in 0..150 {
            let mut points: Vec<Vec<f64>> = (0..7).map(|_| strategy.draw(&mut rng)).collect();
            points.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
            best = best.min(loss(&points[0]));
            strategy.tell(&points.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        assert!(best < 1e-8, "{best}");
    }

    #[test]
    fn equal_points_do_no_harm() {
        let mut strategy = Strategy::new(vec![0.5; 2], 1.0 / 6.0, 6);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..200 {
            strategy.tell(&[[0.5, 0.5].as_slice(); 6]);
            assert!(strategy.draw(&mut rng).iter().all(|x| (0.0..=1.0).contains(x)));
        }
        assert!(strategy.has_converged());
    }
}

//! The covariance matrix adaptation evolution strategy, after Hansen 2016 (arXiv 1604.00772), whose equation
//! numbers are cited.
//!
//! | symbol | meaning |
//! |---|---|
//! | `d`, `lambda`, `mu` | dimensions, points a generation, how many of them pull the mean |
//! | `mean`, `sigma`, `c` | the normal that points are drawn from: N(mean, σ² C) |
//! | `b`, `scales` | C = B diag(scales²) Bᵀ |
//! | `p_sigma`, `p_c` | evolution paths |
//!
//! Variants, all of which are the plain strategy where they are not asked for:
//! - separable: C stays diagonal and is learnt faster (Ros and Hansen 2008, PPSN X);
//! - with margin: in dimensions of few values the neighbours of the mean keep a probability (Hamano et al.
//!   2022, GECCO, section 4), by moving the mean and by factors of the deviations;
//! - with [rates of learning that adapt](super::rate).

use super::rate::Rates;
use faer::{Mat, Side};
use lightcrest_gp::special::{normal_cdf, normal_quantile};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// What the strategy is beside the plain one.
#[derive(Debug, Clone, Default)]
pub(super) struct Variant {
    pub(super) separable: bool,
    /// For each dimension how many values it has, all of them with the same room in the unit interval; 0 for
    /// real numbers. Empty without a margin. // (d,)
    pub(super) cells: Vec<usize>,
    pub(super) adapted_rates: bool,
}

/// The state between two generations. Points lie in the unit cube.
#[derive(Debug, Clone)]
pub(super) struct Strategy {
    d: usize,
    cells: Vec<usize>,
    separable: bool,
    rates: Option<Rates>,
    /// Factors of the deviations, of the margin. // (d,)
    factors: Vec<f64>,
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
    pub(super) fn new(mean: Vec<f64>, sigma: f64, lambda: usize, variant: &Variant) -> Self {
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
        // Ros and Hansen 2008, section 3.1: d numbers are learnt in place of d².
        let faster = if variant.separable { (n + 2.0) / 3.0 } else { 1.0 };
        let c_1 = (faster * 2.0 / ((n + 1.3).powi(2) + mu_eff)).min(1.0 - 2e-8);
        let rank_mu = faster * 2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((n + 2.0).powi(2) + mu_eff);
        let c_mu = rank_mu.min(1.0 - c_1 - 1e-8);
        // Eqs. 50 to 53.
        let least = (1.0 + c_1 / c_mu)
            .min(1.0 + 2.0 * mu_eff_minus / (mu_eff + 2.0))
            .min((1.0 - c_1 - c_mu) / (n * c_mu));
        let positive: f64 = raw.iter().filter(|w| **w >= 0.0).sum();
        let negative: f64 = raw.iter().filter(|w| **w < 0.0).sum::<f64>().abs();
        let least = if variant.separable { 0.0 } else { least };
        let weights =
            raw.iter().map(|w| if *w >= 0.0 { w / positive } else { w * least / negative }).collect();
        let mut begun = Self {
            d,
            cells: variant.cells.clone(),
            separable: variant.separable,
            rates: variant.adapted_rates.then(|| Rates::new(d)),
            factors: vec![1.0; d],
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
        };
        begun.keep_margin();
        begun
    }

    /// As it would be after generations elsewhere: about the mean of these points, which were good there,
    /// with their covariance (Nomura et al. 2021, AAAI, section 4: γ is the caller's, α = 0.1).
    pub(super) fn warmed(mut self, points: &[Vec<f64>]) -> Self {
        const ALPHA: f64 = 0.1;
        let n = points.len() as f64;
        let mean: Vec<f64> = (0..self.d).map(|i| points.iter().map(|x| x[i]).sum::<f64>() / n).collect();
        let covariance = Mat::from_fn(self.d, self.d, |i, j| {
            let shared: f64 = points.iter().map(|x| (x[i] - mean[i]) * (x[j] - mean[j])).sum::<f64>() / n;
            shared + if i == j { ALPHA * ALPHA } else { 0.0 }
        });
        self.mean = mean;
        self.set_covariance(&covariance);
        self.keep_margin();
        self
    }

    /// Takes σ² C as a whole: σ is what makes the determinant of C one. Nothing changes where it is no
    /// covariance.
    fn set_covariance(&mut self, covariance: &Mat<f64>) {
        let Ok(eigen) = covariance.self_adjoint_eigen(Side::Lower) else { return };
        let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        if values.iter().any(|value| !(value.is_finite() && *value > 0.0)) {
            return;
        }
        let log_sigma = values.iter().map(|value| value.ln()).sum::<f64>() / (2.0 * self.d as f64);
        self.sigma = log_sigma.exp().clamp(1e-20, 1e32);
        let square = self.sigma * self.sigma;
        self.c = Mat::from_fn(self.d, self.d, |i, j| covariance[(i, j)] / square);
        self.scales = values.iter().map(|value| (value / square).max(1e-16).sqrt()).collect();
        self.b = eigen.U().to_owned();
    }

    /// Keeps the neighbours of the mean probable where a dimension has few values (Hamano et al. 2022,
    /// section
    /// 4.2 and 4.3, with their α = 1 / (λ d)).
    fn keep_margin(&mut self) {
        let alpha = 1.0 / (self.lambda as f64 * self.d as f64);
        let within = normal_quantile(1.0 - alpha);
        for i in 0..self.cells.len() {
            let cells = self.cells[i] as f64;
            if cells < 2.0 {
                continue;
            }
            let deviation = self.sigma * self.factors[i] * self.c[(i, i)].max(0.0).sqrt();
            // The borders between values lie at 1 / cells, 2 / cells, ...
            let below = (self.mean[i] * cells).ceil() - 1.0;
            if below < 1.0 || below >= cells - 1.0 {
                // At an end: one border counts, the nearest.
                let border = if below < 1.0 { 1.0 / cells } else { (cells - 1.0) / cells };
                let beyond = (self.mean[i] - border).abs().min(within * deviation);
                self.mean[i] = border + beyond.copysign(self.mean[i] - border);
                continue;
            }
            let (low, up) = (below / cells, (below + 1.0) / cells);
            let p_low = normal_cdf((low - self.mean[i]) / deviation);
            let p_up = normal_cdf((self.mean[i] - up) / deviation);
            let p_mid = 1.0 - p_low - p_up;
            let (least_low, least_up) = (p_low.max(0.5 * alpha), p_up.max(0.5 * alpha));
            let rest = (1.0 - least_low - least_up - p_mid) / (least_low + least_up + p_mid - 1.5 * alpha);
            let q = |p: f64| normal_quantile(1.0 - (p + rest * (p - 0.5 * alpha)).clamp(1e-12, 0.5));
            let (q_low, q_up) = (q(least_low), q(least_up));
            if q_low + q_up > 1e-12 && deviation > 0.0 {
                self.factors[i] *= (up - low) / (deviation * (q_low + q_up));
                self.mean[i] = (low * q_up + up * q_low) / (q_low + q_up);
            }
        }
    }

    /// A point: drawn again while it is outside of the unit cube, at most `10 d` times, and clipped then.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let mut x = Vec::new();
        for _ in 0..=10 * self.d {
            let z: Vec<f64> = self.scales.iter().map(|scale| scale * normal(rng)).collect();
            let y = self.rotate(&z);
            let step = self.factors.iter().zip(&y).map(|(factor, y)| self.sigma * factor * y);
            x = self.mean.iter().zip(step).map(|(mean, step)| mean + step).collect();
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
        let widths: Vec<f64> = self.factors.iter().map(|factor| self.sigma * factor).collect();
        let step = |x: &&[f64]| {
            let apart = x.iter().zip(&self.mean).map(|(x, m)| x - m);
            apart.zip(&widths).map(|(apart, width)| apart / width).collect()
        };
        let y: Vec<Vec<f64>> = points.iter().map(step).collect();
        // Eqs. 41 and 42.
        let chosen = || self.weights.iter().zip(&y).take(self.mu);
        let y_w: Vec<f64> = (0..self.d).map(|i| chosen().map(|(w, y)| w * y[i]).sum()).collect();
        let moved = widths.iter().zip(&y_w).map(|(width, y)| width * y);
        let mean: Vec<f64> = self.mean.iter().zip(moved).map(|(mean, step)| mean + step).collect();
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
            if self.separable && i != j {
                return 0.0;
            }
            let rank_mu: f64 = w.iter().zip(&y).map(|(w, y)| w * y[i] * y[j]).sum();
            keep * self.c[(i, j)] + self.c_1 * self.p_c[i] * self.p_c[j] + self.c_mu * rank_mu
        });
        let sigma = self.sigma * ((self.c_sigma / self.d_sigma) * (length / self.chi - 1.0)).exp();
        if let Some(mut rates) = self.rates.take() {
            let whole =
                |sigma: f64, c: &Mat<f64>| Mat::from_fn(self.d, self.d, |i, j| sigma * sigma * c[(i, j)]);
            let (old, new) = (whole(self.sigma, &self.c), whole(sigma, &c));
            let old_mean = std::mem::take(&mut self.mean);
            let whiten = |v: &[f64]| -> Vec<f64> { self.whiten(v).iter().map(|x| x / self.sigma).collect() };
            let (mean, covariance, correction) = rates.adapt(&old_mean, &mean, &old, &new, &whiten);
            self.mean = mean;
            self.set_covariance(&covariance);
            self.sigma = (self.sigma * correction).clamp(1e-20, 1e32);
            self.rates = Some(rates);
            self.keep_margin();
            return;
        }
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
        self.keep_margin();
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
        let mut strategy = Strategy::new(vec![0.5; 3], 1.0 / 6.0, 7, &Variant::default());
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
        let mut strategy = Strategy::new(vec![0.5; 2], 1.0 / 6.0, 6, &Variant::default());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..200 {
            strategy.tell(&[[0.5, 0.5].as_slice(); 6]);
            assert!(strategy.draw(&mut rng).iter().all(|x| (0.0..=1.0).contains(x)));
        }
        assert!(strategy.has_converged());
    }

    /// Where nothing is learnt any more, a share of 1 / (λ d) of the draws still tries a neighbour.
    #[test]
    fn a_margin_keeps_neighbours_probable() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut tried = |variant: &Variant| {
            let mut strategy = Strategy::new(vec![0.5; 2], 1.0 / 6.0, 6, variant);
            (0..100).for_each(|_| strategy.tell(&[[0.5, 0.5].as_slice(); 6]));
            (0..2000).filter(|_| !(0.4..=0.6).contains(&strategy.draw(&mut rng)[0])).count()
        };
        assert_eq!(tried(&Variant::default()), 0);
        let neighbours = tried(&Variant { cells: vec![5, 0], ..Variant::default() });
        assert!((100..350).contains(&neighbours), "{neighbours}");
    }

    #[test]
    fn independent_parameters_are_learnt_alone() {
        let variant = Variant { separable: true, ..Variant::default() };
        let loss =
            |x: &[f64]| x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 0.4).powi(2)).sum();
        let mut strategy = Strategy::new(vec![0.5; 6], 1.0 / 6.0, 9, &variant);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut best = f64::INFINITY;
        for _ in 0..200 {
            let mut points: Vec<(f64, Vec<f64>)> =
                (0..9).map(|_| strategy.draw(&mut rng)).map(|x| (loss(&x), x)).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            best = best.min(points[0].0);
            strategy.tell(&points.iter().map(|(_, x)| x.as_slice()).collect::<Vec<_>>());
        }
        assert!(best < 1e-8, "{best}");
        assert!((0..6).all(|i| (0..6).all(|j| i == j || strategy.c[(i, j)] == 0.0)));
    }

    #[test]
    fn it_begins_about_what_was_good_elsewhere() {
        let points = [vec![0.2, 0.7], vec![0.22, 0.72], vec![0.18, 0.68]];
        let strategy = Strategy::new(vec![0.5; 2], 1.0 / 6.0, 6, &Variant::default()).warmed(&points);
        assert!((strategy.mean[0] - 0.2).abs() < 1e-12 && (strategy.mean[1] - 0.7).abs() < 1e-12);
        // The deviation is 0.1 in each direction and that of the points beside: they lie on a diagonal.
        let variance = strategy.sigma * strategy.sigma * strategy.c[(0, 0)];
        assert!((variance - (0.01 + 0.0008 / 3.0)).abs() < 1e-9, "{variance}");
        assert!(strategy.c[(0, 1)] > 0.0);
    }
}

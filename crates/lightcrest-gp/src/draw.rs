//! Hyperparameters drawn from what the data leave open, instead of the most probable ones.
//!
//! A maximum is too sure of itself where the data are few: a column that made no difference so far gets a
//! long length-scale, and then is not looked at any more. A draw gives every explanation its turn (Snoek et
//! al. 2012, arXiv 1206.2944, sec. 3.1, integrate over them).

use crate::cholesky::Cholesky;
use crate::error::GpError;
use crate::fit::{FitConfig, bounds};
use crate::kernel::{Hyperparameters, Kernel};
use crate::likelihood::{Data, Likelihood};
use faer::Mat;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

/// Steps of the chain. Most proposals of the first ones are accepted.
const STEPS: usize = 12;
/// Difference by which the curvature is measured, in θ.
const DIFFERENCE: f64 = 1e-3;
/// Added to the curvature, so that no logarithm is proposed with a variance above about 3, which is that of
/// the widest prior.
const RIDGE: f64 = 0.3;
/// Where that is not enough, it grows by this factor, so many times.
const RIDGE_GROWTH: (f64, usize) = (3.0, 12);

/// Draws hyperparameters by independence Metropolis (Tierney 1994) with Laplace's approximation around `mode`
/// as proposal: N(mode, H⁻¹), H the negative Hessian of the log posterior by differences of its gradient.
/// Proposals beyond bounds end there.
///
/// The target is the density that [`fit`](crate::fit()) maximises: priors are densities of the logarithms θ
/// ([`LogPrior`](crate::LogPrior)). It takes θ's size + 13 evaluations of the likelihood.
///
/// # Errors
/// When data and kernel do not fit together, or the posterior cannot be evaluated at `mode` and around it.
pub fn draw(
    kernel: &Kernel,
    data: &Data,
    config: &FitConfig,
    mode: &Hyperparameters,
    rng: &mut impl Rng,
) -> Result<Hyperparameters, GpError> {
    let mut likelihood = Likelihood::new(kernel, data)?;
    let (lower, upper) = bounds(kernel, config);
    let mode = mode.to_theta();
    let size = mode.len();
    let (value, slope) = likelihood.log_posterior(&mode, &config.priors)?;
    let mut curvature = Mat::zeros(size, size);
    for p in 0..size {
        let mut beside = mode.clone();
        beside[p] += DIFFERENCE;
        let (_, there) = likelihood.log_posterior(&beside, &config.priors)?;
        for q in 0..size {
            let half = 0.5 * (slope[q] - there[q]) / DIFFERENCE;
            curvature[(p, q)] += half;
            curvature[(q, p)] += half;
        }
    }
    let factor = ridged(&curvature)?;
    // At each point of the chain: log target, and minus log proposal.
    let (mut at, mut level, mut rarity) = (mode.clone(), value, 0.0);
    for _ in 0..STEPS {
        let mut step = Mat::from_fn(size, 1, |_, _| StandardNormal.sample(rng));
        let distance = 0.5 * (0..size).map(|p| step[(p, 0)] * step[(p, 0)]).sum::<f64>();
        factor.backward(step.as_mut());
        let theta: Vec<f64> =
            (0..size).map(|p| (mode[p] + step[(p, 0)]).max(lower[p]).min(upper[p])).collect();
        let threshold = rng.random::<f64>().ln();
        let Ok((value, _)) = likelihood.log_posterior(&theta, &config.priors) else { continue };
        if value.is_finite() && threshold < (value + distance) - (level + rarity) {
            (at, level, rarity) = (theta, value, distance);
        }
    }
    Hyperparameters::from_theta(kernel.columns(), kernel.blocks(), &at)
}

/// The factor of the curvature with as much of a ridge as it needs.
fn ridged(curvature: &Mat<f64>) -> Result<Cholesky, GpError> {
    let mut ridge = RIDGE;
    let mut factor = Err(GpError::NotPositiveDefinite { rows: curvature.nrows(), jitter: ridge });
    for _ in 0..RIDGE_GROWTH.1 {
        let mut sum = curvature.clone();
        (0..sum.nrows()).for_each(|p| sum[(p, p)] += ridge);
        factor = Cholesky::new(&sum);
        if factor.is_ok() {
            break;
        }
        ridge *= RIDGE_GROWTH.0;
    }
    factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::fit;
    use crate::kernel::{Column, Family};
    use crate::rows::Rows;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// y = sin(6 x) on the first of two columns.
    fn data(n: usize) -> Data {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut rows = Rows::new(2);
        let mut y = Vec::new();
        for _ in 0..n {
            let x: [f64; 2] = [rng.random(), rng.random()];
            rows.push(&x, &[true, true]).unwrap();
            y.push((6.0 * x[0]).sin());
        }
        Data::new(rows, y).unwrap()
    }

    /// Mean and deviation of the logarithm of a length-scale over many draws.
    fn spread(n: usize, column: usize) -> (f64, f64) {
        let kernel = Kernel::new(Family::Matern52, vec![Column::Continuous; 2]);
        let data = data(n);
        let config = FitConfig::new(&kernel, &data);
        let mode = fit(&kernel, &data, &config).unwrap().hyperparameters;
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let draws: Vec<f64> = (0..200)
            .map(|_| draw(&kernel, &data, &config, &mode, &mut rng).unwrap().length_scales[column].ln())
            .collect();
        let mean = draws.iter().sum::<f64>() / 200.0;
        (mean, (draws.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / 200.0).sqrt())
    }

    #[test]
    fn draws_are_wide_where_the_data_say_little() {
        let (few, many) = (spread(6, 0), spread(60, 0));
        assert!(few.1 > 2.0 * many.1, "{few:?}, {many:?}");
        let idle = spread(60, 1);
        assert!(idle.1 > 2.0 * many.1 && idle.0 > many.0, "the column without effect: {idle:?}, {many:?}");
    }

    #[test]
    fn the_chain_follows_the_posterior() {
        // Against the moments by quadrature over the length-scale of one column, all else fixed by its
        // bounds. The short chain leaves out a part of the tails.
        let kernel = Kernel::new(Family::Matern52, vec![Column::Continuous]);
        let mut rows = Rows::new(1);
        let xs = [0.02, 0.15, 0.27, 0.4, 0.52, 0.66, 0.8, 0.97];
        xs.iter().for_each(|x| rows.push(&[*x], &[true]).unwrap());
        let data = Data::new(rows, xs.iter().map(|x| (6.0 * x).sin()).collect()).unwrap();
        let mut config = FitConfig::new(&kernel, &data);
        (config.noise, config.scale) = ((1e-2, 1e-2), (1.0, 1.0));
        let mode = fit(&kernel, &data, &config).unwrap().hyperparameters;
        let mut likelihood = Likelihood::new(&kernel, &data).unwrap();
        let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
        for k in 0..2000 {
            let mut theta = mode.to_theta();
            theta[0] = 0.02f64.ln() + k as f64 * (1e3f64.ln() - 0.02f64.ln()) / 2000.0;
            let weight = likelihood.log_posterior(&theta, &config.priors).unwrap().0.exp();
            mass += weight;
            first += weight * theta[0];
            second += weight * theta[0] * theta[0];
        }
        let mean = first / mass;
        let deviation = (second / mass - mean * mean).sqrt();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let n = 1500;
        let draws: Vec<f64> = (0..n)
            .map(|_| draw(&kernel, &data, &config, &mode, &mut rng).unwrap().length_scales[0].ln())
            .collect();
        let found = draws.iter().sum::<f64>() / n as f64;
        let spread = (draws.iter().map(|t| (t - found).powi(2)).sum::<f64>() / n as f64).sqrt();
        assert!((found - mean).abs() < 0.2 * deviation, "{found} against {mean} ± {deviation}");
        assert!((spread / deviation - 1.0).abs() < 0.3, "{spread} against {deviation}");
    }
}

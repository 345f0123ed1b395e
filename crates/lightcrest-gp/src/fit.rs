//! Maximum a posteriori (or, without priors, maximum likelihood) by multi-start L-BFGS.

use crate::error::GpError;
use crate::kernel::{Conditional, Hyperparameters, Kernel};
use crate::lbfgs::{LbfgsConfig, minimise};
use crate::likelihood::{Data, Likelihood};
use crate::prior::Priors;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How to look for the hyperparameters.
#[derive(Debug, Clone, PartialEq)]
pub struct FitConfig {
    /// Priors; [`Priors::none`] for maximum likelihood.
    pub priors: Priors,
    /// Where to start first, such as the last fit.
    pub warm: Option<Hyperparameters>,
    /// Random starts in addition to the warm start and the modes of the priors.
    pub random_starts: usize,
    /// Bounds of the noise variance; equal bounds fix it.
    pub noise: (f64, f64),
    /// Bounds of every length-scale, in units of the cube.
    pub length_scale: (f64, f64),
    /// Bounds of every block's variance; equal bounds fix it.
    pub scale: (f64, f64),
    /// Bounds of a and b of every warp.
    pub warp: (f64, f64),
    /// When one search stops.
    pub search: LbfgsConfig,
    /// Of the random starts.
    pub seed: u64,
}

impl FitConfig {
    /// The defaults for these data: dimension-scaled priors, noise in [1e-6, 1], no random start.
    pub fn new(kernel: &Kernel, data: &Data) -> Self {
        Self {
            priors: Priors::dimension_scaled(
                data.rows.mean_active() - kernel.linear.len() as f64,
                kernel.blocks(),
            ),
            warm: None,
            random_starts: 0,
            noise: (1e-6, 1.0),
            length_scale: (0.02, 1e3),
            scale: (1e-3, 1e2),
            warp: (0.2, 5.0),
            search: LbfgsConfig {
                iterations: 50,
                gradient_tolerance: 1e-2,
                value_tolerance: 1e-5,
                memory: 10,
            },
            seed: 0,
        }
    }
}

/// What a fit found.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The best hyperparameters.
    pub hyperparameters: Hyperparameters,
    /// log p(y | X, θ) + log p(θ) there, up to a constant of the priors.
    pub log_posterior: f64,
    /// How often the likelihood was evaluated.
    pub evaluations: usize,
    /// No start could be evaluated: the hyperparameters are the modes of the priors.
    pub fallback: bool,
}

/// Finds the hyperparameters of `kernel` for `data`.
///
/// Starts from the modes of the priors, from `warm` and from random points; the best end counts. A start that
/// cannot be evaluated is skipped; when none can, the modes are returned and `fallback` is set.
///
/// # Errors
/// When data and kernel do not fit together.
pub fn fit(kernel: &Kernel, data: &Data, config: &FitConfig) -> Result<Fit, GpError> {
    let (d, blocks) = (kernel.columns(), kernel.blocks());
    let mut likelihood = Likelihood::new(kernel, data)?;
    let (lower, upper) = bounds(kernel, config);
    let mode = start(&config.priors, kernel, |p| (lower[p], upper[p]));
    let mut starts = Vec::new();
    if let Some(warm) = &config.warm {
        warm.validate(d, blocks)?;
        starts.push(warm.to_theta().iter().map(|t| t.max(-700.0)).collect());
    }
    starts.push(mode.clone());
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    for _ in 0..config.random_starts {
        starts.push(mode.iter().map(|t| t + rng.random_range(-2.0..2.0)).collect());
    }
    let mut best: Option<(Vec<f64>, f64)> = None;
    let mut evaluations = 0;
    for theta in starts {
        let objective =
            |theta: &[f64], gradient: &mut [f64]| match likelihood.log_posterior(theta, &config.priors) {
                Ok((value, slope)) => {
                    gradient.iter_mut().zip(slope).for_each(|(g, s)| *g = -s);
                    -value
                }
                Err(_) => f64::INFINITY,
            };
        let found = minimise(objective, &theta, &lower, &upper, &config.search);
        evaluations += found.evaluations;
        if found.value.is_finite() && best.as_ref().is_none_or(|(_, value)| -found.value > *value) {
            best = Some((found.x, -found.value));
        }
    }
    let fallback = best.is_none();
    let (theta, log_posterior) = best.unwrap_or((mode, f64::NEG_INFINITY));
    Ok(Fit {
        hyperparameters: Hyperparameters::from_theta(d, blocks, &theta)?,
        log_posterior,
        evaluations,
        fallback,
    })
}

/// The bounds of θ.
pub(crate) fn bounds(kernel: &Kernel, config: &FitConfig) -> (Vec<f64>, Vec<f64>) {
    let (d, blocks) = (kernel.columns(), kernel.blocks());
    let embedding = match kernel.conditional {
        Conditional::Wedge => (0.05, 10.0),
        Conditional::Arc => (0.05, 1.0),
        Conditional::Impute | Conditional::CommonBlock => (1.0, 1.0),
    };
    let limits = |p: usize| match p {
        p if p < d => config.length_scale,
        p if p < d + blocks => config.scale,
        p if p == d + blocks => embedding,
        p if p == d + blocks + 1 => config.noise,
        _ => config.warp,
    };
    let logarithms = |(lower, upper): (f64, f64)| (lower.max(1e-300).ln(), upper.max(1e-300).ln());
    (0..kernel.size()).map(|p| logarithms(limits(p))).unzip()
}

/// The modes of the priors, or a plain guess where there is none, inside the bounds.
fn start(priors: &Priors, kernel: &Kernel, bounds: impl Fn(usize) -> (f64, f64)) -> Vec<f64> {
    let (d, blocks) = (kernel.columns(), kernel.blocks());
    let at = |p: usize| {
        let guess = match p {
            p if p < d => 0.5f64,
            p if p < d + blocks => 1.0 / blocks as f64,
            p if p == d + blocks => 0.5,
            p if p == d + blocks + 1 => 1e-2,
            _ => 1.0,
        };
        let (lower, upper) = bounds(p);
        priors.of(kernel, p).map_or(guess, |prior| prior.mode).ln().max(lower).min(upper)
    };
    (0..kernel.size()).map(at).collect()
}

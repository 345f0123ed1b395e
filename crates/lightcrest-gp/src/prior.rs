//! Priors of the hyperparameters.

use crate::kernel::Kernel;

/// A prior of a positive hyperparameter x, as the density of its logarithm: log x ~ N(log mode, sigma²).
///
/// Of log x, because θ = log x is what is fitted and drawn. Where a source gives x ~ LogNormal(μ, σ²) and
/// maximises the density of x, as BoTorch does, the same maximum is that of mode exp(μ - σ²) here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogPrior {
    /// The most probable x; also the median of its distribution.
    pub mode: f64,
    /// The standard deviation of log x.
    pub sigma: f64,
}

impl LogPrior {
    /// The log density of θ = log x, without its constant, and its derivative in θ.
    pub fn log_density(&self, theta: f64) -> (f64, f64) {
        let z = (theta - self.mode.ln()) / self.sigma;
        (-0.5 * z * z, -z / self.sigma)
    }
}

/// Priors of all hyperparameters. `None` leaves a hyperparameter to the likelihood alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Priors {
    /// Of the length-scale of every column that is always active.
    pub length_scale: Option<LogPrior>,
    /// Of the length-scale of every conditional column.
    pub conditional: Option<LogPrior>,
    /// Of the length-scale of every linear column.
    pub linear: Option<LogPrior>,
    /// Of the variance of every block.
    pub scale: Option<LogPrior>,
    /// Of the parameter of the conditional embedding.
    pub embedding: Option<LogPrior>,
    /// Of the noise variance.
    pub noise: Option<LogPrior>,
    /// Of a and b of every warp.
    pub warp: Option<LogPrior>,
}

impl Priors {
    /// Dimension-scaled priors of Hvarfner et al. 2024 (arXiv 2402.02229): ℓ has the mode exp(√2 - 3) √d and
    /// σ = √3 (there the density of ℓ ~ LogNormal(√2 + log(d)/2, √3) is maximised), so that the expected
    /// complexity of the function does not grow with the dimension. For conditional spaces, d is the mean
    /// number of active columns ([`crate::Rows::mean_active`]): only those can tell two rows apart. A
    /// conditional column has the prior of one dimension: few rows have it, so that the prior decides, and a
    /// long scale taken on trust would declare a branch hopeless after two bad trials.
    ///
    /// σ² has the mode e^-6.25 = .0019 and σ = 1.5, wider than the source's (e^-5 and 1): most objectives of
    /// tuning repeat exactly, and noise that is not there keeps the search where it is.
    pub fn dimension_scaled(d: f64, blocks: usize) -> Self {
        let prior = |mode: f64, sigma: f64| Some(LogPrior { mode, sigma });
        let length_scale =
            |d: f64| prior((std::f64::consts::SQRT_2 - 3.0).exp() * d.max(1.0).sqrt(), 3f64.sqrt());
        Self {
            length_scale: length_scale(d),
            conditional: length_scale(1.0),
            // Slopes of about 2/3 beside their mean.
            linear: prior(1.5, 1.0),
            // The blocks share the variance of y, about 1.
            scale: prior(1.0 / blocks.max(1) as f64, 0.5),
            embedding: prior((-1f64).exp(), 1.0),
            noise: prior((-6.25f64).exp(), 1.5),
            // No warp.
            warp: prior(1.0, 0.5),
        }
    }

    /// The prior of the hyperparameter at position `p` of θ.
    pub(crate) fn of(&self, kernel: &Kernel, p: usize) -> Option<&LogPrior> {
        let (d, blocks) = (kernel.columns(), kernel.blocks());
        let prior = match p {
            p if kernel.linear.contains(&p) => &self.linear,
            p if p < d && kernel.optional[p] => &self.conditional,
            p if p < d => &self.length_scale,
            p if p < d + blocks => &self.scale,
            p if p == d + blocks => &self.embedding,
            p if p == d + blocks + 1 => &self.noise,
            _ => &self.warp,
        };
        prior.as_ref()
    }

    /// No priors: maximum likelihood.
    pub fn none() -> Self {
        let (length_scale, conditional, linear, scale) = (None, None, None, None);
        Self { length_scale, conditional, linear, scale, embedding: None, noise: None, warp: None }
    }
}

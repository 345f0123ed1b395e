//! Priors of the hyperparameters.

use crate::kernel::Kernel;

/// A log-normal distribution: log x ~ N(mu, sigma²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormal {
    /// The mean of log x.
    pub mu: f64,
    /// The standard deviation of log x.
    pub sigma: f64,
}

impl LogNormal {
    /// The log density of x at `t` = log x, without its constant, and its derivative in t.
    ///
    /// The density is that of x, not of log x: its mode is exp(mu - sigma²), so MAP leans to shorter scales,
    /// as in BoTorch.
    pub fn log_density(&self, t: f64) -> (f64, f64) {
        let z = (t - self.mu) / self.sigma;
        (-0.5 * z * z - t, -z / self.sigma - 1.0)
    }

    /// log of the mode of x.
    pub fn log_mode(&self) -> f64 {
        self.mu - self.sigma * self.sigma
    }
}

/// Priors of all hyperparameters. `None` leaves a hyperparameter to the likelihood alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Priors {
    /// Of the length-scale of every column that is always active.
    pub length_scale: Option<LogNormal>,
    /// Of the length-scale of every conditional column.
    pub conditional: Option<LogNormal>,
    /// Of the length-scale of every linear column.
    pub linear: Option<LogNormal>,
    /// Of the variance of every block.
    pub scale: Option<LogNormal>,
    /// Of the parameter of the conditional embedding.
    pub embedding: Option<LogNormal>,
    /// Of the noise variance.
    pub noise: Option<LogNormal>,
    /// Of a and b of every warp.
    pub warp: Option<LogNormal>,
}

impl Priors {
    /// Dimension-scaled priors of Hvarfner et al. 2024 (arXiv 2402.02229): ℓ ~ LogNormal(√2 + log(d)/2, √3),
    /// so that the expected complexity of the function does not grow with the dimension. For conditional
    /// spaces, d is the mean number of active columns ([`crate::Rows::mean_active`]): only those can tell two
    /// rows apart. A conditional column has the prior of one dimension: few rows have it, so that the prior
    /// decides, and a long scale taken on trust would declare a branch hopeless after two bad trials.
    ///
    /// σ² ~ LogNormal(-4, 1.5), wider than the source's: most objectives of tuning repeat exactly, and noise
    /// that is not there keeps the search where it is.
    pub fn dimension_scaled(d: f64, blocks: usize) -> Self {
        // The blocks share the variance of y, about 1; MAP starts at the mode.
        let share = 1.0 / blocks.max(1) as f64;
        let length_scale =
            |d: f64| LogNormal { mu: std::f64::consts::SQRT_2 + 0.5 * d.max(1.0).ln(), sigma: 3f64.sqrt() };
        Self {
            length_scale: Some(length_scale(d)),
            conditional: Some(length_scale(1.0)),
            // Mode 3/2: slopes of about 2/3 beside their mean.
            linear: Some(LogNormal { mu: 1.5f64.ln() + 1.0, sigma: 1.0 }),
            scale: Some(LogNormal { mu: share.ln() + 0.25, sigma: 0.5 }),
            embedding: Some(LogNormal { mu: 0.0, sigma: 1.0 }),
            noise: Some(LogNormal { mu: -4.0, sigma: 1.5 }),
            // Mode 1: no warp.
            warp: Some(LogNormal { mu: 0.25, sigma: 0.5 }),
        }
    }

    /// The prior of the hyperparameter at position `p` of θ.
    pub(crate) fn of(&self, kernel: &Kernel, p: usize) -> Option<&LogNormal> {
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

//! Log marginal likelihood and its gradient. Rasmussen & Williams 2006, eqs. 5.8 and 5.9.

use crate::cholesky::Cholesky;
use crate::error::{GpError, finite, length};
use crate::kernel::{Feature, Hyperparameters, Kernel, Metric};
use crate::prior::Priors;
use crate::rows::Rows;
use faer::Mat;
use std::f64::consts::PI;

/// Observations: n rows, their values, and what is known of the noise of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    pub(crate) rows: Rows,
    pub(crate) y: Vec<f64>,
    pub(crate) noise: Vec<f64>,
}

impl Data {
    /// Rows and values, with one noise for all.
    ///
    /// # Errors
    /// At least one row; as many values as rows; all finite.
    pub fn new(rows: Rows, y: Vec<f64>) -> Result<Self, GpError> {
        let noise = vec![0.0; y.len()];
        Self::with_noise(rows, y, noise)
    }

    /// The same with a variance a row, added to the common noise: for observations that are less certain than
    /// the others.
    ///
    /// # Errors
    /// As [`Data::new`]; the noise must be >= 0.
    pub fn with_noise(rows: Rows, y: Vec<f64>, noise: Vec<f64>) -> Result<Self, GpError> {
        if rows.is_empty() {
            return Err(GpError::Empty);
        }
        length("y", rows.len(), y.len())?;
        length("noise", rows.len(), noise.len())?;
        finite("y", &y)?;
        finite("noise", &noise)?;
        match noise.iter().find(|&&v| v < 0.0) {
            Some(&value) => Err(GpError::Hyperparameter { what: "noise of a row", value }),
            None => Ok(Self { rows, y, noise }),
        }
    }

    /// The rows.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The values.
    pub fn y(&self) -> &[f64] {
        &self.y
    }
}

/// log p(y | X, θ) as a function of θ, with its buffers.
pub struct Likelihood<'a> {
    kernel: &'a Kernel,
    data: &'a Data,
    features: Vec<Feature>,
    r2: Vec<f64>,          // (n, n), row i filled to i
    slopes: Vec<Vec<f64>>, // s_b 1_b dg/dr² of each block, like r2
    values: Vec<Vec<f64>>, // s_b 1_b g of each block, like r2
}

impl<'a> Likelihood<'a> {
    /// Prepares the columns.
    ///
    /// # Errors
    /// The rows must fit the kernel.
    pub fn new(kernel: &'a Kernel, data: &'a Data) -> Result<Self, GpError> {
        let start =
            Hyperparameters::from_theta(kernel.columns(), kernel.blocks(), &vec![0.0; kernel.size()])?;
        let features = kernel.features(&data.rows, &start)?;
        let n2 = data.y.len() * data.y.len();
        let buffers = vec![vec![0.0; n2]; kernel.blocks.len()];
        Ok(Self { kernel, data, features, r2: vec![0.0; n2], slopes: buffers.clone(), values: buffers })
    }

    /// log p(y | X, θ) and its gradient in θ = logarithms of (ℓ, s, embedding, σ², a and b of each warp).
    ///
    /// # Errors
    /// When θ has another length or is not finite or K + σ²I cannot be factorised.
    pub fn log_likelihood(&mut self, theta: &[f64]) -> Result<(f64, Vec<f64>), GpError> {
        let (kernel, n) = (self.kernel, self.data.y.len());
        let (d, blocks) = (kernel.columns.len(), kernel.blocks.len());
        length("theta", kernel.size(), theta.len())?;
        let h = Hyperparameters::from_theta(d, blocks, theta)?;
        let metric = kernel.metric(&h);
        self.features.iter_mut().for_each(|feature| feature.bend(h.embedding));
        for &c in &kernel.warped {
            self.features[c].warp(kernel.warp(&h, c));
        }
        let mut k = Mat::<f64>::zeros(n, n);
        for b in 0..blocks {
            self.fill_block(b, &h);
            for i in 0..n {
                let value = &self.values[b][i * n..i * n + i + 1];
                value.iter().enumerate().for_each(|(j, v)| k[(i, j)] += v);
            }
        }
        for &c in &kernel.linear {
            let (x, inverse) = (&self.features[c].x, h.length_scales[c].powi(-2));
            for i in 0..n {
                (0..=i).for_each(|j| k[(i, j)] += inverse * x[i] * x[j]);
            }
        }
        (0..n).for_each(|i| k[(i, i)] += h.noise + self.data.noise[i]);
        let cholesky = Cholesky::new(&k)?;
        let alpha = cholesky.solve(&self.data.y);
        let fit: f64 = self.data.y.iter().zip(&alpha).map(|(y, a)| y * a).sum();
        let value = -0.5 * fit - 0.5 * cholesky.log_determinant() - 0.5 * n as f64 * (2.0 * PI).ln();

        // dL/dθ = ½ tr((α αᵀ - K⁻¹) dK/dθ), over the lower triangle.
        let mut w = cholesky.inverse();
        for j in 0..n {
            (j..n).for_each(|i| w[(i, j)] = alpha[i] * alpha[j] - w[(i, j)]);
        }
        let mut gradient = vec![0.0; theta.len()];
        for (b, columns) in kernel.blocks.iter().enumerate() {
            let (slopes, values) = (&mut self.slopes[b], &self.values[b]);
            for i in 0..n {
                for j in 0..i {
                    gradient[d + b] += w[(i, j)] * values[i * n + j];
                    slopes[i * n + j] *= w[(i, j)];
                }
                gradient[d + b] += 0.5 * w[(i, i)] * values[i * n + i];
            }
            for &c in columns.iter().filter(|&&c| self.features[c].varies) {
                let feature = &self.features[c];
                let inverse = (-2.0 * theta[c]).exp();
                let (mut near, mut turn) = (0.0, 0.0);
                for i in 1..n {
                    let (a, t) =
                        metric.weighted(feature, feature.x[i], feature.m[i], &slopes[i * n..i * n + i]);
                    near += a;
                    turn += t;
                }
                gradient[c] = -2.0 * inverse * near;
                gradient[d + blocks] += inverse * turn;
                let Ok(at) = kernel.warped.binary_search(&c) else { continue };
                let turns = |x: &f64| h.warps[at].turns(*x);
                let (by_a, by_b): (Vec<f64>, Vec<f64>) = feature.raw.iter().map(turns).unzip();
                for (k, turns) in [by_a, by_b].iter().enumerate() {
                    let along = |i: usize| {
                        let t = &slopes[i * n..i * n + i];
                        Metric::weighted_turn(feature, feature.x[i], turns[i], turns, t)
                    };
                    gradient[d + blocks + 2 + 2 * at + k] = inverse * (1..n).map(along).sum::<f64>();
                }
            }
        }
        for &c in &kernel.linear {
            let (x, inverse) = (&self.features[c].x, h.length_scales[c].powi(-2));
            let row =
                |i: usize| x[i] * ((0..i).map(|j| w[(i, j)] * x[j]).sum::<f64>() + 0.5 * w[(i, i)] * x[i]);
            gradient[c] = -2.0 * inverse * (0..n).map(row).sum::<f64>();
        }
        gradient[d + blocks + 1] = 0.5 * h.noise * (0..n).map(|i| w[(i, i)]).sum::<f64>();
        Ok((value, gradient))
    }

    /// The same plus the log densities of the priors: what MAP maximises.
    ///
    /// # Errors
    /// As [`Likelihood::log_likelihood`].
    pub fn log_posterior(&mut self, theta: &[f64], priors: &Priors) -> Result<(f64, Vec<f64>), GpError> {
        let (mut value, mut gradient) = self.log_likelihood(theta)?;
        for (p, t) in theta.iter().enumerate() {
            if let Some(prior) = priors.of(self.kernel, p) {
                let (density, slope) = prior.log_density(*t);
                value += density;
                gradient[p] += slope;
            }
        }
        Ok((value, gradient))
    }

    /// Values and slopes of one block, lower triangle with diagonal.
    fn fill_block(&mut self, b: usize, h: &Hyperparameters) {
        let (kernel, n) = (self.kernel, self.data.y.len());
        let metric = kernel.metric(h);
        let columns = &kernel.blocks[b];
        self.r2.fill(0.0);
        for &c in columns.iter().filter(|&&c| self.features[c].varies) {
            let feature = &self.features[c];
            let inverse = 1.0 / (h.length_scales[c] * h.length_scales[c]);
            for i in 1..n {
                metric.accumulate(
                    feature,
                    feature.x[i],
                    feature.m[i],
                    inverse,
                    &mut self.r2[i * n..i * n + i],
                );
            }
        }
        let present: Vec<bool> = (0..n).map(|i| kernel.has_block(b, self.data.rows.active(i))).collect();
        for i in 0..n {
            for j in 0..=i {
                let at = i * n + j;
                let s = if present[i] && present[j] { h.scales[b] } else { 0.0 };
                let (g, dg) = if i == j { (1.0, 0.0) } else { kernel.family.value_and_slope(self.r2[at]) };
                self.values[b][at] = s * g;
                self.slopes[b][at] = s * dg;
            }
        }
    }
}

//! Posterior of the latent function. Rasmussen & Williams 2006, eqs. 2.23-2.24, algorithm 2.1.

use crate::cholesky::Cholesky;
use crate::error::{GpError, finite, length};
use crate::kernel::{Feature, Hyperparameters, Kernel};
use crate::likelihood::Data;
use crate::rows::Rows;
use faer::Mat;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Mean and variance of the function (without the noise of an observation).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// μ(x)
    pub mean: f64,
    /// σ²(x), >= 0
    pub variance: f64,
}

/// A prediction with its derivatives in x; 0 for categorical and inactive columns.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionGradient {
    /// Mean and variance.
    pub at: Prediction,
    /// dμ/dx. (d)
    pub mean: Vec<f64>,
    /// dσ²/dx. (d)
    pub variance: Vec<f64>,
}

/// A Gaussian process conditioned on observations.
#[derive(Debug, Clone)]
pub struct Posterior {
    kernel: Kernel,
    hyperparameters: Hyperparameters,
    features: Vec<Feature>,
    y: Vec<f64>,
    /// The noise of each row, beside the common one. (n)
    noise: Vec<f64>,
    cholesky: Cholesky,
    alpha: Vec<f64>,
}

impl Posterior {
    /// Conditions on `data`: O(n³).
    ///
    /// # Errors
    /// When data, kernel and hyperparameters do not fit together, or the matrix cannot be factorised.
    pub fn new(kernel: &Kernel, hyperparameters: &Hyperparameters, data: &Data) -> Result<Self, GpError> {
        hyperparameters.validate(kernel.columns(), kernel.blocks())?;
        length("warps", kernel.warped.len(), hyperparameters.warps.len())?;
        let features = kernel.features(&data.rows, hyperparameters)?;
        let n = data.y.len();
        let mut k = Mat::<f64>::zeros(n, n);
        let mut row = vec![0.0; n];
        for i in 0..n {
            kernel.row(
                hyperparameters,
                &features,
                data.rows.values(i),
                data.rows.active(i),
                &mut row[..=i],
                None,
            );
            for j in 0..=i {
                k[(i, j)] = row[j];
            }
            k[(i, i)] += hyperparameters.noise + data.noise[i];
        }
        let cholesky = Cholesky::new(&k)?;
        let alpha = cholesky.solve(&data.y);
        finite("alpha", &alpha)?;
        Ok(Self {
            kernel: kernel.clone(),
            hyperparameters: hyperparameters.clone(),
            features,
            y: data.y.clone(),
            noise: data.noise.clone(),
            cholesky,
            alpha,
        })
    }

    /// The number of observations, appended ones included.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Never: a posterior has at least one observation.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// The hyperparameters.
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.hyperparameters
    }

    /// The posterior mean at the observed rows, in O(n): y_i - (σ² + σ_i² + jitter_i) α_i, σ_i² being the
    /// noise of the row's own.
    pub fn fitted(&self) -> Vec<f64> {
        let own = self.noise.iter().zip(self.cholesky.jitter()).map(|(noise, jitter)| noise + jitter);
        let each = self.y.iter().zip(own).zip(&self.alpha);
        each.map(|((y, own), a)| y - (self.hyperparameters.noise + own) * a).collect()
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Adds m observations in O(m n² + m³), with the hyperparameters as they are; `noise` is added to the
    /// common noise.
    ///
    /// # Errors
    /// When the rows do not fit the kernel, a value is not finite or the grown matrix cannot be factorised;
    /// then nothing is added.
    pub fn append(&mut self, rows: &Rows, y: &[f64], noise: f64) -> Result<(), GpError> {
        length("columns", self.kernel.columns(), rows.columns())?;
        length("y", rows.len(), y.len())?;
        finite("y", y)?;
        if !(noise.is_finite() && noise >= 0.0) {
            return Err(GpError::Hyperparameter { what: "noise of a row", value: noise });
        }
        if rows.is_empty() {
            return Ok(());
        }
        let (k, _) = self.cross(rows)?;
        let mut own = self.covariance(rows)?;
        (0..rows.len()).for_each(|i| own[(i, i)] += self.hyperparameters.noise + noise);
        self.cholesky.append(k, &own)?;
        for i in 0..rows.len() {
            for (c, feature) in self.features.iter_mut().enumerate() {
                let warp = self.kernel.warp(&self.hyperparameters, c);
                feature.push(rows.values(i)[c], rows.active(i)[c], self.hyperparameters.embedding, warp);
            }
        }
        self.y.extend_from_slice(y);
        self.noise.resize(self.y.len(), noise);
        self.alpha = self.cholesky.solve(&self.y);
        Ok(())
    }

    /// Replaces all observed values in O(n²): the rows, and so the factor, stay.
    ///
    /// # Errors
    /// As many values as observations, all finite.
    pub fn set_y(&mut self, y: &[f64]) -> Result<(), GpError> {
        length("y", self.len(), y.len())?;
        finite("y", y)?;
        self.y.copy_from_slice(y);
        self.alpha = self.cholesky.solve(&self.y);
        Ok(())
    }

    /// Adds the predicted mean at `rows` as if it had been observed (kriging believer, Ginsbourger et al.
    /// 2010): the mean stays, the variance near the rows shrinks. For trials that are still running.
    ///
    /// # Errors
    /// As [`Posterior::append`].
    pub fn fantasise(&mut self, rows: &Rows) -> Result<(), GpError> {
        let mean: Vec<f64> = self.predict(rows)?.iter().map(|p| p.mean).collect();
        self.append(rows, &mean, 0.0)
    }

    /// Mean and variance at m rows: O(m n (d + n)).
    ///
    /// # Errors
    /// When the rows do not fit the kernel.
    pub fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, GpError> {
        let (mut k, own) = self.cross(rows)?;
        let mean: Vec<f64> = (0..rows.len()).map(|j| self.mean_of(&k, j)).collect();
        self.cholesky.forward(k.as_mut());
        let variance = |j: usize| {
            let v = k.col(j);
            own[j] - (0..self.len()).map(|i| v[i] * v[i]).sum::<f64>()
        };
        Ok((0..rows.len()).map(|j| Prediction { mean: mean[j], variance: variance(j).max(0.0) }).collect())
    }

    /// Only the means: O(m n d).
    ///
    /// # Errors
    /// When the rows do not fit the kernel.
    pub fn predict_mean(&self, rows: &Rows) -> Result<Vec<f64>, GpError> {
        let (k, _) = self.cross(rows)?;
        Ok((0..rows.len()).map(|j| self.mean_of(&k, j)).collect())
    }

    /// Mean, variance and their derivatives at one point.
    ///
    /// # Errors
    /// When the point does not fit the kernel.
    pub fn predict_gradient(&self, values: &[f64], active: &[bool]) -> Result<PredictionGradient, GpError> {
        let d = self.kernel.columns();
        length("values", d, values.len())?;
        length("active", d, active.len())?;
        finite("values", values)?;
        self.kernel.check_blocks(active, 0)?;
        let n = self.len();
        let mut k = vec![0.0; n];
        let mut slopes = Vec::new();
        let own =
            self.kernel.row(&self.hyperparameters, &self.features, values, active, &mut k, Some(&mut slopes));
        let beta = self.cholesky.solve(&k);
        let mean = k.iter().zip(&self.alpha).map(|(k, a)| k * a).sum();
        let explained: f64 = k.iter().zip(&beta).map(|(k, b)| k * b).sum();
        let (mut mean_slope, mut variance_slope) = (vec![0.0; d], vec![0.0; d]);
        self.climb(values, active, &slopes, &self.alpha, &mut mean_slope);
        self.climb(values, active, &slopes, &beta, &mut variance_slope);
        variance_slope.iter_mut().for_each(|slope| *slope *= -2.0);
        for &c in &self.kernel.linear {
            variance_slope[c] += 2.0 * self.hyperparameters.length_scales[c].powi(-2) * values[c];
        }
        let at = Prediction { mean, variance: (own - explained).max(0.0) };
        Ok(PredictionGradient { at, mean: mean_slope, variance: variance_slope })
    }

    /// The mean at one point and its derivative in x: O(n d).
    ///
    /// # Errors
    /// When the point does not fit the kernel.
    pub fn mean_gradient(&self, values: &[f64], active: &[bool]) -> Result<(f64, Vec<f64>), GpError> {
        let d = self.kernel.columns();
        length("values", d, values.len())?;
        length("active", d, active.len())?;
        finite("values", values)?;
        self.kernel.check_blocks(active, 0)?;
        let mut k = vec![0.0; self.len()];
        let mut slopes = Vec::new();
        self.kernel.row(&self.hyperparameters, &self.features, values, active, &mut k, Some(&mut slopes));
        let mut gradient = vec![0.0; d];
        self.climb(values, active, &slopes, &self.alpha, &mut gradient);
        Ok((dot(&k, &self.alpha), gradient))
    }

    /// The slopes, in the columns of one point, of Σ_i w_i k(x, x_i); `slopes` are those of [`Kernel::row`].
    fn climb(&self, values: &[f64], active: &[bool], slopes: &[Vec<f64>], weights: &[f64], out: &mut [f64]) {
        let h = &self.hyperparameters;
        let metric = self.kernel.metric(h);
        for (b, columns) in self.kernel.blocks.iter().enumerate() {
            let toward: Vec<f64> = slopes[b].iter().zip(weights).map(|(s, w)| s * w).collect();
            for &c in columns.iter().filter(|&&c| active[c]) {
                let inverse = 1.0 / (h.length_scales[c] * h.length_scales[c]);
                let warp = self.kernel.warp(h, c);
                let (x, bend) = warp.map_or((values[c], 1.0), |w| (w.value(values[c]), w.slope(values[c])));
                out[c] = inverse * bend * metric.slope_x(&self.features[c], x, 1.0, &toward);
            }
        }
        for &c in &self.kernel.linear {
            out[c] = h.length_scales[c].powi(-2) * dot(&self.features[c].x, weights);
        }
    }

    /// One joint draw of the function at `rows`.
    ///
    /// # Errors
    /// When the rows do not fit the kernel, or their covariance cannot be factorised.
    pub fn sample(&self, rows: &Rows, rng: &mut impl Rng) -> Result<Vec<f64>, GpError> {
        let m = rows.len();
        if m == 0 {
            return Ok(Vec::new());
        }
        let (mut k, _) = self.cross(rows)?;
        let mean: Vec<f64> = (0..m).map(|j| self.mean_of(&k, j)).collect();
        self.cholesky.forward(k.as_mut());
        let mut covariance = self.covariance(rows)?;
        for i in 0..m {
            for j in 0..=i {
                covariance[(i, j)] -= (0..self.len()).map(|t| k[(t, i)] * k[(t, j)]).sum::<f64>();
            }
        }
        // Rounding leaves eigenvalues of about -1e-16 s where rows repeat; the absolute floor keeps the
        // factor real.
        let floor = 1e-12 * self.hyperparameters.scales.iter().sum::<f64>();
        (0..m).for_each(|i| covariance[(i, i)] = covariance[(i, i)].max(0.0) + floor);
        let factor = Cholesky::new(&covariance)?;
        let z: Vec<f64> = (0..m).map(|_| StandardNormal.sample(rng)).collect();
        Ok((0..m).map(|i| mean[i] + (0..=i).map(|j| factor.l()[(i, j)] * z[j]).sum::<f64>()).collect())
    }

    /// K(rows, rows), lower triangle. (m, m)
    fn covariance(&self, rows: &Rows) -> Result<Mat<f64>, GpError> {
        let features = self.kernel.features(rows, &self.hyperparameters)?;
        let m = rows.len();
        let mut covariance = Mat::<f64>::zeros(m, m);
        let mut row = vec![0.0; m];
        for i in 0..m {
            let (values, active) = (rows.values(i), rows.active(i));
            self.kernel.row(&self.hyperparameters, &features, values, active, &mut row[..=i], None);
            (0..=i).for_each(|j| covariance[(i, j)] = row[j]);
        }
        Ok(covariance)
    }

    /// K(X, rows), (n, m), and the prior variances.
    fn cross(&self, rows: &Rows) -> Result<(Mat<f64>, Vec<f64>), GpError> {
        length("columns", self.kernel.columns(), rows.columns())?;
        let (n, m) = (self.len(), rows.len());
        let mut k = Mat::<f64>::zeros(n, m);
        let mut own = vec![0.0; m];
        let mut row = vec![0.0; n];
        for j in 0..m {
            self.kernel.check_blocks(rows.active(j), j)?;
            own[j] = self.kernel.row(
                &self.hyperparameters,
                &self.features,
                rows.values(j),
                rows.active(j),
                &mut row,
                None,
            );
            (0..n).for_each(|i| k[(i, j)] = row[i]);
        }
        Ok((k, own))
    }

    /// The slope of each linear column, in their order: E(w_c) = Σ_i x_ic α_i / ℓ_c².
    pub fn linear_slopes(&self) -> Vec<f64> {
        let slope = |&c: &usize| {
            self.hyperparameters.length_scales[c].powi(-2) * dot(&self.features[c].x, &self.alpha)
        };
        self.kernel.linear.iter().map(slope).collect()
    }

    fn mean_of(&self, k: &Mat<f64>, j: usize) -> f64 {
        let column = k.col(j);
        (0..self.len()).map(|i| column[i] * self.alpha[i]).sum()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

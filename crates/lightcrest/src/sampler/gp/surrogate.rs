//! One Gaussian process an objective, fitted at checkpoints.
//!
//! Hyperparameters are fitted to the first c observations, c growing by 5 %: every trial counts at once, but
//! the costly fit is not repeated for one trial in many. Since c, the starting point and the data are
//! functions of the history, a sampler that is rebuilt finds the same fit; the cache only saves time. From
//! `FIT_ROWS` on, the fit sees a part of them.
//!
//! Where the study learns from earlier ones, what they tell joins it (`recollection`): guesses as columns
//! behind those of the space, in which the kernel is linear, and a mean that is taken off the values.
//!
//! The most probable hyperparameters are too sure of what few trials say. So every third proposal is made
//! with a draw from their approximate posterior ([`lightcrest_gp::draw`]), where the sampler asks for it and
//! while there are few enough trials and parameters for that to matter and to be quick.

use super::observation::Observed;
use super::recollection::Recollection;
use crate::sampler::SamplerError;
use crate::space::encode::Encoded;
use lightcrest_gp::transform::{Inverse, Outliers, transform};
use lightcrest_gp::{
    Data, FitConfig, GpError, Hyperparameters, Kernel, Posterior, Prediction, PredictionGradient, Rows, draw,
    fit,
};
use rand_chacha::ChaCha8Rng;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Every trial is a checkpoint up to here.
const DENSE: usize = 40;
/// Largest number of observations that hyperparameters are fitted to.
const FIT_ROWS: usize = 250;
/// Every third proposal is made with drawn hyperparameters,
const TURN: u64 = 3;
/// from this number on: before, they are so uncertain that draws are little better than chance,
const SETTLED: u64 = 20;
/// with at most so many observations
const DRAW_ROWS: usize = 150;
/// and so many columns.
const DRAW_COLUMNS: usize = 24;

/// The fit at the last checkpoint.
#[derive(Debug, Default)]
pub(super) struct Cache {
    key: u64,
    posterior: Option<Posterior>,
}

/// Observations of one objective, oriented, in the order of the trials.
struct Observations {
    rows: Rows,
    values: Vec<f64>,
    /// Standard deviations of what the values leave open, beside the noise of all; 0 for what was measured.
    deviations: Vec<f64>,
    /// What is expected from earlier studies, on the transformed scale; 0 without any.
    trend: Vec<f64>,
}

impl Observations {
    /// Some of them.
    fn select(&self, indices: &[usize]) -> Self {
        let of = |all: &[f64]| indices.iter().map(|&i| all[i]).collect();
        let (values, deviations, trend) = (of(&self.values), of(&self.deviations), of(&self.trend));
        Self { rows: self.rows.select(indices), values, deviations, trend }
    }

    /// Transformed values, and what the process is conditioned on: how far they are from the trend.
    fn transformed(&self, outliers: Outliers) -> Result<(Vec<f64>, Vec<f64>), SamplerError> {
        let y = transform(&self.values, outliers).map_err(internal)?;
        let residual = y.iter().zip(&self.trend).map(|(y, trend)| y - trend).collect();
        Ok((y, residual))
    }

    /// With transformed values and what they leave open on that scale.
    fn data(&self, outliers: Outliers) -> Result<Data, SamplerError> {
        let (y, residual) = self.transformed(outliers)?;
        let noise = transformed_noise(&self.values, &y, &self.deviations);
        Data::with_noise(self.rows.clone(), residual, noise).map_err(internal)
    }
}

pub(super) fn internal(error: GpError) -> SamplerError {
    SamplerError::Internal { sampler: "gp", reason: error.to_string() }
}

/// The trials that have a value.
fn observations(
    encoded: &[Encoded],
    observed: &Observed,
    memory: Option<&Recollection>,
) -> Result<Observations, SamplerError> {
    let mut rows = Rows::new(encoded.first().map_or(0, |e| e.row.len()));
    let (mut values, mut deviations) = (Vec::new(), Vec::new());
    for (row, (value, deviation)) in encoded.iter().zip(observed.values.iter().zip(&observed.deviations)) {
        if let Some(value) = value {
            rows.push(&row.row, &row.active).map_err(internal)?;
            values.push(*value);
            deviations.push(*deviation);
        }
    }
    let mut trend = vec![0.0; values.len()];
    if let Some(memory) = memory {
        rows = memory.widened(&rows)?;
        trend = memory.trend(&rows);
    }
    Ok(Observations { rows, values, deviations, trend })
}

/// The largest checkpoint that is not above n; checkpoints are at most `step` apart.
pub(super) fn checkpoint(n: usize, step: usize) -> usize {
    let mut c = n.min(DENSE);
    loop {
        let next = c + (c / 20).clamp(1, step);
        if next > n {
            return c;
        }
        c = next;
    }
}

/// What shapes a surrogate beside the trials.
pub(super) struct Guide {
    pub(super) outliers: Outliers,
    pub(super) memory: Option<Arc<Recollection>>,
}

impl From<Outliers> for Guide {
    fn from(outliers: Outliers) -> Self {
        Self { outliers, memory: None }
    }
}

/// The posterior given what all trials tell, with hyperparameters that are fitted to what those up to the
/// checkpoint tell: `first` is of as many trials as come before it.
pub(super) fn surrogate(
    kernel: &Kernel,
    encoded: &[Encoded],
    first: &Observed,
    all: &Observed,
    guide: Guide,
    cache: &mut Cache,
    uncertainty: Option<&mut ChaCha8Rng>,
) -> Result<Surrogate, SamplerError> {
    let Guide { outliers, memory } = guide;
    let few = all.values.iter().flatten().count() <= DRAW_ROWS && kernel.columns() <= DRAW_COLUMNS;
    let widened = memory.as_ref().map(|memory| kernel.clone().with_linear(memory.guesses()));
    let kernel = widened.as_ref().unwrap_or(kernel);
    let known = memory.as_deref();
    let everything = observations(encoded, all, known)?;
    let before = observations(&encoded[..first.values.len()], first, known)?;
    // Too few values before the checkpoint: fit to all.
    let before = if before.values.len() < 2 { observations(encoded, all, known)? } else { before };
    let mut posterior = conditioned(kernel, &before, &everything, outliers, cache)?;
    if let Some(rng) = uncertainty.filter(|_| few) {
        posterior = redrawn(posterior, kernel, &everything, outliers, rng)?;
    }
    Ok(Surrogate { posterior, memory, trend: everything.trend })
}

/// What is predicted of one objective.
#[derive(Clone)]
pub(super) struct Surrogate {
    posterior: Posterior,
    memory: Option<Arc<Recollection>>,
    /// What was expected of the observations from earlier studies.
    trend: Vec<f64>,
}

impl Surrogate {
    /// How many observations it has.
    pub(super) fn len(&self) -> usize {
        self.posterior.len()
    }

    pub(super) fn hyperparameters(&self) -> &Hyperparameters {
        self.posterior.hyperparameters()
    }

    /// How much each of `count` sources counts; `None` without any.
    pub(super) fn weights(&self, count: usize) -> Option<Vec<f64>> {
        Some(self.memory.as_ref()?.weights(&self.posterior.linear_slopes(), count))
    }

    /// As [`Posterior::predict`].
    pub(super) fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, SamplerError> {
        let Some(memory) = &self.memory else { return self.posterior.predict(rows).map_err(internal) };
        let widened = memory.widened(rows)?;
        let mut predictions = self.posterior.predict(&widened).map_err(internal)?;
        predictions.iter_mut().zip(memory.trend(&widened)).for_each(|(p, trend)| p.mean += trend);
        Ok(predictions)
    }

    /// As [`Posterior::predict_gradient`].
    pub(super) fn predict_gradient(
        &self,
        values: &[f64],
        active: &[bool],
    ) -> Result<PredictionGradient, SamplerError> {
        let posterior = |values: &[f64], active: &[bool]| {
            self.posterior.predict_gradient(values, active).map_err(internal)
        };
        let Some(memory) = &self.memory else { return posterior(values, active) };
        let (h, slopes) = memory.slopes(values, active)?;
        let d = values.len();
        let active: Vec<bool> = active.iter().copied().chain(h.iter().map(|_| true)).collect();
        let values: Vec<f64> = values.iter().chain(&h).copied().collect();
        let mut gradient = posterior(&values, &active)?;
        gradient.at.mean += h[0];
        for (f, slope) in slopes.iter().enumerate() {
            let by_mean = gradient.mean[d + f] + f64::from(u8::from(f == 0));
            let by_variance = gradient.variance[d + f];
            for c in 0..d {
                gradient.mean[c] += by_mean * slope[c];
                gradient.variance[c] += by_variance * slope[c];
            }
        }
        gradient.mean.truncate(d);
        gradient.variance.truncate(d);
        Ok(gradient)
    }

    /// As [`Posterior::sample`].
    pub(super) fn sample(&self, rows: &Rows, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, SamplerError> {
        let Some(memory) = &self.memory else { return self.posterior.sample(rows, rng).map_err(internal) };
        let widened = memory.widened(rows)?;
        let world = self.posterior.sample(&widened, rng).map_err(internal)?;
        Ok(world.iter().zip(memory.trend(&widened)).map(|(v, trend)| v + trend).collect())
    }

    /// As [`Posterior::fitted`].
    pub(super) fn fitted(&self) -> Vec<f64> {
        self.posterior.fitted().iter().zip(&self.trend).map(|(v, trend)| v + trend).collect()
    }

    /// As [`Posterior::fantasise`].
    pub(super) fn fantasise(&mut self, rows: &Rows) -> Result<(), SamplerError> {
        let Some(memory) = &self.memory else {
            self.trend.resize(self.trend.len() + rows.len(), 0.0);
            return self.posterior.fantasise(rows).map_err(internal);
        };
        let widened = memory.widened(rows)?;
        self.trend.extend(memory.trend(&widened));
        self.posterior.fantasise(&widened).map_err(internal)
    }
}

/// Whether the hyperparameters behind the proposal of this number are drawn.
pub(super) fn is_drawn(number: u64) -> bool {
    number >= SETTLED && number.is_multiple_of(TURN)
}

/// The posterior with hyperparameters that are drawn around its own, where that is possible.
fn redrawn(
    posterior: Posterior,
    kernel: &Kernel,
    observations: &Observations,
    outliers: Outliers,
    rng: &mut ChaCha8Rng,
) -> Result<Posterior, SamplerError> {
    let data = observations.data(outliers)?;
    let config = FitConfig::new(kernel, &data);
    let found = draw(kernel, &data, &config, posterior.hyperparameters(), rng)
        .and_then(|hyperparameters| Posterior::new(kernel, &hyperparameters, &data));
    Ok(found.unwrap_or_else(|error| {
        log::debug!("gp: no hyperparameters drawn ({error}): the most probable ones are used");
        posterior
    }))
}

/// The posterior given all observations; `first` are those of the checkpoint, which `all` begins with.
fn conditioned(
    kernel: &Kernel,
    first: &Observations,
    all: &Observations,
    outliers: Outliers,
    cache: &mut Cache,
) -> Result<Posterior, SamplerError> {
    let key = key(kernel, first);
    let c = first.values.len();
    if cache.key != key || cache.posterior.is_none() {
        let data = first.select(&part(&first.values)).data(outliers)?;
        let found = fit(kernel, &data, &FitConfig::new(kernel, &data)).map_err(internal)?;
        let y = transform(&first.values, outliers).map_err(internal)?;
        let noise = transformed_noise(&first.values, &y, &first.deviations);
        let whole = Data::with_noise(first.rows.clone(), vec![0.0; c], noise).map_err(internal)?;
        let posterior = Posterior::new(kernel, &found.hyperparameters, &whole).map_err(internal)?;
        *cache = Cache { key, posterior: Some(posterior) };
    }
    let Some(mut posterior) = cache.posterior.clone() else {
        return Err(SamplerError::Internal { sampler: "gp", reason: "the fit was lost".to_owned() });
    };
    let (y, residual) = all.transformed(outliers)?;
    let noise = transformed_noise(&all.values, &y, &all.deviations);
    for i in c..all.values.len() {
        posterior.append(&all.rows.select(&[i]), &[0.0], noise[i]).map_err(internal)?;
    }
    posterior.set_y(&residual).map_err(internal)?;
    Ok(posterior)
}

/// From what the surrogate of these values predicts back to the objective, oriented.
pub(super) fn inverse(observed: &[Option<f64>], outliers: Outliers) -> Result<Inverse, SamplerError> {
    let values: Vec<f64> = observed.iter().flatten().copied().collect();
    let y = transform(&values, outliers).map_err(internal)?;
    Inverse::new(&values, &y).map_err(internal)
}

/// Variances on the scale of `y`, which a transformation made of `values`: how far it moves what is one
/// deviation away, on the side where it moves farther.
fn transformed_noise(values: &[f64], y: &[f64], deviations: &[f64]) -> Vec<f64> {
    let mut pairs: Vec<(f64, f64)> = values.iter().copied().zip(y.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Linear between neighbours, flat beyond the ends.
    let image = |v: f64| {
        let upper = pairs.partition_point(|p| p.0 < v);
        match (upper.checked_sub(1).map(|lower| pairs[lower]), pairs.get(upper)) {
            (Some(a), Some(b)) if b.0 > a.0 => a.1 + (b.1 - a.1) * (v - a.0) / (b.0 - a.0),
            (_, Some(b)) => b.1,
            (Some(a), None) => a.1,
            (None, None) => 0.0,
        }
    };
    let moved = |i: usize| {
        let (v, deviation) = (values[i], deviations[i]);
        let farthest = (image(v + deviation) - y[i]).abs().max((y[i] - image(v - deviation)).abs());
        // Where differences overflow, as vague as all values together.
        if farthest.is_finite() { farthest } else { 1.0 }
    };
    (0..y.len()).map(|i| if deviations[i] > 0.0 { moved(i).powi(2) } else { 0.0 }).collect()
}

/// All indices, or the better half of `FIT_ROWS` and the other half evenly from the rest.
fn part(values: &[f64]) -> Vec<usize> {
    let n = values.len();
    if n <= FIT_ROWS {
        return (0..n).collect();
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]).then(i.cmp(&j)));
    let mut rest = order.split_off(FIT_ROWS / 2);
    rest.sort_unstable();
    let take = FIT_ROWS - order.len();
    order.extend((0..take).map(|k| rest[k * rest.len() / take]));
    order.sort_unstable();
    order
}

fn key(kernel: &Kernel, observations: &Observations) -> u64 {
    let mut hasher = DefaultHasher::new();
    kernel.columns().hash(&mut hasher);
    for i in 0..observations.values.len() {
        observations.values[i].to_bits().hash(&mut hasher);
        observations.deviations[i].to_bits().hash(&mut hasher);
        observations.rows.active(i).hash(&mut hasher);
        observations.rows.values(i).iter().for_each(|v| v.to_bits().hash(&mut hasher));
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_every_trial_at_first_and_sparse_later() {
        assert!((1..=DENSE).all(|n| checkpoint(n, 250) == n));
        let count = |from, to| (from..to).filter(|&n| checkpoint(n, 250) == n).count();
        assert!(count(100, 200) < 25 && count(1000, 2000) < 25);
        assert!(
            (1..3000).all(|n| checkpoint(n, 250) <= n && checkpoint(n, 250) as f64 > 0.94 * n as f64 - 1.0)
        );
    }

    #[test]
    fn noise_follows_the_transformation() {
        let values = [0.0, 1.0, 2.0, 100.0];
        let y = [0.0, 1.0, 2.0, 3.0];
        assert_eq!(transformed_noise(&values, &y, &[0.5, 0.0, 49.0, 49.0]), [0.25, 0.0, 4.0, 0.25]);
    }

    #[test]
    fn the_part_keeps_the_best() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from((i * 7919) % 1000)).collect();
        let part = part(&values);
        assert_eq!(part.len(), FIT_ROWS);
        assert!((0..1000).filter(|&i| values[i] >= 900.0).all(|i| part.contains(&i)));
    }
}

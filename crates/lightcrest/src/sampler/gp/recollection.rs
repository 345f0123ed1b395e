//! Earlier studies as guesses at the function.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | μ_s(x) | 1 | posterior mean of source s: a Gaussian process on its own standardised rows |
//! | m(x) | 1 | their mean over the sources |
//! | h(x) | 1 + S | m and every μ_s; μ_1 alone where there is one source |
//! | w | 1 + S | how much each counts, w ~ N(b, B), B diagonal, b 1 for m and 0 for the others |
//!
//! The function of the new study is h(x)ᵀ w + δ(x): a linear model on the guesses with a Gaussian process for
//! what they miss (Rasmussen & Williams 2006, sec. 2.7), which is again a Gaussian process, of mean m(x) and
//! with h(x)ᵀ B h(x') added to its covariance. So the likelihood of the NEW values decides what a source is
//! worth: the variances in B are hyperparameters, fitted with all others, and w follows. Where sources
//! mislead, what they say is outweighed as trials come, and the model of a study that knows nothing is left.
//!
//! An ask costs what is linear in the rows of the sources, since only their means are asked for, and they are
//! fitted once.

use super::surrogate::internal;
use crate::history::History;
use crate::memory::{Memory, recall};
use crate::sampler::SamplerError;
use crate::space::Space;
use crate::space::encode::{Encoded, Encoder};
use lightcrest_gp::{Data, FitConfig, Kernel, Posterior, Rows, fit};
use std::sync::Arc;

/// What the sources tell of one objective.
#[derive(Debug)]
pub(super) struct Recollection {
    /// One a source that says anything of the objective, with its place among all sources.
    sources: Vec<(usize, Posterior)>,
}

impl Recollection {
    /// `None` if no source says anything of the objective.
    fn new(
        kernel: &Kernel,
        encoder: &Encoder<'_>,
        memory: &Memory,
        objective: usize,
    ) -> Result<Option<Self>, SamplerError> {
        let mut sources = Vec::new();
        for (s, source) in memory.sources().iter().enumerate() {
            let (mut rows, mut y) = (Rows::new(encoder.columns().len()), Vec::new());
            for lesson in &source.lessons {
                let Some(Some(score)) = lesson.scores.get(objective) else { continue };
                let Some(recalled) = recall(encoder.space(), &lesson.configuration) else { continue };
                let Encoded { row, active } = encoder.encode(&recalled);
                rows.push(&row, &active).map_err(internal)?;
                y.push(*score);
            }
            if y.len() > 1 {
                sources.push((s, fitted(kernel, rows, y)?));
            }
        }
        Ok((!sources.is_empty()).then_some(Self { sources }))
    }

    /// How many numbers h(x) has.
    pub(super) fn guesses(&self) -> usize {
        if self.sources.len() == 1 { 1 } else { 1 + self.sources.len() }
    }

    /// h(x), or the same of something else that each source has.
    fn joined(&self, of: impl Fn(usize) -> f64) -> impl Iterator<Item = f64> {
        let count = self.sources.len();
        let all: Vec<f64> = (0..count).map(of).collect();
        let mean = all.iter().sum::<f64>() / count as f64;
        std::iter::once(mean).chain(all.into_iter().filter(move |_| count > 1))
    }

    /// The rows with h behind them.
    pub(super) fn widened(&self, rows: &Rows) -> Result<Rows, SamplerError> {
        let means = self.sources.iter().map(|(_, source)| source.predict_mean(rows).map_err(internal));
        let means: Vec<Vec<f64>> = means.collect::<Result<_, _>>()?;
        let mut widened = Rows::new(rows.columns() + self.guesses());
        for i in 0..rows.len() {
            let values: Vec<f64> =
                rows.values(i).iter().copied().chain(self.joined(|s| means[s][i])).collect();
            let mut active = rows.active(i).to_vec();
            active.resize(values.len(), true);
            widened.push(&values, &active).map_err(internal)?;
        }
        Ok(widened)
    }

    /// m of widened rows.
    pub(super) fn trend(&self, widened: &Rows) -> Vec<f64> {
        let at = widened.columns() - self.guesses();
        (0..widened.len()).map(|i| widened.values(i)[at]).collect()
    }

    /// h at one point, and the gradient of each of its numbers.
    pub(super) fn slopes(
        &self,
        values: &[f64],
        active: &[bool],
    ) -> Result<(Vec<f64>, Vec<Vec<f64>>), SamplerError> {
        let each = self.sources.iter().map(|(_, source)| source.mean_gradient(values, active));
        let each: Vec<(f64, Vec<f64>)> = each.collect::<Result<_, _>>().map_err(internal)?;
        let h: Vec<f64> = self.joined(|s| each[s].0).collect();
        let mut slopes = vec![vec![0.0; values.len()]; h.len()];
        for c in 0..values.len() {
            let along = self.joined(|s| each[s].1[c]);
            slopes.iter_mut().zip(along).for_each(|(slope, value)| slope[c] = value);
        }
        Ok((h, slopes))
    }

    /// How much each of `count` sources counts, from what is known of w beside its mean b: by how much the
    /// prediction moves with one standard deviation of its scores. What counts of m is shared by all.
    pub(super) fn weights(&self, beside: &[f64], count: usize) -> Vec<f64> {
        let mut weights = vec![0.0; count];
        let common = (1.0 + beside.first().copied().unwrap_or(0.0)) / self.sources.len() as f64;
        for (k, (s, _)) in self.sources.iter().enumerate() {
            weights[*s] = common + beside.get(k + 1).copied().unwrap_or(0.0);
        }
        weights
    }
}

/// The most probable process of these rows.
fn fitted(kernel: &Kernel, rows: Rows, y: Vec<f64>) -> Result<Posterior, SamplerError> {
    let data = Data::new(rows, y).map_err(internal)?;
    let found = fit(kernel, &data, &FitConfig::new(kernel, &data)).map_err(internal)?;
    Posterior::new(kernel, &found.hyperparameters, &data).map_err(internal)
}

/// What the sources tell of every objective, kept as long as space and memory are the same.
#[derive(Debug, Default)]
pub(super) struct Recollections {
    of: Option<(Space, Arc<Memory>)>,
    objectives: Vec<Option<Arc<Recollection>>>,
}

impl Recollections {
    /// Of one objective.
    pub(super) fn of(
        &mut self,
        kernel: &Kernel,
        encoder: &Encoder<'_>,
        history: &History,
        objective: usize,
    ) -> Result<Option<Arc<Recollection>>, SamplerError> {
        let memory = history.memory();
        if memory.is_empty() {
            return Ok(None);
        }
        let same = |(space, known): &(Space, Arc<Memory>)| {
            (Arc::ptr_eq(known, memory) || known == memory) && space == encoder.space()
        };
        if !self.of.as_ref().is_some_and(same) {
            let each = 0..history.objectives().len();
            let each = each.map(|j| Ok(Recollection::new(kernel, encoder, memory, j)?.map(Arc::new)));
            self.objectives = each.collect::<Result<_, SamplerError>>()?;
            self.of = Some((encoder.space().clone(), Arc::clone(memory)));
        }
        Ok(self.objectives.get(objective).cloned().flatten())
    }
}

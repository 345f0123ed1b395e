//! How much the best that is found may still get better, as the model of one more trial shows it: the bound
//! on the gap of expected minimum simple regrets.
//!
//! Ishibashi, Karasuyama, Takeuchi, Hino 2023, *A stopping criterion for Bayesian optimization by the gap of
//! expected minimum simple regrets*, AISTATS, algorithm 1. In their notation, for maximisation:
//!
//! | symbol | meaning |
//! |---|---|
//! | θ*_t | the best of the first t trials |
//! | μ_t, σ_t² | posterior after t trials, in standard deviations of the values |
//! | κ | width of the confidence bounds after t - 1 trials: `max UCB - max LCB` |
//! | s² | noise of an observation |

use super::candidate::Candidate;
use super::goal::Goal;
use super::model::{Informing, Model, informing};
use super::observation::observed;
use super::surrogate::{Surrogate, inverse};
use super::{GpSampler, Outliers};
use crate::history::{FrozenTrial, History, TrialState};
use crate::sampler::{Context, SamplerError};
use crate::space::encode::Encoder;
use lightcrest_gp::Prediction;
use rand_chacha::ChaCha8Rng;

/// A complete trial, by its number and its oriented value.
type Best = (u64, f64);

impl GpSampler {
    /// The bound after the last complete trial, in standard deviations of the values; `None` where no
    /// surrogate says it.
    pub(crate) fn minimum_regret(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<f64>, SamplerError> {
        let complete: Vec<Best> = finite(context.history);
        let Some((&(last, y), before)) = complete.split_last() else { return Ok(None) };
        let (Some(best), Some(earlier_best)) = (best(&complete), best(before)) else { return Ok(None) };
        let mut history = History::new(context.objectives.to_vec());
        context.history.trials().iter().filter(|t| t.number < last).cloned().for_each(|t| history.put(t));
        let earlier = Context { number: last, history: &history, ..*context };
        if self.starting(&earlier) || context.space.is_empty() {
            return Ok(None);
        }
        let encoder = Encoder::new(context.space);
        let (then, now) = (self.model(&encoder, &earlier, rng)?, self.model(&encoder, context, rng)?);
        let (Some(posterior), Some(before)) = (now.posterior(0), then.posterior(0)) else { return Ok(None) };
        let Goal::Ucb { kappa } = then.goal() else { return Ok(None) };
        let Some((upper, lower)) = self.bounds(&then, before, *kappa, &earlier, &encoder, rng)? else {
            return Ok(None);
        };
        let width = upper - lower;

        let at = |model: &Model, number: u64| -> Result<_, SamplerError> {
            let trial = context.history.get(number).map(|trial| &trial.configuration);
            let given = trial.map(|c| Candidate::given(encoder.encode(c), (context.preview)(c)));
            model.rows(given.as_slice())
        };
        let predicted = |model: &Model, surrogate: &Surrogate, number| -> Result<_, SamplerError> {
            let rows = at(model, number)?;
            let found = rows.map(|rows| surrogate.predict(&rows)).transpose()?;
            Ok(found.and_then(|found| found.first().copied()))
        };
        let (here, there) =
            (predicted(&now, posterior, best.0)?, predicted(&now, posterior, earlier_best.0)?);
        let (past, newest) = (predicted(&then, before, earlier_best.0)?, predicted(&now, posterior, last)?);
        let (Some(here), Some(there), Some(past), Some(newest)) = (here, there, past, newest) else {
            return Ok(None);
        };

        // Both models have scales of their own: everything on that of the present one.
        let (scale, earlier_scale) = (self.scale(context)?, self.scale(&earlier)?);
        let past = (past.mean * earlier_scale.1 + earlier_scale.0 - scale.0) / scale.1;
        let y = (y - scale.0) / scale.1;
        let noise = posterior.hyperparameters().noise.max(1e-6);
        let apart = match (best.0 == earlier_best.0, at(&now, earlier_best.0)?) {
            (true, _) | (_, None) => 0.0,
            (false, Some(rows)) => {
                // What is known of one when the other is observed once more tells their covariance.
                let mut twice = posterior.clone();
                twice.fantasise(&rows)?;
                let after = predicted(&now, &twice, best.0)?.map_or(here.variance, |p| p.variance);
                let explained = (here.variance - after).max(0.0) * (there.variance + noise);
                (here.variance + there.variance - 2.0 * explained.sqrt()).max(0.0)
            }
        };
        Ok(Some(gap(past - here.mean, apart, newest, y, noise, width)))
    }

    /// Where 0 of the surrogate's scale is among the oriented values, and how long its unit is.
    fn scale(&mut self, context: &Context<'_>) -> Result<(f64, f64), SamplerError> {
        let Informing { trials, .. } = informing(&self.config, context, &mut self.caches.ledger);
        let values = observed(&trials, context.objectives, 0, self.config.reports).values;
        let inverse = inverse(&values, Outliers::Keep)?;
        Ok((inverse.at(0.0), inverse.at(1.0) - inverse.at(0.0)))
    }
}

/// Algorithm 1: Δμ = μ_{t-1}(θ*_{t-1}) - μ_t(θ*_t), the variance of the difference of the function there, the
/// prediction at the newest trial and what it observed, and κ.
fn gap(delta: f64, apart: f64, newest: Prediction, y: f64, noise: f64, width: f64) -> f64 {
    let v = apart.max(1e-10).sqrt();
    let g = -delta / v;
    let improvement =
        delta + v * lightcrest_gp::special::normal_pdf(g) + v * g * lightcrest_gp::special::normal_cdf(g);
    // What was known of the newest trial before it was observed, with the same hyperparameters: eqs.
    // 2.23-2.24 of Rasmussen & Williams 2006, solved for the prior of one observation.
    let share = (newest.variance / noise).min(1.0 - 1e-6);
    let variance = newest.variance / (1.0 - share);
    let mean = (newest.mean - share * y) / (1.0 - share);
    let total = variance + noise;
    let divergence = 0.5 * (variance / noise).ln_1p() - 0.5 * variance / total
        + 0.5 * variance * ((y - mean) / total).powi(2);
    improvement + width * (0.5 * divergence.max(0.0)).sqrt()
}

/// The complete trials with finite values, oriented.
fn finite(history: &History) -> Vec<Best> {
    let value = |trial: &FrozenTrial| Some((trial.number, *history.oriented(trial)?.first()?));
    let complete = history.trials().iter().filter(|trial| trial.state == TrialState::Complete);
    complete.filter_map(value).filter(|(_, value)| value.is_finite()).collect()
}

/// The first of the best.
fn best(trials: &[Best]) -> Option<Best> {
    trials.iter().copied().reduce(|best, trial| if trial.1 > best.1 { trial } else { best })
}

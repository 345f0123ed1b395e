//! How much better than the best trial the optimum may be: an upper bound that holds with high probability.

use super::candidate::{Candidate, Source};
use super::goal::Goal;
use super::model::{Informing, Model, informing};
use super::observation::observed;
use super::surrogate::{Surrogate, inverse};
use super::{Acquisition, GpConfig, GpSampler, Outliers, Reports, search};
use crate::history::{FrozenTrial, TrialState};
use crate::sampler::{Context, SamplerError};
use crate::space::Configuration;
use crate::space::encode::Encoder;
use rand_chacha::ChaCha8Rng;

/// What is known of the regret of the best trial, in the units of the objective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Regret {
    /// At most this.
    pub(crate) bound: f64,
    /// The standard deviation of the noise of an observation.
    pub(crate) noise: f64,
}

impl GpSampler {
    /// A sampler whose acquisition is the confidence bound that limits the regret, and which takes values as
    /// they are.
    pub(crate) fn for_regret() -> Self {
        Self::new(GpConfig {
            acquisition: Acquisition::GpUcb,
            outliers: Outliers::Keep,
            draws: false,
            reports: Reports::Rank,
            // How many trials are enough is the terminator's to say.
            startup_trials: 2,
            ..GpConfig::default()
        })
    }

    /// `max UCB - max LCB`, the first over the space and the second over the complete feasible trials; `None`
    /// where no surrogate says it.
    pub(crate) fn regret(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Regret>, SamplerError> {
        if self.starting(context) || context.space.is_empty() {
            return Ok(None);
        }
        let encoder = Encoder::new(context.space);
        let model = self.model(&encoder, context, rng)?;
        let (Some(posterior), Goal::Ucb { kappa }) = (model.posterior(0), model.goal()) else {
            return Ok(None);
        };
        let Some((upper, lower)) = self.bounds(&model, posterior, *kappa, context, &encoder, rng)? else {
            return Ok(None);
        };
        let Informing { trials, .. } = informing(&self.config, context, &mut self.caches.ledger);
        let values = observed(&trials, context.objectives, 0, self.config.reports).values;
        let inverse = inverse(&values, self.config.outliers)?;
        let deviation = posterior.hyperparameters().noise.sqrt();
        Ok(Some(Regret {
            bound: inverse.at(upper) - inverse.at(lower),
            noise: inverse.at(deviation) - inverse.at(0.0),
        }))
    }

    /// `max UCB` over the space and `max LCB` over the complete feasible trials, on the surrogate's scale;
    /// `None` where they are not finite.
    pub(super) fn bounds(
        &mut self,
        model: &Model,
        posterior: &Surrogate,
        kappa: f64,
        context: &Context<'_>,
        encoder: &Encoder<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<(f64, f64)>, SamplerError> {
        let Informing { trials, .. } = informing(&self.config, context, &mut self.caches.ledger);
        let given = |configuration: &Configuration| {
            Candidate::given(encoder.encode(configuration), (context.preview)(configuration))
        };
        let feasible = |trial: &&&FrozenTrial| trial.state == TrialState::Complete && trial.is_feasible();
        let feasible = trials.iter().filter(feasible);
        let mut candidates: Vec<Candidate> = feasible.map(|trial| given(&trial.configuration)).collect();
        let known = candidates.len();
        // Where everything is known, the optimum is among the trials.
        let mut source = Source::new(encoder, context, None, model.needs_previews(), rng);
        let best = search::best(model, &self.config, self.config.pool(context), &mut source, rng)?;
        candidates.extend(best.as_ref().map(given));
        let Some(rows) = model.rows(&candidates)? else { return Ok(None) };
        let predictions = posterior.predict(&rows)?;
        let bound = |sign: f64| {
            let at = |p: &lightcrest_gp::Prediction| p.mean + sign * kappa * p.variance.sqrt();
            predictions.iter().map(at).collect::<Vec<_>>()
        };
        let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (upper, lower) = (most(&bound(1.0)), most(&bound(-1.0)[..known]));
        Ok((upper.is_finite() && lower.is_finite()).then_some((upper, lower)))
    }
}

//! The sampler that chooses for you: by space, objectives and history, what does best on
//! `cargo xtask bench bo`.
//!
//! | situation | choice | because |
//! |---|---|---|
//! | nothing varies | random | there is nothing to learn |
//! | one objective | Gaussian process, log expected improvement | few trials on tables of real tunings and on a conditional tree |
//! | several objectives | Gaussian process, confidence bounds with random weights | ahead of TPE and NSGA-II in the first 50 trials on real fronts that no setting was chosen on; after 100, TPE is level |
//!
//! `docs/bayesian-optimization.md` has the figures. Beyond [`GpConfig::max_trials`](super::GpConfig) the
//! Gaussian process looks at a part of the trials only, so that it stays the choice however long the history
//! is. What was chosen and why is logged when it changes (`log`, level info). The choice is a function of the
//! context, so a sampler that is rebuilt chooses the same.

use super::{Capabilities, Context, GpSampler, RandomSampler, Sampler, SamplerError};
use crate::space::Configuration;
use rand_chacha::ChaCha8Rng;

/// What is asked for a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Random,
    Gp,
}

impl Choice {
    fn of(context: &Context<'_>) -> (Self, &'static str) {
        match (context.space.is_empty(), context.objectives.len(), context.space.is_conditional()) {
            (true, _, _) => (Self::Random, "nothing varies"),
            (_, 1, true) => (Self::Gp, "one objective on a conditional space"),
            (_, 1, false) => (Self::Gp, "one objective on a flat space"),
            _ => (Self::Gp, "several objectives"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Random => "random draws",
            Self::Gp => "a Gaussian process",
        }
    }

    fn sampler(self) -> Box<dyn Sampler> {
        match self {
            Self::Random => Box::new(RandomSampler::new()),
            Self::Gp => Box::new(GpSampler::default()),
        }
    }
}

/// Chooses a sampler and its settings. The default of every study.
#[derive(Default)]
pub struct AutoSampler {
    chosen: Option<(Choice, Box<dyn Sampler>)>,
}

impl AutoSampler {
    /// A sampler that has not chosen yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Sampler for AutoSampler {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn learns(&self) -> bool {
        true
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let (choice, reason) = Choice::of(context);
        let (_, sampler) = match self.chosen.take() {
            Some(kept) if kept.0 == choice => self.chosen.insert(kept),
            _ => {
                log::info!("sampler auto chose {}: {reason}", choice.name());
                self.chosen.insert((choice, choice.sampler()))
            }
        };
        sampler.propose(context, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        crate::testing::sampler(&|| Box::new(AutoSampler::new()));
    }
}

//! Random search: every parameter uniform on its scale.
//!
//! Configurations that break a `before` constraint are drawn again, and so are those that were tried already,
//! as long as new ones can be found.

use super::{Capabilities, Context, Sampler, SamplerError};
use crate::space::Configuration;
use rand_chacha::ChaCha8Rng;
use std::collections::{HashMap, HashSet};

/// How many draws may be infeasible before the feasible space is declared empty.
const INFEASIBLE_DRAWS: usize = 20_000;
/// How many feasible draws in a row may be known already before one of them is proposed again.
const REPEATED_DRAWS: usize = 1_000;

/// Proposes independent random configurations.
#[derive(Debug, Clone, Default)]
pub struct RandomSampler;

impl RandomSampler {
    /// Random search.
    pub fn new() -> Self {
        Self
    }
}

impl Sampler for RandomSampler {
    fn name(&self) -> &'static str {
        "random"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        draw(context, rng)
    }
}

/// One random configuration that is feasible and, if one can be found, new: what other samplers begin with.
///
/// # Errors
/// [`SamplerError::EmptyFeasibleSpace`] after 20,000 infeasible draws in a row.
pub fn draw(context: &Context<'_>, rng: &mut ChaCha8Rng) -> Result<Configuration, SamplerError> {
    let known: HashSet<String> =
        context.history.trials().iter().map(|trial| trial.configuration.key()).collect();
    let mut reasons: HashMap<String, (String, usize)> = HashMap::new();
    let (mut infeasible, mut repeated) = (0, 0);
    loop {
        let configuration = context.space.sample(rng);
        let is_known = known.contains(&configuration.key());
        if is_known && repeated < REPEATED_DRAWS {
            repeated += 1;
            continue;
        }
        match (context.preview)(&configuration).violation {
            None => return Ok(configuration),
            Some(reason) => {
                infeasible += 1;
                // Reasons hold numbers that differ from draw to draw: those that read alike otherwise are one.
                let kind = reason.chars().filter(|c| !c.is_numeric()).collect();
                reasons.entry(kind).or_insert((reason, 0)).1 += 1;
                if infeasible == INFEASIBLE_DRAWS {
                    let mut reasons: Vec<_> = reasons.into_values().collect();
                    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                    reasons.truncate(3);
                    return Err(SamplerError::EmptyFeasibleSpace { draws: infeasible, reasons });
                }
            }
        }
    }
}

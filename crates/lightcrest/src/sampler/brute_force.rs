//! Brute force: every configuration of a finite space once, in random order; the space may be conditional.

use super::enumerate::Levels;
use super::{Capabilities, Context, Sampler, SamplerError};
use crate::space::{Configuration, Value};
use rand_chacha::ChaCha8Rng;

/// Tries everything, and [says](SamplerError::Exhausted) when it is done.
#[derive(Debug, Clone, Default)]
pub struct BruteForceSampler;

impl BruteForceSampler {
    /// Brute force.
    pub fn new() -> Self {
        Self
    }
}

impl Sampler for BruteForceSampler {
    fn name(&self) -> &'static str {
        "brute_force"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { continuous: false, ..Capabilities::ALL }
    }

    fn is_cheap(&self) -> bool {
        true
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let parameters = context.space.parameters();
        if let Some(parameter) = parameters.iter().find(|parameter| parameter.domain.cells().is_none()) {
            let (name, domain) = (&parameter.name, &parameter.domain);
            let reason =
                format!("`{name}` has infinitely many values: it is {domain}; give it a step or choices");
            return Err(SamplerError::Internal { sampler: self.name(), reason });
        }
        let levels = Levels {
            space: context.space,
            count: Box::new(|i| parameters[i].domain.cells().unwrap_or(1)),
            value: Box::new(|i, k| parameters[i].domain.cell(k).unwrap_or(Value::Null)),
        };
        levels.next(self.name(), context, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        crate::testing::sampler(&|| Box::new(BruteForceSampler::new()));
    }
}

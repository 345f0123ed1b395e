//! Random search: every parameter uniform on its scale.
//!
//! Configurations that break a `before` constraint are drawn again, and so are those that were tried already,
//! as long as new ones can be found. Constraints of the space are [drawn
//! around](crate::space::Space::sample).

use super::{Capabilities, Context, Sampler, SamplerError};
use crate::space::Configuration;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// How many draws may be infeasible before the feasible space is declared empty.
const INFEASIBLE_DRAWS: usize = 20_000;
/// How many feasible draws in a row may be known already before one of them is proposed again.
const REPEATED_DRAWS: usize = 1_000;
/// The same where draws cost more, because the space has constraints.
const REPEATED_CONSTRAINED: usize = 100;

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

    fn is_cheap(&self) -> bool {
        true
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
    let mut refusals = Refusals::default();
    let mut repeated = 0;
    let repeats = if context.space.is_constrained() { REPEATED_CONSTRAINED } else { REPEATED_DRAWS };
    loop {
        let configuration = context.space.sample(rng);
        if repeated < repeats && context.history.contains(&configuration) {
            repeated += 1;
            continue;
        }
        match (context.preview)(&configuration).violation {
            None => return Ok(configuration),
            Some(reason) => {
                refusals.add(reason);
                if refusals.count == INFEASIBLE_DRAWS {
                    return Err(refusals.into());
                }
            }
        }
    }
}

/// Why configurations were not feasible.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: usize,
    /// An example of each kind of reason, and how many there were.
    reasons: HashMap<String, (String, usize)>,
}

impl Refusals {
    pub(super) fn add(&mut self, reason: String) {
        self.add_many(reason, 1);
    }

    /// As many refusals for reasons like this one.
    pub(super) fn add_many(&mut self, reason: String, count: usize) {
        self.count += count;
        // Reasons hold numbers that differ from draw to draw: those that read alike otherwise are one.
        let kind = reason.chars().filter(|c| !c.is_numeric()).collect();
        self.reasons.entry(kind).or_insert((reason, 0)).1 += count;
    }
}

impl From<Refusals> for SamplerError {
    fn from(refusals: Refusals) -> Self {
        let mut reasons: Vec<_> = refusals.reasons.into_values().collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        reasons.truncate(3);
        Self::EmptyFeasibleSpace { draws: refusals.count, reasons }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use crate::objective::{ObjectiveInfo, Preview};
    use crate::space::Space;
    use crate::study::Study;
    use std::collections::HashSet;

    #[test]
    fn conforms() {
        crate::testing::sampler(&|| Box::new(RandomSampler::new()));
    }

    #[test]
    fn a_finite_space_is_tried_in_full_before_anything_twice() {
        let space = Space::builder().int("a", 0, 6).categorical("b", [true, false]).build().unwrap();
        let mut study = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).build().unwrap();
        for _ in 0..15 {
            study.ask().unwrap();
        }
        let seen: HashSet<_> = study.trials().iter().map(|trial| trial.configuration.key()).collect();
        assert_eq!(seen.len(), 14);
    }

    #[test]
    fn every_scale_is_covered_evenly() {
        let space = Space::builder()
            .log_float("rate", 1e-4, 1.0)
            .int("depth", 1, 4)
            .categorical("b", ["x", "y"])
            .build()
            .unwrap();
        let objectives = vec![ObjectiveInfo::minimize("loss")];
        let history = History::new(objectives.clone());
        let mut rng = rand::SeedableRng::seed_from_u64(3);
        let preview = |_: &Configuration| Preview::default();
        let context = Context {
            number: 0,
            space: &space,
            objectives: &objectives,
            history: &history,
            preview: &preview,
        };
        let mut counts = [0; 3];
        let n = 4000;
        for _ in 0..n {
            let c = draw(&context, &mut rng).unwrap();
            counts[0] += u32::from(c.get_f64("rate").unwrap() < 1e-2);
            counts[1] += u32::from(c.get_i64("depth").unwrap() == 4);
            counts[2] += u32::from(c.get_str("b").unwrap() == "x");
        }
        for (count, share) in counts.into_iter().zip([0.5, 0.25, 0.5]) {
            // Four standard errors.
            assert!((f64::from(count) / f64::from(n) - share).abs() < 4.0 * 0.5 / f64::from(n).sqrt());
        }
    }
}

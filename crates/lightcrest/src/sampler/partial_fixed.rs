//! Some parameters fixed, the others proposed by another sampler.
//!
//! The other sampler sees the space with a single value of each fixed parameter, so that what it models and
//! counts is the rest. What was tried with other values of the fixed parameters still informs it of the rest.

use super::{Capabilities, Context, Sampler, SamplerError};
use crate::space::{Configuration, Space, SpaceError};
use rand_chacha::ChaCha8Rng;

/// Fixes values around a base sampler.
pub struct PartialFixedSampler {
    fixed: Configuration,
    base: Box<dyn Sampler>,
    /// A space, and what is left of it.
    kept: Option<(Space, Space)>,
}

impl PartialFixedSampler {
    /// `fixed` names values; a name that the space does not have is without effect, and a conditional
    /// parameter is fixed where it is active.
    pub fn new(fixed: Configuration, base: Box<dyn Sampler>) -> Self {
        Self { fixed, base, kept: None }
    }

    /// The space in which the fixed parameters have one value each, and what cannot be active then is gone.
    fn restricted(&mut self, space: &Space) -> Result<Space, SamplerError> {
        // To find what is feasible in a space takes time.
        if let Some((whole, restricted)) = &self.kept
            && space.is_constrained()
            && whole.is_same(space)
        {
            return Ok(restricted.clone());
        }
        let restricted = space.fixed(&self.fixed).map_err(|error| {
            let reason = match error {
                SpaceError::OutOfDomain { name, value, domain } => {
                    format!("`{name}` is fixed at {value}, but must be {domain}")
                }
                error => error.to_string(),
            };
            SamplerError::Internal { sampler: "partial_fixed", reason }
        })?;
        self.kept = Some((space.clone(), restricted.clone()));
        Ok(restricted)
    }
}

impl Sampler for PartialFixedSampler {
    fn name(&self) -> &'static str {
        "partial_fixed"
    }

    fn capabilities(&self) -> Capabilities {
        self.base.capabilities()
    }

    fn learns(&self) -> bool {
        self.base.learns()
    }

    fn is_cheap(&self) -> bool {
        self.base.is_cheap()
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let space = self.restricted(context.space)?;
        let Context { number, objectives, history, preview, .. } = *context;
        self.base.propose(&Context { number, space: &space, objectives, history, preview }, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{Evaluation, ObjectiveInfo};
    use crate::sampler::{GpSampler, RandomSampler, TpeSampler};
    use crate::space::{Parameter, Value};
    use crate::study::Study;

    #[test]
    fn conforms() {
        let fixed: Configuration = [("learning_rate", 1e-3)].into_iter().collect();
        crate::testing::sampler(&|| {
            Box::new(PartialFixedSampler::new(fixed.clone(), Box::new(RandomSampler::new())))
        });
    }

    fn space() -> Space {
        Space::builder()
            .categorical("kind", ["a", "b", "c"])
            .parameter(Parameter::float("x", 0.0, 1.0).when("kind", ["a", "b"]))
            .parameter(Parameter::int("y", 0, 9).when("kind", ["c"]))
            .parameter(Parameter::categorical("z", [true, false]).when("y", [1i64]))
            .float("w", 0.0, 1.0)
            .build()
            .unwrap()
    }

    #[test]
    fn what_is_fixed_stays_and_the_rest_is_optimised() {
        let bases: [fn() -> Box<dyn Sampler>; 2] =
            [|| Box::new(TpeSampler::default()), || Box::new(GpSampler::default())];
        for base in bases {
            // A whole number is a float too.
            let fixed = [("kind", Value::from("b")), ("w", Value::Int(1))].into_iter().collect();
            let builder = Study::builder(space(), vec![ObjectiveInfo::minimize("loss")]);
            let mut study = builder.sampler(PartialFixedSampler::new(fixed, base())).build().unwrap();
            // A trial with other values.
            study.enqueue(&space().sample_seeded(1)).unwrap();
            for number in 0..40 {
                let trial = study.ask().unwrap();
                let c = &trial.configuration;
                if number > 0 {
                    assert_eq!((c.get_str("kind"), c.get_f64("w"), c.get("y")), (Some("b"), Some(1.0), None));
                }
                let loss = (c.get_f64("x").unwrap_or(1.0) - 0.4).abs();
                study.tell(trial.number, Ok(Evaluation::new([loss]))).unwrap();
            }
            assert!(study.best().unwrap().values.as_ref().unwrap()[0] < 0.02);
        }
    }

    #[test]
    fn a_value_that_cannot_be_is_named() {
        let fixed = [("kind", "d")].into_iter().collect();
        let builder = Study::builder(space(), vec![ObjectiveInfo::minimize("loss")]);
        let sampler = PartialFixedSampler::new(fixed, Box::new(RandomSampler::new()));
        let error = builder.sampler(sampler).build().unwrap().ask().unwrap_err().to_string();
        assert!(
            error.contains("`kind` is fixed at \"d\", but must be one of \"a\", \"b\", \"c\""),
            "{error}"
        );
    }
}

//! A space in which some parameters have one value for good.

use super::{Choices, Condition, Configuration, Domain, Parameter, Space, SpaceBuilder, SpaceError, Value};
use std::collections::HashSet;

/// The space with the named parameters fixed: conditions on them are resolved, and what cannot be active any
/// more is gone, also from bounds and sums.
pub(super) fn fix(space: &Space, fixed: &Configuration) -> Result<Space, SpaceError> {
    for (name, value) in fixed.iter() {
        let domain = &space.parameter(name)?.domain;
        if !domain.contains(value) {
            let (name, value, domain) = (name.to_owned(), value.clone(), domain.clone());
            return Err(SpaceError::OutOfDomain { name, value, domain });
        }
    }
    space.fixed(fixed)
}

impl Space {
    /// The space with some parameters fixed; a name that it does not have is without effect.
    ///
    /// # Errors
    /// If a value is not of its domain, or nothing satisfies the constraints then.
    pub(crate) fn fixed(&self, fixed: &Configuration) -> Result<Self, SpaceError> {
        let mut builder = SpaceBuilder::default();
        let mut gone: HashSet<&str> = HashSet::new();
        // Parents come first.
        for parameter in &self.parameters {
            let when: Option<Vec<Condition>> =
                parameter.when.iter().map(|condition| self.resolved(condition, fixed, &gone)).collect();
            let Some(when) = when else {
                gone.insert(&parameter.name);
                continue;
            };
            let (name, domain) = (&parameter.name, &parameter.domain);
            let domain = match fixed.get(name) {
                None => domain.clone(),
                Some(value) if domain.contains(value) => only(domain, domain.conform(value)),
                Some(value) => {
                    let (name, value, domain) = (name.clone(), value.clone(), domain.clone());
                    return Err(SpaceError::OutOfDomain { name, value, domain });
                }
            };
            let mut parameter = Parameter { domain, when, ..parameter.clone() };
            parameter.at_least.retain(|bound| !gone.contains(bound.parameter.as_str()));
            parameter.at_most.retain(|bound| !gone.contains(bound.parameter.as_str()));
            builder = builder.parameter(parameter);
        }
        let left = |name: &str| gone.contains(name);
        builder.constraints = self.constraints.iter().filter_map(|c| c.clone().without(&left)).collect();
        builder.build()
    }

    /// What is left of a condition; `None` if it cannot hold.
    fn resolved(
        &self,
        condition: &Condition,
        fixed: &Configuration,
        gone: &HashSet<&str>,
    ) -> Option<Condition> {
        let fixed = fixed.get(&condition.parent).zip(self.get(&condition.parent));
        let fixed = fixed.map(|(value, parent)| parent.domain.conform(value));
        let possible = |value: &&Value| fixed.as_ref().is_none_or(|fixed| fixed == *value);
        let values: Choices = condition.values.iter().filter(possible).cloned().collect();
        let holds = !values.is_empty() && !gone.contains(condition.parent.as_str());
        holds.then(|| Condition { parent: condition.parent.clone(), values })
    }
}

/// The part of a domain that holds one of its values.
fn only(domain: &Domain, value: Value) -> Domain {
    match (domain, value) {
        (Domain::Float { log, .. }, Value::Float(value)) => {
            Domain::Float { low: value, high: value, log: *log, step: None }
        }
        (Domain::Int { log, .. }, Value::Int(value)) => {
            Domain::Int { low: value, high: value, log: *log, step: 1 }
        }
        (_, value) => Domain::Categorical { choices: vec![value].into(), ordered: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Constraint;

    fn builder() -> SpaceBuilder {
        Space::builder()
            .categorical("kind", ["a", "b"])
            .parameter(Parameter::int("x", 0, 9).when("kind", ["a"]))
            .parameter(Parameter::int("y", 0, 9).at_least("x"))
            .ordinal("size", [16, 32])
            .constraint(Constraint::sum([("x", 1.0), ("y", 1.0)]).at_most(12.0))
    }

    #[test]
    fn what_is_fixed_is_everywhere_and_what_it_rules_out_is_gone() {
        let space = builder().fix("kind", "b").fix("size", 32).build().unwrap();
        assert_eq!(
            space.parameters().iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
            ["kind", "y", "size"]
        );
        assert!(space.get("y").unwrap().at_least.is_empty());
        assert_eq!(space.constraints()[0].to_string(), "y <= 12");
        for seed in 0..20 {
            let c = space.sample_seeded(seed);
            assert_eq!((c.get_str("kind"), c.get_i64("size")), (Some("b"), Some(32)));
        }
        // A fixed parameter still bounds others.
        let space = builder().fix("kind", "a").fix("x", 6).build().unwrap();
        assert!((0..20).all(|seed| space.sample_seeded(seed).get_i64("y") >= Some(6)));
    }

    #[test]
    fn a_value_that_cannot_be_is_named() {
        let error = |name: &str, value: Value| builder().fix(name, value).build().unwrap_err().to_string();
        assert_eq!(error("x", 10.into()), "parameter `x` must be an int from 0 to 9, but got 10");
        assert_eq!(error("sise", 16.into()), "there is no parameter `sise`; did you mean `size`?");
        let error = builder().fix("x", 9).fix("y", 3).fix("kind", "a").build().unwrap_err().to_string();
        assert!(error.contains("parameter `y`: it must be at least `x`, which is at least 9"), "{error}");
    }

    #[test]
    fn a_file_may_fix_too() {
        let text = r#"{"parameters": [{"name": "n", "domain": {"type": "int", "low": 0, "high": 9}}], "fixed": {"n": 4}}"#;
        let space: Space = serde_json::from_str(text).unwrap();
        assert_eq!(space, Space::builder().int("n", 0, 9).fix("n", 4).build().unwrap());
        let written = serde_json::to_string(&space).unwrap();
        assert_eq!(serde_json::from_str::<Space>(&written).unwrap(), space);
    }
}

//! A parameter: a name, what it may be, and when it exists.

use super::{Bound, Condition, Domain, Value};
use serde::{Deserialize, Serialize};

/// One thing that may vary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Unique within the space.
    pub name: String,
    /// The values that it may have.
    pub domain: Domain,
    /// All of these must hold for the parameter to be active; none means always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
    /// It is not smaller than any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_least: Vec<Bound>,
    /// It is not larger than any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_most: Vec<Bound>,
}

impl Parameter {
    /// A parameter of the given domain that is always active.
    pub fn new(name: impl Into<String>, domain: Domain) -> Self {
        Self { name: name.into(), domain, when: Vec::new(), at_least: Vec::new(), at_most: Vec::new() }
    }

    /// A real number in `[low, high]`.
    pub fn float(name: impl Into<String>, low: f64, high: f64) -> Self {
        Self::new(name, Domain::Float { low, high, log: false, step: None })
    }

    /// A real number in `[low, high]`, searched on a logarithmic scale.
    pub fn log_float(name: impl Into<String>, low: f64, high: f64) -> Self {
        Self::new(name, Domain::Float { low, high, log: true, step: None })
    }

    /// A whole number in `low..=high`.
    pub fn int(name: impl Into<String>, low: i64, high: i64) -> Self {
        Self::new(name, Domain::Int { low, high, log: false, step: 1 })
    }

    /// A whole number in `low..=high`, searched on a logarithmic scale.
    pub fn log_int(name: impl Into<String>, low: i64, high: i64) -> Self {
        Self::new(name, Domain::Int { low, high, log: true, step: 1 })
    }

    /// One of the choices, between which there is no order.
    pub fn categorical<V: Into<Value>>(
        name: impl Into<String>,
        choices: impl IntoIterator<Item = V>,
    ) -> Self {
        let choices = choices.into_iter().map(Into::into).collect();
        Self::new(name, Domain::Categorical { choices, ordered: false })
    }

    /// One of the choices, which are given in their order.
    pub fn ordinal<V: Into<Value>>(name: impl Into<String>, choices: impl IntoIterator<Item = V>) -> Self {
        let choices = choices.into_iter().map(Into::into).collect();
        Self::new(name, Domain::Categorical { choices, ordered: true })
    }

    /// The parameter, active only where `parent` has one of `values` (and earlier conditions hold too).
    #[must_use]
    pub fn when<V: Into<Value>>(
        mut self,
        parent: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.when.push(Condition::new(parent, values));
        self
    }

    /// The parameter, never smaller than what [another one](Bound) says.
    #[must_use]
    pub fn at_least(mut self, bound: impl Into<Bound>) -> Self {
        self.at_least.push(bound.into());
        self
    }

    /// The parameter, never larger than what [another one](Bound) says.
    #[must_use]
    pub fn at_most(mut self, bound: impl Into<Bound>) -> Self {
        self.at_most.push(bound.into());
        self
    }

    /// All bounds that depend on other parameters, each with whether it is an upper one.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = (bool, &Bound)> {
        let lower = self.at_least.iter().map(|bound| (false, bound));
        lower.chain(self.at_most.iter().map(|bound| (true, bound)))
    }
}

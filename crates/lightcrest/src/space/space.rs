//! The space: parameters in an order in which parents come before their children.

use super::encode::Encoder;
use super::error::nearest;
use super::{Condition, Configuration, Parameter, SpaceError, Value};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// The parameters of a study, checked.
///
/// As JSON: `{"parameters": [{"name": ..., "domain": {...}, "when": [{"parent": ..., "values": [...]}]}]}`;
/// reading it checks it like [`SpaceBuilder::build`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct Space {
    parameters: Vec<Parameter>,
    /// The names again, as configurations share them.
    names: Vec<Arc<str>>,
    index: HashMap<String, usize>,
    /// For each parameter, the position of the parent of each of its conditions.
    parents: Vec<Vec<usize>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    parameters: Vec<Parameter>,
}

impl TryFrom<Parameters> for Space {
    type Error = SpaceError;

    fn try_from(raw: Parameters) -> Result<Self, SpaceError> {
        SpaceBuilder { parameters: raw.parameters }.build()
    }
}

impl From<Space> for Parameters {
    fn from(space: Space) -> Self {
        Self { parameters: space.parameters }
    }
}

impl PartialEq for Space {
    fn eq(&self, other: &Self) -> bool {
        self.parameters == other.parameters
    }
}

impl Space {
    /// Starts a space without parameters.
    pub fn builder() -> SpaceBuilder {
        SpaceBuilder::default()
    }

    /// A space in which nothing varies.
    pub fn empty() -> Self {
        Self { parameters: Vec::new(), names: Vec::new(), index: HashMap::new(), parents: Vec::new() }
    }

    /// The parameters without conditions, as a space of their own.
    pub(crate) fn flat(&self) -> Self {
        let free = self.parameters.iter().filter(|parameter| parameter.when.is_empty());
        let builder = free.cloned().fold(Self::builder(), SpaceBuilder::parameter);
        builder.build().expect("parameters of a space without conditions make a space")
    }

    /// All parameters, parents before children, otherwise as they were added.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// How many parameters there are, active or not.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// A parameter by name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.position(name).map(|i| &self.parameters[i])
    }

    /// A parameter by name.
    ///
    /// # Errors
    /// If there is none of that name.
    pub(crate) fn parameter(&self, name: &str) -> Result<&Parameter, SpaceError> {
        self.get(name).ok_or_else(|| {
            let names = self.parameters.iter().map(|p| p.name.as_str());
            SpaceError::UnknownParameter { name: name.to_owned(), suggestion: nearest(name, names) }
        })
    }

    /// Why a parameter is not active.
    pub(crate) fn inactive(&self, name: &str, configuration: &Configuration) -> SpaceError {
        let active = self.active(configuration);
        let reason = self.position(name).map(|i| self.why_inactive(i, &active, configuration));
        SpaceError::Inactive { name: name.to_owned(), reason: reason.unwrap_or_default() }
    }

    /// The name of the parameter at `position`, to be shared.
    pub(crate) fn shared_name(&self, position: usize) -> Arc<str> {
        self.names[position].clone()
    }

    /// Where a parameter stands in [`parameters`](Self::parameters).
    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The conditions of the parameter at `position`, each with the position of its parent.
    pub fn conditions(&self, position: usize) -> impl ExactSizeIterator<Item = (usize, &Condition)> {
        self.parents[position].iter().copied().zip(&self.parameters[position].when)
    }

    /// Whether any parameter is conditional.
    pub fn is_conditional(&self) -> bool {
        self.parameters.iter().any(|parameter| !parameter.when.is_empty())
    }

    /// The value of each parameter, in the order of [`parameters`](Self::parameters).
    pub(crate) fn values<'c>(&self, configuration: &'c Configuration) -> Vec<Option<&'c Value>> {
        let mut next = 0;
        let value = |parameter: &Parameter| {
            let value = configuration.get_near(&parameter.name, next);
            next += usize::from(value.is_some());
            value
        };
        self.parameters.iter().map(value).collect()
    }

    /// Which parameters are active given these values, in the order of [`parameters`](Self::parameters).
    pub fn active(&self, configuration: &Configuration) -> Vec<bool> {
        self.active_given(&self.values(configuration))
    }

    pub(crate) fn active_given(&self, values: &[Option<&Value>]) -> Vec<bool> {
        let mut active = Vec::with_capacity(self.len());
        for i in 0..self.len() {
            active.push(self.conditions(i).all(|(parent, condition)| {
                active[parent] && values[parent].is_some_and(|value| condition.values.contains(value))
            }));
        }
        active
    }

    /// Checks that a configuration assigns every active parameter a value of its domain, and nothing else.
    ///
    /// # Errors
    /// The first parameter that is unknown, missing, inactive or out of its domain.
    pub fn validate(&self, configuration: &Configuration) -> Result<(), SpaceError> {
        for (name, _) in configuration.iter() {
            self.parameter(name)?;
        }
        let values = self.values(configuration);
        let active = self.active_given(&values);
        for (i, parameter) in self.parameters.iter().enumerate() {
            let name = || parameter.name.clone();
            match (active[i], values[i]) {
                (true, None) => return Err(SpaceError::Missing { name: name() }),
                (false, Some(_)) => {
                    let reason = self.why_inactive(i, &active, configuration);
                    return Err(SpaceError::Inactive { name: name(), reason });
                }
                (true, Some(value)) if !parameter.domain.contains(value) => {
                    let (value, domain) = (value.clone(), parameter.domain.clone());
                    return Err(SpaceError::OutOfDomain { name: name(), value, domain });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn why_inactive(&self, position: usize, active: &[bool], configuration: &Configuration) -> String {
        for (parent, condition) in self.conditions(position) {
            if !active[parent] {
                return format!("{condition}, but `{}` is not active either", condition.parent);
            }
            match configuration.get(&condition.parent) {
                Some(value) if condition.values.contains(value) => {}
                Some(value) => return format!("{condition}, but it is {value}"),
                None => return format!("{condition}, but it has no value"),
            }
        }
        "has unmet conditions".to_owned()
    }

    /// The configuration as the engine would have written it: in the order of the space, whole numbers of float
    /// parameters as floats, steps hit exactly.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn conform(&self, configuration: &Configuration) -> Result<Configuration, SpaceError> {
        self.validate(configuration)?;
        let mut conformed = Configuration::new();
        for (parameter, name) in self.parameters.iter().zip(&self.names) {
            if let Some(value) = configuration.get(&parameter.name) {
                conformed.set(name.clone(), parameter.domain.conform(value));
            }
        }
        Ok(conformed)
    }

    /// A configuration drawn uniformly: each active parameter uniform on its scale.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Configuration {
        let encoder = Encoder::new(self);
        let row: Vec<f64> = (0..self.len()).map(|i| encoder.column(i).spread(rng.random())).collect();
        encoder.decode(&row)
    }

    /// As [`sample`](Self::sample), from a seed.
    pub fn sample_seeded(&self, seed: u64) -> Configuration {
        self.sample(&mut ChaCha8Rng::seed_from_u64(seed))
    }
}

/// Collects parameters, in any order; checks them once, in [`build`](Self::build).
#[derive(Debug, Clone, Default)]
pub struct SpaceBuilder {
    parameters: Vec<Parameter>,
}

impl SpaceBuilder {
    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Adds a real number in `[low, high]`.
    #[must_use]
    pub fn float(self, name: impl Into<String>, low: f64, high: f64) -> Self {
        self.parameter(Parameter::float(name, low, high))
    }

    /// Adds a real number in `[low, high]` on a logarithmic scale.
    #[must_use]
    pub fn log_float(self, name: impl Into<String>, low: f64, high: f64) -> Self {
        self.parameter(Parameter::log_float(name, low, high))
    }

    /// Adds a whole number in `low..=high`.
    #[must_use]
    pub fn int(self, name: impl Into<String>, low: i64, high: i64) -> Self {
        self.parameter(Parameter::int(name, low, high))
    }

    /// Adds a whole number in `low..=high` on a logarithmic scale.
    #[must_use]
    pub fn log_int(self, name: impl Into<String>, low: i64, high: i64) -> Self {
        self.parameter(Parameter::log_int(name, low, high))
    }

    /// Adds a choice without an order.
    #[must_use]
    pub fn categorical<V: Into<Value>>(
        self,
        name: impl Into<String>,
        choices: impl IntoIterator<Item = V>,
    ) -> Self {
        self.parameter(Parameter::categorical(name, choices))
    }

    /// Adds a choice whose values are given in their order.
    #[must_use]
    pub fn ordinal<V: Into<Value>>(
        self,
        name: impl Into<String>,
        choices: impl IntoIterator<Item = V>,
    ) -> Self {
        self.parameter(Parameter::ordinal(name, choices))
    }

    /// Checks everything and orders the parameters so that parents come first.
    ///
    /// # Errors
    /// The first thing that is wrong, with the parameter and the values.
    pub fn build(self) -> Result<Space, SpaceError> {
        let mut index = HashMap::new();
        for (position, parameter) in self.parameters.iter().enumerate() {
            if parameter.name.is_empty() {
                return Err(SpaceError::EmptyName { position });
            }
            if index.insert(parameter.name.clone(), position).is_some() {
                return Err(SpaceError::DuplicateName { name: parameter.name.clone() });
            }
            parameter.domain.check(&parameter.name)?;
        }
        for parameter in &self.parameters {
            for condition in &parameter.when {
                self.check_condition(parameter, condition, &index)?;
            }
        }
        let order = self.order(&index)?;
        let mut slots: Vec<_> = self.parameters.into_iter().map(Some).collect();
        let parameters: Vec<_> = order.into_iter().filter_map(|i| slots[i].take()).collect();
        let index: HashMap<_, _> = parameters.iter().enumerate().map(|(i, p)| (p.name.clone(), i)).collect();
        let parents = parameters.iter().map(|p| p.when.iter().map(|c| index[&c.parent]).collect()).collect();
        let names = parameters.iter().map(|parameter| parameter.name.as_str().into()).collect();
        Ok(Space { parameters, names, index, parents })
    }

    fn check_condition(
        &self,
        parameter: &Parameter,
        condition: &Condition,
        index: &HashMap<String, usize>,
    ) -> Result<(), SpaceError> {
        let (name, parent) = (parameter.name.clone(), condition.parent.clone());
        let Some(&position) = index.get(&parent) else {
            let others = self.parameters.iter().map(|p| p.name.as_str()).filter(|other| *other != name);
            let suggestion = nearest(&parent, others);
            return Err(SpaceError::UnknownParent { name, parent, suggestion });
        };
        if condition.values.is_empty() {
            return Err(SpaceError::EmptyCondition { name, parent });
        }
        let domain = &self.parameters[position].domain;
        for value in &condition.values {
            // Conditions compare exactly, so the value must be written as the domain writes it.
            let written = domain.cell_of(value).and_then(|cell| domain.cell(cell));
            if !domain.contains(value) || written.is_some_and(|written| written != *value) {
                let (value, domain) = (value.clone(), domain.clone());
                return Err(SpaceError::ImpossibleCondition { name, parent, value, domain });
            }
        }
        Ok(())
    }

    /// Positions with parents before children, otherwise in the given order.
    fn order(&self, index: &HashMap<String, usize>) -> Result<Vec<usize>, SpaceError> {
        let n = self.parameters.len();
        let mut placed = vec![false; n];
        let mut order = Vec::with_capacity(n);
        while order.len() < n {
            let ready = |i: usize| self.parameters[i].when.iter().all(|c| placed[index[&c.parent]]);
            let Some(next) = (0..n).find(|&i| !placed[i] && ready(i)) else {
                // Walk up from any parameter that waits, through parents that wait: the walk must come round.
                let waits = |i: &usize| !placed[*i];
                let mut path: Vec<usize> = (0..n).filter(waits).take(1).collect();
                loop {
                    let last = &self.parameters[path[path.len() - 1]];
                    let Some(up) = last.when.iter().map(|c| index[&c.parent]).find(waits) else {
                        return Err(SpaceError::Cycle { names: vec![last.name.clone()] });
                    };
                    if let Some(start) = path.iter().position(|&i| i == up) {
                        let names = path[start..].iter().map(|&i| self.parameters[i].name.clone()).collect();
                        return Err(SpaceError::Cycle { names });
                    }
                    path.push(up);
                }
            };
            placed[next] = true;
            order.push(next);
        }
        Ok(order)
    }
}

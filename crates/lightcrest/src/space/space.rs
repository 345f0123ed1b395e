//! The space: parameters in an order in which parents come before their children.

use super::constraint::{Breach, Range, Rules};
use super::encode::{Column, Encoder};
use super::error::nearest;
use super::feasible::Feasible;
use super::{Condition, Configuration, Constraint, Parameter, SpaceBuilder, SpaceError, Value};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// The parameters of a study, checked.
///
/// As JSON:
///
/// ```text
/// {"parameters": [{"name": ..., "domain": {...}, "when": [{"parent": ..., "values": [...]}],
///                  "at_least": [...], "at_most": [...]}],
///  "constraints": [...], "fixed": {...}}
/// ```
///
/// where all but names and domains may be left out; see [`Bound`](super::Bound) and [`Constraint`]. Reading
/// it checks it like [`SpaceBuilder::build`]. What is fixed is written as a domain of one value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct Space {
    pub(super) parameters: Vec<Parameter>,
    /// The names again, as configurations share them.
    pub(super) names: Vec<Arc<str>>,
    /// What encoders make of their domains.
    pub(super) columns: Vec<Column>,
    pub(super) index: HashMap<String, usize>,
    /// For each parameter, the position of the parent of each of its conditions.
    pub(super) parents: Vec<Vec<usize>>,
    pub(super) constraints: Vec<Constraint>,
    /// Bounds and constraints, resolved; `None` where there are none.
    pub(super) rules: Option<Arc<Rules>>,
    /// Configurations that satisfy them.
    pub(super) feasible: Option<Arc<Feasible>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    parameters: Vec<Parameter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    constraints: Vec<Constraint>,
    #[serde(default, skip_serializing_if = "Configuration::is_empty")]
    fixed: Configuration,
}

impl TryFrom<Parameters> for Space {
    type Error = SpaceError;

    fn try_from(raw: Parameters) -> Result<Self, SpaceError> {
        let Parameters { parameters, constraints, fixed } = raw;
        SpaceBuilder { parameters, constraints, fixed }.build()
    }
}

impl From<Space> for Parameters {
    fn from(space: Space) -> Self {
        Self { parameters: space.parameters, constraints: space.constraints, fixed: Configuration::new() }
    }
}

impl PartialEq for Space {
    fn eq(&self, other: &Self) -> bool {
        self.parameters == other.parameters && self.constraints == other.constraints
    }
}

impl Space {
    /// Starts a space without parameters.
    pub fn builder() -> SpaceBuilder {
        SpaceBuilder::default()
    }

    /// A space in which nothing varies.
    pub fn empty() -> Self {
        Self {
            parameters: Vec::new(),
            names: Vec::new(),
            columns: Vec::new(),
            index: HashMap::new(),
            parents: Vec::new(),
            constraints: Vec::new(),
            rules: None,
            feasible: None,
        }
    }

    /// The parameters without conditions, as a space of their own: of a space that was discovered, so there
    /// are no constraints.
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

    /// What every configuration has to satisfy, beside the bounds of [parameters](Parameter::at_most).
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// Whether there are constraints, or bounds that depend on other parameters.
    pub fn is_constrained(&self) -> bool {
        self.rules.is_some()
    }

    /// Whether every test of a constraint is here, and not only its name from a file.
    ///
    /// # Errors
    /// The first whose code is missing.
    pub fn check_tests(&self) -> Result<(), SpaceError> {
        match self.constraints.iter().find(|constraint| constraint.is_missing()) {
            Some(constraint) => Err(SpaceError::MissingTest { constraint: constraint.name() }),
            None => Ok(()),
        }
    }

    /// Whether the other one is a copy of this space, which has constraints.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.feasible.as_ref().zip(other.feasible.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// Whether a configuration satisfies all bounds and constraints. Values are not compared with their
    /// domains.
    pub fn is_feasible(&self, configuration: &Configuration) -> bool {
        let Some(rules) = &self.rules else { return true };
        let mut feasible = true;
        rules.judge(&self.constraints, configuration, &self.values(configuration), &mut |_, _| {
            feasible = false;
            false
        });
        feasible
    }

    /// Checks that a configuration satisfies all bounds and constraints.
    ///
    /// # Errors
    /// The first that is broken.
    pub(crate) fn check_rules(&self, configuration: &Configuration) -> Result<(), SpaceError> {
        let Some(rules) = &self.rules else { return Ok(()) };
        let values = self.values(configuration);
        let mut first: Option<Breach> = None;
        rules.judge(&self.constraints, configuration, &values, &mut |breach, _| {
            first = Some(breach);
            false
        });
        match first {
            None => Ok(()),
            Some(breach) => Err(rules.error(breach, &self.parameters, &self.constraints, &values)),
        }
    }

    /// Where the bounds of a parameter leave its values; `None` if none applies.
    pub(super) fn range(&self, position: usize, values: &[Option<Value>]) -> Option<Range> {
        let number = |i: usize| values[i].as_ref().and_then(Value::as_f64);
        self.rules.as_ref()?.range(position, number)
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

    /// Checks that a configuration assigns every active parameter a value of its domain and nothing else, and
    /// satisfies bounds and constraints.
    ///
    /// # Errors
    /// The first parameter that is unknown, missing, inactive or out of its domain, or the first bound or
    /// constraint that is broken.
    pub fn validate(&self, configuration: &Configuration) -> Result<(), SpaceError> {
        self.check_values(configuration)?;
        self.check_rules(configuration)
    }

    /// As [`validate`](Self::validate), without bounds and constraints.
    fn check_values(&self, configuration: &Configuration) -> Result<(), SpaceError> {
        let values = self.values(configuration);
        if values.iter().flatten().count() < configuration.len() {
            for (name, _) in configuration.iter() {
                self.parameter(name)?;
            }
        }
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

    /// The configuration as the engine would have written it: in the order of the space, whole numbers of
    /// float parameters as floats, steps hit exactly.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn conform(&self, configuration: &Configuration) -> Result<Configuration, SpaceError> {
        let conformed = self.conform_values(configuration)?;
        self.check_rules(&conformed)?;
        Ok(conformed)
    }

    /// As [`conform`](Self::conform), whether bounds and constraints are satisfied or not: for trials that
    /// are history.
    pub(crate) fn conform_values(&self, configuration: &Configuration) -> Result<Configuration, SpaceError> {
        self.check_values(configuration)?;
        let mut conformed = Configuration::new();
        for (parameter, name) in self.parameters.iter().zip(&self.names) {
            if let Some(value) = configuration.get(&parameter.name) {
                conformed.set(name.clone(), parameter.domain.conform(value));
            }
        }
        Ok(conformed)
    }

    /// A configuration drawn at random: each active parameter uniform on its scale, between its bounds, and
    /// all of it satisfies the constraints.
    ///
    /// Where few configurations do, it is the end of a random walk among them that begins at one of those
    /// found when the space was built: near to uniform, and as quick as elsewhere.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Configuration {
        let encoder = Encoder::new(self);
        match &self.feasible {
            Some(feasible) => feasible.sample(&encoder, rng),
            None => {
                let uniform: Vec<f64> = (0..self.len()).map(|_| rng.random()).collect();
                encoder.spread(&uniform)
            }
        }
    }

    /// As [`sample`](Self::sample), from a seed.
    pub fn sample_seeded(&self, seed: u64) -> Configuration {
        self.sample(&mut ChaCha8Rng::seed_from_u64(seed))
    }

    /// The part of the configurations that satisfies bounds and constraints, as it was found when the space
    /// was built.
    pub(crate) fn feasible_share(&self) -> f64 {
        self.feasible.as_ref().map_or(1.0, |feasible| feasible.share())
    }
}

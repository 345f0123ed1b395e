//! Collects what a space is made of, and checks it.

use super::constraint::{Rules, other};
use super::error::nearest;
use super::feasible::Feasible;
use super::fix::fix;
use super::{Condition, Configuration, Constraint, Parameter, Space, SpaceError, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Collects parameters, in any order; checks them once, in [`build`](Self::build).
#[derive(Debug, Clone, Default)]
pub struct SpaceBuilder {
    pub(super) parameters: Vec<Parameter>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) fixed: Configuration,
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

    /// Adds something that every configuration has to satisfy.
    #[must_use]
    pub fn constraint(mut self, constraint: Constraint) -> Self {
        self.constraints.push(constraint);
        self
    }

    /// Adds a [test](Constraint::predicate) that every configuration has to pass.
    #[must_use]
    pub fn constrain(
        self,
        name: impl Into<String>,
        test: impl Fn(&Configuration) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.constraint(Constraint::predicate(name, test))
    }

    /// Gives a parameter one value for good: it is in every configuration in which it is active, and what
    /// cannot be active then is no part of the space.
    ///
    /// ```
    /// use lightcrest::space::{Parameter, Space};
    ///
    /// let space = Space::builder()
    ///     .categorical("optimizer", ["sgd", "adam"])
    ///     .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
    ///     .float("dropout", 0.0, 0.5)
    ///     .fix("optimizer", "adam")
    ///     .build()?;
    /// assert_eq!(space.len(), 2);
    /// assert_eq!(space.sample_seeded(0).get_str("optimizer"), Some("adam"));
    /// # Ok::<(), lightcrest::space::SpaceError>(())
    /// ```
    #[must_use]
    pub fn fix(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.fixed.set(name, value);
        self
    }

    /// Checks everything and orders the parameters so that parents come first, and so do parameters that
    /// bound others. With bounds or constraints, it looks for configurations that satisfy them: up to 200,000
    /// are drawn before it gives up.
    ///
    /// # Errors
    /// The first thing that is wrong, with the parameter and the values.
    pub fn build(mut self) -> Result<Space, SpaceError> {
        if !self.fixed.is_empty() {
            let fixed = std::mem::take(&mut self.fixed);
            // Names and values are checked as of the space in which nothing is fixed.
            return fix(&self.checked()?, &fixed);
        }
        let mut space = self.checked()?;
        if space.is_constrained() {
            space.feasible = Some(Arc::new(Feasible::search(&space)?));
        }
        Ok(space)
    }

    /// The space, before it is known whether anything satisfies its constraints.
    fn checked(mut self) -> Result<Space, SpaceError> {
        let mut index = HashMap::new();
        for (position, parameter) in self.parameters.iter_mut().enumerate() {
            if parameter.name.is_empty() {
                return Err(SpaceError::EmptyName { position });
            }
            if index.insert(parameter.name.clone(), position).is_some() {
                return Err(SpaceError::DuplicateName { name: parameter.name.clone() });
            }
            parameter.domain.check(&parameter.name)?;
            parameter.domain = parameter.domain.lowered();
        }
        for parameter in &self.parameters {
            for condition in &parameter.when {
                self.check_condition(parameter, condition, &index)?;
            }
        }
        // Each parameter names those that must come before it.
        let mut before = Vec::with_capacity(self.parameters.len());
        for parameter in &self.parameters {
            let conditions = parameter.when.iter().map(|c| Ok(index[&c.parent]));
            let bounds =
                parameter.bounds().map(|(_, bound)| other(parameter, bound, &self.parameters, &index));
            before.push(conditions.chain(bounds).collect::<Result<Vec<_>, SpaceError>>()?);
        }
        let order = self.order(&before)?;
        let mut slots: Vec<_> = self.parameters.into_iter().map(Some).collect();
        let parameters: Vec<_> = order.into_iter().filter_map(|i| slots[i].take()).collect();
        let index: HashMap<_, _> = parameters.iter().enumerate().map(|(i, p)| (p.name.clone(), i)).collect();
        let parents = parameters.iter().map(|p| p.when.iter().map(|c| index[&c.parent]).collect()).collect();
        let names = parameters.iter().map(|parameter| parameter.name.as_str().into()).collect();
        let columns = parameters.iter().map(|parameter| super::encode::column(&parameter.domain)).collect();
        let constraints = self.constraints;
        let rules = Rules::new(&parameters, &index, &constraints)?.map(Arc::new);
        Ok(Space { parameters, names, columns, index, parents, constraints, rules, feasible: None })
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

    /// Positions with those first that others need, otherwise in the given order.
    fn order(&self, before: &[Vec<usize>]) -> Result<Vec<usize>, SpaceError> {
        let n = self.parameters.len();
        let mut placed = vec![false; n];
        let mut order = Vec::with_capacity(n);
        while order.len() < n {
            let ready = |i: usize| before[i].iter().all(|&other| placed[other]);
            let Some(next) = (0..n).find(|&i| !placed[i] && ready(i)) else {
                // Walk up from any parameter that waits, through those that wait: the walk must come round.
                let waits = |i: &usize| !placed[*i];
                let mut path: Vec<usize> = (0..n).filter(waits).take(1).collect();
                loop {
                    let last = path[path.len() - 1];
                    let up = before[last].iter().copied().find(waits).unwrap_or(last);
                    if let Some(start) = path.iter().position(|&i| i == up) {
                        return Err(self.circle(&path[start..]));
                    }
                    path.push(up);
                }
            };
            placed[next] = true;
            order.push(next);
        }
        Ok(order)
    }

    fn circle(&self, path: &[usize]) -> SpaceError {
        let names = path.iter().map(|&i| self.parameters[i].name.clone()).collect();
        let next = path.iter().skip(1).chain(&path[..1]);
        let conditions = path.iter().zip(next).all(|(&i, &up)| {
            self.parameters[i].when.iter().any(|condition| condition.parent == self.parameters[up].name)
        });
        if conditions { SpaceError::Cycle { names } } else { SpaceError::BoundCycle { names } }
    }
}

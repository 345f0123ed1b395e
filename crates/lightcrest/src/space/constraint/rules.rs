//! Bounds and constraints resolved to positions, and what they say of a configuration.

use super::{Bound, Constraint, Sum};
use crate::space::error::nearest;
use crate::space::{Configuration, Domain, Parameter, SpaceError, Value};
use std::collections::{HashMap, HashSet};

/// What a number may differ by that was computed on another way, as a part of it: 0.1 * 3 is not more than
/// 0.3.
const SLACK: f64 = 1e-9;

/// The bounds and constraints of a space.
#[derive(Debug)]
pub(crate) struct Rules {
    /// For each parameter its bounds. // (d,)
    limits: Vec<Vec<Limit>>,
    /// The terms of each constraint that is a sum.
    sums: Vec<Option<Weighted>>,
    /// The size of each parameter's range, 1 where that is nothing. // (d,)
    widths: Vec<f64>,
}

#[derive(Debug)]
struct Limit {
    /// The position of the parameter that decides.
    other: usize,
    upper: bool,
    bound: Bound,
}

#[derive(Debug)]
struct Weighted {
    terms: Vec<(usize, f64)>,
    sum: Sum,
    /// How much the sum varies over the domains, so that excesses can be compared.
    scale: f64,
}

/// Where bounds leave a parameter its values; the ends are infinite where nothing bounds them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// By how much an end may be missed.
    slack: f64,
}

impl Range {
    fn excess(&self, value: f64) -> f64 {
        (self.low - self.slack - value).max(value - self.high - self.slack)
    }

    /// The ends, moved apart by what rounding may have done.
    pub(crate) fn wide(&self) -> (f64, f64) {
        (self.low - self.slack, self.high + self.slack)
    }
}

/// A rule that a configuration breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breach {
    /// A bound of the parameter at this position.
    Bound(usize),
    /// The constraint at this position.
    Constraint(usize),
}

impl Rules {
    /// Checks bounds and constraints; `None` if there are none.
    pub(crate) fn new(
        parameters: &[Parameter],
        index: &HashMap<String, usize>,
        constraints: &[Constraint],
    ) -> Result<Option<Self>, SpaceError> {
        let mut names = HashSet::new();
        for constraint in constraints {
            let name = constraint.name();
            if name.is_empty() {
                return Err(SpaceError::UnnamedConstraint);
            }
            if !names.insert(name.clone()) {
                return Err(SpaceError::DuplicateConstraint { constraint: name });
            }
        }
        if constraints.is_empty() && parameters.iter().all(|p| p.bounds().next().is_none()) {
            return Ok(None);
        }
        let limits = parameters.iter().map(|parameter| limits(parameter, parameters, index));
        let limits = limits.collect::<Result<_, _>>()?;
        let sums = constraints.iter().map(|constraint| weighted(constraint, parameters, index));
        let sums = sums.collect::<Result<_, _>>()?;
        let width = |parameter: &Parameter| match parameter.domain.ends() {
            Some((low, high)) if high > low => high - low,
            _ => 1.0,
        };
        Ok(Some(Self { limits, sums, widths: parameters.iter().map(width).collect() }))
    }

    /// Where the bounds of parameter `i` leave its values; `None` where no bound applies.
    pub(crate) fn range(&self, i: usize, value: impl Fn(usize) -> Option<f64>) -> Option<Range> {
        let mut range: Option<Range> = None;
        for Limit { other, upper, bound } in &self.limits[i] {
            let Some(other) = value(*other) else { continue };
            let range =
                range.get_or_insert(Range { low: f64::NEG_INFINITY, high: f64::INFINITY, slack: 0.0 });
            let end = bound.at(other);
            range.slack = range.slack.max(SLACK * ((bound.factor * other).abs() + bound.offset.abs()));
            match upper {
                true => range.high = range.high.min(end),
                false => range.low = range.low.max(end),
            }
        }
        range
    }

    /// Tells `each` of the rules that a configuration breaks and by how much, in parts of what varies and 1
    /// for a test, until it says `false`.
    pub(crate) fn judge(
        &self,
        constraints: &[Constraint],
        configuration: &Configuration,
        values: &[Option<&Value>],
        each: &mut dyn FnMut(Breach, f64) -> bool,
    ) {
        let number = |i: usize| values[i].and_then(Value::as_f64);
        for i in (0..self.limits.len()).filter(|&i| !self.limits[i].is_empty()) {
            let Some(excess) = number(i).zip(self.range(i, number)).map(|(value, range)| range.excess(value))
            else {
                continue;
            };
            if excess > 0.0 && !each(Breach::Bound(i), excess / self.widths[i]) {
                return;
            }
        }
        for (k, (constraint, sum)) in constraints.iter().zip(&self.sums).enumerate() {
            let excess = match sum {
                Some(sum) => sum.excess(&number).1,
                None => f64::from(constraint.test().is_some_and(|test| !test(configuration))),
            };
            if excess > 0.0 && !each(Breach::Constraint(k), excess) {
                return;
            }
        }
    }

    /// A breach in words.
    pub(crate) fn error(
        &self,
        breach: Breach,
        parameters: &[Parameter],
        constraints: &[Constraint],
        values: &[Option<&Value>],
    ) -> SpaceError {
        let number = |i: usize| values[i].and_then(Value::as_f64);
        match breach {
            Breach::Bound(i) => {
                let name = parameters[i].name.clone();
                let value = values[i].cloned().unwrap_or(Value::Null);
                let found = number(i).unwrap_or(f64::NAN);
                let broken = |limit: &&Limit| {
                    let Some(other) = number(limit.other) else { return false };
                    let end = limit.bound.at(other);
                    if limit.upper { found > end } else { found < end }
                };
                let Some(limit) = self.limits[i].iter().find(broken) else {
                    return SpaceError::BrokenConstraint { constraint: name };
                };
                let end = limit.bound.at(number(limit.other).unwrap_or(f64::NAN));
                SpaceError::BrokenBound {
                    name,
                    side: side(limit.upper),
                    bound: Box::new(limit.bound.clone()),
                    end,
                    value,
                }
            }
            Breach::Constraint(k) => match &self.sums[k] {
                Some(sum) => SpaceError::BrokenSum {
                    constraint: constraints[k].name(),
                    sum: constraints[k].to_string(),
                    found: sum.excess(&number).0,
                },
                None => SpaceError::BrokenConstraint { constraint: constraints[k].name() },
            },
        }
    }
}

impl Weighted {
    /// The sum, and by how much it is beyond its limits, as a part of its scale.
    fn excess(&self, number: &dyn Fn(usize) -> Option<f64>) -> (f64, f64) {
        let (mut found, mut size) = (0.0, 0.0);
        for (i, factor) in &self.terms {
            let term = factor * number(*i).unwrap_or(0.0);
            found += term;
            size += term.abs();
        }
        let over = |limit: f64, by: f64| by - SLACK * (size + limit.abs());
        let above = self.sum.at_most.map_or(0.0, |limit| over(limit, found - limit));
        let below = self.sum.at_least.map_or(0.0, |limit| over(limit, limit - found));
        (found, above.max(below).max(0.0) / self.scale)
    }
}

fn side(upper: bool) -> &'static str {
    if upper { "at most" } else { "at least" }
}

/// The bounds of a parameter, checked.
fn limits(
    parameter: &Parameter,
    parameters: &[Parameter],
    index: &HashMap<String, usize>,
) -> Result<Vec<Limit>, SpaceError> {
    let name = || parameter.name.clone();
    let mut limits = Vec::new();
    for (upper, bound) in parameter.bounds() {
        let side = side(upper);
        let other = other(parameter, bound, parameters, index)?;
        if !(bound.factor.is_finite() && bound.factor != 0.0 && bound.offset.is_finite()) {
            return Err(SpaceError::InvalidBound { name: name(), bound: Box::new(bound.clone()) });
        }
        let domain = |i: usize| parameters[i].domain.clone();
        let Some((low, high)) = parameter.domain.ends() else {
            return Err(SpaceError::BoundKind {
                name: name(),
                side,
                of: name(),
                domain: parameter.domain.clone(),
            });
        };
        let Some((from, to)) = parameters[other].domain.ends() else {
            let of = bound.parameter.clone();
            return Err(SpaceError::BoundKind { name: name(), side, of, domain: domain(other) });
        };
        // The bound where it leaves most.
        let (a, b) = (bound.at(from), bound.at(to));
        let end = if upper { a.max(b) } else { a.min(b) };
        let slack = SLACK * (a.abs() + b.abs() + bound.offset.abs());
        if (upper && end < low - slack) || (!upper && end > high + slack) {
            let domain = parameter.domain.clone();
            return Err(SpaceError::EmptyBound {
                name: name(),
                side,
                bound: Box::new(bound.clone()),
                end,
                domain,
            });
        }
        limits.push(Limit { other, upper, bound: bound.clone() });
    }
    Ok(limits)
}

/// The position of the parameter that a bound depends on.
pub(crate) fn other(
    parameter: &Parameter,
    bound: &Bound,
    parameters: &[Parameter],
    index: &HashMap<String, usize>,
) -> Result<usize, SpaceError> {
    index.get(&bound.parameter).copied().ok_or_else(|| {
        let others = parameters.iter().map(|p| p.name.as_str()).filter(|other| *other != parameter.name);
        let suggestion = nearest(&bound.parameter, others);
        SpaceError::UnknownBound { name: parameter.name.clone(), other: bound.parameter.clone(), suggestion }
    })
}

/// The terms of a sum, checked; `None` for a test.
fn weighted(
    constraint: &Constraint,
    parameters: &[Parameter],
    index: &HashMap<String, usize>,
) -> Result<Option<Weighted>, SpaceError> {
    let Some(sum) = constraint.as_sum() else { return Ok(None) };
    let constraint = || constraint.name();
    let (mut terms, mut scale) = (Vec::with_capacity(sum.terms.len()), 0.0);
    for (name, factor) in &sum.terms {
        let Some(&i) = index.get(name) else {
            let suggestion = nearest(name, parameters.iter().map(|p| p.name.as_str()));
            return Err(SpaceError::UnknownTerm { constraint: constraint(), name: name.clone(), suggestion });
        };
        let Some((low, high)) = parameters[i].domain.ends() else {
            let domain: Domain = parameters[i].domain.clone();
            return Err(SpaceError::TermKind { constraint: constraint(), name: name.clone(), domain });
        };
        if !factor.is_finite() {
            return Err(SpaceError::InvalidFactor {
                constraint: constraint(),
                name: name.clone(),
                factor: *factor,
            });
        }
        terms.push((i, *factor));
        scale += factor.abs() * (high - low);
    }
    let limits = [sum.at_least, sum.at_most];
    if let Some(limit) = limits.iter().flatten().find(|limit| !limit.is_finite()) {
        return Err(SpaceError::InvalidLimit { constraint: constraint(), limit: *limit });
    }
    match limits {
        [None, None] => Err(SpaceError::NoLimit { constraint: constraint() }),
        [Some(low), Some(high)] if low > high => {
            Err(SpaceError::ReversedLimits { constraint: constraint(), low, high })
        }
        _ => Ok(Some(Weighted { terms, sum: sum.clone(), scale: if scale > 0.0 { scale } else { 1.0 } })),
    }
}

//! What can be wrong with a space or with a configuration.

use super::{Bound, Domain, Value};

/// A space that cannot be, or a configuration that is not of its space.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum SpaceError {
    #[error("a parameter needs a name, but number {position} has an empty one")]
    EmptyName { position: usize },
    #[error("parameter names must differ, but `{name}` is there twice")]
    DuplicateName { name: String },
    #[error("parameter `{name}`: `low <= high` must hold, but got low = {low}, high = {high}")]
    ReversedBounds { name: String, low: Value, high: Value },
    #[error("parameter `{name}`: bounds must be finite, but got low = {low}, high = {high}")]
    NonFiniteBounds { name: String, low: f64, high: f64 },
    #[error("parameter `{name}`: a logarithmic scale needs `low > 0`, but got low = {low}")]
    LogNotPositive { name: String, low: Value },
    #[error("parameter `{name}`: `step > 0` must hold, but got step = {step}")]
    InvalidStep { name: String, step: Value },
    #[error("parameter `{name}`: a step ({step}) and a logarithmic scale exclude each other")]
    LogWithStep { name: String, step: Value },
    #[error("parameter `{name}`: at most 2^53 steps of a float are possible, but {low} to {high} holds more")]
    TooWide { name: String, low: Value, high: Value },
    #[error("parameter `{name}`: at least one choice is needed, but the list is empty")]
    EmptyChoices { name: String },
    #[error("parameter `{name}`: choices must differ, but {choice} is there twice")]
    DuplicateChoice { name: String, choice: Value },
    #[error("parameter `{name}`: choices must be finite, but one is {choice}")]
    NonFiniteChoice { name: String, choice: Value },
    #[error("parameter `{name}`: `when` names the unknown parameter `{parent}`{}", hint(.suggestion))]
    UnknownParent { name: String, parent: String, suggestion: Option<String> },
    #[error("parameter `{name}`: `when` needs at least one value of `{parent}`, but the list is empty")]
    EmptyCondition { name: String, parent: String },
    #[error("parameter `{name}`: `when` waits for `{parent}` to be {value}, but it can only be {domain}")]
    ImpossibleCondition { name: String, parent: String, value: Value, domain: Domain },
    #[error("conditions must not form a circle, but {} do", quoted(.names))]
    Cycle { names: Vec<String> },
    #[error(
        "bounds and conditions must not form a circle, but {} do: state one of the bounds as a constraint instead",
        quoted(.names)
    )]
    BoundCycle { names: Vec<String> },
    #[error("parameter `{name}`: a bound names the unknown parameter `{other}`{}", hint(.suggestion))]
    UnknownBound { name: String, other: String, suggestion: Option<String> },
    #[error(
        "parameter `{name}`: the bound {bound} needs a factor that is finite and not 0, and a finite offset, but they are {} \
         and {}", .bound.factor, .bound.offset
    )]
    InvalidBound { name: String, bound: Box<Bound> },
    #[error(
        "parameter `{name}`: \"{side}\" compares numbers, but `{of}` is {domain}; numbers are floats, ints and ordered \
         choices of ascending numbers"
    )]
    BoundKind { name: String, side: &'static str, of: String, domain: Domain },
    #[error(
        "parameter `{name}`: it must be {side} {bound}, which is {side} {end}, but it is {domain}: no value is left"
    )]
    EmptyBound { name: String, side: &'static str, bound: Box<Bound>, end: f64, domain: Domain },

    #[error("a constraint that is a test needs a name, but one has an empty one")]
    UnnamedConstraint,
    #[error("names of constraints must differ, but `{constraint}` is there twice")]
    DuplicateConstraint { constraint: String },
    #[error("constraint `{constraint}`: it must have either a `sum` with limits or `predicate = true`")]
    UnclearConstraint { constraint: String },
    #[error("constraint `{constraint}`: there is no parameter `{name}`{}", hint(.suggestion))]
    UnknownTerm { constraint: String, name: String, suggestion: Option<String> },
    #[error(
        "constraint `{constraint}`: a sum is of numbers, but `{name}` is {domain}; numbers are floats, ints and ordered \
         choices of ascending numbers"
    )]
    TermKind { constraint: String, name: String, domain: Domain },
    #[error("constraint `{constraint}`: factors must be finite, but that of `{name}` is {factor}")]
    InvalidFactor { constraint: String, name: String, factor: f64 },
    #[error("constraint `{constraint}`: limits must be finite, but one is {limit}")]
    InvalidLimit { constraint: String, limit: f64 },
    #[error("constraint `{constraint}`: a sum needs a limit, `at_most` or `at_least`, but has none")]
    NoLimit { constraint: String },
    #[error(
        "constraint `{constraint}`: `at_least <= at_most` must hold, but got at_least = {low}, at_most = {high}"
    )]
    ReversedLimits { constraint: String, low: f64, high: f64 },
    #[error(
        "no configuration was found that satisfies the constraints: of {draws} that were drawn, {broken} break {rule}, more \
         than any other; loosen it, or widen the domains that it is about"
    )]
    Infeasible { draws: usize, broken: usize, rule: String },
    #[error(
        "the test of constraint `{constraint}` is not here: it is code, which no file and no database keeps; make the study with \
         the space that has it"
    )]
    MissingTest { constraint: String },
    #[error(
        "parameter `{name}` was {known}, but is now asked for as {asked}: ranges may change, kinds, scales and choices may \
         not; give it another name"
    )]
    ChangedDomain { name: String, known: Domain, asked: Domain },
    #[error("parameter `{name}` is declared as {declared}, but is asked for as {asked}")]
    OtherDomain { name: String, declared: Domain, asked: Domain },

    #[error("parameter `{name}` has no value, but it is active here")]
    Missing { name: String },
    #[error("parameter `{name}` is not active here: it {reason}")]
    Inactive { name: String, reason: String },
    #[error("there is no parameter `{name}`{}", hint(.suggestion))]
    UnknownParameter { name: String, suggestion: Option<String> },
    #[error("parameter `{name}` must be {domain}, but got {value}")]
    OutOfDomain { name: String, value: Value, domain: Domain },
    #[error("parameter `{name}` must be {side} {bound} = {end}, but got {value}")]
    BrokenBound { name: String, side: &'static str, bound: Box<Bound>, end: f64, value: Value },
    #[error("constraint `{constraint}` is broken: {sum} must hold, but the sum is {found}")]
    BrokenSum { constraint: String, sum: String, found: f64 },
    #[error("constraint `{constraint}` is broken: its test rejects the configuration")]
    BrokenConstraint { constraint: String },
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The candidate that reads most like `name`, if one is close enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

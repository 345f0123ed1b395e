//! What rejects a configuration before it is evaluated: sums with limits, and tests written as code.
//!
//! Bounds that depend on another parameter belong to the parameter that they bound ([`Bound`]). `rules` holds
//! all of them resolved to positions and judges configurations.

mod bound;
mod rules;

pub use bound::Bound;
pub(crate) use rules::{Breach, Range, Rules, other};

use super::{Configuration, SpaceError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A test of a configuration, written as code.
pub(crate) type Test = Arc<dyn Fn(&Configuration) -> bool + Send + Sync>;

/// Something that every configuration has to satisfy: a weighted sum of parameters within limits, or a test.
///
/// ```
/// use lightcrest::space::{Constraint, Space};
///
/// let space = Space::builder()
///     .float("a", 0.0, 1.0)
///     .float("b", 0.0, 1.0)
///     .constraint(Constraint::sum([("a", 1.0), ("b", 2.0)]).at_most(0.5).named("budget"))
///     .constrain("off the diagonal", |configuration| configuration.get("a") != configuration.get("b"))
///     .build()?;
/// assert!(space.validate(&space.sample_seeded(0)).is_ok());
///
/// let refused = [("a", 0.3), ("b", 0.2)].into_iter().collect();
/// assert_eq!(
///     space.validate(&refused).unwrap_err().to_string(),
///     "constraint `budget` is broken: a + 2 b <= 0.5 must hold, but the sum is 0.7"
/// );
/// # Ok::<(), lightcrest::space::SpaceError>(())
/// ```
///
/// A parameter that is not active adds nothing to a sum, and is absent where a test asks for it.
///
/// As JSON: `{"name": ..., "sum": {"a": 1, "b": 2}, "at_least": ..., "at_most": ...}`, where only the sum and
/// one of the limits are needed. Of a test only the name is kept, as `{"name": ..., "predicate": true}`: code
/// is in no file. Two tests of one name count as equal, and a study does not go on before it is given a space
/// that has its tests.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Constraint {
    name: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Sum(Sum),
    /// `None` where it was read from a file.
    Predicate(Option<Test>),
}

/// A weighted sum and its limits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sum {
    pub(crate) terms: BTreeMap<String, f64>,
    pub(crate) at_least: Option<f64>,
    pub(crate) at_most: Option<f64>,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sum(a), Self::Sum(b)) => a == b,
            // Code cannot be compared: the name stands for it.
            (Self::Predicate(_), Self::Predicate(_)) => true,
            _ => false,
        }
    }
}

impl Constraint {
    /// The sum of numeric parameters, each times its factor; to be followed by [`at_most`](Self::at_most) or
    /// [`at_least`](Self::at_least).
    pub fn sum<N: Into<String>>(terms: impl IntoIterator<Item = (N, f64)>) -> Self {
        let mut sum = BTreeMap::new();
        for (name, factor) in terms {
            *sum.entry(name.into()).or_insert(0.0) += factor;
        }
        let kind = Kind::Sum(Sum { terms: sum, at_least: None, at_most: None });
        Self { name: String::new(), kind }
    }

    /// A test: `false` rejects the configuration. It must say the same of the same configuration each time,
    /// and be quick: samplers ask it hundreds of times for one proposal.
    pub fn predicate(
        name: impl Into<String>,
        test: impl Fn(&Configuration) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), kind: Kind::Predicate(Some(Arc::new(test))) }
    }

    /// The largest sum. Without effect on a test.
    #[must_use]
    pub fn at_most(mut self, limit: f64) -> Self {
        if let Kind::Sum(sum) = &mut self.kind {
            sum.at_most = Some(limit);
        }
        self
    }

    /// The smallest sum. Without effect on a test.
    #[must_use]
    pub fn at_least(mut self, limit: f64) -> Self {
        if let Kind::Sum(sum) = &mut self.kind {
            sum.at_least = Some(limit);
        }
        self
    }

    /// The constraint under another name. A sum needs none: it is called by what it says.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What it is called.
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Sum(sum) if self.name.is_empty() => sum.to_string(),
            _ => self.name.clone(),
        }
    }

    /// Whether it is a test whose code is not here, because it was read from a file or a database.
    pub fn is_missing(&self) -> bool {
        matches!(self.kind, Kind::Predicate(None))
    }

    pub(crate) fn as_sum(&self) -> Option<&Sum> {
        match &self.kind {
            Kind::Sum(sum) => Some(sum),
            Kind::Predicate(_) => None,
        }
    }

    pub(crate) fn test(&self) -> Option<&Test> {
        match &self.kind {
            Kind::Sum(_) => None,
            Kind::Predicate(test) => test.as_ref(),
        }
    }

    /// The constraint without a parameter that never is active; `None` if nothing is left.
    pub(crate) fn without(mut self, gone: &dyn Fn(&str) -> bool) -> Option<Self> {
        let name = self.name();
        if let Kind::Sum(sum) = &mut self.kind {
            let before = sum.terms.len();
            sum.terms.retain(|term, _| !gone(term));
            if sum.terms.len() < before {
                // Nothing may be too much or too little as well; then the sum stays, and no configuration
                // satisfies it.
                let within = sum.at_least.is_none_or(|l| l <= 0.0) && sum.at_most.is_none_or(|l| l >= 0.0);
                if sum.terms.is_empty() && within {
                    return None;
                }
                self.name = name;
            }
        }
        Some(self)
    }
}

/// Reads as a statement: `a + 2 b <= 0.5`; of a test, its name.
impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Sum(sum) => write!(f, "{sum}"),
            Kind::Predicate(_) => f.write_str(&self.name),
        }
    }
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.kind {
            Kind::Sum(sum) => sum.to_string(),
            Kind::Predicate(Some(_)) => "a test".to_owned(),
            Kind::Predicate(None) => "a test that is not here".to_owned(),
        };
        write!(f, "Constraint({:?}: {what})", self.name)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(limit) = self.at_least.filter(|_| self.at_most.is_some()) {
            write!(f, "{limit} <= ")?;
        }
        if self.terms.is_empty() {
            f.write_str("0")?;
        }
        for (i, (name, factor)) in self.terms.iter().enumerate() {
            match (i, *factor < 0.0) {
                (0, false) => {}
                (0, true) => f.write_str("-")?,
                (_, false) => f.write_str(" + ")?,
                (_, true) => f.write_str(" - ")?,
            }
            match factor.abs() {
                1.0 => write!(f, "{name}")?,
                factor => write!(f, "{factor} {name}")?,
            }
        }
        match (self.at_least, self.at_most) {
            (_, Some(limit)) => write!(f, " <= {limit}"),
            (Some(limit), None) => write!(f, " >= {limit}"),
            (None, None) => Ok(()),
        }
    }
}

/// A constraint as files have it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<BTreeMap<String, f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    predicate: bool,
}

impl TryFrom<Written> for Constraint {
    type Error = SpaceError;

    fn try_from(written: Written) -> Result<Self, SpaceError> {
        let Written { name, sum, at_least, at_most, predicate } = written;
        let kind = match (sum, predicate) {
            (Some(terms), false) => Kind::Sum(Sum { terms, at_least, at_most }),
            (None, true) if at_least.is_none() && at_most.is_none() => Kind::Predicate(None),
            _ => return Err(SpaceError::UnclearConstraint { constraint: name }),
        };
        Ok(Self { name, kind })
    }
}

impl From<Constraint> for Written {
    fn from(Constraint { name, kind }: Constraint) -> Self {
        match kind {
            Kind::Sum(Sum { terms, at_least, at_most }) => {
                Self { name, sum: Some(terms), at_least, at_most, predicate: false }
            }
            Kind::Predicate(_) => Self { name, sum: None, at_least: None, at_most: None, predicate: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_reads_like_a_formula() {
        let sum = Constraint::sum([("b", 2.0), ("a", 1.0), ("b", -3.0)]).at_most(4.0);
        assert_eq!(sum.to_string(), "a - b <= 4");
        assert_eq!(sum.name(), "a - b <= 4");
        assert_eq!(sum.clone().at_least(-0.5).to_string(), "-0.5 <= a - b <= 4");
        assert_eq!(sum.named("budget").name(), "budget");
        assert_eq!(Constraint::sum([("x", -1.5)]).at_least(0.0).to_string(), "-1.5 x >= 0");
    }

    #[test]
    fn json_keeps_sums_whole_and_of_tests_the_name() {
        let sum = Constraint::sum([("a", 1.0), ("b", 2.5)]).at_least(0.0).at_most(3.0).named("budget");
        let json = r#"{"name":"budget","sum":{"a":1.0,"b":2.5},"at_least":0.0,"at_most":3.0}"#;
        assert_eq!(serde_json::to_string(&sum).unwrap(), json);
        assert_eq!(serde_json::from_str::<Constraint>(json).unwrap(), sum);

        let test = Constraint::predicate("even", |_| true);
        let json = r#"{"name":"even","predicate":true}"#;
        assert_eq!(serde_json::to_string(&test).unwrap(), json);
        let read: Constraint = serde_json::from_str(json).unwrap();
        assert_eq!(read, test);
        assert!(read.is_missing() && !test.is_missing());

        for wrong in [r#"{"name":"x"}"#, r#"{"sum":{"a":1},"at_most":1,"predicate":true}"#] {
            assert!(serde_json::from_str::<Constraint>(wrong).is_err(), "{wrong}");
        }
    }
}

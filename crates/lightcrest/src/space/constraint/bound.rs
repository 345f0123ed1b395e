//! A bound that depends on another parameter.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Mul, Sub};

/// `factor * parameter + offset`: how large another parameter lets one be, or how small.
///
/// ```
/// use lightcrest::space::{Bound, Parameter, Space};
///
/// let space = Space::builder()
///     .int("image_size", 8, 64)
///     .int("groups", 1, 8)
///     .parameter(Parameter::int("kernel", 1, 99).at_most("image_size"))
///     .parameter(Parameter::int("channels", 1, 64).at_least(Bound::of("groups") * 2.0 + 1.0))
///     .build()?;
///
/// let drawn = space.sample_seeded(0);
/// assert!(drawn.get_i64("kernel") <= drawn.get_i64("image_size"));
/// assert!(drawn.get_i64("channels") >= drawn.get_i64("groups").map(|groups| 2 * groups + 1));
/// # Ok::<(), lightcrest::space::SpaceError>(())
/// ```
///
/// Where the other parameter is not active, the bound does not apply. As JSON it is a name, or
/// `{"parameter": ..., "factor": ..., "offset": ...}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Bound {
    /// The other parameter.
    pub parameter: String,
    /// What its value is multiplied with.
    pub factor: f64,
    /// What is added.
    pub offset: f64,
}

impl Bound {
    /// The value of another parameter.
    pub fn of(parameter: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), factor: 1.0, offset: 0.0 }
    }

    /// The bound, where the other parameter has this value.
    pub(crate) fn at(&self, other: f64) -> f64 {
        self.factor * other + self.offset
    }
}

impl<S: Into<String>> From<S> for Bound {
    fn from(parameter: S) -> Self {
        Self::of(parameter)
    }
}

impl Mul<f64> for Bound {
    type Output = Self;

    fn mul(self, by: f64) -> Self {
        Self { factor: self.factor * by, offset: self.offset * by, ..self }
    }
}

impl Add<f64> for Bound {
    type Output = Self;

    fn add(self, more: f64) -> Self {
        Self { offset: self.offset + more, ..self }
    }
}

impl Sub<f64> for Bound {
    type Output = Self;

    fn sub(self, less: f64) -> Self {
        Self { offset: self.offset - less, ..self }
    }
}

/// Reads as the end of "at most ...": `` `groups` ``, ``2 * `groups` + 1``.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.factor != 1.0 {
            write!(f, "{} * ", self.factor)?;
        }
        write!(f, "`{}`", self.parameter)?;
        match self.offset {
            0.0 => Ok(()),
            less if less < 0.0 => write!(f, " - {}", -less),
            more => write!(f, " + {more}"),
        }
    }
}

/// A bound as files have it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Scaled(Scaled),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scaled {
    parameter: String,
    #[serde(default = "one")]
    factor: f64,
    #[serde(default)]
    offset: f64,
}

fn one() -> f64 {
    1.0
}

impl From<Written> for Bound {
    fn from(written: Written) -> Self {
        match written {
            Written::Name(parameter) => Self::of(parameter),
            Written::Scaled(Scaled { parameter, factor, offset }) => Self { parameter, factor, offset },
        }
    }
}

impl From<Bound> for Written {
    fn from(Bound { parameter, factor, offset }: Bound) -> Self {
        match factor == 1.0 && offset == 0.0 {
            true => Self::Name(parameter),
            false => Self::Scaled(Scaled { parameter, factor, offset }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_written_as_it_is_said() {
        let bound = (Bound::of("groups") + 1.0) * 2.0 - 3.0;
        assert_eq!(bound, Bound { parameter: "groups".into(), factor: 2.0, offset: -1.0 });
        assert_eq!(bound.to_string(), "2 * `groups` - 1");
        assert_eq!(Bound::from("size").to_string(), "`size`");
        for (bound, json) in [
            (Bound::of("size"), r#""size""#),
            (Bound::of("size") * 0.5, r#"{"parameter":"size","factor":0.5,"offset":0.0}"#),
        ] {
            assert_eq!(serde_json::to_string(&bound).unwrap(), json);
            assert_eq!(serde_json::from_str::<Bound>(json).unwrap(), bound);
        }
        let short: Bound = serde_json::from_str(r#"{"parameter":"size","offset":2}"#).unwrap();
        assert_eq!(short, Bound::of("size") + 2.0);
        assert!(serde_json::from_str::<Bound>(r#"{"parameter":"size","add":2}"#).is_err());
    }
}

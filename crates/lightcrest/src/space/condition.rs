//! When a parameter exists.

use super::{Choices, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Holds where `parent` is active and has one of `values`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The name of the parameter that decides.
    pub parent: String,
    /// The values of the parent under which the child exists.
    pub values: Choices,
}

impl Condition {
    /// "`parent` has one of `values`".
    pub fn new<V: Into<Value>>(parent: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        Self { parent: parent.into(), values: values.into_iter().map(Into::into).collect() }
    }
}

/// Reads as the end of a sentence: ``needs `optimizer` to be "sgd" or "adam"``.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "needs `{}` to be ", self.parent)?;
        for (i, value) in self.values.iter().enumerate() {
            match i {
                0 => write!(f, "{value}")?,
                _ if i + 1 == self.values.len() => write!(f, " or {value}")?,
                _ => write!(f, ", {value}")?,
            }
        }
        Ok(())
    }
}

//! Bounds on metrics.

use std::ops::Range;

use toml::de::DeTable;

use crate::diagnostic::{Errors, Problem};
use crate::document::real;
use crate::tree::Group;

/// A bound on a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstraintSpec {
    /// Name of the metric.
    pub metric: String,
    /// Largest value allowed.
    pub max: Option<f64>,
    /// Smallest value allowed.
    pub min: Option<f64>,
    /// Whether it is checked before any training.
    pub before: bool,
}

impl ConstraintSpec {
    /// How far a value breaks the bounds: zero or less when it keeps them.
    pub fn excess(&self, value: f64) -> f64 {
        let above = self.max.map_or(f64::NEG_INFINITY, |max| value - max);
        let below = self.min.map_or(f64::NEG_INFINITY, |min| min - value);
        above.max(below)
    }

    /// What is wrong with a value that breaks the bounds.
    pub fn violation(&self, value: f64) -> Option<String> {
        let Self { metric, .. } = self;
        match (self.max.filter(|max| value > *max), self.min.filter(|min| value < *min)) {
            (Some(max), _) => Some(format!("{metric} = {value} exceeds {max}")),
            (None, Some(min)) => Some(format!("{metric} = {value} is below {min}")),
            _ => None,
        }
    }
}

/// `max` and `min` of a constraint.
pub fn bounds(
    errors: &mut Errors,
    group: &Group,
    table: &DeTable<'_>,
    place: Range<usize>,
    metric: &str,
) -> (Option<f64>, Option<f64>) {
    let (max, min) = (real(group, "max"), real(group, "min"));
    match (max, min) {
        (None, None) if !table.contains_key("max") && !table.contains_key("min") => {
            let reason = format!("the constraint on {metric} needs `max` or `min`");
            errors.push(place, Problem::Invalid { reason });
        }
        (Some(max), Some(min)) if min > max => {
            let (low, high) = (format!("{min} (min)"), format!("{max} (max)"));
            errors.push(place, Problem::ReversedBounds { key: metric.into(), low, high });
        }
        _ => {}
    }
    (max, min)
}

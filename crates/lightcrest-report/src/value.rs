//! Values as pages and texts show them.

use lightcrest::objective::Direction;
use lightcrest::space::{Configuration, Domain, Value};
use serde_json::Value as Json;

use crate::data::{Parameter, Scale};

/// A configuration as `name=value` pairs.
pub fn pairs(configuration: &Configuration) -> String {
    let pair = |(name, value): (&str, &Value)| {
        let value = value.to_string();
        format!("{name}={}", value.trim_matches('"'))
    };
    configuration.iter().map(pair).collect::<Vec<_>>().join(" ")
}

/// The direction as the page's scripts know it.
pub(crate) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimize => "minimize",
        Direction::Maximize => "maximize",
    }
}

/// Seven digits are more than a chart shows, and keep the page small.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}

/// A value of a parameter for the page.
pub(crate) fn json(value: &Value) -> Json {
    match value {
        Value::Float(number) => serde_json::json!(rounded(*number)),
        // `null` alone would say that the parameter is inactive.
        Value::Null => Json::from("null"),
        Value::Int(number) if number.unsigned_abs() > EXACT => Json::String(number.to_string()),
        other => serde_json::to_value(other).unwrap_or(Json::Null),
    }
}

/// JavaScript's numbers are exact up to here.
const EXACT: u64 = 1 << 53;

/// A parameter of the space for the page.
pub(crate) fn parameter(parameter: &lightcrest::space::Parameter) -> Parameter {
    let (scale, low, high, choices) = match &parameter.domain {
        Domain::Float { low, high, log, .. } => (numeric(*log), Some(*low), Some(*high), &[][..]),
        Domain::Int { low, high, log, .. } => (numeric(*log), Some(*low as f64), Some(*high as f64), &[][..]),
        Domain::Categorical { choices, .. } => (Scale::Categorical, None, None, &choices[..]),
    };
    let choices = choices.iter().map(json).collect();
    Parameter { name: parameter.name.clone(), scale, low, high, choices }
}

fn numeric(log: bool) -> Scale {
    if log { Scale::Log } else { Scale::Linear }
}

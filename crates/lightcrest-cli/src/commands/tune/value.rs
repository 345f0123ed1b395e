//! One object of metrics: what its values are, before anything is made of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

/// The key that makes a line a report.
const STEP: &str = "step";

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) step: Option<Value>,
    pub(super) metrics: BTreeMap<String, Value>,
}

/// What a metric was set to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    /// Anything else, as it was written, or what it is.
    Other(String),
}

impl Line {
    /// From an object.
    pub(super) fn new(object: Map<String, Json>) -> Self {
        let mut metrics: BTreeMap<String, Value> =
            object.into_iter().map(|(name, value)| (name, Value::new(value))).collect();
        let step = metrics.remove(STEP);
        Self { step, metrics }
    }
}

#[cfg(test)]
impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |value: &Value| match value {
            Value::Number(number) => number.to_string(),
            Value::Other(text) => text.clone(),
        };
        if let Some(step) = &self.step {
            write!(f, "{}:", text(step))?;
        }
        let metrics = self.metrics.iter().map(|(name, value)| format!("{name}={}", text(value)));
        f.write_str(&metrics.collect::<Vec<_>>().join(","))
    }
}

impl Value {
    fn new(json: Json) -> Self {
        match json {
            Json::Number(number) => number.as_f64().map_or(Self::Other(number.to_string()), Self::Number),
            // A number that no `f64` holds may have hundreds of digits.
            Json::String(text) => Self::Other(shortened(&text, 1000)),
            // As long as a history may be: what is in it matters to nobody.
            Json::Array(_) => Self::Other("a list".into()),
            Json::Object(_) => Self::Other("an object".into()),
            other => Self::Other(other.to_string()),
        }
    }

    /// The number, if it is one.
    pub(super) fn number(&self, name: &str) -> Result<f64, String> {
        let text = match self {
            Self::Number(number) if number.is_finite() => return Ok(*number),
            Self::Number(number) => number.to_string(),
            Self::Other(text) => text.clone(),
        };
        let too_large = text.parse().is_ok_and(f64::is_infinite) && text.contains(char::is_numeric);
        let fault = if too_large { "beyond the numbers of 64 bits" } else { "no number" };
        Err(format!("`{name}` is {}, which is {fault}", shortened(&text, 80)))
    }

    /// A step; `3.0` is one too.
    pub(super) fn step(&self) -> Result<u64, String> {
        match self {
            Self::Number(x) if x.fract() == 0.0 && (0.0..=9e15).contains(x) => Ok(*x as u64),
            Self::Number(x) => Err(format!("`step` must be a whole number, 0 or more, but is {x}")),
            Self::Other(text) => Err(format!("`step` must be a whole number, 0 or more, but is {text}")),
        }
    }
}

/// The beginning of a long text.
pub(super) fn shortened(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

//! A list of values in which each is found without looking at the others.

use super::Value;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// Shorter lists are quicker read than indexed.
const SHORT: usize = 16;

/// The values of a choice, in their order. Copies share them, so that a list of 100,000 costs its length
/// once.
#[derive(Clone, Default)]
pub struct Choices(Arc<List>);

#[derive(Default)]
struct List {
    values: Vec<Value>,
    /// The first position of each hash; made when it is first needed.
    index: OnceLock<HashMap<u64, usize>>,
}

impl Choices {
    /// Where a value stands; the first place of several.
    pub fn position(&self, value: &Value) -> Option<usize> {
        let values = &self.0.values;
        if values.len() <= SHORT {
            return values.iter().position(|other| other == value);
        }
        let first = *self.0.index.get_or_init(|| index(values)).get(&hash(value))?;
        // Two values of one hash: rare enough to look at all.
        if values[first] == *value { Some(first) } else { values.iter().position(|other| other == value) }
    }

    /// Whether a value is among them.
    pub fn contains(&self, value: &Value) -> bool {
        self.position(value).is_some()
    }

    /// The first value that is there twice.
    pub(crate) fn duplicate(&self) -> Option<&Value> {
        let again = |(i, value): &(usize, &Value)| self.position(value).is_some_and(|first| first < *i);
        self.iter().enumerate().find(again).map(|(_, value)| value)
    }
}

fn index(values: &[Value]) -> HashMap<u64, usize> {
    let mut index = HashMap::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        index.entry(hash(value)).or_insert(i);
    }
    index
}

/// Equal values have equal hashes.
fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(value).hash(&mut hasher);
    match value {
        Value::Null => {}
        Value::Bool(truth) => truth.hash(&mut hasher),
        Value::Int(number) => number.hash(&mut hasher),
        // -0 is 0.
        Value::Float(number) => (number + 0.0).to_bits().hash(&mut hasher),
        Value::Str(text) => text.hash(&mut hasher),
    }
    hasher.finish()
}

impl Deref for Choices {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0.values
    }
}

impl From<Vec<Value>> for Choices {
    fn from(values: Vec<Value>) -> Self {
        Self(Arc::new(List { values, index: OnceLock::new() }))
    }
}

impl FromIterator<Value> for Choices {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Self::from(values.into_iter().collect::<Vec<_>>())
    }
}

impl<'a> IntoIterator for &'a Choices {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Choices {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self[..] == other[..]
    }
}

impl fmt::Debug for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.values.fmt(f)
    }
}

impl Serialize for Choices {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.values.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_found_where_it_stands_in_short_and_long_lists() {
        for n in [3i64, 1000] {
            let mixed =
                (0..n).flat_map(|i| [Value::Int(i), Value::Float(i as f64), Value::Str(i.to_string())]);
            let choices: Choices = mixed.chain([Value::Null, Value::Bool(true)]).collect();
            for (i, value) in choices.iter().enumerate() {
                assert_eq!(choices.position(value), Some(i), "{value}");
            }
            assert_eq!(choices.position(&Value::Float(-0.0)), Some(1), "-0 is 0");
            assert!(!choices.contains(&Value::Bool(false)) && !choices.contains(&Value::Int(n)));
            assert_eq!(choices.duplicate(), None);
            let twice: Choices = choices.iter().cloned().chain([Value::Str("2".into())]).collect();
            assert_eq!(twice.duplicate(), Some(&Value::Str("2".into())));
        }
    }
}

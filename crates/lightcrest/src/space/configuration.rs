//! One typed assignment of the active parameters.

use super::Value;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// Values by parameter name: the active parameters only, in the order of the space when the engine made it.
///
/// Two configurations are equal when they assign the same values, in whatever order. As JSON it is an object.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// Names are shared with the space: configurations are copied far more often than made.
    entries: Vec<(Arc<str>, Value)>,
}

impl Configuration {
    /// An assignment of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Assigns a value, in place of an earlier one of that name.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.entries.iter_mut().find(|(n, _)| *n == name) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((name, value)),
        }
    }

    /// The value of a parameter; `None` where it is inactive.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|(n, _)| **n == *name).map(|(_, value)| value)
    }

    /// As [`get`](Self::get), where the parameter probably is the `hint`-th.
    pub(crate) fn get_near(&self, name: &str, hint: usize) -> Option<&Value> {
        match self.entries.get(hint) {
            Some((n, value)) if **n == *name => Some(value),
            _ => self.get(name),
        }
    }

    /// The value as a number; integers are converted.
    pub fn get_f64(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Value::as_f64)
    }

    /// The value as a whole number.
    pub fn get_i64(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64)
    }

    /// The value as text.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The value as a truth value.
    pub fn get_bool(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }

    /// Assigns a value to a name that has none yet.
    pub(crate) fn push(&mut self, name: Arc<str>, value: Value) {
        debug_assert!(self.get(&name).is_none());
        self.entries.push((name, value));
    }

    /// Keeps the assignments of these names only, in their order.
    pub(crate) fn select<'a>(&mut self, names: impl ExactSizeIterator<Item = &'a Arc<str>> + Clone) {
        if names.len() == self.len() && names.clone().zip(&self.entries).all(|(a, (b, _))| a == b) {
            return;
        }
        let mut rest: Vec<_> = std::mem::take(&mut self.entries).into_iter().map(Some).collect();
        for name in names {
            let entry = rest.iter_mut().find(|entry| entry.as_ref().is_some_and(|(n, _)| n == name));
            self.entries.extend(entry.and_then(Option::take));
        }
    }

    /// Lets names be those of a set, which gets what it has not, and gives spare room back: for
    /// configurations that are kept by the thousand.
    pub(crate) fn share_names(&mut self, names: &mut HashSet<Arc<str>>) {
        for (name, _) in &mut self.entries {
            match names.get(name) {
                Some(known) => name.clone_from(known),
                None => drop(names.insert(name.clone())),
            }
        }
        self.entries.shrink_to_fit();
    }

    /// How many parameters are assigned.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is assigned.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A number that is the same for equal configurations, and for others only by a chance of 2^-64.
    pub(crate) fn fingerprint(&self) -> u64 {
        // A sum, since the order does not matter.
        self.entries.iter().fold(0, |sum: u64, (name, value)| {
            let mut hasher = foldhash::quality::FixedState::default().build_hasher();
            name.hash(&mut hasher);
            std::mem::discriminant(value).hash(&mut hasher);
            match value {
                Value::Null => {}
                Value::Bool(value) => value.hash(&mut hasher),
                Value::Int(value) => value.hash(&mut hasher),
                Value::Float(value) => value.to_bits().hash(&mut hasher),
                Value::Str(value) => value.hash(&mut hasher),
            }
            sum.wrapping_add(hasher.finish())
        })
    }

    /// A text that is the same for equal configurations and differs for others: a key for sets and maps.
    pub fn key(&self) -> String {
        use fmt::Write;
        let mut order: Vec<_> = self.entries.iter().collect();
        order.sort_by(|a, b| a.0.cmp(&b.0));
        let mut key = String::with_capacity(order.len() * 16);
        for (name, value) in order {
            // Writing into a String cannot fail.
            let _ = write!(key, "{}{name}={value};", name.len());
        }
        key
    }
}

impl PartialEq for Configuration {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && (self.entries == other.entries
                || self.iter().all(|(name, value)| other.get(name) == Some(value)))
    }
}

/// Prints `name = value` pairs, separated by commas.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name} = {value}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl<N: Into<Arc<str>>, V: Into<Value>> FromIterator<(N, V)> for Configuration {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut configuration = Self::new();
        for (name, value) in pairs {
            configuration.set(name, value);
        }
        configuration
    }
}

impl Serialize for Configuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Configuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Configuration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of parameter names and scalar values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Configuration, A::Error> {
                let mut configuration = Configuration::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    configuration.set(name, value);
                }
                Ok(configuration)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_and_key_ignore_the_order() {
        let a: Configuration = [("x", Value::Int(1)), ("y", Value::Float(2.5))].into_iter().collect();
        let b: Configuration = [("y", Value::Float(2.5)), ("x", Value::Int(1))].into_iter().collect();
        let c: Configuration = [("y", Value::Float(2.5)), ("x", Value::Float(1.0))].into_iter().collect();
        assert_eq!(a, b);
        assert_eq!(a.key(), b.key());
        assert_eq!(a.fingerprint(), b.fingerprint());
        assert_ne!(a.fingerprint(), c.fingerprint());
        assert_ne!(a, c);
        assert_ne!(a.key(), c.key());
    }

    #[test]
    fn json_is_an_object_in_order() {
        let json = r#"{"z":null,"a":"adam","m":0.30000000000000004}"#;
        let configuration: Configuration = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&configuration).unwrap(), json);
    }
}

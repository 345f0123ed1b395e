//! What an objective asked for while it ran.

use super::Domain;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// The parameters that one trial asked for, in that order, each with the domain that it named.
///
/// Empty in studies whose space is declared. As JSON it is an object: `{"x": {"type": "float", ...}}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Suggestions {
    /// Shared between trials: most ask for the same.
    entries: Vec<(Arc<str>, Arc<Domain>)>,
}

impl Suggestions {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter, in place of an earlier one of that name.
    pub fn set(&mut self, name: impl Into<Arc<str>>, domain: impl Into<Arc<Domain>>) {
        let (name, domain) = (name.into(), domain.into());
        match self.entries.iter_mut().find(|(n, _)| *n == name) {
            Some(entry) => entry.1 = domain,
            None => self.entries.push((name, domain)),
        }
    }

    /// Adds a parameter that was not asked for before.
    pub(crate) fn push(&mut self, name: Arc<str>, domain: Arc<Domain>) {
        debug_assert!(self.get(&name).is_none());
        self.entries.push((name, domain));
    }

    /// The domain that was named for a parameter.
    pub fn get(&self, name: &str) -> Option<&Arc<Domain>> {
        self.entries.iter().find(|(n, _)| **n == *name).map(|(_, domain)| domain)
    }

    /// As [`get`](Self::get), for a name that is shared with the entries.
    pub(crate) fn get_shared(&self, name: &Arc<str>) -> Option<&Arc<Domain>> {
        self.entries.iter().find(|(n, _)| Arc::ptr_eq(n, name)).map(|(_, domain)| domain)
    }

    /// Names and domains in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Arc<Domain>)> + Clone {
        self.entries.iter().map(|(name, domain)| (name, domain))
    }

    /// How many parameters were asked for.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<N: Into<Arc<str>>, D: Into<Arc<Domain>>> FromIterator<(N, D)> for Suggestions {
    fn from_iter<I: IntoIterator<Item = (N, D)>>(pairs: I) -> Self {
        let mut suggestions = Self::new();
        for (name, domain) in pairs {
            suggestions.set(name, domain);
        }
        suggestions
    }
}

impl Serialize for Suggestions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, domain) in self.iter() {
            map.serialize_entry(&**name, &**domain)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Suggestions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Suggestions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of parameter names and domains")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Suggestions, A::Error> {
                let mut suggestions = Suggestions::new();
                while let Some((name, domain)) = map.next_entry::<String, Domain>()? {
                    suggestions.set(name, domain);
                }
                Ok(suggestions)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_an_object_in_order() {
        let json = concat!(
            r#"{"z":{"type":"int","low":1,"high":3,"log":false,"step":1},"#,
            r#""a":{"type":"categorical","choices":["x",null],"ordered":false}}"#
        );
        let suggestions: Suggestions = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&suggestions).unwrap(), json);
    }
}

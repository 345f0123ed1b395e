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
#[derive(Debug, Clone, Default)]
pub struct Suggestions {
    /// Shared between trials: most ask for the same, one after the other. This one has asked for the first
    /// `len` so far.
    list: Option<Arc<Vec<Entry>>>,
    len: usize,
}

type Entry = (Arc<str>, Arc<Domain>);

impl Suggestions {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter, in place of an earlier one of that name.
    pub fn set(&mut self, name: impl Into<Arc<str>>, domain: impl Into<Arc<Domain>>) {
        let (name, domain) = (name.into(), domain.into());
        let place = self.entries().iter().position(|(n, _)| *n == name);
        let entries = self.own();
        match place {
            Some(place) => entries[place].1 = domain,
            None => {
                entries.push((name, domain));
                self.len += 1;
            }
        }
    }

    /// Adds a parameter that was not asked for before.
    pub(crate) fn push(&mut self, name: Arc<str>, domain: Arc<Domain>) {
        debug_assert!(self.get(&name).is_none());
        self.own().push((name, domain));
        self.len += 1;
    }

    /// Where nothing is asked for yet: shares the list of another trial, as long as the parameters are the
    /// same.
    pub(crate) fn follow(&mut self, other: &Self) {
        if self.is_empty() {
            self.list.clone_from(&other.list);
        }
    }

    /// The entry of the list that is followed which comes next.
    pub(crate) fn expected(&self) -> Option<&(Arc<str>, Arc<Domain>)> {
        self.list.as_ref()?.get(self.len)
    }

    /// As [`expected`](Self::expected), if it is this one.
    pub(crate) fn next(&self, name: &str, domain: &Domain) -> Option<&(Arc<str>, Arc<Domain>)> {
        let next = self.expected()?;
        (*next.0 == *name && (std::ptr::eq(&*next.1, domain) || *next.1 == *domain)).then_some(next)
    }

    /// Whether nothing is expected beyond what comes next.
    pub(crate) fn is_next_last(&self) -> bool {
        self.list.as_ref().is_none_or(|list| list.len() <= self.len + 1)
    }

    /// Adds the entry that [`next`](Self::next) gave.
    pub(crate) fn advance(&mut self) {
        debug_assert!(self.list.as_ref().is_some_and(|list| self.len < list.len()));
        self.len += 1;
    }

    fn entries(&self) -> &[Entry] {
        self.list.as_ref().map_or(&[], |list| &list[..self.len])
    }

    /// The entries, to be changed: a list of its own, that ends with them.
    fn own(&mut self) -> &mut Vec<Entry> {
        let list = self.list.get_or_insert_default();
        if Arc::get_mut(list).is_none() {
            *list = Arc::new(list[..self.len].to_vec());
        }
        let entries = Arc::make_mut(list);
        entries.truncate(self.len);
        entries
    }

    /// The domain that was named for a parameter.
    pub fn get(&self, name: &str) -> Option<&Arc<Domain>> {
        self.entries().iter().find(|(n, _)| **n == *name).map(|(_, domain)| domain)
    }

    /// As [`get`](Self::get), for a name that is shared with the entries.
    pub(crate) fn get_shared(&self, name: &Arc<str>) -> Option<&Arc<Domain>> {
        self.entries().iter().find(|(n, _)| Arc::ptr_eq(n, name)).map(|(_, domain)| domain)
    }

    /// Names and domains in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Arc<Domain>)> + Clone {
        self.entries().iter().map(|(name, domain)| (name, domain))
    }

    /// How many parameters were asked for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl PartialEq for Suggestions {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
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
    fn lists_are_shared_until_trials_differ() {
        let domain = |high| Domain::Int { low: 1, high, log: false, step: 1 };
        let first: Suggestions = [("a", domain(1)), ("b", domain(2)), ("c", domain(3))].into_iter().collect();
        let mut second = Suggestions::new();
        second.follow(&first);
        assert!(second.is_empty());
        assert!(second.next("b", &domain(2)).is_none(), "not the next one");
        assert!(second.next("a", &domain(5)).is_none(), "not as it was");
        assert!(second.next("a", &domain(1)).is_some());
        second.advance();
        let mut third = second.clone();
        third.push("d".into(), domain(4).into());
        second.advance();
        let names = |s: &Suggestions| s.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&first), ["a", "b", "c"]);
        assert_eq!(names(&second), ["a", "b"]);
        assert_eq!(names(&third), ["a", "d"]);
        assert!(third.next("c", &domain(3)).is_none());
        assert_eq!(second, [("a", domain(1)), ("b", domain(2))].into_iter().collect());
        drop(first);
        drop(third);
        second.set("a", domain(9));
        assert_eq!(second, [("a", domain(9)), ("b", domain(2))].into_iter().collect());
    }

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

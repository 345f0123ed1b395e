//! A spec as a tree of settings, before any configuration is chosen.

use std::ops::Range;

use lightcrest::space::{Condition, Configuration, Value};
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::forward_to_deserialize_any;

use crate::setting::Setting;
use crate::vocabulary::{Key, Kind, Section};

/// The settings of one table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// One key that is set.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key of the vocabulary.
    pub key: &'static Key<'static>,
    /// Name of the parameter, if it is one: `stage2.Conv.kernel`.
    pub parameter: String,
    /// What it is set to.
    pub setting: Setting,
    /// Where the key is written.
    pub span: Range<usize>,
    /// Written above the alternatives and seen through one of them.
    pub shared: bool,
}

/// Tables of which a configuration uses one: optimizers, schedules, losses, the modules of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Name of the parameter that chooses; it exists when there are two alternatives or more.
    pub parameter: String,
    /// The tables, in the order of the file.
    pub alternatives: Vec<Alternative>,
    /// Where the key above them is written.
    pub span: Range<usize>,
}

/// One table of a [`Choice`].
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its name and keys.
    pub section: &'static Section,
    /// What is set in it.
    pub group: Group,
}

/// A configuration that does not fit the spec.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigurationError {
    /// An active parameter has no value.
    #[error("the configuration has no value for `{parameter}`")]
    Missing {
        /// Its name.
        parameter: String,
    },
    /// A parameter that chooses between tables has a value that is none of them.
    #[error("the configuration has `{parameter}` = {value}, which the spec does not list")]
    Unknown {
        /// Its name.
        parameter: String,
        /// Its value.
        value: String,
    },
    /// Values that do not fit together.
    #[error("{section}: {reason}")]
    Value {
        /// Where.
        section: String,
        /// Why.
        reason: String,
    },
}

impl Entry {
    /// The value under a configuration; `None` where its condition does not hold. A ratio is returned as
    /// such.
    fn raw<'a>(&'a self, configuration: &'a Configuration) -> Result<Option<&'a Value>, ConfigurationError> {
        match &self.setting {
            Setting::Fixed(value) => Ok(Some(value)),
            Setting::Vary(vary) => match configuration.get(&self.parameter) {
                None if vary.when.is_empty() => {
                    Err(ConfigurationError::Missing { parameter: self.parameter.clone() })
                }
                value => Ok(value),
            },
        }
    }
}

impl Group {
    /// The entry of that key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.name == key)
    }

    /// Keys and values under a configuration; a key whose condition does not hold is absent.
    pub fn values(
        &self,
        configuration: &Configuration,
    ) -> Result<Vec<(&'static str, Value)>, ConfigurationError> {
        let mut list = Vec::with_capacity(self.entries.len() + 2);
        for entry in &self.entries {
            if let Some(value) = self.value_of(entry, configuration)? {
                list.push((entry.key.name, value));
            }
        }
        Ok(list)
    }

    /// The value of one key under a configuration.
    pub fn value(
        &self,
        key: &str,
        configuration: &Configuration,
    ) -> Result<Option<Value>, ConfigurationError> {
        self.entry(key).map_or(Ok(None), |entry| self.value_of(entry, configuration))
    }

    fn value_of(
        &self,
        entry: &Entry,
        configuration: &Configuration,
    ) -> Result<Option<Value>, ConfigurationError> {
        let Some(value) = entry.raw(configuration)? else { return Ok(None) };
        let Setting::Vary(vary) = &entry.setting else { return Ok(Some(value.clone())) };
        let Some((other, _)) = &vary.times else { return Ok(Some(value.clone())) };
        let base = match self.entry(other) {
            Some(other) => other.raw(configuration)?.and_then(Value::as_f64),
            None => None,
        };
        let (Some(ratio), Some(base)) = (value.as_f64(), base) else {
            return Err(ConfigurationError::Missing { parameter: other.clone() });
        };
        Ok(Some(match entry.key.kind {
            Kind::Int { low, high } => Value::Int(((ratio * base).round() as i64).clamp(low, high)),
            _ => Value::Float(ratio * base),
        }))
    }
}

impl Choice {
    /// The alternative that a configuration chooses, `None` when none is written.
    pub fn chosen(&self, configuration: &Configuration) -> Result<Option<&Alternative>, ConfigurationError> {
        if self.alternatives.len() < 2 {
            return Ok(self.alternatives.first());
        }
        let missing = || ConfigurationError::Missing { parameter: self.parameter.clone() };
        let value = configuration.get(&self.parameter).ok_or_else(missing)?;
        let found =
            self.alternatives.iter().find(|alternative| Some(alternative.section.name) == value.as_str());
        found.map(Some).ok_or_else(|| ConfigurationError::Unknown {
            parameter: self.parameter.clone(),
            value: value.to_string(),
        })
    }

    /// The condition under which the alternatives that satisfy `test` are chosen; `None` when it always
    /// holds.
    pub fn condition(&self, test: impl Fn(&Alternative) -> bool) -> Option<Condition> {
        let names: Vec<&str> = self
            .alternatives
            .iter()
            .filter(|alternative| test(alternative))
            .map(|a| a.section.name)
            .collect();
        (names.len() < self.alternatives.len()).then(|| Condition::new(self.parameter.as_str(), names))
    }
}

/// Reads a typed configuration from keys and values.
pub fn deserialize<T: DeserializeOwned>(
    section: &str,
    values: Vec<(&'static str, Value)>,
) -> Result<T, ConfigurationError> {
    let entries = values.into_iter().map(|(key, value)| (key, Scalar(value)));
    T::deserialize(MapDeserializer::<_, ScalarError>::new(entries))
        .map_err(|error| ConfigurationError::Value { section: section.into(), reason: error.0 })
}

/// A [`Value`] as serde reads it.
struct Scalar(Value);

#[derive(Debug)]
struct ScalarError(String);

impl std::fmt::Display for ScalarError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScalarError {}

impl serde::de::Error for ScalarError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl IntoDeserializer<'_, ScalarError> for Scalar {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> serde::Deserializer<'de> for Scalar {
    type Error = ScalarError;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, ScalarError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Int(value) if value >= 0 => visitor.visit_u64(value as u64),
            Value::Int(value) => visitor.visit_i64(value),
            Value::Float(value) => visitor.visit_f64(value),
            Value::Str(value) => visitor.visit_string(value),
        }
    }

    fn deserialize_option<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, ScalarError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: serde::de::Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ScalarError> {
        match self.0 {
            Value::Str(value) => {
                let deserializer: serde::de::value::StringDeserializer<ScalarError> =
                    value.into_deserializer();
                deserializer.deserialize_enum(name, variants, visitor)
            }
            other => Err(ScalarError::custom(format_args!("a word expected, got {other}"))),
        }
    }

    fn deserialize_newtype_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ScalarError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

//! Numbers as JSON, also those that JSON has no word for: `"NaN"`, `"inf"`, `"-inf"`.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A number that may be infinite or NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

/// Numbers to be written.
pub(crate) fn wrapped(numbers: &[f64]) -> Vec<Number> {
    numbers.iter().copied().map(Number).collect()
}

/// Numbers that were read.
pub(crate) fn unwrapped(numbers: Vec<Number>) -> Vec<f64> {
    numbers.into_iter().map(|number| number.0).collect()
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_finite() => serializer.serialize_f64(number),
            number => serializer.collect_str(&number),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"NaN\", \"inf\" or \"-inf\"")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Number, E> {
                word.parse().map(Number).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_cannot_say_comes_back() {
        let numbers = [0.1 + 0.2, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0];
        let json = serde_json::to_string(&wrapped(&numbers)).unwrap();
        assert_eq!(json, r#"[0.30000000000000004,"inf","-inf","NaN",-0.0]"#);
        let read = unwrapped(serde_json::from_str(&json).unwrap());
        assert_eq!(format!("{read:?}"), format!("{numbers:?}"));
        assert_eq!(unwrapped(serde_json::from_str("[1]").unwrap()), [1.0]);
    }
}

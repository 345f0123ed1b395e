//! Fields that say that there is nothing.

use std::collections::HashSet;

/// What is taken as missing besides an empty field.
pub const WORDS: [&str; 19] = [
    "NA", "N/A", "n/a", "na", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "none", "NONE", "?", "-",
    "--", "#N/A", "#NA", "<NA>",
];

/// The fields that are missing values in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(HashSet<String>);

impl Missing {
    /// The usual [`WORDS`] and others.
    pub fn with(others: &[String]) -> Self {
        let usual = WORDS.iter().map(|word| (*word).to_owned());
        Self(usual.chain(others.iter().map(|word| word.trim().to_owned())).collect())
    }

    /// Whether a field without blanks around it is a missing value.
    pub fn contains(&self, token: &str) -> bool {
        token.is_empty() || self.0.contains(token)
    }
}

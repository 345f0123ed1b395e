//! What a user should know of what was read or done.

use std::fmt;

/// One sentence about a place of a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Note {
    /// How much it matters.
    pub level: Level,
    /// What it is about: a node such as ``Conv `stem/conv` ``, a value, or the model.
    pub place: String,
    /// What is to be known, a fragment that follows the place.
    pub text: String,
}

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What was done, and changes nothing for whoever uses the model.
    Info,
    /// What was left alone or may not be as expected.
    Warning,
}

impl Note {
    /// What was done.
    pub fn info(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level: Level::Info, place: place.into(), text: text.into() }
    }

    /// What was left alone or may not be as expected.
    pub fn warning(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level: Level::Warning, place: place.into(), text: text.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

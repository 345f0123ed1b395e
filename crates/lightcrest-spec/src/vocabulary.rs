//! The words of a spec file: every section with its keys, types, ranges and meanings. Here are those of every
//! spec; a kind of spec brings its own.
//!
//! The parser, the JSON schema and the messages all read these tables, so that they cannot disagree.

use std::fmt;

mod search;
mod study;

pub use search::{EPOCH_PRUNERS, SAMPLERS, STEP_PRUNERS, TERMINATORS};
pub use study::{BUDGET, LEARN_FROM, MEMORY, STUDY, WORKERS};

/// A table of a spec.
#[derive(Debug, PartialEq)]
pub struct Section {
    /// Key of the table, or the name of the alternative.
    pub name: &'static str,
    /// What it holds.
    pub doc: &'static str,
    /// Its plain keys.
    pub keys: &'static [Key<'static>],
}

impl Section {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key<'static>> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// One key of a section. The keys of the vocabulary live forever; those that a file names itself, its
/// parameters, do not.
#[derive(Debug, PartialEq)]
pub struct Key<'a> {
    /// As the file writes it.
    pub name: &'a str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it must be there and may vary.
    pub need: Need,
    /// One line: what it means, its unit, its default.
    pub doc: &'a str,
}

impl<'a> Key<'a> {
    /// A key that must be there.
    pub const fn required(name: &'a str, kind: Kind, doc: &'a str) -> Self {
        Self { name, kind, need: Need::Required, doc }
    }

    /// A key that may be absent; `doc` says what then holds.
    pub const fn optional(name: &'a str, kind: Kind, doc: &'a str) -> Self {
        Self { name, kind, need: Need::Optional, doc }
    }

    /// The same key, whose value may also be a domain.
    pub const fn searchable(self) -> Self {
        let need = match self.need {
            Need::Required => Need::SearchableRequired,
            _ => Need::Searchable,
        };
        Self { need, ..self }
    }

    /// Whether it must be there.
    pub fn is_required(&self) -> bool {
        matches!(self.need, Need::Required | Need::SearchableRequired)
    }

    /// Whether its value may be a domain.
    pub fn is_searchable(&self) -> bool {
        matches!(self.need, Need::Searchable | Need::SearchableRequired)
    }
}

/// Whether a key must be there and whether it may vary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Need {
    /// It must be there, and has one value.
    Required,
    /// It may be there, and has one value.
    Optional,
    /// It must be there, and may vary.
    SearchableRequired,
    /// It may be there, and may vary.
    Searchable,
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in `low ..= high`.
    Int {
        /// Least.
        low: i64,
        /// Largest.
        high: i64,
    },
    /// A number.
    Float(Interval),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A string that is not empty.
    Text,
    /// `"90s"`, `"30m"`, `"1h30m"`.
    Duration,
    /// `"4 GiB"`, `"500 MB"`.
    Bytes,
    /// A table of named numbers.
    Numbers,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Bool => write!(f, "true or false"),
            Kind::Int { low: i64::MIN, high: i64::MAX } => write!(f, "a whole number"),
            Kind::Int { low, high: i64::MAX } => write!(f, "a whole number >= {low}"),
            Kind::Int { low, high } => write!(f, "a whole number from {low} to {high}"),
            Kind::Float(interval) => write!(f, "a number {interval}"),
            Kind::Word(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                write!(f, "one of {}", quoted.join(", "))
            }
            Kind::Text => write!(f, "a string"),
            Kind::Duration => write!(f, "a duration such as \"90s\", \"30m\" or \"1h30m\""),
            Kind::Bytes => write!(f, "a size such as \"4 GiB\" or \"500 MB\""),
            Kind::Numbers => write!(f, "a table of numbers"),
        }
    }
}

/// A range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Whether the lower bound is outside.
    pub low_open: bool,
    /// Upper bound.
    pub high: f64,
    /// Whether the upper bound is outside.
    pub high_open: bool,
}

impl Interval {
    /// Whether `x` is in it.
    pub fn contains(&self, x: f64) -> bool {
        let above = if self.low_open { x > self.low } else { x >= self.low };
        let below = if self.high_open { x < self.high } else { x <= self.high };
        above && below
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, low_open, high, high_open } = *self;
        match (low.is_finite(), high.is_finite()) {
            (false, false) => write!(f, "that is finite"),
            (true, false) => write!(f, "{} {low}", if low_open { ">" } else { ">=" }),
            (false, true) => write!(f, "{} {high}", if high_open { "<" } else { "<=" }),
            (true, true) => {
                let (left, right) = (if low_open { '(' } else { '[' }, if high_open { ')' } else { ']' });
                write!(f, "in {left}{low}, {high}{right}")
            }
        }
    }
}

/// A whole number, `low` or more.
pub const fn int(low: i64) -> Kind {
    Kind::Int { low, high: i64::MAX }
}

/// Any whole number.
pub const WHOLE: Kind = Kind::Int { low: i64::MIN, high: i64::MAX };

/// A whole number in `low ..= high`.
pub const fn int_in(low: i64, high: i64) -> Kind {
    Kind::Int { low, high }
}

/// Any finite number.
pub const NUMBER: Kind =
    Kind::Float(Interval { low: f64::NEG_INFINITY, low_open: true, high: f64::INFINITY, high_open: true });
/// x > 0.
pub const POSITIVE: Kind =
    Kind::Float(Interval { low: 0.0, low_open: true, high: f64::INFINITY, high_open: true });
/// x >= 0.
pub const NON_NEGATIVE: Kind =
    Kind::Float(Interval { low: 0.0, low_open: false, high: f64::INFINITY, high_open: true });
/// 0 < x < 1.
pub const OPEN_FRACTION: Kind =
    Kind::Float(Interval { low: 0.0, low_open: true, high: 1.0, high_open: true });
/// 0 <= x <= 1.
pub const FRACTION: Kind = Kind::Float(Interval { low: 0.0, low_open: false, high: 1.0, high_open: false });
/// 0 < x <= 1.
pub const POSITIVE_FRACTION: Kind =
    Kind::Float(Interval { low: 0.0, low_open: true, high: 1.0, high_open: false });
/// 0 <= x < 1.
pub const BELOW_ONE: Kind = Kind::Float(Interval { low: 0.0, low_open: false, high: 1.0, high_open: true });

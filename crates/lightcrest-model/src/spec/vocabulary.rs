//! The words of a spec file: every section with its keys, types, ranges and meanings.
//!
//! The parser, the JSON schema and the messages all read these tables, so that they cannot disagree.

use std::fmt;

mod architecture;
mod search;
mod study;
mod training;
mod tune;

pub(crate) use architecture::{ARCHITECTURE, HEAD, MODULES, STAGE, repeats, strides};
pub(crate) use search::{PRUNERS, SAMPLERS, TERMINATORS, TUNE_PRUNERS};
pub(crate) use study::{
    BUDGET, CONSTRAINT, DATA, METRICS, OBJECTIVE, REFIT, STUDY, WORKERS, is_static, metric_index,
};
pub(crate) use training::{AUGMENTATION, LOSSES, OPTIMIZERS, REFIT_AUGMENTATION, SCHEDULES, TRAINING};
pub(crate) use tune::{COMMAND, LIMITS, TUNE_CONSTRAINT, TUNE_OBJECTIVE};

/// A table of a spec.
#[derive(Debug, PartialEq)]
pub(crate) struct Section {
    /// Key of the table, or the name of the alternative.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) doc: &'static str,
    /// Its plain keys.
    pub(crate) keys: &'static [Key<'static>],
}

impl Section {
    /// The key of that name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key<'static>> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// One key of a section. The keys of the vocabulary live forever; those that a file names itself, its parameters, do not.
#[derive(Debug, PartialEq)]
pub(crate) struct Key<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
    /// One line: what it means, its unit, its default.
    pub(crate) doc: &'a str,
}

impl<'a> Key<'a> {
    pub(crate) const fn required(name: &'a str, kind: Kind, doc: &'a str) -> Self {
        Self { name, kind, need: Need::Required, doc }
    }

    pub(crate) const fn optional(name: &'a str, kind: Kind, doc: &'a str) -> Self {
        Self { name, kind, need: Need::Optional, doc }
    }

    /// The same key, whose value may also be a domain.
    pub(crate) const fn searchable(self) -> Self {
        let need = match self.need {
            Need::Required => Need::SearchableRequired,
            _ => Need::Searchable,
        };
        Self { need, ..self }
    }

    pub(crate) fn is_required(&self) -> bool {
        matches!(self.need, Need::Required | Need::SearchableRequired)
    }

    pub(crate) fn is_searchable(&self) -> bool {
        matches!(self.need, Need::Searchable | Need::SearchableRequired)
    }
}

/// Whether a key must be there and whether it may vary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Need {
    Required,
    Optional,
    SearchableRequired,
    Searchable,
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Bool,
    Int {
        low: i64,
        high: i64,
    },
    Float(Interval),
    Word(&'static [&'static str]),
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
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) low_open: bool,
    pub(crate) high: f64,
    pub(crate) high_open: bool,
}

impl Interval {
    pub(crate) fn contains(&self, x: f64) -> bool {
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

pub(crate) const fn int(low: i64) -> Kind {
    Kind::Int { low, high: i64::MAX }
}

/// Any whole number.
pub(crate) const WHOLE: Kind = Kind::Int { low: i64::MIN, high: i64::MAX };

pub(crate) const fn int_in(low: i64, high: i64) -> Kind {
    Kind::Int { low, high }
}

/// Any finite number.
pub(crate) const NUMBER: Kind =
    Kind::Float(Interval { low: f64::NEG_INFINITY, low_open: true, high: f64::INFINITY, high_open: true });
/// x > 0.
pub(crate) const POSITIVE: Kind =
    Kind::Float(Interval { low: 0.0, low_open: true, high: f64::INFINITY, high_open: true });
/// x >= 0.
pub(crate) const NON_NEGATIVE: Kind =
    Kind::Float(Interval { low: 0.0, low_open: false, high: f64::INFINITY, high_open: true });
/// 0 < x < 1.
pub(crate) const OPEN_FRACTION: Kind =
    Kind::Float(Interval { low: 0.0, low_open: true, high: 1.0, high_open: true });
/// 0 <= x <= 1.
pub(crate) const FRACTION: Kind =
    Kind::Float(Interval { low: 0.0, low_open: false, high: 1.0, high_open: false });
/// 0 < x <= 1.
pub(crate) const POSITIVE_FRACTION: Kind =
    Kind::Float(Interval { low: 0.0, low_open: true, high: 1.0, high_open: false });
/// 0 <= x < 1.
pub(crate) const BELOW_ONE: Kind =
    Kind::Float(Interval { low: 0.0, low_open: false, high: 1.0, high_open: true });

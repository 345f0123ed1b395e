//! What a column is, and how that was decided.
//!
//! ```text
//! profile    what all fields of a column have in common, gathered in one reading of the table
//! decide     from that to a kind and a way to read it, with every decision in words
//! target     the same for the column that is to be predicted: the task
//! ```

mod decide;
mod profile;
mod target;

pub use decide::DecideConfig;
pub(crate) use decide::{Evidence, decide};
pub(crate) use profile::Profile;
pub(crate) use target::decide_target;

use serde::{Deserialize, Serialize};

use crate::token::date::DateOrder;
use crate::token::number::Decimal;

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Amounts.
    Number,
    /// True or false.
    Boolean,
    /// One of some levels.
    Category,
    /// Moments.
    Date,
    /// Several words.
    Text,
    /// A name of the row, from which nothing can be learnt.
    Id,
    /// The same in every row.
    Constant,
    /// Too large to be used.
    Blob,
    /// Says the same as another column.
    Copy,
}

impl Kind {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Category => "category",
            Self::Date => "date",
            Self::Text => "text",
            Self::Id => "id",
            Self::Constant => "constant",
            Self::Blob => "blob",
            Self::Copy => "copy",
        }
    }
}

/// How the fields of a column become values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "as")]
pub enum Reading {
    /// Numbers; what is none is a word, which is missing as a number and a level of its own.
    Number {
        /// What begins the decimals.
        decimal: Decimal,
    },
    /// 0 and 1.
    Boolean,
    /// Levels as they are written.
    Category,
    /// Seconds since 1970.
    Date {
        /// How they are written.
        order: DateOrder,
    },
    /// As it is written.
    Text,
}

/// What a column is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The model sees it.
    Feature,
    /// It is predicted.
    Target,
    /// Rows with the same value stay together.
    Group,
    /// Rows are ordered by it; the model sees it, too.
    Time,
    /// It is not used; the column says why.
    Dropped,
}

/// A column: what it is, how it is read, and everything that was decided about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What it is there for.
    pub role: Role,
    /// How its fields are read.
    pub reading: Reading,
    /// Fields that are usually missing values and are levels here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_words: Vec<String>,
    /// How the kind was decided.
    pub decided: String,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the user should look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Fields that are missing.
    pub missing: usize,
    /// Different values, or at least so many.
    pub distinct: usize,
}

impl Column {
    /// Whether the model sees it.
    pub fn is_feature(&self) -> bool {
        matches!(self.role, Role::Feature | Role::Time)
    }

    /// Whether its values are kept at all.
    pub fn is_kept(&self) -> bool {
        self.role != Role::Dropped
    }
}

#[cfg(test)]
mod tests;

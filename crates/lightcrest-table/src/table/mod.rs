//! Columns of values in compact memory, and how a file becomes them.
//!
//! ```text
//! values     one column: numbers, codes of levels, text
//! schema     what a model knows of the columns: reads any later table by the same rules
//! learn      reads a table of which only the target is known
//! copies     columns that say the same
//! ```

mod copies;
mod learn;
mod schema;
mod values;

pub use learn::{LearnConfig, Learnt, learn};
pub use schema::{ReadTable, Schema};
pub use values::{Coded, MISSING, Text, UNSEEN, Values};

/// Values of the columns of a [`Schema`], in their order.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// One for each column of the schema; [`Values::None`] for those that are not kept.
    pub values: Vec<Values>,
    /// How many rows there are.
    pub rows: usize,
}

#[cfg(test)]
mod tests;

//! A study on the terminal.

mod table;
mod trials;

pub(crate) use table::{closing, plain_table, text};

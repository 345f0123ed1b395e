//! What one field can be: a number under a convention, a date, a truth value, nothing.

pub mod boolean;
pub mod date;
pub mod missing;
pub mod number;

//! What is made of a [`View`](crate::view::View): `front.csv`, the table on the terminal, and the data of the report.

mod csv;
mod hypervolume;
mod page;
mod surrogate;
mod table;
mod trials;

pub(crate) use csv::front_csv;
pub(crate) use page::{report, report_data};
pub(crate) use surrogate::{Question, surrogate};
pub(crate) use table::{closing, text};

#[cfg(test)]
pub(crate) mod sample;

//! The report: one HTML page that shows a run and needs nothing but itself.
//!
//! [`ReportData`] holds plain numbers; the page carries it as JSON and draws it with the scripts in `assets/`, which
//! know of nothing else. So the page can be drawn, and tested, without a study.

mod data;
mod page;

pub(crate) use data::{Fact, Importance, Metric, Model, Parameter, ReportData, Scale, Trial};
pub(crate) use page::render;

#[cfg(test)]
mod tests;

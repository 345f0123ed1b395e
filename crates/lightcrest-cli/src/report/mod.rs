//! The report: one HTML page that shows a run and needs nothing but itself. The page of the surrogate alone is a smaller one of the kind.
//!
//! [`ReportData`] holds plain numbers; the page carries it as JSON and draws it with the scripts in `assets/`, which
//! know of nothing else. So the page can be drawn, and tested, without a study.

mod data;
mod page;
mod surrogate;

pub(crate) use data::{Fact, Importance, Metric, Model, Parameter, ReportData, Scale, Trial};
pub(crate) use page::{render, render_surrogate};
pub(crate) use surrogate::{
    Surrogate, SurrogateAxis, SurrogateFrame, SurrogateNext, SurrogateSection, SurrogateTrial,
};

#[cfg(test)]
mod tests;

//! What a study shows, as data and as pages: for the program, for a server, for a notebook.
//!
//! Everything begins with a [`View`]: a study as it is in a [`Storage`](lightcrest::storage::Storage), with
//! what its owner knows beside it (models that were written, settings). From it come
//!
//! - [`ReportData`]: plain numbers, ready for JSON, cheap enough to be made again whenever trials have
//!   changed;
//! - [`Surrogate`]: the posterior of the Gaussian process, picture by picture, which takes time;
//! - [`page`]: one HTML page that needs nothing but itself, drawn from the data alone;
//! - [`front_csv`]: the front as a table for spreadsheets; [`trials_csv`], [`trials_jsonl`] and, with the
//!   feature `parquet`, `trials_parquet`: all trials.
//!
//! Nothing here prints, asks for the width of a terminal or knows where a run keeps its files: paths that a
//! page links to are handed in. So tables for terminals are the program's.
//!
//! ```
//! use lightcrest::storage::{MemoryStorage, Storage};
//! use lightcrest::{Evaluation, ObjectiveInfo, Space, Study};
//! use lightcrest_report::{ReportData, View, page};
//!
//! let space = Space::builder().float("x", -1.0, 1.0).build()?;
//! let mut study = Study::builder(space, vec![ObjectiveInfo::minimize("y")]).name("parabola").build()?;
//! for _ in 0..5 {
//!     let trial = study.ask()?;
//!     let x = trial.configuration.get_f64("x").expect("always active");
//!     study.tell(trial.number, Ok(Evaluation::new([x * x])))?;
//! }
//! let view = View::new(study.definition().clone(), study.history().clone());
//! let data = ReportData::new(&view);
//! assert_eq!(data.trials.len(), 5);
//! assert!(page::report(&data).starts_with("<!DOCTYPE html>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod csv;
mod data;
mod export;
pub mod metric;
pub mod page;
#[cfg(feature = "parquet")]
mod parquet;
mod surrogate;
pub mod testing;
pub mod value;
mod view;

pub use csv::front_csv;
pub use data::{
    ColumnImportance, Confusion, Diagnosis, Fact, Importance, Layer, LayerChange, Learning, Metric, Model,
    Parameter, Reliability, ReportData, Scale, Surrogate, SurrogateAxis, SurrogateFrame, SurrogateNext,
    SurrogateSection, SurrogateTrial, TableColumn, TableSection, Trial,
};
pub use export::{moment, trials_csv, trials_jsonl};
#[cfg(feature = "parquet")]
pub use parquet::trials_parquet;
pub use surrogate::{Known, Proposer, Question, SurrogateError, surrogate};
pub use view::{View, WrittenModel};

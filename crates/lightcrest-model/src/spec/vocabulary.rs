//! The words of a spec of light networks beside those of every spec: every section with its keys, types,
//! ranges and meanings.
//!
//! The parser, the JSON schema and the messages all read these tables, so that they cannot disagree.

mod architecture;
mod study;
mod training;

pub(crate) use architecture::{ARCHITECTURE, HEAD, MODULES, STAGE, repeats, strides};
pub(crate) use study::{CONSTRAINT, DATA, METRICS, OBJECTIVE, REFIT, is_static, metric_index};
pub(crate) use training::{AUGMENTATION, LOSSES, OPTIMIZERS, REFIT_AUGMENTATION, SCHEDULES, TRAINING};
